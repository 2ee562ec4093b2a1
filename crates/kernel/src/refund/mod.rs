//! A refund: money on its way back to a payer.
//!
//! Its amount is held when the refund is made, posted when the channel reports that it is done,
//! released when the channel finally refuses. Its number at the channel is the same in every repeat.
//!
//! The refund is requested once; afterwards we only query it. It is requested again, with the same
//! number, only if the channel reports that it does not exist. A rejection of the request is therefore
//! final.

mod change;
mod decide;

pub use change::RefundChange;
pub use decide::RefundCommand;
pub(crate) use decide::{of_unapplied, open};

use crate::aggregate::{About, Aggregate, Key, NaturalKey, Reads};
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::order::{Order, OrderRefusal};
use crate::standing::{Attention, AttentionKind, Standing};
use channel::{Finding, RefundCause};
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

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
    },
    /// The channel finally refused; the money stays where it was, for the operator.
    Failed {
        /// When that was decided.
        at: Timestamp,
        /// Why.
        reason: String,
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
        }
    }

    /// True when nothing more is expected.
    pub const fn is_final(&self) -> bool {
        match self {
            RefundState::Requesting | RefundState::Processing => false,
            RefundState::Done { .. } | RefundState::Failed { .. } => true,
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
    /// Its number at the channel: committed before the first call, the same in every repeat.
    pub channel_refund_no: String,
    /// The payment to give back, as the channel named it.
    pub payment_reference: String,
    /// How much is given back.
    pub amount: Fen,
    /// Why it is given back.
    pub cause: RefundCause,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: RefundState,
    /// Polls of the channel since the state last changed.
    pub polls: u32,
    /// When it is polled next; `None` when it is final.
    pub next_poll_at: Option<Timestamp>,
    /// The last finding that contradicted it, for the operator.
    pub attention: Option<Attention>,
}

/// Why a command about a refund is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundRefusal {
    /// There is no such refund.
    #[error("no such refund")]
    NotFound,
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
        let failed = match &self.state {
            RefundState::Failed { at, reason } => {
                let reason = Arc::from(format!("refund failed: {reason}"));
                Some(Attention { kind: AttentionKind::RefundFailed, reason, since: *at })
            }
            RefundState::Requesting | RefundState::Processing | RefundState::Done { .. } => None,
        };
        let holds = match self.state.is_final() {
            true => vec![],
            false => vec![(suspense(&self.tenant), self.amount)],
        };
        Standing {
            next_poll_at: self.next_poll_at,
            attention: failed.or_else(|| self.attention.clone()),
            holds,
        }
    }

    fn evolve(before: Option<&Refund>, event: &Event, change: &RefundChange) -> Refund {
        change::evolve(before, event, change)
    }

    fn decide(_: &mut Deciding<'_>, command: &RefundCommand) -> Result<Reply, Refusal> {
        match *command {}
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
        decide::record_finding(deciding, &refund, &order, about.channel_account, finding);
        Ok(None)
    }

    #[expect(clippy::disallowed_methods, reason = "the root of a refund is its order")]
    fn related(tenant: &TenantId, root: Id<kinds::Root>, reads: &mut Reads) {
        let order = Id::from_value(root.value());
        reads.orders.push((tenant.clone(), Key::Id(order)));
        reads.balances.push((tenant.clone(), suspense(tenant)));
    }
}
