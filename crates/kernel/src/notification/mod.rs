//! A notification to a merchant: durable, signed at sending, repeated on a schedule, every attempt
//! kept as an event.

mod change;
mod decide;

pub use change::NotificationChange;
pub use decide::NotificationCommand;
pub(crate) use decide::{Notified, queue};

use crate::aggregate::{About, Aggregate, NaturalKey, Reads};
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind, Exit, Standing};
use channel::Finding;
use ledger::{Id, Subject, Timestamp, kinds};
use std::sync::Arc;

/// Seconds to wait after each failed attempt (the schedule known from WeChat Pay): 24 h 4 min in all.
pub const NOTIFICATION_SCHEDULE_SECONDS: [i64; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// What a notification reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// An order was paid.
    Pay,
    /// A refund that a merchant requested is done, or has failed.
    Refund,
    /// A withdrawal has ended.
    Withdrawal,
    /// A share ended.
    Share,
    /// The return of a share ended.
    ShareReturn,
    /// Stored value was paid for and issued.
    Recharge,
    /// A payer has signed an agreement.
    AgreementSign,
    /// An agreement has ended.
    AgreementTerminate,
}

impl NotificationKind {
    /// Every kind, for listings and tests.
    pub const ALL: [NotificationKind; 8] = [
        NotificationKind::Pay,
        NotificationKind::Refund,
        NotificationKind::Withdrawal,
        NotificationKind::Share,
        NotificationKind::ShareReturn,
        NotificationKind::Recharge,
        NotificationKind::AgreementSign,
        NotificationKind::AgreementTerminate,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            NotificationKind::Pay => "pay",
            NotificationKind::Refund => "refund",
            NotificationKind::Withdrawal => "withdrawal",
            NotificationKind::Share => "share",
            NotificationKind::ShareReturn => "share_return",
            NotificationKind::Recharge => "recharge",
            NotificationKind::AgreementSign => "agreement_sign",
            NotificationKind::AgreementTerminate => "agreement_terminate",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<NotificationKind> {
        NotificationKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationState {
    /// To be delivered.
    Due {
        /// When the next attempt begins, unless it is under way.
        next_attempt_at: Timestamp,
    },
    /// The merchant acknowledged it.
    Delivered {
        /// When that was recorded.
        at: Timestamp,
    },
    /// The schedule is used up; it can be replayed.
    GivenUp {
        /// When that was recorded.
        at: Timestamp,
    },
    /// Given up, and an operator has decided that it is not replayed; it still can be.
    Dismissed {
        /// When that was decided.
        at: Timestamp,
    },
}

impl NotificationState {
    /// The words of all states, for listings and tests.
    pub const NAMES: [&'static str; 4] = ["due", "delivered", "given_up", "dismissed"];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            NotificationState::Due { .. } => "due",
            NotificationState::Delivered { .. } => "delivered",
            NotificationState::GivenUp { .. } => "given_up",
            NotificationState::Dismissed { .. } => "dismissed",
        }
    }
}

/// A notification to a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The owner.
    pub tenant: TenantId,
    /// Its id, the same in every attempt.
    pub id: Id<kinds::Notification>,
    /// What it reports about.
    pub about: Subject,
    /// The number by which the merchant knows what it reports about.
    pub about_no: String,
    /// The story that it belongs to.
    pub root: Id<kinds::Root>,
    /// What it reports.
    pub kind: NotificationKind,
    /// The dialect that renders and signs it.
    pub dialect: Arc<str>,
    /// Where it is sent.
    pub url: String,
    /// When the event that it reports happened.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: NotificationState,
    /// Attempts so far.
    pub attempts: u32,
    /// Failed attempts since it was made or replayed: its place on the schedule.
    pub step: u32,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The merchant acknowledged.
    Acknowledged {
        /// Its HTTP status.
        status: u16,
    },
    /// The merchant answered something else.
    Rejected {
        /// Its HTTP status.
        status: u16,
        /// The beginning of its answer.
        excerpt: String,
    },
    /// There was no answer: not reached, too slow, forbidden address.
    NoAnswer {
        /// What was seen.
        why: String,
    },
}

/// One attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// How it ended.
    pub delivery: Delivery,
}

/// Why a command about a notification is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotificationRefusal {
    /// There is no such notification.
    #[error("no such notification")]
    NotFound,
    /// Channels have nothing to report about notifications.
    #[error("a notification is not known to any channel")]
    NoFindings,
    /// It is not given up, so there is nothing to dismiss.
    #[error("the notification is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
}

impl Aggregate for Notification {
    type Kind = kinds::Notification;
    type Change = NotificationChange;
    type Command = NotificationCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Notification> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.root
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        None
    }

    fn standing(&self) -> Standing {
        match self.state {
            NotificationState::Due { next_attempt_at } => {
                Standing { next_poll_at: Some(next_attempt_at), ..Standing::settled() }
            }
            NotificationState::Delivered { .. } | NotificationState::Dismissed { .. } => {
                Standing::settled()
            }
            NotificationState::GivenUp { at } => {
                let reason = Arc::from(format!("given up after {} attempts", self.attempts));
                let attention =
                    Some(Attention { kind: AttentionKind::NotificationGivenUp, reason, since: at });
                Standing { attention, ..Standing::settled() }
            }
        }
    }

    fn exits(&self) -> Vec<Exit> {
        match self.state {
            NotificationState::GivenUp { .. } => vec![Exit::Replay, Exit::Dismiss],
            NotificationState::Due { .. }
            | NotificationState::Delivered { .. }
            | NotificationState::Dismissed { .. } => vec![],
        }
    }

    fn evolve(
        before: Option<&Notification>,
        event: &Event,
        change: &NotificationChange,
    ) -> Notification {
        change::evolve(before, event, change)
    }

    fn decide(
        deciding: &mut Deciding<'_>,
        command: &NotificationCommand,
    ) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Notification>,
    ) -> Result<(), Refusal> {
        let notification = deciding.row::<Notification>(tenant, id);
        let notification = notification.ok_or(NotificationRefusal::NotFound)?;
        decide::deliver(deciding, &notification);
        Ok(())
    }

    fn record_finding(
        _: &mut Deciding<'_>,
        _: &About<'_, kinds::Notification>,
        _: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        Err(NotificationRefusal::NoFindings.into())
    }

    fn related(_: &TenantId, _: Id<kinds::Root>, _: &mut Reads) {}
}
