//! What belongs to each state of an order and to each state of a refund: the columns behind the word.

use channel::{PayForm, PayInfo};
use kernel::{Closure, OrderState, Paid, RefundState};
use ledger::{Fen, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The columns of an order's state; those of other states are empty.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::rows) struct StateBody<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) pay_form: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) pay_text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) pay_valid_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) closure: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) paid_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) payment_reference: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) payer_amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) ended_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) reason: Option<Cow<'a, str>>,
}

impl<'a> StateBody<'a> {
    pub(in crate::rows) fn of(state: &'a OrderState) -> StateBody<'a> {
        let empty = StateBody::default();
        match state {
            OrderState::Init => empty,
            OrderState::Paying(pay_info) => StateBody {
                pay_form: Some(pay_info.form.name()),
                pay_text: Some(Cow::Borrowed(&pay_info.text)),
                pay_valid_until: Some(pay_info.valid_until.ms()),
                ..empty
            },
            OrderState::Closing(closure) => StateBody { closure: Some(closure.name()), ..empty },
            OrderState::Paid(paid) => StateBody {
                paid_at: Some(paid.at.ms()),
                payment_reference: Some(Cow::Borrowed(&paid.payment_reference)),
                payer_amount: Some(paid.payer_amount.get()),
                ..empty
            },
            OrderState::Failed { at, reason } => {
                StateBody { ended_at: Some(at.ms()), reason: Some(Cow::Borrowed(reason)), ..empty }
            }
            OrderState::Closed { at } => StateBody { ended_at: Some(at.ms()), ..empty },
        }
    }

    /// The state of this name, when exactly its own columns are there.
    pub(in crate::rows) fn read(self, name: &str) -> Option<OrderState> {
        let state = match name {
            "init" => OrderState::Init,
            "paying" => OrderState::Paying(PayInfo {
                form: PayForm::from_name(self.pay_form?)?,
                text: self.pay_text.as_deref()?.to_owned(),
                valid_until: Timestamp::from_ms(self.pay_valid_until?),
            }),
            "closing" => OrderState::Closing(Closure::from_name(self.closure?)?),
            "paid" => OrderState::Paid(Paid {
                at: Timestamp::from_ms(self.paid_at?),
                payment_reference: self.payment_reference.as_deref()?.to_owned(),
                payer_amount: Fen::new(self.payer_amount?),
            }),
            "failed" => OrderState::Failed {
                at: Timestamp::from_ms(self.ended_at?),
                reason: self.reason.as_deref()?.to_owned(),
            },
            "closed" => OrderState::Closed { at: Timestamp::from_ms(self.ended_at?) },
            _ => return None,
        };
        (StateBody::of(&state).filled() == self.filled()).then_some(state)
    }

    fn filled(&self) -> [bool; 9] {
        [
            self.pay_form.is_some(),
            self.pay_text.is_some(),
            self.pay_valid_until.is_some(),
            self.closure.is_some(),
            self.paid_at.is_some(),
            self.payment_reference.is_some(),
            self.payer_amount.is_some(),
            self.ended_at.is_some(),
            self.reason.is_some(),
        ]
    }
}

/// The columns of a refund's state; those of other states are empty.
#[derive(Serialize, Deserialize)]
pub(in crate::rows) struct RefundStateBody<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) refund_reference: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rows) reason: Option<Cow<'a, str>>,
}

impl<'a> RefundStateBody<'a> {
    pub(in crate::rows) fn of(state: &'a RefundState) -> RefundStateBody<'a> {
        let (at, refund_reference, reason) = match state {
            RefundState::Requesting | RefundState::Processing => (None, None, None),
            RefundState::Done { at, refund_reference } => (Some(at), Some(refund_reference), None),
            RefundState::Failed { at, reason } => (Some(at), None, Some(reason)),
        };
        RefundStateBody {
            at: at.map(|at| at.ms()),
            refund_reference: refund_reference.map(|text| Cow::Borrowed(text.as_str())),
            reason: reason.map(|text| Cow::Borrowed(text.as_str())),
        }
    }

    /// The state of this name, when exactly its own columns are there.
    pub(in crate::rows) fn read(self, name: &str) -> Option<RefundState> {
        let at = self.at.map(Timestamp::from_ms);
        match (name, at, self.refund_reference, self.reason) {
            ("requesting", None, None, None) => Some(RefundState::Requesting),
            ("processing", None, None, None) => Some(RefundState::Processing),
            ("done", Some(at), Some(text), None) => {
                Some(RefundState::Done { at, refund_reference: text.into_owned() })
            }
            ("failed", Some(at), None, Some(text)) => {
                Some(RefundState::Failed { at, reason: text.into_owned() })
            }
            (_, _, _, _) => None,
        }
    }
}
