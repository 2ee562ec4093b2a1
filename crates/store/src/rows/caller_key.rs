//! Callers' keys. A shared secret is stored sealed.

use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, unknown};
use crate::StoreFault;
use kernel::{CallerKey, CallerKeyChange, CallerProof, Sealed, TenantId};
use ledger::Timestamp;
use std::sync::Arc;

impl Stored for CallerKey {
    const TABLE: &'static RowTable = &RowTable {
        name: "caller_keys",
        terms: None,
        fixed: &[text("tenant"), int("id"), text("key_id"), int("made_at")],
        narrow_len: 4,
        mutable: &[text("proof_kind"), text("proof"), int("is_enabled")],
        number: Some(NumberColumns { namespace: None, number: "key_id" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.key_id),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let proof = match &self.proof {
            CallerProof::Hmac(sealed) => sealed.as_str(),
            CallerProof::Rsa { public_key_pem } => public_key_pem,
        };
        cells.extend([
            Value::text(self.proof.name()),
            Value::text(proof),
            Value::Int(i64::from(self.is_enabled)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<CallerKey, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let key_id = cells.shared()?;
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let kind = cells.text()?;
        let proof = match (kind, cells.text()?) {
            ("hmac", sealed) => CallerProof::Hmac(Sealed::new(sealed)),
            ("rsa", pem) => CallerProof::Rsa { public_key_pem: Arc::from(pem) },
            (kind, _) => return Err(cells.fault(&format!("does not fit kind {kind:?}"))),
        };
        Ok(CallerKey {
            tenant,
            id,
            key_id,
            made_at,
            version: standing.version,
            proof,
            is_enabled: cells.flag()?,
        })
    }

    fn encode(change: &CallerKeyChange, _at: Timestamp) -> Body<'_, CallerKey> {
        match change {
            CallerKeyChange::Created(row) | CallerKeyChange::Changed(row) => Body::Whole(row),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<CallerKey, String>,
    ) -> Result<CallerKeyChange, String> {
        Ok(match name {
            "created" => CallerKeyChange::Created(Box::new(whole(body)?)),
            "changed" => CallerKeyChange::Changed(Box::new(whole(body)?)),
            name => unknown(name)?,
        })
    }
}
