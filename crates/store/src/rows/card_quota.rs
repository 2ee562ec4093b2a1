//! How many cards of a batch an owner has bought.

use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{Aggregate, CardQuota, CardQuotaChange, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

impl Stored for CardQuota {
    const TABLE: &'static RowTable = &RowTable {
        name: "card_quotas",
        terms: None,
        fixed: &[text("tenant"), int("id"), int("batch_id"), text("owner"), text("number")],
        narrow_len: 5,
        mutable: &[int("taken")],
        number: Some(NumberColumns { namespace: None, number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let number = self.natural_key().map(|key| key.number).unwrap_or_default();
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.batch.value()),
            Value::text(&self.owner),
            Value::owned(number),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.push(Value::Int(i64::from(self.taken)));
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<CardQuota, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let batch = cells.id()?;
        let owner = cells.text()?.to_owned();
        let _number = cells.text()?;
        let version = cells.standing()?.version;
        Ok(CardQuota { tenant, id, batch, owner, version, taken: cells.count()? })
    }

    fn encode(change: &CardQuotaChange, _at: Timestamp) -> Body<'_, CardQuota> {
        match change {
            CardQuotaChange::Begun(quota) => Body::Whole(quota),
            CardQuotaChange::Taken { cards } | CardQuotaChange::PutBack { cards } => {
                json(&CardsBody { cards: *cards })
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<CardQuota, String>,
    ) -> Result<CardQuotaChange, String> {
        let cards = || parse::<CardsBody>(body).map(|body| body.cards);
        Ok(match name {
            "begun" => CardQuotaChange::Begun(Box::new(whole(body)?)),
            "taken" => CardQuotaChange::Taken { cards: cards()? },
            "put_back" => CardQuotaChange::PutBack { cards: cards()? },
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct CardsBody {
    cards: u32,
}
