//! The merchants that the counterpart knows, and the keys that it signs with.

use crate::counterpart::platform_keys::{PlatformCertificate, Trust};
use crate::sign;
use crypto::certificate::Certificate;
use crypto::rsa::{Signer, Verifier};
use crypto::{SealFault, Secret};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The world of simulated WeChat Pay: who its merchants are, and its own keys.
pub struct WxpayWorld {
    /// The merchants and service providers.
    pub merchants: Vec<WxpayMerchant>,
    /// The private key of the platform certificate, PEM.
    pub platform_private_key_pem: String,
    /// The platform certificate, PEM.
    pub platform_cert_pem: String,
    /// The private half of WeChat Pay's public key, PEM.
    pub public_key_private_pem: String,
    /// The name of that key: `PUB_KEY_ID_…`.
    pub public_key_id: String,
}

/// A merchant or service provider as WeChat Pay knows it.
pub struct WxpayMerchant {
    /// Its number.
    pub mchid: String,
    /// The apps bound to it.
    pub appids: Vec<String>,
    /// Its API certificate, PEM: its serial and its public key.
    pub certificate_pem: String,
    /// Its APIv3 key: 32 bytes.
    pub apiv3_key: String,
    /// Its API key, with which v2 signs: 32 characters. Without it the merchant has no v2.
    pub api_v2_key: Option<String>,
    /// The plans (委托代扣模板) by which its payers sign debits.
    pub plan_ids: Vec<String>,
    /// By what it knows the channel, until that is switched.
    pub trust: Trust,
    /// The merchants that it serves, when it is a service provider.
    pub sub_mchids: Vec<SubMerchant>,
}

/// A merchant of a service provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubMerchant {
    /// Its number.
    pub sub_mchid: String,
    /// The apps bound to it.
    pub sub_appids: Vec<String>,
}

/// A world that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct BadWorld {
    /// The member, with the merchant's number where it is a merchant's.
    pub name: String,
    /// What is wrong; never the value of a secret.
    pub why: String,
}

/// The world, read.
pub(super) struct World {
    merchants: BTreeMap<String, Merchant>,
    /// The key of the first platform certificate.
    pub(super) certificate: Arc<NamedKey>,
    pub(super) public_key: Arc<NamedKey>,
    /// The first platform certificate.
    pub(super) platform: PlatformCertificate,
}

/// A key with its name.
pub(super) struct NamedKey {
    pub(super) serial: String,
    pub(super) signer: Signer,
}

/// A merchant, read.
pub(super) struct Merchant {
    pub(super) mchid: String,
    pub(super) appids: Vec<String>,
    pub(super) serial: String,
    /// Its API certificate, DER in base64.
    pub(super) certificate: String,
    pub(super) verifier: Verifier,
    pub(super) apiv3_key: [u8; 32],
    pub(super) api_v2_key: Option<Secret>,
    pub(super) plan_ids: Vec<String>,
    pub(super) trust: Trust,
    pub(super) sub_merchants: Vec<SubMerchant>,
}

impl World {
    pub(super) fn new(world: WxpayWorld) -> Result<World, BadWorld> {
        let bad = |name: &'static str| move |fault: SealFault| bad_world(name, fault.to_string());
        let platform =
            Certificate::read(&world.platform_cert_pem).map_err(bad("platform_cert_pem"))?;
        let certificate = NamedKey {
            serial: platform.serial.clone(),
            signer: Signer::from_pem(&world.platform_private_key_pem)
                .map_err(bad("platform_private_key_pem"))?,
        };
        let public_key = NamedKey {
            serial: world.public_key_id,
            signer: Signer::from_pem(&world.public_key_private_pem)
                .map_err(bad("public_key_private_pem"))?,
        };
        if !public_key.serial.starts_with(sign::PUBLIC_KEY_ID) {
            return Err(bad_world("public_key_id", format!("want {}…", sign::PUBLIC_KEY_ID)));
        }
        let mut merchants = BTreeMap::new();
        for merchant in world.merchants {
            let merchant = Merchant::new(merchant)?;
            merchants.insert(merchant.mchid.clone(), merchant);
        }
        let platform = PlatformCertificate {
            private_key_pem: world.platform_private_key_pem,
            certificate_pem: platform.pem,
        };
        let (certificate, public_key) = (Arc::new(certificate), Arc::new(public_key));
        Ok(World { merchants, certificate, public_key, platform })
    }

    pub(super) fn merchant(&self, mchid: &str) -> Option<&Merchant> {
        self.merchants.get(mchid)
    }

    /// Whether money is collected under this number: a merchant's, or that of one whom a service provider
    /// serves.
    pub(super) fn collects(&self, mchid: &str) -> bool {
        let serves = |merchant: &Merchant| merchant.sub_merchant(mchid).is_some();
        self.merchants.contains_key(mchid) || self.merchants.values().any(serves)
    }
}

impl Merchant {
    fn new(merchant: WxpayMerchant) -> Result<Merchant, BadWorld> {
        let mchid = merchant.mchid;
        let bad = |member: &str, why: String| bad_world(&format!("merchant {mchid} {member}"), why);
        let certificate = Certificate::read(&merchant.certificate_pem)
            .map_err(|fault| bad("certificate_pem", fault.to_string()))?;
        let verifier = Verifier::from_certificate_pem(&merchant.certificate_pem)
            .map_err(|fault| bad("certificate_pem", fault.to_string()))?;
        let apiv3_key = <[u8; 32]>::try_from(merchant.apiv3_key.as_bytes())
            .map_err(|_| bad("apiv3_key", "want 32 bytes".to_owned()))?;
        Ok(Merchant {
            appids: merchant.appids,
            serial: certificate.serial,
            certificate: base64_of(&certificate.pem),
            verifier,
            apiv3_key,
            plan_ids: merchant.plan_ids,
            api_v2_key: merchant.api_v2_key.map(Secret::new),
            trust: merchant.trust,
            sub_merchants: merchant.sub_mchids,
            mchid,
        })
    }

    pub(super) fn sub_merchant(&self, sub_mchid: &str) -> Option<&SubMerchant> {
        self.sub_merchants.iter().find(|sub| sub.sub_mchid == sub_mchid)
    }
}

/// What stands between the lines of a PEM block.
fn base64_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

fn bad_world(name: &str, why: String) -> BadWorld {
    BadWorld { name: name.to_owned(), why }
}
