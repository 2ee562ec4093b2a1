//! The channel at which orders are paid from wallets (储值余额). It has no outside: whether a wallet has
//! enough is decided where the answer is recorded, in the same commit, and so is what a refund puts back.
//!
//! So every order is paid at once here, and every refund done; an order whose wallet has too little
//! has failed instead.

use channel::{
    About, AgreementRules, BadSettings, BillKind, Callback, CallbackFault, Channel,
    ClientCertificate, CodecContext, Connection, EncodeFault, FetchedKeys, Finding, Instruction,
    Payment, Place, PlatformKey, Refund, RefundStatus, Refunded, Request, Response, Scene,
    Settings, Step, TextRules, WALLET_CHANNEL,
};
use ledger::Timestamp;

/// How long an order may be payable, in seconds. It is paid when it is placed, so that no caller needs a
/// shorter limit than that of other channels: 90 days.
const ORDER_LIFE_SECONDS_MAX: i64 = 90 * 24 * 3600;

static ABOUT: About = About {
    name: WALLET_CHANNEL,
    scenes: &Scene::WITH_PAGE,
    settings: &[],
    order_life_seconds_max: ORDER_LIFE_SECONDS_MAX,
    payment_codes: None,
    sharing: None,
    text: TextRules::ANY,
    fetches_keys: false,
    is_built_in: true,
};

/// The channel of wallets.
#[derive(Clone, Copy, Debug)]
pub struct WalletChannel;

impl Channel for WalletChannel {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn open(&self, _: &Settings, _: &[PlatformKey]) -> Result<Box<dyn Connection>, BadSettings> {
        Ok(Box::new(*self))
    }
}

impl Connection for WalletChannel {
    fn identity(&self) -> String {
        WALLET_CHANNEL.to_owned()
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
        Ok(Step::Answer(match instruction {
            Instruction::Place(place) if place.scene == Scene::Swipe => {
                return Err(EncodeFault::unsupported("scene", "a wallet has no payment code"));
            }
            Instruction::Place(place) if place.scene.is_by_agreement() => {
                return Err(EncodeFault::unsupported("scene", "a wallet signs no agreements"));
            }
            Instruction::Place(place) => Finding::Paid(paid(place, context.now)),
            Instruction::Query(_) => Finding::Pending,
            Instruction::Close(_) | Instruction::Cancel(_) => Finding::Closed,
            Instruction::Refund(refund) => Finding::Refund(refunded(refund, context.now)),
            Instruction::QueryRefund(_) => Finding::NotFound,
            Instruction::SignAgreement(_)
            | Instruction::QueryAgreement(_)
            | Instruction::TerminateAgreement(_) => {
                return Err(EncodeFault::unsupported("agreement", "a wallet has none"));
            }
            Instruction::FetchKeys { .. } => Finding::Keys(FetchedKeys::default()),
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_) => {
                return Err(EncodeFault::unsupported("sharing", "wallets share nothing"));
            }
            Instruction::FindBill(_) | Instruction::FetchBill(_) => {
                return Err(EncodeFault::unsupported("bill", "wallets have no bills of a channel"));
            }
        }))
    }

    /// Nothing is sent, so there is never an answer to decode.
    fn decode(&self, _: &Instruction, _: &Response, _: &CodecContext) -> Finding {
        Finding::Unknown { why: "the channel of wallets got an answer".to_owned() }
    }

    fn has_keys(&self, _: Timestamp) -> bool {
        true
    }

    fn callback(&self, _: &Request, _: Timestamp) -> Result<Callback, CallbackFault> {
        Err(CallbackFault::Forged { why: "the channel of wallets sends no callbacks".to_owned() })
    }

    fn receipt(&self, _: bool) -> Response {
        Response { status: 404, headers: vec![], body: vec![] }
    }
}

fn paid(place: &Place, now: Timestamp) -> Payment {
    Payment {
        channel_order_no: place.channel_order_no.clone(),
        payment_reference: place.channel_order_no.clone(),
        amount: place.amount,
        settled_amount: place.amount,
        currency: place.currency,
        payer_amount: None,
        at: now,
    }
}

fn refunded(refund: &Refund, now: Timestamp) -> Refunded {
    Refunded {
        channel_refund_no: refund.channel_refund_no.clone(),
        refund_reference: refund.channel_refund_no.clone(),
        amount: refund.amount,
        settled_amount: None,
        status: RefundStatus::Done,
        at: Some(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::{Payer, RefundCause};
    use ledger::{Currency, Fen};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn place() -> Place {
        Place {
            channel_order_no: "T00000001".to_owned(),
            amount: Fen::new(100),
            currency: Currency::Cny,
            scene: Scene::MiniProgram,
            subject: "tea".to_owned(),
            payer: Payer::default(),
            payment_code: None,
            agreement: None,
            goods_tag: None,
            placed_at: NOW,
            expires_at: NOW.plus_seconds(600),
            callback_url: "http://127.0.0.1:8080/channel/wallet/callback".to_owned(),
            front_url: None,
            is_shared: false,
        }
    }

    fn refund() -> Refund {
        Refund {
            channel_refund_no: "R00000001".to_owned(),
            channel_order_no: "T00000001".to_owned(),
            payment_reference: "T00000001".to_owned(),
            amount: Fen::new(40),
            paid: Fen::new(100),
            currency: Currency::Cny,
            cause: RefundCause::Requested,
            callback_url: "http://127.0.0.1:8080/channel/wallet/callback".to_owned(),
            reason: None,
        }
    }

    fn answer(instruction: &Instruction) -> Finding {
        let context = CodecContext { now: NOW, nonce: "0".repeat(32) };
        match WalletChannel.encode(instruction, &context) {
            Ok(Step::Answer(finding)) => finding,
            other => panic!("want an answer, found {other:?}"),
        }
    }

    #[test]
    fn the_checks_of_every_channel_hold() {
        channel::checks::all(&channel::checks::Sample {
            about: WalletChannel.about(),
            connection: &WalletChannel,
            place: place(),
            refund: refund(),
            context: CodecContext { now: NOW, nonce: "0".repeat(32) },
            receiver: None,
            counterpart: None,
        });
    }

    #[test]
    fn an_order_is_paid_and_refunded_at_once() {
        let paid = answer(&Instruction::Place(Box::new(place())));
        let Finding::Paid(payment) = paid else { panic!("want paid, found {paid:?}") };
        assert_eq!((payment.amount, payment.at), (Fen::new(100), NOW));
        let refunded = answer(&Instruction::Refund(Box::new(refund())));
        let Finding::Refund(refunded) = refunded else { panic!("want a refund: {refunded:?}") };
        assert_eq!((refunded.status, refunded.amount), (RefundStatus::Done, Fen::new(40)));
    }
}
