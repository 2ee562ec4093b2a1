//! What differs between a bill and our side.

use super::ours::{OurPayment, OurRefund, Ours};
use channel::{BillDay, BillRow, PaymentRow, RefundRow, RefundStatus};
use ledger::Fen;
use std::collections::BTreeSet;

/// The outcome.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Rows that agree with our side.
    pub(super) matched: usize,
    pub(super) differences: Vec<Difference>,
}

/// A payment or refund about which the two sides differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: What,
    /// Our number of the order or refund at the channel.
    pub(super) channel_no: String,
    /// The channel's number of the payment or refund, where one is known.
    pub(super) reference: Option<String>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Payment,
    Refund,
    Share,
    ShareReturn,
}

/// How they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bill has it, and we do not.
    MissingHere {
        amount: Fen,
    },
    /// We have it, and the bill does not.
    MissingThere {
        amount: Fen,
    },
    AmountDiffers {
        here: Fen,
        there: Fen,
    },
    /// The amount agrees, and what of it is settled does not.
    SettledDiffers {
        here: Fen,
        there: Fen,
    },
    StateDiffers {
        here: &'static str,
        there: &'static str,
    },
}

/// Compares a trade bill with our side. Rows of a fund bill are not compared.
pub(super) fn compare(rows: &[BillRow], ours: &Ours, day: &BillDay) -> Comparison {
    let mut comparison = Comparison::default();
    let mut seen = BTreeSet::new();
    for row in rows {
        let difference = match row {
            BillRow::Payment(row) => {
                seen.insert(&*row.payment_reference);
                payment(row, ours)
            }
            BillRow::Refund(row) => {
                seen.insert(&*row.channel_refund_no);
                refund(row, ours)
            }
            BillRow::Funds(_) | BillRow::Shared(_) => continue,
        };
        match difference {
            None => comparison.matched += 1,
            Some(difference) => comparison.differences.push(difference),
        }
    }
    comparison.differences.extend(missing_there(ours, day, &seen));
    comparison
}

fn payment(row: &PaymentRow, ours: &Ours) -> Option<Difference> {
    let differs = |kind| {
        Some(Difference {
            what: What::Payment,
            channel_no: row.channel_order_no.clone(),
            reference: Some(row.payment_reference.clone()),
            kind,
        })
    };
    let Some(order) = ours.orders.get(&row.channel_order_no) else {
        return differs(Kind::MissingHere { amount: row.amount });
    };
    let is_this = |known: &&OurPayment| known.payment_reference == row.payment_reference;
    match order.payments.iter().find(is_this) {
        Some(known) if known.amount != row.amount => {
            differs(Kind::AmountDiffers { here: known.amount, there: row.amount })
        }
        Some(known) if known.settled_amount != row.settled_amount => {
            differs(Kind::SettledDiffers { here: known.settled_amount, there: row.settled_amount })
        }
        Some(_) => None,
        // Paid once at us and twice at the channel: the second payment is what is missing.
        None if !order.payments.is_empty() => differs(Kind::MissingHere { amount: row.amount }),
        None => differs(Kind::StateDiffers { here: order.state, there: "paid" }),
    }
}

fn refund(row: &RefundRow, ours: &Ours) -> Option<Difference> {
    let differs = |kind| {
        Some(Difference {
            what: What::Refund,
            channel_no: row.channel_refund_no.clone(),
            reference: Some(row.refund_reference.clone()),
            kind,
        })
    };
    let known = ours.refunds.get(&row.channel_refund_no);
    let settled = known.and_then(|known| known.settled_amount);
    match known {
        None => differs(Kind::MissingHere { amount: row.amount }),
        Some(known) if known.amount != row.amount => {
            differs(Kind::AmountDiffers { here: known.amount, there: row.amount })
        }
        Some(_) if settled.is_some_and(|here| here != row.settled_amount) => {
            let here = settled.unwrap_or_default();
            differs(Kind::SettledDiffers { here, there: row.settled_amount })
        }
        Some(known) if !may_stand_beside(known, row.status) => {
            differs(Kind::StateDiffers { here: known.state, there: word(row.status) })
        }
        Some(_) => None,
    }
}

/// Whether our refund can be the channel's. The bill is older than our state: what was on its way then
/// can be done by now.
fn may_stand_beside(ours: &OurRefund, there: RefundStatus) -> bool {
    match there {
        RefundStatus::Done => ours.done_at.is_some(),
        RefundStatus::Processing => ours.state != "failed",
        RefundStatus::Closed | RefundStatus::Abnormal => ours.done_at.is_none(),
    }
}

const fn word(status: RefundStatus) -> &'static str {
    match status {
        RefundStatus::Processing => "processing",
        RefundStatus::Done => "done",
        RefundStatus::Closed => "closed",
        RefundStatus::Abnormal => "abnormal",
    }
}

/// What we have of the day and the bill has not.
fn missing_there(ours: &Ours, day: &BillDay, seen: &BTreeSet<&str>) -> Vec<Difference> {
    let payments = ours.orders.iter().flat_map(|(number, order)| {
        let of_day = order.payments.iter().filter(|payment| day.contains(payment.at));
        let unseen = of_day.filter(|payment| !seen.contains(&*payment.payment_reference));
        unseen.map(|payment| Difference {
            what: What::Payment,
            channel_no: number.clone(),
            reference: Some(payment.payment_reference.clone()),
            kind: Kind::MissingThere { amount: payment.amount },
        })
    });
    let refunds = ours.refunds.iter().filter(|(number, refund)| {
        refund.done_at.is_some_and(|at| day.contains(at)) && !seen.contains(&***number)
    });
    let refunds = refunds.map(|(number, refund)| Difference {
        what: What::Refund,
        channel_no: number.clone(),
        reference: None,
        kind: Kind::MissingThere { amount: refund.amount },
    });
    payments.chain(refunds).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ours::OurOrder;
    use super::*;
    use channel::BillKind;
    use ledger::{Currency, Timestamp};

    fn day() -> BillDay {
        BillDay { kind: BillKind::Trade, date: "2026-11-18".parse().expect("a date") }
    }

    fn noon() -> Timestamp {
        day().starts_at().plus_seconds(43_200)
    }

    fn paid_row(number: &str, reference: &str, fen: i64) -> BillRow {
        BillRow::Payment(PaymentRow {
            channel_order_no: number.to_owned(),
            payment_reference: reference.to_owned(),
            amount: Fen::new(fen),
            settled_amount: Fen::new(fen),
            currency: Currency::Cny,
            fee: Fen::ZERO,
            at: noon(),
        })
    }

    fn refund_row(number: &str, fen: i64, status: RefundStatus) -> BillRow {
        BillRow::Refund(RefundRow {
            channel_refund_no: number.to_owned(),
            refund_reference: format!("there-{number}"),
            channel_order_no: "P1".to_owned(),
            payment_reference: "wx1".to_owned(),
            amount: Fen::new(fen),
            settled_amount: Fen::new(fen),
            fee: Fen::ZERO,
            status,
            at: noon(),
        })
    }

    /// Reference, fen, time.
    type Payment = (&'static str, i64, Timestamp);
    /// Number, state, payments.
    type Order<'a> = (&'static str, &'static str, &'a [Payment]);
    /// Number, fen, state, time at which it was done.
    type Refund = (&'static str, i64, &'static str, Option<Timestamp>);

    fn ours_with(orders: &[Order<'_>], refunds: &[Refund]) -> Ours {
        let payment = |(reference, fen, at): &Payment| OurPayment {
            payment_reference: (*reference).to_owned(),
            amount: Fen::new(*fen),
            settled_amount: Fen::new(*fen),
            at: *at,
        };
        let orders = orders.iter().map(|(number, state, payments)| {
            let payments = payments.iter().map(payment).collect();
            ((*number).to_owned(), OurOrder { state, payments })
        });
        let refunds = refunds.iter().map(|(number, fen, state, done_at)| {
            let (amount, settled_amount) = (Fen::new(*fen), Some(Fen::new(*fen)));
            let refund = OurRefund { amount, settled_amount, state, done_at: *done_at };
            ((*number).to_owned(), refund)
        });
        Ours { orders: orders.collect(), refunds: refunds.collect() }
    }

    /// The number and kind of each difference.
    fn check(rows: &[BillRow], ours: &Ours, matched: usize, want: &[(&str, Kind)]) {
        let found = compare(rows, ours, &day());
        let differences: Vec<_> =
            found.differences.iter().map(|one| (&*one.channel_no, one.kind.clone())).collect();
        assert_eq!((found.matched, &*differences), (matched, want));
    }

    #[test]
    fn equal_sides_match() {
        let rows = [paid_row("P1", "wx1", 100), refund_row("R1", 30, RefundStatus::Done)];
        let at = noon();
        let ours =
            ours_with(&[("P1", "paid", &[("wx1", 100, at)])], &[("R1", 30, "done", Some(at))]);
        check(&rows, &ours, 2, &[]);
        check(&[], &ours_with(&[], &[]), 0, &[]);
    }

    #[test]
    fn payments_differ_in_each_way() {
        let fen = Fen::new;
        let rows = [
            paid_row("P1", "wx1", 101),
            paid_row("P2", "wx2", 100),
            paid_row("P3", "wx3", 100),
            paid_row("P4", "wx4-second", 100),
        ];
        let at = noon();
        let ours = ours_with(
            &[
                ("P1", "paid", &[("wx1", 100, at)]),
                ("P3", "failed", &[]),
                ("P4", "paid", &[("wx4", 100, at.plus_seconds(-86_400))]),
                ("P5", "paid", &[("wx5", 100, at)]),
            ],
            &[],
        );
        let want = [
            ("P1", Kind::AmountDiffers { here: fen(100), there: fen(101) }),
            ("P2", Kind::MissingHere { amount: fen(100) }),
            ("P3", Kind::StateDiffers { here: "failed", there: "paid" }),
            ("P4", Kind::MissingHere { amount: fen(100) }),
            ("P5", Kind::MissingThere { amount: fen(100) }),
        ];
        check(&rows, &ours, 0, &want);
    }

    /// A late payment is known, though the order did not take it.
    #[test]
    fn a_payment_that_the_order_could_not_take_matches() {
        let rows = [paid_row("P1", "wx1", 100), paid_row("P1", "wx2", 100)];
        let payments = [("wx1", 100, noon()), ("wx2", 100, noon())];
        check(&rows, &ours_with(&[("P1", "paid", &payments)], &[]), 2, &[]);
    }

    #[test]
    fn refunds_differ_in_each_way() {
        let fen = Fen::new;
        let rows = [
            refund_row("R1", 31, RefundStatus::Done),
            refund_row("R2", 30, RefundStatus::Done),
            refund_row("R3", 30, RefundStatus::Done),
            refund_row("R4", 30, RefundStatus::Closed),
            refund_row("R5", 30, RefundStatus::Processing),
        ];
        let at = Some(noon());
        let ours = ours_with(
            &[],
            &[
                ("R1", 30, "done", at),
                ("R3", 30, "processing", None),
                ("R4", 30, "done", at),
                ("R5", 30, "done", at),
                ("R6", 30, "done", at),
                ("R7", 30, "requesting", None),
            ],
        );
        let want = [
            ("R1", Kind::AmountDiffers { here: fen(30), there: fen(31) }),
            ("R2", Kind::MissingHere { amount: fen(30) }),
            ("R3", Kind::StateDiffers { here: "processing", there: "done" }),
            ("R4", Kind::StateDiffers { here: "done", there: "closed" }),
            ("R6", Kind::MissingThere { amount: fen(30) }),
        ];
        check(&rows, &ours, 1, &want);
    }

    #[test]
    fn what_is_settled_differs_where_the_amounts_agree() {
        let at = noon();
        let mut ours =
            ours_with(&[("P1", "paid", &[("wx1", 100, at)])], &[("R1", 30, "done", Some(at))]);
        let (here, there) = (Fen::new(70), Fen::new(21));
        for payment in ours.orders.values_mut().flat_map(|order| &mut order.payments) {
            payment.settled_amount = here;
        }
        ours.refunds.values_mut().for_each(|refund| refund.settled_amount = Some(there));
        let rows = [paid_row("P1", "wx1", 100), refund_row("R1", 30, RefundStatus::Done)];
        let want = [
            ("P1", Kind::SettledDiffers { here, there: Fen::new(100) }),
            ("R1", Kind::SettledDiffers { here: there, there: Fen::new(30) }),
        ];
        check(&rows, &ours, 0, &want);
        // What of a part is settled is not known before it is done.
        ours.refunds.values_mut().for_each(|refund| refund.settled_amount = None);
        check(&rows, &ours, 1, &want[..1]);
    }

    #[test]
    fn only_the_day_is_missed_there() {
        let (start, end) = (day().starts_at(), day().ends_at());
        for (at, missed) in [(start, true), (start.plus_ms(-1), false), (end, false)] {
            let ours =
                ours_with(&[("P1", "paid", &[("wx1", 1, at)])], &[("R1", 1, "done", Some(at))]);
            let found = compare(&[], &ours, &day());
            assert_eq!(found.differences.len(), if missed { 2 } else { 0 }, "{at}");
        }
    }
}
