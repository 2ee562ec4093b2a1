//! Rows of bills from what was booked. Pure.

use super::wire::{self, BillName, Line};
use crate::sharing::wire::payee_id;
use crate::{pay_channel, time};
use kernel::{
    ItemOutcome, Order, OrderState, Refund, RefundState, ReturnOutcome, Row, Share, ShareReturn,
};
use ledger::{Id, Timestamp, kinds};
use store::Booked;

/// The word of `BusinessType` for shares and their returns: the published words have none.
const PROFIT: &str = "PROFIT";

/// The row of a paid order; none of an order that is not paid, which has no payment to be listed for.
pub(super) fn trade(order: &Order, bill: &BillName) -> Option<Line> {
    let OrderState::Paid(paid) = &order.state else { return None };
    let (terms, request) = (&order.terms, &order.terms.request);
    Some(Line {
        bill_date: bill.date.clone(),
        channel: pay_channel::word(&terms.channel),
        merchant_id: request.merchant.as_str().to_owned(),
        out_trade_no: request.merchant_order_no.clone(),
        trade_no: terms.id.to_string(),
        end_trade_no: paid.payment_reference.clone(),
        payment_type: "INCOME",
        business_type: "PAY",
        trade_time: time::write(terms.placed_at),
        finish_time: time::write(paid.at),
        trade_status: "1",
        order_amount: wire::yuan(paid.amount),
        description: request.subject.clone(),
        amount: paid.amount,
    })
}

/// What differs between the rows of refunds, shares and returns.
struct Numbers {
    out_trade_no: String,
    trade_no: String,
    end_trade_no: String,
    business_type: &'static str,
    made_at: Timestamp,
    description: String,
}

/// The row of a refund, a share or the return of a share.
pub(super) fn booked(booked: &Booked, bill: &BillName) -> Option<Line> {
    let numbers = match &booked.row {
        Row::Refund(row) => refund(row)?,
        Row::Share(row) => share(row),
        Row::ShareReturn(row) => share_return(row),
        _ => return None,
    };
    let Numbers { out_trade_no, trade_no, end_trade_no, business_type, made_at, description } =
        numbers;
    Some(Line {
        bill_date: bill.date.clone(),
        channel: pay_channel::word(&booked.order.terms.channel),
        merchant_id: bill.merchant.as_str().to_owned(),
        out_trade_no,
        trade_no,
        end_trade_no,
        payment_type: if booked.is_income { "INCOME" } else { "PAYMENT" },
        business_type,
        trade_time: time::write(made_at),
        finish_time: time::write(finished(booked)),
        trade_status: "1",
        order_amount: wire::yuan(booked.amount),
        description,
        amount: booked.amount,
    })
}

/// A refund is done when the channel says it was; the rest when we booked it.
fn finished(booked: &Booked) -> Timestamp {
    match &booked.row {
        Row::Refund(Refund { state: RefundState::Done { at, .. }, .. }) => *at,
        _ => booked.at,
    }
}

/// None of a refund that no merchant requested: its order is in no bill either.
fn refund(row: &Refund) -> Option<Numbers> {
    let request = row.request.as_ref()?;
    let end_trade_no = match &row.state {
        RefundState::Done { refund_reference, .. } => refund_reference.clone(),
        RefundState::SettledByHand { outside_reference, .. } => outside_reference.clone(),
        RefundState::Preparing { .. }
        | RefundState::Requesting
        | RefundState::Processing
        | RefundState::Failed { .. }
        | RefundState::WrittenOff { .. } => String::new(),
    };
    Some(Numbers {
        out_trade_no: request.merchant_refund_no.clone(),
        trade_no: row.id.to_string(),
        end_trade_no,
        business_type: "REFUND",
        made_at: row.made_at,
        description: row.merchant_order_no.clone(),
    })
}

fn share(row: &Share) -> Numbers {
    let done = row.items.iter().filter_map(|item| match &item.outcome {
        ItemOutcome::Done { reference, .. } => Some((item.payee, reference.as_deref())),
        ItemOutcome::Open { .. } | ItemOutcome::Failed { .. } => None,
    });
    let (description, end_trade_no) = listed(done);
    Numbers {
        out_trade_no: row.number.clone(),
        trade_no: row.channel_share_no.clone(),
        end_trade_no,
        business_type: PROFIT,
        made_at: row.made_at,
        description,
    }
}

fn share_return(row: &ShareReturn) -> Numbers {
    let done = row.items.iter().filter_map(|item| match &item.outcome {
        ReturnOutcome::Done { reference, .. } => Some((item.payee, reference.as_deref())),
        ReturnOutcome::Open | ReturnOutcome::Failed { .. } => None,
    });
    let (description, end_trade_no) = listed(done);
    Numbers {
        out_trade_no: row.number.clone(),
        trade_no: row.channel_share_no.clone(),
        end_trade_no,
        business_type: PROFIT,
        made_at: row.made_at,
        description,
    }
}

/// The payees of what is done, and the channel's numbers of it, each in order of the items.
fn listed<'o>(done: impl Iterator<Item = (Id<kinds::Payee>, Option<&'o str>)>) -> (String, String) {
    let (payees, references): (Vec<String>, Vec<Option<&str>>) =
        done.map(|(payee, reference)| (payee_id(payee), reference)).unzip();
    let references: Vec<&str> = references.into_iter().flatten().collect();
    (payees.join(" "), references.join(" "))
}
