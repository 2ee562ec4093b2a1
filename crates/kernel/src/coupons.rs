//! Coupons that a merchant itself bears.
//!
//! The channel takes such a coupon for money of the payer and settles that much less. The order is paid in
//! full nevertheless: the merchant's expense is booked beside the money that arrives, on an account of its
//! own, so that the account of the channel has what the channel has.

use crate::order::Order;
use ledger::{Account, AccountKind, Fen};

/// The account of what the coupons of the order's merchant paid.
pub(crate) fn coupons(order: &Order) -> Account {
    Account::new(AccountKind::MerchantCoupons, order.terms.request.merchant.as_str())
}

/// What of an amount the merchant's coupons paid: all that is not settled.
pub fn coupon_amount(amount: Fen, settled_amount: Fen) -> Fen {
    match is_part(settled_amount, amount) {
        true => Fen::new(amount.get() - settled_amount.get()),
        false => Fen::ZERO,
    }
}

/// True when it can be a part of the amount: from nothing to all of it.
pub(crate) fn is_part(part: Fen, amount: Fen) -> bool {
    (Fen::ZERO..=amount).contains(&part)
}
