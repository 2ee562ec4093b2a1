//! An open account: instructions to requests, answers and callbacks to findings.

use crate::callback;
use crate::codes;
use crate::method::Method;
use crate::order;
use crate::reading;
use crate::settings::Account;
use crate::sign::SignedAnswer;
use crate::wire::{self, DONE, Head};
use channel::{
    BillKind, Callback, CallbackFault, ClientCertificate, CodecContext, Connection, EncodeFault,
    Finding, Instruction, Request, Response, Scene, Step,
};
use ledger::Timestamp;

/// The status of every answer that a call gives, refusals too.
const OK: u16 = 200;

/// An open account.
pub(crate) struct OpenAccount {
    pub(crate) account: Account,
}

impl OpenAccount {
    /// The member in which an instruction is answered; `None` of one that is never sent.
    fn answer_member(&self, instruction: &Instruction) -> Option<String> {
        let method = match instruction {
            Instruction::Place(place) => order::method(&self.account, place.scene).ok()?,
            Instruction::Query(_) => Method::Query,
            Instruction::Close(_) => Method::Close,
            Instruction::Cancel(_) => Method::Cancel,
            Instruction::Refund(_) => Method::Refund,
            Instruction::QueryRefund(_) => Method::RefundQuery,
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_)
            | Instruction::FetchKeys
            | Instruction::FindBill(_)
            | Instruction::FetchBill(_) => return None,
        };
        Some(method.answer_member())
    }

    /// What an answer means, if it can be read at all.
    fn read(
        &self,
        instruction: &Instruction,
        response: &Response,
        now: Timestamp,
    ) -> Option<Finding> {
        let member = self.answer_member(instruction)?;
        let answer = SignedAnswer::cut(&response.body, &member)?;
        let head: Head = wire::read(answer.content).ok()?;
        let is_done = head.code == DONE;
        Some(match &answer.signature {
            None => codes::unsigned(instruction, head),
            Some(signature) if !self.is_signed(answer.content, signature) => {
                codes::unknown(&head, "wrong signature")
            }
            // What no call looked at is not done, though it says so.
            Some(_) if is_done && answer.is_error => codes::unknown(&head, "done, as an error"),
            Some(_) if is_done => success(instruction, answer.content, now),
            Some(_) => codes::finding(instruction, head),
        })
    }

    fn is_signed(&self, content: &str, signature: &str) -> bool {
        self.account.channel_key.verify(content.as_bytes(), signature)
    }
}

/// What a verified success means.
fn success(instruction: &Instruction, content: &str, now: Timestamp) -> Finding {
    match instruction {
        Instruction::Place(place) if place.scene == Scene::Swipe => {
            reading::charged(&place.channel_order_no, content, now)
        }
        Instruction::Place(place) => order::placed(place, content, now),
        Instruction::Query(placed) => reading::queried(placed, content, now),
        Instruction::Close(placed) => reading::closed(&placed.channel_order_no, content),
        Instruction::Cancel(cancel) => reading::cancelled(&cancel.order, content),
        Instruction::Refund(refund) => reading::refund(refund, content, now),
        Instruction::QueryRefund(placed) => reading::queried_refund(placed, content, now),
        Instruction::BindReceiver(_)
        | Instruction::UnbindReceiver(_)
        | Instruction::Share(_)
        | Instruction::QueryShare(_)
        | Instruction::Unfreeze(_)
        | Instruction::QueryUnshared(_)
        | Instruction::ReturnShare(_)
        | Instruction::QueryShareReturn(_)
        | Instruction::FetchKeys
        | Instruction::FindBill(_)
        | Instruction::FetchBill(_) => Finding::Unknown { why: "nothing was sent".to_owned() },
    }
}

impl Connection for OpenAccount {
    fn identity(&self) -> String {
        format!("{}/{}", self.account.seller_id, self.account.app_id)
    }

    /// Both sides are proven by signatures alone.
    fn client_certificate(&self) -> Option<ClientCertificate> {
        None
    }

    fn bills(&self) -> &'static [BillKind] {
        &[]
    }

    fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        self.step(instruction, context)
    }

    fn decode(
        &self,
        instruction: &Instruction,
        response: &Response,
        context: &CodecContext,
    ) -> Finding {
        let read = match response.status {
            OK => self.read(instruction, response, context.now),
            _ => None,
        };
        read.unwrap_or_else(|| Finding::Unknown {
            why: format!("answer {} that is none of the channel", response.status),
        })
    }

    /// The channel's key is one of the settings.
    fn has_keys(&self, _: Timestamp) -> bool {
        true
    }

    fn callback(&self, request: &Request, now: Timestamp) -> Result<Callback, CallbackFault> {
        callback::read(&self.account, request, now)
    }

    fn receipt(&self, accepted: bool) -> Response {
        callback::receipt(accepted)
    }
}
