//! Placing an order.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, Order, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::{Mode, Trade};
use crate::counterpart::world::Merchant;
use crate::counterpart::{CallContext, identifiers, rules};
use crate::wire::{self, OrderRequest, Parties, PlacedAnswer, SettleInfo};
use ledger::Timestamp;
use serde_json::Value;

/// An order can be paid for at least a minute; an earlier end is moved.
const PAYABLE_SECONDS_MIN: i64 = 60;
/// An order's end lies at most 90 days ahead.
const PAYABLE_SECONDS_MAX: i64 = 90 * 86_400;
/// An order without an end can be paid for seven days.
const PAYABLE_SECONDS: i64 = 7 * 86_400;

pub(super) fn create(call: &mut CallContext<'_>, trade: Trade, mode: Mode) -> Result<Reply, Stop> {
    let body = rules::parse(call.request)?;
    rules::check_order(&body, trade, mode)?;
    let fingerprint = fingerprint(&body);
    let asked: OrderRequest = rules::convert(body)?;
    let order = take(call, trade, asked, fingerprint)?;
    Ok(Reply::json(200, &placed_answer(call, &order)))
}

/// Takes a checked order: a new one, or a repeat.
pub(super) fn take(
    call: &mut CallContext<'_>,
    trade: Trade,
    asked: OrderRequest,
    fingerprint: String,
) -> Result<Order, Stop> {
    check_binding(call.merchant, &asked.parties)?;
    let key = records::order_key(&call.merchant.mchid, &asked.out_trade_no);
    match records::read::<Order>(call.documents, &key)? {
        Some(known) => repeat(call, known, trade, &fingerprint),
        None if records::is_burnt(call.documents, &key)? => Err(Refusal::changed().into()),
        None => place(call, trade, asked, fingerprint),
    }
}

/// What must be equal for a repeat to be one: all but the end, which counts only the first time. The
/// currency has a default.
pub(super) fn fingerprint(body: &Value) -> String {
    let mut content = body.clone();
    if let Some(members) = content.as_object_mut() {
        members.remove("time_expire");
    }
    if let Some(amount) = content.get_mut("amount").and_then(Value::as_object_mut) {
        amount.entry("currency").or_insert_with(|| Value::from("CNY"));
    }
    crypto::hash::sha256_hex(content.to_string().as_bytes())
}

/// Whether merchant and apps belong together, and to the one who signed.
pub(super) fn check_binding(merchant: &Merchant, parties: &Parties) -> Result<(), Refusal> {
    let (name, mchid, appid) = match &parties.sp_mchid {
        Some(sp_mchid) => ("sp_mchid", Some(sp_mchid), &parties.sp_appid),
        None => ("mchid", parties.mchid.as_ref(), &parties.appid),
    };
    if mchid != Some(&merchant.mchid) {
        return Err(Refusal::field(name, "与Http头Authorization中的mchid不一致"));
    }
    if !appid.as_ref().is_some_and(|appid| merchant.appids.contains(appid)) {
        return Err(not_bound());
    }
    let Some(sub_mchid) = &parties.sub_mchid else {
        return Ok(());
    };
    let sub = merchant
        .sub_merchant(sub_mchid)
        .ok_or_else(|| Refusal::new("NO_AUTH", "特约商户未授权该服务商"))?;
    match &parties.sub_appid {
        Some(sub_appid) if !sub.sub_appids.contains(sub_appid) => Err(not_bound()),
        Some(_) | None => Ok(()),
    }
}

fn not_bound() -> Refusal {
    Refusal::new("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试")
}

fn repeat(
    call: &mut CallContext<'_>,
    known: Order,
    trade: Trade,
    fingerprint: &str,
) -> Result<Order, Stop> {
    let now = call.context.now;
    check_repeat(&known, trade, fingerprint, now)?;
    if trade == Trade::Native {
        let code = Some(identifiers::code(call.context));
        return keep(call, Order { code, prepay_ms: now.ms(), ..known });
    }
    if known.prepay_is_current(now) {
        return Ok(known);
    }
    let order =
        Order { prepay_id: identifiers::prepay_id(call.context), prepay_ms: now.ms(), ..known };
    keep(call, order)
}

/// Whether the number may be ordered once more with this content.
pub(super) fn check_repeat(
    known: &Order,
    trade: Trade,
    fingerprint: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    match known.stage(now) {
        Stage::Paid(_) => return Err(Refusal::order_paid()),
        Stage::Closed => return Err(Refusal::order_closed()),
        Stage::Revoked(_) => return Err(Refusal::new("ORDER_REVERSED", "该订单已撤销")),
        Stage::Open | Stage::Typing | Stage::Failed(_) => {}
    }
    if known.trade != trade {
        return Err(Refusal::new("OUT_TRADE_NO_USED", "商户订单号重复"));
    }
    match known.fingerprint == fingerprint {
        true => Ok(()),
        false => Err(Refusal::changed()),
    }
}

fn place(
    call: &mut CallContext<'_>,
    trade: Trade,
    asked: OrderRequest,
    fingerprint: String,
) -> Result<Order, Stop> {
    let now = call.context.now;
    let order = Order {
        trade,
        parties: asked.parties,
        out_trade_no: asked.out_trade_no,
        fingerprint,
        total: asked.amount.total,
        description: asked.description,
        attach: asked.attach,
        notify_url: Some(asked.notify_url),
        payer: asked.payer,
        device_id: asked.scene_info.and_then(|scene| scene.device_id),
        expires_ms: end(now, asked.time_expire.as_deref())?.ms(),
        prepay_id: identifiers::prepay_id(call.context),
        prepay_ms: now.ms(),
        coupon: None,
        code: (trade == Trade::Native).then(|| identifiers::code(call.context)),
        is_shared: is_shared(asked.settle_info.as_ref()),
        v2: call.v2,
        contract_id: None,
        state: State::Open { last_error: None },
    };
    keep(call, order)
}

pub(super) fn is_shared(settle_info: Option<&SettleInfo>) -> bool {
    settle_info.and_then(|settle| settle.profit_sharing).unwrap_or_default()
}

/// Writes an order with the pointers to it.
pub(super) fn keep(call: &mut CallContext<'_>, order: Order) -> Result<Order, Stop> {
    let key = order.key();
    records::write(call.documents, &key, &order)?;
    call.documents.put(&records::prepay_key(&order.prepay_id), &key)?;
    if let Some(code) = &order.code {
        call.documents.put(&records::code_key(code), &key)?;
    }
    Ok(order)
}

/// When an order ends that names this time, or none.
pub(super) fn end(now: Timestamp, time_expire: Option<&str>) -> Result<Timestamp, Refusal> {
    let Some(asked) = time_expire.and_then(wire::read_time) else {
        return Ok(now.plus_seconds(PAYABLE_SECONDS));
    };
    if asked > now.plus_seconds(PAYABLE_SECONDS_MAX) {
        return Err(Refusal::field("time_expire", "不能晚于下单后90天"));
    }
    Ok(asked.max(now.plus_seconds(PAYABLE_SECONDS_MIN)))
}

/// What the client can pay with.
pub(super) fn placed_answer(call: &CallContext<'_>, order: &Order) -> PlacedAnswer {
    let prepay_id = order.prepay_id.clone();
    match order.trade {
        Trade::Jsapi | Trade::App | Trade::Micropay | Trade::Papay => {
            PlacedAnswer { prepay_id: Some(prepay_id), ..PlacedAnswer::default() }
        }
        Trade::Native => PlacedAnswer { code_url: order.code_url(), ..PlacedAnswer::default() },
        Trade::H5 => {
            let package = identifiers::package(call.context);
            let h5_url = format!(
                "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}&package={package}"
            );
            PlacedAnswer { h5_url: Some(h5_url), ..PlacedAnswer::default() }
        }
    }
}
