//! The return of a share (分账回退): shared money that payees give back to the merchant.
//!
//! In the book it is done in the commit that makes it, and fails where a payee has too little. At a
//! channel its items are requested one after another, each under a number of its own, and followed to
//! their ends as shares are. What the channel contradicts, or does not end, a person ends.

mod change;
mod decide;
mod finding;
mod hand;
mod make;

pub use change::ShareReturnChange;
pub use decide::ShareReturnCommand;
pub use hand::DecideShareReturn;
pub use make::{MakeShareReturn, ReturnTerms};
pub(crate) use make::{begin, item, left, refused, return_for_refund};

use crate::aggregate::{About, Aggregate, Key, NaturalKey, Reads};
use crate::channel_no::repeated_channel_no;
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::order::{Order, OrderRefusal};
use crate::share::{ItemPlace, pending};
use crate::standing::{Attention, Exit, Standing};
use channel::Finding;
use ledger::{Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// Where the return of a share stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareReturnState {
    /// Its items are requested one after another.
    Running {
        /// How often the first open item was requested.
        tries: u32,
        /// Why the channel refused that item, where an earlier request may stand there.
        refused: Option<String>,
    },
    /// Every item is final.
    Ended {
        /// When that was recorded.
        at: Timestamp,
    },
}

impl ShareReturnState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            ShareReturnState::Running { .. } => "running",
            ShareReturnState::Ended { .. } => "ended",
        }
    }
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReturnOutcome {
    /// Not final yet.
    Open,
    /// The merchant has it back.
    Done {
        /// When it was done; at a channel by its clock.
        at: Timestamp,
        /// The channel's number of it, or the number of the movement outside.
        reference: Option<String>,
        /// True when a person recorded that it came back outside the channel's interface.
        is_by_hand: bool,
    },
    /// The payee keeps it.
    Failed {
        /// Why.
        reason: String,
    },
}

impl ReturnOutcome {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            ReturnOutcome::Open => "open",
            ReturnOutcome::Done { .. } => "done",
            ReturnOutcome::Failed { .. } => "failed",
        }
    }
}

/// What one payee gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnItem {
    /// The payee.
    pub payee: Id<kinds::Payee>,
    /// The merchant that the payee belongs to.
    pub merchant: Option<MerchantId>,
    /// Where the money is.
    pub place: ItemPlace,
    /// How much, above zero.
    pub amount: Fen,
    /// Which number it has at the channel, counted from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: ReturnOutcome,
}

impl ReturnItem {
    /// What came back of it; nothing while it is not done.
    pub const fn real_amount(&self) -> Fen {
        match self.outcome {
            ReturnOutcome::Done { .. } => self.amount,
            ReturnOutcome::Open | ReturnOutcome::Failed { .. } => Fen::ZERO,
        }
    }
}

/// The return of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareReturn {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::ShareReturn>,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number, as its caller gave it.
    pub number: String,
    /// The share.
    pub share: Id<kinds::Share>,
    /// The share's number, as its caller gave it.
    pub share_no: String,
    /// The order; the root of its story.
    pub order: Id<kinds::Order>,
    /// The order's number, as its merchant gave it.
    pub order_no: String,
    /// The merchant that gets the money back: the order's.
    pub merchant: MerchantId,
    /// The share's number at the channel.
    pub channel_share_no: String,
    /// What the numbers of its items at the channel begin with.
    pub channel_return_no: String,
    /// The dialect that made it, and that notifies the caller of it.
    pub dialect: Arc<str>,
    /// Where we notify the caller; `None` when it did not ask.
    pub notify_url: Option<String>,
    /// The caller's words for it.
    pub remark: Option<String>,
    /// A digest of the members that a repeat must not change, made by the dialect.
    pub content: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: ShareReturnState,
    /// Who gives how much back, and what became of that.
    pub items: Vec<ReturnItem>,
    /// Its items as the channel describes them, while that contradicts it.
    pub claimed: Option<Vec<ReturnItem>>,
    /// What a person noted about its end.
    pub note: Option<String>,
    /// Polls of the channel since the state last changed.
    pub polls: u32,
    /// When its next call is due; `None` when it has ended.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
}

impl ShareReturn {
    /// The key by which its caller knows it.
    pub fn key(&self) -> NaturalKey {
        NaturalKey { namespace: self.namespace.clone(), number: self.number.clone() }
    }

    /// The number of an item at the channel: committed before it is sent, the same in every repeat.
    pub fn item_no(&self, at: usize) -> String {
        let attempt = self.items.get(at).map_or(1, |item| item.attempt);
        repeated_channel_no(&self.first_item_no(at), attempt)
    }

    /// The first number of an item.
    fn first_item_no(&self, at: usize) -> String {
        format!("{}I{at:02}", self.channel_return_no)
    }

    /// The first item that is not final, and its place in the list.
    pub(crate) fn open_item(&self) -> Option<(usize, &ReturnItem)> {
        let mut items = self.items.iter().enumerate();
        items.find(|(_, item)| item.outcome == ReturnOutcome::Open)
    }
}

/// Why a command about the return of a share is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareReturnRefusal {
    /// There is no such return.
    #[error("no such return of a share")]
    NotFound,
    /// The return exists with other content.
    #[error("the return exists with other content")]
    Differs,
    /// Another share, return or refund of the order is running.
    #[error("another share, return or refund of the order is running")]
    Running,
    /// Nothing is given back.
    #[error("no payees")]
    Nothing,
    /// The payee got nothing of the share.
    #[error("payee {payee} {why}")]
    Payee {
        /// Its id.
        payee: Id<kinds::Payee>,
        /// What is wrong.
        why: &'static str,
    },
    /// A payee appears twice.
    #[error("payee {payee} appears twice")]
    Twice {
        /// Its id.
        payee: Id<kinds::Payee>,
    },
    /// More than what the payee got.
    #[error("payee {payee} has {left} of the share, less than what it is to give back")]
    Exceeds {
        /// Its id.
        payee: Id<kinds::Payee>,
        /// What it got and has not given back.
        left: Fen,
    },
    /// It has ended.
    #[error("the return has ended")]
    Ended,
    /// It has not ended: what contradicts it is ended with it.
    #[error("the return has not ended")]
    NotEnded,
    /// Nothing about the return needs a person.
    #[error("the return needs no person")]
    NoAttention,
    /// The channel is not known to have refused the present number, or there have been too many.
    #[error("the channel has not refused the number before")]
    NotRefused,
    /// What the channel describes does not contradict the return, or cannot be booked as its items.
    #[error("what the channel describes cannot be booked")]
    NothingClaimed,
    /// More would come back than payees have of the order.
    #[error("payees have {left} of the order, less than what would come back")]
    MoreThanShared {
        /// What they have.
        left: Fen,
    },
    /// Less of the order is free than what would not have come back.
    #[error("{free} of the order are free, less than what would not have come back")]
    Spent {
        /// What is free.
        free: Fen,
    },
}

/// A return with its share and its order, as they were before this decision.
fn with_order(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::ShareReturn>,
) -> Result<(ShareReturn, Order), Refusal> {
    let found = deciding.row::<ShareReturn>(tenant, id).ok_or(ShareReturnRefusal::NotFound)?;
    let order = deciding.row::<Order>(tenant, found.order).ok_or(OrderRefusal::NotFound)?;
    Ok((found, order))
}

impl Aggregate for ShareReturn {
    type Kind = kinds::ShareReturn;
    type Change = ShareReturnChange;
    type Command = ShareReturnCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::ShareReturn> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(self.key())
    }

    fn standing(&self) -> Standing {
        Standing {
            next_poll_at: self.next_poll_at,
            attention: self.attention.clone(),
            holds: vec![],
        }
    }

    fn exits(&self) -> Vec<Exit> {
        hand::exits(self)
    }

    fn evolve(
        before: Option<&ShareReturn>,
        event: &Event,
        change: &ShareReturnChange,
    ) -> ShareReturn {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &ShareReturnCommand) -> Result<Reply, Refusal> {
        decide::decide(deciding, command)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::ShareReturn>,
    ) -> Result<(), Refusal> {
        let (found, order) = with_order(deciding, tenant, id)?;
        decide::run_task(deciding, &found, &order);
        Ok(())
    }

    fn record_finding(
        deciding: &mut Deciding<'_>,
        about: &About<'_, kinds::ShareReturn>,
        finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let (found, order) = with_order(deciding, about.tenant, about.id)?;
        finding::record(deciding, &found, &order, about, finding);
        Ok(None)
    }

    #[expect(clippy::disallowed_methods, reason = "the root of a return is its order")]
    fn related(tenant: &TenantId, root: Id<kinds::Root>, reads: &mut Reads) {
        let order = Id::from_value(root.value());
        reads.orders.push((tenant.clone(), Key::Id(order)));
    }

    /// What a person decides may take back what had come into the account.
    fn linked(&self, reads: &mut Reads) {
        if self.attention.is_some() {
            reads.balances.push((self.tenant.clone(), pending(&self.merchant)));
        }
    }
}
