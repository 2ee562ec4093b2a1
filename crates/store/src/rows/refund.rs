//! Refunds.

#[path = "refund_request.rs"]
mod request;
#[path = "refund_returns.rs"]
mod returns;

use super::call::operation;
use super::cells::{Cells, Value, int, nullable, text};
use super::need::NeedBody;
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown, word};
use crate::StoreFault;
use channel::RefundCause;
use kernel::{Refund, RefundChange, RefundState, SecondPayout, TenantId};
use ledger::{Fen, Subject, SubjectKind, Timestamp};
use returns::ReturnBody;
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
            text("merchant_order_no"),
            text("channel_refund_no"),
            text("payment_reference"),
            int("paid"),
            int("amount"),
            int("settled_amount"),
            text("cause"),
            nullable(text("namespace")),
            nullable(text("merchant_refund_no")),
            nullable(text("dialect")),
            nullable(text("requested_reason")),
            nullable(text("notify_url")),
            nullable(text("details")),
            nullable(int("is_to_balance")),
            nullable(text("parts")),
            int("made_at"),
        ],
        narrow_len: 19,
        mutable: &[
            int("attempt"),
            text("state"),
            nullable(int("ended_at")),
            nullable(text("refund_reference")),
            nullable(int("settled_refund")),
            nullable(text("reason")),
            nullable(int("is_proven")),
            nullable(text("note")),
            nullable(text("step_kind")),
            nullable(int("step_id")),
            nullable(int("is_requested")),
            int("polls"),
            nullable(text("dismissal")),
            nullable(text("returns")),
            text("second_payouts"),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "merchant_refund_no" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.order.value()),
            Value::text(&self.merchant_order_no),
            Value::text(&self.channel_refund_no),
            Value::text(&self.payment_reference),
            Value::Int(self.paid.get()),
            Value::Int(self.amount.get()),
            Value::Int(self.settled_amount.get()),
            Value::text(self.cause.name()),
        ]);
        cells.extend(request::cells(self));
        cells.push(Value::Int(self.made_at.ms()));
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::Int(i64::from(self.attempt)),
            Value::text(self.state.name()),
            Value::number(state.ended_at),
            Value::optional(state.refund_reference),
            Value::number(state.settled_refund),
            Value::optional(state.reason),
            Value::number(state.is_proven.map(i64::from)),
            Value::optional(state.note),
            Value::optional(state.step_kind),
            Value::number(state.step_id),
            Value::number(state.is_requested.map(i64::from)),
            Value::Int(i64::from(self.polls)),
            Value::optional(self.dismissal.as_deref()),
            match self.returns.as_slice() {
                [] => Value::Null,
                returns => Value::owned(returns::text(returns)),
            },
            Value::owned(payouts_text(&self.second_payouts)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Refund, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let order = cells.id()?;
        let merchant_order_no = cells.text()?.to_owned();
        let channel_refund_no = cells.text()?.to_owned();
        let payment_reference = cells.text()?.to_owned();
        let paid = cells.fen()?;
        let amount = cells.fen()?;
        let settled_amount = cells.fen()?;
        let cause = cells.word(RefundCause::from_name)?;
        let (request, parts) = request::read(cells)?;
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let attempt = cells.count()?;
        let name = cells.text()?;
        let state = StateCells {
            ended_at: cells.optional_int()?,
            refund_reference: cells.optional_text()?,
            settled_refund: cells.optional_int()?,
            reason: cells.optional_text()?,
            is_proven: cells.optional_flag()?,
            note: cells.optional_text()?,
            step_kind: cells.optional_text()?,
            step_id: cells.optional_int()?,
            is_requested: cells.optional_flag()?,
        };
        let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
        let state = state.read(name).ok_or_else(misfit)?;
        let polls = cells.count()?;
        let dismissal = cells.optional_string()?;
        let returns = match cells.optional_text()? {
            Some(text) => returns::read(text).map_err(|why| cells.fault(&why))?,
            None => vec![],
        };
        Ok(Refund {
            tenant,
            id,
            order,
            merchant_order_no,
            channel_refund_no,
            payment_reference,
            paid,
            amount,
            settled_amount,
            cause,
            request,
            parts,
            made_at,
            version: standing.version,
            attempt,
            state,
            polls,
            returns,
            dismissal,
            second_payouts: read_payouts(cells.text()?).map_err(|why| cells.fault(&why))?,
            next_poll_at: standing.next_poll_at,
            attention: standing.attention,
        })
    }

    fn encode(change: &RefundChange, _at: Timestamp) -> Body<'_, Refund> {
        match change {
            RefundChange::Made(refund) => Body::Whole(refund),
            RefundChange::CallBegun { operation, until } => {
                json(&CallBegunBody { operation: operation.name(), until: until.ms() })
            }
            RefundChange::Moved { state, next_poll_at, need } => {
                let cells = StateCells::of(state);
                json(&MovedBody {
                    state: state.name(),
                    ended_at: cells.ended_at,
                    refund_reference: cells.refund_reference.map(Cow::Borrowed),
                    settled_refund: cells.settled_refund,
                    reason: cells.reason.map(Cow::Borrowed),
                    is_proven: cells.is_proven,
                    note: cells.note.map(Cow::Borrowed),
                    step_kind: cells.step_kind,
                    step_id: cells.step_id,
                    is_requested: cells.is_requested,
                    next_poll_at: next_poll_at.map(Timestamp::ms),
                    need: need.as_ref().map(NeedBody::of),
                })
            }
            RefundChange::MismatchRecorded { why, next_poll_at } => json(&MismatchBody {
                why: Cow::Borrowed(why),
                next_poll_at: next_poll_at.map(Timestamp::ms),
            }),
            RefundChange::Repeated | RefundChange::PollRequested | RefundChange::StepEnded => {
                json(&Empty {})
            }
            RefundChange::ReturnsEnded { returns } => {
                json(&ReturnsEndedBody { returns: returns::bodies(returns) })
            }
            RefundChange::PreparedAgain { step, is_requested, attempt, returns, next_poll_at } => {
                json(&PreparedAgainBody {
                    step_kind: step.kind.name(),
                    step_id: step.value,
                    is_requested: *is_requested,
                    attempt: *attempt,
                    returns: returns::bodies(returns),
                    next_poll_at: next_poll_at.ms(),
                })
            }
            RefundChange::NumberRenewed { attempt, next_poll_at } => {
                json(&NumberRenewedBody { attempt: *attempt, next_poll_at: next_poll_at.ms() })
            }
            RefundChange::PaidAgain { refund_reference, amount, why } => json(&PaidAgainBody {
                refund_reference: Cow::Borrowed(refund_reference),
                amount: amount.get(),
                why: Cow::Borrowed(why),
            }),
            RefundChange::PaidBack { note, outside_reference } => json(&PaidBackBody {
                note: Cow::Borrowed(note),
                outside_reference: Cow::Borrowed(outside_reference),
            }),
            RefundChange::AttentionEnded { note } => json(&NoteBody { note: Cow::Borrowed(note) }),
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
                    settled_refund: body.settled_refund,
                    reason: body.reason.as_deref(),
                    is_proven: body.is_proven,
                    note: body.note.as_deref(),
                    step_kind: body.step_kind,
                    step_id: body.step_id,
                    is_requested: body.is_requested,
                };
                let state = cells.read(body.state).ok_or("state does not fit")?;
                RefundChange::Moved {
                    state,
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                    need: body.need.map(NeedBody::read).transpose()?,
                }
            }
            "mismatch_recorded" => {
                let body: MismatchBody<'_> = parse(body)?;
                RefundChange::MismatchRecorded {
                    why: body.why.into_owned(),
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                }
            }
            "step_ended" => parse::<Empty>(body).map(|_| RefundChange::StepEnded)?,
            "returns_ended" => {
                let returns = returns::of(parse::<ReturnsEndedBody<'_>>(body)?.returns)?;
                RefundChange::ReturnsEnded { returns }
            }
            "prepared_again" => {
                let body: PreparedAgainBody<'_> = parse(body)?;
                let kind = word(SubjectKind::from_name, body.step_kind, "step_kind")?;
                RefundChange::PreparedAgain {
                    step: Subject { kind, value: body.step_id },
                    is_requested: body.is_requested,
                    attempt: body.attempt,
                    returns: returns::of(body.returns)?,
                    next_poll_at: Timestamp::from_ms(body.next_poll_at),
                }
            }
            "poll_requested" => parse::<Empty>(body).map(|_| RefundChange::PollRequested)?,
            "number_renewed" => {
                let body: NumberRenewedBody = parse(body)?;
                RefundChange::NumberRenewed {
                    attempt: body.attempt,
                    next_poll_at: Timestamp::from_ms(body.next_poll_at),
                }
            }
            "paid_again" => {
                let PaidAgainBody { refund_reference, amount, why } = parse(body)?;
                RefundChange::PaidAgain {
                    refund_reference: refund_reference.into_owned(),
                    amount: Fen::new(amount),
                    why: why.into_owned(),
                }
            }
            "paid_back" => {
                let PaidBackBody { note, outside_reference } = parse(body)?;
                let outside_reference = outside_reference.into_owned();
                RefundChange::PaidBack { note: note.into_owned(), outside_reference }
            }
            "attention_ended" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                RefundChange::AttentionEnded { note }
            }
            "repeated" => parse::<Empty>(body).map(|_| RefundChange::Repeated)?,
            name => unknown(name)?,
        })
    }
}

/// The cells of a refund's state; those of other states are empty.
#[derive(Default)]
struct StateCells<'a> {
    ended_at: Option<i64>,
    refund_reference: Option<&'a str>,
    settled_refund: Option<i64>,
    reason: Option<&'a str>,
    is_proven: Option<bool>,
    note: Option<&'a str>,
    step_kind: Option<&'a str>,
    step_id: Option<i64>,
    is_requested: Option<bool>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a RefundState) -> StateCells<'a> {
        let empty = StateCells::default();
        match state {
            RefundState::Preparing { step, is_requested } => StateCells {
                step_kind: Some(step.kind.name()),
                step_id: Some(step.value),
                is_requested: Some(*is_requested),
                ..empty
            },
            RefundState::Requesting | RefundState::Processing => empty,
            RefundState::Done { at, refund_reference, settled_refund } => StateCells {
                ended_at: Some(at.ms()),
                refund_reference: Some(refund_reference),
                settled_refund: Some(settled_refund.get()),
                ..empty
            },
            RefundState::Failed { at, reason, is_proven } => StateCells {
                ended_at: Some(at.ms()),
                reason: Some(reason),
                is_proven: Some(*is_proven),
                ..empty
            },
            RefundState::SettledByHand { at, outside_reference, note } => StateCells {
                ended_at: Some(at.ms()),
                refund_reference: Some(outside_reference),
                note: Some(note),
                ..empty
            },
            RefundState::WrittenOff { at, note } => {
                StateCells { ended_at: Some(at.ms()), note: Some(note), ..empty }
            }
        }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<RefundState> {
        let at = self.ended_at.map(Timestamp::from_ms);
        let settled = self.settled_refund.map(Fen::new);
        let step = (self.step_kind, self.step_id, self.is_requested);
        let is_preparing = name == "preparing";
        if self.is_proven.is_some() != (name == "failed")
            || (step != (None, None, None)) != is_preparing
        {
            return None;
        }
        match (name, at, self.refund_reference, settled, self.reason, self.note) {
            ("preparing", None, None, None, None, None) => {
                let (kind, value) = (SubjectKind::from_name(self.step_kind?)?, self.step_id?);
                let (step, is_requested) = (Subject { kind, value }, self.is_requested?);
                Some(RefundState::Preparing { step, is_requested })
            }
            ("requesting", None, None, None, None, None) => Some(RefundState::Requesting),
            ("processing", None, None, None, None, None) => Some(RefundState::Processing),
            ("done", Some(at), Some(reference), Some(settled_refund), None, None) => {
                let refund_reference = reference.to_owned();
                Some(RefundState::Done { at, refund_reference, settled_refund })
            }
            ("failed", Some(at), None, None, Some(reason), None) => {
                let is_proven = self.is_proven?;
                Some(RefundState::Failed { at, reason: reason.to_owned(), is_proven })
            }
            ("settled_by_hand", Some(at), Some(reference), None, None, Some(note)) => {
                let (outside_reference, note) = (reference.to_owned(), note.to_owned());
                Some(RefundState::SettledByHand { at, outside_reference, note })
            }
            ("written_off", Some(at), None, None, None, Some(note)) => {
                Some(RefundState::WrittenOff { at, note: note.to_owned() })
            }
            (_, _, _, _, _, _) => None,
        }
    }
}

/// What the channel gave back twice, as text.
fn payouts_text(payouts: &[SecondPayout]) -> String {
    let body = |payout: &SecondPayout| PayoutBody {
        refund_reference: payout.refund_reference.clone(),
        amount: payout.amount.get(),
        is_back: payout.is_back,
    };
    let bodies: Vec<PayoutBody> = payouts.iter().map(body).collect();
    serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
}

fn read_payouts(text: &str) -> Result<Vec<SecondPayout>, String> {
    let read = |PayoutBody { refund_reference, amount, is_back }| SecondPayout {
        refund_reference,
        amount: Fen::new(amount),
        is_back,
    };
    Ok(parse::<Vec<PayoutBody>>(text)?.into_iter().map(read).collect())
}

#[derive(Serialize, Deserialize)]
struct PayoutBody {
    refund_reference: String,
    amount: i64,
    is_back: bool,
}

#[derive(Serialize, Deserialize)]
struct PaidAgainBody<'a> {
    #[serde(borrow)]
    refund_reference: Cow<'a, str>,
    amount: i64,
    #[serde(borrow)]
    why: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct PaidBackBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
    #[serde(borrow)]
    outside_reference: Cow<'a, str>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_refund: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_proven: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step_kind: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_requested: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    need: Option<NeedBody<'a>>,
}

#[derive(Serialize, Deserialize)]
struct NumberRenewedBody {
    attempt: u32,
    next_poll_at: i64,
}

#[derive(Serialize, Deserialize)]
struct ReturnsEndedBody<'a> {
    #[serde(borrow)]
    returns: Vec<ReturnBody<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PreparedAgainBody<'a> {
    step_kind: &'a str,
    step_id: i64,
    is_requested: bool,
    attempt: u32,
    #[serde(borrow)]
    returns: Vec<ReturnBody<'a>>,
    next_poll_at: i64,
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct MismatchBody<'a> {
    #[serde(borrow)]
    why: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}
