//! A share (分账): parts of an order's money for payees, at the channel that keeps the money frozen, or
//! in the book.
//!
//! In the book a share is done in the commit that makes it. At a channel its amount is held when it is
//! made; the receivers are bound first, then the share is requested once, and afterwards we only query
//! it. It is requested again, with the same number, only if the channel reports that it does not exist.
//! A refusal ends it only if it was never sent before, or if the channel does not know its number. An
//! item that fails gives up its hold; a share without items releases what was not shared.
//!
//! What the channel contradicts, or does not end, a person ends: as the channel describes it, or as
//! somebody saw it outside. Where the channel has refused its number, a person may request another.

mod change;
mod decide;
mod finding;
mod hand;
mod listed;
mod make;

pub use change::ShareChange;
pub use decide::ShareCommand;
pub(crate) use decide::{can_be_hurried, receiver};
pub(crate) use finding::{SHARE_SCHEDULE_SECONDS, SLOW_SCHEDULE_SECONDS, need_while_open};
pub(crate) use hand::by_hand;
pub use hand::{DecideShare, HandEnd};
pub(crate) use listed::{check_listed, link_listed, picked, share_listed};
pub use make::{ItemTerms, MakeShare};
pub(crate) use make::{release_for_refund, reserve, rules};

use crate::aggregate::{About, Aggregate, Key, NaturalKey, Reads};
use crate::channel_no::repeated_channel_no;
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::order::{Order, OrderRefusal};
use crate::standing::{Attention, Exit, Standing};
use channel::{Finding, ReceiverKind};
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// Where a share stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareState {
    /// Not requested yet: it is not due, or its receivers are being bound.
    Waiting,
    /// Requested; the channel has not accepted it yet, as far as we know.
    Requesting {
        /// How often it was requested.
        tries: u32,
        /// Why the channel refused it, where an earlier request may stand there.
        refused: Option<String>,
    },
    /// The channel accepted it.
    Processing,
    /// The channel releases what was not shared.
    Releasing,
    /// Every item is final.
    Ended {
        /// When that was recorded.
        at: Timestamp,
        /// Why the channel refused it as a whole.
        refused: Option<String>,
    },
}

impl ShareState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            ShareState::Waiting => "waiting",
            ShareState::Requesting { .. } => "requesting",
            ShareState::Processing => "processing",
            ShareState::Releasing => "releasing",
            ShareState::Ended { .. } => "ended",
        }
    }
}

/// Where an item's money goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemPlace {
    /// To a receiver at the channel.
    Channel(ReceiverKind),
    /// To an account in the book.
    Book(Account),
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Not final yet.
    Open {
        /// True once the channel has bound the receiver.
        is_bound: bool,
    },
    /// The payee has it.
    Done {
        /// When it was done; at a channel by its clock.
        at: Timestamp,
        /// The channel's number of the item, or the number of the movement outside.
        reference: Option<String>,
        /// True when a person recorded that it was paid outside the channel's interface.
        is_by_hand: bool,
    },
    /// The payee does not get it.
    Failed {
        /// Why.
        reason: String,
    },
}

impl ItemOutcome {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            ItemOutcome::Open { .. } => "open",
            ItemOutcome::Done { .. } => "done",
            ItemOutcome::Failed { .. } => "failed",
        }
    }
}

/// What one payee gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareItem {
    /// The payee.
    pub payee: Id<kinds::Payee>,
    /// The merchant that the payee belongs to.
    pub merchant: Option<MerchantId>,
    /// Where it goes.
    pub place: ItemPlace,
    /// How much, above zero.
    pub amount: Fen,
    /// What became of it.
    pub outcome: ItemOutcome,
}

impl ShareItem {
    /// What the payee got of it; nothing while it is not done.
    pub const fn real_amount(&self) -> Fen {
        match self.outcome {
            ItemOutcome::Done { .. } => self.amount,
            ItemOutcome::Open { .. } | ItemOutcome::Failed { .. } => Fen::ZERO,
        }
    }
}

/// A share of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Share>,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number, as its caller gave it.
    pub number: String,
    /// The order; the root of its story.
    pub order: Id<kinds::Order>,
    /// The order's number, as its merchant gave it.
    pub order_no: String,
    /// The merchant that shares: the order's.
    pub merchant: MerchantId,
    /// Its first number at the channel: committed before the first call, the same in every repeat.
    pub channel_share_no: String,
    /// True when nothing more is shared of the order: what is left is released.
    pub releases_rest: bool,
    /// The dialect that made it, and that notifies the caller of it.
    pub dialect: Arc<str>,
    /// Where we notify the caller; `None` when it did not ask.
    pub notify_url: Option<String>,
    /// A digest of the members that a repeat must not change, made by the dialect.
    pub content: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Which number it has at the channel, counted from 1.
    pub attempt: u32,
    /// Where it stands.
    pub state: ShareState,
    /// Who gets how much, and what became of that. None for the release of what was not shared.
    pub items: Vec<ShareItem>,
    /// Its returns, failed ones too.
    pub returns: Vec<Id<kinds::ShareReturn>>,
    /// Its items as the channel describes them, while that contradicts it and every item is final there.
    pub claimed: Option<Vec<ShareItem>>,
    /// What a person noted about its end.
    pub note: Option<String>,
    /// Polls of the channel since the state last changed.
    pub polls: u32,
    /// When its next call is due; `None` when it has ended.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
}

impl Share {
    /// The key by which its caller knows it.
    pub fn key(&self) -> NaturalKey {
        NaturalKey { namespace: self.namespace.clone(), number: self.number.clone() }
    }

    /// Its number at the channel now.
    pub fn current_channel_share_no(&self) -> String {
        repeated_channel_no(&self.channel_share_no, self.attempt)
    }

    /// The account that it takes the money from.
    pub(crate) fn debit(&self) -> Account {
        pending(&self.merchant)
    }

    /// What it holds: its items at the channel, until the share has ended.
    pub(crate) fn held(&self) -> Fen {
        match self.state {
            ShareState::Ended { .. } => Fen::ZERO,
            ShareState::Waiting
            | ShareState::Requesting { .. }
            | ShareState::Processing
            | ShareState::Releasing => sum(self.items.iter().map(|item| item.amount)),
        }
    }

    /// True when the channel refused it as a whole.
    pub const fn is_refused(&self) -> bool {
        matches!(self.state, ShareState::Ended { refused: Some(_), .. })
    }

    /// True when it has ended, was not refused, and every item is done.
    pub fn is_done_in_full(&self) -> bool {
        let is_done = |item: &ShareItem| matches!(item.outcome, ItemOutcome::Done { .. });
        matches!(self.state, ShareState::Ended { refused: None, .. })
            && self.items.iter().all(is_done)
    }

    /// The payees of its items.
    pub(crate) fn payees(&self) -> Vec<Id<kinds::Payee>> {
        self.items.iter().map(|item| item.payee).collect()
    }
}

/// The account of what was collected for a merchant.
pub(crate) fn pending(merchant: &MerchantId) -> Account {
    Account::new(AccountKind::MerchantPending, merchant.as_str())
}

/// The sum of amounts that were checked when they were taken: no more than an order has.
pub(crate) fn sum(amounts: impl Iterator<Item = Fen>) -> Fen {
    amounts.fold(Fen::ZERO, |sum, amount| {
        sum.plus(amount).unwrap_or_else(|fault| panic!("the sum of a share: {fault}"))
    })
}

/// Why a command about a share is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareRefusal {
    /// There is no such share.
    #[error("no such share")]
    NotFound,
    /// The share exists with other content.
    #[error("the share exists with other content")]
    Differs,
    /// Nothing of the order can be shared in its state.
    #[error("the order is {state}")]
    OrderState {
        /// The state.
        state: &'static str,
    },
    /// Another share, return or refund of the order is running.
    #[error("another share, return or refund of the order is running")]
    Running,
    /// What was not shared of the order is released.
    #[error("the rest of the order is released, nothing more is shared of it")]
    Released,
    /// The order has as many shares as it can have.
    #[error("the order has {max} shares, which is the limit")]
    TooMany {
        /// The limit.
        max: u32,
    },
    /// Nothing is shared, and nothing released.
    #[error("no payees, and the rest is not to be released")]
    Nothing,
    /// More payees than a share can have.
    #[error("more than {max} payees")]
    TooManyPayees {
        /// The limit.
        max: usize,
    },
    /// The tenant has no such payee, or it cannot get a part of this order.
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
    /// Some payees are at the channel and some in the book.
    #[error("payees at the channel and payees in the book cannot be in one share")]
    Mixed,
    /// The order was not placed to be shared at its channel.
    #[error("the order was not placed to be shared")]
    NotMarked,
    /// The channel shares no payments.
    #[error("the order's channel shares no payments")]
    NoSharing,
    /// A ratio of the order comes to nothing.
    #[error("the part of payee {payee} comes to nothing")]
    Zero {
        /// Its id.
        payee: Id<kinds::Payee>,
    },
    /// More than what is free of the order.
    #[error("{amount} in all, and {free} of the order are free")]
    Exceeds {
        /// What would be shared.
        amount: Fen,
        /// What can be shared.
        free: Fen,
    },
    /// It has ended.
    #[error("the share has ended")]
    Ended,
    /// It has not ended: what contradicts it is ended with it.
    #[error("the share has not ended")]
    NotEnded,
    /// Nothing about the share needs a person.
    #[error("the share needs no person")]
    NoAttention,
    /// The channel is not known to have refused the present number, or there have been too many.
    #[error("the channel has not refused the number before")]
    NotRefused,
    /// What the channel describes does not contradict the share, or cannot be booked as its items.
    #[error("what the channel describes cannot be booked")]
    NothingClaimed,
    /// Payees gave back more of it than they would have got.
    #[error("payees gave back more of the order than they would have got")]
    GivenBack,
}

/// A share with its order, as they were before this decision.
fn with_order(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Share>,
) -> Result<(Share, Order), Refusal> {
    let share = deciding.row::<Share>(tenant, id).ok_or(ShareRefusal::NotFound)?;
    let order = deciding.row::<Order>(tenant, share.order).ok_or(OrderRefusal::NotFound)?;
    Ok((share, order))
}

impl Aggregate for Share {
    type Kind = kinds::Share;
    type Change = ShareChange;
    type Command = ShareCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Share> {
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
        let holds = match self.held() {
            Fen::ZERO => vec![],
            held => vec![(self.debit(), held)],
        };
        Standing { next_poll_at: self.next_poll_at, attention: self.attention.clone(), holds }
    }

    fn exits(&self) -> Vec<Exit> {
        hand::exits(self)
    }

    fn evolve(before: Option<&Share>, event: &Event, change: &ShareChange) -> Share {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &ShareCommand) -> Result<Reply, Refusal> {
        decide::decide(deciding, command)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Share>,
    ) -> Result<(), Refusal> {
        let (share, order) = with_order(deciding, tenant, id)?;
        decide::run_task(deciding, &share, &order);
        Ok(())
    }

    fn record_finding(
        deciding: &mut Deciding<'_>,
        about: &About<'_, kinds::Share>,
        finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let (share, order) = with_order(deciding, about.tenant, about.id)?;
        finding::record(deciding, &share, &order, about, finding);
        Ok(None)
    }

    #[expect(clippy::disallowed_methods, reason = "the root of a share is its order")]
    fn related(tenant: &TenantId, root: Id<kinds::Root>, reads: &mut Reads) {
        let order = Id::from_value(root.value());
        reads.orders.push((tenant.clone(), Key::Id(order)));
    }

    /// What a person decides may take more from the account than the share has held. Payees keep where
    /// they are bound.
    fn linked(&self, reads: &mut Reads) {
        if self.state == ShareState::Waiting {
            let payees = self.items.iter().map(|item| (self.tenant.clone(), Key::Id(item.payee)));
            reads.payees.extend(payees);
        }
        if self.attention.is_some() {
            reads.balances.push((self.tenant.clone(), self.debit()));
        }
    }
}
