//! What refunds and shares moved for a merchant: the rows of its bills that are not payments.
//!
//! A row is the sum of what one refund, share or return of a share moved in a time, in one direction. It
//! is found by its transfers, so that it stands in the time in which it was booked.

use crate::query::BookedFor;
use crate::rows::booked::BookedSum;
use crate::{Counted, StoreFault};
use kernel::{MerchantId, Order, Row};
use ledger::{Account, AccountKind, Fen, Id, Phase, Subject, SubjectKind, Timestamp, kinds};
use std::collections::HashMap;

/// What moved money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookedKind {
    /// Refunds of the merchant's orders: what went to payers.
    Refunds,
    /// Shares and their returns: what the merchant gave and got.
    Shares,
}

/// What a refund, a share or the return of a share moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    /// The refund, share or return, as it stands now.
    pub row: Row,
    /// The order that it is about.
    pub order: Order,
    /// True when the merchant got the money.
    pub is_income: bool,
    /// How much, above zero.
    pub amount: Fen,
    /// When the last of it was booked.
    pub at: Timestamp,
}

impl BookedFor {
    /// The accounts that the money left or came to; one may stand there twice.
    pub fn accounts(&self) -> [Account; 2] {
        let own = |kind| Account::new(kind, self.merchant.as_str());
        match self.kind {
            // All refunds of a tenant leave one account, whichever merchant paid them.
            BookedKind::Refunds => {
                let payable = Account::new(AccountKind::RefundsPayable, self.tenant.as_str());
                [payable.clone(), payable]
            }
            BookedKind::Shares => {
                [own(AccountKind::MerchantPending), own(AccountKind::MerchantAvailable)]
            }
        }
    }

    /// What the transfers are about.
    pub const fn subject_kinds(&self) -> [SubjectKind; 2] {
        match self.kind {
            BookedKind::Refunds => [SubjectKind::Refund, SubjectKind::Refund],
            BookedKind::Shares => [SubjectKind::Share, SubjectKind::ShareReturn],
        }
    }

    /// How the money moved. What a refund takes from merchants and gives back to them when it fails is
    /// posted; what leaves for the payer was held.
    pub const fn phases(&self) -> [Phase; 2] {
        match self.kind {
            BookedKind::Refunds => [Phase::PostHeld, Phase::PostHeld],
            BookedKind::Shares => [Phase::Post, Phase::PostHeld],
        }
    }

    /// The merchant whose orders alone are meant, where the accounts do not say it.
    pub const fn merchant_of_orders(&self) -> Option<&MerchantId> {
        match self.kind {
            BookedKind::Refunds => Some(&self.merchant),
            BookedKind::Shares => None,
        }
    }

    /// The answer: each sum with its row and its order.
    ///
    /// # Errors
    /// When a row or an order is not there.
    pub fn answer_of(
        count: u64,
        sums: Vec<BookedSum>,
        rows: Vec<Row>,
        orders: Vec<Order>,
    ) -> Result<Counted<Booked>, StoreFault> {
        let rows: HashMap<Subject, Row> = rows.into_iter().map(|it| (it.subject(), it)).collect();
        let orders: HashMap<Id<kinds::Order>, Order> =
            orders.into_iter().map(|it| (it.terms.id, it)).collect();
        let booked = |sum: BookedSum| {
            let row = rows.get(&sum.subject)?.clone();
            let order = orders.get(&order_of(&row)?)?.clone();
            let BookedSum { is_income, amount, at, .. } = sum;
            Some(Booked { row, order, is_income, amount, at })
        };
        let found = sums.into_iter().map(|sum| {
            let subject = sum.subject;
            booked(sum).ok_or_else(|| StoreFault::Unreadable {
                table: "transfers",
                why: format!("{subject} has moved money and is not there with its order"),
            })
        });
        Ok(Counted { count, rows: found.collect::<Result<_, _>>()? })
    }
}

/// The order that a refund, a share or a return is about.
pub fn order_of(row: &Row) -> Option<Id<kinds::Order>> {
    match row {
        Row::Refund(row) => Some(row.order),
        Row::Share(row) => Some(row.order),
        Row::ShareReturn(row) => Some(row.order),
        _ => None,
    }
}
