//! Coupons (代金券) of the payer's.

use crate::counterpart::identifiers;
use crate::counterpart::records::Order;
use crate::wire::{CASH, NOCASH, Promotion};
use channel::{CodecContext, Coupon, CouponKind, PhoneFault};

/// The order with the coupon that pays a part of it.
pub(super) fn redeem(
    order: Order,
    coupon: Coupon,
    context: &CodecContext,
) -> Result<Order, PhoneFault> {
    let amount = coupon.amount.get();
    if !(1..=order.total).contains(&amount) {
        return Err(PhoneFault::Refused("代金券金额须大于0且不超过订单金额".to_owned()));
    }
    let (name, kind) = match coupon.kind {
        CouponKind::Cash => ("充值型代金券", CASH),
        CouponKind::NoCash => ("免充值型代金券", NOCASH),
    };
    let promotion = Promotion {
        coupon_id: Some(identifiers::coupon_id(context)),
        name: Some(name.to_owned()),
        scope: Some("GLOBAL".to_owned()),
        kind: Some(kind.to_owned()),
        amount,
        stock_id: Some("931386".to_owned()),
        wechatpay_contribute: Some(0),
        merchant_contribute: Some(amount),
        other_contribute: Some(0),
        currency: Some("CNY".to_owned()),
    };
    Ok(Order { coupon: Some(promotion), ..order })
}
