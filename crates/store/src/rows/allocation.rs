//! Allocations.

use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{
    Aggregate as _, AllocatePeriod, Allocation, AllocationChange, AllocationState, MerchantId,
    TenantId,
};
use ledger::{Fen, Id, Timestamp};
use serde::{Deserialize, Serialize};

impl Stored for Allocation {
    const TABLE: &'static RowTable = &RowTable {
        name: "allocations",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            int("order_id"),
            text("merchant"),
            text("allocation_no"),
            int("amount"),
            text("period"),
            int("is_frozen"),
            int("made_at"),
        ],
        narrow_len: 9,
        mutable: &[
            text("state"),
            nullable(int("waits_until")),
            nullable(int("ended_at")),
            nullable(text("reason")),
            int("released"),
            int("returned"),
        ],
        number: Some(NumberColumns { namespace: None, number: "allocation_no" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let number = self.natural_key().map(|key| key.number).unwrap_or_default();
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.order.value()),
            Value::text(self.merchant.as_str()),
            Value::owned(number),
            Value::Int(self.amount.get()),
            Value::text(self.period.name()),
            Value::Int(i64::from(self.is_frozen)),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::text(self.state.name()),
            Value::number(state.waits_until),
            Value::number(state.ended_at),
            Value::optional(state.reason),
            Value::Int(self.released.get()),
            Value::Int(self.returned.get()),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Allocation, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let order = cells.id()?;
        let merchant = MerchantId::new(cells.text()?);
        let number = cells.text()?;
        if number != format!("{order}/{merchant}") {
            return Err(cells.fault("another order or merchant"));
        }
        let amount = cells.fen()?;
        let period = cells.word(AllocatePeriod::from_name)?;
        let is_frozen = cells.flag()?;
        let made_at = cells.time()?;
        let version = cells.standing()?.version;
        let name = cells.text()?;
        let state = StateCells {
            waits_until: cells.optional_int()?,
            ended_at: cells.optional_int()?,
            reason: cells.optional_text()?,
        };
        let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
        let state = state.read(name).ok_or_else(misfit)?;
        Ok(Allocation {
            tenant,
            id,
            order,
            merchant,
            amount,
            period,
            is_frozen,
            made_at,
            version,
            state,
            released: cells.fen()?,
            returned: cells.fen()?,
        })
    }

    fn encode(change: &AllocationChange, _at: Timestamp) -> Body<'_, Allocation> {
        match change {
            AllocationChange::Made(allocation) => Body::Whole(allocation),
            AllocationChange::Credited => json(&Empty {}),
            AllocationChange::Released { by, amount } => {
                json(&MovedBody { by: by.value(), amount: amount.get() })
            }
            AllocationChange::TakenBack { by, amount }
            | AllocationChange::PutBack { by, amount } => {
                json(&MovedBody { by: by.value(), amount: amount.get() })
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one reading of these ids")]
    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Allocation, String>,
    ) -> Result<AllocationChange, String> {
        let moved = || parse::<MovedBody>(body).map(|it| (it.by, Fen::new(it.amount)));
        Ok(match name {
            "made" => AllocationChange::Made(Box::new(whole(body)?)),
            "credited" => parse::<Empty>(body).map(|_| AllocationChange::Credited)?,
            "released" => {
                let (by, amount) = moved()?;
                AllocationChange::Released { by: Id::from_value(by), amount }
            }
            "taken_back" => {
                let (by, amount) = moved()?;
                AllocationChange::TakenBack { by: Id::from_value(by), amount }
            }
            "put_back" => {
                let (by, amount) = moved()?;
                AllocationChange::PutBack { by: Id::from_value(by), amount }
            }
            name => unknown(name)?,
        })
    }
}

/// The cells of an allocation's state; those of other states are empty.
struct StateCells<'a> {
    waits_until: Option<i64>,
    ended_at: Option<i64>,
    reason: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a AllocationState) -> StateCells<'a> {
        let (until, at, reason) = match state {
            AllocationState::Waiting { until } => (Some(until), None, None),
            AllocationState::Credited { at } => (None, Some(at), None),
            AllocationState::Failed { at, reason } => (None, Some(at), Some(&**reason)),
        };
        let ms = |at: Option<&Timestamp>| at.map(|at| at.ms());
        StateCells { waits_until: ms(until), ended_at: ms(at), reason }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<AllocationState> {
        let time = |ms: Option<i64>| ms.map(Timestamp::from_ms);
        match (name, time(self.waits_until), time(self.ended_at), self.reason.map(str::to_owned)) {
            ("waiting", Some(until), None, None) => Some(AllocationState::Waiting { until }),
            ("credited", None, Some(at), None) => Some(AllocationState::Credited { at }),
            ("failed", None, Some(at), Some(reason)) => {
                Some(AllocationState::Failed { at, reason })
            }
            (_, _, _, _) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}

/// A part that moved, and for which row.
#[derive(Serialize, Deserialize)]
struct MovedBody {
    by: i64,
    amount: i64,
}
