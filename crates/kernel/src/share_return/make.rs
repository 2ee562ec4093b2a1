//! How the return of a share is made: what it must fulfil.

use super::{
    ReturnItem, ReturnOutcome, ShareReturn, ShareReturnChange, ShareReturnRefusal, ShareReturnState,
};
use crate::aggregate::{Key, NaturalKey};
use crate::channel_no::channel_no;
use crate::command::{Refusal, Reply};
use crate::deciding::{Deciding, Movement};
use crate::directory::{MerchantId, TenantId};
use crate::notification::{self, NotificationKind, Notified};
use crate::order::{Order, OrderChange, OrderFunds, OrderRefusal, OrderSharing};
use crate::share::{
    ItemOutcome, ItemPlace, Share, ShareChange, ShareItem, ShareRefusal, pending, sum,
};
use channel::ReceiverKind;
use ledger::{Account, Fen, Id, Phase, Reason, Subject, kinds};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A new return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeShareReturn {
    /// The owner.
    pub tenant: TenantId,
    /// The share.
    pub share: Id<kinds::Share>,
    /// The share's order.
    pub order: Id<kinds::Order>,
    /// The returns that the share has. One that came since refuses the command.
    pub earlier: Vec<Id<kinds::ShareReturn>>,
    /// The accounts in the book that the share's items lie in.
    pub accounts: Vec<Account>,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The dialect that makes it.
    pub dialect: Arc<str>,
    /// Where we notify the caller.
    pub notify_url: Option<String>,
    /// The caller's words for it.
    pub remark: Option<String>,
    /// A digest of the members that a repeat must not change.
    pub content: String,
    /// Who gives how much back.
    pub items: Vec<ReturnTerms>,
}

/// What one payee is to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTerms {
    /// The payee.
    pub payee: Id<kinds::Payee>,
    /// The merchant that it belongs to, where the caller named it.
    pub merchant: Option<MerchantId>,
    /// How much, above zero.
    pub amount: Fen,
}

impl MakeShareReturn {
    pub(super) fn key(&self) -> Key<kinds::ShareReturn> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Key::Number(NaturalKey { namespace, number })
    }
}

/// Makes a return, or answers a repeat of it.
pub(super) fn make(deciding: &mut Deciding<'_>, make: &MakeShareReturn) -> Result<Reply, Refusal> {
    if let Some(found) = deciding.view().share_returns.find(&make.tenant, &make.key()) {
        return match found.share == make.share && found.content == make.content {
            true => Ok(Reply::about(found.id.subject())),
            false => Err(ShareReturnRefusal::Differs.into()),
        };
    }
    let share = deciding.row::<Share>(&make.tenant, make.share).ok_or(ShareRefusal::NotFound)?;
    let order = deciding.row::<Order>(&make.tenant, share.order).ok_or(OrderRefusal::NotFound)?;
    let items = check(deciding, &order, &share, make)?;
    let row = new_return(deciding, &share, make, items);
    begin(deciding, &row, &share, &order, row.id.subject());
    Ok(Reply::about(row.id.subject()))
}

/// Records a new return: in the book it is done with this, at the channel its first item is requested, and
/// nothing else of the order runs until `running` has ended.
pub(crate) fn begin(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    share: &Share,
    order: &Order,
    running: Subject,
) {
    deciding.record(row, ShareReturnChange::Made(Box::new(row.clone())));
    deciding.record(share, ShareChange::ReturnMade(row.id));
    match row.state {
        ShareReturnState::Ended { .. } => carry_out_in_book(deciding, row, order),
        ShareReturnState::Running { .. } => {
            let running = Some(running);
            if order.sharing.running != running {
                let sharing = OrderSharing { running, ..order.sharing };
                deciding.record(order, OrderChange::SharingChanged(sharing));
            }
            super::decide::begin_next(deciding, row, order);
        }
    }
}

/// A return that a refund needs, of items that were checked.
pub(crate) fn return_for_refund(
    deciding: &mut Deciding<'_>,
    share: &Share,
    namespace: &str,
    dialect: &Arc<str>,
    items: Vec<ReturnItem>,
) -> ShareReturn {
    let make = MakeShareReturn {
        tenant: share.tenant.clone(),
        share: share.id,
        order: share.order,
        earlier: vec![],
        accounts: vec![],
        namespace: Arc::from(namespace),
        number: String::new(),
        dialect: dialect.clone(),
        notify_url: None,
        remark: None,
        content: String::new(),
        items: vec![],
    };
    let row = new_return(deciding, share, &make, items);
    ShareReturn { number: row.id.to_string(), ..row }
}

/// What a new return must fulfil, and its items.
fn check(
    deciding: &Deciding<'_>,
    order: &Order,
    share: &Share,
    make: &MakeShareReturn,
) -> Result<Vec<ReturnItem>, ShareReturnRefusal> {
    let is_known = |id: &Id<kinds::ShareReturn>| make.earlier.contains(id);
    if order.sharing.running.is_some() || !share.returns.iter().all(is_known) {
        return Err(ShareReturnRefusal::Running);
    }
    if make.items.is_empty() {
        return Err(ShareReturnRefusal::Nothing);
    }
    let mut seen = BTreeSet::new();
    let mut items = Vec::with_capacity(make.items.len());
    for terms in &make.items {
        let payee = terms.payee;
        if !seen.insert(payee) {
            return Err(ShareReturnRefusal::Twice { payee });
        }
        let shared = share.items.iter().find(|item| item.payee == payee);
        let shared = shared.ok_or(refused(payee, "got nothing of the share"))?;
        items.push(item(deciding, share, shared, terms)?);
    }
    check_funds(deciding, make, &mut items);
    Ok(items)
}

pub(crate) const fn refused(payee: Id<kinds::Payee>, why: &'static str) -> ShareReturnRefusal {
    ShareReturnRefusal::Payee { payee, why }
}

/// What a payee gives back of its part of a share.
pub(crate) fn item(
    deciding: &Deciding<'_>,
    share: &Share,
    shared: &ShareItem,
    terms: &ReturnTerms,
) -> Result<ReturnItem, ShareReturnRefusal> {
    let payee = terms.payee;
    if terms.merchant.is_some() && terms.merchant != shared.merchant {
        return Err(refused(payee, "belongs to another merchant"));
    }
    if !matches!(shared.outcome, ItemOutcome::Done { .. }) {
        return Err(refused(payee, "got nothing of the share"));
    }
    if let ItemPlace::Channel(ReceiverKind::Person | ReceiverKind::SubPerson) = shared.place {
        return Err(refused(payee, "is a person at the channel, who gives nothing back"));
    }
    let left = left(deciding, share, shared);
    if !terms.amount.is_positive() || terms.amount > left {
        return Err(ShareReturnRefusal::Exceeds { payee, left });
    }
    Ok(ReturnItem {
        payee,
        merchant: shared.merchant.clone(),
        place: shared.place.clone(),
        amount: terms.amount,
        attempt: 1,
        outcome: match shared.place {
            ItemPlace::Channel(_) => ReturnOutcome::Open,
            ItemPlace::Book(_) => {
                ReturnOutcome::Done { at: deciding.now(), reference: None, is_by_hand: false }
            }
        },
    })
}

/// What a payee got of a share, without what it gave back.
pub(crate) fn left(deciding: &Deciding<'_>, share: &Share, shared: &ShareItem) -> Fen {
    let returns = share.returns.iter().filter_map(|id| {
        let row = deciding.row::<ShareReturn>(&share.tenant, *id)?;
        row.items.into_iter().find(|item| item.payee == shared.payee)
    });
    let back = returns.filter(|item| !matches!(item.outcome, ReturnOutcome::Failed { .. }));
    let back = sum(back.map(|item| item.amount));
    shared.real_amount().minus(back).unwrap_or(Fen::ZERO)
}

/// In the book a payee who has too little gives nothing back. Payees of one merchant have one account.
fn check_funds(deciding: &Deciding<'_>, make: &MakeShareReturn, items: &mut [ReturnItem]) {
    let mut left: BTreeMap<Account, Fen> = BTreeMap::new();
    for item in items {
        let ItemPlace::Book(account) = &item.place else { continue };
        let available = || available(deciding, &make.tenant, account);
        let left = left.entry(account.clone()).or_insert_with(available);
        if *left < item.amount {
            let reason = format!("the payee has {left} available, less than {}", item.amount);
            item.outcome = ReturnOutcome::Failed { reason };
        } else {
            *left = left.minus(item.amount).unwrap_or(Fen::ZERO);
        }
    }
}

fn available(deciding: &Deciding<'_>, tenant: &TenantId, account: &Account) -> Fen {
    let balance = deciding.view().balances.get(&(tenant.clone(), account.clone()));
    balance.and_then(|balance| balance.available().ok()).unwrap_or(Fen::ZERO)
}

fn new_return(
    deciding: &mut Deciding<'_>,
    share: &Share,
    make: &MakeShareReturn,
    items: Vec<ReturnItem>,
) -> ShareReturn {
    let (id, now): (Id<kinds::ShareReturn>, _) = (deciding.id(), deciding.now());
    let is_open = items.iter().any(|item| item.outcome == ReturnOutcome::Open);
    let (state, next_poll_at) = match is_open {
        true => (ShareReturnState::Running { tries: 0, refused: None }, Some(now)),
        false => (ShareReturnState::Ended { at: now }, None),
    };
    ShareReturn {
        tenant: make.tenant.clone(),
        id,
        namespace: make.namespace.clone(),
        number: make.number.clone(),
        share: share.id,
        share_no: share.number.clone(),
        order: share.order,
        order_no: share.order_no.clone(),
        merchant: share.merchant.clone(),
        channel_share_no: share.current_channel_share_no(),
        channel_return_no: channel_no(&deciding.view().directory.installation, id.subject()),
        dialect: make.dialect.clone(),
        notify_url: make.notify_url.clone(),
        remark: make.remark.clone(),
        content: make.content.clone(),
        made_at: now,
        version: 1,
        state,
        items,
        claimed: None,
        note: None,
        polls: 0,
        next_poll_at,
        attention: None,
    }
}

/// Moves the money of a return in the book: it has ended with this.
fn carry_out_in_book(deciding: &mut Deciding<'_>, row: &ShareReturn, order: &Order) {
    for item in &row.items {
        if let (ItemPlace::Book(debit), ReturnOutcome::Done { .. }) = (&item.place, &item.outcome) {
            give_back(deciding, row, order, debit.clone(), item.amount);
        }
    }
    notify(deciding, row);
}

/// Brings shared money back to the merchant.
pub(super) fn give_back(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    order: &Order,
    debit: Account,
    amount: Fen,
) {
    let (phase, reason, credit) = (Phase::Post, Reason::ShareReturn, pending(&row.merchant));
    deciding.transfer(row, Movement { phase, debit, credit, amount, reason });
    let shared = amount.negated().unwrap_or(Fen::ZERO);
    let delta = OrderFunds { shared, ..OrderFunds::default() };
    deciding.record(order, OrderChange::FundsMoved { by: row.id.subject(), delta });
}

/// Notifies the caller of a return that has ended.
pub(super) fn notify(deciding: &mut Deciding<'_>, row: &ShareReturn) {
    if let Some(url) = &row.notify_url {
        let (kind, about_no) = (NotificationKind::ShareReturn, &*row.number);
        let notified = Notified { kind, about_no, dialect: &row.dialect, url };
        notification::queue(deciding, row, notified);
    }
}
