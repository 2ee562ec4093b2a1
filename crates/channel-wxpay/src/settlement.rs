//! What of an amount is settled to the merchant (应结金额), coupon by coupon.
//!
//! A CASH coupon (充值型) is settled in full: its money was paid in before. A NOCASH coupon (免充值型) is
//! not settled, as the merchant bears it. What contradicts itself is not booked: a person looks at it.

use crate::wire::{CASH, NOCASH, Promotion, RefundAmount};
use ledger::Fen;

/// What of a payment is settled.
pub(crate) fn of_payment(
    total: Fen,
    payer_total: Option<Fen>,
    promotions: &[Promotion],
) -> Result<Fen, String> {
    let (mut coupons, mut unsettled) = (Fen::ZERO, Fen::ZERO);
    for promotion in promotions {
        let amount = checked(promotion)?;
        coupons = plus(coupons, amount)?;
        match promotion.kind.as_deref() {
            Some(CASH) => {}
            Some(NOCASH) => unsettled = plus(unsettled, amount)?,
            other => {
                let found = other.unwrap_or("nothing");
                return Err(format!("promotion_detail: type {found} found, CASH or NOCASH wanted"));
            }
        }
    }
    let rest = minus(total, coupons)?;
    match payer_total {
        _ if rest < Fen::ZERO => Err(format!("promotion_detail: {coupons} of {total}")),
        Some(payer_total) if !promotions.is_empty() && payer_total != rest => {
            Err(format!("promotion_detail: {coupons} of {total}, and the payer paid {payer_total}"))
        }
        Some(_) | None => minus(total, unsettled),
    }
}

/// What of a refund is taken from the merchant; callbacks do not state it.
pub(crate) fn of_refund(amount: &RefundAmount) -> Result<Option<Fen>, String> {
    match amount.settlement_refund {
        Some(settled) if (0..=amount.refund).contains(&settled) => Ok(Some(Fen::new(settled))),
        Some(settled) => Err(format!("settlement_refund: {settled} of {} fen", amount.refund)),
        None => Ok(None),
    }
}

/// A coupon's amount. Who pays how much of it is written by some, and is never more than the whole.
fn checked(promotion: &Promotion) -> Result<Fen, String> {
    let Promotion { wechatpay_contribute, merchant_contribute, other_contribute, .. } = promotion;
    let amount = Fen::new(promotion.amount);
    let mut paid = Fen::ZERO;
    for part in [wechatpay_contribute, merchant_contribute, other_contribute].into_iter().flatten()
    {
        if *part < 0 {
            return Err(format!("promotion_detail: a part of {part} fen"));
        }
        paid = plus(paid, Fen::new(*part))?;
    }
    match amount < Fen::ZERO || paid > amount {
        true => Err(format!("promotion_detail: parts of {paid} in a coupon of {amount}")),
        false => Ok(amount),
    }
}

fn plus(one: Fen, other: Fen) -> Result<Fen, String> {
    one.plus(other).map_err(|fault| format!("promotion_detail: {fault}"))
}

fn minus(one: Fen, other: Fen) -> Result<Fen, String> {
    one.minus(other).map_err(|fault| format!("promotion_detail: {fault}"))
}
