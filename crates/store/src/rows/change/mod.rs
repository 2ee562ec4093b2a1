//! The JSON of an event's change: a mirror of the kernel's types, because the kernel knows no JSON.
//!
//! The same mirrors give the columns of the states of orders and refunds, so that rows and events cannot disagree
//! about what belongs to a state.

mod call;
mod notification;
mod order;
mod state;

pub(super) use order::UnappliedBody;
pub(super) use state::{RefundStateBody, StateBody};

use call::{CallBody, InFlightCallBody, KeyBody, operation};
use channel::{PayForm, PayInfo};
use kernel::{Change, Closure, Paid};
use ledger::{Fen, Id, Timestamp};
use notification::{AttemptBody, NotificationBody};
use order::{OrderBody, RefundBody};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Writes a change as JSON.
pub(super) fn encode(change: &Change) -> Result<String, serde_json::Error> {
    match change {
        Change::OrderPlaced(order) => json(&OrderBody::of(order)),
        Change::OrderRepeated => json(&Nothing {}),
        Change::CallBegun(in_flight) => json(&InFlightCallBody::of(*in_flight)),
        Change::CallEnded { call } | Change::OrderClosed { call } => json(&Called::of(call)),
        Change::MismatchRecorded { why: reason, call } | Change::OrderFailed { reason, call } => {
            json(&ReasonBody { reason: Cow::Borrowed(reason), call: CallBody::of(call) })
        }
        Change::PayInfoReceived { pay_info, call } => json(&PayInfoBody {
            form: pay_info.form.name(),
            text: Cow::Borrowed(&pay_info.text),
            valid_until: pay_info.valid_until.ms(),
            call: CallBody::of(call),
        }),
        Change::OrderPaid { paid, call } => json(&PaidBody {
            at: paid.at.ms(),
            payment_reference: Cow::Borrowed(&paid.payment_reference),
            payer_amount: paid.payer_amount.get(),
            call: CallBody::of(call),
        }),
        Change::OrderClosing(closure) => json(&ClosingBody { closure: closure.name() }),
        Change::UnappliedReceived { refund, call } => json(&UnappliedReceivedBody {
            refund: RefundBody::of(refund),
            call: CallBody::of(call),
        }),
        Change::RefundCallBegun { refund, operation } => {
            json(&RefundCallBody { refund: refund.value(), operation: operation.name() })
        }
        Change::RefundMoved { refund, state, call } => json(&RefundMovedBody {
            refund: refund.value(),
            state: state.name(),
            mutable: RefundStateBody::of(state),
            call: CallBody::of(call),
        }),
        Change::NotificationQueued(notification) => json(&NotificationBody::of(notification)),
        Change::NotificationAttempted { notification, attempt, state } => {
            json(&AttemptBody::of(*notification, attempt, *state))
        }
        Change::NotificationReplayed { notification } => {
            json(&ReplayedBody { notification: notification.value() })
        }
        Change::KeysStored { channel_account, keys } => json(&KeysBody {
            channel_account: Cow::Borrowed(channel_account),
            keys: keys.iter().map(KeyBody::of).collect(),
        }),
    }
}

/// Reads the change of this kind from its JSON.
pub(super) fn decode(kind: &str, body: &str) -> Result<Change, String> {
    Ok(match kind {
        "order_placed" => Change::OrderPlaced(Box::new(parse::<OrderBody<'_>>(body)?.read()?)),
        "order_repeated" => {
            parse::<Nothing>(body)?;
            Change::OrderRepeated
        }
        "call_begun" => Change::CallBegun(parse::<InFlightCallBody<'_>>(body)?.read()?),
        "call_ended" => Change::CallEnded { call: parse::<Called<'_>>(body)?.call.read()? },
        "order_closed" => Change::OrderClosed { call: parse::<Called<'_>>(body)?.call.read()? },
        "mismatch_recorded" => {
            let body: ReasonBody<'_> = parse(body)?;
            Change::MismatchRecorded { why: body.reason.into_owned(), call: body.call.read()? }
        }
        "order_failed" => {
            let body: ReasonBody<'_> = parse(body)?;
            Change::OrderFailed { reason: body.reason.into_owned(), call: body.call.read()? }
        }
        "pay_info_received" => parse::<PayInfoBody<'_>>(body)?.read()?,
        "order_paid" => parse::<PaidBody<'_>>(body)?.read()?,
        "order_closing" => {
            let body: ClosingBody<'_> = parse(body)?;
            Change::OrderClosing(word(Closure::from_name, body.closure, "closure")?)
        }
        "unapplied_received" => {
            let body: UnappliedReceivedBody<'_> = parse(body)?;
            Change::UnappliedReceived {
                refund: Box::new(body.refund.read()?),
                call: body.call.read()?,
            }
        }
        "refund_call_begun" => {
            let body: RefundCallBody<'_> = parse(body)?;
            let operation = operation(body.operation)?;
            Change::RefundCallBegun { refund: Id::from_value(body.refund), operation }
        }
        "refund_moved" => parse::<RefundMovedBody<'_>>(body)?.read()?,
        "notification_queued" => {
            Change::NotificationQueued(Box::new(parse::<NotificationBody<'_>>(body)?.read()?))
        }
        "notification_attempted" => parse::<AttemptBody<'_>>(body)?.read()?,
        "notification_replayed" => Change::NotificationReplayed {
            notification: Id::from_value(parse::<ReplayedBody>(body)?.notification),
        },
        "keys_stored" => {
            let body: KeysBody<'_> = parse(body)?;
            let keys = body.keys.into_iter().map(KeyBody::read).collect();
            Change::KeysStored { channel_account: Arc::from(&*body.channel_account), keys }
        }
        unknown => return Err(format!("unknown kind {unknown:?}")),
    })
}

fn json(body: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(body)
}

/// The fault tells where, not what: a body holds what callers and channels said.
fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|fault| format!("no such JSON at column {}", fault.column()))
}

fn word<T>(read: impl FnOnce(&str) -> Option<T>, text: &str, field: &str) -> Result<T, String> {
    read(text).ok_or_else(|| format!("unknown {field} {text:?}"))
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

#[derive(Serialize, Deserialize)]
struct Called<'a> {
    #[serde(borrow)]
    call: CallBody<'a>,
}

impl<'a> Called<'a> {
    fn of(call: &'a kernel::CallRecord) -> Called<'a> {
        Called { call: CallBody::of(call) }
    }
}

#[derive(Serialize, Deserialize)]
struct ReasonBody<'a> {
    reason: Cow<'a, str>,
    #[serde(borrow)]
    call: CallBody<'a>,
}

#[derive(Serialize, Deserialize)]
struct PayInfoBody<'a> {
    form: &'a str,
    text: Cow<'a, str>,
    valid_until: i64,
    #[serde(borrow)]
    call: CallBody<'a>,
}

impl PayInfoBody<'_> {
    fn read(self) -> Result<Change, String> {
        let pay_info = PayInfo {
            form: word(PayForm::from_name, self.form, "form")?,
            text: self.text.into_owned(),
            valid_until: Timestamp::from_ms(self.valid_until),
        };
        Ok(Change::PayInfoReceived { pay_info, call: self.call.read()? })
    }
}

#[derive(Serialize, Deserialize)]
struct PaidBody<'a> {
    at: i64,
    payment_reference: Cow<'a, str>,
    payer_amount: i64,
    #[serde(borrow)]
    call: CallBody<'a>,
}

impl PaidBody<'_> {
    fn read(self) -> Result<Change, String> {
        let paid = Paid {
            at: Timestamp::from_ms(self.at),
            payment_reference: self.payment_reference.into_owned(),
            payer_amount: Fen::new(self.payer_amount),
        };
        Ok(Change::OrderPaid { paid, call: self.call.read()? })
    }
}

#[derive(Serialize, Deserialize)]
struct ClosingBody<'a> {
    closure: &'a str,
}

#[derive(Serialize, Deserialize)]
struct UnappliedReceivedBody<'a> {
    #[serde(borrow)]
    refund: RefundBody<'a>,
    #[serde(borrow)]
    call: CallBody<'a>,
}

#[derive(Serialize, Deserialize)]
struct RefundCallBody<'a> {
    refund: i64,
    operation: &'a str,
}

#[derive(Serialize, Deserialize)]
struct RefundMovedBody<'a> {
    refund: i64,
    state: &'a str,
    #[serde(borrow)]
    mutable: RefundStateBody<'a>,
    #[serde(borrow)]
    call: CallBody<'a>,
}

impl RefundMovedBody<'_> {
    fn read(self) -> Result<Change, String> {
        Ok(Change::RefundMoved {
            refund: Id::from_value(self.refund),
            state: self.mutable.read(self.state).ok_or("state does not fit")?,
            call: self.call.read()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct ReplayedBody {
    notification: i64,
}

#[derive(Serialize, Deserialize)]
struct KeysBody<'a> {
    channel_account: Cow<'a, str>,
    #[serde(borrow)]
    keys: Vec<KeyBody<'a>>,
}
