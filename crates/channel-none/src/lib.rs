//! Channels without an outside: they answer in place. Through the one nobody ever pays; through the
//! other everybody pays at once.
//!
//! With them a measurement sees the gateway alone: the same commands, commits and tasks as with any
//! other channel, and no network, no signatures and no vendor.

use channel::{
    About, AgreementRules, BadSettings, BillKind, Callback, CallbackFault, Channel,
    ClientCertificate, CodecContext, Connection, EncodeFault, FetchedKeys, Finding, Instruction,
    PayForm, PayInfo, Payment, PlatformKey, RefundStatus, Refunded, Request, Response, Scene,
    Settings, Step, TextRules,
};

/// How long its pay information is valid, in seconds.
const VALID_SECONDS: i64 = 2 * 3600;

/// How long an order may be payable, in seconds: 90 days, as at WeChat Pay.
const ORDER_LIFE_SECONDS_MAX: i64 = 90 * 24 * 3600;

const fn about(name: &'static str) -> About {
    About {
        name,
        scenes: &Scene::WITH_PAGE,
        settings: &[],
        order_life_seconds_max: ORDER_LIFE_SECONDS_MAX,
        payment_codes: None,
        sharing: None,
        text: TextRules::ANY,
        fetches_keys: false,
        is_built_in: true,
    }
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
    fn identity(&self) -> String {
        self.about().name.to_owned()
    }

    fn bills(&self) -> &'static [BillKind] {
        &[]
    }

    fn agreements(&self) -> Option<AgreementRules> {
        None
    }

    fn client_certificate(&self) -> Option<ClientCertificate> {
        None
    }

    fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        let answer = match instruction {
            Instruction::Place(place) if place.scene == Scene::Swipe => {
                return Err(EncodeFault::unsupported("scene", "nobody has a payment code here"));
            }
            Instruction::Place(place) if place.scene.is_by_agreement() => {
                return Err(EncodeFault::unsupported("scene", "nobody signs agreements here"));
            }
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
                    settled_amount: place.amount,
                    currency: place.currency,
                    payer_amount: None,
                    at: context.now,
                }),
            },
            Instruction::Query(_) => Finding::Pending,
            Instruction::Close(_) | Instruction::Cancel(_) => Finding::Closed,
            Instruction::Refund(refund) => Finding::Refund(Refunded {
                channel_refund_no: refund.channel_refund_no.clone(),
                refund_reference: refund.channel_refund_no.clone(),
                amount: refund.amount,
                settled_amount: None,
                status: match self {
                    NoChannel::Unpaid => RefundStatus::Closed,
                    NoChannel::Paid => RefundStatus::Done,
                },
                at: Some(context.now).filter(|_| *self == NoChannel::Paid),
            }),
            Instruction::QueryRefund(_) => Finding::NotFound,
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_) => {
                return Err(EncodeFault::unsupported("sharing", "this channel shares nothing"));
            }
            Instruction::SignAgreement(_)
            | Instruction::QueryAgreement(_)
            | Instruction::TerminateAgreement(_) => {
                return Err(EncodeFault::unsupported("agreement", "this channel has none"));
            }
            Instruction::FetchKeys { .. } => Finding::Keys(FetchedKeys::default()),
            Instruction::FindBill(_) | Instruction::FetchBill(_) => {
                return Err(EncodeFault::unsupported(
                    "bill",
                    "a channel without an outside has none",
                ));
            }
        };
        Ok(Step::Answer(answer))
    }

    /// Nothing is sent, so there is never an answer to decode.
    fn decode(&self, _: &Instruction, _: &Response, _: &CodecContext) -> Finding {
        Finding::Unknown { why: "a built-in channel got an answer".to_owned() }
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
    use channel::{Payer, Place, PlacedOrder, Refund, RefundCause};
    use ledger::{Currency, Fen, Timestamp};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn context() -> CodecContext {
        CodecContext { now: NOW, nonce: "0".repeat(32) }
    }

    fn place() -> Place {
        Place {
            channel_order_no: "T00000001".to_owned(),
            amount: Fen::new(100),
            currency: Currency::Cny,
            scene: Scene::Pc,
            subject: "tea".to_owned(),
            payer: Payer::default(),
            payment_code: None,
            agreement: None,
            goods_tag: None,
            placed_at: NOW,
            expires_at: NOW.plus_seconds(600),
            callback_url: "http://127.0.0.1:8080/channel/none/callback".to_owned(),
            front_url: None,
            is_shared: false,
        }
    }

    fn refund() -> Refund {
        Refund {
            channel_refund_no: "R00000001".to_owned(),
            channel_order_no: "T00000001".to_owned(),
            payment_reference: "T00000001".to_owned(),
            amount: Fen::new(100),
            paid: Fen::new(100),
            currency: Currency::Cny,
            cause: RefundCause::SecondPayment,
            callback_url: "http://127.0.0.1:8080/channel/none/callback".to_owned(),
            reason: None,
        }
    }

    /// What the account answers at once.
    fn answer(channel: NoChannel, instruction: &Instruction) -> Finding {
        let connection = channel.open(&Settings::new(), &[]).expect("needs no settings");
        match connection.encode(instruction, &context()) {
            Ok(Step::Answer(finding)) => finding,
            other => panic!("want an answer, found {other:?}"),
        }
    }

    #[test]
    fn the_checks_of_every_channel_hold() {
        for channel in [NoChannel::Unpaid, NoChannel::Paid] {
            channel::checks::all(&channel::checks::Sample {
                about: channel.about(),
                connection: &channel,
                place: place(),
                refund: refund(),
                context: context(),
                receiver: None,
                counterpart: None,
            });
        }
    }

    #[test]
    fn an_order_is_placed_and_stays_unpaid() {
        let placed = answer(NoChannel::Unpaid, &Instruction::Place(Box::new(place())));
        assert_eq!(placed.name(), "placed");
        let query = Instruction::Query(PlacedOrder {
            channel_order_no: "T00000001".to_owned(),
            placed_at: NOW,
            amount: Fen::new(100),
            currency: Currency::Cny,
            is_cancelled: false,
            is_debit: false,
        });
        assert_eq!(answer(NoChannel::Unpaid, &query), Finding::Pending);
    }

    #[test]
    fn what_was_paid_is_given_back_at_once() {
        let refunded = answer(NoChannel::Paid, &Instruction::Refund(Box::new(refund())));
        let Finding::Refund(refunded) = refunded else { panic!("want a refund: {refunded:?}") };
        assert_eq!((refunded.status, refunded.at), (RefundStatus::Done, Some(NOW)));
    }

    #[test]
    fn an_order_is_paid_at_once() {
        let placed = answer(NoChannel::Paid, &Instruction::Place(Box::new(place())));
        let Finding::Paid(payment) = placed else { panic!("want paid, found {placed:?}") };
        assert_eq!((payment.amount, payment.at), (Fen::new(100), NOW));
    }
}
