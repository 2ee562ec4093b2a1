//! What a refund's money does: where it lies in each state, and how it gets from one to the next.

use super::request::requested_before;
use super::{Refund, RefundPart, RefundSource, RefundState, funds};
use crate::aggregate::View;
use crate::allocation::{self, Allocation, Way};
use crate::card::{self, Card};
use crate::coupons::{coupon_amount, coupons};
use crate::deciding::{Deciding, Movement};
use crate::order::{Order, OrderChange, OrderFunds};
use crate::recharge::PaidBack;
use crate::wallet::Wallet;
use crate::wallet_payment;
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, kinds};

/// Where the money of a refund lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Held, to be given back.
    Waiting,
    /// Where it will be taken from; counted in the order already.
    Reserved,
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
        RefundState::Preparing { .. } => Place::Reserved,
        RefundState::Requesting | RefundState::Processing | RefundState::Failed { .. } => {
            Place::Waiting
        }
        RefundState::Done { .. } => Place::Channel,
        RefundState::SettledByHand { .. } => Place::Hand(AccountKind::SettledByHand),
        RefundState::WrittenOff { .. } => Place::Hand(AccountKind::WriteOff),
    }
}

/// True unless the merchant has the money, or will have it taken later.
pub(super) fn is_under_way(refund: &Refund) -> bool {
    !matches!(place(refund, &refund.state), Place::Reserved | Place::Source)
}

/// Moves the money of a refund that goes to another state.
pub(super) fn move_to(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    to: &RefundState,
) {
    let (before, after) = (place(refund, &refund.state), place(refund, to));
    if let (Place::Reserved | Place::Source, Place::Waiting | Place::Channel) = (before, after) {
        take_value(deciding, refund, order);
    }
    for movement in movements(deciding.view(), refund, order, to) {
        deciding.transfer_any(refund, movement);
    }
    if let RefundState::Done { settled_refund, .. } = to
        && refund.request.is_some()
        && place(refund, &refund.state) != Place::Channel
    {
        wallet_payment::put_back(deciding, refund, order, *settled_refund);
    }
    // What is pending for the merchant has their price by now.
    if let (Place::Waiting, Place::Source) = (before, after) {
        let cards = cards(deciding.view(), refund);
        card::put_back(deciding, refund.id, &cards);
        if wallet(refund).is_some() {
            let before = requested_before(order).minus(refund.amount).unwrap_or(Fen::ZERO);
            let made_up =
                sum(refund.parts.iter().map(|part| made_up(deciding.view(), refund, order, part)));
            PaidBack { refund, order, before }.put_back(deciding, made_up);
        }
    }
}

/// Takes back the stored value that the refund's parts are the price of, as far as it is there.
fn take_value(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    let cards = cards(deciding.view(), refund);
    card::take_back(deciding, refund.id, &cards);
    if wallet(refund).is_some() {
        let of_wallet = |part: &&RefundPart| matches!(part.source, RefundSource::Wallet(_));
        let there = there(deciding.view(), refund, order);
        let principal = there.iter().find(of_wallet).map_or(Fen::ZERO, |part| part.amount);
        paid_back(refund, order).take(deciding, principal);
    }
}

/// The wallet that what it gives back was paid into.
fn wallet(refund: &Refund) -> Option<Id<kinds::Wallet>> {
    refund.parts.iter().find_map(|part| match part.source {
        RefundSource::Wallet(wallet) => Some(wallet),
        RefundSource::OwnMerchant | RefundSource::Allocation(_) | RefundSource::Card(_) => None,
    })
}

/// What a refund takes from a wallet that has taken nothing yet.
fn paid_back<'a>(refund: &'a Refund, order: &'a Order) -> PaidBack<'a> {
    let before = requested_before(&without(refund, order));
    PaidBack { refund, order, before }
}

/// The cards among its parts, each with its price.
fn cards(view: &View, refund: &Refund) -> Vec<(Card, Fen)> {
    let of = |part: &RefundPart| match part.source {
        RefundSource::OwnMerchant | RefundSource::Allocation(_) | RefundSource::Wallet(_) => None,
        RefundSource::Card(id) => Some((card(view, refund, id).clone(), part.amount)),
    };
    refund.parts.iter().filter_map(of).collect()
}

/// True when a card that the refund takes back was given to somebody else.
pub(super) fn has_other_owner(view: &View, refund: &Refund) -> bool {
    cards(view, refund).iter().any(|(card, _)| {
        let recharge = view.recharges.get(&refund.tenant, card.recharge);
        recharge.is_some_and(|recharge| recharge.owner != card.owner)
    })
}

/// A card that a part is taken from; the order brings its cards into view.
fn card<'v>(view: &'v View, refund: &Refund, id: Id<kinds::Card>) -> &'v Card {
    let found = view.cards.get(&refund.tenant, id);
    found.unwrap_or_else(|| panic!("refund {} takes an unknown card back", refund.id))
}

/// Counts in the order what a merchant's refund has reserved or given back.
pub(super) fn count(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, to: &RefundState) {
    let (before, after) = (place(refund, &refund.state), place(refund, to));
    let gone = match (before, after) {
        (Place::Waiting, Place::Source) => Some((Way::PutBack, refund.parts.clone())),
        (Place::Reserved | Place::Source, Place::Waiting | Place::Channel) => {
            Some((Way::Taken, there(deciding.view(), refund, order)))
        }
        (
            Place::Reserved | Place::Waiting | Place::Source | Place::Channel | Place::Hand(_),
            Place::Reserved | Place::Waiting | Place::Source | Place::Channel | Place::Hand(_),
        ) => None,
    };
    let delta = OrderFunds {
        allocated: gone.as_ref().map_or(Fen::ZERO, |(way, parts)| allocated(parts, *way)),
        made_up: gone.as_ref().map_or(Fen::ZERO, |(way, parts)| {
            newly_made_up(deciding.view(), refund, order, *way, parts)
        }),
        ..minus(counted(refund, after), counted(refund, before))
    };
    if refund.request.is_some() && delta != OrderFunds::default() {
        let by = refund.id.subject();
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
    if let Some((way, parts)) = gone {
        record_parts(deciding, refund, &parts, way);
    }
}

/// What the order's allocations have more or less when these parts go this way.
fn allocated(parts: &[RefundPart], way: Way) -> Fen {
    let parts = parts.iter().filter(|part| matches!(part.source, RefundSource::Allocation(_)));
    let sum: i64 = parts.map(|part| part.amount.get()).sum();
    match way {
        Way::Taken => Fen::new(-sum),
        Way::PutBack => Fen::new(sum),
    }
}

/// What is made up for the order's own merchant and its wallet, more or less, when a refund takes these
/// parts or puts back all of its own.
fn newly_made_up(
    view: &View,
    refund: &Refund,
    order: &Order,
    way: Way,
    taken: &[RefundPart],
) -> Fen {
    let own = |parts: &[RefundPart], of: &dyn Fn(&RefundPart) -> Fen| {
        sum(parts.iter().filter(|part| is_own(part)).map(of))
    };
    let amount = |part: &RefundPart| part.amount;
    match way {
        Way::Taken => Fen::new(own(&refund.parts, &amount).get() - own(taken, &amount).get()),
        Way::PutBack => {
            let made_up = |part: &RefundPart| made_up(view, refund, order, part);
            Fen::new(-own(&refund.parts, &made_up).get())
        }
    }
}

/// True of what the order's own merchant pays, or the wallet that the order paid into.
const fn is_own(part: &RefundPart) -> bool {
    matches!(part.source, RefundSource::OwnMerchant | RefundSource::Wallet(_))
}

/// What of a part of a failed refund was made up before, for another one that was carried out too late: it
/// goes back to where that was written off. A card that the other one gave the price of back stays void.
fn made_up(view: &View, refund: &Refund, order: &Order, part: &RefundPart) -> Fen {
    match part.source {
        RefundSource::OwnMerchant | RefundSource::Wallet(_) => part.amount.min(order.funds.made_up),
        RefundSource::Card(id) if card(view, refund, id).void_by != Some(refund.id) => part.amount,
        RefundSource::Card(_) | RefundSource::Allocation(_) => Fen::ZERO,
    }
}

fn sum(amounts: impl Iterator<Item = Fen>) -> Fen {
    Fen::new(amounts.map(Fen::get).sum())
}

/// Records in the allocations what of them went to the refund or came back.
fn record_parts(deciding: &mut Deciding<'_>, refund: &Refund, parts: &[RefundPart], way: Way) {
    for part in parts {
        if let RefundSource::Allocation(id) = part.source {
            let row = allocation(deciding.view(), refund, id).clone();
            allocation::record_part(deciding, &row, refund, way, part.amount);
        }
    }
}

/// The allocation that a part is taken from; a paid order brings its allocations into view.
fn allocation<'v>(view: &'v View, refund: &Refund, id: Id<kinds::Allocation>) -> &'v Allocation {
    let found = view.allocations.get(&refund.tenant, id);
    found.unwrap_or_else(|| panic!("refund {} takes from an unknown allocation", refund.id))
}

/// Counts a refund in its order that takes its money later.
pub(super) fn reserve(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    let (by, delta) = (refund.id.subject(), counted(refund, Place::Reserved));
    deciding.record(order, OrderChange::FundsMoved { by, delta });
}

/// What a new refund's amount does: it is taken from where it lies, and held.
pub(super) fn open(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    take_value(deciding, refund, order);
    let taken = take(deciding.view(), refund, order, &refund.parts);
    for movement in [taken, vec![held(refund, order, Phase::Hold)]].concat() {
        deciding.transfer_any(refund, movement);
    }
    if refund.request.is_some() {
        let allocated = allocated(&refund.parts, Way::Taken);
        let delta = OrderFunds { allocated, ..counted(refund, Place::Waiting) };
        deciding.record(order, OrderChange::FundsMoved { by: refund.id.subject(), delta });
        record_parts(deciding, refund, &refund.parts, Way::Taken);
    }
}

/// True when what the refund takes is where it is taken from.
pub(super) fn is_there(view: &View, refund: &Refund, order: &Order) -> bool {
    let has_bonus = || wallet(refund).is_none() || paid_back(refund, order).has_bonus(view);
    let has_cards = || cards(view, refund).iter().all(|(card, _)| card.is_whole());
    there(view, refund, order) == refund.parts && has_bonus() && has_cards()
}

/// The order as it would be without a refund that it counts and that has taken nothing yet.
pub(super) fn without(refund: &Refund, order: &Order) -> Order {
    let own = match place(refund, &refund.state) {
        Place::Reserved => refund.amount,
        Place::Waiting | Place::Source | Place::Channel | Place::Hand(_) => Fen::ZERO,
    };
    let refunding = order.funds.refunding.minus(own).unwrap_or(Fen::ZERO);
    Order { funds: OrderFunds { refunding, ..order.funds }, ..order.clone() }
}

/// What of the refund's parts is still where it was taken from. An allocation pays its part or nothing, a
/// card what is left of it.
fn there(view: &View, refund: &Refund, order: &Order) -> Vec<RefundPart> {
    let order = without(refund, order);
    let of = |part: &RefundPart| match part.source {
        RefundSource::OwnMerchant => part.amount.min(order.free()),
        RefundSource::Allocation(id) if allocation(view, refund, id).has(view, part.amount) => {
            part.amount
        }
        RefundSource::Card(id) => match card(view, refund, id) {
            card if card.is_alive() => card::left_of_price(card, part.amount, card.unspent()),
            _ => Fen::ZERO,
        },
        RefundSource::Wallet(id) => {
            let of = |wallet: &Wallet| wallet.available(view, wallet.principal());
            part.amount.min(view.wallets.get(&refund.tenant, id).map_or(Fen::ZERO, of))
        }
        RefundSource::Allocation(_) => Fen::ZERO,
    };
    let parts = refund.parts.iter().map(|part| RefundPart { amount: of(part), ..part.clone() });
    parts.filter(|part| part.amount.is_positive()).collect()
}

/// Its amount in the sum of the order's funds that it counts in.
fn counted(refund: &Refund, place: Place) -> OrderFunds {
    let none = OrderFunds::default();
    match place {
        Place::Reserved | Place::Waiting => OrderFunds { refunding: refund.amount, ..none },
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

fn movements(view: &View, refund: &Refund, order: &Order, to: &RefundState) -> Vec<Movement> {
    match (place(refund, &refund.state), place(refund, to)) {
        (Place::Waiting, Place::Source) => put_back(view, refund, order),
        (Place::Reserved | Place::Source, Place::Waiting) => take_and_hold(view, refund, order),
        (Place::Waiting, Place::Channel | Place::Hand(_)) => pay(refund, order, to),
        // The channel carried out what it had refused: the money is taken again.
        (Place::Reserved | Place::Source, Place::Channel) => {
            [take_and_hold(view, refund, order), pay(refund, order, to)].concat()
        }
        (Place::Hand(kind), Place::Channel) => pay_after_hand(refund, order, to, kind),
        (
            Place::Reserved | Place::Waiting | Place::Source | Place::Channel | Place::Hand(_),
            Place::Reserved | Place::Waiting | Place::Source | Place::Channel | Place::Hand(_),
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
fn take(view: &View, refund: &Refund, order: &Order, parts: &[RefundPart]) -> Vec<Movement> {
    let take = |part: &RefundPart| part_movements(view, refund, order, part, Way::Taken);
    parts.iter().flat_map(take).collect()
}

/// The refund's money is taken again. For what merchants have no more, somebody must make up.
fn take_and_hold(view: &View, refund: &Refund, order: &Order) -> Vec<Movement> {
    let there = there(view, refund, order);
    let sum: i64 = there.iter().map(|part| part.amount.get()).sum();
    let lost = Movement {
        phase: Phase::Post,
        debit: Account::new(AccountKind::WriteOff, refund.tenant.as_str()),
        credit: refund.waiting(),
        amount: Fen::new(refund.amount.get() - sum),
        reason: Reason::Refund,
    };
    let hold = held(refund, order, Phase::Hold);
    [take(view, refund, order, &there), vec![lost, hold]].concat()
}

/// Each part goes back to where it belongs: what was made up before to where it was written off.
fn put_back(view: &View, refund: &Refund, order: &Order) -> Vec<Movement> {
    let write_off = Account::new(AccountKind::WriteOff, refund.tenant.as_str());
    let back = |part: &RefundPart| {
        let made_up = RefundPart { amount: made_up(view, refund, order, part), ..part.clone() };
        let amount = Fen::new(part.amount.get() - made_up.amount.get());
        let rest = RefundPart { amount, ..part.clone() };
        let repaid = moved(&made_up, refund.waiting(), write_off.clone());
        [vec![repaid], part_movements(view, refund, order, &rest, Way::PutBack)].concat()
    };
    let parts = refund.parts.iter().flat_map(back).collect();
    [vec![held(refund, order, Phase::Release)], parts].concat()
}

fn moved(part: &RefundPart, debit: Account, credit: Account) -> Movement {
    Movement { phase: Phase::Post, debit, credit, amount: part.amount, reason: Reason::Refund }
}

/// A part on its way between where it lies while no refund has it and where the refund's amount waits.
fn part_movements(
    view: &View,
    refund: &Refund,
    order: &Order,
    part: &RefundPart,
    way: Way,
) -> Vec<Movement> {
    let merchant = order.terms.request.merchant.as_str();
    let pending = Account::new(AccountKind::MerchantPending, merchant);
    match (part.source, way) {
        (
            RefundSource::OwnMerchant | RefundSource::Card(_) | RefundSource::Wallet(_),
            Way::Taken,
        ) => {
            vec![moved(part, pending, refund.waiting())]
        }
        (
            RefundSource::OwnMerchant | RefundSource::Card(_) | RefundSource::Wallet(_),
            Way::PutBack,
        ) => {
            vec![moved(part, refund.waiting(), pending)]
        }
        (RefundSource::Allocation(id), way) => {
            allocation(view, refund, id).movements(way, part.amount, &refund.waiting())
        }
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

/// The channel carried out what a person had ended otherwise: the money comes from what that was booked
/// to. The coupon was taken back then, by our own share; what the channel states otherwise is set right.
fn pay_after_hand(
    refund: &Refund,
    order: &Order,
    to: &RefundState,
    kind: AccountKind,
) -> Vec<Movement> {
    let (funds, settled, reason) = paid_to(refund, order, to);
    let hand = Account::new(kind, refund.tenant.as_str());
    let more = settled.get() - refund.settled_amount.get();
    let (from, into) = match more > 0 {
        true => (coupons(order), hand.clone()),
        false => (hand.clone(), coupons(order)),
    };
    let post = |debit, credit, amount, reason| {
        let phase = Phase::Post;
        Movement { phase, debit, credit, amount, reason }
    };
    let difference = post(from, into, Fen::new(more.abs()), Reason::Coupon);
    vec![difference, post(hand, funds, settled, reason)]
}

/// Books what the channel gave back a second time: it is lost until somebody brings it back.
pub(super) fn pay_twice(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, amount: Fen) {
    let debit = Account::new(AccountKind::WriteOff, refund.tenant.as_str());
    let credit = funds(&order.terms.channel_account);
    let (phase, reason) = (Phase::Post, Reason::Refund);
    deciding.transfer_any(refund, Movement { phase, debit, credit, amount, reason });
}

/// Books that somebody has for us what was given back twice.
pub(super) fn bring_back(deciding: &mut Deciding<'_>, refund: &Refund) {
    let account = |kind| Account::new(kind, refund.tenant.as_str());
    let (debit, credit) = (account(AccountKind::SettledByHand), account(AccountKind::WriteOff));
    let (phase, reason, amount) = (Phase::Post, Reason::SettledByHand, refund.paid_twice());
    deciding.transfer_any(refund, Movement { phase, debit, credit, amount, reason });
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
        RefundState::Preparing { .. }
        | RefundState::Requesting
        | RefundState::Processing
        | RefundState::Failed { .. } => {
            (funds(&order.terms.channel_account), Fen::ZERO, reason(refund))
        }
    }
}
