//! Returns of shares.

use super::call::operation;
use super::cells::{Cells, Value, int, nullable, text};
use super::need::NeedBody;
use super::share_items::{ItemBody, read_return, return_text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{MerchantId, ShareReturn, ShareReturnChange, ShareReturnState, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for ShareReturn {
    const TABLE: &'static RowTable = &RowTable {
        name: "share_returns",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            int("share_id"),
            text("share_no"),
            int("order_id"),
            text("order_no"),
            text("merchant"),
            text("channel_share_no"),
            text("channel_return_no"),
            text("dialect"),
            nullable(text("notify_url")),
            nullable(text("remark")),
            text("content"),
            int("made_at"),
        ],
        narrow_len: 16,
        mutable: &[
            text("state"),
            nullable(int("tries")),
            nullable(text("refused")),
            nullable(int("ended_at")),
            text("items"),
            int("polls"),
            nullable(text("claimed")),
            nullable(text("note")),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.namespace),
            Value::text(&self.number),
            Value::Int(self.share.value()),
            Value::text(&self.share_no),
            Value::Int(self.order.value()),
            Value::text(&self.order_no),
            Value::text(self.merchant.as_str()),
            Value::text(&self.channel_share_no),
            Value::text(&self.channel_return_no),
            Value::text(&self.dialect),
            Value::optional(self.notify_url.as_deref()),
            Value::optional(self.remark.as_deref()),
            Value::text(&self.content),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::text(self.state.name()),
            Value::number(state.tries),
            Value::optional(state.refused),
            Value::number(state.ended_at),
            Value::owned(return_text(&self.items)),
            Value::Int(i64::from(self.polls)),
            self.claimed.as_deref().map_or(Value::Null, |items| Value::owned(return_text(items))),
            Value::optional(self.note.as_deref()),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<ShareReturn, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = cells.shared()?;
        let number = cells.text()?.to_owned();
        let share = cells.id()?;
        let share_no = cells.text()?.to_owned();
        let order = cells.id()?;
        let order_no = cells.text()?.to_owned();
        let merchant = MerchantId::new(cells.text()?);
        let channel_share_no = cells.text()?.to_owned();
        let channel_return_no = cells.text()?.to_owned();
        let dialect = cells.shared()?;
        let notify_url = cells.optional_string()?;
        let remark = cells.optional_string()?;
        let content = cells.text()?.to_owned();
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let name = cells.text()?;
        let state = StateCells {
            tries: cells.optional_int()?,
            refused: cells.optional_text()?,
            ended_at: cells.optional_int()?,
        };
        let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
        let state = state.read(name).ok_or_else(misfit)?;
        let items = read_return(cells.text()?).map_err(|why| cells.fault(&why))?;
        let polls = cells.count()?;
        let claimed = cells.optional_text()?.map(read_return).transpose();
        let claimed = claimed.map_err(|why| cells.fault(&why))?;
        let note = cells.optional_string()?;
        Ok(ShareReturn {
            tenant,
            id,
            namespace,
            number,
            share,
            share_no,
            order,
            order_no,
            merchant,
            channel_share_no,
            channel_return_no,
            dialect,
            notify_url,
            remark,
            content,
            made_at,
            version: standing.version,
            state,
            items,
            claimed,
            note,
            polls,
            next_poll_at: standing.next_poll_at,
            attention: standing.attention,
        })
    }

    fn encode(change: &ShareReturnChange, _at: Timestamp) -> Body<'_, ShareReturn> {
        match change {
            ShareReturnChange::Made(row) => Body::Whole(row),
            ShareReturnChange::CallBegun { operation, until, state } => json(&CallBegunBody {
                operation: operation.name(),
                until: until.ms(),
                state: StateBody::of(state),
            }),
            ShareReturnChange::Moved { state, items, next_poll_at, need } => json(&MovedBody {
                state: StateBody::of(state),
                items: items.as_deref().map(ItemBody::of_returns),
                next_poll_at: next_poll_at.map(Timestamp::ms),
                need: need.as_ref().map(NeedBody::of),
            }),
            ShareReturnChange::MismatchRecorded { why, next_poll_at, claimed } => {
                json(&MismatchBody {
                    why: Cow::Borrowed(why),
                    next_poll_at: next_poll_at.map(Timestamp::ms),
                    claimed: claimed.as_deref().map(ItemBody::of_returns),
                })
            }
            ShareReturnChange::Repeated | ShareReturnChange::PollRequested => json(&Empty {}),
            ShareReturnChange::NumberRenewed { attempt, next_poll_at } => {
                json(&RenewedBody { attempt: *attempt, next_poll_at: next_poll_at.ms() })
            }
            ShareReturnChange::Decided { state, items, next_poll_at, note } => json(&DecidedBody {
                state: StateBody::of(state),
                items: ItemBody::of_returns(items),
                next_poll_at: next_poll_at.map(Timestamp::ms),
                note: Cow::Borrowed(note),
            }),
            ShareReturnChange::ContradictionEnded { note } => {
                json(&NoteBody { note: Cow::Borrowed(note) })
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<ShareReturn, String>,
    ) -> Result<ShareReturnChange, String> {
        Ok(match name {
            "made" => ShareReturnChange::Made(Box::new(whole(body)?)),
            "call_begun" => {
                let body: CallBegunBody<'_> = parse(body)?;
                ShareReturnChange::CallBegun {
                    operation: operation(body.operation)?,
                    until: Timestamp::from_ms(body.until),
                    state: body.state.read()?,
                }
            }
            "moved" => {
                let body: MovedBody<'_> = parse(body)?;
                ShareReturnChange::Moved {
                    state: body.state.read()?,
                    items: body.items.map(ItemBody::returns).transpose()?,
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                    need: body.need.map(NeedBody::read).transpose()?,
                }
            }
            "mismatch_recorded" => {
                let body: MismatchBody<'_> = parse(body)?;
                ShareReturnChange::MismatchRecorded {
                    why: body.why.into_owned(),
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                    claimed: body.claimed.map(ItemBody::returns).transpose()?,
                }
            }
            "repeated" => parse::<Empty>(body).map(|_| ShareReturnChange::Repeated)?,
            "poll_requested" => parse::<Empty>(body).map(|_| ShareReturnChange::PollRequested)?,
            "number_renewed" => {
                let RenewedBody { attempt, next_poll_at } = parse(body)?;
                ShareReturnChange::NumberRenewed {
                    attempt,
                    next_poll_at: Timestamp::from_ms(next_poll_at),
                }
            }
            "decided" => {
                let body: DecidedBody<'_> = parse(body)?;
                ShareReturnChange::Decided {
                    state: body.state.read()?,
                    items: ItemBody::returns(body.items)?,
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                    note: body.note.into_owned(),
                }
            }
            "contradiction_ended" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                ShareReturnChange::ContradictionEnded { note }
            }
            name => unknown(name)?,
        })
    }
}

/// The cells of a state; those of other states are empty.
#[derive(Clone, Copy, Default)]
struct StateCells<'a> {
    tries: Option<i64>,
    refused: Option<&'a str>,
    ended_at: Option<i64>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a ShareReturnState) -> StateCells<'a> {
        let empty = StateCells::default();
        match state {
            ShareReturnState::Running { tries, refused } => {
                StateCells { tries: Some(i64::from(*tries)), refused: refused.as_deref(), ..empty }
            }
            ShareReturnState::Ended { at } => StateCells { ended_at: Some(at.ms()), ..empty },
        }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<ShareReturnState> {
        let refused = self.refused.map(str::to_owned);
        match (name, self.tries, refused, self.ended_at) {
            ("running", Some(tries), refused, None) => {
                let tries = u32::try_from(tries).ok()?;
                Some(ShareReturnState::Running { tries, refused })
            }
            ("ended", None, None, Some(at)) => {
                Some(ShareReturnState::Ended { at: Timestamp::from_ms(at) })
            }
            (_, _, _, _) => None,
        }
    }
}

/// A state in an event.
#[derive(Serialize, Deserialize)]
struct StateBody<'a> {
    name: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tries: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    refused: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

impl<'a> StateBody<'a> {
    fn of(state: &'a ShareReturnState) -> StateBody<'a> {
        let StateCells { tries, refused, ended_at } = StateCells::of(state);
        StateBody { name: state.name(), tries, refused: refused.map(Cow::Borrowed), ended_at }
    }

    fn read(&self) -> Result<ShareReturnState, String> {
        let refused = self.refused.as_deref();
        let cells = StateCells { tries: self.tries, refused, ended_at: self.ended_at };
        cells.read(self.name).ok_or_else(|| "state does not fit".to_owned())
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct CallBegunBody<'a> {
    operation: &'a str,
    until: i64,
    #[serde(borrow)]
    state: StateBody<'a>,
}

#[derive(Serialize, Deserialize)]
struct MovedBody<'a> {
    #[serde(borrow)]
    state: StateBody<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ItemBody<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    need: Option<NeedBody<'a>>,
}

#[derive(Serialize, Deserialize)]
struct MismatchBody<'a> {
    #[serde(borrow)]
    why: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    claimed: Option<Vec<ItemBody<'a>>>,
}

#[derive(Serialize, Deserialize)]
struct RenewedBody {
    attempt: u32,
    next_poll_at: i64,
}

#[derive(Serialize, Deserialize)]
struct DecidedBody<'a> {
    #[serde(borrow)]
    state: StateBody<'a>,
    #[serde(borrow)]
    items: Vec<ItemBody<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
}
