//! Requests and results of stored value and gift cards (储值余额和礼品卡), member by member.

use crate::agreement::{AGREEMENT_INFO, AGREEMENT_SIGN_INFO};
use crate::check::{Malformed, Read, required};
use crate::json::{Json, Object};
use crate::members::{LIST_LEN_MAX, check_payer_info, check_scene_info};
use crate::wire::{
    TOTAL_FEN_MAX, UnifiedOrder, checked, currency, expires_at, external, plain, scene, url,
};
use crate::{pay_channel, time};
use kernel::{BATCH_CARDS_MAX, CardBatchState, CardValidity, Key, MerchantId, VALID_DAYS_MAX};
use ledger::{Fen, Id, Timestamp, kinds};
use serde::Serialize;

/// The scenes of `buy_cards`.
const PAY_TYPES: [&str; 5] = ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP"];
/// The channel that pays with stored value, which cannot buy stored value.
const WALLET: &str = "WALLETPAY";
/// The longest decimal text of an id.
const ID_LEN_MAX: usize = 18;
/// What stands before the digits of a card's id.
const CARD_PREFIX: &str = "GC";

/// `POST …/buy_cards`, checked.
pub(crate) struct BuyCards<'o> {
    /// The order, without the merchant and the amount: these are the batch's.
    pub(crate) order: UnifiedOrder<'o>,
    pub(crate) batch: Id<kinds::CardBatch>,
    /// At least 1; the upper limit is the kernel's.
    pub(crate) quantity: u32,
    pub(crate) owner: String,
}

impl<'o> BuyCards<'o> {
    /// Reads and checks the body, in the order of the published table.
    pub(crate) fn read(body: &'o Object<'o>) -> Read<BuyCards<'o>> {
        required("PayType", body.word("PayType", &PAY_TYPES)?)?;
        let order = order_of_recharge(body)?;
        let batch = required("CardBatchId", batch_id(body, "CardBatchId")?)?;
        let quantity = body.integer("CardQuantity", 1..=i64::from(u32::MAX))?;
        let quantity = required("CardQuantity", quantity)?;
        let quantity = u32::try_from(quantity).unwrap_or(u32::MAX);
        let owner = owner(&order)?;
        Ok(BuyCards { order, batch, quantity, owner })
    }
}

/// Who gets the cards: whom `PayerInfo` names, else the payer by their id at the channel.
fn owner(order: &UnifiedOrder<'_>) -> Read<String> {
    let named = |name| match order.payer_info.and_then(|payer| payer.get(name)) {
        Some(Json::Text(text)) => Some(text.to_string()),
        Some(_) | None => None,
    };
    let at_channel = |prefix, app, user| {
        let (app, user) = (order.external(app)?, order.external(user)?);
        Some(format!("{prefix}:{app}:{user}"))
    };
    named("PayerId")
        .or_else(|| named("OutUserId"))
        .or_else(|| at_channel("WX", "WxAppId", "WxOpenId"))
        .or_else(|| at_channel("ALI", "AliAppId", "AliUserId"))
        .ok_or_else(|| {
            Malformed::new(
                "PayerInfo",
                "missing, and no payer at the channel: whose are the cards?",
            )
        })
}

/// A batch's id: the page's table has a string, its sample a number.
pub(crate) fn batch_id(body: &Object<'_>, name: &str) -> Read<Option<Id<kinds::CardBatch>>> {
    let number = match body.get(name) {
        None => return Ok(None),
        Some(Json::Integer(number)) => Some(*number),
        Some(Json::Text(text)) if text.len() <= ID_LEN_MAX => text.parse().ok(),
        Some(_) => None,
    };
    let is_number = number.filter(|number| *number > 0).map(chosen_id);
    let wanted = || Malformed::new(name, "want the decimal id of a card batch");
    is_number.map(Some).ok_or_else(wanted)
}

#[expect(clippy::disallowed_methods, reason = "an id that the caller writes as a number")]
const fn chosen_id(number: i64) -> Id<kinds::CardBatch> {
    Id::from_value(number)
}

/// A card's id on the wire.
pub(crate) fn card_id(id: Id<kinds::Card>) -> String {
    format!("{CARD_PREFIX}{id}")
}

/// Reads a card's id.
pub(super) fn read_card_id(text: &str) -> Read<Id<kinds::Card>> {
    let id = text.strip_prefix(CARD_PREFIX).and_then(|digits| Id::parse(digits).ok());
    id.ok_or_else(|| Malformed::new("", "want GC and 18 digits"))
}

/// `Remark` of freezing a card or ending that; empty text is the same as absent.
pub(crate) fn remark(body: &Object<'_>) -> Read<Option<String>> {
    let text = body.text("Remark", 0..=128)?;
    Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
}

/// What names a recharge: `OutRechargeId`, or `ChannelOrderId`.
pub(crate) fn recharge_key(body: &Object<'_>) -> Read<Key<kinds::Order>> {
    let empty = |name| matches!(body.get(name), Some(Json::Text(text)) if text.is_empty());
    let out = if empty("OutRechargeId") { None } else { out_recharge_id(body)? };
    let has_both =
        out.is_some() && body.get("ChannelOrderId").is_some() && !empty("ChannelOrderId");
    match out {
        Some(_) if has_both => {
            Err(Malformed::new("ChannelOrderId", "given beside OutRechargeId: want one of them"))
        }
        Some(number) => Ok(super::by_number(number)),
        None if empty("ChannelOrderId") || body.get("ChannelOrderId").is_none() => {
            Err(Malformed::new("OutRechargeId", "missing, and ChannelOrderId too: want one"))
        }
        None => {
            let text = body.required_text("ChannelOrderId", 1..=50)?;
            let id = Id::parse(text).map(Key::Id);
            id.map_err(|_| Malformed::new("ChannelOrderId", "want 18 decimal digits"))
        }
    }
}

/// `OutRechargeId`: digits, letters, underscores.
pub(crate) fn out_recharge_id<'o>(body: &'o Object<'_>) -> Read<Option<&'o str>> {
    plain(body, "OutRechargeId", 6..=60)
}

/// What names a card: `CardId`, or `CardNo`.
pub(crate) fn card_key(body: &Object<'_>) -> Read<Key<kinds::Card>> {
    if let Some(text) = body.text("CardId", 1..=50)? {
        if body.get("CardNo").is_some() {
            return Err(Malformed::new("CardNo", "given beside CardId: want one of them"));
        }
        return read_card_id(text).map(Key::Id).map_err(|fault| fault.inside("CardId"));
    }
    let number = required("CardId", body.text("CardNo", 1..=50)?)?;
    card_number(number).map(kernel::Card::key)
}

/// `CardNo`, whose last digit shows a mistyped one.
pub(super) fn card_number(number: &str) -> Read<&str> {
    match kernel::has_check_digit(number) {
        true => Ok(number),
        false => Err(Malformed::new("CardNo", "want 16 digits with the right check digit")),
    }
}

/// `POST …/create_card_batch`, checked.
pub(crate) struct CreateBatch<'o> {
    pub(crate) number: &'o str,
    pub(crate) name: &'o str,
    pub(crate) merchant: &'o str,
    pub(crate) face: Fen,
    pub(crate) price: Fen,
    pub(crate) total: i64,
    pub(crate) validity: CardValidity,
    pub(crate) owner_max: u32,
    pub(crate) is_transferable: bool,
    pub(crate) accepted_by: Vec<MerchantId>,
}

impl<'o> CreateBatch<'o> {
    pub(crate) fn read(body: &'o Object<'_>) -> Read<CreateBatch<'o>> {
        let number = required("OutBatchId", plain(body, "OutBatchId", 6..=60)?)?;
        let name = body.required_text("BatchName", 1..=60)?;
        let merchant = body.required_text("ChannelSubMerchantId", 1..=50)?;
        let amount = |name| required(name, body.integer(name, 1..=TOTAL_FEN_MAX)?).map(Fen::new);
        let (face, price) = (amount("FaceAmount")?, amount("SalePrice")?);
        let total = required("TotalQuantity", body.integer("TotalQuantity", 1..=BATCH_CARDS_MAX)?)?;
        let validity = validity(body)?;
        let owner_max = body.integer("PurchaseLimit", 0..=i64::from(u32::MAX))?.unwrap_or(0);
        let accepted_by = body.list("ApplyMerchantList", LIST_LEN_MAX, |item| {
            crate::check::as_text(item, 1..=50).map(MerchantId::new)
        })?;
        Ok(CreateBatch {
            number,
            name,
            merchant,
            face,
            price,
            total,
            validity,
            owner_max: u32::try_from(owner_max).unwrap_or(u32::MAX),
            is_transferable: body.flag("Transferable")?.unwrap_or(false),
            accepted_by: accepted_by.unwrap_or_default(),
        })
    }
}

fn validity(body: &Object<'_>) -> Read<CardValidity> {
    match required("ValidType", body.word("ValidType", &["FIXED", "RELATIVE"])?)? {
        "FIXED" => Ok(CardValidity::Fixed {
            begins_at: required("BeginTime", moment(body, "BeginTime")?)?,
            ends_at: required("EndTime", moment(body, "EndTime")?)?,
        }),
        _ => {
            let days = body.integer("ValidDays", 1..=i64::from(VALID_DAYS_MAX))?;
            let days = u16::try_from(required("ValidDays", days)?).unwrap_or(VALID_DAYS_MAX);
            Ok(CardValidity::Relative { days })
        }
    }
}

pub(super) fn moment(body: &Object<'_>, name: &str) -> Read<Option<Timestamp>> {
    let Some(text) = body.text(name, 1..=19)? else { return Ok(None) };
    let wanted = "want a real time as YYYY-MM-DD HH:MM:SS";
    time::read(text).map(Some).ok_or_else(|| Malformed::new(name, wanted))
}

/// `POST …/modify_card_batch`, checked.
pub(crate) struct ModifyBatch {
    pub(crate) batch: Id<kinds::CardBatch>,
    pub(crate) state: Option<CardBatchState>,
    pub(crate) total: Option<i64>,
    pub(crate) ends_at: Option<Timestamp>,
}

impl ModifyBatch {
    pub(crate) fn read(body: &Object<'_>) -> Read<ModifyBatch> {
        let batch = required("CardBatchId", batch_id(body, "CardBatchId")?)?;
        let word = body.word("BatchStatus", &["ON_SALE", "OFF_SALE", "CLOSED"])?;
        let state = CardBatchState::ALL.into_iter().find(|state| Some(sale(*state)) == word);
        let total = body.integer("TotalQuantity", 1..=BATCH_CARDS_MAX)?;
        let ends_at = moment(body, "EndTime")?;
        match (state, total, ends_at) {
            (None, None, None) => Err(Malformed::new(
                "BatchStatus",
                "missing, and TotalQuantity and EndTime too: nothing to change",
            )),
            (_, _, _) => Ok(ModifyBatch { batch, state, total, ends_at }),
        }
    }
}

/// `BatchStatus`, of a batch whose time is not up.
pub(crate) const fn sale(state: CardBatchState) -> &'static str {
    match state {
        CardBatchState::Init => "INIT",
        CardBatchState::OnSale => "ON_SALE",
        CardBatchState::OffSale => "OFF_SALE",
        CardBatchState::Closed => "CLOSED",
    }
}

/// `Result` of `buy_cards` and `recharge`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Bought<'o> {
    pub(crate) out_recharge_id: &'o str,
    pub(crate) out_order_id: &'o str,
    pub(crate) channel_order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) third_pay_order_id: Option<&'o str>,
    pub(crate) total_amount: String,
    pub(crate) recharge_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_info_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_info: Option<&'o str>,
    pub(crate) pay_channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wallet_id: Option<String>,
}

/// `Result` of `query_recharge`, and of notifications about recharges.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RechargeShown<'o> {
    pub(crate) out_recharge_id: &'o str,
    pub(crate) out_order_id: &'o str,
    pub(crate) channel_order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) third_pay_order_id: Option<&'o str>,
    pub(crate) recharge_type: &'static str,
    pub(crate) total_amount: String,
    pub(crate) recharge_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<&'o str>,
    pub(crate) pay_channel: String,
    pub(crate) pay_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_finish: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachment: Option<std::borrow::Cow<'o, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wallet_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card_batch_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card_quantity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card_list: Option<Vec<CardShown>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refunded_amount: Option<String>,
}

/// `Result` of `close_recharge`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RechargeClosed<'o> {
    pub(crate) out_recharge_id: &'o str,
    pub(crate) channel_order_id: String,
    pub(crate) recharge_status: &'static str,
}

/// A card.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CardShown {
    pub(crate) card_id: String,
    pub(crate) card_no: String,
    pub(crate) card_batch_id: String,
    pub(crate) owner_id: String,
    pub(crate) face_amount: String,
    pub(crate) balance: String,
    pub(crate) card_status: &'static str,
    pub(crate) begin_time: String,
    pub(crate) end_time: String,
    pub(crate) issue_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wallet_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bind_time: Option<String>,
}

/// A batch.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchShown<'o> {
    pub(crate) card_batch_id: String,
    pub(crate) out_batch_id: &'o str,
    pub(crate) batch_name: &'o str,
    pub(crate) channel_sub_merchant_id: &'o str,
    pub(crate) face_amount: i64,
    pub(crate) sale_price: i64,
    pub(crate) total_quantity: i64,
    pub(crate) issued_quantity: i64,
    pub(crate) reserved_quantity: i64,
    pub(crate) valid_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) begin_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_days: Option<u16>,
    pub(crate) purchase_limit: u32,
    pub(crate) transferable: bool,
    pub(crate) batch_status: &'static str,
    pub(crate) apply_merchant_list: Vec<&'o str>,
    pub(crate) create_time: String,
}

/// A batch's id on the wire.
pub(crate) fn batch_id_text(id: Id<kinds::CardBatch>) -> String {
    id.value().to_string()
}

/// The order of a recharge: its members are those of an order but for its own number; its merchant and
/// amount are not in the request.
pub(crate) fn order_of_recharge<'o>(body: &'o Object<'o>) -> Read<UnifiedOrder<'o>> {
    for name in [AGREEMENT_INFO, AGREEMENT_SIGN_INFO] {
        if body.get(name).is_some() {
            return Err(Malformed::new(name, "stored value is not bought by agreement"));
        }
    }
    let scene = scene(body)?;
    let external = external(body)?;
    // The published sample leaves it out, and names a payer of WeChat Pay.
    let of_payer = external.as_ref().and_then(pay_channel::of_payer);
    let named = body.text("PayChannel", 1..=30)?;
    let pay_channel = required("PayChannel", named.or(of_payer))?;
    let order = UnifiedOrder {
        merchant: "",
        total_amount: Fen::ZERO,
        scene,
        channel: pay_channel::name(pay_channel),
        pay_channel: pay_channel::row(pay_channel),
        out_order_id: required("OutRechargeId", out_recharge_id(body)?)?,
        subject: body.required_text("OrderSubject", 1..=200)?,
        currency: currency(body)?,
        expires_at: expires_at(body)?,
        notify_url: url(body, "RechargeNotifyUrl")?,
        front_url: url(body, "FrontUrl")?,
        external,
        shares: None,
        payer_info: checked(body, "PayerInfo", check_payer_info)?,
        products: None,
        payees: None,
        scene_info: checked(body, "SceneInfo", check_scene_info)?,
        goods_tag: None,
        attachment: body.text("Attachment", 1..=128)?,
        remark: body.text("Remark", 1..=128)?,
        allocations: None,
        wallet_info: None,
        agreement: None,
    };
    if order.pay_channel.is_some_and(|row| row.word == WALLET) {
        return Err(Malformed::new("PayChannel", "stored value cannot be bought with it"));
    }
    order.check_payer()?;
    Ok(order)
}
