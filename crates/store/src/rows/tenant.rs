//! Tenants.

use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, unknown};
use crate::StoreFault;
use kernel::{Tenant, TenantChange, TenantId};
use ledger::Timestamp;

impl Stored for Tenant {
    const TABLE: &'static RowTable = &RowTable {
        name: "tenants",
        terms: None,
        fixed: &[text("tenant"), int("id"), int("made_at")],
        narrow_len: 3,
        mutable: &[text("name"), int("is_enabled")],
        // A tenant's own row is the only one of its kind, and named by the tenant.
        number: Some(NumberColumns { namespace: None, number: "tenant" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([Value::text(&self.name), Value::Int(i64::from(self.is_enabled))]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Tenant, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        Ok(Tenant {
            tenant,
            id,
            made_at,
            version: standing.version,
            name: cells.shared()?,
            is_enabled: cells.flag()?,
        })
    }

    fn encode(change: &TenantChange, _at: Timestamp) -> Body<'_, Tenant> {
        match change {
            TenantChange::Created(row) | TenantChange::Changed(row) => Body::Whole(row),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Tenant, String>,
    ) -> Result<TenantChange, String> {
        Ok(match name {
            "created" => TenantChange::Created(Box::new(whole(body)?)),
            "changed" => TenantChange::Changed(Box::new(whole(body)?)),
            name => unknown(name)?,
        })
    }
}
