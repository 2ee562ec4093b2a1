//! An open account: instructions to requests, answers and callbacks to findings.

use super::settings::Account;
use super::sign::{self, SignType, SignatureFault};
use super::xml::Members;
use super::{agreement, callback, codes, order, reading};
use crate::bill;
use channel::{
    AgreementRules, Bill, Callback, CallbackFault, ClientCertificate, CodecContext, EncodeFault,
    Finding, Instruction, Request, Response, Scene, Step,
};
use ledger::Timestamp;

/// An open account.
pub(crate) struct OpenAccount {
    pub(super) account: Account,
}

impl OpenAccount {
    pub(crate) const fn new(account: Account) -> OpenAccount {
        OpenAccount { account }
    }

    pub(crate) fn identity(&self) -> String {
        crate::settings::identity(&self.account.mchid, self.account.partner.as_ref())
    }

    pub(crate) fn client_certificate(&self) -> ClientCertificate {
        self.account.certificate.clone()
    }

    /// What the account can do with agreements.
    pub(crate) fn agreements(&self) -> Option<AgreementRules> {
        (!self.account.plans.is_empty()).then_some(agreement::RULES)
    }

    /// What carries out an instruction; `None` for what this interface does not have.
    pub(crate) fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Option<Step>, EncodeFault> {
        self.step(instruction, context)
    }

    /// What an answer means.
    pub(crate) fn decode(
        &self,
        instruction: &Instruction,
        response: &Response,
        context: &CodecContext,
    ) -> Finding {
        let unknown =
            |why: String| Finding::Unknown { why: format!("answer {}: {why}", response.status) };
        if response.status != 200 {
            return unknown("200 wanted".to_owned());
        }
        if matches!(instruction, Instruction::FindBill(_)) {
            return self.read_bill(instruction, &response.body);
        }
        let answer = match Members::read(&response.body) {
            Ok(answer) => answer,
            Err(why) => return unknown(why),
        };
        match answer.get("return_code") {
            Some("SUCCESS") => self.verified(instruction, &answer, context),
            Some("FAIL") => codes::at_gate(instruction, &answer),
            _ => unknown("return_code wanted".to_owned()),
        }
    }

    /// What an answer means that was taken for a call. Nothing in it is believed without its signature.
    fn verified(
        &self,
        instruction: &Instruction,
        answer: &Members,
        context: &CodecContext,
    ) -> Finding {
        let is_of_agreements = agreement::is_of(instruction);
        if let Err(fault) = self.check_signature(instruction, answer) {
            return Finding::Unknown { why: fault.to_string() };
        }
        let is_ours = match is_of_agreements {
            true => agreement::reading::is_ours(&self.account, answer),
            false => reading::is_ours(&self.account, answer),
        };
        if let Err(why) = is_ours {
            return Finding::Mismatch { why };
        }
        match answer.get("result_code") {
            Some("SUCCESS") => self.success(instruction, answer, context),
            Some("FAIL") => codes::finding(instruction, answer),
            _ => Finding::Unknown { why: "result_code wanted".to_owned() },
        }
    }

    /// The calls about agreements are signed with MD5 alone. The channel's page shows no signature beside
    /// the address of a page for signing, which says nothing about money: one that is there must hold.
    fn check_signature(
        &self,
        instruction: &Instruction,
        answer: &Members,
    ) -> Result<(), SignatureFault> {
        let Account { sign_type, key, .. } = &self.account;
        match (instruction, sign::check(answer, *sign_type, key)) {
            (Instruction::SignAgreement(_), Err(SignatureFault::Unsigned)) => Ok(()),
            (_, Ok(())) => Ok(()),
            (instruction, Err(_)) if agreement::is_of(instruction) => {
                sign::check(answer, SignType::Md5, key)
            }
            (_, Err(fault)) => Err(fault),
        }
    }

    fn success(
        &self,
        instruction: &Instruction,
        answer: &Members,
        context: &CodecContext,
    ) -> Finding {
        let now = context.now;
        match instruction {
            Instruction::Place(place) if place.scene == Scene::Swipe => {
                reading::charged(&place.channel_order_no, answer, now)
            }
            // It is accepted: what comes of it is told or queried.
            Instruction::Place(place) if place.scene.is_by_agreement() => Finding::Pending,
            Instruction::Place(place) => order::placed(&self.account, place, answer, context),
            Instruction::Query(placed) => reading::queried(placed, answer, now),
            Instruction::Close(_) => Finding::Closed,
            Instruction::Cancel(_) => cancelled(answer),
            Instruction::Refund(refund) => reading::refund(refund, answer),
            Instruction::QueryRefund(placed) => {
                reading::queried_refund(&placed.channel_refund_no, answer, now)
            }
            Instruction::SignAgreement(asked) => agreement::reading::page(asked, answer),
            Instruction::QueryAgreement(placed) => agreement::reading::queried(placed, answer),
            Instruction::TerminateAgreement(asked) => {
                agreement::reading::terminated(&asked.agreement, answer, now)
            }
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_)
            | Instruction::FetchKeys { .. }
            | Instruction::FindBill(_)
            | Instruction::FetchBill(_) => {
                Finding::Unknown { why: "the answer to a call that is not made".to_owned() }
            }
        }
    }

    /// The bill itself, which nothing but the connection proves, or why there is none.
    fn read_bill(&self, instruction: &Instruction, body: &[u8]) -> Finding {
        let Ok(text) = std::str::from_utf8(body) else {
            return Finding::Unknown { why: "bill: UTF-8 wanted".to_owned() };
        };
        let Ok(answer) = Members::read(body) else {
            return bill::trade(&self.account.mchid, self.account.partner.as_ref(), text);
        };
        match answer.get("return_msg").map(str::to_ascii_lowercase).as_deref() {
            Some("no bill exist") => Finding::Bill(Bill::Empty),
            Some("bill creating") => Finding::Bill(Bill::NotYet),
            _ => codes::at_gate(instruction, &answer),
        }
    }

    /// Verifies and reads a callback.
    pub(crate) fn callback(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Callback, CallbackFault> {
        callback::read(&self.account, request, now)
    }

    pub(crate) fn receipt(&self, accepted: bool) -> Response {
        callback::receipt(accepted)
    }
}

/// `recall` says that it must be sent again.
fn cancelled(answer: &Members) -> Finding {
    match answer.get("recall") {
        Some("Y") => Finding::Later { code: "RECALL".to_owned(), text: "recall=Y".to_owned() },
        _ => Finding::Cancelled,
    }
}
