//! Placing an order, and what the client gets to pay with.

use crate::agreement;
use crate::method::Method;
use crate::settings::{Account, Pc};
use crate::wire::{self, BridgePayInfo, OrderRequest, PlacedAnswer, Yuan};
use channel::{EncodeFault, Finding, PayForm, PayInfo, Place, Scene};
use ledger::{Fen, Timestamp};

/// An order can be paid for a minute at least.
const EXPIRE_SECONDS_MIN: i64 = 60;
/// An order can be paid for 15 days at most.
const EXPIRE_SECONDS_MAX: i64 = crate::ORDER_LIFE_SECONDS_MAX;
/// How long a QR code works.
const CODE_VALID_SECONDS: i64 = 2 * 60 * 60;
/// 100,000,000 yuan, the most of an order.
const AMOUNT_MAX: Fen = Fen::new(10_000_000_000);
/// Payers' own numbers begin so; other ids are those under which an app knows its payers.
const BUYER_ID: &str = "2088";
/// The digits of a payer's own number.
const BUYER_ID_LEN: usize = 16;
/// `product_code` of an order that is paid on a page inside Alipay's app, not in a mini program.
const IN_A_PAGE: &str = "FACE_TO_FACE_PAYMENT";

/// The call that places an order.
pub(crate) fn method(account: &Account, scene: Scene) -> Result<Method, EncodeFault> {
    match (scene, account.pc) {
        (Scene::MiniProgram | Scene::Public, _) => Ok(Method::Create),
        (Scene::Pc, Pc::Precreate) => Ok(Method::Precreate),
        (Scene::Pc, Pc::Page) => Ok(Method::PagePay),
        (Scene::H5, _) => Ok(Method::WapPay),
        (Scene::App, _) => Ok(Method::AppPay),
        (Scene::Swipe, _) => Ok(Method::Pay),
        (Scene::Agreement | Scene::Authorize, _) if !account.templates.is_empty() => {
            Ok(Method::Pay)
        }
        (Scene::Agreement | Scene::Authorize, _) => {
            Err(unsupported("scene", format!("{} is not offered here", scene.name())))
        }
    }
}

/// `biz_content` of the call.
pub(crate) fn request(account: &Account, place: &Place) -> Result<OrderRequest, EncodeFault> {
    let method = method(account, place.scene)?;
    if !place.amount.is_positive() || place.amount > AMOUNT_MAX {
        return Err(unsupported("amount", "0.01 to 100,000,000 yuan wanted"));
    }
    let is_in_mini_program = place.scene == Scene::MiniProgram;
    let order = OrderRequest {
        body: None,
        passback_params: None,
        out_trade_no: place.channel_order_no.clone(),
        total_amount: Yuan(place.amount),
        subject: place.subject.clone(),
        product_code: product_code(method, place.scene),
        time_expire: Some(wire::time_text(expiry(place))),
        timeout_express: None,
        seller_id: Some(account.seller_id.clone()),
        buyer_id: None,
        buyer_open_id: None,
        op_app_id: is_in_mini_program.then(|| op_app_id(account, place)),
        scene: None,
        auth_code: None,
        agreement_params: None,
        quit_url: place.front_url.clone().filter(|_| method == Method::WapPay),
    };
    match method {
        Method::Create => with_buyer(order, place),
        Method::Pay if place.scene.is_by_agreement() => with_agreement(account, order, place),
        Method::Pay => with_code(order, place),
        _ => Ok(order),
    }
}

fn product_code(method: Method, scene: Scene) -> Option<String> {
    match (method, scene) {
        (Method::Create, Scene::Public) => Some(IN_A_PAGE.to_owned()),
        _ => method.product_code().map(str::to_owned),
    }
}

/// The mini program that the caller names, else the app on whose behalf we act.
fn op_app_id(account: &Account, place: &Place) -> String {
    place.payer.app_id.clone().unwrap_or_else(|| account.acting_app_id().to_owned())
}

fn with_buyer(order: OrderRequest, place: &Place) -> Result<OrderRequest, EncodeFault> {
    let Some(id) = place.payer.user_id.clone().filter(|id| !id.is_empty()) else {
        return Err(unsupported("payer.user_id", "the payer's id wanted"));
    };
    let is_number = id.len() == BUYER_ID_LEN && id.bytes().all(|digit| digit.is_ascii_digit());
    Ok(match is_number && id.starts_with(BUYER_ID) {
        true => OrderRequest { buyer_id: Some(id), ..order },
        false => OrderRequest { buyer_open_id: Some(id), ..order },
    })
}

/// What a scanned code is, as opposed to a sound.
const BAR_CODE: &str = "bar_code";

fn with_code(order: OrderRequest, place: &Place) -> Result<OrderRequest, EncodeFault> {
    let Some(code) = &place.payment_code else {
        return Err(unsupported("payment_code", "the payer's code wanted"));
    };
    let auth_code = Some(code.expose().to_owned());
    Ok(OrderRequest { scene: Some(BAR_CODE.to_owned()), auth_code, ..order })
}

/// The product is that of the agreement.
fn with_agreement(
    account: &Account,
    order: OrderRequest,
    place: &Place,
) -> Result<OrderRequest, EncodeFault> {
    let (product_code, agreement_params) = agreement::debit(account, place)?;
    let product_code = Some(product_code);
    Ok(OrderRequest { product_code, agreement_params: Some(agreement_params), ..order })
}

/// Counted from the order's own time, so that every repeat says the same.
pub(crate) fn expiry(place: &Place) -> Timestamp {
    let earliest = place.placed_at.plus_seconds(EXPIRE_SECONDS_MIN);
    let latest = place.placed_at.plus_seconds(EXPIRE_SECONDS_MAX);
    place.expires_at.clamp(earliest, latest)
}

/// What the answer to a placed order means.
pub(crate) fn placed(place: &Place, content: &str, now: Timestamp) -> Finding {
    let answer = match wire::read::<PlacedAnswer>(content) {
        Ok(answer) => answer,
        Err(why) => return Finding::Unknown { why },
    };
    if answer.out_trade_no != place.channel_order_no {
        let why = format!(
            "out_trade_no: {} found, {} wanted",
            answer.out_trade_no, place.channel_order_no
        );
        return Finding::Mismatch { why };
    }
    match (filled(answer.trade_no), filled(answer.qr_code), place.scene) {
        (Some(trade_no), _, Scene::MiniProgram | Scene::Public) => {
            let text = wire::json_text(&BridgePayInfo { trade_no });
            Finding::Placed(PayInfo { form: PayForm::Jsapi, text, valid_until: expiry(place) })
        }
        (_, Some(text), Scene::Pc) => {
            let valid_until = now.plus_seconds(CODE_VALID_SECONDS);
            Finding::Placed(PayInfo { form: PayForm::QrCode, text, valid_until })
        }
        _ => Finding::Unknown { why: "answer without trade_no or qr_code".to_owned() },
    }
}

/// A payer can do nothing with an empty number or link: it is as good as none.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn unsupported(field: &'static str, why: impl Into<String>) -> EncodeFault {
    EncodeFault::unsupported(field, why)
}
