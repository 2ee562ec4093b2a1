//! Refunds.

use super::call::operation;
use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use channel::RefundCause;
use kernel::{Refund, RefundChange, RefundState, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for Refund {
    const TABLE: &'static RowTable = &RowTable {
        name: "refunds",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            int("order_id"),
            text("channel_refund_no"),
            text("payment_reference"),
            int("amount"),
            text("cause"),
            int("made_at"),
        ],
        narrow_len: 8,
        mutable: &[
            text("state"),
            nullable(int("ended_at")),
            nullable(text("refund_reference")),
            nullable(text("reason")),
            int("polls"),
        ],
        number: None,
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.order.value()),
            Value::text(&self.channel_refund_no),
            Value::text(&self.payment_reference),
            Value::Int(self.amount.get()),
            Value::text(self.cause.name()),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::text(self.state.name()),
            Value::number(state.ended_at),
            Value::optional(state.refund_reference),
            Value::optional(state.reason),
            Value::Int(i64::from(self.polls)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Refund, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let order = cells.id()?;
        let channel_refund_no = cells.text()?.to_owned();
        let payment_reference = cells.text()?.to_owned();
        let amount = cells.fen()?;
        let cause = cells.word(RefundCause::from_name)?;
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let name = cells.text()?;
        let state = StateCells {
            ended_at: cells.optional_int()?,
            refund_reference: cells.optional_text()?,
            reason: cells.optional_text()?,
        };
        let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
        let state = state.read(name).ok_or_else(misfit)?;
        // The attention of a failed refund follows from its state.
        let attention = match state {
            RefundState::Failed { .. } => None,
            RefundState::Requesting | RefundState::Processing | RefundState::Done { .. } => {
                standing.attention
            }
        };
        Ok(Refund {
            tenant,
            id,
            order,
            channel_refund_no,
            payment_reference,
            amount,
            cause,
            made_at,
            version: standing.version,
            state,
            polls: cells.count()?,
            next_poll_at: standing.next_poll_at,
            attention,
        })
    }

    fn encode(change: &RefundChange, _at: Timestamp) -> Body<'_, Refund> {
        match change {
            RefundChange::Made(refund) => Body::Whole(refund),
            RefundChange::CallBegun { operation, until } => {
                json(&CallBegunBody { operation: operation.name(), until: until.ms() })
            }
            RefundChange::Moved { state, next_poll_at } => {
                let cells = StateCells::of(state);
                json(&MovedBody {
                    state: state.name(),
                    ended_at: cells.ended_at,
                    refund_reference: cells.refund_reference.map(Cow::Borrowed),
                    reason: cells.reason.map(Cow::Borrowed),
                    next_poll_at: next_poll_at.map(Timestamp::ms),
                })
            }
            RefundChange::MismatchRecorded { why, next_poll_at } => json(&MismatchBody {
                why: Cow::Borrowed(why),
                next_poll_at: next_poll_at.map(Timestamp::ms),
            }),
            RefundChange::Repeated => json(&Empty {}),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Refund, String>,
    ) -> Result<RefundChange, String> {
        Ok(match name {
            "made" => RefundChange::Made(Box::new(whole(body)?)),
            "call_begun" => {
                let body: CallBegunBody<'_> = parse(body)?;
                let until = Timestamp::from_ms(body.until);
                RefundChange::CallBegun { operation: operation(body.operation)?, until }
            }
            "moved" => {
                let body: MovedBody<'_> = parse(body)?;
                let cells = StateCells {
                    ended_at: body.ended_at,
                    refund_reference: body.refund_reference.as_deref(),
                    reason: body.reason.as_deref(),
                };
                let state = cells.read(body.state).ok_or("state does not fit")?;
                RefundChange::Moved {
                    state,
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                }
            }
            "mismatch_recorded" => {
                let body: MismatchBody<'_> = parse(body)?;
                RefundChange::MismatchRecorded {
                    why: body.why.into_owned(),
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                }
            }
            "repeated" => parse::<Empty>(body).map(|_| RefundChange::Repeated)?,
            name => unknown(name)?,
        })
    }
}

/// The cells of a refund's state; those of other states are empty.
struct StateCells<'a> {
    ended_at: Option<i64>,
    refund_reference: Option<&'a str>,
    reason: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a RefundState) -> StateCells<'a> {
        let (ended_at, refund_reference, reason) = match state {
            RefundState::Requesting | RefundState::Processing => (None, None, None),
            RefundState::Done { at, refund_reference } => {
                (Some(at.ms()), Some(refund_reference.as_str()), None)
            }
            RefundState::Failed { at, reason } => (Some(at.ms()), None, Some(reason.as_str())),
        };
        StateCells { ended_at, refund_reference, reason }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<RefundState> {
        let at = self.ended_at.map(Timestamp::from_ms);
        match (name, at, self.refund_reference, self.reason) {
            ("requesting", None, None, None) => Some(RefundState::Requesting),
            ("processing", None, None, None) => Some(RefundState::Processing),
            ("done", Some(at), Some(reference), None) => {
                Some(RefundState::Done { at, refund_reference: reference.to_owned() })
            }
            ("failed", Some(at), None, Some(reason)) => {
                Some(RefundState::Failed { at, reason: reason.to_owned() })
            }
            (_, _, _, _) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct CallBegunBody<'a> {
    operation: &'a str,
    until: i64,
}

#[derive(Serialize, Deserialize)]
struct MovedBody<'a> {
    state: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    refund_reference: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct MismatchBody<'a> {
    #[serde(borrow)]
    why: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}
