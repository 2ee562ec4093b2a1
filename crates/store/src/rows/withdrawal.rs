//! Withdrawals.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{MerchantId, Payout, TenantId, Withdrawal, WithdrawalChange, WithdrawalState};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for Withdrawal {
    const TABLE: &'static RowTable = &RowTable {
        name: "withdrawals",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("withdrawal_no"),
            text("merchant"),
            text("dialect"),
            int("amount"),
            nullable(text("notify_url")),
            nullable(text("remark")),
            text("payout"),
            int("made_at"),
        ],
        narrow_len: 11,
        mutable: &[
            initially("accepted", text("state")),
            nullable(int("ended_at")),
            nullable(text("outside_reference")),
            nullable(text("note")),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "withdrawal_no" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.namespace),
            Value::text(&self.withdrawal_no),
            Value::text(self.merchant.as_str()),
            Value::text(&self.dialect),
            Value::Int(self.amount.get()),
            Value::optional(self.notify_url.as_deref()),
            Value::optional(self.remark.as_deref()),
            Value::text(self.payout.name()),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::text(self.state.name()),
            Value::number(state.ended_at),
            Value::optional(state.outside_reference),
            Value::optional(state.note),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Withdrawal, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = cells.shared()?;
        let withdrawal_no = cells.text()?.to_owned();
        let merchant = MerchantId::new(cells.text()?);
        let dialect = cells.shared()?;
        let amount = cells.fen()?;
        let notify_url = cells.optional_string()?;
        let remark = cells.optional_string()?;
        let payout = cells.word(Payout::from_name)?;
        let made_at = cells.time()?;
        let version = cells.standing()?.version;
        let name = cells.text()?;
        let state = StateCells {
            ended_at: cells.optional_int()?,
            outside_reference: cells.optional_text()?,
            note: cells.optional_text()?,
        };
        let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
        let state = state.read(name).ok_or_else(misfit)?;
        Ok(Withdrawal {
            tenant,
            id,
            merchant,
            namespace,
            withdrawal_no,
            dialect,
            amount,
            notify_url,
            remark,
            payout,
            made_at,
            version,
            state,
        })
    }

    fn encode(change: &WithdrawalChange, _at: Timestamp) -> Body<'_, Withdrawal> {
        match change {
            WithdrawalChange::Accepted(withdrawal) => Body::Whole(withdrawal),
            WithdrawalChange::Paid { outside_reference, note } => json(&PaidBody {
                outside_reference: Cow::Borrowed(outside_reference),
                note: Cow::Borrowed(note),
            }),
            WithdrawalChange::Failed { note } => json(&FailedBody { note: Cow::Borrowed(note) }),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Withdrawal, String>,
    ) -> Result<WithdrawalChange, String> {
        Ok(match name {
            "accepted" => WithdrawalChange::Accepted(Box::new(whole(body)?)),
            "paid" => {
                let PaidBody { outside_reference, note } = parse(body)?;
                let outside_reference = outside_reference.into_owned();
                WithdrawalChange::Paid { outside_reference, note: note.into_owned() }
            }
            "failed" => {
                let note = parse::<FailedBody<'_>>(body)?.note.into_owned();
                WithdrawalChange::Failed { note }
            }
            name => unknown(name)?,
        })
    }
}

/// The cells of a withdrawal's state; those of other states are empty.
#[derive(Default)]
struct StateCells<'a> {
    ended_at: Option<i64>,
    outside_reference: Option<&'a str>,
    note: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a WithdrawalState) -> StateCells<'a> {
        match state {
            WithdrawalState::Accepted => StateCells::default(),
            WithdrawalState::Paid { at, outside_reference, note } => StateCells {
                ended_at: Some(at.ms()),
                outside_reference: Some(outside_reference),
                note: Some(note),
            },
            WithdrawalState::Failed { at, note } => {
                StateCells { ended_at: Some(at.ms()), outside_reference: None, note: Some(note) }
            }
        }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<WithdrawalState> {
        let at = self.ended_at.map(Timestamp::from_ms);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        match (name, at, owned(self.outside_reference), owned(self.note)) {
            ("accepted", None, None, None) => Some(WithdrawalState::Accepted),
            ("paid", Some(at), Some(outside_reference), Some(note)) => {
                Some(WithdrawalState::Paid { at, outside_reference, note })
            }
            ("failed", Some(at), None, Some(note)) => Some(WithdrawalState::Failed { at, note }),
            (_, _, _, _) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct PaidBody<'a> {
    #[serde(borrow)]
    outside_reference: Cow<'a, str>,
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct FailedBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
}
