//! Gift cards on their way to another owner.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{CardTransfer, CardTransferChange, CardTransferState, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

impl Stored for CardTransfer {
    const TABLE: &'static RowTable = &RowTable {
        name: "card_transfers",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            int("card_id"),
            int("order_id"),
            text("from_owner"),
            nullable(text("to_owner")),
            text("token_hash"),
            int("made_at"),
            int("expires_at"),
        ],
        narrow_len: 11,
        mutable: &[
            initially("waiting", text("state")),
            nullable(int("ended_at")),
            nullable(text("receiver")),
        ],
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
            Value::text(&self.from),
            Value::optional(self.to.as_deref()),
            Value::text(&self.token_hash),
            Value::Int(self.made_at.ms()),
            Value::Int(self.expires_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let (ended_at, receiver) = match &self.state {
            CardTransferState::Waiting => (None, None),
            CardTransferState::Received { at, owner } => (Some(at.ms()), Some(&**owner)),
            CardTransferState::Cancelled { at } | CardTransferState::TimedOut { at } => {
                (Some(at.ms()), None)
            }
        };
        cells.extend([
            Value::text(self.state.name()),
            Value::number(ended_at),
            Value::optional(receiver),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<CardTransfer, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = Arc::from(cells.text()?);
        let number = cells.text()?.to_owned();
        let card = cells.id()?;
        let order = cells.id()?;
        let from = cells.text()?.to_owned();
        let to = cells.optional_string()?;
        let token_hash = cells.text()?.to_owned();
        let made_at = cells.time()?;
        let expires_at = cells.time()?;
        let version = cells.standing()?.version;
        let name = cells.text()?;
        let (ended_at, receiver) = (cells.optional_time()?, cells.optional_string()?);
        let state = match (name, ended_at, receiver) {
            ("waiting", None, None) => CardTransferState::Waiting,
            ("received", Some(at), Some(owner)) => CardTransferState::Received { at, owner },
            ("cancelled", Some(at), None) => CardTransferState::Cancelled { at },
            ("timed_out", Some(at), None) => CardTransferState::TimedOut { at },
            (_, _, _) => return Err(cells.misfit(format!("state {name:?} with other cells"))),
        };
        Ok(CardTransfer {
            tenant,
            id,
            namespace,
            number,
            card,
            order,
            from,
            to,
            token_hash,
            made_at,
            expires_at,
            version,
            state,
        })
    }

    fn encode(change: &CardTransferChange, _at: Timestamp) -> Body<'_, CardTransfer> {
        match change {
            CardTransferChange::Begun(transfer) => Body::Whole(transfer),
            CardTransferChange::Received { owner } => {
                json(&ReceivedBody { owner: Cow::Borrowed(owner) })
            }
            CardTransferChange::Cancelled | CardTransferChange::TimedOut => json(&Empty {}),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<CardTransfer, String>,
    ) -> Result<CardTransferChange, String> {
        Ok(match name {
            "begun" => CardTransferChange::Begun(Box::new(whole(body)?)),
            "received" => {
                let owner = parse::<ReceivedBody<'_>>(body)?.owner.into_owned();
                CardTransferChange::Received { owner }
            }
            "cancelled" => parse::<Empty>(body).map(|_| CardTransferChange::Cancelled)?,
            "timed_out" => parse::<Empty>(body).map(|_| CardTransferChange::TimedOut)?,
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct ReceivedBody<'a> {
    #[serde(borrow)]
    owner: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Empty {}
