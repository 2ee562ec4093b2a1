//! What is done when a payment into a wallet has arrived.

use super::{Recharge, RechargeChange};
use crate::deciding::{Deciding, Movement};
use crate::order::Order;
use crate::wallet::Wallet;
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, kinds};

/// The wallet of a recharge, which is loaded with it.
pub(super) fn wallet_of(
    deciding: &Deciding<'_>,
    recharge: &Recharge,
    id: Id<kinds::Wallet>,
) -> Wallet {
    let wallet = deciding.row::<Wallet>(&recharge.tenant, id);
    wallet.unwrap_or_else(|| panic!("recharge {} has no wallet", recharge.id))
}

/// Books what was paid to the wallet's owner, and the bonus, which is the merchant's expense.
pub(super) fn credit(
    deciding: &mut Deciding<'_>,
    order: &Order,
    recharge: &Recharge,
    wallet: &Wallet,
    amounts: [Fen; 2],
) {
    // Where another process closes the wallet meanwhile, the money goes back.
    deciding.rest_on(wallet);
    deciding.record(recharge, RechargeChange::Credited);
    let merchant = order.terms.request.merchant.as_str();
    let [paid, bonus] = amounts;
    for (kind, credit, amount) in [
        (AccountKind::MerchantPending, wallet.principal(), paid),
        (AccountKind::MerchantPromotions, wallet.bonus(), bonus),
    ] {
        let (phase, reason, debit) = (Phase::Post, Reason::Recharge, Account::new(kind, merchant));
        deciding.transfer_any(recharge, Movement { phase, debit, credit, amount, reason });
    }
}
