//! The Alipay side of the demonstration world.

use super::{public_pem, validity};
use crate::declaration::DeclaredAccount;
use anyhow::{Context, Result};
use channel::Settings;
use channel_alipay::counterpart::{
    AlipayApp, AlipayCertificates, AlipayCounterpart, AlipayMerchant, AlipayWorld,
};
use crypto::certificate::{Authority, Party};
use crypto::rsa::{self, Signer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the demonstration tenant's account at Alipay.
const ACCOUNT: &str = "demo-alipay";
const APP_ID: &str = "2021000100000109";
const SELLER_ID: &str = "2088000100000109";
/// A merchant for whom the app may act: its leave, its own app, and its number.
const APP_AUTH_TOKEN: &str = "202611BB0000000000000000000000000000X01";
const AUTH_APP_ID: &str = "2021000100000177";
const AUTH_SELLER_ID: &str = "2088000100000177";
/// The templates by which payers sign debits: any time, and by period.
const AGREEMENTS: &str = "club=INDUSTRY|CLUB;rent=INDUSTRY|RENT,CYCLE_PAY_AUTH";
/// The path of Alipay's gateway.
const GATEWAY_PATH: &str = "/gateway.do";

/// The keys of both sides, PKCS#8, and their certificates.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AlipayKeys {
    app_private_key_pem: String,
    alipay_private_key_pem: String,
    app_cert_pem: String,
    alipay_cert_pem: String,
    root_cert_pem: String,
}

/// The keys of a world that was made before there were certificates.
#[derive(Deserialize)]
struct BareKeys {
    app_private_key_pem: String,
    alipay_private_key_pem: String,
}

/// What a stranger's SDK needs to talk to the sandbox.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AlipayFile {
    pub(crate) gateway_url: String,
    pub(crate) app_id: String,
    pub(crate) seller_id: String,
    /// 应用私钥, PKCS#8.
    pub(crate) app_private_key_pem: String,
    /// The same key, PKCS#1.
    pub(crate) app_private_key_pkcs1_pem: String,
    /// 支付宝公钥.
    pub(crate) alipay_public_key_pem: String,
    /// 应用公钥证书 of `app_private_key_pem`, for certificate mode.
    pub(crate) app_cert_pem: String,
    /// 支付宝公钥证书.
    pub(crate) alipay_cert_pem: String,
    /// 支付宝根证书.
    pub(crate) alipay_root_cert_pem: String,
    /// With which the app acts for a merchant, whose app and number follow.
    pub(crate) app_auth_token: String,
    pub(crate) auth_app_id: String,
    pub(crate) auth_seller_id: String,
}

impl AlipayKeys {
    /// New keys, made beside each other.
    pub(crate) async fn make() -> Result<AlipayKeys> {
        let [app, alipay, root] = [0; 3].map(|_| tokio::task::spawn_blocking(rsa::generate));
        let keys = BareKeys {
            app_private_key_pem: app.await?.context("RSA key not made")?,
            alipay_private_key_pem: alipay.await?.context("RSA key not made")?,
        };
        AlipayKeys::certify(keys, &root.await?.context("RSA key not made")?)
    }

    /// The keys in a world's file, with what the file lacks; `None` when it lacks nothing.
    pub(crate) async fn completed(found: Option<&Value>) -> Result<Option<AlipayKeys>> {
        match found {
            None => AlipayKeys::make().await.map(Some),
            Some(found) if found.get("root_cert_pem").is_none() => {
                let root = tokio::task::spawn_blocking(rsa::generate).await?;
                let keys = serde_json::from_value(found.clone())?;
                AlipayKeys::certify(keys, &root.context("RSA key not made")?).map(Some)
            }
            Some(_) => Ok(None),
        }
    }

    /// Issues the certificates of keys, by an authority with this private key.
    fn certify(keys: BareKeys, root_private_key_pem: &str) -> Result<AlipayKeys> {
        let BareKeys { app_private_key_pem, alipay_private_key_pem } = keys;
        let (from, until) = validity();
        let party = |common_name, unit| Party {
            common_name,
            unit,
            organization: "Sandbox Financial",
            country: "CN",
        };
        let authority = party("Sandbox Certification Authority R1", "Certification Authority");
        let root = Authority::new(root_private_key_pem, &authority, from, until)?;
        let app = root.issue(&app_private_key_pem, &party(SELLER_ID, "Alipay"), from, until)?;
        let alipay = party("Sandbox Alipay", "Alipay");
        let alipay = root.issue(&alipay_private_key_pem, &alipay, from, until)?;
        Ok(AlipayKeys {
            app_private_key_pem,
            alipay_private_key_pem,
            app_cert_pem: app.pem,
            alipay_cert_pem: alipay.pem,
            root_cert_pem: root.certificate.pem,
        })
    }

    /// The simulated Alipay that knows this world's app.
    pub(crate) fn counterpart(&self) -> Result<AlipayCounterpart> {
        let app = AlipayApp {
            app_id: APP_ID.to_owned(),
            public_key: public_pem(&self.app_private_key_pem)?,
            certificate_pem: Some(self.app_cert_pem.clone()),
            seller_id: SELLER_ID.to_owned(),
            mini_programs: vec![],
            merchants: vec![AlipayMerchant {
                app_auth_token: APP_AUTH_TOKEN.to_owned(),
                auth_app_id: AUTH_APP_ID.to_owned(),
                seller_id: AUTH_SELLER_ID.to_owned(),
            }],
        };
        let private_key = self.alipay_private_key_pem.clone();
        let certificates = Some(AlipayCertificates {
            alipay_pem: self.alipay_cert_pem.clone(),
            roots_pem: self.root_cert_pem.clone(),
        });
        AlipayCounterpart::new(AlipayWorld { apps: vec![app], private_key, certificates })
            .context("simulated Alipay")
    }

    /// The demonstration tenant's account.
    pub(crate) fn account(&self, sandbox_url: &str) -> Result<DeclaredAccount> {
        let settings = [
            ("gateway_url", gateway_url(sandbox_url)),
            ("app_id", APP_ID.to_owned()),
            ("app_private_key", self.app_private_key_pem.clone()),
            ("alipay_public_key", public_pem(&self.alipay_private_key_pem)?),
            ("seller_id", SELLER_ID.to_owned()),
            ("agreements", AGREEMENTS.to_owned()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        Ok(DeclaredAccount {
            name: ACCOUNT.to_owned(),
            channel: "alipay".to_owned(),
            settings: settings.collect::<Settings>(),
            is_enabled: true,
        })
    }

    /// What a client needs.
    pub(crate) fn file(&self, sandbox_url: &str) -> Result<AlipayFile> {
        let pkcs1 = Signer::from_pem(&self.app_private_key_pem)?.pkcs1_pem()?;
        Ok(AlipayFile {
            gateway_url: gateway_url(sandbox_url),
            app_id: APP_ID.to_owned(),
            seller_id: SELLER_ID.to_owned(),
            app_private_key_pem: self.app_private_key_pem.clone(),
            app_private_key_pkcs1_pem: pkcs1.to_string(),
            alipay_public_key_pem: public_pem(&self.alipay_private_key_pem)?,
            app_cert_pem: self.app_cert_pem.clone(),
            alipay_cert_pem: self.alipay_cert_pem.clone(),
            alipay_root_cert_pem: self.root_cert_pem.clone(),
            app_auth_token: APP_AUTH_TOKEN.to_owned(),
            auth_app_id: AUTH_APP_ID.to_owned(),
            auth_seller_id: AUTH_SELLER_ID.to_owned(),
        })
    }
}

fn gateway_url(sandbox_url: &str) -> String {
    format!("{sandbox_url}{GATEWAY_PATH}")
}
