//! Transactions and refunds to findings: who it belongs to is checked here, how much is compared by
//! the kernel.

use crate::settings::Account;
use crate::settlement;
use crate::wire::{
    self, Parties, RefundAmount, RefundAnswer, RefundCallback, Transaction, read_time,
};
use channel::{Finding, Payment, PlacedOrder, Refund, RefundStatus, Refunded};
use ledger::{Currency, Fen, Timestamp};

/// What the answer to a query means.
pub(crate) fn queried(
    account: &Account,
    placed: &PlacedOrder,
    body: &[u8],
    now: Timestamp,
) -> Finding {
    let state = |read: &Transaction| read.trade_state == "REFUND" && placed.is_cancelled;
    read_transaction(account, &placed.channel_order_no, body, now, state)
}

/// What the answer to the charge of a payer's code means.
pub(crate) fn charged(account: &Account, number: &str, body: &[u8], now: Timestamp) -> Finding {
    read_transaction(account, number, body, now, |_| false)
}

/// Reads the transaction of a number. `is_reversed` says whether what went back went back by a cancel.
fn read_transaction(
    account: &Account,
    number: &str,
    body: &[u8],
    now: Timestamp,
    is_reversed: impl Fn(&Transaction) -> bool,
) -> Finding {
    let read: Transaction = match wire::read(body) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    match equal("out_trade_no", Some(&read.out_trade_no), number) {
        Ok(()) if is_reversed(&read) => reversed(transaction(account, read, now)),
        Ok(()) => transaction(account, read, now),
        Err(why) => Finding::Mismatch { why },
    }
}

/// What a transaction means, as an answer or from a callback.
pub(crate) fn transaction(account: &Account, read: Transaction, now: Timestamp) -> Finding {
    if let Err(why) = is_ours(account, &read.parties) {
        return Finding::Mismatch { why };
    }
    match &*read.trade_state {
        // REFUND: the payment did happen; what was given back since does not change that.
        "SUCCESS" | "REFUND" => paid(read, now),
        // ACCEPT is known from the older API: the payer is being charged.
        "NOTPAY" | "USERPAYING" | "ACCEPT" => Finding::Pending,
        // A payment that was reversed still shows its number.
        "REVOKED" if read.transaction_id.is_some() => reversed(paid(read, now)),
        "CLOSED" | "REVOKED" => Finding::Closed,
        "PAYERROR" => Finding::Failed {
            code: read.trade_state,
            text: read.trade_state_desc.unwrap_or_default(),
        },
        other => Finding::Unknown { why: format!("trade_state {other}") },
    }
}

/// A payment that went back to the payer as a whole.
fn reversed(finding: Finding) -> Finding {
    match finding {
        Finding::Paid(payment) | Finding::Contested { payment, .. } => Finding::Reversed(payment),
        other => other,
    }
}

fn paid(read: Transaction, now: Timestamp) -> Finding {
    let amount = read.amount.unwrap_or_default();
    let currency = match currency(amount.currency.as_deref()) {
        Ok(currency) => currency,
        Err(why) => return Finding::Mismatch { why },
    };
    // What the payer paid in another currency is not shown beside the order's.
    let is_paid_in_cny = self::currency(amount.payer_currency.as_deref()).is_ok();
    let (Some(total), Some(payment_reference)) = (amount.total, read.transaction_id) else {
        return Finding::Unknown { why: "paid without amount.total or transaction_id".into() };
    };
    let total = Fen::new(total);
    let payer_amount = amount.payer_total.map(Fen::new).filter(|_| is_paid_in_cny);
    let promotions = read.promotion_detail.unwrap_or_default();
    let payment = Payment {
        channel_order_no: read.out_trade_no,
        payment_reference,
        amount: total,
        settled_amount: total,
        currency,
        payer_amount,
        at: time_or(read.success_time.as_deref(), now),
    };
    match settlement::of_payment(total, payer_amount, &promotions) {
        Ok(settled_amount) => Finding::Paid(Payment { settled_amount, ..payment }),
        Err(why) => Finding::Contested { payment, why },
    }
}

/// What the answer to a refund means.
pub(crate) fn refund(asked: &Refund, body: &[u8], now: Timestamp) -> Finding {
    read_refund(body, now, |read| {
        equal("out_refund_no", Some(&read.out_refund_no), &asked.channel_refund_no)?;
        equal("out_trade_no", Some(&read.out_trade_no), &asked.channel_order_no)?;
        equal("transaction_id", Some(&read.transaction_id), &asked.payment_reference)
    })
}

/// What the answer to a refund's query means.
pub(crate) fn queried_refund(channel_refund_no: &str, body: &[u8], now: Timestamp) -> Finding {
    read_refund(body, now, |read| {
        equal("out_refund_no", Some(&read.out_refund_no), channel_refund_no)
    })
}

fn read_refund(
    body: &[u8],
    now: Timestamp,
    check: impl Fn(&RefundAnswer) -> Result<(), String>,
) -> Finding {
    let read: RefundAnswer = match wire::read(body) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if let Err(why) = check(&read) {
        return Finding::Mismatch { why };
    }
    let at = read.success_time.as_deref();
    refunded(&read.status, read.out_refund_no, read.refund_id, &read.amount, at, now)
}

/// What a refund callback means.
pub(crate) fn refund_callback(account: &Account, read: RefundCallback, now: Timestamp) -> Finding {
    if let Err(why) = is_ours(account, &read.parties) {
        return Finding::Mismatch { why };
    }
    let at = read.success_time.as_deref();
    refunded(&read.refund_status, read.out_refund_no, read.refund_id, &read.amount, at, now)
}

fn refunded(
    status: &str,
    channel_refund_no: String,
    refund_reference: String,
    amount: &RefundAmount,
    success_time: Option<&str>,
    now: Timestamp,
) -> Finding {
    if let Err(why) = currency(amount.currency.as_deref()) {
        return Finding::Mismatch { why };
    }
    let Some(status) = refund_status(status) else {
        return Finding::Unknown { why: format!("refund status {status}") };
    };
    let settled_amount = match settlement::of_refund(amount) {
        Ok(settled_amount) => settled_amount,
        Err(why) => return Finding::Mismatch { why },
    };
    let at = (status == RefundStatus::Done).then(|| time_or(success_time, now));
    let amount = Fen::new(amount.refund);
    Finding::Refund(Refunded {
        channel_refund_no,
        refund_reference,
        amount,
        settled_amount,
        status,
        at,
    })
}

fn refund_status(status: &str) -> Option<RefundStatus> {
    match status {
        "PROCESSING" => Some(RefundStatus::Processing),
        "SUCCESS" => Some(RefundStatus::Done),
        "CLOSED" => Some(RefundStatus::Closed),
        "ABNORMAL" => Some(RefundStatus::Abnormal),
        _ => None,
    }
}

/// Whether a message names this account. The merchant's app is not compared: a merchant has several,
/// and the payer's was chosen order by order.
fn is_ours(account: &Account, parties: &Parties) -> Result<(), String> {
    let Some(partner) = &account.partner else {
        return equal("mchid", parties.mchid.as_deref(), &account.mchid);
    };
    equal("sp_mchid", parties.sp_mchid.as_deref(), &account.mchid)?;
    equal("sub_mchid", parties.sub_mchid.as_deref(), &partner.sub_mchid)?;
    match parties.sp_appid.as_deref() {
        Some(sp_appid) => equal("sp_appid", Some(sp_appid), &account.appid),
        None => Ok(()),
    }
}

/// Says what differs, if it does.
pub(crate) fn equal(name: &str, found: Option<&str>, wanted: &str) -> Result<(), String> {
    if found == Some(wanted) {
        return Ok(());
    }
    Err(format!("{name}: {} found, {wanted} wanted", found.unwrap_or("nothing")))
}

/// A currency that is not written is CNY.
fn currency(code: Option<&str>) -> Result<Currency, String> {
    let code = code.unwrap_or(Currency::Cny.code());
    Currency::from_code(code).ok_or_else(|| format!("currency: {code} found, CNY wanted"))
}

/// Money that came is booked even when the message does not say when.
fn time_or(text: Option<&str>, now: Timestamp) -> Timestamp {
    text.and_then(read_time).unwrap_or(now)
}
