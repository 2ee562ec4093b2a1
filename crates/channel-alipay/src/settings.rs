//! An account at the channel, read from its settings.

use crate::agreement::templates::{self, Template};
use crate::certificates::Certificates;
use crate::trust::Trust;
use channel::{BadSettings, CallableUrl, PlatformKey, Setting, Settings};
use crypto::rsa::{Signer, Verifier};
use crypto::{SealFault, Secret};

/// Where the channel is, unless the settings say otherwise.
const GATEWAY_URL: &str = "https://openapi.alipay.com/gateway.do";
/// The digits of a number that Alipay gives to sellers, payers and apps.
const ID_LEN: std::ops::RangeInclusive<usize> = 16..=32;

/// The settings of certificate mode beside the app's own certificate.
const CERTIFICATES: [&str; 2] = ["alipay_certificate", "alipay_root_certificates"];
/// What is signed to see whether a key and a certificate belong together.
const PROBE: &[u8] = b"app_certificate";
/// Characters of 应用授权令牌.
const TOKEN_LEN_MAX: usize = 40;

/// The settings of an account, in the order of a form.
pub(crate) static SETTINGS: &[Setting] = &[
    open("gateway_url", "where the channel is; empty: https://openapi.alipay.com/gateway.do"),
    open("app_id", "应用 APPID, 16 digits or more"),
    secret("app_private_key", "应用私钥 (RSA2): PEM, or the Base64 of the portal's key tool"),
    open("alipay_public_key", "key mode: 支付宝公钥, not 应用公钥: PEM or Base64"),
    open("app_certificate", "certificate mode: 应用公钥证书 (appCertPublicKey_….crt), PEM"),
    open("alipay_certificate", "the same: 支付宝公钥证书 (alipayCertPublicKey_RSA2.crt), PEM"),
    open("alipay_root_certificates", "the same: 支付宝根证书 (alipayRootCert.crt), PEM"),
    open("seller_id", "合作伙伴身份 (PID), 2088…: who collects; compared with what callbacks say"),
    secret(
        "app_auth_token",
        "应用授权令牌: of a service provider (服务商) that acts for a merchant; empty: for itself",
    ),
    open(
        "auth_app_id",
        "授权方 APPID: the merchant's app; wanted with app_auth_token, and only then",
    ),
    open("pc", "what PayType PC shows: precreate (a QR code; also when empty), or page (a link)"),
    open(
        templates::SETTING,
        "签约模板, by which payers sign debits: name=sign_scene or name=sign_scene,product_code, \
         cut by semicolons; product_code GENERAL_WITHHOLDING (商家扣款; also when absent) or \
         CYCLE_PAY_AUTH (周期扣款); empty: none",
    ),
];

const fn open(name: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, secret: false }
}

const fn secret(name: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, secret: true }
}

/// An account: who we are at the channel, and the keys of both sides.
pub(crate) struct Account {
    /// Without a query.
    pub(crate) gateway_url: String,
    pub(crate) app_id: String,
    pub(crate) signer: Signer,
    pub(crate) trust: Trust,
    /// Who collects: with an authorisation the merchant who gave it.
    pub(crate) seller_id: String,
    pub(crate) authorisation: Option<Authorisation>,
    pub(crate) pc: Pc,
    /// By which payers sign agreements.
    pub(crate) templates: Vec<Template>,
}

/// A merchant's leave for a service provider to act for it (第三方应用授权).
pub(crate) struct Authorisation {
    /// 应用授权令牌, sent with every call.
    pub(crate) token: Secret,
    /// The merchant's app.
    pub(crate) app_id: String,
}

/// What a payer on a PC is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pc {
    /// A QR code.
    Precreate,
    /// A link to the cashier's page.
    Page,
}

impl Account {
    /// The same with certificates of the channel that were fetched.
    pub(crate) fn with_fetched(self, keys: &[PlatformKey]) -> Account {
        Account { trust: self.trust.with_fetched(keys), ..self }
    }

    /// The app on whose behalf calls are made: 应用 APPID, or that of the merchant who gave leave.
    pub(crate) fn acting_app_id(&self) -> &str {
        self.authorisation.as_ref().map_or(&self.app_id, |leave| &leave.app_id)
    }

    /// Reads the settings. An empty value is an absent one.
    pub(crate) fn read(settings: &Settings) -> Result<Account, BadSettings> {
        refuse_unknown(settings)?;
        let signer = signer(wanted(settings, "app_private_key")?)
            .map_err(|why| bad("app_private_key", why))?;
        Ok(Account {
            gateway_url: gateway_url(settings)?,
            app_id: number(settings, "app_id")?,
            trust: trust(settings, &signer)?,
            signer,
            seller_id: number(settings, "seller_id")?,
            authorisation: authorisation(settings)?,
            pc: pc(settings)?,
            templates: given(settings, templates::SETTING)
                .map(templates::read)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

/// The mode of the account: one of the two, never both.
fn trust(settings: &Settings, signer: &Signer) -> Result<Trust, BadSettings> {
    match (given(settings, "alipay_public_key"), given(settings, "app_certificate")) {
        (Some(_), Some(_)) => Err(bad("app_certificate", "not beside alipay_public_key")),
        (None, Some(own)) => certificates(settings, own, signer),
        (_, None) => match CERTIFICATES.into_iter().find(|name| given(settings, name).is_some()) {
            Some(name) => Err(bad(name, "only with app_certificate")),
            None => verifier(wanted(settings, "alipay_public_key")?)
                .map(Trust::PublicKey)
                .map_err(|why| bad("alipay_public_key", why)),
        },
    }
}

fn certificates(settings: &Settings, own: &str, signer: &Signer) -> Result<Trust, BadSettings> {
    let [alipay, roots] = CERTIFICATES;
    let read = Certificates::read(own, wanted(settings, alipay)?, wanted(settings, roots)?)?;
    match is_of_key(own, signer) {
        true => Ok(Trust::Certificates(Box::new(read))),
        false => Err(bad("app_certificate", "made for another key than app_private_key")),
    }
}

/// Whether a certificate holds the public half of a key.
fn is_of_key(certificate: &str, signer: &Signer) -> bool {
    let key = Verifier::from_certificate_pem(certificate);
    let signature = signer.sign(PROBE);
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify(PROBE, &signature)))
}

fn refuse_unknown(settings: &Settings) -> Result<(), BadSettings> {
    match settings.keys().find(|key| SETTINGS.iter().all(|known| known.name != **key)) {
        Some(key) => Err(bad(key, "not a setting of this channel")),
        None => Ok(()),
    }
}

fn gateway_url(settings: &Settings) -> Result<String, BadSettings> {
    let url = given(settings, "gateway_url").unwrap_or(GATEWAY_URL);
    let url = CallableUrl::read(url).map_err(|why| bad("gateway_url", why))?;
    match url.query() {
        "" => Ok(url.as_str().trim_end_matches('?').to_owned()),
        _ => Err(bad("gateway_url", "want a URL without ?")),
    }
}

/// A wrong one could not be told apart from an order that the channel refuses.
fn number(settings: &Settings, name: &str) -> Result<String, BadSettings> {
    let number = wanted(settings, name)?;
    match ID_LEN.contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit()) {
        true => Ok(number.to_owned()),
        false => Err(bad(name, "16 to 32 digits wanted")),
    }
}

fn authorisation(settings: &Settings) -> Result<Option<Authorisation>, BadSettings> {
    match (given(settings, "app_auth_token"), given(settings, "auth_app_id")) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(bad("auth_app_id", "only with app_auth_token")),
        (Some(token), _) if token.len() > TOKEN_LEN_MAX => {
            Err(bad("app_auth_token", "40 characters wanted at most"))
        }
        (Some(token), _) => Ok(Some(Authorisation {
            token: Secret::new(token.to_owned()),
            app_id: number(settings, "auth_app_id")?,
        })),
    }
}

fn pc(settings: &Settings) -> Result<Pc, BadSettings> {
    match given(settings, "pc") {
        None | Some("precreate") => Ok(Pc::Precreate),
        Some("page") => Ok(Pc::Page),
        Some(_) => Err(bad("pc", "precreate or page wanted")),
    }
}

/// A private key as PEM, or as the bare Base64 in which Alipay's tools show it, of PKCS#8 or PKCS#1.
pub(crate) fn signer(text: &str) -> Result<Signer, SealFault> {
    if is_pem(text) {
        return Signer::from_pem(text);
    }
    let pkcs8 = Signer::from_pem(&pem("PRIVATE KEY", text));
    pkcs8.or_else(|fault| Signer::from_pem(&pem("RSA PRIVATE KEY", text)).map_err(|_| fault))
}

/// A public key as PEM or as bare Base64.
pub(crate) fn verifier(text: &str) -> Result<Verifier, SealFault> {
    match is_pem(text) {
        true => Verifier::from_public_pem(text),
        false => Verifier::from_public_pem(&pem("PUBLIC KEY", text)),
    }
}

fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN ")
}

fn pem(label: &str, base64: &str) -> String {
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

fn given<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn wanted<'a>(settings: &'a Settings, name: &str) -> Result<&'a str, BadSettings> {
    given(settings, name).ok_or_else(|| bad(name, "wanted"))
}

fn bad(name: &str, why: impl ToString) -> BadSettings {
    BadSettings { name: name.into(), why: why.to_string() }
}
