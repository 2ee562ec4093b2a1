//! Giving money back: processed at first, ended when anybody looks again. How it ends can be
//! injected as a fault.

use crate::counterpart::answer::Reply;
use crate::counterpart::callback::Event;
use crate::counterpart::records::{self, End, Entry, Order, Paid, Refunding, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::parameter;
use crate::counterpart::sharing::funds;
use crate::counterpart::{CallContext, callback, identifiers, rules};
use crate::wire::{self, RefundAmount, RefundAnswer, RefundCallback, RefundRequest};
use channel::{DocumentFault, FaultMode, OutgoingCallback, RefundStatus};
use ledger::{Fen, Timestamp};

/// Partial refunds of one order at most.
const REFUNDS_MAX: u32 = 50;
/// A payment can be given back for a year.
const REFUNDABLE_SECONDS: i64 = 365 * 86_400;
/// Where the money goes.
const RECEIVED_ACCOUNT: &str = "支付用户零钱";

pub(super) fn create(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let body = rules::parse(call.request)?;
    rules::check_refund(&body)?;
    let mut asked: RefundRequest = rules::convert(body)?;
    // A service provider names its merchant in the body or in the query.
    asked.sub_mchid = asked.sub_mchid.or_else(|| parameter(call.request, "sub_mchid"));
    let Taken { refunding, shown, outgoing } = take(call, asked)?;
    Ok(Reply::json(200, &answer(call, &refunding, shown)).with_callbacks(outgoing))
}

/// A refund that was taken.
pub(super) struct Taken {
    pub(super) refunding: Refunding,
    /// Where the answer says that it stands.
    pub(super) shown: End,
    pub(super) outgoing: Option<OutgoingCallback>,
}

/// Takes a checked refund: a new one, or a repeat.
pub(super) fn take(call: &mut CallContext<'_>, asked: RefundRequest) -> Result<Taken, Stop> {
    let key = records::refund_key(&call.merchant.mchid, &asked.out_refund_no);
    let order = find_order(call, &asked)?;
    match (records::read::<Refunding>(call.documents, &key)?, order) {
        (Some(known), Some(order)) if is_repeat(&known, &order, &asked) => {
            Ok(Taken { shown: known.end, refunding: known, outgoing: None })
        }
        (Some(_), _) => Err(other_amounts().into()),
        (None, Some(order)) => accept(call, &key, asked, order),
        (None, None) => Err(no_payment().into()),
    }
}

/// The order and the amounts are what counts, not how they are written.
fn is_repeat(known: &Refunding, order: &Order, asked: &RefundRequest) -> bool {
    let amounts = (asked.amount.refund, asked.amount.total);
    known.order_key == order.key() && (known.refund, known.total) == amounts
}

fn other_amounts() -> Refusal {
    Refusal::new("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
}

/// There is no such order, or no payment of it.
fn no_payment() -> Refusal {
    Refusal::new("RESOURCE_NOT_EXISTS", "订单不存在")
}

pub(super) fn query(call: &mut CallContext<'_>, channel_refund_no: &str) -> Result<Reply, Stop> {
    let key = records::refund_key(&call.merchant.mchid, channel_refund_no);
    let sub_mchid = parameter(call.request, "sub_mchid");
    let refunding = records::read::<Refunding>(call.documents, &key)?
        .filter(|refunding| refunding.sub_mchid == sub_mchid)
        .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "退款单不存在"))?;
    Ok(Reply::json(200, &answer(call, &refunding, refunding.end)))
}

fn accept(
    call: &mut CallContext<'_>,
    key: &str,
    asked: RefundRequest,
    order: Order,
) -> Result<Taken, Stop> {
    let paid = refundable(call, &order, &asked)?;
    let refunding = Refunding {
        order_key: order.key(),
        sub_mchid: asked.sub_mchid,
        refund_id: identifiers::refund_id(call.context),
        out_refund_no: asked.out_refund_no,
        transaction_id: paid.transaction_id.clone(),
        out_trade_no: order.out_trade_no.clone(),
        refund: asked.amount.refund,
        total: order.total,
        order_discount: order.discount(),
        discount: order.discount_of_refund(refunded_before(&order), asked.amount.refund),
        created_ms: call.context.now.ms(),
        end: end(call.mode),
        notify_url: asked.notify_url,
        remitted: None,
    };
    let settled = refunding.refund - refunding.discount.unsettled;
    let paid = match refunding.end {
        End::Done | End::Processing | End::Abnormal => {
            funds::pay_back(call, &order, paid, settled)?
        }
        End::Closed => paid,
    };
    let outgoing = ending(call, &order, &refunding);
    let order = Order { state: State::Paid(paid), ..order };
    let entry = Entry::Refunded { at_ms: refunding.created_ms, refund_key: key.to_owned() };
    records::journal(call.documents, &call.merchant.mchid, &refunding.refund_id, &entry)?;
    records::write(call.documents, key, &refunding)?;
    records::write(call.documents, &refunding.order_key, &order)?;
    Ok(Taken { refunding, shown: End::Processing, outgoing })
}

fn find_order(
    call: &CallContext<'_>,
    asked: &RefundRequest,
) -> Result<Option<Order>, DocumentFault> {
    let order = match (&asked.transaction_id, &asked.out_trade_no) {
        (Some(id), _) => records::follow(call.documents, &records::transaction_key(id))?,
        (None, Some(number)) => {
            records::read(call.documents, &records::order_key(&call.merchant.mchid, number))?
        }
        (None, None) => None,
    };
    let named =
        |order: &Order| asked.out_trade_no.as_ref().is_none_or(|no| *no == order.out_trade_no);
    Ok(order
        .filter(|order| order.mchid() == call.merchant.mchid)
        .filter(|order| order.parties.sub_mchid == asked.sub_mchid)
        .filter(named))
}

/// The payment as it stands after this refund, or why there cannot be one.
fn refundable(
    call: &CallContext<'_>,
    order: &Order,
    asked: &RefundRequest,
) -> Result<Paid, Refusal> {
    let invalid = |message: &str| Refusal::new("INVALID_REQUEST", message);
    let all_back = || invalid("订单已全额退款");
    let paid = match order.stage(call.context.now) {
        Stage::Paid(paid) => paid,
        Stage::Revoked(Some(_)) => return Err(all_back()),
        Stage::Open | Stage::Typing | Stage::Failed(_) | Stage::Closed | Stage::Revoked(None) => {
            return Err(no_payment());
        }
    };
    if asked.amount.total != order.total {
        return Err(other_amounts());
    }
    if paid.refunded >= order.total {
        return Err(all_back());
    }
    if call.context.now > Timestamp::from_ms(paid.at_ms).plus_seconds(REFUNDABLE_SECONDS) {
        return Err(invalid("订单已超过可退款的最大期限"));
    }
    if paid.refund_count >= REFUNDS_MAX {
        return Err(invalid("订单退款次数已超过50次"));
    }
    let refunded = Fen::new(paid.refunded).plus(Fen::new(asked.amount.refund));
    match refunded {
        Ok(refunded) if refunded <= Fen::new(order.total) => {
            let refund_count = paid.refund_count + 1;
            let refunded = match end(call.mode) {
                End::Done | End::Processing | End::Abnormal => refunded.get(),
                End::Closed => paid.refunded,
            };
            Ok(Paid { refunded, refund_count, ..paid.clone() })
        }
        Ok(_) | Err(_) => Err(invalid("累计退款金额大于支付金额")),
    }
}

/// What had gone back before.
const fn refunded_before(order: &Order) -> i64 {
    let State::Paid(paid) = &order.state else { return 0 };
    paid.refunded
}

/// What the refund that is asked for comes to.
const fn end(mode: &FaultMode) -> End {
    let FaultMode::Refund { status } = mode else { return End::Done };
    match status {
        RefundStatus::Processing => End::Processing,
        RefundStatus::Done => End::Done,
        RefundStatus::Closed => End::Closed,
        RefundStatus::Abnormal => End::Abnormal,
    }
}

const fn status(end: End) -> &'static str {
    match end {
        End::Processing => "PROCESSING",
        End::Done => "SUCCESS",
        End::Closed => "CLOSED",
        End::Abnormal => "ABNORMAL",
    }
}

/// When the money was back, if it is.
fn success_time(refunding: &Refunding, end: End) -> Option<String> {
    let remitted_ms = refunding.remitted.as_ref().map(|remitted| remitted.at_ms);
    let at_ms = remitted_ms.unwrap_or(refunding.created_ms);
    match end {
        End::Done => Some(wire::time_text(Timestamp::from_ms(at_ms))),
        End::Processing | End::Closed | End::Abnormal => None,
    }
}

/// Where the money went, in WeChat's word and in the payer's.
fn received(refunding: &Refunding) -> (String, String) {
    let (channel, account) = match &refunding.remitted {
        None => ("ORIGINAL", RECEIVED_ACCOUNT),
        Some(remitted) => ("OTHER_BANKCARD", &*remitted.account),
    };
    (channel.to_owned(), account.to_owned())
}

pub(super) fn answer(call: &CallContext<'_>, refunding: &Refunding, shown: End) -> RefundAnswer {
    let (channel, account) = received(refunding);
    let created = wire::time_text(Timestamp::from_ms(refunding.created_ms));
    let lie = i64::from(*call.mode == FaultMode::WrongAmount);
    RefundAnswer {
        refund_id: refunding.refund_id.clone(),
        out_refund_no: refunding.out_refund_no.clone(),
        transaction_id: refunding.transaction_id.clone(),
        out_trade_no: refunding.out_trade_no.clone(),
        channel: Some(channel),
        user_received_account: Some(account),
        success_time: success_time(refunding, shown),
        create_time: Some(created),
        status: status(shown).to_owned(),
        funds_account: Some("AVAILABLE".to_owned()),
        amount: RefundAmount {
            refund: refunding.refund.saturating_add(lie),
            settlement_refund: Some(refunding.refund - refunding.discount.unsettled),
            settlement_total: Some(refunding.total - refunding.order_discount.unsettled),
            discount_refund: Some(refunding.discount.amount),
            currency: Some("CNY".to_owned()),
            ..amount(refunding)
        },
    }
}

/// The members that callbacks have too.
fn amount(refunding: &Refunding) -> RefundAmount {
    RefundAmount {
        total: refunding.total,
        refund: refunding.refund,
        payer_total: Some(refunding.total - refunding.order_discount.amount),
        payer_refund: Some(refunding.refund - refunding.discount.amount),
        ..RefundAmount::default()
    }
}

/// The callback of a refund whose end has changed.
pub(super) fn enqueue(
    call: &CallContext<'_>,
    refunding: &Refunding,
) -> Result<Option<OutgoingCallback>, DocumentFault> {
    let order = records::read::<Order>(call.documents, &refunding.order_key)?;
    Ok(order.and_then(|order| ending(call, &order, refunding)))
}

/// The callback of a refund's end, if it ends and the refund has an address.
fn ending(
    call: &CallContext<'_>,
    order: &Order,
    refunding: &Refunding,
) -> Option<OutgoingCallback> {
    let url = refunding.notify_url.clone()?;
    let event = match refunding.end {
        End::Processing => return None,
        End::Done => Event::Refunded,
        End::Closed => Event::RefundClosed,
        End::Abnormal => Event::RefundAbnormal,
    };
    let mut parties = order.parties.clone();
    // A refund's callback names merchants and no apps.
    (parties.appid, parties.sp_appid, parties.sub_appid) = (None, None, None);
    let content = RefundCallback {
        parties,
        transaction_id: refunding.transaction_id.clone(),
        out_trade_no: refunding.out_trade_no.clone(),
        refund_id: refunding.refund_id.clone(),
        out_refund_no: refunding.out_refund_no.clone(),
        refund_status: status(refunding.end).to_owned(),
        success_time: success_time(refunding, refunding.end),
        user_received_account: Some(received(refunding).1),
        amount: amount(refunding),
    };
    let to = (&*call.merchant.mchid, call.v2);
    Some(callback::refunded(to, event, &content, url, call.context))
}
