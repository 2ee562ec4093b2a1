//! Requests and results of payees, shares and their returns (智能分账), member by member.

use crate::NAMESPACE;
use crate::check::{Malformed, Read, as_object, required};
use crate::json::{Json, Object};
use crate::members::{LIST_LEN_MAX, Share};
use crate::wire::{TOTAL_FEN_MAX, url};
use channel::ReceiverKind;
use kernel::{Key, NaturalKey, Order, PayeeKind};
use ledger::{Fen, Id, kinds};
use serde::Serialize;

/// The namespace of payees' numbers (OutPayeeId).
pub(crate) const PAYEES: &str = "wecard.payee";
/// The namespace of shares' numbers (OutProfitOrderId).
pub(crate) const SHARES: &str = "wecard.profit";
/// The namespace of the numbers of shares' returns (OutProfitRefundId).
pub(crate) const RETURNS: &str = "wecard.profit_refund";

/// What stands before the digits of a payee's id.
const PAYEE_PREFIX: &str = "PE";
/// The words of `AccountType` that are carried out, and those that are known.
const ACCOUNT_TYPES: [&str; 7] = [
    "WX_MCH_ID",
    "WX_OPENID",
    "WX_SUB_OPENID",
    "ACCOUNT_BOOK_ID",
    "BANK_ACCOUNT",
    "ALIPAY_USER_ID",
    "ALIPAY_LOGON_ID",
];

/// A payee's id on the wire.
pub(crate) fn payee_id(id: Id<kinds::Payee>) -> String {
    format!("{PAYEE_PREFIX}{id}")
}

/// The payee that an id on the wire means; nothing where it is not written as one.
pub(crate) fn read_payee_id(text: &str) -> Option<Id<kinds::Payee>> {
    Id::parse(text.strip_prefix(PAYEE_PREFIX)?).ok()
}

/// A caller's number: digits, letters, underscores.
fn number<'o>(body: &'o Object<'_>, name: &str, len_max: usize) -> Read<&'o str> {
    let text = body.required_text(name, 1..=len_max)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_plain {
        true => Ok(text),
        false => Err(Malformed::new(name, "want digits, letters and underscores only")),
    }
}

/// `POST …/payee/create`, checked.
pub(crate) struct CreatePayee<'o> {
    pub(crate) number: &'o str,
    pub(crate) merchant: Option<&'o str>,
    pub(crate) kind: PayeeKind,
    pub(crate) name: Option<&'o str>,
    /// What it is at WeChat Pay, and its number there; `None` in the book.
    pub(crate) account: Option<(ReceiverKind, &'o str)>,
    pub(crate) role: Option<&'o str>,
}

impl<'o> CreatePayee<'o> {
    pub(crate) fn read(body: &'o Object<'_>) -> Read<CreatePayee<'o>> {
        let number = number(body, "OutPayeeId", 50)?;
        let merchant = body.text("ChannelSubMerchantId", 1..=50)?;
        let kind = match body.word("PayeeType", &["MERCHANT", "PERSON"])? {
            Some("MERCHANT") => PayeeKind::Merchant,
            other => required("PayeeType", other).map(|_| PayeeKind::Person)?,
        };
        let name = body.text("PayeeName", 1..=100)?;
        let account = account(body, kind)?;
        if kind == PayeeKind::Merchant && account.is_some() {
            required("PayeeName", name)?;
        }
        let role = body.text("RoleCode", 1..=50)?;
        Ok(CreatePayee { number, merchant, kind, name, account, role })
    }
}

/// `AccountType` and `AccountNo`.
fn account<'o>(body: &'o Object<'_>, payee: PayeeKind) -> Read<Option<(ReceiverKind, &'o str)>> {
    let word = body.word("AccountType", &ACCOUNT_TYPES)?;
    let (kind, wanted) = match word {
        None | Some("ACCOUNT_BOOK_ID") => return Ok(None),
        Some("WX_MCH_ID") => (ReceiverKind::Merchant, PayeeKind::Merchant),
        Some("WX_OPENID") => (ReceiverKind::Person, PayeeKind::Person),
        Some("WX_SUB_OPENID") => (ReceiverKind::SubPerson, PayeeKind::Person),
        Some(word) => {
            let why = format!("{word} is not paid yet, want WX_MCH_ID, WX_OPENID, WX_SUB_OPENID");
            return Err(Malformed::new("AccountType", why));
        }
    };
    if payee != wanted {
        return Err(Malformed::new("AccountType", "does not fit PayeeType"));
    }
    let number = body.required_text("AccountNo", 1..=64)?;
    match number.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Some((kind, number))),
        false => Err(Malformed::new("AccountNo", "want printable ASCII without spaces")),
    }
}

/// What names a payee: `PayeeId`, or `OutPayeeId`.
pub(crate) fn payee_key(body: &Object<'_>) -> Read<Key<kinds::Payee>> {
    match body.text("PayeeId", 1..=50)? {
        Some(text) => {
            let id = read_payee_id(text).map(Key::Id);
            id.ok_or_else(|| Malformed::new("PayeeId", "want PE and 18 digits"))
        }
        None => {
            let number = number(body, "OutPayeeId", 50)?;
            Ok(Key::Number(NaturalKey::new(PAYEES, number)))
        }
    }
}

/// Result of the calls about a payee. It does not show who the payee is at a channel.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PayeeShown<'o> {
    pub(crate) payee_id: String,
    pub(crate) out_payee_id: &'o str,
    pub(crate) payee_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_sub_merchant_id: Option<&'o str>,
    pub(crate) account_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_code: Option<&'o str>,
    pub(crate) bind_state: &'static str,
}

/// `POST …/profit/profit-manual-create`, checked.
pub(crate) struct MakeShare<'o> {
    pub(crate) out_order_id: &'o str,
    pub(crate) number: &'o str,
    pub(crate) shares: Vec<Share<'o>>,
    pub(crate) releases_rest: bool,
    pub(crate) notify_url: Option<&'o str>,
}

impl<'o> MakeShare<'o> {
    pub(crate) fn read(body: &'o Object<'o>) -> Read<MakeShare<'o>> {
        let out_order_id = number(body, "OutOrderId", 60)?;
        let number = number(body, "OutProfitOrderId", 50)?;
        let list = "ProfitShareInfoList";
        let shares = required(list, body.list(list, LIST_LEN_MAX, Share::read)?)?;
        let releases_rest = body.flag("UnfreezeUnsplit")?.unwrap_or(false);
        let notify_url = url(body, "NotifyUrl")?;
        Ok(MakeShare { out_order_id, number, shares, releases_rest, notify_url })
    }
}

/// What names a share: the number of one that a caller made, or that of the order which listed its
/// payees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ShareName {
    /// `OutProfitOrderId`.
    Out(String),
    /// `OutOrderId`.
    Listed(String),
}

impl ShareName {
    /// Reads either member. With both, the share is the one that a caller made.
    pub(crate) fn read(body: &Object<'_>) -> Read<ShareName> {
        let has = |name| body.get(name).is_some_and(|value| !matches!(value, Json::Null));
        match !has("OutProfitOrderId") && has("OutOrderId") {
            true => Ok(ShareName::Listed(number(body, "OutOrderId", 60)?.to_owned())),
            false => Ok(ShareName::Out(number(body, "OutProfitOrderId", 50)?.to_owned())),
        }
    }

    /// The key of the share.
    pub(crate) fn key(&self) -> NaturalKey {
        match self {
            ShareName::Out(number) => NaturalKey::new(SHARES, &**number),
            ShareName::Listed(number) => {
                NaturalKey::new(&Order::listed_namespace(NAMESPACE), &**number)
            }
        }
    }

    /// The member that it was read from.
    pub(crate) const fn member(&self) -> &'static str {
        match self {
            ShareName::Out(_) => "OutProfitOrderId",
            ShareName::Listed(_) => "OutOrderId",
        }
    }
}

/// The number of the return of a share.
pub(crate) fn return_number(body: &Object<'_>) -> Read<String> {
    number(body, "OutProfitRefundId", 50).map(str::to_owned)
}

/// Result of the calls about a share.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShareShown<'o> {
    pub(crate) out_profit_order_id: &'o str,
    pub(crate) out_order_id: &'o str,
    pub(crate) profit_order_id: &'o str,
    pub(crate) profit_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish_time: Option<String>,
    pub(crate) profit_flow_list: Vec<ShareFlow<'o>>,
}

/// An item of a share, and what became of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShareFlow<'o> {
    pub(crate) profit_id: String,
    pub(crate) payee_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_sub_merchant_id: Option<&'o str>,
    pub(crate) profit_amount: i64,
    pub(crate) profit_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
}

/// `POST …/profit/profit-refund-create`, checked.
pub(crate) struct MakeReturn<'o> {
    pub(crate) number: &'o str,
    pub(crate) share: ShareName,
    pub(crate) items: Vec<ReturnItem<'o>>,
    pub(crate) remark: Option<&'o str>,
    pub(crate) notify_url: Option<&'o str>,
}

/// What one payee gives back.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReturnItem<'o> {
    pub(crate) payee_id: &'o str,
    pub(crate) merchant: Option<&'o str>,
    pub(crate) amount: i64,
}

impl<'o> MakeReturn<'o> {
    pub(crate) fn read(body: &'o Object<'o>) -> Read<MakeReturn<'o>> {
        let number_of = number;
        let number = number_of(body, "OutProfitRefundId", 50)?;
        let share = ShareName::read(body)?;
        let list = "ProfitShareInfoList";
        let items = required(list, body.list(list, LIST_LEN_MAX, ReturnItem::read)?)?;
        let (remark, notify_url) = (body.text("Remark", 1..=80)?, url(body, "NotifyUrl")?);
        Ok(MakeReturn { number, share, items, remark, notify_url })
    }
}

impl<'o> ReturnItem<'o> {
    pub(crate) fn read(item: &'o Json<'_>) -> Read<ReturnItem<'o>> {
        let item = as_object(item)?;
        let payee_id = item.required_text("PayeeId", 1..=50)?;
        let amount = item.integer("ProfitRefundAmount", 1..=TOTAL_FEN_MAX)?;
        let amount = required("ProfitRefundAmount", amount)?;
        let merchant = item.text("ChannelSubMerchantId", 1..=50)?;
        Ok(ReturnItem { payee_id, merchant, amount })
    }

    pub(crate) const fn fen(&self) -> Fen {
        Fen::new(self.amount)
    }
}

/// Result of the calls about the return of a share.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReturnShown<'o> {
    pub(crate) out_profit_order_id: &'o str,
    pub(crate) out_order_id: &'o str,
    pub(crate) profit_order_id: &'o str,
    pub(crate) out_profit_refund_id: &'o str,
    pub(crate) profit_status: &'static str,
    pub(crate) profit_flow_list: Vec<ReturnFlow<'o>>,
}

/// An item of the return of a share, and what became of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReturnFlow<'o> {
    pub(crate) profit_id: String,
    pub(crate) payee_id: String,
    pub(crate) profit_refund_amount: i64,
    pub(crate) profit_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_sub_merchant_id: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
}
