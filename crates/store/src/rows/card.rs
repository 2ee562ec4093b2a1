//! Gift cards.

use super::cells::{Cells, Value, initially, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{Card, CardChange, CardState, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

impl Stored for Card {
    const TABLE: &'static RowTable = &RowTable {
        name: "cards",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("number"),
            int("batch_id"),
            int("recharge_id"),
            int("order_id"),
            int("face"),
            int("made_at"),
            int("begins_at"),
            int("ends_at"),
        ],
        narrow_len: 10,
        mutable: &[initially("issued", text("state")), text("owner"), int("spent")],
        number: Some(NumberColumns { namespace: None, number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.number),
            Value::Int(self.batch.value()),
            Value::Int(self.recharge.value()),
            Value::Int(self.order.value()),
            Value::Int(self.face.get()),
            Value::Int(self.made_at.ms()),
            Value::Int(self.begins_at.ms()),
            Value::Int(self.ends_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.state.name()),
            Value::text(&self.owner),
            Value::Int(self.spent.get()),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Card, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let number = cells.text()?.to_owned();
        let batch = cells.id()?;
        let recharge = cells.id()?;
        let order = cells.id()?;
        let face = cells.fen()?;
        let made_at = cells.time()?;
        let begins_at = cells.time()?;
        let ends_at = cells.time()?;
        let version = cells.standing()?.version;
        let state = cells.word(CardState::from_name)?;
        let owner = cells.text()?.to_owned();
        let spent = cells.fen()?;
        Ok(Card {
            tenant,
            id,
            number,
            batch,
            recharge,
            order,
            face,
            made_at,
            begins_at,
            ends_at,
            version,
            state,
            owner,
            spent,
        })
    }

    fn encode(change: &CardChange, _at: Timestamp) -> Body<'_, Card> {
        match change {
            CardChange::Issued(card) => Body::Whole(card),
            CardChange::Expired => json(&Empty {}),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Card, String>,
    ) -> Result<CardChange, String> {
        Ok(match name {
            "issued" => CardChange::Issued(Box::new(whole(body)?)),
            "expired" => parse::<Empty>(body).map(|_| CardChange::Expired)?,
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}
