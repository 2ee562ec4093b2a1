//! An open account: instructions to requests, answers and callbacks to findings.

use crate::agreement;
use crate::bill;
use crate::callback;
use crate::codes;
use crate::method::Method;
use crate::order;
use crate::reading;
use crate::settings::Account;
use crate::sign::SignedAnswer;
use crate::trust::{SignatureFault, Trust};
use crate::wire::{self, DONE, Head};
use channel::{
    AgreementRules, BillKind, Callback, CallbackFault, ClientCertificate, CodecContext, Connection,
    EncodeFault, Finding, Instruction, Request, Response, Scene, Step, Unproven,
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
            | Instruction::SignAgreement(_)
            | Instruction::FetchBill(_) => return None,
            Instruction::QueryAgreement(_) => Method::AgreementQuery,
            Instruction::TerminateAgreement(_) => Method::AgreementUnsign,
            Instruction::FindBill(_) => Method::BillDownloadUrl,
            Instruction::FetchKeys { .. } => Method::CertificateDownload,
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
        let Some(signed) = answer.signed() else {
            return Some(codes::unsigned(instruction, head));
        };
        if let (Instruction::FetchKeys { named }, true, Trust::Certificates(certificates)) =
            (instruction, is_done, &self.account.trust)
        {
            let named = named.as_deref();
            return Some(certificates.fetched(named, answer.content, &signed, now));
        }
        let checked = self.account.trust.check(answer.content.as_bytes(), &signed, now);
        Some(match checked {
            Err(SignatureFault::UnknownKey { serial }) => {
                Finding::Unproven(Unproven::UnknownKey { serial })
            }
            Err(SignatureFault::Wrong) => codes::unknown(&head, "wrong signature"),
            // What no call looked at is not done, though it says so.
            Ok(()) if is_done && answer.is_error => codes::unknown(&head, "done, as an error"),
            Ok(()) if is_done => self.success(instruction, answer.content, now),
            Ok(()) => refusal(instruction, head, now),
        })
    }

    /// What a verified success means.
    fn success(&self, instruction: &Instruction, content: &str, now: Timestamp) -> Finding {
        match instruction {
            // What is charged at once is answered with the trade.
            Instruction::Place(place)
                if place.scene == Scene::Swipe || place.scene.is_by_agreement() =>
            {
                reading::charged(&place.channel_order_no, content, now)
            }
            Instruction::Place(place) => order::placed(place, content, now),
            Instruction::Query(placed) => reading::queried(placed, content, now),
            Instruction::Close(placed) => reading::closed(&placed.channel_order_no, content),
            Instruction::Cancel(cancel) => reading::cancelled(&cancel.order, content),
            Instruction::Refund(refund) => reading::refund(refund, content, now),
            Instruction::QueryRefund(placed) => reading::queried_refund(placed, content, now),
            Instruction::QueryAgreement(placed) => agreement::reading::queried(placed, content),
            Instruction::TerminateAgreement(asked) => {
                agreement::reading::terminated(&asked.agreement, now)
            }
            Instruction::FindBill(day) => bill::found(&self.account, *day, content),
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_)
            | Instruction::SignAgreement(_)
            | Instruction::FetchKeys { .. }
            | Instruction::FetchBill(_) => Finding::Unknown { why: "nothing was sent".to_owned() },
        }
    }
}

/// What a verified refusal means.
fn refusal(instruction: &Instruction, head: Head, now: Timestamp) -> Finding {
    let no_bill = match instruction {
        Instruction::FindBill(day) => bill::none(day, &head, now),
        _ => None,
    };
    no_bill.unwrap_or_else(|| codes::finding(instruction, head))
}

impl Connection for OpenAccount {
    fn identity(&self) -> String {
        let Account { seller_id, app_id, authorisation, .. } = &self.account;
        match authorisation {
            // The token is a secret and is renewed: the app that it stands for is the same.
            Some(leave) => format!("{seller_id}/{app_id}/{}", leave.app_id),
            None => format!("{seller_id}/{app_id}"),
        }
    }

    /// Both sides are proven by signatures alone.
    fn client_certificate(&self) -> Option<ClientCertificate> {
        None
    }

    fn bills(&self) -> &'static [BillKind] {
        bill::KINDS
    }

    fn agreements(&self) -> Option<AgreementRules> {
        (!self.account.templates.is_empty()).then_some(agreement::RULES)
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
        let read = match (instruction, response.status) {
            // No call answers with a file.
            (Instruction::FetchBill(file), _) => {
                bill::fetched(&self.account, file, response).into()
            }
            (_, OK) => self.read(instruction, response, context.now),
            _ => None,
        };
        read.unwrap_or_else(|| Finding::Unknown {
            why: format!("answer {} that is none of the channel", response.status),
        })
    }

    fn has_keys(&self, now: Timestamp) -> bool {
        self.account.trust.holds(now)
    }

    fn callback(&self, request: &Request, now: Timestamp) -> Result<Callback, CallbackFault> {
        callback::read(&self.account, request, now)
    }

    fn receipt(&self, accepted: bool) -> Response {
        callback::receipt(accepted)
    }
}
