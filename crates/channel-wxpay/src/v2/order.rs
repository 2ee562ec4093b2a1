//! Placing an order, and what the client gets to pay with.

use super::request::parties;
use super::settings::Account;
use super::sign::SIGN_TYPE;
use super::time;
use super::xml::Members;
use crate::order::{
    H5_VALID_SECONDS, Trade, device_id, expiry, jump_url, prepay_id_ends_at, unsupported,
};
use crate::wire::{self, AppPayInfo, JsapiPayInfo};
use channel::{CodecContext, EncodeFault, Finding, PayForm, PayInfo, Place, Scene};

/// Bytes of `body`, which the channel counts so.
const BODY_LEN_MAX: usize = 128;
/// Who orders, where the payer's address is not known and not demanded.
const SOMEWHERE: &str = "127.0.0.1";

/// Path and members of the request.
pub(super) fn request(
    account: &Account,
    place: &Place,
) -> Result<(&'static str, Members), EncodeFault> {
    check(place)?;
    let order = common(account, place);
    if place.scene == Scene::Swipe {
        let code = place.payment_code.as_ref();
        let code = code.ok_or_else(|| unsupported("scene", "swipe wants the payer's code"))?;
        return Ok(("/pay/micropay", order.with("auth_code", code.expose())));
    }
    let trade = Trade::of(place.scene)?;
    let order =
        order.with("trade_type", trade_type(trade)).with("notify_url", &*place.callback_url);
    let order = match trade {
        Trade::Jsapi => payer(account, place, order)?,
        Trade::Native => order.with("product_id", &*place.channel_order_no),
        Trade::H5 if place.payer.client_ip.is_none() => {
            return Err(unsupported("payer.client_ip", "the payer's address wanted"));
        }
        Trade::H5 => order.with("scene_info", r#"{"h5_info":{"type":"Wap"}}"#),
        Trade::App => order,
    };
    Ok(("/pay/unifiedorder", order))
}

pub(super) fn check(place: &Place) -> Result<(), EncodeFault> {
    if !place.amount.is_positive() {
        return Err(unsupported("amount", "above zero wanted"));
    }
    if place.subject.len() > BODY_LEN_MAX {
        let why = format!("{} bytes, v2 takes at most {BODY_LEN_MAX}", place.subject.len());
        return Err(unsupported("subject", why));
    }
    let goods_tag = place.goods_tag.as_deref().unwrap_or_default();
    match [&*place.subject, goods_tag].iter().any(|text| text.contains(char::is_control)) {
        true => Err(unsupported("subject", "no control characters wanted")),
        false => Ok(()),
    }
}

fn common(account: &Account, place: &Place) -> Members {
    let app = account.app(&place.payer);
    let address = place.payer.client_ip.as_deref().filter(|address| !address.is_empty());
    parties(&account.mchid, account.partner.as_ref(), &account.appid, app)
        .with("body", &*place.subject)
        .with("out_trade_no", &*place.channel_order_no)
        .with("total_fee", place.amount.get().to_string())
        .with("fee_type", place.currency.code())
        .with("spbill_create_ip", address.unwrap_or(SOMEWHERE))
        .with("time_start", time::text(place.placed_at))
        .with("time_expire", time::text(expiry(place)))
        .with_some("goods_tag", place.goods_tag.as_deref())
        .with_some("device_info", device_id(place))
        .with_some("profit_sharing", place.is_shared.then_some("Y"))
}

/// The payer, under the name that goes with the app.
fn payer(account: &Account, place: &Place, order: Members) -> Result<Members, EncodeFault> {
    let Some(openid) = place.payer.user_id.as_deref().filter(|openid| !openid.is_empty()) else {
        return Err(unsupported("payer.user_id", "the payer's openid wanted"));
    };
    let is_subs = account.partner.is_some() && account.app(&place.payer) != account.appid;
    Ok(order.with(if is_subs { "sub_openid" } else { "openid" }, openid))
}

const fn trade_type(trade: Trade) -> &'static str {
    match trade {
        Trade::Jsapi => "JSAPI",
        Trade::Native => "NATIVE",
        Trade::App => "APP",
        Trade::H5 => "MWEB",
    }
}

/// What the answer to a placed order means.
pub(super) fn placed(
    account: &Account,
    place: &Place,
    answer: &Members,
    context: &CodecContext,
) -> Finding {
    match pay_info(account, place, answer, context) {
        Ok(pay_info) => Finding::Placed(pay_info),
        Err(why) => Finding::Unknown { why },
    }
}

fn pay_info(
    account: &Account,
    place: &Place,
    answer: &Members,
    context: &CodecContext,
) -> Result<PayInfo, String> {
    let trade = Trade::of(place.scene).map_err(|fault| fault.to_string())?;
    let app = account.app(&place.payer);
    let (form, text) = match trade {
        Trade::Jsapi => (PayForm::Jsapi, jsapi(account, app, answer.want("prepay_id")?, context)),
        Trade::App => (PayForm::AppSdk, app_sdk(account, app, answer.want("prepay_id")?, context)),
        Trade::Native => (PayForm::QrCode, answer.want("code_url")?.to_owned()),
        Trade::H5 => {
            let url = answer.want("mweb_url")?.to_owned();
            (PayForm::JumpUrl, jump_url(url, place.front_url.as_deref()))
        }
    };
    let valid_until = match trade {
        Trade::Jsapi | Trade::App | Trade::Native => prepay_id_ends_at(place, context.now),
        Trade::H5 => context.now.plus_seconds(H5_VALID_SECONDS),
    };
    Ok(PayInfo { form, text, valid_until })
}

fn jsapi(account: &Account, app: &str, prepay_id: &str, context: &CodecContext) -> String {
    let (timestamp, package) =
        (context.now.seconds().to_string(), format!("prepay_id={prepay_id}"));
    let sign_type = account.sign_type;
    let signed = jsapi_members(app, &timestamp, &context.nonce, &package, sign_type.name());
    wire::json_text(&JsapiPayInfo {
        app_id: app.to_owned(),
        time_stamp: timestamp,
        nonce_str: context.nonce.clone(),
        package,
        sign_type: sign_type.name().to_owned(),
        pay_sign: sign_type.sign(&signed, &account.key),
    })
}

/// What is signed for the JS bridge.
pub(crate) fn jsapi_members(
    app: &str,
    timestamp: &str,
    nonce: &str,
    package: &str,
    sign_type: &str,
) -> Members {
    Members::default()
        .with("appId", app)
        .with("timeStamp", timestamp)
        .with("nonceStr", nonce)
        .with("package", package)
        .with("signType", sign_type)
}

fn app_sdk(account: &Account, app: &str, prepay_id: &str, context: &CodecContext) -> String {
    let timestamp = context.now.seconds().to_string();
    let signed = sdk_members(app, &account.mchid, prepay_id, &timestamp, &context.nonce);
    wire::json_text(&AppPayInfo {
        appid: app.to_owned(),
        partnerid: account.mchid.clone(),
        prepayid: prepay_id.to_owned(),
        package: SDK_PACKAGE.to_owned(),
        noncestr: context.nonce.clone(),
        timestamp,
        sign: account.sign_type.sign(&signed, &account.key),
    })
}

/// The only package of the SDK.
const SDK_PACKAGE: &str = "Sign=WXPay";

/// What is signed for the SDK.
pub(crate) fn sdk_members(
    app: &str,
    partner: &str,
    prepay_id: &str,
    timestamp: &str,
    nonce: &str,
) -> Members {
    Members::default()
        .with("appid", app)
        .with("partnerid", partner)
        .with("prepayid", prepay_id)
        .with("package", SDK_PACKAGE)
        .with("noncestr", nonce)
        .with("timestamp", timestamp)
}

/// The members of a request that are not part of what is ordered.
pub(crate) const NOT_ORDERED: [&str; 5] =
    ["nonce_str", super::sign::SIGN, SIGN_TYPE, "time_start", "time_expire"];
