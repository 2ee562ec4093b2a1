//! Bills against the channel's counterpart: an order is placed, paid and partly refunded, and two days
//! later each bill of that day says so.

use super::{Memory, Sample};
use crate::bill::{
    Bill, BillDay, BillFile, BillKind, BillRow, FundsDirection, PaymentRow, RefundRow,
};
use crate::counterpart::{Counterpart, FaultMode, PhoneOutcome};
use crate::finding::{Finding, Payment, RefundStatus, Refunded};
use crate::http::{Request, Response};
use crate::instruction::{Instruction, PlacedOrder, PlacedRefund, Refund};
use crate::port::{CodecContext, Connection, EncodeFault, Step};
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
        let rows = play.rows(BillDay { kind: *kind, date });
        match kind {
            BillKind::Trade => check_trade(&rows, &payment, &refunded),
            BillKind::FundFlow => check_funds(&rows, &payment, &refunded),
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
            BillRow::Payment(_) | BillRow::Refund(_) => panic!("fund_flow: found {row:?}"),
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

/// An account and the counterpart that it speaks to.
struct Play<'a> {
    sample: &'a Sample<'a>,
    connection: &'a dyn Connection,
    counterpart: &'a dyn Counterpart,
    documents: Memory,
    context: CodecContext,
    drawn: u32,
}

impl<'a> Play<'a> {
    fn new(sample: &'a Sample<'a>, counterpart: &'a dyn Counterpart) -> Play<'a> {
        Play {
            sample,
            connection: sample.connection,
            counterpart,
            documents: Memory::default(),
            context: sample.context.clone(),
            drawn: 0,
        }
    }

    fn later(&mut self, seconds: i64) {
        self.context.now = self.context.now.plus_seconds(seconds);
    }

    /// The present, with another nonce than before.
    fn context(&mut self) -> CodecContext {
        self.drawn += 1;
        self.context.nonce = format!("{:032x}", self.drawn);
        self.context.clone()
    }

    /// The request of an instruction, as the counterpart receives it.
    fn request(&mut self, asked: &Instruction) -> Request {
        let step = self.connection.encode(asked, &self.context()).expect("it encodes");
        let Step::Send(request) = step else { panic!("a request wanted, found {step:?}") };
        let url = request.target().to_owned();
        Request { url, ..request }
    }

    fn answer(&mut self, asked: &Instruction) -> Response {
        let (request, context) = (self.request(asked), self.context());
        let (counterpart, documents) = (self.counterpart, &mut self.documents);
        let honest = &FaultMode::Honest;
        let received = counterpart.receive(documents, honest, &request, &context, context.now);
        received.expect("memory does not fail").0
    }

    fn ask(&mut self, asked: &Instruction) -> Finding {
        let response = self.answer(asked);
        self.connection.decode(asked, &response, &self.context())
    }

    fn pay(&mut self) -> Payment {
        let scene = self.sample.about.scenes.first().expect("a channel has a scene");
        let placing = self.sample.placing(*scene);
        let Finding::Placed(pay_info) = self.ask(&placing) else { panic!("no order placed") };
        let context = self.context();
        let outcome = PhoneOutcome::Success;
        let paid = self.counterpart.phone(&mut self.documents, &pay_info.text, outcome, &context);
        paid.expect("the phone pays");
        let place = &self.sample.place;
        let query = Instruction::Query(PlacedOrder {
            channel_order_no: place.channel_order_no.clone(),
            placed_at: place.placed_at,
            amount: place.amount,
            currency: place.currency,
        });
        match self.ask(&query) {
            Finding::Paid(payment) => payment,
            other => panic!("want paid, found {other:?}"),
        }
    }

    fn refund(&mut self, payment: &Payment) -> Refunded {
        self.later(1);
        let refund = Refund {
            channel_order_no: payment.channel_order_no.clone(),
            payment_reference: payment.payment_reference.clone(),
            paid: payment.amount,
            ..self.sample.refund.clone()
        };
        let query = Instruction::QueryRefund(PlacedRefund {
            channel_refund_no: refund.channel_refund_no.clone(),
            channel_order_no: refund.channel_order_no.clone(),
            made_at: self.context.now,
            amount: refund.amount,
        });
        let Finding::Refund(_) = self.ask(&Instruction::Refund(Box::new(refund))) else {
            panic!("no refund taken")
        };
        match self.ask(&query) {
            Finding::Refund(refunded) if refunded.status == RefundStatus::Done => refunded,
            other => panic!("want a refund that is done, found {other:?}"),
        }
    }

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
