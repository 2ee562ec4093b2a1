//! How a share is made: what it must fulfil, and what it reserves.

use super::{ItemOutcome, ItemPlace, Share, ShareChange, ShareItem, ShareRefusal, ShareState, sum};
use crate::aggregate::{Aggregate, Key, NaturalKey};
use crate::channel_no::channel_no;
use crate::command::{Refusal, Reply};
use crate::deciding::{Deciding, Movement};
use crate::directory::{MerchantId, TenantId};
use crate::notification::{self, NotificationKind, Notified};
use crate::order::{
    Order, OrderChange, OrderFunds, OrderRefusal, OrderSharing, OrderState, ShareAmount,
};
use crate::payee::Payee;
use crate::refund::funds;
use channel::SharingRules;
use ledger::{Fen, Id, Phase, Reason, Subject, kinds};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Shares of one order at most, in the book; a channel has a limit of its own.
const SHARES_MAX: u32 = 50;
/// Payees of one share at most, in the book.
pub(super) const PAYEES_MAX: usize = 50;

/// A new share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeShare {
    /// The owner.
    pub tenant: TenantId,
    /// The order.
    pub order: Id<kinds::Order>,
    /// The order's merchant, whose account is read.
    pub merchant: MerchantId,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The dialect that makes it.
    pub dialect: Arc<str>,
    /// Where we notify the caller.
    pub notify_url: Option<String>,
    /// A digest of the members that a repeat must not change.
    pub content: String,
    /// Who gets how much.
    pub items: Vec<ItemTerms>,
    /// True when what is left is released.
    pub releases_rest: bool,
}

/// What one payee is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemTerms {
    /// The payee.
    pub payee: Id<kinds::Payee>,
    /// The merchant that it belongs to, where the caller named it.
    pub merchant: Option<MerchantId>,
    /// How much.
    pub amount: ShareAmount,
}

impl MakeShare {
    pub(super) fn key(&self) -> Key<kinds::Share> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Key::Number(NaturalKey { namespace, number })
    }
}

/// Makes a share, or answers a repeat of it.
pub(super) fn make(deciding: &mut Deciding<'_>, make: &MakeShare) -> Result<Reply, Refusal> {
    let order = deciding.row::<Order>(&make.tenant, make.order).ok_or(OrderRefusal::NotFound)?;
    if let Some(share) = deciding.view().shares.find(&make.tenant, &make.key()) {
        return match share.order == make.order && share.content == make.content {
            true => Ok(Reply::about(share.id.subject())),
            false => Err(ShareRefusal::Differs.into()),
        };
    }
    let items = check(deciding, &order, make)?;
    let share = carry_out(deciding, &order, make, items);
    Ok(Reply::about(share.id.subject()))
}

/// Makes a share that fulfils everything: in the book it is done with this, at a channel it begins.
pub(super) fn carry_out(
    deciding: &mut Deciding<'_>,
    order: &Order,
    make: &MakeShare,
    items: Vec<ShareItem>,
) -> Share {
    let share = new_share(deciding, order, make, items);
    match share.state {
        ShareState::Ended { .. } => carry_out_in_book(deciding, &share, order),
        ShareState::Waiting
        | ShareState::Requesting { .. }
        | ShareState::Processing
        | ShareState::Releasing => {
            reserve(deciding, &share, order, share.id.subject());
        }
    }
    share
}

/// The release of what was not shared, which a refund needs.
pub(crate) fn release_for_refund(
    deciding: &mut Deciding<'_>,
    order: &Order,
    namespace: &str,
    dialect: &Arc<str>,
) -> Share {
    let make = MakeShare {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        namespace: Arc::from(namespace),
        number: String::new(),
        dialect: dialect.clone(),
        notify_url: None,
        content: String::new(),
        items: vec![],
        releases_rest: true,
    };
    let share = new_share(deciding, order, &make, vec![]);
    Share { number: share.id.to_string(), ..share }
}

/// What a new share must fulfil, and what its items come to.
pub(super) fn check(
    deciding: &Deciding<'_>,
    order: &Order,
    make: &MakeShare,
) -> Result<Vec<ShareItem>, ShareRefusal> {
    let OrderState::Paid(_) = order.state else {
        return Err(ShareRefusal::OrderState { state: order.state.name() });
    };
    let state = |state| Err(ShareRefusal::OrderState { state });
    if order.terms.request.merchant != make.merchant {
        return state("another merchant's");
    }
    // Its money stays with us until the stored value is spent.
    if order.terms.request.recharge.is_some() {
        return state("for stored value");
    }
    if order.refundable() == Fen::ZERO {
        return state("refunded");
    }
    if order.sharing.running.is_some() {
        return Err(ShareRefusal::Running);
    }
    if order.sharing.is_released {
        return Err(ShareRefusal::Released);
    }
    if make.items.is_empty() && !make.releases_rest {
        return Err(ShareRefusal::Nothing);
    }
    let items = items(deciding, order, make)?;
    match at_channel(&items)? {
        true => check_channel(deciding, order, &items)?,
        false => check_limits(order, &items, SHARES_MAX, PAYEES_MAX)?,
    }
    let amount = items.iter().try_fold(Fen::ZERO, |sum, item| sum.plus(item.amount).ok());
    let free = order.shareable();
    match amount {
        Some(amount) if amount <= free => Ok(items),
        Some(amount) => Err(ShareRefusal::Exceeds { amount, free }),
        None => Err(ShareRefusal::Exceeds { amount: Fen::new(i64::MAX), free }),
    }
}

/// The items, with where each goes.
fn items(
    deciding: &Deciding<'_>,
    order: &Order,
    make: &MakeShare,
) -> Result<Vec<ShareItem>, ShareRefusal> {
    let mut seen = BTreeSet::new();
    let mut items = Vec::with_capacity(make.items.len());
    for terms in &make.items {
        let payee = terms.payee;
        if !seen.insert(payee) {
            return Err(ShareRefusal::Twice { payee });
        }
        let found = deciding.row::<Payee>(&make.tenant, payee);
        let row = found.ok_or(ShareRefusal::Payee { payee, why: "does not exist" })?;
        let Some(amount) = terms.amount.of(order.paid_amount()).ok().filter(|it| *it != Fen::ZERO)
        else {
            return Err(ShareRefusal::Zero { payee });
        };
        let place = place(&order.terms.channel, terms, &row)?;
        let outcome = match place {
            ItemPlace::Channel(_) => ItemOutcome::Open { is_bound: false },
            ItemPlace::Book(_) => {
                ItemOutcome::Done { at: deciding.now(), reference: None, is_by_hand: false }
            }
        };
        items.push(ShareItem { payee, merchant: row.merchant, place, amount, outcome });
    }
    Ok(items)
}

/// Where a payee's part of an order goes that is paid through this channel.
pub(super) fn place(
    channel: &str,
    terms: &ItemTerms,
    row: &Payee,
) -> Result<ItemPlace, ShareRefusal> {
    let refused = |why| Err(ShareRefusal::Payee { payee: row.id, why });
    if row.unbound_at.is_some() {
        return refused("is unbound");
    }
    if terms.merchant.is_some() && terms.merchant != row.merchant {
        return refused("belongs to another merchant");
    }
    match &row.account {
        Some(account) if *account.channel != *channel => {
            refused("is at a channel that the order was not paid through")
        }
        Some(_) | None => Ok(place_of_payee(row)),
    }
}

/// Where a payee has its money.
pub(super) fn place_of_payee(row: &Payee) -> ItemPlace {
    match &row.account {
        Some(account) => ItemPlace::Channel(account.kind),
        None => ItemPlace::Book(row.in_book()),
    }
}

/// Whether the items are all at the channel. No items are the release of what is frozen there.
fn at_channel(items: &[ShareItem]) -> Result<bool, ShareRefusal> {
    let is_at_channel = |item: &ShareItem| matches!(item.place, ItemPlace::Channel(_));
    match items.iter().filter(|item| is_at_channel(item)).count() {
        0 if !items.is_empty() => Ok(false),
        count if count == items.len() => Ok(true),
        _ => Err(ShareRefusal::Mixed),
    }
}

/// What the order's channel wants.
fn check_channel(
    deciding: &Deciding<'_>,
    order: &Order,
    items: &[ShareItem],
) -> Result<(), ShareRefusal> {
    if !order.terms.request.splits.is_shared {
        return Err(ShareRefusal::NotMarked);
    }
    // The channel takes one operation on the money of an order at a time.
    if order.funds.refunding != Fen::ZERO {
        return Err(ShareRefusal::Running);
    }
    let rules = rules(deciding, order).ok_or(ShareRefusal::NoSharing)?;
    check_limits(order, items, rules.shares_max, rules.receivers_max)
}

/// What the order's channel shares, and within which limits.
pub(crate) fn rules(deciding: &Deciding<'_>, order: &Order) -> Option<SharingRules> {
    let merchant = &order.terms.request.merchant;
    let merchant = deciding.view().directory.merchant(order.tenant(), merchant)?;
    let mut routes = merchant.routes.iter();
    routes.find(|route| route.channel_account == order.terms.channel_account)?.sharing
}

const fn check_limits(
    order: &Order,
    items: &[ShareItem],
    shares_max: u32,
    payees_max: usize,
) -> Result<(), ShareRefusal> {
    if order.sharing.shares >= shares_max {
        return Err(ShareRefusal::TooMany { max: shares_max });
    }
    if items.len() > payees_max {
        return Err(ShareRefusal::TooManyPayees { max: payees_max });
    }
    Ok(())
}

pub(super) fn new_share(
    deciding: &mut Deciding<'_>,
    order: &Order,
    make: &MakeShare,
    items: Vec<ShareItem>,
) -> Share {
    let (id, now): (Id<kinds::Share>, _) = (deciding.id(), deciding.now());
    let is_in_book = items.iter().any(|item| matches!(item.place, ItemPlace::Book(_)));
    let due = match (&order.state, rules(deciding, order)) {
        (OrderState::Paid(paid), Some(rules)) => {
            paid.at.plus_seconds(rules.min_age_seconds).max(now)
        }
        _ => now,
    };
    let (state, next_poll_at) = match is_in_book {
        true => (ShareState::Ended { at: now, refused: None }, None),
        false => (ShareState::Waiting, Some(due)),
    };
    Share {
        tenant: make.tenant.clone(),
        id,
        namespace: make.namespace.clone(),
        number: make.number.clone(),
        order: make.order,
        order_no: order.terms.request.merchant_order_no.clone(),
        merchant: make.merchant.clone(),
        channel_share_no: channel_no(&deciding.view().directory.installation, id.subject()),
        releases_rest: make.releases_rest,
        dialect: make.dialect.clone(),
        notify_url: make.notify_url.clone(),
        content: make.content.clone(),
        made_at: now,
        version: 1,
        attempt: 1,
        state,
        items,
        returns: vec![],
        claimed: None,
        note: None,
        polls: 0,
        next_poll_at,
        attention: None,
    }
}

/// Moves the money of a share in the book: it is done with this.
fn carry_out_in_book(deciding: &mut Deciding<'_>, share: &Share, order: &Order) {
    deciding.record(share, ShareChange::Made(Box::new(share.clone())));
    for item in &share.items {
        if let ItemPlace::Book(credit) = &item.place {
            let (debit, credit) = (share.debit(), credit.clone());
            let (phase, amount, reason) = (Phase::Post, item.amount, Reason::Share);
            deciding.transfer(share, Movement { phase, debit, credit, amount, reason });
        }
    }
    let shared = sum(share.items.iter().map(|item| item.amount));
    let delta = OrderFunds { shared, ..OrderFunds::default() };
    deciding.record(order, OrderChange::FundsMoved { by: share.id.subject(), delta });
    let sharing = OrderSharing {
        running: None,
        shares: order.sharing.shares.saturating_add(1),
        // What the channel keeps frozen of a marked order is released there, by a command of its own.
        is_released: share.releases_rest && !order.terms.request.splits.is_shared,
        ..order.sharing
    };
    deciding.record(order, OrderChange::SharingChanged(sharing));
    notify(deciding, share);
}

/// Reserves the money of a share at the channel, and begins it where it is due. Nothing else of the order
/// runs until `running` has ended.
pub(crate) fn reserve(deciding: &mut Deciding<'_>, share: &Share, order: &Order, running: Subject) {
    deciding.record(share, ShareChange::Made(Box::new(share.clone())));
    let (held, by) = (share.held(), share.id.subject());
    let (debit, credit) = (share.debit(), funds(&order.terms.channel_account));
    let (phase, reason) = (Phase::Hold, Reason::Share);
    deciding.transfer_any(share, Movement { phase, debit, credit, amount: held, reason });
    if held != Fen::ZERO {
        let delta = OrderFunds { sharing: held, ..OrderFunds::default() };
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
    let shares = order.sharing.shares.saturating_add(1);
    let sharing = OrderSharing { running: Some(running), shares, ..order.sharing };
    deciding.record(order, OrderChange::SharingChanged(sharing));
    if share.next_poll_at.is_some_and(|due| due <= deciding.now()) {
        super::decide::begin_next(deciding, share, order);
    }
}

/// Notifies the caller of a share that has ended.
pub(super) fn notify(deciding: &mut Deciding<'_>, share: &Share) {
    if let Some(url) = &share.notify_url {
        let (kind, about_no) = (NotificationKind::Share, &*share.number);
        let notified = Notified { kind, about_no, dialect: &share.dialect, url };
        notification::queue(deciding, share, notified);
    }
}
