//! What a channel's answer or callback can mean.

use crate::agreement::AgreementFound;
use crate::bill::{Bill, BillFile};
use crate::share::{ShareReturned, Shared};
use ledger::{Currency, Fen, Timestamp};

/// The meaning of an answer, the same for every channel. Each vendor's `codes.rs` maps to it.
///
/// Only [`Finding::Refused`], [`Finding::Failed`], [`Finding::Closed`], [`Finding::Reversed`] and
/// [`Finding::NotFound`] say that no money will come, and [`Finding::NotFound`] only of what was never confirmed. Without a
/// signature [`Unproven::Refused`] says it of what was never sent before. Everything else that leaves a
/// doubt is [`Finding::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The order stands; the payer can pay with this. Or the agreement, which the payer can sign with this.
    Placed(PayInfo),
    /// The order is paid.
    Paid(Payment),
    /// The order exists and is not paid yet.
    Pending,
    /// The order is closed and was never paid.
    Closed,
    /// The channel took a cancel: the order can no longer be paid. Only a query says what became of it.
    Cancelled,
    /// The order was paid, and a cancel gave the whole payment back.
    Reversed(Payment),
    /// The payment failed for good; there is no money.
    Failed {
        /// The channel's code.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// The channel refused this request for good; it changed nothing there.
    Refused {
        /// The channel's code.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// The channel did not take the request now; the same request may pass later.
    Later {
        /// The channel's code.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// The channel refused the account itself: its signature, permission, app or certificate, or its
    /// settings cannot be used. It says nothing about the row that was asked about: the same request
    /// passes once a person has mended the account.
    AccountFault {
        /// The channel's code, or our own where nothing was sent or keys are missing.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// The account has too little money at the channel for this refund; once it is topped up, the same
    /// request passes.
    Unfunded {
        /// The channel's code.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// The channel knows no such number. After a lost order call: no order was placed.
    NotFound,
    /// The channel says to query: the number carries an order already, or it is paid already.
    Ask {
        /// The channel's code.
        code: String,
    },
    /// A refund's state.
    Refund(Refunded),
    /// A receiver is bound now, or no longer bound, as was asked.
    Receiver,
    /// Where a share stands.
    Share(Shared),
    /// How much of an order can still be shared.
    Unshared {
        /// The amount; zero once everything was shared or released.
        amount: Fen,
    },
    /// Where the return of a share stands.
    ShareReturn(ShareReturned),
    /// Where an agreement stands.
    Agreement(Box<AgreementFound>),
    /// The channel's signing keys.
    Keys(FetchedKeys),
    /// Where the file of a bill is.
    BillFile(BillFile),
    /// A bill, or why there is none.
    Bill(Bill),
    /// An answer that no signature of the channel proves, and that still says something.
    Unproven(Unproven),
    /// We do not know: no answer, a server error, an answer that cannot be verified.
    Unknown {
        /// What was seen, for the operator.
        why: String,
    },
    /// A verified answer that contradicts what we asked: other merchant, app or number.
    Mismatch {
        /// What differs, for the operator.
        why: String,
    },
    /// A payment of the order whose parts contradict each other: it is not booked until a person has
    /// decided how.
    Contested {
        /// The payment; nothing is known of what is settled, which stands for the whole amount.
        payment: Payment,
        /// What contradicts, for the operator.
        why: String,
    },
}

impl Finding {
    /// The word in logs, metrics and the event log.
    pub const fn name(&self) -> &'static str {
        match self {
            Finding::Placed(_) => "placed",
            Finding::Paid(_) => "paid",
            Finding::Pending => "pending",
            Finding::Closed => "closed",
            Finding::Cancelled => "cancelled",
            Finding::Reversed(_) => "reversed",
            Finding::Failed { .. } => "failed",
            Finding::Refused { .. } => "refused",
            Finding::Later { .. } => "later",
            Finding::AccountFault { .. } => "account_fault",
            Finding::Unfunded { .. } => "unfunded",
            Finding::NotFound => "not_found",
            Finding::Ask { .. } => "ask",
            Finding::Refund(_) => "refund",
            Finding::Receiver => "receiver",
            Finding::Share(_) => "share",
            Finding::Unshared { .. } => "unshared",
            Finding::ShareReturn(_) => "share_return",
            Finding::Agreement(_) => "agreement",
            Finding::Keys(_) => "keys",
            Finding::BillFile(_) => "bill_file",
            Finding::Bill(_) => "bill",
            Finding::Unproven(unproven) => unproven.name(),
            Finding::Unknown { .. } => "unknown",
            Finding::Mismatch { .. } => "mismatch",
            Finding::Contested { .. } => "contested",
        }
    }
}

impl Finding {
    /// What it says, for people.
    pub fn describe(&self) -> String {
        match self {
            Finding::Refused { code, text }
            | Finding::Failed { code, text }
            | Finding::AccountFault { code, text }
            | Finding::Unfunded { code, text }
            | Finding::Later { code, text } => format!("{}: {code}: {text}", self.name()),
            Finding::Ask { code } => format!("ask: {code}"),
            Finding::Unknown { why }
            | Finding::Mismatch { why }
            | Finding::Contested { why, .. } => {
                format!("{}: {why}", self.name())
            }
            Finding::Refund(refunded) => {
                format!("refund {:?} of {}", refunded.status, refunded.amount)
            }
            Finding::Share(shared) => shared.describe(),
            Finding::Unshared { amount } => format!("{amount} can still be shared"),
            Finding::ShareReturn(returned) => {
                format!("return of {} {}", returned.amount, returned.status.name())
            }
            Finding::Agreement(found) => found.describe(),
            Finding::Unproven(unproven) => unproven.describe(),
            Finding::Keys(FetchedKeys { keys, unreadable }) => match unreadable.as_slice() {
                [] => format!("{} keys", keys.len()),
                unreadable => format!("{} keys, and not: {}", keys.len(), unreadable.join("; ")),
            },
            Finding::Bill(Bill::Rows(rows)) => format!("bill with {} rows", rows.len()),
            Finding::Bill(Bill::Empty) => "no bill: nothing happened".to_owned(),
            Finding::Bill(Bill::NotYet) => "no bill yet".to_owned(),
            Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Cancelled
            | Finding::Reversed(_)
            | Finding::NotFound
            | Finding::Receiver
            | Finding::BillFile(_) => self.name().to_owned(),
        }
    }
}

/// What an answer says without a proof. It came over TLS, so it says something about our request or our
/// keys. It never says anything about money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// The channel refused the request and did not sign that. What was never sent before is refused;
    /// what may stand there is queried first.
    Refused {
        /// The channel's code.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// The channel knows no such number, and did not sign that. The engine asks once more; answered twice
    /// in a row, it ends what may no longer be on its way there.
    NotFound {
        /// The channel's code.
        code: String,
    },
    /// It is signed with a key that we do not have yet: once the keys are fetched, the same bytes can be
    /// decoded again.
    UnknownKey {
        /// The key's name.
        serial: String,
    },
    /// It is signed at a time that lies too far from ours.
    Clock {
        /// How far the channel's clock is ahead of ours, in seconds.
        ahead_seconds: i64,
    },
}

impl Unproven {
    /// The word in logs, metrics and the event log.
    pub const fn name(&self) -> &'static str {
        match self {
            Unproven::Refused { .. } => "unsigned_refusal",
            Unproven::NotFound { .. } => "unsigned_not_found",
            Unproven::UnknownKey { .. } => "unknown_key",
            Unproven::Clock { .. } => "clock",
        }
    }

    fn describe(&self) -> String {
        let name = self.name();
        match self {
            Unproven::Refused { code, text } => format!("{name}: {code}: {text}"),
            Unproven::NotFound { code } => format!("{name}: {code}"),
            Unproven::UnknownKey { serial } => format!("{name}: signed with {serial}"),
            Unproven::Clock { ahead_seconds } => {
                format!("{name}: the channel's clock is {ahead_seconds} s ahead of ours")
            }
        }
    }
}

/// In which form a client gets what it needs to open the cashier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayForm {
    /// An object for the JS bridge of the channel's app.
    Jsapi,
    /// An object or string for the channel's SDK in a native app.
    AppSdk,
    /// A link to show as a QR code.
    QrCode,
    /// A URL to redirect to.
    JumpUrl,
    /// An HTML page with a form that submits itself.
    Html,
    /// No step is needed.
    Direct,
}

impl PayForm {
    /// Every form, for listings and tests.
    pub const ALL: [PayForm; 6] = [
        PayForm::Jsapi,
        PayForm::AppSdk,
        PayForm::QrCode,
        PayForm::JumpUrl,
        PayForm::Html,
        PayForm::Direct,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            PayForm::Jsapi => "jsapi",
            PayForm::AppSdk => "app_sdk",
            PayForm::QrCode => "qr_code",
            PayForm::JumpUrl => "jump_url",
            PayForm::Html => "html",
            PayForm::Direct => "direct",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<PayForm> {
        PayForm::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// What a client needs to open the cashier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayInfo {
    /// Its form.
    pub form: PayForm,
    /// The object (serialized), link or string; empty for [`PayForm::Direct`].
    pub text: String,
    /// Until when it works.
    pub valid_until: Timestamp,
}

/// Money that a channel says it received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Our number of the order.
    pub channel_order_no: String,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// The order's amount.
    pub amount: Fen,
    /// What of it the channel settles to the account: all but the coupons that the merchant itself bears.
    /// From zero to the amount.
    pub settled_amount: Fen,
    /// Its currency, as the channel wrote it.
    pub currency: Currency,
    /// What the payer really paid after coupons, when the channel says so.
    pub payer_amount: Option<Fen>,
    /// When it was paid.
    pub at: Timestamp,
}

/// Where a refund stands at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefundStatus {
    /// Accepted, not final.
    Processing,
    /// The money is back at the payer.
    Done,
    /// Closed: no refund was made.
    Closed,
    /// The payer's account refused it; somebody must act at the channel.
    Abnormal,
}

/// A refund as the channel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refunded {
    /// Our number of the refund.
    pub channel_refund_no: String,
    /// The channel's number of the refund.
    pub refund_reference: String,
    /// How much.
    pub amount: Fen,
    /// What of it the channel takes from the account: all but the merchant's own coupons. From zero to
    /// the amount; `None` where the channel does not state it.
    pub settled_amount: Option<Fen>,
    /// Where it stands.
    pub status: RefundStatus,
    /// When it was done; present when it is.
    pub at: Option<Timestamp>,
}

/// The channel's list of its signing keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedKeys {
    /// Those that can be used.
    pub keys: Vec<PlatformKey>,
    /// What is wrong with the others, for the operator.
    pub unreadable: Vec<String>,
}

/// A key with which the channel signs, as fetched from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformKey {
    /// Its name in the channel's signatures.
    pub serial: String,
    /// The certificate or public key, PEM.
    pub pem: String,
    /// From when on it may be used.
    pub valid_from: Timestamp,
    /// Until when it may be used.
    pub valid_until: Timestamp,
}

/// A verified callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// It is about one of our orders.
    Order(OrderCallback),
    /// It is about one of our agreements.
    Agreement(AgreementCallback),
    /// It is about nothing of ours, such as money that came by another merchant's share: it is accepted,
    /// and nothing follows.
    Other {
        /// The channel's id of the callback.
        callback_id: String,
        /// What it says, for people.
        summary: String,
    },
}

impl Callback {
    /// The callback, if it is about one of our orders.
    pub fn order(self) -> Option<OrderCallback> {
        match self {
            Callback::Order(callback) => Some(callback),
            Callback::Agreement(_) | Callback::Other { .. } => None,
        }
    }
}

/// A verified callback about an order: which of our numbers, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCallback {
    /// Our number of the order.
    pub channel_order_no: String,
    /// What it says.
    pub finding: Finding,
    /// The channel's id of the callback, for the event log.
    pub callback_id: String,
}

/// A verified callback about an agreement: which of our numbers, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementCallback {
    /// Our number of the agreement.
    pub channel_agreement_no: String,
    /// What it says.
    pub finding: Finding,
    /// The channel's id of the callback, for the event log.
    pub callback_id: String,
}
