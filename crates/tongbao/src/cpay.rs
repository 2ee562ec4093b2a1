//! `[[cpay]]` of the configuration: who calls the 腾讯云支付 API.

use crate::value_file::{given, wanted};
use anyhow::{Context, Result, anyhow};
use crypto::Secret;
use dialect_cpay::{Outlet, SubMerchant};
use kernel::{MerchantId, TenantId};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A row of `[[cpay]]`: a 子商户.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CpayTable {
    tenant: String,
    merchant: String,
    out_mch_id: String,
    out_sub_mch_id: String,
    order_prefixes: Vec<String>,
    authen_key: Option<String>,
    authen_key_file: Option<PathBuf>,
    public_key: Option<String>,
    public_key_file: Option<PathBuf>,
    notify_url: Option<String>,
    #[serde(default)]
    shop: Vec<ShopTable>,
}

/// A row of `[[cpay.shop]]`: a 门店.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShopTable {
    out_shop_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    staff: Vec<String>,
}

/// The rows, with what stands in files of its own.
pub(crate) fn read(folder: &Path, rows: Vec<CpayTable>) -> Result<Vec<SubMerchant>> {
    rows.into_iter().map(|row| row.declared(folder)).collect()
}

impl CpayTable {
    fn declared(self, folder: &Path) -> Result<SubMerchant> {
        // A fault is placed in the file by the name that begins it.
        let owner = self.out_sub_mch_id.clone();
        let named = |fault: anyhow::Error| anyhow!("cpay: {owner}: {fault:#}");
        let key = wanted(folder, "authen_key", self.authen_key, self.authen_key_file);
        let public_key = given(folder, "public_key", self.public_key, self.public_key_file);
        Ok(SubMerchant {
            tenant: TenantId::new(&self.tenant),
            merchant: MerchantId::new(&self.merchant),
            out_mch_id: self.out_mch_id,
            out_sub_mch_id: self.out_sub_mch_id,
            order_prefixes: self.order_prefixes,
            authen_key: Secret::new(key.map_err(named)?),
            public_key_pem: public_key.context("public_key").map_err(named)?,
            notify_url: self.notify_url,
            outlets: self.shop.into_iter().map(ShopTable::declared).collect(),
        })
    }
}

impl ShopTable {
    fn declared(self) -> Outlet {
        let ShopTable { out_shop_id, name, devices, staff } = self;
        Outlet { out_shop_id, name, devices, staff }
    }
}
