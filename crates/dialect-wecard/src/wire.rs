//! Requests and results, member by member.

use crate::agreement::{self, AgreementName};
use crate::check::{Malformed, Read, as_object, required};
use crate::json::{Json, Object};
use crate::members::{
    Allocation, External, LIST_LEN_MAX, Share, check_payer_info, check_scene_info,
    check_wallet_info, payee, product,
};
use crate::pay_channel::{self, AUTH_CODE, Member, PayChannel};
use crate::{members, time, url};
use channel::Scene;
use kernel::{AllocationPart, MerchantId};
use ledger::{Currency, Fen, Id, Timestamp, kinds};
use serde::Serialize;
use serde_json::value::RawValue;
use std::ops::RangeInclusive;

/// The largest order, in fen: a thousand million yuan. The published table names no limit; with this one
/// no sum that anybody computes from orders overflows.
pub(crate) const TOTAL_FEN_MAX: i64 = 100_000_000_000;

/// The words of `PayType`, one for each scene.
const PAY_TYPES: [&str; 8] =
    ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP", "SWIPE", "AGREEMENT", "AUTHORIZE"];

/// The word for a scene.
pub(crate) const fn pay_type(scene: Scene) -> &'static str {
    match scene {
        Scene::MiniProgram => "MINI_PROGRAM",
        Scene::Public => "PUBLIC",
        Scene::Pc => "PC",
        Scene::H5 => "H5",
        Scene::App => "APP",
        Scene::Swipe => "SWIPE",
        Scene::Agreement => "AGREEMENT",
        Scene::Authorize => "AUTHORIZE",
    }
}

/// `POST /cloudpay/v1/pay/c2b/unified_order`, checked.
pub(crate) struct UnifiedOrder<'o> {
    pub(crate) merchant: &'o str,
    pub(crate) total_amount: Fen,
    pub(crate) scene: Scene,
    /// The channel's name that `PayChannel` means.
    pub(crate) channel: String,
    /// What this API says about the channel, if anything.
    pub(crate) pay_channel: Option<&'static PayChannel>,
    pub(crate) out_order_id: &'o str,
    pub(crate) subject: &'o str,
    pub(crate) currency: Currency,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) notify_url: Option<&'o str>,
    pub(crate) front_url: Option<&'o str>,
    pub(crate) external: Option<External<'o>>,
    pub(crate) shares: Option<Vec<Share<'o>>>,
    pub(crate) payer_info: Option<&'o Object<'o>>,
    pub(crate) products: Option<&'o Json<'o>>,
    pub(crate) payees: Option<Vec<&'o str>>,
    pub(crate) scene_info: Option<&'o Object<'o>>,
    pub(crate) goods_tag: Option<&'o str>,
    pub(crate) attachment: Option<&'o str>,
    pub(crate) remark: Option<&'o str>,
    pub(crate) allocations: Option<Vec<Allocation<'o>>>,
    pub(crate) wallet_info: Option<&'o Object<'o>>,
    pub(crate) agreement: Option<AgreementName>,
}

impl<'o> UnifiedOrder<'o> {
    /// Reads and checks the body, in the order of the published table.
    pub(crate) fn read(body: &'o Object<'o>) -> Read<UnifiedOrder<'o>> {
        let merchant = body.required_text("ChannelSubMerchantId", 1..=50)?;
        let total = required("TotalAmount", body.integer("TotalAmount", 1..=TOTAL_FEN_MAX)?)?;
        let pay_type = scene(body)?;
        let pay_channel = body.required_text("PayChannel", 1..=30)?;
        let order = UnifiedOrder {
            merchant,
            total_amount: Fen::new(total),
            scene: pay_type,
            channel: pay_channel::name(pay_channel),
            pay_channel: pay_channel::row(pay_channel),
            out_order_id: required("OutOrderId", out_order_id(body)?)?,
            subject: body.required_text("OrderSubject", 1..=200)?,
            currency: currency(body)?,
            expires_at: expires_at(body)?,
            notify_url: url(body, "NotifyUrl")?,
            front_url: url(body, "FrontUrl")?,
            external: external(body)?,
            shares: body.list("ProfitShareInfoList", LIST_LEN_MAX, Share::read)?,
            payer_info: checked(body, "PayerInfo", check_payer_info)?,
            products: products(body)?,
            payees: body.list("PayeeList", LIST_LEN_MAX, payee)?,
            scene_info: checked(body, "SceneInfo", check_scene_info)?,
            goods_tag: body.text("GoodsTag", 1..=32)?,
            attachment: body.text("Attachment", 1..=128)?,
            remark: body.text("Remark", 1..=128)?,
            allocations: body.list("FundAllocateList", LIST_LEN_MAX, Allocation::read)?,
            wallet_info: checked(body, "WalletInfo", check_wallet_info)?,
            agreement: agreement::of_order(body, pay_type)?,
        };
        order.check_together(total)?;
        Ok(order)
    }

    /// What depends on more than one field.
    fn check_together(&self, total: i64) -> Read<()> {
        if self.shares.is_some() && self.payees.as_ref().is_some_and(|list| !list.is_empty()) {
            let why = "cannot be together with ProfitShareInfoList";
            return Err(Malformed::new("PayeeList", why));
        }
        Share::check_all(self.shares.as_deref().unwrap_or_default(), total)?;
        Allocation::check_all(self.allocations.as_deref().unwrap_or_default(), total)?;
        self.check_payer()
    }

    /// That what the channel cannot do without is there.
    pub(crate) fn check_payer(&self) -> Read<()> {
        let wanted = self.pay_channel.map_or(&[][..], |channel| channel.wanted);
        for (scenes, member) in wanted {
            if scenes.contains(&self.scene) {
                self.has(*member)?;
            }
        }
        match self.scene {
            Scene::Swipe => self.has(Member::External(AUTH_CODE)),
            Scene::MiniProgram
            | Scene::Public
            | Scene::Pc
            | Scene::H5
            | Scene::App
            | Scene::Agreement
            | Scene::Authorize => Ok(()),
        }
    }

    /// That a member is there.
    fn has(&self, member: Member) -> Read<()> {
        let inside = |owner: &str, name, value: Option<&str>| {
            required(name, value).map(drop).map_err(|fault| fault.inside(owner))
        };
        match member {
            Member::External(name) => inside("ExternalPaymentData", name, self.external(name)),
            Member::InScene(name) => inside("SceneInfo", name, self.in_scene(name)),
            Member::PayerInfo => required("PayerInfo", self.payer_info).map(drop),
        }
    }

    /// A member of `ExternalPaymentData`.
    pub(crate) fn external(&self, name: &str) -> Option<&str> {
        self.external.as_ref()?.member(name)
    }

    /// The payer's address.
    pub(crate) fn client_ip(&self) -> Option<String> {
        // It was checked when the order was read.
        self.in_scene("PayerClientIp").and_then(|text| members::address(text).ok())
    }

    /// A text member of `SceneInfo`.
    pub(crate) fn in_scene(&self, name: &str) -> Option<&str> {
        match self.scene_info?.get(name) {
            Some(Json::Text(text)) => Some(text),
            Some(_) | None => None,
        }
    }
}

fn out_order_id<'o>(body: &'o Object<'_>) -> Read<Option<&'o str>> {
    plain(body, "OutOrderId", 6..=60)
}

/// A merchant's number: digits, letters, underscores.
pub(crate) fn plain<'o>(
    body: &'o Object<'_>,
    name: &str,
    length: RangeInclusive<usize>,
) -> Read<Option<&'o str>> {
    let number = body.text(name, length)?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match number {
        Some(text) if !plain(text) => {
            Err(Malformed::new(name, "want digits, letters and underscores only"))
        }
        Some(_) | None => Ok(number),
    }
}

pub(crate) fn scene(body: &Object<'_>) -> Read<Scene> {
    let word = required("PayType", body.word("PayType", &PAY_TYPES)?)?;
    let scene = Scene::ALL.into_iter().find(|scene| pay_type(*scene) == word);
    required("PayType", scene)
}

pub(crate) fn currency(body: &Object<'_>) -> Read<Currency> {
    let code = body.word("Currency", &["CNY"])?.unwrap_or("CNY");
    required("Currency", Currency::from_code(code))
}

/// The form only: whether it lies in the future is asked when the order is new, so that a repeat of
/// an old order still hears what became of it.
pub(crate) fn expires_at(body: &Object<'_>) -> Read<Option<Timestamp>> {
    let Some(text) = body.text("ExpireTime", 1..=19)? else { return Ok(None) };
    let wanted = "want a real time as YYYY-MM-DD HH:MM:SS";
    let at = time::read(text).ok_or_else(|| Malformed::new("ExpireTime", wanted))?;
    Ok(Some(at))
}

pub(crate) fn url<'o>(body: &'o Object<'_>, name: &str) -> Read<Option<&'o str>> {
    let text = body.text(name, 1..=255)?;
    if let Some(text) = text {
        url::read(text).map_err(|why| Malformed::new(name, why.to_string()))?;
    }
    Ok(text)
}

pub(crate) fn external<'o>(body: &'o Object<'_>) -> Read<Option<External<'o>>> {
    let text = body.text("ExternalPaymentData", 1..=1024)?;
    let read = text.map(External::read).transpose();
    read.map_err(|fault| fault.inside("ExternalPaymentData"))
}

pub(crate) fn products<'o>(body: &'o Object<'o>) -> Read<Option<&'o Json<'o>>> {
    body.list("ProductList", LIST_LEN_MAX, product)?;
    Ok(body.get("ProductList"))
}

pub(crate) fn checked<'o>(
    body: &'o Object<'o>,
    name: &str,
    check: impl Fn(&Object<'_>) -> Read<()>,
) -> Read<Option<&'o Object<'o>>> {
    let object = body.object(name)?;
    object.map(check).transpose().map_err(|fault| fault.inside(name))?;
    Ok(object)
}

/// What names an order in `query_order` and `close_order`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OrderName {
    /// The merchant's number.
    Out(String),
    /// Ours.
    Own(Id<kinds::Order>),
    /// Both; they must mean the same order.
    Both(String, Id<kinds::Order>),
}

impl OrderName {
    /// Reads `OutOrderId`, `ChannelOrderId`, or both; empty text is the same as absent.
    pub(crate) fn read(body: &Object<'_>) -> Read<OrderName> {
        let empty = |name| matches!(body.get(name), Some(Json::Text(text)) if text.is_empty());
        let out = if empty("OutOrderId") { None } else { out_order_id(body)? };
        let own = if empty("ChannelOrderId") { None } else { channel_order_id(body)? };
        match (out, own) {
            (Some(out), None) => Ok(OrderName::Out(out.to_owned())),
            (None, Some(own)) => Ok(OrderName::Own(own)),
            (Some(out), Some(own)) => Ok(OrderName::Both(out.to_owned(), own)),
            (None, None) => {
                Err(Malformed::new("OutOrderId", "missing, and ChannelOrderId too: want one"))
            }
        }
    }
}

fn channel_order_id(body: &Object<'_>) -> Read<Option<Id<kinds::Order>>> {
    let Some(text) = body.text("ChannelOrderId", 1..=50)? else { return Ok(None) };
    let id = Id::parse(text);
    id.map(Some).map_err(|_| Malformed::new("ChannelOrderId", "want 18 decimal digits"))
}

/// `Result` of `unified_order`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Placed<'o> {
    pub(crate) out_order_id: &'o str,
    pub(crate) channel_order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) third_pay_order_id: Option<&'o str>,
    pub(crate) total_amount: String,
    pub(crate) order_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_info_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_info: Option<&'o str>,
    pub(crate) pay_channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
}

/// `Result` of `query_order`, and of notifications.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Queried<'o> {
    pub(crate) channel_sub_merchant_id: &'o str,
    pub(crate) out_order_id: &'o str,
    pub(crate) channel_order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) third_pay_order_id: Option<&'o str>,
    pub(crate) total_amount: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_amount: Option<String>,
    pub(crate) currency: &'static str,
    pub(crate) pay_type: &'static str,
    pub(crate) pay_channel: String,
    pub(crate) order_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachment: Option<std::borrow::Cow<'o, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_info_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_info: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_finish: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refunded_amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_list: Option<&'o RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profit_share_info_list: Option<Vec<ShareShown<'o>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fund_allocate_list: Option<Vec<AllocationShown<'o>>>,
}

/// A share and what became of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShareShown<'o> {
    #[serde(flatten)]
    pub(crate) share: Share<'o>,
    pub(crate) profit_status: &'static str,
    pub(crate) real_profit_amount: i64,
}

/// An allocation and what became of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AllocationShown<'o> {
    #[serde(flatten)]
    pub(crate) allocation: Allocation<'o>,
    pub(crate) allocate_status: &'static str,
}

/// `Result` of `query_allocate`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Allocated<'o> {
    pub(crate) out_order_id: &'o str,
    pub(crate) channel_order_id: String,
    pub(crate) fund_allocate_list: Vec<AllocationFound<'o>>,
}

/// An allocation with its id and its end.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AllocationFound<'o> {
    #[serde(flatten)]
    pub(crate) shown: AllocationShown<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocate_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish_time: Option<String>,
}

/// `POST /cloudpay/v1/account/out/unfreeze_allocate`, checked.
pub(crate) struct Unfreeze {
    pub(crate) out_unfreeze_id: String,
    pub(crate) order: OrderName,
    pub(crate) parts: Vec<AllocationPart>,
}

impl Unfreeze {
    pub(crate) fn read(body: &Object<'_>) -> Read<Unfreeze> {
        let number = required("OutUnfreezeId", plain(body, "OutUnfreezeId", 6..=60)?)?;
        let list = "FundAllocateList";
        let parts =
            required(list, body.list(list, LIST_LEN_MAX, |item| allocation_part(item, 1))?)?;
        if parts.is_empty() {
            return Err(Malformed::new(list, format!("0 items, want 1 to {LIST_LEN_MAX}")));
        }
        Ok(Unfreeze { out_unfreeze_id: number.to_owned(), order: OrderName::read(body)?, parts })
    }
}

/// A part of an order's allocations: a merchant and an amount.
pub(crate) fn allocation_part(item: &Json<'_>, fen_min: i64) -> Read<AllocationPart> {
    let item = as_object(item)?;
    let merchant = MerchantId::new(item.required_text("ChannelSubMerchantId", 1..=50)?);
    let amount = item.integer("AllocateAmount", fen_min..=TOTAL_FEN_MAX)?;
    Ok(AllocationPart { merchant, amount: Fen::new(required("AllocateAmount", amount)?) })
}

/// `Result` of `unfreeze_allocate`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Unfrozen<'o> {
    pub(crate) out_unfreeze_id: &'o str,
    pub(crate) unfreeze_id: String,
    pub(crate) out_order_id: &'o str,
    pub(crate) fund_allocate_list: Vec<UnfrozenPart<'o>>,
}

/// A part that was released, and how its allocation stands now.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnfrozenPart<'o> {
    pub(crate) channel_sub_merchant_id: &'o str,
    pub(crate) allocate_amount: i64,
    pub(crate) allocate_status: &'static str,
}

/// `Result` of `close_order`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Closed<'o> {
    pub(crate) out_order_id: &'o str,
    pub(crate) channel_order_id: String,
    pub(crate) order_status: &'static str,
}
