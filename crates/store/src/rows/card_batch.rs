//! Batches of gift cards.

use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown, word};
use crate::StoreFault;
use kernel::{CardBatch, CardBatchChange, CardBatchState, CardValidity, MerchantId, TenantId};
use ledger::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for CardBatch {
    const TABLE: &'static RowTable = &RowTable {
        name: "card_batches",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            text("merchant"),
            text("name"),
            int("face"),
            int("price"),
            int("owner_max"),
            int("is_transferable"),
            text("accepted_by"),
            nullable(int("begins_at")),
            nullable(int("valid_days")),
            int("made_at"),
        ],
        narrow_len: 14,
        mutable: &[
            text("state"),
            nullable(int("ends_at")),
            int("total"),
            int("issued"),
            int("reserved"),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let accepted_by: Vec<&str> = self.accepted_by.iter().map(MerchantId::as_str).collect();
        let accepted_by = serde_json::to_string(&accepted_by).expect("texts are always JSON");
        let (begins_at, days) = match self.validity {
            CardValidity::Fixed { begins_at, .. } => (Some(begins_at.ms()), None),
            CardValidity::Relative { days } => (None, Some(i64::from(days))),
        };
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.namespace),
            Value::text(&self.number),
            Value::text(self.merchant.as_str()),
            Value::text(&self.name),
            Value::Int(self.face.get()),
            Value::Int(self.price.get()),
            Value::Int(i64::from(self.owner_max)),
            Value::Int(i64::from(self.is_transferable)),
            Value::owned(accepted_by),
            Value::number(begins_at),
            Value::number(days),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.state.name()),
            Value::number(self.validity.ends_at().map(Timestamp::ms)),
            Value::Int(self.total),
            Value::Int(self.issued),
            Value::Int(self.reserved),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<CardBatch, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = cells.shared()?;
        let number = cells.text()?.to_owned();
        let merchant = MerchantId::new(cells.text()?);
        let name = cells.text()?.to_owned();
        let face = cells.fen()?;
        let price = cells.fen()?;
        let owner_max = cells.count()?;
        let is_transferable = cells.flag()?;
        let accepted_by = read_merchants(cells)?;
        let begins_at = cells.optional_time()?;
        let days = cells.optional_int()?;
        let made_at = cells.time()?;
        let version = cells.standing()?.version;
        let state = cells.word(CardBatchState::from_name)?;
        let ends_at = cells.optional_time()?;
        let validity = match (begins_at, ends_at, days.map(u16::try_from)) {
            (Some(begins_at), Some(ends_at), None) => CardValidity::Fixed { begins_at, ends_at },
            (None, None, Some(Ok(days))) => CardValidity::Relative { days },
            (_, _, _) => return Err(cells.misfit("a part of a validity")),
        };
        Ok(CardBatch {
            tenant,
            id,
            namespace,
            number,
            merchant,
            name,
            face,
            price,
            owner_max,
            is_transferable,
            accepted_by,
            made_at,
            version,
            state,
            validity,
            total: cells.int()?,
            issued: cells.int()?,
            reserved: cells.int()?,
        })
    }

    fn encode(change: &CardBatchChange, _at: Timestamp) -> Body<'_, CardBatch> {
        match change {
            CardBatchChange::Created(batch) => Body::Whole(batch),
            CardBatchChange::StateChanged(state) => {
                json(&StateBody { state: Cow::Borrowed(state.name()) })
            }
            CardBatchChange::TotalRaised { total } => json(&TotalBody { total: *total }),
            CardBatchChange::Extended { ends_at } => json(&EndBody { ends_at: ends_at.ms() }),
            CardBatchChange::Reserved { by, cards }
            | CardBatchChange::Released { by, cards }
            | CardBatchChange::Issued { by, cards } => {
                json(&CardsBody { recharge: by.value(), cards: *cards })
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<CardBatch, String>,
    ) -> Result<CardBatchChange, String> {
        let cards = || {
            let CardsBody { recharge, cards } = parse(body)?;
            Ok::<_, String>((Id::from_value(recharge), cards))
        };
        Ok(match name {
            "created" => CardBatchChange::Created(Box::new(whole(body)?)),
            "state_changed" => {
                let StateBody { state } = parse(body)?;
                CardBatchChange::StateChanged(word(CardBatchState::from_name, &state, "state")?)
            }
            "total_raised" => {
                CardBatchChange::TotalRaised { total: parse::<TotalBody>(body)?.total }
            }
            "extended" => {
                let ends_at = Timestamp::from_ms(parse::<EndBody>(body)?.ends_at);
                CardBatchChange::Extended { ends_at }
            }
            "reserved" => cards().map(|(by, cards)| CardBatchChange::Reserved { by, cards })?,
            "released" => cards().map(|(by, cards)| CardBatchChange::Released { by, cards })?,
            "issued" => cards().map(|(by, cards)| CardBatchChange::Issued { by, cards })?,
            name => unknown(name)?,
        })
    }
}

fn read_merchants(cells: &mut Cells<'_, '_>) -> Result<Vec<MerchantId>, StoreFault> {
    let merchants: Vec<Cow<'_, str>> = parse(cells.text()?).map_err(|why| cells.fault(&why))?;
    Ok(merchants.iter().map(|merchant| MerchantId::new(merchant)).collect())
}

#[derive(Serialize, Deserialize)]
struct StateBody<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct TotalBody {
    total: i64,
}

#[derive(Serialize, Deserialize)]
struct EndBody {
    ends_at: i64,
}

#[derive(Serialize, Deserialize)]
struct CardsBody {
    recharge: i64,
    cards: i64,
}
