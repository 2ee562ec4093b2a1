//! What merchants are notified of: payments, signed, and refunds, sealed.

use super::signed;
use super::trade::described;
use crate::counterpart::callback::{Event, Written};
use crate::counterpart::world::Merchant;
use crate::v2::callback::{REQ_INFO, seal};
use crate::v2::sign::{SIGN_TYPE, SignType};
use crate::v2::time;
use crate::v2::xml::{self, Members, SEALED};
use crate::wire::{Parties, RefundCallback, Transaction, read_time};
use channel::{CodecContext, DocumentFault, FaultMode, Response};
use crypto::Secret;
use serde::Deserialize;
use serde_json::Value;

/// Whether a receiver's answer ends the repeats.
pub(in crate::counterpart) fn is_accepted(response: &Response) -> bool {
    let read = Members::read(&response.body).ok();
    let is_success = |read: Members| read.get("return_code") == Some("SUCCESS");
    response.status == 200 && read.is_some_and(is_success)
}

/// The callback of an event, now. `None` when its merchant has no key any more.
pub(in crate::counterpart) fn write(
    merchant: &Merchant,
    sign_type: SignType,
    event: Event,
    content: &Value,
    mode: &FaultMode,
    context: &CodecContext,
) -> Result<Option<Written>, DocumentFault> {
    let Some(key) = &merchant.api_v2_key else { return Ok(None) };
    let members = match event {
        Event::Paid => {
            let contract_id = content.get("contract_id").and_then(Value::as_str);
            let message = paid(&read(content)?, sign_type, context);
            let message = message.with_some("contract_id", contract_id);
            signed(mode, sign_type, key, message)
        }
        Event::Refunded | Event::RefundClosed | Event::RefundAbnormal => {
            refunded(merchant, &read(content)?, key, mode, context)?
        }
        Event::Agreement | Event::DebitFailed => signed(mode, sign_type, key, members_of(content)),
        Event::Shared | Event::ShareReturned => return Ok(None),
    };
    let headers = [("Content-Type", "text/xml"), ("Accept", "*/*"), ("User-Agent", "Mozilla/4.0")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Some((super::unsorted(&members, context), headers.to_vec())))
}

/// Content whose members are sent as they stand.
fn members_of(content: &Value) -> Members {
    let texts = content.as_object().into_iter().flatten();
    texts.fold(Members::default(), |members, (name, text)| members.with_some(name, text.as_str()))
}

fn read<T: for<'de> Deserialize<'de>>(content: &Value) -> Result<T, DocumentFault> {
    T::deserialize(content).map_err(|fault| DocumentFault(format!("a callback's content: {fault}")))
}

fn paid(transaction: &Transaction, sign_type: SignType, context: &CodecContext) -> Members {
    let message = asker(&transaction.parties, context)
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with(SIGN_TYPE, sign_type.name());
    described(transaction, message)
}

/// The refund is sealed; the fault of a signature is that of the seal.
fn refunded(
    merchant: &Merchant,
    refund: &RefundCallback,
    key: &Secret,
    mode: &FaultMode,
    context: &CodecContext,
) -> Result<Members, DocumentFault> {
    let plain = xml::write(SEALED, sealed(refund).iter());
    let sealed = match mode {
        FaultMode::BadSignature | FaultMode::Probe => {
            seal(&Secret::new(format!("{}x", key.expose())), &plain)
        }
        FaultMode::Unsigned => Ok(crypto::text::base64(&plain)),
        FaultMode::Honest
        | FaultMode::WrongAmount
        | FaultMode::Error { .. }
        | FaultMode::Refund { .. }
        | FaultMode::Share { .. } => seal(key, &plain),
    };
    let sealed = sealed.map_err(|fault| DocumentFault(fault.to_string()))?;
    // A refund's callback names merchants alone; this callback names an app too.
    let app = merchant.appids.first().map(String::as_str);
    Ok(asker(&refund.parties, context)
        .with_some("appid", app)
        .with("return_code", "SUCCESS")
        .with(REQ_INFO, sealed))
}

fn sealed(refund: &RefundCallback) -> Members {
    let status = match &*refund.refund_status {
        "CLOSED" => "REFUNDCLOSE",
        "ABNORMAL" => "CHANGE",
        other => other,
    };
    let amount = &refund.amount;
    let at = refund.success_time.as_deref().and_then(read_time);
    let fen = |fen: Option<i64>| fen.map(|fen| fen.to_string());
    Members::default()
        .with("transaction_id", &*refund.transaction_id)
        .with("out_trade_no", &*refund.out_trade_no)
        .with("refund_id", &*refund.refund_id)
        .with("out_refund_no", &*refund.out_refund_no)
        .with("total_fee", amount.total.to_string())
        .with("refund_fee", amount.refund.to_string())
        .with_some("settlement_refund_fee", fen(amount.settlement_refund))
        .with("refund_status", status)
        .with_some("refund_recv_accout", refund.user_received_account.as_deref())
        .with("refund_account", "REFUND_SOURCE_UNSETTLED_FUNDS")
        .with("refund_request_source", "API")
        .with_some("success_time", at.map(|at| time::text_in(time::SPACED, at)))
}

fn asker(parties: &Parties, context: &CodecContext) -> Members {
    let Parties { appid, mchid, sp_appid, sp_mchid, sub_appid, sub_mchid } = parties;
    Members::default()
        .with_some("appid", sp_appid.as_deref().or(appid.as_deref()))
        .with_some("mch_id", sp_mchid.as_deref().or(mchid.as_deref()))
        .with_some("sub_appid", sub_appid.as_deref())
        .with_some("sub_mch_id", sub_mchid.as_deref())
        .with("nonce_str", context.nonce.chars().rev().take(16).collect::<String>())
}
