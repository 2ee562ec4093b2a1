//! How value leaves a wallet for an order, and how it comes back.

use super::sources::parts;
use super::{ValuePart, ValueSource, WalletPayment, WalletPaymentChange, WalletUse};
use crate::card::{self, Card};
use crate::deciding::{Deciding, Movement};
use crate::order::Order;
use crate::refund::{Refund, funds};
use crate::wallet::{Wallet, WalletRefusal};
use ledger::{Account, Fen, Id, Phase, Reason, kinds};

/// Why an order is not paid from a wallet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Shortage {
    /// The wallet may not be used.
    #[error(transparent)]
    Wallet(#[from] WalletRefusal),
    /// A card that the caller lists cannot be spent.
    #[error("CardIdList[{at}]: the card is {why}")]
    Card {
        /// Which, counted from 0.
        at: usize,
        /// Why.
        why: &'static str,
    },
    /// Less is in it.
    #[error("the balance is not enough")]
    TooLittle,
}

/// Takes what an order costs from its wallet: all of it, or nothing. An order without a wallet takes
/// nothing.
pub(crate) fn take(
    deciding: &mut Deciding<'_>,
    order: &Order,
    amount: Fen,
) -> Result<(), Shortage> {
    let Some(WalletUse { wallet, deduct }) = &order.terms.request.wallet else { return Ok(()) };
    let tenant = &order.terms.tenant;
    let wallet = deciding.row::<Wallet>(tenant, *wallet).ok_or(WalletRefusal::NotFound)?;
    wallet.check_usable()?;
    deciding.rest_on(&wallet);
    let parts = parts(deciding, &wallet, deduct, amount)?;
    let payment = WalletPayment {
        tenant: tenant.clone(),
        id: deciding.id(),
        order: order.terms.id,
        wallet: wallet.id,
        parts,
        made_at: deciding.now(),
        version: 1,
        returned: Fen::ZERO,
    };
    deciding.record(&payment, WalletPaymentChange::Taken(Box::new(payment.clone())));
    for part in &payment.parts {
        let debit = leave(deciding, &wallet, order, *part);
        let credit = funds(&order.terms.channel_account);
        let (phase, reason, amount) = (Phase::Post, Reason::StoredValuePayment, part.amount);
        deciding.transfer(&payment, Movement { phase, debit, credit, amount, reason });
    }
    Ok(())
}

/// The account that a part leaves. Of a card it is counted as spent.
fn leave(deciding: &mut Deciding<'_>, wallet: &Wallet, order: &Order, part: ValuePart) -> Account {
    match part.source {
        ValueSource::Principal => wallet.principal(),
        ValueSource::Bonus => wallet.bonus(),
        ValueSource::Card(id) => {
            let card = deciding.row::<Card>(&wallet.tenant, id);
            let card = card.unwrap_or_else(|| panic!("wallet {} has no card {id}", wallet.id));
            card::spend(deciding, &card, order.terms.id, part.amount)
        }
    }
}

/// Puts back what a refund gave back of an order: what was taken last comes back first. What the wallet may be
/// used for by then does not matter. Nothing comes back to a wallet from an order that took nothing.
pub(crate) fn put_back(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, amount: Fen) {
    let tenant = &order.terms.tenant;
    let view = deciding.view();
    let key = WalletPayment::key(order.terms.id);
    let Some(payment) = view.wallet_payments.find(tenant, &key) else { return };
    let wallet = view.wallets.get(tenant, payment.wallet);
    let wallet = wallet.unwrap_or_else(|| panic!("order {} has no wallet", order.terms.id));
    deciding.record(payment, WalletPaymentChange::PutBack { by: refund.id, amount });
    for part in payment.backwards(amount) {
        for (credit, amount) in enter(deciding, wallet, refund, part) {
            let debit = funds(&order.terms.channel_account);
            let (phase, reason) = (Phase::Post, Reason::StoredValueRefund);
            deciding.transfer_any(payment, Movement { phase, debit, credit, amount, reason });
        }
    }
}

/// The accounts that a part comes back to. What a card cannot take any more comes to what was paid in, so
/// that its owner can spend it; so does everything where the merchant wants that. Of a card whose price was
/// given back its owner has nothing more to spend.
fn enter(
    deciding: &mut Deciding<'_>,
    wallet: &Wallet,
    refund: &Refund,
    part: ValuePart,
) -> Vec<(Account, Fen)> {
    if let ValueSource::Card(id) = part.source
        && let Some(card) = deciding.row::<Card>(&wallet.tenant, id)
        && card.void_by.is_some()
    {
        return card::make_up(deciding, &card, refund.id, part.amount).into();
    }
    let is_to_balance = refund.request.as_ref().is_some_and(|request| request.is_to_balance);
    let account = match part.source {
        _ if is_to_balance => wallet.principal(),
        ValueSource::Principal => wallet.principal(),
        ValueSource::Bonus => wallet.bonus(),
        ValueSource::Card(id) => match receiver(deciding, wallet, id) {
            Some(card) => card::unspend(deciding, &card, refund.id, part.amount),
            None => wallet.principal(),
        },
    };
    vec![(account, part.amount)]
}

/// The card, where it can take something back: it is in the wallet, and its time is not up.
fn receiver(deciding: &Deciding<'_>, wallet: &Wallet, id: Id<kinds::Card>) -> Option<Card> {
    let card = deciding.row::<Card>(&wallet.tenant, id).filter(|_| wallet.cards.contains(&id))?;
    card.can_take_back(deciding.view(), deciding.now()).then_some(card)
}
