//! The Alipay side of the demonstration world.

use super::public_pem;
use crate::declaration::DeclaredAccount;
use anyhow::{Context, Result};
use channel::Settings;
use channel_alipay::counterpart::{AlipayApp, AlipayCounterpart, AlipayWorld};
use crypto::rsa::{self, Signer};
use serde::{Deserialize, Serialize};

/// The name of the demonstration tenant's account at Alipay.
const ACCOUNT: &str = "demo-alipay";
const APP_ID: &str = "2021000100000109";
const SELLER_ID: &str = "2088000100000109";
/// The path of Alipay's gateway.
const GATEWAY_PATH: &str = "/gateway.do";

/// The keys of both sides, PKCS#8.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AlipayKeys {
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
}

impl AlipayKeys {
    /// New keys, made beside each other.
    pub(crate) async fn make() -> Result<AlipayKeys> {
        let [app, alipay] = [0; 2].map(|_| tokio::task::spawn_blocking(rsa::generate));
        Ok(AlipayKeys {
            app_private_key_pem: app.await?.context("RSA key not made")?,
            alipay_private_key_pem: alipay.await?.context("RSA key not made")?,
        })
    }

    /// The simulated Alipay that knows this world's app.
    pub(crate) fn counterpart(&self) -> Result<AlipayCounterpart> {
        let app = AlipayApp {
            app_id: APP_ID.to_owned(),
            public_key: public_pem(&self.app_private_key_pem)?,
            seller_id: SELLER_ID.to_owned(),
            mini_programs: vec![],
        };
        let private_key = self.alipay_private_key_pem.clone();
        AlipayCounterpart::new(AlipayWorld { apps: vec![app], private_key })
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
        })
    }
}

fn gateway_url(sandbox_url: &str) -> String {
    format!("{sandbox_url}{GATEWAY_PATH}")
}
