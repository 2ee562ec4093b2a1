//! The merchants that the counterpart knows, and the keys that it signs with.

use crate::sign;
use channel::Request;
use crypto::SealFault;
use crypto::certificate::Certificate;
use crypto::rsa::{Signer, Verifier};
use ledger::Timestamp;
use std::collections::BTreeMap;

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
    /// Which of the two keys signs callbacks.
    pub callbacks_with: CallbacksWith,
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

/// Which key signs callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbacksWith {
    /// The platform certificate's.
    Certificate,
    /// WeChat Pay's public key's.
    PublicKey,
    /// One or the other by chance, as while a merchant switches.
    Alternate,
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
    certificate: NamedKey,
    public_key: NamedKey,
    /// The platform certificate as it is handed out.
    pub(super) platform: Certificate,
    callbacks_with: CallbacksWith,
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
    pub(super) verifier: Verifier,
    pub(super) apiv3_key: [u8; 32],
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
        Ok(World {
            merchants,
            certificate,
            public_key,
            platform,
            callbacks_with: world.callbacks_with,
        })
    }

    pub(super) fn merchant(&self, mchid: &str) -> Option<&Merchant> {
        self.merchants.get(mchid)
    }

    /// The key that a request asks for, else the platform certificate's.
    pub(super) fn signer_for(&self, request: &Request) -> &NamedKey {
        match request.header(sign::SERIAL) {
            Some(serial) if serial == self.public_key.serial => &self.public_key,
            Some(_) | None => &self.certificate,
        }
    }

    /// The key for a callback; `nonce` decides where chance does.
    pub(super) fn signer_of_callback(&self, nonce: &str) -> &NamedKey {
        let even = nonce.bytes().map(u32::from).sum::<u32>() % 2 == 0;
        match self.callbacks_with {
            CallbacksWith::Certificate => &self.certificate,
            CallbacksWith::PublicKey => &self.public_key,
            CallbacksWith::Alternate if even => &self.certificate,
            CallbacksWith::Alternate => &self.public_key,
        }
    }

    /// The platform certificate's validity.
    pub(super) fn platform_validity(&self) -> (Timestamp, Timestamp) {
        let Certificate { not_before, not_after, .. } = &self.platform;
        (Timestamp::from_seconds(*not_before), Timestamp::from_seconds(*not_after))
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
            verifier,
            apiv3_key,
            sub_merchants: merchant.sub_mchids,
            mchid,
        })
    }

    pub(super) fn sub_merchant(&self, sub_mchid: &str) -> Option<&SubMerchant> {
        self.sub_merchants.iter().find(|sub| sub.sub_mchid == sub_mchid)
    }
}

fn bad_world(name: &str, why: String) -> BadWorld {
    BadWorld { name: name.to_owned(), why }
}
