//! Profit sharing at a channel: what can be asked of it, and what it reports.
//!
//! The channel keeps a payment frozen that was placed to be shared. A share gives parts of it to
//! receivers that were bound to the account before; what is left is released with the last share or by
//! itself. A share is handled as a whole and ends item by item.

use ledger::{Fen, Timestamp};

/// What a channel can share, and within which limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharingRules {
    /// Shares of one order at most.
    pub shares_max: u32,
    /// Receivers of one share at most.
    pub receivers_max: usize,
    /// How long after the payment the first share can be asked for, in seconds.
    pub min_age_seconds: i64,
    /// How long after the payment the channel releases what was not shared, in seconds.
    pub frozen_seconds: i64,
}

/// Who a receiver is at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReceiverKind {
    /// A merchant, by its merchant number.
    Merchant,
    /// A person, by the id within the account's app.
    Person,
    /// A person, by the id within the sub-merchant's app.
    SubPerson,
}

impl ReceiverKind {
    /// Every kind, for listings and tests.
    pub const ALL: [ReceiverKind; 3] =
        [ReceiverKind::Merchant, ReceiverKind::Person, ReceiverKind::SubPerson];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            ReceiverKind::Merchant => "merchant",
            ReceiverKind::Person => "person",
            ReceiverKind::SubPerson => "sub_person",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<ReceiverKind> {
        ReceiverKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A receiver as the channel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// What it is.
    pub kind: ReceiverKind,
    /// Its number or id at the channel.
    pub account: String,
    /// Its full name: of a merchant as registered; of a person optional, and compared if it is given.
    pub name: Option<String>,
}

/// A payment whose money is shared: what any vendor needs to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPayment {
    /// The order's number at the channel.
    pub channel_order_no: String,
    /// The payment, as the channel named it.
    pub payment_reference: String,
}

/// A share to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Our number for it at the channel: committed before the call, the same in every repeat.
    pub channel_share_no: String,
    /// Of which payment.
    pub payment: SharedPayment,
    /// Who gets how much; never empty, a receiver once.
    pub items: Vec<ShareItem>,
    /// True when nothing more is shared of the order: what is left is released.
    pub releases_rest: bool,
}

/// What one receiver gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareItem {
    /// The receiver.
    pub receiver: Receiver,
    /// How much, above zero.
    pub amount: Fen,
    /// The words that the receiver sees.
    pub description: String,
}

/// A share that was asked for: what any vendor needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedShare {
    /// Its number.
    pub channel_share_no: String,
    /// Of which payment.
    pub payment: SharedPayment,
}

/// The release of what was not shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfreeze {
    /// Its own number, never used before: under a number of a share a channel answers success and
    /// releases nothing.
    pub channel_share_no: String,
    /// Of which payment.
    pub payment: SharedPayment,
    /// The words in the channel's records.
    pub description: String,
}

/// Shared money to take back from one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareReturn {
    /// Our number for it at the channel: committed before the call, the same in every repeat.
    pub channel_return_no: String,
    /// The number of the share.
    pub channel_share_no: String,
    /// Who gives it back.
    pub receiver: Receiver,
    /// How much, above zero.
    pub amount: Fen,
    /// The words in the channel's records.
    pub description: String,
}

/// A return that was asked for: what any vendor needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedShareReturn {
    /// Its number.
    pub channel_return_no: String,
    /// The number of the share.
    pub channel_share_no: String,
}

/// Where a share's item, or a return, stands at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShareStatus {
    /// Accepted, not final.
    Processing,
    /// The money has moved.
    Done,
    /// It does not move; of a share's item it stays frozen until the rest is released.
    Failed,
}

impl ShareStatus {
    /// Every status, for listings and tests.
    pub const ALL: [ShareStatus; 3] =
        [ShareStatus::Processing, ShareStatus::Done, ShareStatus::Failed];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            ShareStatus::Processing => "processing",
            ShareStatus::Done => "done",
            ShareStatus::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<ShareStatus> {
        ShareStatus::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A share as the channel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Our number of the share.
    pub channel_share_no: String,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// The channel's number of the share.
    pub share_reference: String,
    /// True when every item is final. That says nothing about how the items ended.
    pub is_finished: bool,
    /// The items, in the channel's order; the released rest is not one of them.
    pub items: Vec<SharedItem>,
}

/// An item of a share as the channel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedItem {
    /// What the receiver is.
    pub kind: ReceiverKind,
    /// The receiver's number or id.
    pub account: String,
    /// How much.
    pub amount: Fen,
    /// Where it stands.
    pub status: ShareStatus,
    /// The channel's code of why it failed.
    pub fail_reason: Option<String>,
    /// The channel's number of the item.
    pub detail_reference: Option<String>,
    /// When it ended.
    pub at: Option<Timestamp>,
}

impl Shared {
    /// What it says, for people.
    pub fn describe(&self) -> String {
        let of = |status| self.items.iter().filter(|item| item.status == status).count();
        let counts = ShareStatus::ALL.map(|status| format!("{} {}", of(status), status.name()));
        format!("share {}: {}", self.channel_share_no, counts.join(", "))
    }
}

/// A return as the channel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareReturned {
    /// Our number of the return.
    pub channel_return_no: String,
    /// Our number of the share.
    pub channel_share_no: String,
    /// The channel's number of the return.
    pub return_reference: String,
    /// The number of the merchant who gives it back.
    pub account: String,
    /// How much.
    pub amount: Fen,
    /// Where it stands.
    pub status: ShareStatus,
    /// The channel's code of why it failed.
    pub fail_reason: Option<String>,
    /// When it ended.
    pub at: Option<Timestamp>,
}
