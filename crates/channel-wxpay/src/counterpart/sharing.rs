//! Profit sharing (分账) at the simulated channel.
//!
//! The money of an order that was placed to be shared stays frozen. It goes to receivers, back to the
//! payer, or is released to the merchant: by the last share, by an unfreeze, or after 30 days.
//!
//! - `records`: receivers, shares and returns in the documents. `funds`: frozen money and balances.
//! - `receivers`, `share` with `guard`, `returns`: the calls. `answer`: what they
//!   answer. `bill`: the bill of a day. `callback`: what receivers are notified of.
//! - `switch`: the largest part that can be shared, receivers' URLs, and a look at balances.

mod answer;
mod bill;
mod callback;
pub(super) mod funds;
mod guard;
mod receivers;
mod records;
mod returns;
mod share;
pub(super) mod switch;

pub(super) use bill::file as bill;
pub(super) use funds::Frozen;

use crate::counterpart::CallContext;
use crate::counterpart::answer::Reply;
use crate::counterpart::order;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::wire::Parties;
use channel::Method;

/// A call about sharing with what its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SharingCall {
    AddReceiver,
    DeleteReceiver,
    Share,
    QueryShare { out_order_no: String },
    Unfreeze,
    Amounts { transaction_id: String },
    Return,
    QueryReturn { out_return_no: String },
}

impl SharingCall {
    /// The call behind `/v3/profitsharing/`.
    pub(super) fn read(method: Method, rest: &[&str]) -> Option<SharingCall> {
        let text = |text: &str| text.to_owned();
        match (method, rest) {
            (Method::Post, ["receivers", "add"]) => Some(SharingCall::AddReceiver),
            (Method::Post, ["receivers", "delete"]) => Some(SharingCall::DeleteReceiver),
            (Method::Post, ["orders"]) => Some(SharingCall::Share),
            (Method::Post, ["orders", "unfreeze"]) => Some(SharingCall::Unfreeze),
            (Method::Get, ["orders", number]) => {
                Some(SharingCall::QueryShare { out_order_no: text(number) })
            }
            (Method::Get, ["transactions", id, "amounts"]) => {
                Some(SharingCall::Amounts { transaction_id: text(id) })
            }
            (Method::Post, ["return-orders"]) => Some(SharingCall::Return),
            (Method::Get, ["return-orders", number]) => {
                Some(SharingCall::QueryReturn { out_return_no: text(number) })
            }
            (Method::Get | Method::Post, _) => None,
        }
    }

    /// The call's word at the fault control: that of the gateway's own operation.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            SharingCall::AddReceiver => "bind_receiver",
            SharingCall::DeleteReceiver => "unbind_receiver",
            SharingCall::Share => "share",
            SharingCall::QueryShare { .. } => "query_share",
            SharingCall::Unfreeze => "unfreeze",
            SharingCall::Amounts { .. } => "query_unshared",
            SharingCall::Return => "return_share",
            SharingCall::QueryReturn { .. } => "query_share_return",
        }
    }
}

/// What a call about sharing comes to.
pub(super) fn carry_out(call: &mut CallContext<'_>, asked: SharingCall) -> Result<Reply, Stop> {
    match asked {
        SharingCall::AddReceiver => receivers::add(call),
        SharingCall::DeleteReceiver => receivers::delete(call),
        SharingCall::Share => share::create(call),
        SharingCall::QueryShare { out_order_no } => share::query(call, &out_order_no),
        SharingCall::Unfreeze => share::unfreeze(call),
        SharingCall::Amounts { transaction_id } => share::amounts(call, &transaction_id),
        SharingCall::Return => returns::create(call),
        SharingCall::QueryReturn { out_return_no } => returns::query(call, &out_return_no),
    }
}

/// The apps and the sub-merchant that a request names.
struct Named<'a> {
    sub_mchid: Option<&'a String>,
    appid: Option<&'a String>,
    sub_appid: Option<&'a String>,
}

/// Whether they belong to the merchant who signed. The result is the merchant whose money is shared.
fn sharing_merchant(call: &CallContext<'_>, named: Named<'_>) -> Result<String, Refusal> {
    let mchid = Some(call.merchant.mchid.clone());
    // A call without an app is bound to any of the merchant's.
    let appid = named.appid.or(call.merchant.appids.first()).cloned();
    let (sub_mchid, sub_appid) = (named.sub_mchid.cloned(), named.sub_appid.cloned());
    let parties = match sub_mchid {
        None => Parties { mchid, appid, ..Parties::default() },
        Some(_) => {
            Parties { sp_mchid: mchid, sp_appid: appid, sub_mchid, sub_appid, ..Parties::default() }
        }
    };
    order::check_binding(call.merchant, &parties)?;
    Ok(named.sub_mchid.unwrap_or(&call.merchant.mchid).clone())
}
