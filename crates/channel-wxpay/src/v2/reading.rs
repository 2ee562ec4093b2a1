//! What the channel says of orders and refunds, to findings: who it belongs to is checked here, how much
//! is compared by the kernel.

use super::settings::Account;
use super::time;
use super::xml::Members;
use crate::reading::equal;
use channel::{Finding, Payment, PlacedOrder, Refund, RefundStatus, Refunded};
use ledger::{Currency, Fen, Timestamp};

/// Refunds of one order at most.
const REFUNDS_MAX: usize = 50;

/// Whether a message names this account. The merchant's app is not compared: a merchant has several.
pub(super) fn is_ours(account: &Account, message: &Members) -> Result<(), String> {
    equal("mch_id", message.get("mch_id"), &account.mchid)?;
    match &account.partner {
        None => Ok(()),
        Some(partner) => equal("sub_mch_id", message.get("sub_mch_id"), &partner.sub_mchid),
    }
}

/// What the answer to a query means.
pub(super) fn queried(placed: &PlacedOrder, answer: &Members, now: Timestamp) -> Finding {
    let number = &placed.channel_order_no;
    if let Err(why) = equal("out_trade_no", answer.get("out_trade_no"), number) {
        return Finding::Mismatch { why };
    }
    match answer.get("trade_state").unwrap_or_default() {
        // What went back after a cancel went back by it.
        "REFUND" if placed.is_cancelled => reversed(answer, now),
        // REFUND: the payment did happen; what was given back since does not change that.
        "SUCCESS" | "REFUND" => paid(answer, now),
        "NOTPAY" | "USERPAYING" | "ACCEPT" => Finding::Pending,
        "CLOSED" => Finding::Closed,
        "REVOKED" => revoked(answer, now),
        code @ ("PAYERROR" | "PAY_FAIL") => Finding::Failed {
            code: code.to_owned(),
            text: answer.get("trade_state_desc").unwrap_or_default().to_owned(),
        },
        other => Finding::Unknown { why: format!("trade_state {other}") },
    }
}

/// An order that was undone; a payment of it still shows its number.
fn revoked(answer: &Members, now: Timestamp) -> Finding {
    match answer.get("transaction_id") {
        None => Finding::Closed,
        Some(_) => reversed(answer, now),
    }
}

/// A payment that went back to the payer as a whole.
fn reversed(answer: &Members, now: Timestamp) -> Finding {
    match paid(answer, now) {
        Finding::Paid(payment) | Finding::Contested { payment, .. } => Finding::Reversed(payment),
        other => other,
    }
}

/// What the answer to a payment with a code means.
pub(super) fn charged(number: &str, answer: &Members, now: Timestamp) -> Finding {
    match equal("out_trade_no", answer.get("out_trade_no"), number) {
        Ok(()) => paid(answer, now),
        Err(why) => Finding::Mismatch { why },
    }
}

/// A payment, as a message describes it.
pub(super) fn paid(message: &Members, now: Timestamp) -> Finding {
    match payment(message, now) {
        Ok((payment, None)) => Finding::Paid(payment),
        Ok((payment, Some(why))) => Finding::Contested { payment, why },
        Err(Misread::Other(why)) => Finding::Mismatch { why },
        Err(Misread::Nothing(why)) => Finding::Unknown { why },
    }
}

/// Why a message is not of a payment.
enum Misread {
    /// It contradicts what was asked.
    Other(String),
    /// It does not say enough.
    Nothing(String),
}

fn payment(message: &Members, now: Timestamp) -> Result<(Payment, Option<String>), Misread> {
    let currency = currency(message.get("fee_type")).map_err(Misread::Other)?;
    let text = |name| message.want(name).map(str::to_owned).map_err(Misread::Nothing);
    let amount = fen(message, "total_fee").map_err(Misread::Nothing)?;
    let amount = amount.ok_or_else(|| Misread::Nothing("total_fee wanted".to_owned()))?;
    let payment = Payment {
        channel_order_no: text("out_trade_no")?,
        payment_reference: text("transaction_id")?,
        amount,
        settled_amount: amount,
        currency,
        payer_amount: None,
        at: time_or(time::COMPACT, message.get("time_end"), now),
    };
    Ok(match settled(message, amount) {
        Ok((settled_amount, payer_amount)) => {
            (Payment { settled_amount, payer_amount, ..payment }, None)
        }
        Err(why) => (payment, Some(why)),
    })
}

/// What of a payment is settled, and what the payer paid. `settlement_total_fee` stands where a coupon is
/// not settled.
fn settled(message: &Members, total: Fen) -> Result<(Fen, Option<Fen>), String> {
    let settled = fen(message, "settlement_total_fee")?.unwrap_or(total);
    let (cash, coupons) = (fen(message, "cash_fee")?, fen(message, "coupon_fee")?);
    let is_part = |part: &Fen| (Fen::ZERO..=total).contains(part);
    if ![Some(settled), cash, coupons].iter().flatten().all(is_part) {
        return Err(format!("settlement_total_fee, cash_fee, coupon_fee: parts of {total} wanted"));
    }
    // What the payer paid in another currency is not shown beside the order's.
    let cash = cash.filter(|_| currency(message.get("cash_fee_type")).is_ok());
    if let (Some(cash), Some(coupons)) = (cash, coupons) {
        let sum = cash.plus(coupons).map_err(|fault| format!("coupon_fee: {fault}"))?;
        if sum != total {
            return Err(format!("cash_fee {cash} and coupon_fee {coupons} of {total}"));
        }
    }
    Ok((settled, cash))
}

/// What the answer to a refund means: it is taken, and not done.
pub(super) fn refund(asked: &Refund, answer: &Members) -> Finding {
    let read = || {
        equal("out_refund_no", answer.get("out_refund_no"), &asked.channel_refund_no)?;
        equal("transaction_id", answer.get("transaction_id"), &asked.payment_reference)
    };
    match read() {
        Ok(()) => refunded(answer, "", Some(RefundStatus::Processing), None),
        Err(why) => Finding::Mismatch { why },
    }
}

/// What the answer to a refund's query means: its members carry the place of the refund in a list.
pub(super) fn queried_refund(number: &str, answer: &Members, now: Timestamp) -> Finding {
    let is_asked = |place: &String| answer.get(&format!("out_refund_no{place}")) == Some(number);
    let place = (0..REFUNDS_MAX).map(|place| format!("_{place}")).find(is_asked);
    let Some(place) = place else {
        return Finding::Mismatch { why: format!("out_refund_no: {number} wanted") };
    };
    let status = refund_status(answer.get(&format!("refund_status{place}")));
    let at = answer.get(&format!("refund_success_time{place}"));
    refunded(answer, &place, status, Some((at, now)))
}

/// What a callback of a refund says.
pub(super) fn refund_callback(callback: &Members, now: Timestamp) -> Finding {
    // What is sealed is not proved to be whole: that a refund did not come off, a query says alone.
    let status = refund_status(callback.get("refund_status")).map(|status| match status {
        RefundStatus::Done => RefundStatus::Done,
        RefundStatus::Processing | RefundStatus::Closed | RefundStatus::Abnormal => {
            RefundStatus::Processing
        }
    });
    refunded(callback, "", status, Some((callback.get("success_time"), now)))
}

fn refund_status(status: Option<&str>) -> Option<RefundStatus> {
    match status? {
        "PROCESSING" => Some(RefundStatus::Processing),
        "SUCCESS" => Some(RefundStatus::Done),
        "REFUNDCLOSE" => Some(RefundStatus::Closed),
        "CHANGE" => Some(RefundStatus::Abnormal),
        _ => None,
    }
}

/// A refund whose members' names end in `place`; `at` is its time as written, and the time of now.
fn refunded(
    message: &Members,
    place: &str,
    status: Option<RefundStatus>,
    at: Option<(Option<&str>, Timestamp)>,
) -> Finding {
    let Some(status) = status else {
        return Finding::Unknown { why: "refund_status: a known one wanted".to_owned() };
    };
    let text = |name: &str| message.want(&format!("{name}{place}")).map(str::to_owned);
    let read = || {
        let amount = fen(message, &format!("refund_fee{place}"))?;
        let amount = amount.ok_or("refund_fee wanted")?;
        let at = at.filter(|_| status == RefundStatus::Done);
        Ok::<Refunded, String>(Refunded {
            channel_refund_no: text("out_refund_no")?,
            refund_reference: text("refund_id")?,
            amount,
            settled_amount: fen(message, &format!("settlement_refund_fee{place}"))?,
            status,
            at: at.map(|(at, now)| time_or(time::SPACED, at, now)),
        })
    };
    match read() {
        Ok(refunded)
            if refunded.settled_amount.is_some_and(|settled| settled > refunded.amount) =>
        {
            Finding::Mismatch {
                why: "settlement_refund_fee: a part of refund_fee wanted".to_owned(),
            }
        }
        Ok(refunded) => Finding::Refund(refunded),
        Err(why) => Finding::Unknown { why },
    }
}

/// An amount in fen, not below zero, where there is one.
fn fen(message: &Members, name: &str) -> Result<Option<Fen>, String> {
    let Some(text) = message.get(name) else { return Ok(None) };
    let is_plain = text.bytes().all(|digit| digit.is_ascii_digit());
    match text.parse() {
        Ok(fen) if is_plain => Ok(Some(Fen::new(fen))),
        Ok(_) | Err(_) => Err(format!("{name}: fen wanted")),
    }
}

/// A currency that is not written is CNY.
fn currency(code: Option<&str>) -> Result<Currency, String> {
    let code = code.unwrap_or(Currency::Cny.code());
    Currency::from_code(code).ok_or_else(|| format!("currency: {code} found, CNY wanted"))
}

/// Money that came is booked even when the message does not say when.
fn time_or(format: &str, text: Option<&str>, now: Timestamp) -> Timestamp {
    text.and_then(|text| time::read(format, text)).unwrap_or(now)
}
