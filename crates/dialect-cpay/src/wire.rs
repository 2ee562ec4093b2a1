//! Requests, member by member. Members that are not known are ignored.

use crate::states::{Platform, trade_type};
use crate::sub_merchant::CLIENT_ID_LEN_MAX;
use channel::{CallableUrl, Scene};
use dialect::check::{Malformed, Read, required};
use dialect::json::{Object, read_object};
use ledger::{Fen, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// `Number(32)`, which is unsigned.
const NUMBER_32_MAX: i64 = u32::MAX as i64;
/// The last second that has a date of four digits.
const SECONDS_MAX: i64 = 253_402_300_799;
/// Characters of a number or id of this API.
const NUMBER_LEN_MAX: usize = 32;
/// What a terminal can be: Windows, Android, iOS, Linux, another.
const TERMINAL_TYPES: [i64; 5] = [1, 2, 3, 4, 100];
/// Members that would change what is paid or who may pay, and which no channel here is told. Ignoring one
/// would take money that its merchant did not want so.
const NOT_FOR_ALIPAY: [&str; 6] = [
    "discountable_amount",
    "undiscountable_amount",
    "royalty_info",
    "extend_params",
    "disable_pay_channels",
    "timeout_express",
];

/// The calls that place an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pay {
    OfficialAccount,
    MiniProgram,
    ScanCode,
    App,
    MobWeb,
    Micro,
}

impl Pay {
    /// Every call.
    #[cfg(feature = "fuzzing")]
    pub(crate) const ALL: [Pay; 6] =
        [Pay::OfficialAccount, Pay::MiniProgram, Pay::ScanCode, Pay::App, Pay::MobWeb, Pay::Micro];

    /// Where the payer is.
    pub(crate) const fn scene(self) -> Scene {
        match self {
            Pay::OfficialAccount => Scene::Public,
            Pay::MiniProgram => Scene::MiniProgram,
            Pay::ScanCode => Scene::Pc,
            Pay::App => Scene::App,
            Pay::MobWeb => Scene::H5,
            Pay::Micro => Scene::Swipe,
        }
    }

    /// Whether it is a call for WeChat Pay alone.
    const fn is_of_wechat(self) -> bool {
        match self {
            Pay::MiniProgram | Pay::App | Pay::MobWeb => true,
            Pay::OfficialAccount | Pay::ScanCode | Pay::Micro => false,
        }
    }
}

/// A request that places an order, checked.
pub(crate) struct PayRequest {
    pub(crate) pay: Pay,
    pub(crate) platform: Platform,
    pub(crate) content: PayContent,
    pub(crate) mch_key: MchKey,
    pub(crate) client: OrderClient,
    pub(crate) nonce_str: String,
}

/// `pay_content`
pub(crate) struct PayContent {
    pub(crate) out_trade_no: String,
    pub(crate) total_fee: Fen,
    pub(crate) body: String,
    pub(crate) time_expire: Option<Timestamp>,
    pub(crate) detail: Option<String>,
    pub(crate) remark: Option<String>,
    pub(crate) caller_notify_url: Option<String>,
    pub(crate) attach: Option<String>,
    pub(crate) goods_tag: Option<String>,
    pub(crate) product_id: Option<String>,
    pub(crate) client_flow_id: Option<String>,
    /// The payer's code. It goes no further than the command.
    pub(crate) author_code: Option<String>,
}

/// `pay_mch_key`, as it came and as an order keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MchKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_platform: Option<i64>,
    pub(crate) out_mch_id: String,
    pub(crate) out_sub_mch_id: String,
    pub(crate) out_shop_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_pay_platform: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wxpay_pay_mch_key_ext: Option<WxpayExt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alipay_pay_mch_key_ext: Option<AlipayExt>,
}

/// `wxpay_pay_mch_key_ext`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WxpayExt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mini_program_app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mini_program_sub_app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mob_app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_open_id: Option<String>,
}

/// `alipay_pay_mch_key_ext`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AlipayExt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
}

/// `order_client`, as it came and as an order keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OrderClient {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) staff_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) terminal_type: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_terminal_type: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sdk_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spbill_create_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sn_code: Option<String>,
}

impl PayRequest {
    /// Reads and checks a request, in the order of the published table.
    pub(crate) fn read(pay: Pay, asked: &Object<'_>) -> Read<PayRequest> {
        let content = within(asked, "pay_content", |content| PayContent::read(pay, content))?;
        let mch_key = MchKey::read(asked)?;
        let platform = platform(pay, &content, &mch_key)?;
        let client = match pay {
            // Its published table has no such member.
            Pay::App => OrderClient::read(asked)?.unwrap_or_default(),
            Pay::OfficialAccount | Pay::MiniProgram | Pay::ScanCode | Pay::MobWeb | Pay::Micro => {
                required("order_client", OrderClient::read(asked)?)?
            }
        };
        let nonce_str = nonce_str(asked, "nonce_str")?;
        if let Some(wanted) = trade_type(pay.scene()) {
            asked.integer("trade_type", wanted..=wanted)?;
        }
        let request = PayRequest { pay, platform, content, mch_key, client, nonce_str };
        let request = request.of_its_platform();
        request.check_together()?;
        Ok(request)
    }

    /// A cashier does not know whose code is scanned, and sends what either platform takes: what is of the
    /// other one is not used.
    fn of_its_platform(mut self) -> PayRequest {
        if self.pay == Pay::Micro && self.platform == Platform::Alipay {
            self.mch_key.wxpay_pay_mch_key_ext = None;
            (self.content.attach, self.content.goods_tag) = (None, None);
            self.content.product_id = None;
        }
        if self.pay == Pay::Micro && self.platform == Platform::Wechat {
            self.mch_key.alipay_pay_mch_key_ext = None;
        }
        self
    }

    /// What depends on more than one member.
    fn check_together(&self) -> Read<()> {
        let content = &self.content;
        let is_wechat = self.platform == Platform::Wechat;
        let only_wechat = [
            ("attach", &content.attach),
            ("goods_tag", &content.goods_tag),
            ("product_id", &content.product_id),
        ];
        if let Some((name, _)) = only_wechat.into_iter().find(|(_, it)| !is_wechat && it.is_some())
        {
            let fault = Malformed::new(name, "for WeChat Pay alone");
            return Err(fault.inside("wxpay_pay_content_ext").inside("pay_content"));
        }
        if self.pay == Pay::ScanCode && is_wechat && content.product_id.is_none() {
            let fault = Malformed::new("product_id", "missing");
            return Err(fault.inside("wxpay_pay_content_ext").inside("pay_content"));
        }
        if self.pay == Pay::Micro && self.client.machine_no.is_none() {
            return Err(Malformed::new("machine_no", "missing").inside("order_client"));
        }
        self.check_payer().map_err(|fault| fault.inside("pay_mch_key"))
    }

    /// That the payer is named where the platform must know who pays, and as it knows them.
    fn check_payer(&self) -> Read<()> {
        let (wxpay, alipay) =
            (&self.mch_key.wxpay_pay_mch_key_ext, &self.mch_key.alipay_pay_mch_key_ext);
        let other = match self.platform {
            Platform::Wechat => alipay.is_some().then_some("alipay_pay_mch_key_ext"),
            Platform::Alipay => wxpay.is_some().then_some("wxpay_pay_mch_key_ext"),
        };
        let app_of_payer = wxpay.as_ref().filter(|_| self.platform == Platform::Wechat);
        if app_of_payer.is_some_and(WxpayExt::lacks_app) {
            let missing = Malformed::new("app_id", "missing, open_id is of that app");
            return Err(missing.inside("wxpay_pay_mch_key_ext"));
        }
        if let Some(name) = other {
            return Err(Malformed::new(name, "does not belong to pay_platform"));
        }
        let wxpay_wants = |name: &'static str, is_there: fn(&WxpayExt) -> bool| {
            let ext = required("wxpay_pay_mch_key_ext", wxpay.as_ref())?;
            let missing = Malformed::new(name, "missing").inside("wxpay_pay_mch_key_ext");
            if is_there(ext) { Ok(()) } else { Err(missing) }
        };
        match (self.pay, self.platform) {
            (Pay::OfficialAccount | Pay::MiniProgram, Platform::Wechat) => {
                let is_named = |ext: &WxpayExt| ext.open_id.is_some() || ext.sub_open_id.is_some();
                wxpay_wants("open_id and sub_open_id", is_named)
            }
            (Pay::App, Platform::Wechat) => {
                wxpay_wants("mob_app_id", |ext| ext.mob_app_id.is_some())
            }
            (Pay::OfficialAccount | Pay::MiniProgram, Platform::Alipay) => {
                let ext = required("alipay_pay_mch_key_ext", alipay.as_ref())?;
                let user_id = required("user_id", ext.user_id.as_ref());
                user_id.map(drop).map_err(|fault| fault.inside("alipay_pay_mch_key_ext"))
            }
            (Pay::App, Platform::Alipay) | (Pay::ScanCode | Pay::MobWeb | Pay::Micro, _) => Ok(()),
        }
    }
}

/// Through which platform is paid: the code that a payer shows names its own.
fn platform(pay: Pay, content: &PayContent, key: &MchKey) -> Read<Platform> {
    let named = key.platform().map_err(|fault| fault.inside("pay_mch_key"))?;
    let platform = match &content.author_code {
        Some(code) => {
            let why = "want a code that begins with 10 to 15 or 25 to 30";
            let of_code = Platform::of_code(code)
                .ok_or_else(|| Malformed::new("author_code", why).inside("pay_content"))?;
            match named {
                Some(named) if named != of_code => {
                    let fault = Malformed::new("pay_platform", "not that of author_code");
                    return Err(fault.inside("pay_mch_key"));
                }
                Some(_) | None => of_code,
            }
        }
        None => required("pay_platform", named).map_err(|fault| fault.inside("pay_mch_key"))?,
    };
    if pay.is_of_wechat() && platform != Platform::Wechat {
        return Err(Malformed::new("pay_platform", "want 1").inside("pay_mch_key"));
    }
    Ok(platform)
}

impl PayContent {
    /// What a request says that names nothing but a number and a title.
    pub(crate) fn plain(out_trade_no: String, body: String) -> PayContent {
        PayContent {
            out_trade_no,
            total_fee: Fen::ZERO,
            body,
            time_expire: None,
            detail: None,
            remark: None,
            caller_notify_url: None,
            attach: None,
            goods_tag: None,
            product_id: None,
            client_flow_id: None,
            author_code: None,
        }
    }

    fn read(pay: Pay, content: &Object<'_>) -> Read<PayContent> {
        let is_by_code = pay == Pay::Micro;
        let out_trade_no = number(content, "out_trade_no")?;
        // A payment by code has its end at once: its table has no expiry.
        let time_expire = match is_by_code {
            true => None,
            false => content.integer("time_expire", 0..=SECONDS_MAX)?,
        };
        let total = required("total_fee", content.integer("total_fee", 1..=NUMBER_32_MAX)?)?;
        required("fee_type", content.word("fee_type", &["CNY"])?)?;
        let body = content.required_text("body", 1..=128)?.to_owned();
        let detail = content.text("detail", 0..=6000)?;
        if let Some(detail) = given(detail) {
            read_object(detail.as_bytes()).map_err(|why| Malformed::new("detail", why))?;
        }
        let author_code = match is_by_code {
            true => Some(content.required_text("author_code", 1..=256)?.to_owned()),
            false => None,
        };
        let ext = content.object("wxpay_pay_content_ext")?.map(ContentExt::read).transpose();
        let ext = ext.map_err(|fault| fault.inside("wxpay_pay_content_ext"))?.unwrap_or_default();
        if let Some(alipay) = content.object("alipay_pay_content_ext")? {
            check_alipay(alipay).map_err(|fault| fault.inside("alipay_pay_content_ext"))?;
        }
        Ok(PayContent {
            out_trade_no,
            total_fee: Fen::new(total),
            body,
            time_expire: time_expire.map(Timestamp::from_seconds),
            detail: owned(detail),
            remark: owned(content.text("remark", 0..=127)?),
            caller_notify_url: caller_notify_url(content)?,
            attach: ext.attach,
            goods_tag: ext.goods_tag,
            product_id: ext.product_id,
            client_flow_id: owned(content.text("client_flow_id", 0..=128)?),
            author_code,
        })
    }
}

/// `wxpay_pay_content_ext`
#[derive(Default)]
struct ContentExt {
    attach: Option<String>,
    goods_tag: Option<String>,
    product_id: Option<String>,
}

impl ContentExt {
    fn read(ext: &Object<'_>) -> Read<ContentExt> {
        let product_id = owned(ext.text("product_id", 0..=32)?);
        if given(ext.text("limit_pay", 0..=32)?).is_some() {
            return Err(Malformed::new("limit_pay", "not offered here"));
        }
        ext.text("scene_info", 0..=256)?;
        Ok(ContentExt {
            attach: owned(ext.text("attach", 0..=127)?),
            goods_tag: owned(ext.text("goods_tag", 0..=32)?),
            product_id,
        })
    }
}

fn check_alipay(ext: &Object<'_>) -> Read<()> {
    match NOT_FOR_ALIPAY.iter().find(|name| ext.get(name).is_some()) {
        Some(name) => Err(Malformed::new(name, "not offered here")),
        None => Ok(()),
    }
}

fn caller_notify_url(content: &Object<'_>) -> Read<Option<String>> {
    let url = given(content.text("caller_notify_url", 0..=1024)?);
    if let Some(url) = url {
        let read = CallableUrl::read(url);
        read.map_err(|why| Malformed::new("caller_notify_url", why.to_string()))?;
    }
    Ok(url.map(str::to_owned))
}

impl MchKey {
    /// Reads `pay_mch_key`.
    pub(crate) fn read(asked: &Object<'_>) -> Read<MchKey> {
        within(asked, "pay_mch_key", |key| {
            let wxpay = key.object("wxpay_pay_mch_key_ext")?.map(WxpayExt::read).transpose();
            let alipay = key.object("alipay_pay_mch_key_ext")?.map(AlipayExt::read).transpose();
            let read = MchKey {
                pay_platform: key.integer("pay_platform", 1..=4)?,
                out_mch_id: key.required_text("out_mch_id", 1..=NUMBER_LEN_MAX)?.to_owned(),
                out_sub_mch_id: key.required_text("out_sub_mch_id", 1..=NUMBER_LEN_MAX)?.to_owned(),
                out_shop_id: key.required_text("out_shop_id", 1..=NUMBER_LEN_MAX)?.to_owned(),
                sub_pay_platform: key.integer("sub_pay_platform", 0..=NUMBER_32_MAX)?,
                wxpay_pay_mch_key_ext: wxpay
                    .map_err(|fault| fault.inside("wxpay_pay_mch_key_ext"))?,
                alipay_pay_mch_key_ext: alipay
                    .map_err(|fault| fault.inside("alipay_pay_mch_key_ext"))?,
            };
            read.platform()?;
            Ok(read)
        })
    }

    /// The platform that it names, if it does.
    pub(crate) fn platform(&self) -> Read<Option<Platform>> {
        let Some(number) = self.pay_platform else { return Ok(None) };
        let wanted = "want 1 (WeChat Pay) or 2 (Alipay)";
        let platform =
            Platform::of_number(number).ok_or_else(|| Malformed::new("pay_platform", wanted))?;
        match self.sub_pay_platform {
            Some(sub) if sub != platform.sub_number() => {
                let wanted = format!("want {}", platform.sub_number());
                Err(Malformed::new("sub_pay_platform", wanted))
            }
            Some(_) | None => Ok(Some(platform)),
        }
    }
}

impl WxpayExt {
    /// Whether it names a payer by the 服务商's app, and not the app: the platform would take the 子商户's.
    const fn lacks_app(&self) -> bool {
        self.open_id.is_some()
            && self.sub_open_id.is_none()
            && self.app_id.is_none()
            && self.mini_program_app_id.is_none()
    }

    fn read(ext: &Object<'_>) -> Read<WxpayExt> {
        let text = |name, length| Ok::<_, Malformed>(owned(ext.text(name, length)?));
        Ok(WxpayExt {
            app_id: text("app_id", 0..=32)?,
            sub_app_id: text("sub_app_id", 0..=32)?,
            mini_program_app_id: text("mini_program_app_id", 0..=32)?,
            mini_program_sub_app_id: text("mini_program_sub_app_id", 0..=32)?,
            mob_app_id: text("mob_app_id", 0..=32)?,
            open_id: text("open_id", 0..=128)?,
            sub_open_id: text("sub_open_id", 0..=128)?,
        })
    }
}

impl AlipayExt {
    fn read(ext: &Object<'_>) -> Read<AlipayExt> {
        Ok(AlipayExt { user_id: owned(ext.text("user_id", 0..=32)?) })
    }
}

impl OrderClient {
    /// Reads `order_client`.
    pub(crate) fn read(asked: &Object<'_>) -> Read<Option<OrderClient>> {
        let read = asked.object("order_client")?.map(OrderClient::read_inside).transpose();
        read.map_err(|fault| fault.inside("order_client"))
    }

    fn read_inside(client: &Object<'_>) -> Read<OrderClient> {
        let text = |name, length| Ok::<_, Malformed>(owned(client.text(name, length)?));
        let terminal_type = client.integer("terminal_type", 0..=NUMBER_32_MAX)?;
        if terminal_type.is_some_and(|number| !TERMINAL_TYPES.contains(&number)) {
            return Err(Malformed::new("terminal_type", "want 1, 2, 3, 4 or 100"));
        }
        let address = client.required_text("spbill_create_ip", 1..=16)?;
        if address.parse::<Ipv4Addr>().is_err() {
            return Err(Malformed::new("spbill_create_ip", "want an IPv4 address"));
        }
        Ok(OrderClient {
            device_id: text("device_id", 0..=CLIENT_ID_LEN_MAX)?,
            staff_id: text("staff_id", 0..=CLIENT_ID_LEN_MAX)?,
            terminal_type,
            sub_terminal_type: client.integer("sub_terminal_type", 0..=NUMBER_32_MAX)?,
            machine_no: text("machine_no", 0..=32)?,
            sdk_version: text("sdk_version", 0..=10)?,
            spbill_create_ip: Some(address.to_owned()),
            sn_code: text("sn_code", 0..=127)?,
        })
    }
}

/// What a query, a close and a reverse name.
pub(crate) struct Named {
    pub(crate) mch_key: MchKey,
    pub(crate) client: OrderClient,
    pub(crate) out_trade_no: String,
    pub(crate) trade_type: Option<i64>,
}

impl Named {
    /// Reads and checks a request.
    pub(crate) fn read(asked: &Object<'_>) -> Read<Named> {
        let mch_key = MchKey::read(asked)?;
        let client = required("order_client", OrderClient::read(asked)?)?;
        let out_trade_no = number(asked, "out_trade_no")?;
        let trade_type = asked.integer("trade_type", 0..=NUMBER_32_MAX)?;
        nonce_str(asked, "nonce_str")?;
        Ok(Named { mch_key, client, out_trade_no, trade_type })
    }
}

/// `refund`, checked.
pub(crate) struct RefundAsked {
    pub(crate) mch_key: MchKey,
    pub(crate) client: OrderClient,
    pub(crate) authority: Authority,
    pub(crate) out_trade_no: String,
    pub(crate) out_refund_no: String,
    pub(crate) total_fee: Fen,
    pub(crate) refund_fee: Fen,
    pub(crate) reason: Option<String>,
    pub(crate) nonce_str: String,
}

/// By whose right a refund is requested.
pub(crate) struct Authority {
    pub(crate) is_sub_mch_admin: bool,
    pub(crate) staff_id: Option<String>,
}

impl RefundAsked {
    /// Reads and checks a request.
    pub(crate) fn read(asked: &Object<'_>) -> Read<RefundAsked> {
        let mch_key = MchKey::read(asked)?;
        let authority = within(asked, "pay_mch_key", Authority::read)?;
        let client = required("order_client", OrderClient::read(asked)?)?;
        let nonce_str = nonce_str(asked, "nonce_str")?;
        within(asked, "refund_content", |content| {
            let fen = |name: &str, field: Option<i64>| required(name, field).map(Fen::new);
            let total = content.integer("total_fee", 1..=NUMBER_32_MAX)?;
            let refund = content.integer("refund_fee", 1..=NUMBER_32_MAX)?;
            required("refund_fee_type", content.word("refund_fee_type", &["CNY"])?)?;
            if let Some(ext) = content.object("wxpay_refund_content_ext")?
                && given(ext.text("refund_account", 0..=30)?).is_some()
            {
                let fault = Malformed::new("refund_account", "not offered here");
                return Err(fault.inside("wxpay_refund_content_ext"));
            }
            Ok(RefundAsked {
                mch_key,
                client,
                authority,
                out_trade_no: number(content, "out_trade_no")?,
                out_refund_no: number(content, "out_refund_no")?,
                total_fee: fen("total_fee", total)?,
                refund_fee: fen("refund_fee", refund)?,
                reason: owned(content.text("refund_reason", 0..=255)?),
                nonce_str,
            })
        })
    }
}

impl Authority {
    fn read(key: &Object<'_>) -> Read<Authority> {
        Ok(Authority {
            is_sub_mch_admin: key.flag("is_sub_mch_admin")?.unwrap_or(false),
            staff_id: owned(key.text("authorization_staff_id", 0..=CLIENT_ID_LEN_MAX)?),
        })
    }
}

/// `query_refund_order`, checked.
pub(crate) struct RefundNamed {
    pub(crate) named: Named,
    pub(crate) out_refund_no: String,
}

impl RefundNamed {
    /// Reads and checks a request.
    pub(crate) fn read(asked: &Object<'_>) -> Read<RefundNamed> {
        let named = Named::read(asked)?;
        let platform = named.mch_key.pay_platform;
        required("pay_platform", platform).map_err(|fault| fault.inside("pay_mch_key"))?;
        Ok(RefundNamed { named, out_refund_no: number(asked, "out_refund_no")? })
    }
}

/// Reads a member that must be an object, and what is inside.
fn within<'o, 'a, T>(
    owner: &'o Object<'a>,
    name: &str,
    read: impl FnOnce(&'o Object<'a>) -> Read<T>,
) -> Read<T> {
    let object = required(name, owner.object(name)?)?;
    read(object).map_err(|fault| fault.inside(name))
}

/// A random text. It may come again.
pub(crate) fn nonce_str(asked: &Object<'_>, name: &str) -> Read<String> {
    asked.required_text(name, 1..=32).map(str::to_owned)
}

/// A number that a client made. Whose prefix it must have depends on who calls.
pub(crate) fn number(owner: &Object<'_>, name: &str) -> Read<String> {
    let text = owner.required_text(name, NUMBER_LEN)?;
    match is_number(text) {
        true => Ok(text.to_owned()),
        false => Err(Malformed::new(name, "want letters, digits, _ and - only")),
    }
}

const NUMBER_LEN: RangeInclusive<usize> = 1..=NUMBER_LEN_MAX;

/// Whether a text can be a number or an id of this API.
pub(crate) fn is_number(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    NUMBER_LEN.contains(&text.len()) && text.bytes().all(is_plain)
}

/// Empty text is the same as absent.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn owned(text: Option<&str>) -> Option<String> {
    given(text).map(str::to_owned)
}
