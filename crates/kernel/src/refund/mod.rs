//! A refund: money on its way back to a payer.
//!
//! There are two: of unapplied money, which we make ourselves, and of an order's money, which its
//! merchant requests. The amount is held when the refund is made, in suspense or in what we owe payers,
//! and stays held until the money has left there: given back by the channel or by hand.
//!
//! Where payees have what is to be refunded, they give it back first, and what is frozen at the channel is
//! released where it does not suffice: the refund is prepared. Its amount is counted in the order from the
//! beginning, and taken and held once everything is there. In the book payees give back in the commit that
//! makes the refund, or it is refused.
//!
//! A refusal of the channel ends a merchant's refund: its money goes back to where it came from, the
//! merchant is notified, and may request it again with the same number. A refused refund of unapplied
//! money keeps its money, and a person decides how it goes on.
//!
//! The refund is requested of the channel once; afterwards we only query it. It is requested again,
//! with the same number, only if the channel reports that it does not exist or that the request may
//! pass now. A new number follows only when the channel has refused or closed the one before, and a
//! person or the merchant wants it.

mod balance;
mod cards;
mod change;
mod decide;
mod money;
mod operator;
mod prepare;
mod request;
mod returns;

pub use balance::RefundBalance;
pub use cards::RefundCards;
pub use change::{Need, RefundChange};
pub(crate) use decide::{final_poll, next_final_poll, of_unapplied, open};
pub use operator::{DecideRefund, RefundDecision};
pub(crate) use prepare::step_ended;
pub use request::RequestRefund;
pub use returns::{OrderShares, RefundReturn};

use crate::aggregate::{About, Aggregate, AggregateCommand, Key, NaturalKey, Reads};
use crate::approval::Manual;
use crate::channel_no::repeated_channel_no;
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::order::{Order, OrderRefusal};
use crate::standing::{Attention, Exit, Standing};
use crate::wallet::WalletRefusal;
use channel::{Finding, RefundCause};
use ledger::{Account, AccountKind, Fen, Id, Subject, SubjectKind, Timestamp, kinds};
use std::sync::Arc;

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// Payees give shares back, or what is frozen at the channel is released, before it is requested.
    Preparing {
        /// The return or release that it waits for.
        step: Subject,
        /// True when the channel may know its number: it is asked about that before it is requested.
        is_requested: bool,
    },
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
    /// The channel refused, or closed the refund. Unapplied money stays where it was until a person has
    /// decided; a merchant has its money again.
    Failed {
        /// When that was decided.
        at: Timestamp,
        /// Why.
        reason: String,
        /// True when the channel has signed it: nothing stands there under this number.
        is_proven: bool,
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
    /// The money is not given back; a merchant has it again.
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
            RefundState::Preparing { .. } => "preparing",
            RefundState::Requesting => "requesting",
            RefundState::Processing => "processing",
            RefundState::Done { .. } => "done",
            RefundState::Failed { .. } => "failed",
            RefundState::SettledByHand { .. } => "settled_by_hand",
            RefundState::WrittenOff { .. } => "written_off",
        }
    }
}

/// What a merchant requested, as its dialect describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    /// Whose numbering the merchant's number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// The merchant's number of the refund.
    pub merchant_refund_no: String,
    /// The dialect that requested it, and that notifies the merchant of it.
    pub dialect: Arc<str>,
    /// The merchant's reason, which the channel shows to the payer.
    pub reason: Option<String>,
    /// Where we notify the merchant; `None` when it did not ask.
    pub notify_url: Option<String>,
    /// Everything else that the caller sent, in the dialect's own form; opaque here.
    pub details: String,
    /// True where what a wallet paid comes back as what was paid into it, and not to the cards and bonuses
    /// that it was taken from.
    pub is_to_balance: bool,
}

/// From where a part of a merchant's refund is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefundSource {
    /// What of the order is pending for its own merchant.
    OwnMerchant,
    /// What of the order was allocated to another merchant.
    Allocation(Id<kinds::Allocation>),
    /// A gift card that was bought with the order; it is void while the refund has its price.
    Card(Id<kinds::Card>),
    /// What was paid into a wallet with the order.
    Wallet(Id<kinds::Wallet>),
}

/// A part of a merchant's refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPart {
    /// From where it is taken, and where it goes if the refund fails.
    pub source: RefundSource,
    /// How much, above zero.
    pub amount: Fen,
}

/// Money that the channel gave back a second time, under another number of the same refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondPayout {
    /// The channel's number of it.
    pub refund_reference: String,
    /// What left the account at the channel.
    pub amount: Fen,
    /// True once a person recorded that it came back outside the channel's interface.
    pub is_back: bool,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Refund>,
    /// The order for which the money came; the root of its story.
    pub order: Id<kinds::Order>,
    /// The merchant's number of that order.
    pub merchant_order_no: String,
    /// Its first number at the channel: committed before the first call, the same in every repeat.
    pub channel_refund_no: String,
    /// The payment to give back, as the channel named it.
    pub payment_reference: String,
    /// The whole payment.
    pub paid: Fen,
    /// How much is given back: all unapplied money, or what the merchant requested.
    pub amount: Fen,
    /// What of it had come to the account at the channel; the rest were the merchant's coupons. Of a part
    /// of a payment, in proportion.
    pub settled_amount: Fen,
    /// Why it is given back.
    pub cause: RefundCause,
    /// What the merchant requested; `None` of unapplied money.
    pub request: Option<Arc<RefundRequest>>,
    /// From where a merchant's refund is taken, in sum the amount; empty of unapplied money.
    pub parts: Vec<RefundPart>,
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
    /// What payees give back for it first.
    pub returns: Vec<RefundReturn>,
    /// What the channel gave back beside it, under its other numbers.
    pub second_payouts: Vec<SecondPayout>,
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

    /// The numbers before that one, each refused or closed by the channel.
    pub fn failed_channel_refund_nos(&self) -> impl Iterator<Item = String> {
        (1..self.attempt).map(|attempt| repeated_channel_no(&self.channel_refund_no, attempt))
    }

    /// The cards that it takes back.
    pub fn cards(&self) -> impl Iterator<Item = Id<kinds::Card>> + '_ {
        self.parts.iter().filter_map(|part| match part.source {
            RefundSource::Card(card) => Some(card),
            RefundSource::OwnMerchant | RefundSource::Allocation(_) | RefundSource::Wallet(_) => {
                None
            }
        })
    }

    /// True when stored value is taken back for it: it is a refund of a recharge.
    pub fn is_of_recharge(&self) -> bool {
        let is_value = |part: &RefundPart| {
            matches!(part.source, RefundSource::Card(_) | RefundSource::Wallet(_))
        };
        self.parts.iter().any(is_value)
    }

    /// True while its amount waits to be given back.
    pub fn holds(&self) -> bool {
        money::place(self, &self.state) == money::Place::Waiting
    }

    /// What the channel gave back beside it, and nobody brought back.
    pub fn paid_twice(&self) -> Fen {
        let lost = self.second_payouts.iter().filter(|payout| !payout.is_back);
        lost.fold(Fen::ZERO, |sum, payout| sum.plus(payout.amount).unwrap_or(sum))
    }

    /// The account in which its amount waits.
    pub fn waiting(&self) -> Account {
        match self.request {
            Some(_) => payable(&self.tenant),
            None => suspense(&self.tenant),
        }
    }
}

impl RefundRequest {
    /// The key by which its merchant knows the refund.
    pub fn key(&self) -> NaturalKey {
        let number = self.merchant_refund_no.clone();
        NaturalKey { namespace: self.namespace.clone(), number }
    }
}

/// What can be requested of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundCommand {
    /// By a merchant: give money of a paid order back, or repeat that.
    Request(Box<RequestRefund>),
    /// By a merchant: take cards back and give their price back, or repeat that.
    RequestCards(Box<RefundCards>),
    /// By a merchant: give back what was paid into a wallet, or repeat that.
    RequestBalance(Box<RefundBalance>),
    /// By an operator: how a refund goes on.
    Decide(DecideRefund),
}

impl AggregateCommand for RefundCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            RefundCommand::Request(request) => &request.tenant,
            RefundCommand::RequestCards(request) => &request.tenant,
            RefundCommand::RequestBalance(request) => &request.tenant,
            RefundCommand::Decide(command) => &command.tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            RefundCommand::Request(_) => "request_refund",
            RefundCommand::RequestCards(_) => "refund_cards",
            RefundCommand::RequestBalance(_) => "refund_balance",
            RefundCommand::Decide(command) => command.name(),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        match self {
            RefundCommand::Request(request) => request.reads(reads),
            RefundCommand::RequestCards(request) => request.reads(reads),
            RefundCommand::RequestBalance(request) => request.reads(reads),
            RefundCommand::Decide(command) => command.reads(reads),
        }
    }

    fn manual(&self) -> Option<Manual> {
        match self {
            RefundCommand::Request(_)
            | RefundCommand::RequestCards(_)
            | RefundCommand::RequestBalance(_) => None,
            RefundCommand::Decide(command) => command.manual(),
        }
    }
}

impl From<RequestRefund> for crate::Command {
    fn from(request: RequestRefund) -> crate::Command {
        RefundCommand::Request(Box::new(request)).into()
    }
}

impl From<DecideRefund> for crate::Command {
    fn from(command: DecideRefund) -> crate::Command {
        RefundCommand::Decide(command).into()
    }
}

/// Why a command about a refund is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundRefusal {
    /// There is no such refund.
    #[error("no such refund")]
    NotFound,
    /// The refund exists for another order.
    #[error("the refund exists for another order")]
    OtherOrder,
    /// The refund exists with another amount.
    #[error("the refund exists with another amount")]
    OtherAmount,
    /// The refund takes other parts of the order's allocations.
    #[error("the refund exists with other parts")]
    OtherParts,
    /// The refund takes other cards back.
    #[error("the refund exists with other cards")]
    OtherCards,
    /// The refund takes other shares back.
    #[error("the refund exists with other shares to give back")]
    OtherReturns,
    /// The refund puts what a wallet paid back otherwise.
    #[error("the refund exists and puts the value back otherwise")]
    OtherWay,
    /// The merchant is notified of the refund elsewhere.
    #[error("the refund exists with another address")]
    OtherNotifyUrl,
    /// The channel contradicts the refund; a person must look into it before it is requested again.
    #[error("the refund waits for a person")]
    Contradicted,
    /// What was bought with the order is spent like money: it must be taken back first.
    #[error("the order is for stored value, which is refunded otherwise")]
    StoredValue,
    /// The order pays into no wallet.
    #[error("the order pays into no wallet")]
    NoWallet,
    /// No card, a card twice, or more cards than a purchase has.
    #[error("want 1 to {max} cards, each once")]
    CardList {
        /// The limit.
        max: u32,
    },
    /// The order is not paid.
    #[error("the order is {state}")]
    NotPaid {
        /// Its state.
        state: &'static str,
    },
    /// The payment is older than the channel takes refunds of it.
    #[error("the order was paid more than {days_max} days ago")]
    TooOld {
        /// The limit, in days.
        days_max: i64,
    },
    /// The amount is not above zero.
    #[error("amount must be above zero")]
    Amount,
    /// More than what is left of the payment.
    #[error("{left} of the order can still be refunded")]
    Exceeds {
        /// What is left.
        left: Fen,
    },
    /// A share of the order, or the return of one, is running.
    #[error("a share of the order, or the return of one, is running")]
    Sharing,
    /// More than what payees have left of the order: they must give shares back first.
    #[error("{left} of the order are not with payees")]
    NotReturned {
        /// What is not with payees.
        left: Fen,
    },
    /// Payees are to give back more than is refunded.
    #[error("payees are to give back more than what is refunded")]
    ReturnsExceed,
    /// A payee in the book has not enough left.
    #[error("payee {payee} has {available} available, less than what it is to give back")]
    PayeeNotEnough {
        /// Its id.
        payee: Id<kinds::Payee>,
        /// What it has.
        available: Fen,
    },
    /// The order allocates nothing to a merchant from whom it shall be taken.
    #[error("the order allocates nothing to this merchant")]
    NotAllocated {
        /// Which part, counted from 0.
        at: usize,
    },
    /// The merchant stands in the list before.
    #[error("the merchant appears twice")]
    Twice {
        /// Which part, counted from 0.
        at: usize,
    },
    /// Less of the allocation is left.
    #[error("more than is left of the allocation: {left}")]
    MoreThanAllocated {
        /// Which part, counted from 0.
        at: usize,
        /// What is left.
        left: Fen,
    },
    /// The parts sum to more than the refund.
    #[error("the parts sum to more than the refund")]
    PartsExceed,
    /// A merchant does not have its part any more.
    #[error("merchant {merchant} has not enough left")]
    NotEnough {
        /// The merchant.
        merchant: MerchantId,
        /// True when the caller said what is taken from whom; else it was divided in proportion.
        is_named: bool,
    },
    /// The wallet may not be used.
    #[error(transparent)]
    Wallet(#[from] WalletRefusal),
    /// Less is available in the wallet than the refund takes from it.
    #[error("less is available in the wallet than the refund and its share of the bonus")]
    BalanceTooLow,
    /// The card was not bought with the order.
    #[error("the order has no such card")]
    NotItsCard {
        /// Which card of the list, counted from 0.
        at: usize,
    },
    /// Only a card that is neither frozen nor void nor expired is taken back.
    #[error("the card is {state}")]
    CardState {
        /// Which card of the list, counted from 0.
        at: usize,
        /// Its state.
        state: &'static str,
    },
    /// A part of the card is spent.
    #[error("a part of the card is spent")]
    CardSpent {
        /// Which card of the list, counted from 0.
        at: usize,
    },
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

/// The account of what we owe payers.
pub(crate) fn payable(tenant: &TenantId) -> Account {
    Account::new(AccountKind::RefundsPayable, tenant.as_str())
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
        self.request.as_ref().map(|request| request.key())
    }

    fn standing(&self) -> Standing {
        let holds = match self.holds() {
            true => vec![(self.waiting(), self.amount)],
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
        match command {
            RefundCommand::Request(request) => request::request(deciding, request),
            RefundCommand::RequestCards(request) => cards::request(deciding, request),
            RefundCommand::RequestBalance(request) => balance::request(deciding, request),
            RefundCommand::Decide(command) => {
                let (refund, order) = with_order(deciding, &command.tenant, command.refund)?;
                Ok(operator::decide(deciding, &refund, &order, command)?)
            }
        }
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
        reads.balances.push((tenant.clone(), payable(tenant)));
    }

    /// What it waits for while it is prepared, and the shares that may have to be given back next.
    #[expect(clippy::disallowed_methods, reason = "the step's kind is the subject's kind")]
    fn linked(&self, reads: &mut Reads) {
        let RefundState::Preparing { step, .. } = self.state else { return };
        match step.kind {
            SubjectKind::ShareReturn => {
                let key = Key::Id(Id::from_value(step.value));
                reads.share_returns.push((self.tenant.clone(), key));
            }
            _ => reads.shares.push((self.tenant.clone(), Key::Id(Id::from_value(step.value)))),
        }
        let shares = self.returns.iter().map(|it| (self.tenant.clone(), Key::Id(it.share)));
        reads.shares.extend(shares);
    }
}
