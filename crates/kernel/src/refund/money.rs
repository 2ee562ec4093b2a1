//! What a refund's money does: where it lies in each state, and how it gets from one to the next.

use super::{Refund, RefundPart, RefundSource, RefundState, funds};
use crate::coupons::{coupon_amount, coupons};
use crate::deciding::{Deciding, Movement};
use crate::order::{Order, OrderChange, OrderFunds};
use ledger::{Account, AccountKind, Fen, Phase, Reason};

/// Where the money of a refund lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Held, to be given back.
    Waiting,
    /// Where it was taken from.
    Source,
    /// With the payer, through the channel.
    Channel,
    /// Booked to where a person ended it.
    Hand(AccountKind),
}

/// Where the money of a refund lies in a state.
pub(super) const fn place(refund: &Refund, state: &RefundState) -> Place {
    let is_requested = refund.request.is_some();
    match state {
        RefundState::Failed { .. } | RefundState::WrittenOff { .. } if is_requested => {
            Place::Source
        }
        RefundState::Requesting | RefundState::Processing | RefundState::Failed { .. } => {
            Place::Waiting
        }
        RefundState::Done { .. } => Place::Channel,
        RefundState::SettledByHand { .. } => Place::Hand(AccountKind::SettledByHand),
        RefundState::WrittenOff { .. } => Place::Hand(AccountKind::WriteOff),
    }
}

/// Moves the money of a refund that goes to another state.
pub(super) fn move_to(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    to: &RefundState,
) {
    for movement in movements(refund, order, to) {
        deciding.transfer_any(refund, movement);
    }
}

/// Counts in the order what a merchant's refund has reserved or given back.
pub(super) fn count(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, to: &RefundState) {
    let delta =
        minus(counted(refund, place(refund, to)), counted(refund, place(refund, &refund.state)));
    if refund.request.is_some() && delta != OrderFunds::default() {
        let by = refund.id.subject();
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
}

/// What a new refund's amount does: it is taken from where it lies, and held.
pub(super) fn open(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    for movement in [take(refund, order), vec![held(refund, order, Phase::Hold)]].concat() {
        deciding.transfer_any(refund, movement);
    }
    if refund.request.is_some() {
        let (by, delta) = (refund.id.subject(), counted(refund, Place::Waiting));
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
}

/// True when what the refund takes is still where it was taken from.
pub(super) fn is_there(refund: &Refund, order: &Order) -> bool {
    let own = refund.parts.iter().map(|part| match part.source {
        RefundSource::OwnMerchant => part.amount,
    });
    let sum = own.into_iter().try_fold(Fen::ZERO, |sum, part| sum.plus(part).ok());
    sum.is_some_and(|sum| sum <= order.free())
}

/// Its amount in the sum of the order's funds that it counts in.
fn counted(refund: &Refund, place: Place) -> OrderFunds {
    let none = OrderFunds::default();
    match place {
        Place::Waiting => OrderFunds { refunding: refund.amount, ..none },
        Place::Source => none,
        Place::Channel | Place::Hand(_) => OrderFunds { refunded: refund.amount, ..none },
    }
}

fn minus(after: OrderFunds, before: OrderFunds) -> OrderFunds {
    let minus = |after: Fen, before: Fen| Fen::new(after.get() - before.get());
    OrderFunds {
        refunding: minus(after.refunding, before.refunding),
        refunded: minus(after.refunded, before.refunded),
        ..OrderFunds::default()
    }
}

fn movements(refund: &Refund, order: &Order, to: &RefundState) -> Vec<Movement> {
    match (place(refund, &refund.state), place(refund, to)) {
        (Place::Waiting, Place::Source) => put_back(refund, order),
        (Place::Source, Place::Waiting) => take_and_hold(refund, order),
        (Place::Waiting, Place::Channel | Place::Hand(_)) => pay(refund, order, to),
        // The channel carried out what it had refused: the money is taken again.
        (Place::Source, Place::Channel) => {
            [take_and_hold(refund, order), pay(refund, order, to)].concat()
        }
        // The channel carried out what a person had ended otherwise: the money comes from what that was
        // booked to; the coupon was taken back then.
        (Place::Hand(kind), Place::Channel) => {
            let (credit, amount, reason) = paid_to(refund, order, to);
            let debit = Account::new(kind, refund.tenant.as_str());
            vec![Movement { phase: Phase::Post, debit, credit, amount, reason }]
        }
        (
            Place::Waiting | Place::Source | Place::Channel | Place::Hand(_),
            Place::Waiting | Place::Source | Place::Channel | Place::Hand(_),
        ) => vec![],
    }
}

/// Holds the refund's amount on its way to the channel, or releases it.
fn held(refund: &Refund, order: &Order, phase: Phase) -> Movement {
    Movement {
        phase,
        debit: refund.waiting(),
        credit: funds(&order.terms.channel_account),
        amount: refund.amount,
        reason: reason(refund),
    }
}

const fn reason(refund: &Refund) -> Reason {
    match refund.request {
        Some(_) => Reason::Refund,
        None => Reason::UnappliedRefund,
    }
}

/// Each part leaves where it lies.
fn take(refund: &Refund, order: &Order) -> Vec<Movement> {
    let take = |part: &RefundPart| moved(part, source(part, order), refund.waiting());
    refund.parts.iter().map(take).collect()
}

/// The refund's money is taken again. Where the merchant has it no more, somebody must make up for it.
fn take_and_hold(refund: &Refund, order: &Order) -> Vec<Movement> {
    let taken = match is_there(refund, order) {
        true => take(refund, order),
        false => {
            let lost = Account::new(AccountKind::WriteOff, refund.tenant.as_str());
            refund.parts.iter().map(|part| moved(part, lost.clone(), refund.waiting())).collect()
        }
    };
    [taken, vec![held(refund, order, Phase::Hold)]].concat()
}

/// Each part goes back to where it belongs.
fn put_back(refund: &Refund, order: &Order) -> Vec<Movement> {
    let back = |part: &RefundPart| moved(part, refund.waiting(), source(part, order));
    let parts = refund.parts.iter().map(back).collect();
    [vec![held(refund, order, Phase::Release)], parts].concat()
}

fn moved(part: &RefundPart, debit: Account, credit: Account) -> Movement {
    Movement { phase: Phase::Post, debit, credit, amount: part.amount, reason: Reason::Refund }
}

/// The account in which a part lies while no refund has it.
fn source(part: &RefundPart, order: &Order) -> Account {
    let merchant = order.terms.request.merchant.as_str();
    match part.source {
        RefundSource::OwnMerchant => Account::new(AccountKind::MerchantPending, merchant),
    }
}

/// The held amount leaves: what had been settled to where the refund ends, and what a coupon paid to the
/// merchant's coupons.
fn pay(refund: &Refund, order: &Order, to: &RefundState) -> Vec<Movement> {
    let money = paid_to(refund, order, to);
    let coupon = (coupons(order), coupon_amount(refund.amount, money.1), Reason::Coupon);
    let part = |(credit, amount, reason)| {
        let (phase, debit) = (Phase::PostHeld, refund.waiting());
        Movement { phase, debit, credit, amount, reason }
    };
    [money, coupon].map(part).into()
}

/// Where the settled part of a refund goes that ends so, how much it is, and why.
fn paid_to(refund: &Refund, order: &Order, to: &RefundState) -> (Account, Fen, Reason) {
    let hand = |kind| Account::new(kind, refund.tenant.as_str());
    match to {
        RefundState::SettledByHand { .. } => {
            (hand(AccountKind::SettledByHand), refund.settled_amount, Reason::SettledByHand)
        }
        RefundState::WrittenOff { .. } => {
            (hand(AccountKind::WriteOff), refund.settled_amount, Reason::WrittenOff)
        }
        RefundState::Done { settled_refund, .. } => {
            (funds(&order.terms.channel_account), *settled_refund, reason(refund))
        }
        RefundState::Requesting | RefundState::Processing | RefundState::Failed { .. } => {
            (funds(&order.terms.channel_account), Fen::ZERO, reason(refund))
        }
    }
}
