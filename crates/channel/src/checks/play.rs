//! An order's way at the channel's counterpart.

use super::{Memory, Sample};
use crate::counterpart::{Counterpart, FaultMode, PhoneOutcome};
use crate::finding::{Finding, Payment, RefundStatus, Refunded};
use crate::http::{Request, Response};
use crate::instruction::{Instruction, Place, PlacedOrder, PlacedRefund, Refund};
use crate::port::{CodecContext, Connection, Step};

/// An account and the counterpart that it speaks to.
pub(super) struct Play<'a> {
    pub(super) sample: &'a Sample<'a>,
    pub(super) connection: &'a dyn Connection,
    counterpart: &'a dyn Counterpart,
    documents: Memory,
    context: CodecContext,
    drawn: u32,
}

impl<'a> Play<'a> {
    pub(super) fn new(sample: &'a Sample<'a>, counterpart: &'a dyn Counterpart) -> Play<'a> {
        Play {
            sample,
            connection: sample.connection,
            counterpart,
            documents: Memory::default(),
            context: sample.context.clone(),
            drawn: 0,
        }
    }

    pub(super) fn later(&mut self, seconds: i64) {
        self.context.now = self.context.now.plus_seconds(seconds);
    }

    /// The present, with another nonce than before.
    pub(super) fn context(&mut self) -> CodecContext {
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

    pub(super) fn answer(&mut self, asked: &Instruction) -> Response {
        let (request, context) = (self.request(asked), self.context());
        let (counterpart, documents) = (self.counterpart, &mut self.documents);
        let honest = &FaultMode::Honest;
        let received = counterpart.receive(documents, honest, &request, &context, context.now);
        received.expect("memory does not fail").0
    }

    pub(super) fn ask(&mut self, asked: &Instruction) -> Finding {
        let response = self.answer(asked);
        self.connection.decode(asked, &response, &self.context())
    }

    /// Places and pays the order of the sample.
    pub(super) fn pay(&mut self) -> Payment {
        self.pay_for(self.sample.place.clone())
    }

    /// Places and pays it so that its money is shared.
    pub(super) fn pay_to_share(&mut self) -> Payment {
        self.pay_for(Place { is_shared: true, ..self.sample.place.clone() })
    }

    fn pay_for(&mut self, place: Place) -> Payment {
        let scene = *self.sample.about.scenes.first().expect("a channel has a scene");
        let placing = Instruction::Place(Box::new(Place { scene, ..place }));
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
            is_cancelled: false,
            is_debit: false,
        });
        match self.ask(&query) {
            Finding::Paid(payment) => payment,
            other => panic!("want paid, found {other:?}"),
        }
    }

    pub(super) fn refund(&mut self, payment: &Payment) -> Refunded {
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
}
