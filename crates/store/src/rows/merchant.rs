//! Merchants.

#[path = "merchant_sharing.rs"]
mod sharing;

use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, parse, unknown};
use crate::StoreFault;
use kernel::{Merchant, MerchantChange, MerchantId, MerchantSharing, TenantId};
use ledger::Timestamp;
use std::sync::Arc;

impl Stored for Merchant {
    const TABLE: &'static RowTable = &RowTable {
        name: "merchants",
        terms: None,
        fixed: &[text("tenant"), int("id"), text("merchant"), int("made_at")],
        narrow_len: 4,
        mutable: &[
            text("name"),
            text("channel_accounts"),
            nullable(text("sharing")),
            int("is_enabled"),
        ],
        number: Some(NumberColumns { namespace: None, number: "merchant" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(self.merchant.as_str()),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let names: Vec<&str> = self.channel_accounts.iter().map(|name| &**name).collect();
        let names = serde_json::to_string(&names).expect("texts are always JSON");
        cells.extend([
            Value::text(&self.name),
            Value::owned(names),
            sharing::cell(&self.sharing),
            Value::Int(i64::from(self.is_enabled)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Merchant, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let merchant = MerchantId::new(cells.text()?);
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let name = cells.shared()?;
        let names: Vec<String> = parse(cells.text()?).map_err(|why| cells.fault(&why))?;
        let sharing = match cells.optional_text()? {
            Some(text) => sharing::read(text).map_err(|why| cells.fault(&why))?,
            None => MerchantSharing::default(),
        };
        Ok(Merchant {
            tenant,
            id,
            merchant,
            made_at,
            version: standing.version,
            name,
            channel_accounts: names.into_iter().map(Arc::from).collect(),
            sharing,
            is_enabled: cells.flag()?,
        })
    }

    fn encode(change: &MerchantChange, _at: Timestamp) -> Body<'_, Merchant> {
        match change {
            MerchantChange::Created(row) | MerchantChange::Changed(row) => Body::Whole(row),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Merchant, String>,
    ) -> Result<MerchantChange, String> {
        Ok(match name {
            "created" => MerchantChange::Created(Box::new(whole(body)?)),
            "changed" => MerchantChange::Changed(Box::new(whole(body)?)),
            name => unknown(name)?,
        })
    }
}
