//! Placing an order, and what the client gets to pay with.

use crate::settings::Account;
use crate::sign;
use crate::wire::{
    self, AppPayInfo, H5Info, JsapiPayInfo, OrderAmount, OrderRequest, Parties, PayerIds,
    PlacedAnswer, SceneInfo, SettleInfo,
};
use channel::{CodecContext, EncodeFault, Finding, PayForm, PayInfo, Payer, Place, Scene};
use crypto::SealFault;
use ledger::Timestamp;

/// Characters of a device's number.
const DEVICE_ID_LEN_MAX: usize = 32;
/// An order can be paid for a minute at least.
const EXPIRE_SECONDS_MIN: i64 = 60;
/// An order can be paid for 90 days at most.
const EXPIRE_SECONDS_MAX: i64 = 90 * 24 * 60 * 60;
/// How long a prepay id or a code URL works.
const PREPAY_VALID_SECONDS: i64 = 2 * 60 * 60;
/// How long an h5 URL works.
pub(crate) const H5_VALID_SECONDS: i64 = 5 * 60;

/// The ways to pay, as the channel cuts them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trade {
    Jsapi,
    Native,
    H5,
    App,
}

impl Trade {
    pub(crate) fn of(scene: Scene) -> Result<Trade, EncodeFault> {
        match scene {
            Scene::MiniProgram | Scene::Public => Ok(Trade::Jsapi),
            Scene::Pc => Ok(Trade::Native),
            Scene::H5 => Ok(Trade::H5),
            Scene::App => Ok(Trade::App),
            Scene::Swipe | Scene::Agreement | Scene::Authorize => {
                Err(unsupported("scene", format!("{} is not offered here", scene.name())))
            }
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Trade::Jsapi => "jsapi",
            Trade::Native => "native",
            Trade::H5 => "h5",
            Trade::App => "app",
        }
    }
}

/// The last part of the path, and the body.
pub(crate) fn request(
    account: &Account,
    place: &Place,
) -> Result<(&'static str, OrderRequest), EncodeFault> {
    let trade = Trade::of(place.scene)?;
    if !place.amount.is_positive() {
        return Err(unsupported("amount", "above zero wanted"));
    }
    let order = OrderRequest {
        parties: parties(account, &place.payer),
        description: place.subject.clone(),
        out_trade_no: place.channel_order_no.clone(),
        time_expire: Some(wire::time_text(expiry(place))),
        attach: None,
        notify_url: place.callback_url.clone(),
        goods_tag: place.goods_tag.clone(),
        amount: OrderAmount {
            total: place.amount.get(),
            currency: Some(place.currency.code().into()),
        },
        payer: payer(account, place, trade)?,
        scene_info: scene_info(place, trade)?,
        settle_info: place.is_shared.then_some(SettleInfo { profit_sharing: Some(true) }),
    };
    Ok((trade.path(), order))
}

/// Counted from the order's own time, so that every repeat says the same.
pub(crate) fn expiry(place: &Place) -> Timestamp {
    let earliest = place.placed_at.plus_seconds(EXPIRE_SECONDS_MIN);
    let latest = place.placed_at.plus_seconds(EXPIRE_SECONDS_MAX);
    place.expires_at.clamp(earliest, latest)
}

/// Who collects, and in which app.
pub(crate) fn parties(account: &Account, payer: &Payer) -> Parties {
    let app = account.app(payer);
    match &account.partner {
        None => Parties {
            appid: Some(app.into()),
            mchid: Some(account.mchid.clone()),
            ..Parties::default()
        },
        Some(partner) => Parties {
            sp_appid: Some(account.appid.clone()),
            sp_mchid: Some(account.mchid.clone()),
            sub_appid: (app != account.appid).then(|| app.into()),
            sub_mchid: Some(partner.sub_mchid.clone()),
            ..Parties::default()
        },
    }
}

fn payer(account: &Account, place: &Place, trade: Trade) -> Result<Option<PayerIds>, EncodeFault> {
    if trade != Trade::Jsapi {
        return Ok(None);
    }
    let Some(openid) = place.payer.user_id.clone().filter(|openid| !openid.is_empty()) else {
        return Err(unsupported("payer.user_id", "the payer's openid wanted"));
    };
    let ids = PayerIds::default();
    Ok(Some(match account.partner {
        None => PayerIds { openid: Some(openid), ..ids },
        Some(_) if account.app(&place.payer) == account.appid => {
            PayerIds { sp_openid: Some(openid), ..ids }
        }
        Some(_) => PayerIds { sub_openid: Some(openid), ..ids },
    }))
}

/// The channel takes scene information only with the payer's address; h5 orders need it.
fn scene_info(place: &Place, trade: Trade) -> Result<Option<SceneInfo>, EncodeFault> {
    let h5_info = (trade == Trade::H5).then(|| H5Info { kind: "Wap".into() });
    match place.payer.client_ip.as_ref().filter(|client_ip| !client_ip.is_empty()) {
        Some(client_ip) => Ok(Some(SceneInfo {
            payer_client_ip: Some(client_ip.clone()),
            device_id: device_id(place),
            h5_info,
        })),
        None if trade == Trade::H5 => {
            Err(unsupported("payer.client_ip", "the payer's address wanted"))
        }
        None => Ok(None),
    }
}

/// Only for the record: a number that the channel would refuse is left out, as a part of it would
/// name another device.
pub(crate) fn device_id(place: &Place) -> Option<String> {
    let device_id = place.payer.device_id.clone()?;
    let fits = (1..=DEVICE_ID_LEN_MAX).contains(&device_id.chars().count());
    let is_plain = device_id.chars().all(|char| char.len_utf8() < 4);
    (fits && is_plain).then_some(device_id)
}

/// What the answer to a placed order means.
pub(crate) fn placed(
    account: &Account,
    place: &Place,
    body: &[u8],
    context: &CodecContext,
) -> Finding {
    let answer = match wire::read::<PlacedAnswer>(body) {
        Ok(answer) => answer,
        Err(why) => return Finding::Unknown { why },
    };
    match pay_info(account, place, answer, context) {
        Ok(pay_info) => Finding::Placed(pay_info),
        Err(why) => Finding::Unknown { why },
    }
}

fn pay_info(
    account: &Account,
    place: &Place,
    answer: PlacedAnswer,
    context: &CodecContext,
) -> Result<PayInfo, String> {
    let trade = Trade::of(place.scene).map_err(|fault| fault.to_string())?;
    let app = account.app(&place.payer);
    let prepaid = || prepay_id_ends_at(place, context.now);
    let (form, text, valid_until) = match trade {
        Trade::Jsapi => {
            let prepay_id = filled(answer.prepay_id).ok_or("answer without prepay_id")?;
            let text =
                jsapi(account, app, &prepay_id, context).map_err(|fault| fault.to_string())?;
            (PayForm::Jsapi, text, prepaid())
        }
        Trade::App => {
            let prepay_id = filled(answer.prepay_id).ok_or("answer without prepay_id")?;
            let text =
                app_sdk(account, app, prepay_id, context).map_err(|fault| fault.to_string())?;
            (PayForm::AppSdk, text, prepaid())
        }
        Trade::Native => {
            let code_url = filled(answer.code_url).ok_or("answer without code_url")?;
            (PayForm::QrCode, code_url, prepaid())
        }
        Trade::H5 => {
            let h5_url = filled(answer.h5_url).ok_or("answer without h5_url")?;
            let jump_url = jump_url(h5_url, place.front_url.as_deref());
            (PayForm::JumpUrl, jump_url, context.now.plus_seconds(H5_VALID_SECONDS))
        }
    };
    Ok(PayInfo { form, text, valid_until })
}

/// When the prepay_id of an answer ends. A repeat after a lost answer brings the id that the first call
/// made, so it counts from the placing, until that id is over.
pub(crate) fn prepay_id_ends_at(place: &Place, now: Timestamp) -> Timestamp {
    let first_ends_at = place.placed_at.plus_seconds(PREPAY_VALID_SECONDS);
    if now < first_ends_at { first_ends_at } else { now.plus_seconds(PREPAY_VALID_SECONDS) }
}

/// A payer can do nothing with an empty id or link: it is as good as none.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn jsapi(
    account: &Account,
    app: &str,
    prepay_id: &str,
    context: &CodecContext,
) -> Result<String, SealFault> {
    let (timestamp, nonce) = (context.now.seconds().to_string(), context.nonce.clone());
    let package = format!("prepay_id={prepay_id}");
    let text = sign::client_text(app, &timestamp, &nonce, &package);
    Ok(wire::json_text(&JsapiPayInfo {
        app_id: app.into(),
        time_stamp: timestamp,
        nonce_str: nonce,
        package,
        sign_type: "RSA".into(),
        pay_sign: account.signer.sign(&text)?,
    }))
}

fn app_sdk(
    account: &Account,
    app: &str,
    prepay_id: String,
    context: &CodecContext,
) -> Result<String, SealFault> {
    let (timestamp, noncestr) = (context.now.seconds().to_string(), context.nonce.clone());
    let text = sign::client_text(app, &timestamp, &noncestr, &prepay_id);
    Ok(wire::json_text(&AppPayInfo {
        appid: app.into(),
        partnerid: account.mchid.clone(),
        prepayid: prepay_id,
        package: "Sign=WXPay".into(),
        noncestr,
        timestamp,
        sign: account.signer.sign(&text)?,
    }))
}

pub(crate) fn jump_url(h5_url: String, front_url: Option<&str>) -> String {
    let Some(front_url) = front_url else { return h5_url };
    let joint = if h5_url.contains('?') { '&' } else { '?' };
    format!("{h5_url}{joint}redirect_url={}", wire::percent_encoded(front_url))
}

pub(crate) fn unsupported(field: &'static str, why: impl Into<String>) -> EncodeFault {
    EncodeFault::unsupported(field, why)
}
