//! Refunds, from the request to what is shown. Pure.

use crate::details::{Kept, KeptRefund};
use crate::faults::Fault;
use crate::result::{AlipayRefundExt, RefundContent, RefundQueried, WxpayRefundExt};
use crate::states::{Platform, RefundProgress, refund_state, trade_type};
use crate::wire::RefundAsked;
use crate::{NAME, REFUND_NAMESPACE};
use kernel::{
    Key, NaturalKey, Order, OrderShares, Refund, RefundRequest, RefundState, RequestRefund,
};
use ledger::{Timestamp, kinds};
use std::sync::Arc;

/// The command that a request is. The refund is notified where its order is: this API has no address for
/// refunds alone.
pub(crate) fn request(
    asked: &RefundAsked,
    order: &Order,
    kept: &Kept,
    shares: OrderShares,
) -> Result<RequestRefund, Fault> {
    let trade_type = trade_type(order.terms.request.scene);
    let request = RefundRequest {
        namespace: Arc::from(REFUND_NAMESPACE),
        merchant_refund_no: asked.out_refund_no.clone(),
        dialect: Arc::from(NAME),
        reason: asked.reason.clone(),
        notify_url: order.terms.request.notify_url.clone(),
        details: KeptRefund::of(asked, kept, trade_type).write()?,
        is_to_balance: false,
    };
    Ok(RequestRefund {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        amount: asked.refund_fee,
        back: None,
        returns: None,
        shares,
        request: Arc::new(request),
    })
}

/// A refund by its out_refund_no.
pub(crate) fn by_number(out_refund_no: &str) -> Key<kinds::Refund> {
    Key::Number(NaturalKey::new(REFUND_NAMESPACE, out_refund_no.to_owned()))
}

/// `refund_order_content`
pub(crate) fn content(
    refund: &Refund,
    request: &RefundRequest,
    kept: &KeptRefund,
) -> RefundContent {
    let progress = RefundProgress::of(refund);
    let platform = kept.pay_mch_key.pay_platform.and_then(Platform::of_number);
    let state =
        |wanted: Platform| (platform == Some(wanted)).then(|| refund_state(wanted, progress));
    RefundContent {
        out_refund_no: request.merchant_refund_no.clone(),
        refund_id: reference(refund).map(str::to_owned),
        out_trade_no: refund.merchant_order_no.clone(),
        trade_type: kept.trade_type,
        nonce_str: kept.nonce_str.clone(),
        create_time: refund.made_at.seconds(),
        last_update_time: ended_at(refund).unwrap_or(refund.made_at).seconds(),
        is_transforming: ended_at(refund).is_none(),
        total_fee: refund.paid.get(),
        refund_fee: refund.amount.get(),
        refund_fee_type: ledger::Currency::Cny.code(),
        refund_reason: request.reason.clone(),
        refund_success_time: ended_at(refund)
            .filter(|_| progress == RefundProgress::Done)
            .map(Timestamp::seconds),
        wxpay_refund_order_content_ext: state(Platform::Wechat)
            .map(|state| WxpayRefundExt { state }),
        alipay_refund_order_content_ext: state(Platform::Alipay).map(|refund_status| {
            let fund_change = if progress == RefundProgress::Done { "Y" } else { "N" };
            AlipayRefundExt { fund_change, refund_status }
        }),
    }
}

/// The result of a query, and the content of a notification.
pub(crate) fn queried(refund: &Refund, request: &RefundRequest) -> Result<RefundQueried, Fault> {
    let kept = KeptRefund::read(request)?;
    let content = content(refund, request, &kept);
    Ok(RefundQueried {
        nonce_str: crypto::random::hex_nonce(),
        pay_mch_key: kept.pay_mch_key,
        refund_order_content: [content],
    })
}

fn reference(refund: &Refund) -> Option<&str> {
    match &refund.state {
        RefundState::Done { refund_reference, .. } => Some(refund_reference),
        RefundState::SettledByHand { outside_reference, .. } => Some(outside_reference),
        RefundState::Preparing { .. }
        | RefundState::Requesting
        | RefundState::Processing
        | RefundState::Failed { .. }
        | RefundState::WrittenOff { .. } => None,
    }
}

const fn ended_at(refund: &Refund) -> Option<Timestamp> {
    match &refund.state {
        RefundState::Preparing { .. } | RefundState::Requesting | RefundState::Processing => None,
        RefundState::Done { at, .. }
        | RefundState::SettledByHand { at, .. }
        | RefundState::Failed { at, .. }
        | RefundState::WrittenOff { at, .. } => Some(*at),
    }
}
