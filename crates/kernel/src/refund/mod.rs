//! A refund: money on its way back to a payer.
//!
//! Its amount is held when the refund is made and stays held until the money has left suspense: given
//! back by the channel, given back by hand, or written off. A refusal of the channel ends nothing by
//! itself: the refund has failed, and a person decides how it goes on.
//!
//! The refund is requested once; afterwards we only query it. It is requested again, with the same
//! number, only if the channel reports that it does not exist or that the request may pass now. A new
//! number follows only when the channel has refused or closed the one before, and a person wants it.

mod change;
mod decide;
mod operator;

pub use change::{Need, RefundChange};
pub(crate) use decide::{of_unapplied, open};
pub use operator::{RefundCommand, RefundDecision};

use crate::aggregate::{About, Aggregate, AggregateCommand, Key, NaturalKey, Reads};
use crate::channel_no::repeated_channel_no;
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::order::{Order, OrderRefusal};
use crate::standing::{Attention, Exit, Standing};
use channel::{Finding, RefundCause};
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// The channel has not accepted it yet, as far as we know.
    Requesting,
    /// The channel accepted it.
    Processing,
    /// The money is back.
    Done {
        /// When it was done, by the channel's clock.
        at: Timestamp,
        /// The channel's number of the refund.
        refund_reference: String,
        /// What of the amount left the account at the channel; the rest were the merchant's coupons.
        settled_refund: Fen,
    },
    /// The channel refused, or closed the refund; the money stays where it was until a person has
    /// decided.
    Failed {
        /// When that was decided.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Somebody gave the money back outside the channel's interface.
    SettledByHand {
        /// When an operator decided that.
        at: Timestamp,
        /// The number of that movement, where it was made.
        outside_reference: String,
        /// What the operator noted.
        note: String,
    },
    /// The money is not given back.
    WrittenOff {
        /// When an operator decided that.
        at: Timestamp,
        /// What the operator noted.
        note: String,
    },
}

impl RefundState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            RefundState::Requesting => "requesting",
            RefundState::Processing => "processing",
            RefundState::Done { .. } => "done",
            RefundState::Failed { .. } => "failed",
            RefundState::SettledByHand { .. } => "settled_by_hand",
            RefundState::WrittenOff { .. } => "written_off",
        }
    }

    /// True while the amount waits in suspense.
    pub const fn holds(&self) -> bool {
        match self {
            RefundState::Requesting | RefundState::Processing | RefundState::Failed { .. } => true,
            RefundState::Done { .. }
            | RefundState::SettledByHand { .. }
            | RefundState::WrittenOff { .. } => false,
        }
    }
}

/// A refund of money that an order could not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Refund>,
    /// The order for which the money came; the root of its story.
    pub order: Id<kinds::Order>,
    /// Its first number at the channel: committed before the first call, the same in every repeat.
    pub channel_refund_no: String,
    /// The payment to give back, as the channel named it.
    pub payment_reference: String,
    /// How much is given back: the whole payment.
    pub amount: Fen,
    /// What of it had come to the account at the channel; the rest were the merchant's coupons.
    pub settled_amount: Fen,
    /// Why it is given back.
    pub cause: RefundCause,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Which number it has at the channel, counted from 1.
    pub attempt: u32,
    /// Where it stands.
    pub state: RefundState,
    /// Polls of the channel since the state last changed, or since it needs a person.
    pub polls: u32,
    /// When it is polled next; `None` when only a person can bring it further, or it is settled.
    pub next_poll_at: Option<Timestamp>,
    /// What an operator noted when ending a contradiction about it.
    pub dismissal: Option<String>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
}

impl Refund {
    /// Its number at the channel now.
    pub fn current_channel_refund_no(&self) -> String {
        repeated_channel_no(&self.channel_refund_no, self.attempt)
    }
}

/// Why a command about a refund is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundRefusal {
    /// There is no such refund.
    #[error("no such refund")]
    NotFound,
    /// The refund's state does not allow it.
    #[error("the refund is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
    /// Nothing about the refund needs a person.
    #[error("the refund needs no person")]
    NoAttention,
}

/// The account that unapplied money waits in.
pub(crate) fn suspense(tenant: &TenantId) -> Account {
    Account::new(AccountKind::Suspense, tenant.as_str())
}

/// The account of the money at the channel.
pub(crate) fn funds(channel_account: &str) -> Account {
    Account::new(AccountKind::ChannelFunds, channel_account)
}

/// A refund with its order, as they were before this decision.
fn with_order(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Refund>,
) -> Result<(Refund, Order), Refusal> {
    let refund = deciding.row::<Refund>(tenant, id).ok_or(RefundRefusal::NotFound)?;
    let order = deciding.row::<Order>(tenant, refund.order).ok_or(OrderRefusal::NotFound)?;
    Ok((refund, order))
}

impl Aggregate for Refund {
    type Kind = kinds::Refund;
    type Change = RefundChange;
    type Command = RefundCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Refund> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        None
    }

    fn standing(&self) -> Standing {
        let holds = match self.state.holds() {
            true => vec![(suspense(&self.tenant), self.amount)],
            false => vec![],
        };
        Standing { next_poll_at: self.next_poll_at, attention: self.attention.clone(), holds }
    }

    fn exits(&self) -> Vec<Exit> {
        operator::exits(self)
    }

    fn evolve(before: Option<&Refund>, event: &Event, change: &RefundChange) -> Refund {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &RefundCommand) -> Result<Reply, Refusal> {
        let (refund, order) = with_order(deciding, command.tenant(), command.refund)?;
        Ok(operator::decide(deciding, &refund, &order, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Refund>,
    ) -> Result<(), Refusal> {
        let (refund, order) = with_order(deciding, tenant, id)?;
        decide::run_task(deciding, &refund, &order);
        Ok(())
    }

    fn record_finding(
        deciding: &mut Deciding<'_>,
        about: &About<'_, kinds::Refund>,
        finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let (refund, order) = with_order(deciding, about.tenant, about.id)?;
        decide::record_finding(deciding, &refund, &order, about, finding);
        Ok(None)
    }

    #[expect(clippy::disallowed_methods, reason = "the root of a refund is its order")]
    fn related(tenant: &TenantId, root: Id<kinds::Root>, reads: &mut Reads) {
        let order = Id::from_value(root.value());
        reads.orders.push((tenant.clone(), Key::Id(order)));
        reads.balances.push((tenant.clone(), suspense(tenant)));
    }
}
