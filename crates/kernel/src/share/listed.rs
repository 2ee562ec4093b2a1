//! The share that an order lists itself: checked when the order is placed, made when it is paid.
//!
//! It is made in the commit of the payment and never hinders that. What cannot be shared then is recorded
//! as a share that has ended, with the reason, and what the channel keeps frozen for it is released. Its
//! number is the order's, in a namespace of its own, so that no share that a caller makes collides with it.

use super::make::{
    MakeShare, PAYEES_MAX, carry_out, check, new_share, notify, place, place_of_payee,
};
use super::{
    ItemOutcome, ItemPlace, ItemTerms, Share, ShareChange, ShareItem, ShareRefusal, ShareState,
};
use crate::aggregate::{Aggregate, Key, NaturalKey, Reads, View};
use crate::deciding::Deciding;
use crate::directory::{MerchantRoutes, Route};
use crate::merchant::ShareTemplate;
use crate::order::{Order, OrderState, Paid, PickFault, PlaceOrder, ShareAmount};
use crate::payee::Payee;
use ledger::Fen;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The reason of a share whose order was paid with another amount.
const OTHER_AMOUNT: &str = "the order was paid with another amount";
/// The reason of a share for which the channel settles too little.
const TOO_LITTLE: &str = "less is settled of the payment than it is divided into";

impl Order {
    /// The number of the share that its list becomes once it is paid; `None` where it lists no payees.
    pub fn listed_share(&self) -> Option<NaturalKey> {
        let request = &self.terms.request;
        // Nearly every order lists none.
        if request.splits.shares.is_empty() {
            return None;
        }
        let namespace = Order::listed_namespace(&request.namespace);
        Some(NaturalKey::new(&namespace, &*request.merchant_order_no))
    }

    /// The namespace of the shares that orders of a namespace list.
    pub fn listed_namespace(orders: &str) -> String {
        format!("{orders}.listed_share")
    }
}

impl View {
    /// The share that the order's list became, once it is paid.
    pub fn listed_share_of(&self, order: &Order) -> Option<&Share> {
        self.shares.find(order.tenant(), &Key::Number(order.listed_share()?))
    }
}

/// Adds what the payment of an order with payees must see, and the share that it became.
pub(crate) fn link_listed(order: &Order, reads: &mut Reads) {
    let Some(number) = order.listed_share() else { return };
    let tenant = order.tenant();
    reads.shares.push((tenant.clone(), Key::Number(number)));
    if !order.state.is_final() {
        let payees = order.terms.request.splits.shares.iter().map(|terms| terms.payee);
        reads.payees.extend(payees.map(|payee| (tenant.clone(), Key::Id(payee))));
    }
}

/// What the payees that a new order picks get by the template of its merchant.
///
/// # Errors
/// Which payee cannot be picked, counted from 0, and why.
pub(crate) fn picked(
    deciding: &Deciding<'_>,
    order: &PlaceOrder,
    merchant: &MerchantRoutes,
) -> Result<Vec<ItemTerms>, (usize, PickFault)> {
    let mut roles = BTreeSet::new();
    let mut terms = Vec::with_capacity(order.payees.len());
    for (at, payee) in order.payees.iter().copied().enumerate() {
        if !order.request.splits.shares.is_empty() {
            return Err((at, PickFault::Listed));
        }
        let template = merchant.sharing.template.as_ref();
        let template = template.ok_or((at, PickFault::NoTemplate))?;
        let row = deciding.row::<Payee>(&order.tenant, payee);
        let missing = ShareRefusal::Payee { payee, why: "does not exist" };
        let row = row.ok_or((at, PickFault::Share(missing)))?;
        let ratio = template.ratio(payee, row.role.as_deref());
        let ratio = ratio.ok_or((at, PickFault::Unknown { payee }))?;
        let is_by_role = matches!(template, ShareTemplate::ByRole(_));
        if is_by_role && !roles.insert(row.role) {
            return Err((at, PickFault::SameRole { payee }));
        }
        terms.push(ItemTerms { payee, merchant: None, amount: ShareAmount::Ratio(ratio) });
    }
    Ok(terms)
}

/// Whether the payees that a new order lists get their parts at the channel.
///
/// # Errors
/// Which item cannot be carried out, counted from 0, and why.
pub(crate) fn check_listed(
    deciding: &Deciding<'_>,
    order: &PlaceOrder,
    shares: &[ItemTerms],
    route: &Route,
) -> Result<bool, (usize, ShareRefusal)> {
    let mut is_at_channel = false;
    for (at, terms) in shares.iter().enumerate() {
        let before = shares.get(..at).unwrap_or_default();
        let place = place_of(deciding, order, route, terms, before).map_err(|why| (at, why))?;
        let is_here = matches!(place, ItemPlace::Channel(_));
        if at > 0 && is_here != is_at_channel {
            return Err((at, ShareRefusal::Mixed));
        }
        is_at_channel = is_here;
    }
    let limit = match (&route.sharing, is_at_channel) {
        (None, true) => return Err((0, ShareRefusal::NoSharing)),
        (Some(rules), true) => rules.receivers_max,
        (_, false) => PAYEES_MAX,
    };
    match shares.len() > limit {
        true => Err((limit, ShareRefusal::TooManyPayees { max: limit })),
        false => Ok(is_at_channel),
    }
}

/// Where one part of a new order will go.
fn place_of(
    deciding: &Deciding<'_>,
    order: &PlaceOrder,
    route: &Route,
    terms: &ItemTerms,
    before: &[ItemTerms],
) -> Result<ItemPlace, ShareRefusal> {
    let payee = terms.payee;
    if before.iter().any(|other| other.payee == payee) {
        return Err(ShareRefusal::Twice { payee });
    }
    let found = deciding.row::<Payee>(&order.tenant, payee);
    let row = found.ok_or(ShareRefusal::Payee { payee, why: "does not exist" })?;
    let place = place(&route.channel, terms, &row)?;
    match terms.amount.of(order.request.amount) {
        Ok(amount) if amount.is_positive() => Ok(place),
        Ok(_) | Err(_) => Err(ShareRefusal::Zero { payee }),
    }
}

/// Shares an order that is being paid with the payees that it lists.
pub(crate) fn share_listed(deciding: &mut Deciding<'_>, order: &Order) {
    let (OrderState::Paid(paid), Some(key)) = (&order.state, order.listed_share()) else { return };
    let request = &order.terms.request;
    let make = MakeShare {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: request.merchant.clone(),
        namespace: key.namespace,
        number: key.number,
        dialect: request.dialect.clone(),
        notify_url: request.notify_url.clone(),
        content: request.content.clone(),
        items: request.splits.shares.clone(),
        // The list says who gets something: what is left is the merchant's.
        releases_rest: request.splits.is_shared,
    };
    let items = check(deciding, order, &make).map_err(|refusal| refusal.to_string());
    match items.and_then(|items| covered(order, paid, items)) {
        Ok(items) => {
            carry_out(deciding, order, &make, items);
        }
        Err(why) => not_shared(deciding, order, make, why),
    }
}

/// The items, where the payment is what was divided and the channel settles enough of it: payees get no
/// money that did not arrive.
fn covered(order: &Order, paid: &Paid, items: Vec<ShareItem>) -> Result<Vec<ShareItem>, String> {
    if paid.amount != order.terms.request.amount {
        return Err(OTHER_AMOUNT.to_owned());
    }
    // Nothing of an order is divided where all its parts together are more than arrived.
    let parts = order.terms.request.splits.parts(paid.amount);
    match parts {
        Ok(parts) if parts <= paid.settled_amount => Ok(items),
        Ok(_) | Err(_) => Err(TOO_LITTLE.to_owned()),
    }
}

/// Records why nothing is shared, and releases what the channel keeps frozen.
fn not_shared(deciding: &mut Deciding<'_>, order: &Order, make: MakeShare, why: String) {
    let items = make.items.iter().filter_map(|terms| failed(deciding, order, terms, &why));
    let items = items.collect();
    let at = deciding.now();
    let share = Share {
        state: ShareState::Ended { at, refused: Some(why) },
        next_poll_at: None,
        ..new_share(deciding, order, &make, items)
    };
    deciding.record(&share, ShareChange::Made(Box::new(share.clone())));
    notify(deciding, &share);
    if order.terms.request.splits.is_shared {
        let namespace = Arc::from(format!("{}.release", make.namespace));
        let release = MakeShare { namespace, notify_url: None, items: vec![], ..make };
        carry_out(deciding, order, &release, vec![]);
    }
}

/// What a payee does not get, as it was agreed. Rows of payees are never deleted.
fn failed(
    deciding: &Deciding<'_>,
    order: &Order,
    terms: &ItemTerms,
    why: &str,
) -> Option<ShareItem> {
    let row = deciding.row::<Payee>(&order.terms.tenant, terms.payee)?;
    Some(ShareItem {
        payee: terms.payee,
        place: place_of_payee(&row),
        merchant: row.merchant,
        amount: terms.amount.of(order.terms.request.amount).unwrap_or(Fen::ZERO),
        outcome: ItemOutcome::Failed { reason: why.to_owned() },
    })
}
