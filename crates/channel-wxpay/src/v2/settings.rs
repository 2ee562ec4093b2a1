//! An account as the older interface knows it, read from the settings.

use super::agreement::plans::{self, Plan};
use super::sign::SignType;
use crate::settings::{
    Partner, app, app_of, bad, base_url, given, merchant_number, partner, refuse_unknown, wanted,
};
use channel::{BadSettings, ClientCertificate, Payer, Settings};
use crypto::Secret;
use crypto::rsa::{Signer, Verifier};
use zeroize::Zeroizing;

/// Characters of an API key.
const KEY_LEN: usize = 32;

/// An account: who we are at the channel, and what proves it.
pub(crate) struct Account {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    /// The service provider's in service provider mode.
    pub(crate) mchid: String,
    /// The service provider's in service provider mode.
    pub(crate) appid: String,
    /// Present in service provider mode.
    pub(crate) partner: Option<Partner>,
    /// Signs both ways.
    pub(crate) key: Secret,
    pub(crate) sign_type: SignType,
    /// What calls that give money back demand.
    pub(crate) certificate: ClientCertificate,
    /// By which payers sign agreements.
    pub(crate) plans: Vec<Plan>,
}

impl Account {
    /// Reads the settings. An empty value is an absent one.
    pub(crate) fn read(settings: &Settings) -> Result<Account, BadSettings> {
        refuse_unknown(settings)?;
        Ok(Account {
            base_url: base_url(settings)?,
            mchid: merchant_number("mchid", wanted(settings, "mchid")?)?,
            appid: app("appid", wanted(settings, "appid")?)?,
            partner: partner(settings)?,
            key: key(settings)?,
            sign_type: sign_type(settings)?,
            certificate: certificate(settings)?,
            plans: given(settings, plans::SETTING)
                .map(plans::read)
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// The app in which the payer pays.
    pub(crate) fn app<'a>(&'a self, payer: &'a Payer) -> &'a str {
        app_of(payer.app_id.as_deref(), self.partner.as_ref(), &self.appid)
    }
}

fn key(settings: &Settings) -> Result<Secret, BadSettings> {
    let key = wanted(settings, "api_v2_key")?;
    match key.len() {
        KEY_LEN if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Secret::new(key.into())),
        KEY_LEN => Err(bad("api_v2_key", "letters and digits wanted")),
        len => Err(bad("api_v2_key", format!("{len} bytes found, {KEY_LEN} wanted"))),
    }
}

fn sign_type(settings: &Settings) -> Result<SignType, BadSettings> {
    let Some(name) = given(settings, "sign_type") else { return Ok(SignType::HmacSha256) };
    SignType::from_name(name).ok_or_else(|| bad("sign_type", "HMAC-SHA256 or MD5 wanted"))
}

/// The certificate, if it is the key's.
fn certificate(settings: &Settings) -> Result<ClientCertificate, BadSettings> {
    const PROBE: &[u8] = b"certificate_pem and private_key_pem";
    let (chain_pem, key_pem) =
        (wanted(settings, "certificate_pem")?, wanted(settings, "private_key_pem")?);
    let signer = Signer::from_pem(key_pem).map_err(|why| bad("private_key_pem", why))?;
    let verifier =
        Verifier::from_certificate_pem(chain_pem).map_err(|why| bad("certificate_pem", why))?;
    let signature = signer.sign(PROBE).map_err(|why| bad("private_key_pem", why))?;
    match verifier.verify(PROBE, &signature) {
        true => Ok(ClientCertificate {
            chain_pem: chain_pem.to_owned(),
            private_key_pem: Zeroizing::new(key_pem.to_owned()),
        }),
        false => Err(bad("certificate_pem", "the certificate of private_key_pem wanted")),
    }
}
