//! What happened, as JSON: one object per event, whose `kind` says which members it has.

use super::{Delivery, RefundState};
use serde::Serialize;
use utoipa::ToSchema;

/// Events that need a person, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttentionPage {
    /// The events.
    pub(crate) events: Vec<Attention>,
    /// What `before` must be for the next page; null when this page is not full.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// An event that needs a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attention {
    /// The order in whose story it stands; null when it is about no order of ours.
    #[schema(required)]
    pub(crate) order: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its id; events of an order are in the order of their ids.
    pub(crate) id: String,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Who wanted it: `business:KEY`, `channel:NAME`, `clock` or `operator:NAME`.
    #[schema(example = "channel:wxpay")]
    pub(crate) caller: String,
    /// What.
    #[serde(flatten)]
    pub(crate) change: Change,
}

/// What an event says.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Change {
    /// The order was placed.
    OrderPlaced {
        /// How much.
        amount_fen: i64,
        /// The channel's name.
        channel: String,
        /// The channel account's name.
        channel_account: String,
        /// Where the payer is.
        scene: &'static str,
        /// From when on it must not be payable.
        #[schema(format = DateTime)]
        expires_at: String,
    },
    /// The caller sent the same order, or the same request to close it, again.
    OrderRepeated,
    /// A call to the channel was begun.
    CallBegun {
        /// What is asked.
        operation: &'static str,
        /// When the call has ended at the latest.
        #[schema(format = DateTime)]
        until: String,
    },
    /// A call or callback brought nothing new.
    CallEnded {
        /// The call.
        call: Call,
    },
    /// The channel contradicted the order; that changed nothing and waits for the operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// The call.
        call: Call,
    },
    /// The payer can pay now.
    PayInfoReceived {
        /// In which form; the thing itself is not shown.
        pay_form: &'static str,
        /// Until when.
        #[schema(format = DateTime)]
        payable_until: String,
        /// The call.
        call: Call,
    },
    /// The order was paid.
    OrderPaid {
        /// When, by the channel's clock.
        #[schema(format = DateTime)]
        paid_at: String,
        /// The channel's number of the payment.
        payment_reference: String,
        /// What the payer paid after coupons.
        payer_amount_fen: i64,
        /// The call.
        call: Call,
    },
    /// The order is being closed.
    OrderClosing {
        /// `expired` or `asked`.
        closure: &'static str,
    },
    /// The order is closed.
    OrderClosed {
        /// The call.
        call: Call,
    },
    /// The order failed.
    OrderFailed {
        /// Why.
        reason: String,
        /// The call.
        call: Call,
    },
    /// Money came that the order could not take; a refund gives it back.
    UnappliedReceived {
        /// The refund's id.
        refund: String,
        /// How much.
        amount_fen: i64,
        /// The channel's number of the payment.
        payment_reference: String,
        /// The call.
        call: Call,
    },
    /// A call about a refund was begun.
    RefundCallBegun {
        /// The refund's id.
        refund: String,
        /// What is asked.
        operation: &'static str,
    },
    /// A refund was looked at.
    RefundMoved {
        /// The refund's id.
        refund: String,
        /// Where it stands since then.
        now: RefundState,
        /// The call.
        call: Call,
    },
    /// The merchant is to be told.
    NotificationQueued {
        /// The notification's id.
        notification: String,
        /// Where it goes.
        url: String,
    },
    /// A notification was sent, or could not be.
    NotificationAttempted {
        /// The notification's id.
        notification: String,
        /// When the attempt began.
        #[schema(format = DateTime)]
        began_at: String,
        /// How long it took.
        took_ms: i64,
        /// How it ended.
        delivery: Delivery,
        /// Where the notification stood afterwards: `due`, `delivered` or `given_up`.
        notification_state: &'static str,
    },
    /// A notification is to be sent again.
    NotificationReplayed {
        /// The notification's id.
        notification: String,
    },
    /// Signing keys of a channel were fetched.
    KeysStored {
        /// Of which channel account.
        channel_account: String,
        /// The keys' names and validity.
        keys: Vec<Key>,
    },
}

/// How we know what a channel said.
#[derive(Serialize, ToSchema)]
pub(crate) struct Call {
    /// What was asked; absent when the channel told us by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "query")]
    pub(crate) operation: Option<&'static str>,
    /// When the call began, or the channel's callback came.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// How long the call took.
    pub(crate) took_ms: i64,
    /// The HTTP status; absent when there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_status: Option<u16>,
    /// The channel's own id of the call or callback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_trace: Option<String>,
    /// What the channel said, in words.
    pub(crate) summary: String,
}

/// A channel's signing key, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its name in the channel's signatures.
    pub(crate) serial: String,
    /// From when on it may be used.
    #[schema(format = DateTime)]
    pub(crate) valid_from: String,
    /// Until when it may be used.
    #[schema(format = DateTime)]
    pub(crate) valid_until: String,
}
