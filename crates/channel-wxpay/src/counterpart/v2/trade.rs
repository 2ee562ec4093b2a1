//! Asking for orders, and closing them.

use super::Reply;
use super::words::{lacking, long_enough, parties, want};
use crate::counterpart::records::{self, Order};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::trade::{self, Close};
use crate::counterpart::{CallContext, order, rules};
use crate::v2::time;
use crate::v2::xml::Members;
use crate::wire::{NOCASH, Transaction, read_time};
use channel::{DocumentFault, FaultMode};

pub(super) fn query(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let order = owned(call, asked)?;
    let mut transaction = order.transaction(call.context.now);
    if *call.mode == FaultMode::WrongAmount {
        trade::falsify(&mut transaction);
    }
    let state = Members::default()
        .with("trade_state", &*transaction.trade_state)
        .with_some("trade_state_desc", transaction.trade_state_desc.as_deref());
    Ok(Reply::message(described(&transaction, state)))
}

pub(super) fn close(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let number = want(asked, "out_trade_no")?;
    rules::check_number(&long_enough(number))?;
    let parties = parties(asked);
    order::check_binding(call.merchant, &parties)?;
    match trade::end(call, number, &parties)? {
        Close::New => Ok(Reply::message(Members::default())),
        Close::Again => Err(Refusal::order_closed().into()),
    }
}

/// The order that is asked about, by either of its numbers.
pub(super) fn owned(call: &CallContext<'_>, asked: &Members) -> Result<Order, Stop> {
    let parties = parties(asked);
    order::check_binding(call.merchant, &parties)?;
    Ok(trade::owned(call, named(call, asked)?, &parties)?)
}

/// The order under either of its numbers, of any sub-merchant.
pub(super) fn named(call: &CallContext<'_>, asked: &Members) -> Result<Option<Order>, Stop> {
    let found: Result<Option<Order>, DocumentFault> =
        match (asked.get("transaction_id"), asked.get("out_trade_no")) {
            (Some(id), _) => records::follow(call.documents, &records::transaction_key(id)),
            (None, Some(number)) => {
                let key = records::order_key(&call.merchant.mchid, number);
                records::read(call.documents, &key)
            }
            (None, None) => return Err(lacking("out_trade_no").into()),
        };
    Ok(found?)
}

/// An order in the words of this interface.
pub(in crate::counterpart) fn described(transaction: &Transaction, message: Members) -> Members {
    let amount = transaction.amount.clone().unwrap_or_default();
    let fen = |fen: Option<i64>| fen.map(|fen| fen.to_string());
    let message = message
        .with("out_trade_no", &*transaction.out_trade_no)
        .with_some("total_fee", fen(amount.total));
    let Some(id) = &transaction.transaction_id else { return message };
    let payer = transaction.payer.clone().unwrap_or_default();
    let at = transaction.success_time.as_deref().and_then(read_time);
    let coupons = transaction.promotion_detail.as_deref().unwrap_or_default();
    let sum = |unsettled: bool| {
        let fits = |kind: Option<&str>| !unsettled || kind == Some(NOCASH);
        let counted = coupons.iter().filter(|coupon| fits(coupon.kind.as_deref()));
        counted.map(|coupon| coupon.amount).sum::<i64>()
    };
    let settled = amount.total.map(|total| total - sum(true));
    message
        .with("transaction_id", &**id)
        .with_some("trade_type", transaction.trade_type.as_deref())
        .with_some("bank_type", transaction.bank_type.as_deref())
        .with_some("attach", transaction.attach.as_deref())
        .with_some("openid", payer.openid.or(payer.sp_openid))
        .with_some("sub_openid", payer.sub_openid)
        .with("is_subscribe", "N")
        .with_some("fee_type", amount.currency)
        .with_some("cash_fee", fen(amount.payer_total))
        .with_some("cash_fee_type", amount.payer_currency)
        .with_some("coupon_fee", fen(Some(sum(false)).filter(|fen| *fen > 0)))
        .with_some("settlement_total_fee", fen(settled.filter(|fen| Some(*fen) != amount.total)))
        .with_some("device_info", transaction.scene_info.clone().and_then(|scene| scene.device_id))
        .with_some("time_end", at.map(time::text))
}
