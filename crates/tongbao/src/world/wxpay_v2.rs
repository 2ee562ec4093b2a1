//! The merchant of the demonstration world who speaks WeChat Pay v2, in a merchant of its own: an order
//! names a channel and no account.

use super::{APPID, WXPAY_TRUST, certify};
use crate::declaration::{DeclaredAccount, DeclaredMerchant};
use anyhow::{Context, Result};
use channel::Settings;
use channel_wxpay::counterpart::WxpayMerchant;
use crypto::rsa;
use serde::{Deserialize, Serialize};

/// The merchant whose orders go by v2.
pub(crate) const MERCHANT: &str = "CM-V2";
const ACCOUNT: &str = "demo-wxpay-v2";
const MCHID: &str = "1900000119";
const SIGN_TYPE: &str = "HMAC-SHA256";
/// The plan by which payers sign debits.
const PLANS: [(&str, &str); 1] = [("club", "12535")];

/// The keys of the merchant.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WxpayV2Keys {
    private_key_pem: String,
    cert_pem: String,
    apiv3_key: String,
    api_v2_key: String,
}

/// What a stranger's SDK needs to talk to the sandbox by v2.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WxpayV2File {
    /// Of the wire API: orders of this merchant go by v2.
    pub(crate) merchant: String,
    /// What stands before `/pay/unifiedorder`.
    pub(crate) base_url: String,
    pub(crate) mch_id: String,
    pub(crate) appid: String,
    pub(crate) api_v2_key: String,
    /// What the demonstration's own account signs with; the sandbox takes MD5 too.
    pub(crate) sign_type: String,
    pub(crate) cert_pem: String,
    pub(crate) private_key_pem: String,
}

impl WxpayV2Keys {
    /// New keys.
    pub(crate) async fn make() -> Result<WxpayV2Keys> {
        let private_key = tokio::task::spawn_blocking(rsa::generate).await?;
        let private_key_pem = private_key.context("RSA key not made")?;
        Ok(WxpayV2Keys {
            cert_pem: certify(&private_key_pem, MCHID)?.pem,
            private_key_pem,
            apiv3_key: crypto::random::hex_nonce(),
            api_v2_key: crypto::random::hex_nonce(),
        })
    }

    /// The merchant as simulated WeChat Pay knows it.
    pub(crate) fn merchant(&self) -> WxpayMerchant {
        WxpayMerchant {
            mchid: MCHID.to_owned(),
            appids: vec![APPID.to_owned()],
            certificate_pem: self.cert_pem.clone(),
            apiv3_key: self.apiv3_key.clone(),
            api_v2_key: Some(self.api_v2_key.clone()),
            plan_ids: PLANS.map(|(_, plan_id)| plan_id.to_owned()).to_vec(),
            trust: WXPAY_TRUST,
            sub_mchids: vec![],
        }
    }

    /// The demonstration tenant's account, and the merchant who collects with it.
    pub(crate) fn declared(&self, sandbox_url: &str) -> (DeclaredAccount, DeclaredMerchant) {
        let agreements = PLANS.map(|(name, plan_id)| format!("{name}={plan_id}")).join(";");
        let settings = [
            ("api", "v2"),
            ("base_url", sandbox_url),
            ("mchid", MCHID),
            ("appid", APPID),
            ("api_v2_key", &self.api_v2_key),
            ("sign_type", SIGN_TYPE),
            ("agreements", &*agreements),
            ("certificate_pem", &self.cert_pem),
            ("private_key_pem", &self.private_key_pem),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let account = DeclaredAccount {
            name: ACCOUNT.to_owned(),
            channel: "wxpay".to_owned(),
            settings: settings.into_iter().collect::<Settings>(),
            is_enabled: true,
        };
        let merchant = DeclaredMerchant {
            id: MERCHANT.to_owned(),
            name: "演示商户 v2".to_owned(),
            accounts: vec![ACCOUNT.to_owned()],
            sharing: kernel::MerchantSharing::default(),
            is_enabled: true,
        };
        (account, merchant)
    }

    /// What a client needs.
    pub(crate) fn file(&self, sandbox_url: &str) -> WxpayV2File {
        WxpayV2File {
            merchant: MERCHANT.to_owned(),
            base_url: sandbox_url.to_owned(),
            mch_id: MCHID.to_owned(),
            appid: APPID.to_owned(),
            api_v2_key: self.api_v2_key.clone(),
            sign_type: SIGN_TYPE.to_owned(),
            cert_pem: self.cert_pem.clone(),
            private_key_pem: self.private_key_pem.clone(),
        }
    }
}
