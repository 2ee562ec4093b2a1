//! Bills against the channel's counterpart: an order is placed, paid and partly refunded, and two days
//! later each bill of that day says so.

use super::Sample;
use super::play::Play;
use crate::bill::{
    Bill, BillDay, BillFile, BillKind, BillRow, FundsDirection, PaymentRow, RefundRow,
};
use crate::finding::{Finding, Payment, Refunded};
use crate::instruction::Instruction;
use crate::port::EncodeFault;
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use ledger::Fen;

const DAY_SECONDS: i64 = 86_400;

/// A declared bill encodes; any other is refused for good, by the field `bill`.
pub(super) fn declared_kinds_encode_and_no_other(sample: &Sample<'_>) {
    let Sample { about, connection, context, .. } = sample;
    for kind in BillKind::ALL {
        let declared = connection.bills().contains(&kind);
        let find = Instruction::FindBill(BillDay { kind, date: sample.date() });
        match connection.encode(&find, context) {
            Ok(_) => assert!(declared, "{}: {kind:?} encodes undeclared", about.name),
            Err(EncodeFault::Unsupported { field, why }) => {
                assert!(!declared, "{}: {kind:?} is refused: {field}: {why}", about.name);
                assert_eq!(field, "bill", "{}: {kind:?}: {why}", about.name);
            }
            Err(fault @ (EncodeFault::Account { .. } | EncodeFault::Internal { .. })) => {
                panic!("{}: {kind:?}: {fault}", about.name)
            }
        }
    }
}

/// The bills of a day agree with what was paid and refunded, as the counterpart told it before.
pub(super) fn agree_with_what_was_paid(sample: &Sample<'_>) {
    let kinds = sample.connection.bills();
    if kinds.is_empty() {
        return;
    }
    let Some(counterpart) = sample.counterpart else {
        panic!("{}: an account with bills is checked with a counterpart", sample.about.name)
    };
    let mut play = Play::new(sample, counterpart);
    let payment = play.pay();
    let refunded = play.refund(&payment);
    let date = sample.date();
    for kind in kinds {
        let early = play.find(BillDay { kind: *kind, date });
        assert!(!matches!(early, Finding::BillFile(_)), "{kind:?}: a day's bill before its end");
    }
    play.later(2 * DAY_SECONDS);
    for kind in kinds {
        let yesterday =
            BillDay { kind: *kind, date: date.yesterday().expect("it is not year -9999") };
        assert_eq!(play.find(yesterday), Finding::Bill(Bill::Empty), "{kind:?}: an empty day");
        let day = BillDay { kind: *kind, date };
        match kind {
            BillKind::Trade => check_trade(&play.rows(day), &payment, &refunded),
            BillKind::FundFlow => check_funds(&play.rows(day), &payment, &refunded),
            BillKind::Sharing => {
                assert_eq!(play.find(day), Finding::Bill(Bill::Empty), "nothing was shared");
            }
        }
    }
}

fn check_trade(rows: &[BillRow], payment: &Payment, refunded: &Refunded) {
    let [BillRow::Payment(paid), BillRow::Refund(refund)] = rows else {
        panic!("trade: a payment and a refund wanted, found {rows:?}")
    };
    let want = PaymentRow {
        channel_order_no: payment.channel_order_no.clone(),
        payment_reference: payment.payment_reference.clone(),
        amount: payment.amount,
        settled_amount: payment.settled_amount,
        currency: payment.currency,
        fee: paid.fee,
        at: payment.at,
    };
    assert_eq!(*paid, want, "trade: the payment");
    let want = RefundRow {
        channel_refund_no: refunded.channel_refund_no.clone(),
        refund_reference: refunded.refund_reference.clone(),
        channel_order_no: payment.channel_order_no.clone(),
        payment_reference: payment.payment_reference.clone(),
        amount: refunded.amount,
        settled_amount: refunded.settled_amount.unwrap_or(refunded.amount),
        fee: refund.fee,
        status: refunded.status,
        at: refund.at,
    };
    assert_eq!(*refund, want, "trade: the refund");
}

fn check_funds(rows: &[BillRow], payment: &Payment, refunded: &Refunded) {
    let flow: Vec<(&str, FundsDirection, Fen)> = rows
        .iter()
        .map(|row| match row {
            BillRow::Funds(funds) => (&*funds.business_reference, funds.direction, funds.amount),
            BillRow::Payment(_) | BillRow::Refund(_) | BillRow::Shared(_) => {
                panic!("fund_flow: found {row:?}")
            }
        })
        .collect();
    let want = [
        (&*payment.payment_reference, FundsDirection::In, payment.settled_amount),
        (
            &*refunded.refund_reference,
            FundsDirection::Out,
            refunded.settled_amount.unwrap_or(refunded.amount),
        ),
    ];
    assert_eq!(flow, want, "fund_flow: the payment and the refund");
}

impl Play<'_> {
    fn find(&mut self, day: BillDay) -> Finding {
        self.ask(&Instruction::FindBill(day))
    }

    fn rows(&mut self, day: BillDay) -> Vec<BillRow> {
        let bill = match self.find(day) {
            Finding::BillFile(file) => self.fetch(file),
            found => found,
        };
        match bill {
            Finding::Bill(Bill::Rows(rows)) => rows,
            other => panic!("{day:?}: want rows, found {other:?}"),
        }
    }

    /// The bill in a file. The same file with a byte more proves nothing.
    fn fetch(&mut self, file: BillFile) -> Finding {
        let fetch = Instruction::FetchBill(file);
        let response = self.answer(&fetch);
        let context = self.context();
        let mut other = response.clone();
        other.body.push(b' ');
        let forged = self.connection.decode(&fetch, &other, &context);
        assert!(matches!(forged, Finding::Unknown { .. }), "a changed file is read: {forged:?}");
        self.connection.decode(&fetch, &response, &context)
    }
}

impl Sample<'_> {
    /// The day of the sample, in Asia/Shanghai.
    pub(super) fn date(&self) -> Date {
        let now = jiff::Timestamp::from_second(self.context.now.seconds());
        now.expect("a time of our days").to_zoned(TimeZone::fixed(offset(8))).date()
    }
}
