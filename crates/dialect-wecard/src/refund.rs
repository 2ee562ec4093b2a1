//! Refunds: the request member by member, and what a refund shows.

use crate::check::{Malformed, Read, required};
use crate::faults::Fault;
use crate::json::{Json, Object, read_object};
use crate::map::unwritable;
use crate::members::LIST_LEN_MAX;
use crate::sharing::{self, ReturnItem};
use crate::wallet::{card_id, wallet_id};
use crate::wire::{OrderName, TOTAL_FEN_MAX, allocation_part, plain, products, url};
use crate::{NAME, REFUND_NAMESPACE, time};
use kernel::{
    AllocationPart, Key, MerchantId, NaturalKey, Notification, Order, Refund, RefundRequest,
    RefundReturn, RefundState, ReturnOutcome, ReturnTerms,
};
use ledger::{Fen, Id, Timestamp, kinds};
use serde::Serialize;
use std::sync::Arc;

/// The member that says how a wallet gets back what it paid.
const WALLET: &str = "WalletRefundInfo";

/// The member that names payees.
const SHARES: &str = "ProfitShareInfoList";

/// `POST /cloudpay/v1/refundOrder/apply`, checked.
pub(crate) struct Asked {
    pub(crate) order: OrderName,
    pub(crate) amount: Fen,
    /// What is taken back from which merchant, where the caller says so: from nobody else but the order's
    /// own merchant by an empty list.
    pub(crate) back: Option<Vec<AllocationPart>>,
    /// What payees give back of their shares first, where the caller names them.
    pub(crate) returns: Option<Vec<ReturnTerms>>,
    /// How a wallet gets back what it paid, where the caller says so.
    pub(crate) wallet: Option<WalletBack>,
    pub(crate) request: RefundRequest,
}

/// What a refund keeps of its request beyond the kernel's terms.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_refund_data: Option<&'a Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_list: Option<&'a Json<'a>>,
}

/// The most that is kept with a refund, in bytes.
const DETAILS_LEN_MAX: usize = 16 * 1024;

impl Asked {
    /// Reads and checks the body, in the order of the published table.
    pub(crate) fn read(body: &Object<'_>) -> Result<Asked, Fault> {
        let number = required("OutRefundId", out_refund_id(body)?)?.to_owned();
        let order = OrderName::read(body)?;
        let fen = required("RefundAmount", body.integer("RefundAmount", 1..=TOTAL_FEN_MAX)?)?;
        let remark = given(body.text("Remark", 0..=128)?);
        let reason = given(body.text("RefundReason", 0..=128)?).map(str::to_owned);
        let external = external(body)?;
        let notify_url = notify_url(body)?;
        let back = body.list("FundAllocateList", LIST_LEN_MAX, |item| allocation_part(item, 0))?;
        let returns = body.list(SHARES, LIST_LEN_MAX, ReturnItem::read)?;
        let returns = returns.as_deref().map(sharing::map::return_terms).transpose()?;
        let wallet = WalletBack::read(body)?;
        let product_list = products(body)?;
        let written = Written { remark, external_refund_data: external.as_ref(), product_list };
        let request = RefundRequest {
            namespace: Arc::from(REFUND_NAMESPACE),
            merchant_refund_no: number,
            dialect: Arc::from(NAME),
            reason,
            notify_url,
            details: details(&written)?,
            is_to_balance: wallet.as_ref().is_some_and(|wallet| wallet.is_to_balance),
        };
        Ok(Asked { order, amount: Fen::new(fen), back, returns, wallet, request })
    }
}

fn details(written: &Written<'_>) -> Result<String, Fault> {
    let details = serde_json::to_string(written).map_err(unwritable)?;
    match details.len() > DETAILS_LEN_MAX {
        true => {
            let why = format!("too long, want at most {DETAILS_LEN_MAX} bytes");
            Err(Malformed::new("ProductList", why).into())
        }
        false => Ok(details),
    }
}

/// `NotifyUrl`; empty text is the same as absent.
pub(crate) fn notify_url(body: &Object<'_>) -> Read<Option<String>> {
    match body.get("NotifyUrl") {
        Some(Json::Text(text)) if text.is_empty() => Ok(None),
        Some(_) | None => Ok(url(body, "NotifyUrl")?.map(str::to_owned)),
    }
}

/// Empty text is the same as absent.
pub(crate) fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// `OutRefundId`: digits, letters, underscores.
pub(crate) fn out_refund_id<'o>(body: &'o Object<'_>) -> Read<Option<&'o str>> {
    plain(body, "OutRefundId", 6..=32)
}

/// `ExternalRefundData`: a serialized JSON object.
fn external<'o>(body: &'o Object<'_>) -> Read<Option<Object<'o>>> {
    let text = given(body.text("ExternalRefundData", 0..=1000)?);
    let read = |text: &'o str| read_object(text.as_bytes());
    text.map(read).transpose().map_err(|why| Malformed::new("ExternalRefundData", why))
}

/// `WalletRefundInfo`: how a wallet gets back what it paid.
pub(crate) struct WalletBack {
    is_to_balance: bool,
    wallet: Option<String>,
}

impl WalletBack {
    fn read(body: &Object<'_>) -> Read<Option<WalletBack>> {
        let found = body.object(WALLET)?.map(WalletBack::read_inside).transpose();
        found.map_err(|fault| fault.inside(WALLET))
    }

    fn read_inside(info: &Object<'_>) -> Read<WalletBack> {
        let mode = info.word("RefundMode", &["ORIGINAL", "BALANCE"])?;
        let wallet = info.text("WalletId", 1..=50)?.map(str::to_owned);
        Ok(WalletBack { is_to_balance: mode == Some("BALANCE"), wallet })
    }

    /// That the order was paid by a wallet, and by the one that is named.
    pub(crate) fn check(&self, order: &Order) -> Read<()> {
        let Some(paying) = &order.terms.request.wallet else {
            return Err(Malformed::new(WALLET, "not supported for this order"));
        };
        match &self.wallet {
            Some(wallet) if *wallet != wallet_id(paying.wallet) => {
                let fault = Malformed::new("WalletId", "not the wallet that paid the order");
                Err(fault.inside(WALLET))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What names a refund.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The merchant's number.
    Out(String),
    /// Ours.
    Own(Id<kinds::Refund>),
    /// Both; they must mean the same refund.
    Both(String, Id<kinds::Refund>),
}

impl Name {
    /// Reads `OutRefundId`, `ChannelRefundId`, or both; empty text is the same as absent.
    pub(crate) fn read(body: &Object<'_>) -> Read<Name> {
        let empty = |name| matches!(body.get(name), Some(Json::Text(text)) if text.is_empty());
        let out = if empty("OutRefundId") { None } else { out_refund_id(body)? };
        let own = if empty("ChannelRefundId") { None } else { channel_refund_id(body)? };
        match (out, own) {
            (Some(out), None) => Ok(Name::Out(out.to_owned())),
            (None, Some(own)) => Ok(Name::Own(own)),
            (Some(out), Some(own)) => Ok(Name::Both(out.to_owned(), own)),
            (None, None) => {
                Err(Malformed::new("OutRefundId", "missing, and ChannelRefundId too: want one"))
            }
        }
    }

    /// The key that finds the refund, and the id that it must have then.
    pub(crate) fn key(self) -> (Key<kinds::Refund>, Option<Id<kinds::Refund>>) {
        let by_number = |number| Key::Number(NaturalKey::new(REFUND_NAMESPACE, number));
        match self {
            Name::Out(number) => (by_number(number), None),
            Name::Own(id) => (Key::Id(id), None),
            Name::Both(number, id) => (by_number(number), Some(id)),
        }
    }
}

fn channel_refund_id(body: &Object<'_>) -> Read<Option<Id<kinds::Refund>>> {
    let Some(text) = body.text("ChannelRefundId", 1..=50)? else { return Ok(None) };
    let id = Id::parse(text);
    id.map(Some).map_err(|_| Malformed::new("ChannelRefundId", "want 18 decimal digits"))
}

/// `Result` of `refundOrder/apply`, and what every result about a refund begins with.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Applied<'r> {
    out_refund_id: &'r str,
    channel_refund_id: String,
    out_order_id: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_recharge_id: Option<&'r str>,
    channel_order_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    card_id_list: Vec<String>,
    refund_amount: String,
    fee_amount: i64,
    refund_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_message: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profit_share_info_list: Vec<Returned<'r>>,
}

/// What a payee gives back of a share, and what became of that.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Returned<'r> {
    payee_id: String,
    profit_refund_amount: i64,
    profit_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_sub_merchant_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_reason: Option<&'r str>,
}

/// `Result` of `refundOrder/query`, and of notifications.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Shown<'r> {
    #[serde(flatten)]
    applied: Applied<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_refund_amount: Option<String>,
    total_amount: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_reason: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_finish: Option<String>,
}

/// What of a fee comes back with a refund, in fen: no fee is taken of a payment.
const FEE_FEN: i64 = 0;

/// What applying for a refund came to.
pub(crate) fn applied<'r>(refund: &'r Refund, request: &'r RefundRequest) -> Applied<'r> {
    let (refund_status, refund_message) = stands(refund);
    Applied {
        out_refund_id: &request.merchant_refund_no,
        channel_refund_id: refund.id.to_string(),
        out_order_id: &refund.merchant_order_no,
        out_recharge_id: refund.is_of_recharge().then_some(&*refund.merchant_order_no),
        card_id_list: refund.cards().map(card_id).collect(),
        channel_order_id: refund.order.to_string(),
        refund_amount: refund.amount.get().to_string(),
        fee_amount: FEE_FEN,
        refund_status,
        refund_message,
        profit_share_info_list: refund.returns.iter().map(|it| returned(refund, it)).collect(),
    }
}

/// What never came to its turn before the refund failed was not begun.
fn returned<'r>(refund: &Refund, it: &'r RefundReturn) -> Returned<'r> {
    let is_preparing = matches!(refund.state, RefundState::Preparing { .. });
    let (profit_status, finish_time, fail_reason) = match &it.item.outcome {
        ReturnOutcome::Open if is_preparing => ("PROCESSING", None, None),
        ReturnOutcome::Open => ("INIT", None, None),
        ReturnOutcome::Done { at, .. } => ("SUCCESS", Some(time::write(*at)), None),
        ReturnOutcome::Failed { reason } => ("FAILED", None, Some(&**reason)),
    };
    Returned {
        payee_id: sharing::payee_id(it.item.payee),
        profit_refund_amount: it.item.amount.get(),
        profit_status,
        channel_sub_merchant_id: it.item.merchant.as_ref().map(MerchantId::as_str),
        finish_time,
        fail_reason,
    }
}

/// The content of a notification of a refund's end. An end that it did not keep was a failure, after which
/// its merchant requested it again: what goes on now was not reported.
pub(crate) fn notified<'r>(
    refund: &'r Refund,
    request: &'r RefundRequest,
    notification: &Notification,
) -> Shown<'r> {
    let shown = shown(refund, request);
    match shown.time_finish {
        Some(_) => shown,
        None => Shown {
            applied: Applied {
                refund_status: "FAILED",
                refund_message: Some("failed, and requested again since"),
                ..shown.applied
            },
            time_finish: Some(time::write(notification.made_at)),
            ..shown
        },
    }
}

/// The result of a query.
pub(crate) fn shown<'r>(refund: &'r Refund, request: &'r RefundRequest) -> Shown<'r> {
    let (is_back, ended_at) = ended(&refund.state);
    Shown {
        applied: applied(refund, request),
        real_refund_amount: is_back.then(|| refund.amount.get().to_string()),
        total_amount: refund.paid.get().to_string(),
        refund_reason: request.reason.as_deref(),
        time_finish: ended_at.map(time::write),
    }
}

/// The word for where a refund stands, and why it is there. It is only recorded until the channel has
/// answered once. One that a person wrote off cannot be repeated.
fn stands(refund: &Refund) -> (&'static str, Option<&str>) {
    match &refund.state {
        RefundState::Requesting if refund.version == 1 => ("INIT", None),
        RefundState::Preparing { .. } | RefundState::Requesting | RefundState::Processing => {
            ("PROCESSING", None)
        }
        RefundState::Done { .. } | RefundState::SettledByHand { .. } => ("SUCCESS", None),
        RefundState::Failed { reason, .. } => ("FAILED", Some(reason)),
        RefundState::WrittenOff { .. } => ("ACCEPT_FAILED", Some("not carried out")),
    }
}

/// Whether the payer has the money, and when the refund ended.
const fn ended(state: &RefundState) -> (bool, Option<Timestamp>) {
    match state {
        RefundState::Preparing { .. } | RefundState::Requesting | RefundState::Processing => {
            (false, None)
        }
        RefundState::Done { at, .. } | RefundState::SettledByHand { at, .. } => (true, Some(*at)),
        RefundState::Failed { at, .. } | RefundState::WrittenOff { at, .. } => (false, Some(*at)),
    }
}
