//! Channels without an outside: they answer in place. Through the one nobody ever pays; through the
//! other everybody pays at once.
//!
//! With them a measurement sees the gateway alone: the same commands, commits and tasks as with any
//! other channel, and no network, no signatures and no vendor.

use channel::{
    About, BadSettings, Callback, CallbackFault, Channel, CodecContext, Connection, Finding,
    Instruction, Method, PayForm, PayInfo, Payment, PlatformKey, RefundStatus, Refunded, Request,
    Response, Scene, Settings, Unsupported,
};

/// How long its pay information is valid, in seconds.
const VALID_SECONDS: i64 = 2 * 3600;

const fn about(name: &'static str) -> About {
    About { name, scenes: &Scene::ALL, settings: &[], fetches_keys: false, built_in: true }
}

static ABOUT_NONE: About = about("none");
static ABOUT_PAID: About = about("paid");

/// A channel without an outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChannel {
    /// `none`: nobody ever pays.
    Unpaid,
    /// `paid`: everybody pays at once.
    Paid,
}

impl Channel for NoChannel {
    fn about(&self) -> &'static About {
        match self {
            NoChannel::Unpaid => &ABOUT_NONE,
            NoChannel::Paid => &ABOUT_PAID,
        }
    }

    fn open(&self, _: &Settings, _: &[PlatformKey]) -> Result<Box<dyn Connection>, BadSettings> {
        Ok(Box::new(*self))
    }
}

impl Connection for NoChannel {
    fn encode(&self, _: &Instruction, _: &CodecContext) -> Result<Request, Unsupported> {
        Ok(Request { method: Method::Post, url: String::new(), headers: vec![], body: vec![] })
    }

    fn decode(&self, instruction: &Instruction, _: &Response, context: &CodecContext) -> Finding {
        match instruction {
            Instruction::Place(place) => match self {
                NoChannel::Unpaid => Finding::Placed(PayInfo {
                    form: PayForm::QrCode,
                    text: format!("none://pay/{}", place.channel_order_no),
                    valid_until: context.now.plus_seconds(VALID_SECONDS),
                }),
                NoChannel::Paid => Finding::Paid(Payment {
                    channel_order_no: place.channel_order_no.clone(),
                    payment_reference: place.channel_order_no.clone(),
                    amount: place.amount,
                    currency: place.currency,
                    payer_amount: None,
                    at: context.now,
                }),
            },
            Instruction::Query { .. } => Finding::Pending,
            Instruction::Close { .. } => Finding::Closed,
            Instruction::Refund(refund) => Finding::Refund(Refunded {
                channel_refund_no: refund.channel_refund_no.clone(),
                refund_reference: refund.channel_refund_no.clone(),
                amount: refund.amount,
                status: RefundStatus::Closed,
                at: None,
            }),
            Instruction::QueryRefund { .. } => Finding::NotFound,
            Instruction::FetchKeys => Finding::Keys(vec![]),
        }
    }

    fn has_keys(&self, _: ledger::Timestamp) -> bool {
        true
    }

    fn callback(&self, _: &Request, _: ledger::Timestamp) -> Result<Callback, CallbackFault> {
        Err(CallbackFault::Forged { why: "this channel sends no callbacks".to_owned() })
    }

    fn receipt(&self, _: bool) -> Response {
        Response { status: 404, headers: vec![], body: vec![] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_placed_and_stays_unpaid() {
        let channel = NoChannel::Unpaid.open(&Settings::new(), &[]).expect("needs no settings");
        let context = CodecContext { now: ledger::Timestamp::from_ms(0), nonce: String::new() };
        let answer = Response { status: 200, headers: vec![], body: vec![] };
        let query = Instruction::Query { channel_order_no: "1".to_owned() };
        assert_eq!(channel.decode(&query, &answer, &context), Finding::Pending);
    }
}
