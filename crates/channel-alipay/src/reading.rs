//! Trades and refunds to findings: who they belong to is checked here, how much is compared by the
//! kernel.

use crate::wire::{
    self, CancelAnswer, ChargedAnswer, CloseAnswer, RefundAnswer, RefundQueryAnswer, TradeAnswer,
    Yuan,
};
use channel::{Finding, Payment, PlacedOrder, PlacedRefund, Refund, RefundStatus, Refunded};
use ledger::{Currency, Fen, Timestamp};

/// A trade as answers and callbacks describe it.
pub(crate) struct Trade {
    pub(crate) out_trade_no: String,
    pub(crate) trade_no: String,
    pub(crate) status: String,
    pub(crate) total: Option<Yuan>,
    pub(crate) receipt: Option<Yuan>,
    pub(crate) buyer_pay: Option<Yuan>,
    /// When it was paid, as the channel writes it; present once it was.
    pub(crate) paid_at: Option<String>,
}

/// What the answer to a query means.
pub(crate) fn queried(placed: &PlacedOrder, content: &str, now: Timestamp) -> Finding {
    let read: TradeAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if let Err(why) = equal("out_trade_no", &read.out_trade_no, &placed.channel_order_no) {
        return Finding::Mismatch { why };
    }
    let is_closed = read.trade_status == "TRADE_CLOSED";
    let trade = Trade {
        out_trade_no: read.out_trade_no,
        trade_no: read.trade_no,
        status: read.trade_status,
        total: Some(read.total_amount),
        receipt: read.receipt_amount,
        buyer_pay: read.buyer_pay_amount,
        paid_at: read.send_pay_date,
    };
    match trade.finding(now) {
        // What was given back was given back by the cancel.
        Finding::Paid(payment) | Finding::Contested { payment, .. }
            if is_closed && placed.is_cancelled =>
        {
            Finding::Reversed(payment)
        }
        finding => finding,
    }
}

/// What the answer to the charge of a payer's code means.
pub(crate) fn charged(number: &str, content: &str, now: Timestamp) -> Finding {
    let read: ChargedAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if let Err(why) = equal("out_trade_no", &read.out_trade_no, number) {
        return Finding::Mismatch { why };
    }
    let trade = Trade {
        out_trade_no: read.out_trade_no,
        trade_no: read.trade_no,
        status: "TRADE_SUCCESS".to_owned(),
        total: read.total_amount,
        receipt: read.receipt_amount,
        buyer_pay: read.buyer_pay_amount,
        paid_at: read.gmt_payment,
    };
    trade.finding(now)
}

impl Trade {
    /// What it means for its order.
    pub(crate) fn finding(self, now: Timestamp) -> Finding {
        let was_paid = self.paid_at.as_ref().is_some_and(|at| !at.is_empty());
        match &*self.status {
            "TRADE_SUCCESS" | "TRADE_FINISHED" => self.paid(now),
            // It was paid and given back in full: the payment did happen.
            "TRADE_CLOSED" if was_paid => self.paid(now),
            "TRADE_CLOSED" => Finding::Closed,
            "WAIT_BUYER_PAY" => Finding::Pending,
            other => Finding::Unknown { why: format!("trade_status {other}") },
        }
    }

    fn paid(self, now: Timestamp) -> Finding {
        let Some(Yuan(total)) = self.total else {
            return Finding::Unknown { why: "paid without total_amount".to_owned() };
        };
        if self.trade_no.is_empty() {
            return Finding::Unknown { why: "paid without trade_no".to_owned() };
        }
        let receipt = stated(self.receipt);
        let payment = Payment {
            channel_order_no: self.out_trade_no,
            payment_reference: self.trade_no,
            amount: total,
            settled_amount: receipt.unwrap_or(total),
            currency: Currency::Cny,
            payer_amount: stated(self.buyer_pay).filter(|amount| *amount <= total),
            at: time_or(self.paid_at.as_deref(), now),
        };
        match receipt {
            Some(receipt) if receipt > total => {
                let why = format!("receipt_amount: {receipt} of {total}");
                Finding::Contested { payment: Payment { settled_amount: total, ..payment }, why }
            }
            Some(_) | None => Finding::Paid(payment),
        }
    }
}

/// An amount that is known: some answers say 0.00 where it is not.
fn stated(amount: Option<Yuan>) -> Option<Fen> {
    amount.map(|Yuan(amount)| amount).filter(|amount| amount.is_positive())
}

/// What the answer to a close means.
pub(crate) fn closed(number: &str, content: &str) -> Finding {
    let read: CloseAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    match equal("out_trade_no", &read.out_trade_no, number) {
        Ok(()) => Finding::Closed,
        Err(why) => Finding::Mismatch { why },
    }
}

/// `retry_flag` of a cancel that is to be sent again.
const AGAIN: &str = "Y";
/// `action` of a cancel that gave the payment back.
const GIVEN_BACK: &str = "refund";

/// What the answer to a cancel means. It states no amounts: what it gives back is the whole trade.
pub(crate) fn cancelled(order: &PlacedOrder, content: &str) -> Finding {
    let read: CancelAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if let Err(why) = equal("out_trade_no", &read.out_trade_no, &order.channel_order_no) {
        return Finding::Mismatch { why };
    }
    if read.retry_flag == AGAIN {
        let text = "the cancel is to be sent again".to_owned();
        return Finding::Later { code: "retry_flag Y".to_owned(), text };
    }
    match (read.action.as_deref(), read.trade_no.filter(|number| !number.is_empty())) {
        (Some(GIVEN_BACK), Some(payment_reference)) => Finding::Reversed(Payment {
            channel_order_no: read.out_trade_no,
            payment_reference,
            amount: order.amount,
            settled_amount: order.amount,
            currency: order.currency,
            payer_amount: None,
            at: order.placed_at,
        }),
        (Some(GIVEN_BACK), None) => {
            Finding::Unknown { why: "given back without trade_no".to_owned() }
        }
        _ => Finding::Cancelled,
    }
}

/// What the answer to a refund means. Without a change of funds it was carried out earlier or is not yet
/// carried out: a query decides.
pub(crate) fn refund(asked: &Refund, content: &str, now: Timestamp) -> Finding {
    let read: RefundAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if let Err(why) = is_refund_of(asked, &read) {
        return Finding::Mismatch { why };
    }
    if read.fund_change != wire::MOVED {
        return Finding::Unknown { why: "a refund without a change of funds".to_owned() };
    }
    let at = time_or(read.gmt_refund_pay.as_deref(), now);
    done(asked.channel_refund_no.clone(), asked.amount, at)
}

/// The sum of all refunds holds this one at least.
fn is_refund_of(asked: &Refund, read: &RefundAnswer) -> Result<(), String> {
    equal("out_trade_no", &read.out_trade_no, &asked.channel_order_no)?;
    equal("trade_no", &read.trade_no, &asked.payment_reference)?;
    let Yuan(refunded) = read.refund_fee;
    match refunded >= asked.amount {
        true => Ok(()),
        false => Err(format!("refund_fee: {refunded} found, {} wanted at least", asked.amount)),
    }
}

/// What the answer to the question about a refund means. Without a status it was not made.
pub(crate) fn queried_refund(placed: &PlacedRefund, content: &str, now: Timestamp) -> Finding {
    let read: RefundQueryAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    let number = &placed.channel_refund_no;
    match (read.refund_status.as_deref(), read.out_request_no, read.refund_amount) {
        (None | Some(""), _, _) => Finding::NotFound,
        (Some(wire::REFUNDED), Some(found), Some(Yuan(amount))) => {
            match equal("out_request_no", &found, number) {
                Ok(()) => done(found, amount, time_or(read.gmt_refund_pay.as_deref(), now)),
                Err(why) => Finding::Mismatch { why },
            }
        }
        (Some(wire::REFUNDED), _, _) => {
            let why = "refunded without out_request_no or refund_amount".to_owned();
            Finding::Unknown { why }
        }
        (Some(other), _, _) => Finding::Unknown { why: format!("refund_status {other}") },
    }
}

/// The channel gives refunds no numbers of its own: ours names them there, on bills too.
fn done(channel_refund_no: String, amount: Fen, at: Timestamp) -> Finding {
    Finding::Refund(Refunded {
        refund_reference: channel_refund_no.clone(),
        channel_refund_no,
        amount,
        settled_amount: None,
        status: RefundStatus::Done,
        at: Some(at),
    })
}

/// Says what differs, if it does.
pub(crate) fn equal(name: &str, found: &str, wanted: &str) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{name}: {found} found, {wanted} wanted")),
    }
}

/// Money that came is booked even when the message does not say when.
fn time_or(text: Option<&str>, now: Timestamp) -> Timestamp {
    text.and_then(wire::read_time).unwrap_or(now)
}
