//! An account at the channel, read from its settings.

use channel::{BadSettings, CallableUrl, Setting, Settings};
use crypto::SealFault;
use crypto::rsa::{Signer, Verifier};

/// Where the channel is, unless the settings say otherwise.
const GATEWAY_URL: &str = "https://openapi.alipay.com/gateway.do";
/// The digits of a number that Alipay gives to sellers, payers and apps.
const ID_LEN: std::ops::RangeInclusive<usize> = 16..=32;

/// The settings of an account, in the order of a form.
pub(crate) static SETTINGS: &[Setting] = &[
    open("gateway_url", "where the channel is; empty: https://openapi.alipay.com/gateway.do"),
    open("app_id", "应用 APPID, 16 digits or more"),
    secret("app_private_key", "应用私钥 (RSA2): PEM, or the Base64 of the portal's key tool"),
    open("alipay_public_key", "支付宝公钥, not 应用公钥: PEM or Base64"),
    open("seller_id", "合作伙伴身份 (PID), 2088…: who collects; compared with what callbacks say"),
    open("pc", "what PayType PC shows: precreate (a QR code; also when empty), or page (a link)"),
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
    pub(crate) channel_key: Verifier,
    pub(crate) seller_id: String,
    pub(crate) pc: Pc,
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
    /// Reads the settings. An empty value is an absent one.
    pub(crate) fn read(settings: &Settings) -> Result<Account, BadSettings> {
        refuse_unknown(settings)?;
        Ok(Account {
            gateway_url: gateway_url(settings)?,
            app_id: number(settings, "app_id")?,
            signer: signer(wanted(settings, "app_private_key")?)
                .map_err(|why| bad("app_private_key", why))?,
            channel_key: verifier(wanted(settings, "alipay_public_key")?)
                .map_err(|why| bad("alipay_public_key", why))?,
            seller_id: number(settings, "seller_id")?,
            pc: pc(settings)?,
        })
    }
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
