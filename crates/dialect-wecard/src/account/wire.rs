//! Requests and results about what a merchant has, member by member.

use crate::check::{Malformed, Read, required};
use crate::json::{Json, Object};
use crate::wire::{TOTAL_FEN_MAX, url};
use ledger::{Fen, Id, kinds};
use serde::Serialize;

/// `POST /cloudpay/v1/account/out/withdraw`, checked.
pub(crate) struct Withdraw<'o> {
    pub(crate) out_settle_id: &'o str,
    pub(crate) merchant: &'o str,
    pub(crate) amount: Fen,
    pub(crate) notify_url: Option<&'o str>,
    pub(crate) remark: Option<&'o str>,
}

impl<'o> Withdraw<'o> {
    pub(crate) fn read(body: &'o Object<'o>) -> Read<Withdraw<'o>> {
        let out_settle_id = required("OutSettleId", out_settle_id(body)?)?;
        let merchant = merchant(body)?;
        let amount = body.integer("SettleAmount", 1..=TOTAL_FEN_MAX)?;
        Ok(Withdraw {
            out_settle_id,
            merchant,
            amount: Fen::new(required("SettleAmount", amount)?),
            notify_url: url(body, "NotifyUrl")?,
            remark: body.text("Remark", 1..=128)?,
        })
    }
}

/// `ChannelSubMerchantId`.
pub(crate) fn merchant<'o>(body: &'o Object<'_>) -> Read<&'o str> {
    body.required_text("ChannelSubMerchantId", 1..=50)
}

/// `OutSettleId`: digits, letters, underscores, as an OutOrderId has.
fn out_settle_id<'o>(body: &'o Object<'_>) -> Read<Option<&'o str>> {
    let number = body.text("OutSettleId", 6..=60)?;
    let is_plain = |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    match number {
        Some(text) if !is_plain(text) => {
            Err(Malformed::new("OutSettleId", "want digits, letters and underscores only"))
        }
        Some(_) | None => Ok(number),
    }
}

/// What names a withdrawal in `query_withdraw`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WithdrawalName {
    /// The merchant's number.
    Out(String),
    /// Ours.
    Own(Id<kinds::Withdrawal>),
    /// Both; they must mean the same withdrawal.
    Both(String, Id<kinds::Withdrawal>),
}

impl WithdrawalName {
    /// Reads `OutSettleId`, `ChannelSettleId`, or both; empty text is the same as absent.
    pub(crate) fn read(body: &Object<'_>) -> Read<WithdrawalName> {
        let empty = |name| matches!(body.get(name), Some(Json::Text(text)) if text.is_empty());
        let out = if empty("OutSettleId") { None } else { out_settle_id(body)? };
        let own = if empty("ChannelSettleId") { None } else { channel_settle_id(body)? };
        match (out, own) {
            (Some(out), None) => Ok(WithdrawalName::Out(out.to_owned())),
            (None, Some(own)) => Ok(WithdrawalName::Own(own)),
            (Some(out), Some(own)) => Ok(WithdrawalName::Both(out.to_owned(), own)),
            (None, None) => {
                Err(Malformed::new("OutSettleId", "missing, and ChannelSettleId too: want one"))
            }
        }
    }
}

fn channel_settle_id(body: &Object<'_>) -> Read<Option<Id<kinds::Withdrawal>>> {
    let Some(text) = body.text("ChannelSettleId", 1..=50)? else { return Ok(None) };
    let id = Id::parse(text);
    id.map(Some).map_err(|_| Malformed::new("ChannelSettleId", "want 18 decimal digits"))
}

/// `Result` of `query_balance`: decimal strings of fen.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BalanceShown<'o> {
    pub(crate) channel_sub_merchant_id: &'o str,
    pub(crate) total_balance: String,
    pub(crate) available_balance: String,
    pub(crate) frozen_balance: String,
    pub(crate) wait_balance: String,
}

/// `Result` of `withdraw`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Withdrawn<'o> {
    pub(crate) out_settle_id: &'o str,
    pub(crate) channel_settle_id: String,
    pub(crate) settle_status: &'static str,
}

/// `Result` of `query_withdraw`, and of notifications about withdrawals.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WithdrawalShown<'o> {
    pub(crate) channel_sub_merchant_id: &'o str,
    #[serde(flatten)]
    pub(crate) withdrawn: Withdrawn<'o>,
    pub(crate) settle_amount: String,
    /// Nothing is charged for a payout by hand.
    pub(crate) settle_fee: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settle_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_finish: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remark: Option<&'o str>,
}
