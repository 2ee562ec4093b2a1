//! An account at the channel, read from its settings.

use crate::sharing::relation::Relation;
use crate::sign::PUBLIC_KEY_ID;
use channel::{BadSettings, BaseUrl, Payer, Setting, Settings};
use crypto::Secret;
use crypto::certificate::Certificate;
use crypto::rsa::{Signer, Verifier};

/// Where the channel is, unless the settings say otherwise.
const BASE_URL: &str = "https://api.mch.weixin.qq.com";

/// Characters of a merchant number or app id.
const ID_LEN_MAX: usize = 32;
/// Characters of a public key's id behind its prefix.
const PUBLIC_KEY_ID_LEN_MAX: usize = 64;

/// The settings of an account, in the order of a form.
pub(crate) static SETTINGS: &[Setting] = &[
    open("base_url", "where the channel is; empty: https://api.mch.weixin.qq.com"),
    open("mchid", "商户号; of the service provider when sub_mchid is given"),
    open("appid", "default app, bound to mchid; of the service provider when sub_mchid is given"),
    open("serial_no", "serial number of the merchant API certificate, hex"),
    secret("private_key_pem", "private key of the merchant API certificate, PEM"),
    secret("apiv3_key", "APIv3 key, 32 characters"),
    open("sub_mchid", "特约商户号; given: service provider mode"),
    open("sub_appid", "default app of the sub-merchant; service provider mode only"),
    open("api", "which interface orders go by: v3 or v2; empty: v3"),
    open("swipe_api", "which interface payments with a payer's code go by; empty: as api"),
    secret("api_v2_key", "API key (APIv2 密钥), 32 characters; wanted for v2"),
    open("sign_type", "what v2 signs with: HMAC-SHA256 or MD5; empty: HMAC-SHA256"),
    open("certificate_pem", "merchant API certificate, PEM, shown to the channel; wanted for v2"),
    open(AGREEMENTS, "委托代扣模板, with api v2: name=plan_id, cut by semicolons; empty: none"),
    open("public_key_id", "id of WeChat Pay's public key, PUB_KEY_ID_…; with public_key_pem"),
    open("public_key_pem", "WeChat Pay's public key, PEM; with public_key_id"),
    open("platform_cert_pem", "a platform certificate to trust without fetching it, PEM"),
    open(
        "receiver_relation",
        "what receivers of shares are to the merchant: PARTNER, STORE, … or your own words; empty: 分账接收方",
    ),
];

/// The plans by which payers sign debits; v2 alone has them.
pub(crate) const AGREEMENTS: &str = crate::v2::agreement::plans::SETTING;

const fn open(name: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, secret: false }
}

const fn secret(name: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, secret: true }
}

/// An account: who we are at the channel, and the keys of both sides.
pub(crate) struct Account {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    /// `mchid`, or `sp_mchid` in service provider mode.
    pub(crate) mchid: String,
    /// `appid`, or `sp_appid` in service provider mode.
    pub(crate) appid: String,
    pub(crate) serial_no: String,
    pub(crate) signer: Signer,
    apiv3_key: Secret,
    /// Present in service provider mode.
    pub(crate) partner: Option<Partner>,
    pub(crate) public_key: Option<PublicKey>,
    /// A platform certificate configured by hand.
    pub(crate) pinned: Option<Certificate>,
    /// What its receivers of shares are to it.
    pub(crate) relation: Relation,
}

/// The merchant whom a service provider serves.
pub(crate) struct Partner {
    pub(crate) sub_mchid: String,
    pub(crate) sub_appid: Option<String>,
}

/// Which account this is at the channel, by each of its interfaces.
pub(crate) fn identity(mchid: &str, partner: Option<&Partner>) -> String {
    match partner {
        None => mchid.to_owned(),
        Some(partner) => format!("{mchid}/{}", partner.sub_mchid),
    }
}

/// The channel's public key.
pub(crate) struct PublicKey {
    pub(crate) id: String,
    pub(crate) pem: String,
}

impl Account {
    /// Reads the settings. An empty value is an absent one.
    pub(crate) fn read(settings: &Settings) -> Result<Account, BadSettings> {
        refuse_unknown(settings)?;
        let private_key_pem = wanted(settings, "private_key_pem")?;
        Ok(Account {
            base_url: base_url(settings)?,
            mchid: merchant_number("mchid", wanted(settings, "mchid")?)?,
            appid: app("appid", wanted(settings, "appid")?)?,
            serial_no: serial_no(settings)?,
            signer: Signer::from_pem(private_key_pem).map_err(|why| bad("private_key_pem", why))?,
            apiv3_key: apiv3_key(settings)?,
            partner: partner(settings)?,
            public_key: public_key(settings)?,
            pinned: pinned(settings)?,
            relation: relation(settings)?,
        })
    }

    /// The key that opens sealed bytes.
    pub(crate) fn apiv3_key(&self) -> &[u8; 32] {
        self.apiv3_key.expose().as_bytes().try_into().expect("its length was checked when read")
    }

    /// The app in which the payer pays.
    pub(crate) fn app<'a>(&'a self, payer: &'a Payer) -> &'a str {
        app_of(payer.app_id.as_deref(), self.partner.as_ref(), &self.appid)
    }
}

/// The app that a payer names, else the sub-merchant's, else the account's.
pub(crate) fn app_of<'a>(
    named: Option<&'a str>,
    partner: Option<&'a Partner>,
    appid: &'a str,
) -> &'a str {
    let default = partner.and_then(|partner| partner.sub_appid.as_deref());
    named.or(default).unwrap_or(appid)
}

pub(crate) fn refuse_unknown(settings: &Settings) -> Result<(), BadSettings> {
    match settings.keys().find(|key| SETTINGS.iter().all(|known| known.name != **key)) {
        Some(key) => Err(bad(key, "not a setting of this channel")),
        None => Ok(()),
    }
}

pub(crate) fn base_url(settings: &Settings) -> Result<String, BadSettings> {
    let url = BaseUrl::read(given(settings, "base_url").unwrap_or(BASE_URL));
    url.map(|url| url.to_string()).map_err(|why| bad("base_url", why))
}

fn serial_no(settings: &Settings) -> Result<String, BadSettings> {
    let serial = wanted(settings, "serial_no")?;
    if serial.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(serial.to_ascii_uppercase())
    } else {
        Err(bad("serial_no", "hex digits wanted"))
    }
}

fn apiv3_key(settings: &Settings) -> Result<Secret, BadSettings> {
    let key = wanted(settings, "apiv3_key")?;
    match key.len() {
        32 if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Secret::new(key.into())),
        32 => Err(bad("apiv3_key", "letters and digits wanted")),
        len => Err(bad("apiv3_key", format!("{len} bytes found, 32 wanted"))),
    }
}

/// 商户号: a wrong one could not be told apart from an order that the channel refuses.
pub(crate) fn merchant_number(name: &str, number: &str) -> Result<String, BadSettings> {
    match number.len() <= ID_LEN_MAX && number.bytes().all(|digit| digit.is_ascii_digit()) {
        true => Ok(number.into()),
        false => Err(bad(name, format!("1 to {ID_LEN_MAX} digits wanted"))),
    }
}

pub(crate) fn app(name: &str, id: &str) -> Result<String, BadSettings> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match id.len() <= ID_LEN_MAX && id.bytes().all(is_plain) {
        true => Ok(id.into()),
        false => Err(bad(name, format!("1 to {ID_LEN_MAX} letters and digits wanted"))),
    }
}

pub(crate) fn partner(settings: &Settings) -> Result<Option<Partner>, BadSettings> {
    let sub_appid = given(settings, "sub_appid").map(|id| app("sub_appid", id)).transpose()?;
    match given(settings, "sub_mchid") {
        Some(sub_mchid) => {
            let sub_mchid = merchant_number("sub_mchid", sub_mchid)?;
            Ok(Some(Partner { sub_mchid, sub_appid }))
        }
        None if sub_appid.is_some() => Err(bad("sub_mchid", "wanted beside sub_appid")),
        None => Ok(None),
    }
}

fn public_key(settings: &Settings) -> Result<Option<PublicKey>, BadSettings> {
    match (given(settings, "public_key_id"), given(settings, "public_key_pem")) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(bad("public_key_pem", "wanted beside public_key_id")),
        (None, Some(_)) => Err(bad("public_key_id", "wanted beside public_key_pem")),
        (Some(id), Some(_)) if !is_public_key_id(id) => {
            Err(bad("public_key_id", "PUB_KEY_ID_… wanted, letters and digits"))
        }
        (Some(id), Some(pem)) => {
            Verifier::from_public_pem(pem).map_err(|why| bad("public_key_pem", why))?;
            Ok(Some(PublicKey { id: id.into(), pem: pem.into() }))
        }
    }
}

fn is_public_key_id(id: &str) -> bool {
    let rest = id.strip_prefix(PUBLIC_KEY_ID).unwrap_or_default();
    (1..=PUBLIC_KEY_ID_LEN_MAX).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn pinned(settings: &Settings) -> Result<Option<Certificate>, BadSettings> {
    let Some(pem) = given(settings, "platform_cert_pem") else { return Ok(None) };
    let certificate = Certificate::read(pem).map_err(|why| bad("platform_cert_pem", why))?;
    Verifier::from_certificate_pem(pem).map_err(|why| bad("platform_cert_pem", why))?;
    Ok(Some(certificate))
}

fn relation(settings: &Settings) -> Result<Relation, BadSettings> {
    let relation = Relation::read(given(settings, "receiver_relation"));
    relation.map_err(|why| bad("receiver_relation", why))
}

pub(crate) fn given<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

pub(crate) fn wanted<'a>(settings: &'a Settings, name: &str) -> Result<&'a str, BadSettings> {
    given(settings, name).ok_or_else(|| bad(name, "wanted"))
}

pub(crate) fn bad(name: &str, why: impl ToString) -> BadSettings {
    BadSettings { name: name.into(), why: why.to_string() }
}
