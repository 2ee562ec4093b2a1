//! What the channel sends to a receiver of shares. The sharing merchant gets nothing.
//!
//! The current pages give such a callback the event of a payment, older ones an event of its own.

use crate::sharing::wire::ShareCallback;
use crate::wire::{self, CallbackBody};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Events of its own: money came by a share, or went back.
const EVENTS: [&str; 2] = ["PROFITSHARING.SUCCESS", "PROFITSHARING.RETURN"];
/// [`crate::wire::Sealed::original_type`] of its resource.
const ORIGINAL_TYPE: &str = "profitsharing";

/// What tells its text from that of a payment.
#[derive(Deserialize)]
struct Marked {
    receiver: Option<IgnoredAny>,
}

/// Whether a callback is about shared money. One that is must not be read as a payment.
pub(crate) fn is_one(callback: &CallbackBody, plain: &[u8]) -> bool {
    let has_receiver = || wire::read::<Marked>(plain).is_ok_and(|read| read.receiver.is_some());
    EVENTS.contains(&&*callback.event_type)
        || callback.resource.original_type.as_deref() == Some(ORIGINAL_TYPE)
        || has_receiver()
}

/// What it says, for people.
pub(crate) fn summary(callback: &CallbackBody, plain: &[u8]) -> Result<String, String> {
    let ShareCallback { out_order_no, receiver } = wire::read(plain)?;
    let event = &callback.event_type;
    let (amount, account) = (receiver.amount, &receiver.account);
    Ok(format!("{event}: share {out_order_no}, {amount} fen to {account}"))
}
