//! What tasks, the attention list and the audit follow from, for every aggregate alike.

use ledger::{Account, Fen, Id, Subject, Timestamp, kinds};
use std::fmt;
use std::sync::Arc;

/// How long before its time a task may be run: a caller waits for what it brings, or the clock of
/// another process is that much ahead. Shorter than the shortest step of any schedule, so that a task
/// that was done is not done again at once.
const EARLY_MS: i64 = 2_000;

/// Where a row stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When its task is due; `None` when it is settled and nothing more is expected, or when only a
    /// person can bring it further. A final row may have a task: an order that ended unpaid is polled
    /// again, some minutes and a day later.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
    /// What it holds, by account.
    pub holds: Vec<(Account, Fen)>,
}

impl Standing {
    /// A row that is final, needs nobody and holds nothing.
    pub(crate) fn settled() -> Standing {
        Standing::default()
    }

    /// True while something more is expected: then it has a task.
    pub const fn is_open(&self) -> bool {
        self.next_poll_at.is_some()
    }

    /// True when its task may be run now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_poll_at.is_some_and(|due| due <= now.plus_ms(EARLY_MS))
    }

    /// The sum of what it holds; `None` when it does not fit.
    pub fn held(&self) -> Option<Fen> {
        self.holds.iter().try_fold(Fen::ZERO, |sum, (_, held)| sum.plus(*held).ok())
    }
}

/// What kind of thing a person must look at. Each kind has a page in the operators' guide and commands
/// that end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttentionKind {
    /// The channel contradicts what we know: another amount, merchant, account or number.
    Contradiction,
    /// The channel refuses the account itself: its signature, permission, app or certificate.
    AccountBlocked,
    /// The channel does not close an order whose time is up.
    CannotClose,
    /// A refund waits for somebody to act at the channel.
    RefundAbnormal,
    /// The channel refused a refund for good.
    RefundFailed,
    /// The account at the channel has too little money for a refund; it must be topped up.
    RefundUnfunded,
    /// The channel has neither carried a refund out nor refused it for longer than it should take.
    RefundOverdue,
    /// The channel has neither carried a share or its return out nor refused it for longer than it should
    /// take.
    ShareOverdue,
    /// The channel soon releases by itself what it keeps frozen of an order that was marked for sharing.
    FreezeEnding,
    /// The channel does not unbind a payee that was unbound here.
    UnbindFailed,
    /// A channel tells nothing clear about the end of an agreement, or of its signing, for longer than it
    /// should take.
    AgreementOverdue,
    /// A payer signed an agreement after its signing page had expired.
    SignedLate,
    /// A merchant did not acknowledge a notification in the whole of its schedule.
    NotificationGivenUp,
    /// A merchant's withdrawal waits to be paid by hand.
    WithdrawalDue,
    /// An operator proposed to move money by hand, and no other operator has decided about it.
    ApprovalPending,
    /// A decision about the row failed by a fault of the program; its task is parked.
    Parked,
    /// Tasks of a lane were not run for longer than their rows can wait, of which this row's is the
    /// oldest. It ends when they are run.
    Late,
}

impl AttentionKind {
    /// Every kind, for listings and tests.
    pub const ALL: [AttentionKind; 17] = [
        AttentionKind::Contradiction,
        AttentionKind::AccountBlocked,
        AttentionKind::CannotClose,
        AttentionKind::RefundAbnormal,
        AttentionKind::RefundFailed,
        AttentionKind::RefundUnfunded,
        AttentionKind::RefundOverdue,
        AttentionKind::ShareOverdue,
        AttentionKind::FreezeEnding,
        AttentionKind::UnbindFailed,
        AttentionKind::AgreementOverdue,
        AttentionKind::SignedLate,
        AttentionKind::NotificationGivenUp,
        AttentionKind::WithdrawalDue,
        AttentionKind::ApprovalPending,
        AttentionKind::Parked,
        AttentionKind::Late,
    ];

    /// The word in storage, metrics and documents.
    pub const fn name(self) -> &'static str {
        match self {
            AttentionKind::Contradiction => "contradiction",
            AttentionKind::AccountBlocked => "account_blocked",
            AttentionKind::CannotClose => "cannot_close",
            AttentionKind::RefundAbnormal => "refund_abnormal",
            AttentionKind::RefundFailed => "refund_failed",
            AttentionKind::RefundUnfunded => "refund_unfunded",
            AttentionKind::RefundOverdue => "refund_overdue",
            AttentionKind::ShareOverdue => "share_overdue",
            AttentionKind::FreezeEnding => "freeze_ending",
            AttentionKind::UnbindFailed => "unbind_failed",
            AttentionKind::AgreementOverdue => "agreement_overdue",
            AttentionKind::SignedLate => "signed_late",
            AttentionKind::NotificationGivenUp => "notification_given_up",
            AttentionKind::WithdrawalDue => "withdrawal_due",
            AttentionKind::ApprovalPending => "approval_pending",
            AttentionKind::Parked => "parked",
            AttentionKind::Late => "late",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<AttentionKind> {
        AttentionKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A command that can end what needs a person with a row, because the row's state allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exit {
    /// Poll the channel now.
    PollNow,
    /// Take an order's contested payment for its payment.
    ApplyPayment,
    /// Refund an order's contested payment.
    GiveBack,
    /// Somebody gave the money back outside the channel's interface.
    SettleByHand,
    /// The money is not given back.
    WriteOff,
    /// What contradicted was looked into; no money moves.
    EndContradiction,
    /// End an order that does not end at the channel.
    CloseForGood,
    /// Request a refund again, or poll it.
    Retry,
    /// Request a refund again under a new number.
    RetryUnderNewNumber,
    /// Send a notification again.
    Replay,
    /// A notification is not sent again.
    Dismiss,
    /// Book a share or its return as the channel describes it.
    Accept,
    /// End a share or its return, item by item, as somebody saw it.
    EndByHand,
    /// What contradicted a share or its return after its end was looked into.
    DismissContradiction,
    /// A callback about nothing that is known was looked into.
    DismissMismatch,
    /// Call a channel again, whose account is mended.
    ResumeAccount,
    /// Run a parked task again.
    ResumeTask,
    /// A withdrawal was paid outside; book it.
    BookPaid,
    /// A withdrawal was not paid; the merchant has the money again.
    BookFailed,
    /// Carry out what another operator proposed.
    Approve,
    /// Do not carry out what an operator proposed.
    Reject,
}

/// Why a row needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// The kind of thing to look at.
    pub kind: AttentionKind,
    /// The reason, for people.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

/// A row that begins or ceases to need a person, or needs one for another reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionChange {
    /// The row.
    pub subject: Subject,
    /// The story that it belongs to.
    pub root: Id<kinds::Root>,
    /// Why it needed a person before.
    pub before: Option<Attention>,
    /// Why it needs one now.
    pub now: Option<Attention>,
}

/// A secret as it is stored: encrypted under a master key whose id stands in it. The kernel moves it
/// and never opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Arc<str>);

impl Sealed {
    /// The sealed form of a secret.
    pub fn new(text: &str) -> Sealed {
        Sealed(Arc::from(text))
    }

    /// The sealed form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Debug output shows that there is a secret, and nothing of it.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(***)")
    }
}
