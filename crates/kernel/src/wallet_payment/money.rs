//! How value leaves a wallet for an order, and how it comes back.

use super::{ValuePart, ValueSource, WalletPayment, WalletPaymentChange};
use crate::deciding::{Deciding, Movement};
use crate::order::Order;
use crate::refund::{Refund, funds};
use crate::wallet::{Wallet, WalletRefusal};
use ledger::{Account, Fen, Phase, Reason};

/// Why an order is not paid from a wallet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Shortage {
    /// The wallet may not be used.
    #[error(transparent)]
    Wallet(#[from] WalletRefusal),
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
    let Some(id) = order.terms.request.wallet else { return Ok(()) };
    let tenant = &order.terms.tenant;
    let wallet = deciding.row::<Wallet>(tenant, id).ok_or(WalletRefusal::NotFound)?;
    wallet.check_usable()?;
    let parts = parts(deciding, &wallet, amount).ok_or(Shortage::TooLittle)?;
    let payment = WalletPayment {
        tenant: tenant.clone(),
        id: deciding.id(),
        order: order.terms.id,
        wallet: id,
        parts,
        made_at: deciding.now(),
        version: 1,
        returned: Fen::ZERO,
    };
    deciding.record(&payment, WalletPaymentChange::Taken(Box::new(payment.clone())));
    for part in &payment.parts {
        let (debit, credit) = (account(&wallet, part.source), funds(&order.terms.channel_account));
        let (phase, reason, amount) = (Phase::Post, Reason::StoredValuePayment, part.amount);
        deciding.transfer(&payment, Movement { phase, debit, credit, amount, reason });
    }
    Ok(())
}

/// From where an amount is taken; `None` where the wallet has less.
fn parts(deciding: &Deciding<'_>, wallet: &Wallet, amount: Fen) -> Option<Vec<ValuePart>> {
    let (mut left, mut parts) = (amount, vec![]);
    for source in ValueSource::ALL {
        let key = (wallet.tenant.clone(), account(wallet, source));
        let there = deciding.view().balances.get(&key)?.available().ok()?;
        let part = left.min(there);
        left = left.minus(part).ok()?;
        parts.push(ValuePart { source, amount: part });
    }
    parts.retain(|part| part.amount.is_positive());
    (left == Fen::ZERO).then_some(parts)
}

fn account(wallet: &Wallet, source: ValueSource) -> Account {
    match source {
        ValueSource::Principal => wallet.principal(),
        ValueSource::Bonus => wallet.bonus(),
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
        let (debit, credit) = (funds(&order.terms.channel_account), account(wallet, part.source));
        let (phase, reason, amount) = (Phase::Post, Reason::StoredValueRefund, part.amount);
        deciding.transfer(payment, Movement { phase, debit, credit, amount, reason });
    }
}
