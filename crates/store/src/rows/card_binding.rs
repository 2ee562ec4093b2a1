//! Gift cards that were put into wallets.

use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, unknown};
use crate::StoreFault;
use kernel::{CardBinding, CardBindingChange, TenantId};
use ledger::Timestamp;

impl Stored for CardBinding {
    const TABLE: &'static RowTable = &RowTable {
        name: "card_bindings",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            int("card_id"),
            int("order_id"),
            int("wallet_id"),
            int("is_by_secret"),
            int("made_at"),
        ],
        narrow_len: 9,
        mutable: &[],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.namespace),
            Value::text(&self.number),
            Value::Int(self.card.value()),
            Value::Int(self.order.value()),
            Value::Int(self.wallet.value()),
            Value::Int(i64::from(self.is_by_secret)),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, _: &mut Vec<Value<'a>>) {}

    fn read(cells: &mut Cells<'_, '_>) -> Result<CardBinding, StoreFault> {
        Ok(CardBinding {
            tenant: TenantId::new(cells.text()?),
            id: cells.id()?,
            namespace: cells.shared()?,
            number: cells.text()?.to_owned(),
            card: cells.id()?,
            order: cells.id()?,
            wallet: cells.id()?,
            is_by_secret: cells.flag()?,
            made_at: cells.time()?,
            version: cells.standing()?.version,
        })
    }

    fn encode(change: &CardBindingChange, _at: Timestamp) -> Body<'_, CardBinding> {
        match change {
            CardBindingChange::Made(binding) => Body::Whole(binding),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<CardBinding, String>,
    ) -> Result<CardBindingChange, String> {
        match name {
            "made" => Ok(CardBindingChange::Made(Box::new(whole(body)?))),
            name => unknown(name),
        }
    }
}
