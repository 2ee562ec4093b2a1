//! Requests to commands, orders to results. Pure.

use crate::details::{self, Kept};
use crate::faults::{Fault, Internal, Status};
use crate::result::{
    AlipayArgs, AlipayOrderExt, BridgeArgs, JsapiArgs, OrderContent, PayWay, SdkArgs, SdkWxpay,
    TradePay, WxpayArgs, WxpayOrderExt,
};
use crate::states::{Platform, Progress, current_trade_state, trade_type};
use crate::sub_merchant::Registered;
use crate::wire::{MchKey, Pay, PayRequest, WxpayExt};
use crate::{NAME, NAMESPACE};
use channel::{Payer, PaymentCode, Scene};
use dialect::check::Malformed;
use kernel::{
    ChannelAnswer, KnownPayInfo, Order, OrderRequest, OrderState, Paid, PlaceOrder, Splits,
};
use ledger::{Currency, Timestamp};
use serde::Deserialize;
use std::sync::Arc;

/// How long an order lives when its request does not say, in seconds: as in the published samples.
pub(crate) const DEFAULT_LIFE_SECONDS: i64 = 120;
/// The most that is kept with an order, in bytes: every decision about the order reads it.
const DETAILS_LEN_MAX: usize = 16 * 1024;
/// What the package of a bridge begins with.
const PREPAY_ID: &str = "prepay_id=";

/// The command that a request is.
pub(crate) fn place(
    caller: &Registered,
    request: &PayRequest,
    now: Timestamp,
) -> Result<PlaceOrder, Fault> {
    let content = &request.content;
    let details = Kept::of(request).write()?;
    if details.len() > DETAILS_LEN_MAX {
        let why = format!("with what is kept beside it more than {DETAILS_LEN_MAX} bytes");
        return Err(Malformed::new("pay_content.detail", why).into());
    }
    let notify_url = content.caller_notify_url.as_ref().or(caller.declared.notify_url.as_ref());
    let order = OrderRequest {
        merchant: caller.declared.merchant.clone(),
        namespace: Arc::from(NAMESPACE),
        merchant_order_no: content.out_trade_no.clone(),
        dialect: Arc::from(NAME),
        amount: content.total_fee,
        currency: Currency::Cny,
        scene: request.pay.scene(),
        subject: content.body.clone(),
        payer: payer(request),
        goods_tag: content.goods_tag.clone(),
        notify_url: notify_url.cloned(),
        front_url: None,
        splits: Splits::default(),
        recharge: None,
        wallet: None,
        details,
        content: details::digest(request)?,
    };
    let default = now.plus_seconds(DEFAULT_LIFE_SECONDS);
    let code = content.author_code.clone();
    Ok(PlaceOrder {
        tenant: caller.declared.tenant.clone(),
        channel: request.platform.channel().to_owned(),
        request: Arc::new(order),
        payees: vec![],
        expires_at: Some(content.time_expire.unwrap_or(default)),
        payment_code: code.map(PaymentCode::new),
        agreement: None,
    })
}

/// Who pays. The address of the caller's machine is the payer's only where the payer's browser is sent to
/// the platform.
fn payer(request: &PayRequest) -> Payer {
    let key = &request.mch_key;
    let (app_id, user_id) = match request.platform {
        Platform::Wechat => {
            let ext = key.wxpay_pay_mch_key_ext.as_ref();
            ext.map_or((None, None), |ext| wechat_payer(request.pay, ext))
        }
        Platform::Alipay => {
            let ext = key.alipay_pay_mch_key_ext.as_ref();
            (None, ext.and_then(|ext| ext.user_id.clone()))
        }
    };
    let is_of_payer = request.pay == Pay::MobWeb;
    Payer {
        app_id,
        user_id,
        client_ip: request.client.spbill_create_ip.clone().filter(|_| is_of_payer),
        device_id: request.client.device_id.clone(),
    }
}

/// The app and the payer's id within it: the 子商户's own where both are named.
fn wechat_payer(pay: Pay, ext: &WxpayExt) -> (Option<String>, Option<String>) {
    let (sub_app, app) = match pay {
        Pay::MiniProgram => (
            ext.mini_program_sub_app_id.as_ref().or(ext.sub_app_id.as_ref()),
            ext.mini_program_app_id.as_ref().or(ext.app_id.as_ref()),
        ),
        Pay::App => (ext.mob_app_id.as_ref(), None),
        Pay::OfficialAccount | Pay::ScanCode | Pay::MobWeb | Pay::Micro => {
            (ext.sub_app_id.as_ref(), ext.app_id.as_ref())
        }
    };
    match (&ext.sub_open_id, &ext.open_id) {
        (Some(sub_open_id), _) => (sub_app.cloned(), Some(sub_open_id.clone())),
        (None, Some(open_id)) => (app.cloned(), Some(open_id.clone())),
        (None, None) => (sub_app.or(app).cloned(), None),
    }
}

/// Whether a request is the one that an order was made of. The kernel asks that of orders that are still
/// open; a final one is compared here.
pub(crate) fn is_same(order: &Order, place: &PlaceOrder) -> bool {
    let (known, again) = (&order.terms.request, &place.request);
    known.merchant == again.merchant
        && known.amount == again.amount
        && known.scene == again.scene
        && *order.terms.channel == *place.channel
        && known.content == again.content
}

/// That what placing came to can be shown: the payer can pay, or the outcome of a code is to be seen.
pub(crate) fn check_placed(
    order: &Order,
    answer: Option<&ChannelAnswer>,
    now: Timestamp,
) -> Result<(), Fault> {
    let is_by_code = order.terms.request.scene == Scene::Swipe;
    match &order.state {
        OrderState::Init if matches!(answer, Some(ChannelAnswer::AccountFault { .. })) => {
            Err(not_known(answer))
        }
        // What became of the code shows in the state of the order, and a query tells more.
        _ if is_by_code => Ok(()),
        OrderState::Init => Err(not_known(answer)),
        OrderState::Paying(_) if usable(order, now).is_some() => Ok(()),
        OrderState::Paying(_) => Err(not_known(answer)),
        OrderState::Closing(_) => Err(Fault::in_flight()),
        OrderState::Failed { reason, .. } => {
            Err(Fault::new(Status::Failed, Internal::Upstream, reason.clone()))
        }
        OrderState::Paid(_) => Err(Fault::paid()),
        OrderState::Closed { .. } => Err(kernel::Refusal::from(kernel::OrderRefusal::Final).into()),
    }
}

/// The platform's answer when it did not take the request now; else the outcome is not known.
pub(crate) fn not_known(answer: Option<&ChannelAnswer>) -> Fault {
    match answer {
        Some(ChannelAnswer::Later { code, text } | ChannelAnswer::Refused { code, text }) => {
            Fault::new(Status::Unknown, Internal::Upstream, format!("{code}: {text}"))
        }
        // The order stands, and an earlier call may have charged a code: the same call passes once the
        // platform has mended its account.
        Some(ChannelAnswer::AccountFault { code, text }) => {
            Fault::new(Status::Unknown, Internal::NotPermitted, format!("{code}: {text}"))
        }
        Some(ChannelAnswer::Unknown) | None => {
            let text = "the outcome is not known yet, send the same call again or query";
            Fault::new(Status::Unknown, Internal::UpstreamTimeout, text)
        }
    }
}

/// The pay info of an order, while a payer can pay with it.
fn usable(order: &Order, now: Timestamp) -> Option<&KnownPayInfo> {
    match &order.state {
        OrderState::Paying(pay_info) if pay_info.is_usable(now) && !order.is_overdue(now) => {
            Some(pay_info)
        }
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Paid(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => None,
    }
}

/// What the bridge of WeChat takes, as its channel makes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bridge {
    app_id: String,
    time_stamp: String,
    nonce_str: String,
    package: String,
    sign_type: String,
    pay_sign: String,
}

/// What the bridge of Alipay takes.
#[derive(Deserialize)]
struct AlipayBridge {
    #[serde(rename = "tradeNO")]
    trade_no: String,
}

/// What the SDK of WeChat Pay takes.
#[derive(Deserialize)]
struct Sdk {
    appid: String,
    partnerid: String,
    prepayid: String,
    package: String,
    noncestr: String,
    timestamp: String,
    sign: String,
}

/// What a client opens to pay, the prepay id inside, and the app in which it is opened.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) way: PayWay,
    prepare_id: Option<String>,
    app_id: Option<String>,
}

impl Opened {
    /// Reads what the channel made for the payer's client.
    pub(crate) fn of(order: &Order, platform: Platform, now: Timestamp) -> Result<Opened, Fault> {
        let Some(text) = usable(order, now).and_then(|pay_info| pay_info.text.as_deref()) else {
            return Ok(Opened::default());
        };
        match (order.terms.request.scene, platform) {
            (Scene::Public, Platform::Wechat) => Opened::bridge(text, WxpayArgs::GetBrandWcpay),
            (Scene::MiniProgram, Platform::Wechat) => {
                Opened::bridge(text, WxpayArgs::MiniProgramPay)
            }
            (Scene::Public | Scene::MiniProgram, Platform::Alipay) => {
                let AlipayBridge { trade_no } = serde_json::from_str(text)?;
                let args = JsapiArgs::Alipay(AlipayArgs { trade_pay: TradePay { trade_no } });
                let way = PayWay { jsapi_args: Some(args), ..PayWay::default() };
                Ok(Opened { way, ..Opened::default() })
            }
            (Scene::App, _) => Opened::sdk(text),
            (Scene::Pc, _) => {
                let way = PayWay { code_url: Some(text.to_owned()), ..PayWay::default() };
                Ok(Opened { way, ..Opened::default() })
            }
            (Scene::H5, _) => {
                let way = PayWay { mweb_url: Some(text.to_owned()), ..PayWay::default() };
                Ok(Opened { way, ..Opened::default() })
            }
            (Scene::Swipe | Scene::Agreement | Scene::Authorize, _) => Ok(Opened::default()),
        }
    }

    fn bridge(text: &str, within: impl FnOnce(BridgeArgs) -> WxpayArgs) -> Result<Opened, Fault> {
        let bridge: Bridge = serde_json::from_str(text)?;
        let prepare_id = bridge.package.strip_prefix(PREPAY_ID).map(str::to_owned);
        let app_id = Some(bridge.app_id.clone());
        let args = JsapiArgs::Wxpay(within(BridgeArgs {
            app_id: bridge.app_id,
            timestamp: bridge.time_stamp,
            nonce_str: bridge.nonce_str,
            package: bridge.package,
            sign_type: bridge.sign_type,
            pay_sign: bridge.pay_sign,
        }));
        let way = PayWay { jsapi_args: Some(args), ..PayWay::default() };
        Ok(Opened { way, prepare_id, app_id })
    }

    fn sdk(text: &str) -> Result<Opened, Fault> {
        let sdk: Sdk = serde_json::from_str(text)?;
        let prepare_id = Some(sdk.prepayid.clone());
        let wxpay = SdkWxpay {
            app_id: sdk.appid,
            timestamp: sdk.timestamp,
            nonce_str: sdk.noncestr,
            package_value: sdk.package,
            partner_id: sdk.partnerid,
            sign: sdk.sign,
            prepare_id: sdk.prepayid,
        };
        let way = PayWay { sdk_args: Some(SdkArgs { wxpay }), ..PayWay::default() };
        Ok(Opened { way, prepare_id, app_id: None })
    }

    /// The request's key, with the app that was taken where it named none.
    pub(crate) fn mch_key(&self, kept: &Kept) -> MchKey {
        let mut key = kept.pay_mch_key.clone();
        if let (Some(ext), Some(app_id)) = (&mut key.wxpay_pay_mch_key_ext, &self.app_id) {
            let place = match ext.sub_open_id.is_some() {
                true => &mut ext.sub_app_id,
                false => &mut ext.app_id,
            };
            place.get_or_insert_with(|| app_id.clone());
        }
        key
    }
}

/// The platform of an order of this dialect.
pub(crate) fn platform(order: &Order) -> Result<Platform, Fault> {
    Platform::of_channel(&order.terms.channel).ok_or_else(|| {
        tracing::error!(order = %order.terms.id, "an order of this API at an unknown channel");
        Fault::unknown()
    })
}

/// `order_content`
pub(crate) fn order_content(
    order: &Order,
    kept: &Kept,
    opened: &Opened,
    platform: Platform,
) -> OrderContent {
    let (terms, request) = (&order.terms, &order.terms.request);
    let paid = match &order.state {
        OrderState::Paid(paid) => Some(paid),
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => None,
    };
    let number = current_trade_state(platform, request.scene, Progress::of(order));
    let is_wechat = platform == Platform::Wechat;
    OrderContent {
        out_trade_no: request.merchant_order_no.clone(),
        transaction_id: paid.map(|paid| paid.payment_reference.clone()),
        trade_type: trade_type(request.scene),
        code_url: opened.way.code_url.clone(),
        time_expire: terms.expires_at.seconds(),
        time_end: paid.map(|paid| paid.at.seconds()),
        notify_url: request.notify_url.clone(),
        nonce_str: kept.nonce_str.clone(),
        create_time: terms.placed_at.seconds(),
        last_update_time: updated_at(order).seconds(),
        is_transforming: is_transforming(order),
        total_fee: request.amount.get(),
        cash_fee: paid.map(|paid| paid.payer_amount.get()),
        settlement_total_fee: paid.map(|paid: &Paid| paid.settled_amount.get()),
        refunded_fee: None,
        fee_type: request.currency.code(),
        cash_fee_type: request.currency.code(),
        body: request.subject.clone(),
        detail: kept.detail.clone(),
        wxpay_order_content_ext: is_wechat.then(|| WxpayOrderExt {
            current_trade_state: number,
            trade_state_desc: description(order),
            attach: kept.attach.clone(),
            goods_tag: request.goods_tag.clone().unwrap_or_default(),
            product_id: kept.product_id.clone(),
            prepare_id: opened.prepare_id.clone(),
        }),
        alipay_order_content_ext: (!is_wechat)
            .then_some(AlipayOrderExt { current_trade_state: number }),
    }
}

/// Whether a call about it is under way, so that its state is about to change.
const fn is_transforming(order: &Order) -> bool {
    match &order.state {
        OrderState::Init | OrderState::Closing(_) => true,
        OrderState::Paying(_)
        | OrderState::Paid(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => false,
    }
}

fn updated_at(order: &Order) -> Timestamp {
    match &order.state {
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => order.terms.placed_at,
        OrderState::Paid(paid) => paid.at,
        OrderState::Failed { at, .. } | OrderState::Closed { at } => *at,
    }
}

/// Why an order was not paid, for people.
pub(crate) fn description(order: &Order) -> Option<String> {
    match &order.state {
        OrderState::Failed { reason, .. } => Some(reason.clone()),
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Paid(_)
        | OrderState::Closed { .. } => None,
    }
}
