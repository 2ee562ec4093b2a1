//! An open account: instructions to requests, answers and callbacks to findings.

use crate::bill;
use crate::certificates;
use crate::codes;
use crate::keys::{Keyring, SealingKey, SignatureFault};
use crate::order;
use crate::reading;
use crate::settings::{self, Account};
use crate::sharing;
use crate::sign::Signed;
use crate::wire::{self, CallbackBody, ErrorAnswer, RefundCallback, Transaction};
use channel::{
    AgreementRules, BillKind, Callback, CallbackFault, ClientCertificate, CodecContext, Connection,
    EncodeFault, FetchedKeys, Finding, Instruction, OrderCallback, PlacedShare, PlatformKey,
    Request, Response, Scene, Step, Unfreeze, Unproven,
};
use ledger::Timestamp;

/// The status that promises more to come.
const ACCEPTED: u16 = 202;
/// What the operator has to do who configured no key, and whose merchant has no certificates.
const NO_CERTIFICATES: &str = "the channel has no certificates for this merchant: configure \
                               public_key_id and public_key_pem";

/// An open account.
pub(crate) struct OpenAccount {
    pub(crate) account: Account,
    keys: Keyring,
}

impl OpenAccount {
    pub(crate) fn new(account: Account, fetched: &[PlatformKey]) -> OpenAccount {
        let keys = Keyring::new(&account, fetched);
        OpenAccount { account, keys }
    }

    /// The key of the channel that names are sealed for.
    pub(crate) fn sealing_key(&self, context: &CodecContext) -> Result<SealingKey, EncodeFault> {
        self.keys.sealing_key(context.now)
    }

    /// What a verified success means.
    fn success(&self, instruction: &Instruction, body: &[u8], context: &CodecContext) -> Finding {
        let now = context.now;
        match instruction {
            // The answer to a charge is the transaction.
            Instruction::Place(place) if place.scene == Scene::Swipe => {
                reading::charged(&self.account, &place.channel_order_no, body, now)
            }
            Instruction::Place(place) => order::placed(&self.account, place, body, context),
            Instruction::Query(placed) => reading::queried(&self.account, placed, body, now),
            Instruction::Close(_) => Finding::Closed,
            Instruction::Cancel(_) => Finding::Cancelled,
            Instruction::Refund(refund) => reading::refund(refund, body, now),
            Instruction::QueryRefund(placed) => {
                reading::queried_refund(&placed.channel_refund_no, body, now)
            }
            Instruction::BindReceiver(receiver) | Instruction::UnbindReceiver(receiver) => {
                sharing::reading::receiver(&self.account, receiver, body)
            }
            Instruction::Share(share) => sharing::reading::share(&self.account, share, body),
            Instruction::QueryShare(PlacedShare { channel_share_no, payment }) => {
                sharing::reading::queried_share(&self.account, channel_share_no, payment, body)
            }
            Instruction::Unfreeze(unfreeze) => {
                let Unfreeze { channel_share_no, payment, .. } = &**unfreeze;
                sharing::reading::queried_share(&self.account, channel_share_no, payment, body)
            }
            Instruction::QueryUnshared(payment) => sharing::reading::unshared(payment, body),
            Instruction::ReturnShare(asked) => {
                sharing::reading::returned(&self.account, asked, body)
            }
            Instruction::QueryShareReturn(placed) => {
                sharing::reading::queried_return(&self.account, placed, body)
            }
            Instruction::SignAgreement(_)
            | Instruction::QueryAgreement(_)
            | Instruction::TerminateAgreement(_) => {
                Finding::Unknown { why: "the answer to a call that is not made".to_owned() }
            }
            Instruction::FetchKeys { .. } => match certificates::open(&self.account, body) {
                Ok(keys) => Finding::Keys(keys),
                Err(why) => Finding::Unknown { why },
            },
            Instruction::FindBill(day) => bill::found(*day, body),
            // Decoded before the signature is looked for: there is none.
            Instruction::FetchBill(_) => Finding::Unknown { why: "a file wanted".into() },
        }
    }

    /// A merchant with the public key only is refused a list of certificates. That is a fault of the
    /// account where the public key is not configured: then nothing verifies an answer.
    fn with_fetched(&self, fetched: FetchedKeys, now: Timestamp) -> Finding {
        match fetched == FetchedKeys::default() && !self.keys.holds_any(now) {
            true => Finding::AccountFault {
                code: "NO_CERTIFICATES".to_owned(),
                text: NO_CERTIFICATES.to_owned(),
            },
            false => Finding::Keys(fetched),
        }
    }

    /// Whether the channel signed this answer. A list of certificates may be signed by one of them:
    /// then the key that sealed it vouches for both.
    fn check(
        &self,
        fetching: bool,
        response: &Response,
        now: Timestamp,
    ) -> Result<(), SignatureFault> {
        match self.keys.check(Signed::answer(response), now) {
            Err(SignatureFault::UnknownKey { .. } | SignatureFault::Outdated { .. })
                if fetching =>
            {
                let fetched = certificates::open(&self.account, &response.body);
                let fetched = fetched.map_err(|why| SignatureFault::Unreadable { why })?;
                Keyring::of(&fetched.keys).check(Signed::answer(response), now)
            }
            checked => checked,
        }
    }
}

impl Connection for OpenAccount {
    fn identity(&self) -> String {
        settings::identity(&self.account.mchid, self.account.partner.as_ref())
    }

    /// The v3 interface proves both sides by signatures alone.
    fn client_certificate(&self) -> Option<ClientCertificate> {
        None
    }

    fn bills(&self) -> &'static [BillKind] {
        bill::kinds(&self.account)
    }

    /// Of v3 only scheduled debits are public, and those of some trades.
    fn agreements(&self) -> Option<AgreementRules> {
        None
    }

    fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        self.request_for(instruction, context).map(Step::Send)
    }

    fn decode(
        &self,
        instruction: &Instruction,
        response: &Response,
        context: &CodecContext,
    ) -> Finding {
        if let Instruction::FetchBill(file) = instruction {
            return bill::fetched(&self.account, file, response);
        }
        let success = (200..300).contains(&response.status) && response.status != ACCEPTED;
        let fetching = success && matches!(instruction, Instruction::FetchKeys { .. });
        let finding = match self.check(fetching, response, context.now) {
            Ok(()) if success => self.success(instruction, &response.body, context),
            Ok(()) => codes::finding(instruction, response),
            Err(SignatureFault::Unsigned) => codes::unsigned(instruction, response),
            Err(fault) => unproven(response, fault),
        };
        match finding {
            Finding::Keys(fetched) => self.with_fetched(fetched, context.now),
            finding => finding,
        }
    }

    fn has_keys(&self, now: Timestamp) -> bool {
        self.keys.holds_any(now)
    }

    fn callback(&self, request: &Request, now: Timestamp) -> Result<Callback, CallbackFault> {
        self.keys.check(Signed::callback(request), now).map_err(callback_fault)?;
        let callback: CallbackBody = wire::read(&request.body).map_err(unreadable)?;
        let plain = certificates::unseal(&self.account, &callback.resource).map_err(unreadable)?;
        if sharing::callback::is_one(&callback, &plain) {
            let summary = sharing::callback::summary(&callback, &plain).map_err(unreadable)?;
            return Ok(Callback::Other { callback_id: callback.id, summary });
        }
        let (channel_order_no, finding) = match &*callback.event_type {
            "TRANSACTION.SUCCESS" => {
                let read: Transaction = wire::read(&plain).map_err(unreadable)?;
                (read.out_trade_no.clone(), reading::transaction(&self.account, read, now))
            }
            "REFUND.SUCCESS" | "REFUND.ABNORMAL" | "REFUND.CLOSED" => {
                let read: RefundCallback = wire::read(&plain).map_err(unreadable)?;
                (read.out_trade_no.clone(), reading::refund_callback(&self.account, read, now))
            }
            other => return Err(unreadable(format!("event_type {other} found"))),
        };
        let callback_id = callback.id;
        Ok(Callback::Order(OrderCallback { channel_order_no, finding, callback_id }))
    }

    fn receipt(&self, accepted: bool) -> Response {
        if accepted {
            return Response { status: 200, headers: Vec::new(), body: Vec::new() };
        }
        let body = ErrorAnswer { code: "FAIL".into(), message: "失败".into() };
        let headers = vec![("Content-Type".into(), "application/json".into())];
        Response { status: 500, headers, body: wire::json(&body) }
    }
}

/// What an answer means whose signature does not hold.
fn unproven(response: &Response, fault: SignatureFault) -> Finding {
    match fault {
        SignatureFault::UnknownKey { serial } => Finding::Unproven(Unproven::UnknownKey { serial }),
        SignatureFault::Clock { ahead_seconds } => {
            Finding::Unproven(Unproven::Clock { ahead_seconds })
        }
        SignatureFault::Unsigned
        | SignatureFault::NoTime
        | SignatureFault::NoPublicKey { .. }
        | SignatureFault::Outdated { .. }
        | SignatureFault::Probe
        | SignatureFault::Wrong
        | SignatureFault::Unreadable { .. } => codes::unknown(response, fault),
    }
}

fn callback_fault(fault: SignatureFault) -> CallbackFault {
    match fault {
        SignatureFault::UnknownKey { serial } => CallbackFault::UnknownKey { serial },
        SignatureFault::NoPublicKey { .. } | SignatureFault::Outdated { .. } => {
            CallbackFault::NoKey { why: fault.to_string() }
        }
        SignatureFault::Unsigned
        | SignatureFault::NoTime
        | SignatureFault::Clock { .. }
        | SignatureFault::Probe
        | SignatureFault::Wrong
        | SignatureFault::Unreadable { .. } => CallbackFault::Forged { why: fault.to_string() },
    }
}

fn unreadable(why: String) -> CallbackFault {
    CallbackFault::Unreadable { why }
}
