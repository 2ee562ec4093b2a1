//! The 子商户 of the demonstration world: the numbers of the published sample of 腾讯云支付, so that it can be
//! sent as it is printed.

use super::{MERCHANTS, OCODE, public_pem};
use anyhow::{Context, Result};
use crypto::{Secret, rsa};
use dialect_cpay::{Outlet, SubMerchant};
use kernel::{MerchantId, TenantId};
use serde::{Deserialize, Serialize};

const OUT_MCH_ID: &str = "sz01CRXVcdYDyJik8873";
const OUT_SUB_MCH_ID: &str = "sz01KuceBtrckIKw339L";
const OUT_SHOP_ID: &str = "sz01NmziKgZQmAI98Kij";
const ORDER_PREFIX: &str = "sz01";
const DEVICE_ID: &str = "demo-device";
const STAFF_ID: &str = "demo-staff";

/// The keys of the 子商户.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CpayKeys {
    authen_key: String,
    signature_private_key_pem: String,
}

/// What a client of 腾讯云支付 needs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CpayFile {
    pub(crate) out_mch_id: String,
    pub(crate) out_sub_mch_id: String,
    pub(crate) out_shop_id: String,
    pub(crate) authen_key: String,
    pub(crate) order_prefix: String,
    pub(crate) signature_private_key_pem: String,
    pub(crate) staff_id: String,
    pub(crate) device_id: String,
}

impl CpayKeys {
    /// New keys.
    pub(crate) async fn make() -> Result<CpayKeys> {
        let made = tokio::task::spawn_blocking(rsa::generate).await?;
        Ok(CpayKeys {
            authen_key: crypto::random::hex_nonce(),
            signature_private_key_pem: made.context("RSA key not made")?,
        })
    }

    /// The 子商户, which is the first merchant of the demonstration tenant.
    pub(crate) fn declared(&self) -> Result<SubMerchant> {
        Ok(SubMerchant {
            tenant: TenantId::new(OCODE),
            merchant: MerchantId::new(MERCHANTS[0]),
            out_mch_id: OUT_MCH_ID.to_owned(),
            out_sub_mch_id: OUT_SUB_MCH_ID.to_owned(),
            order_prefixes: vec![ORDER_PREFIX.to_owned()],
            authen_key: Secret::new(self.authen_key.clone()),
            public_key_pem: Some(public_pem(&self.signature_private_key_pem)?),
            notify_url: None,
            outlets: vec![Outlet {
                out_shop_id: OUT_SHOP_ID.to_owned(),
                name: "演示门店".to_owned(),
                devices: vec![DEVICE_ID.to_owned()],
                staff: vec![STAFF_ID.to_owned()],
            }],
        })
    }

    /// What a client needs.
    pub(crate) fn file(&self) -> CpayFile {
        CpayFile {
            out_mch_id: OUT_MCH_ID.to_owned(),
            out_sub_mch_id: OUT_SUB_MCH_ID.to_owned(),
            out_shop_id: OUT_SHOP_ID.to_owned(),
            authen_key: self.authen_key.clone(),
            order_prefix: ORDER_PREFIX.to_owned(),
            signature_private_key_pem: self.signature_private_key_pem.clone(),
            staff_id: STAFF_ID.to_owned(),
            device_id: DEVICE_ID.to_owned(),
        }
    }
}
