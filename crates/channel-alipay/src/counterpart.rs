//! The channel's other half for the sandbox: Alipay's gateway as a server.
//!
//! It checks what the real one checks (who signs, when, over what; every field; every state), refuses in
//! its words, and signs what it answers. It keeps its state in the documents it is lent and knows neither
//! sockets nor clocks.
//!
//! - `world`: the apps it knows, and its own key.
//! - `admit`: whether a request is authentic, and which call it is.
//! - `refusal`: its words when it says no. `answer`: what it signs.
//! - `records`: what stands in the documents. `identifiers`: the numbers it gives.
//! - `order`, `trade`, `refund`: the calls.
//! - `code_pay`: payments with a code on the phone.
//! - `agreement`: agreements, and what may be debited by them.
//! - `phone`: the app of the payer. `form`: a page's form that it is handed.
//! - `certificate`: its certificate, for apps in certificate mode.
//! - `bill`: bills, and their files (`bill::file`).
//! - `rest`: the same calls in their REST form.
//! - `callback`: what it enqueues to sellers.

mod admit;
mod agreement;
mod answer;
mod bill;
mod callback;
mod certificate;
mod code_pay;
mod form;
mod identifiers;
mod order;
mod phone;
mod records;
mod refund;
mod refusal;
mod rest;
#[cfg(test)]
mod tests;
mod trade;
mod world;

pub use world::{AlipayApp, AlipayCertificates, AlipayMerchant, AlipayWorld, BadWorld};

use crate::counterpart::admit::Admitted;
use crate::counterpart::answer::Reply;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::{App, World};
use crate::method::Method;
use crate::wire::Parameters;
use channel::{
    AgreementAct, CodecContext, Counterpart, DocumentFault, DocumentStore, FaultMode,
    OutgoingCallback, PhoneFault, PhoneOutcome, Request, Response, ScanOutcome, SwitchFault,
    own_url,
};
use ledger::Timestamp;

/// The channel's name.
const NAME: &str = "alipay";
/// The path of every call; files of bills have another.
const PATH: &str = "/gateway.do";

/// 4 min, 10 min, 10 min, 1 h, 2 h, 6 h, 15 h.
const SCHEDULE_SECONDS: [i64; 7] = [240, 600, 600, 3_600, 7_200, 21_600, 54_000];

/// Alipay, simulated.
pub struct AlipayCounterpart {
    world: World,
}

/// One request on its way through a call.
struct CallContext<'a> {
    app: &'a App,
    documents: &'a mut dyn DocumentStore,
    mode: &'a FaultMode,
    parameters: &'a Parameters,
    context: &'a CodecContext,
    /// Where the request came to.
    own_url: Option<String>,
}

impl CallContext<'_> {
    /// A parameter that is given.
    fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

impl AlipayCounterpart {
    /// The counterpart of this world.
    pub fn new(world: AlipayWorld) -> Result<AlipayCounterpart, BadWorld> {
        Ok(AlipayCounterpart { world: World::new(world)? })
    }

    /// What the gate answers: it signs nothing but that a signature is wrong.
    fn refuse(
        &self,
        mode: &FaultMode,
        parameters: &Parameters,
        refusal: Refusal,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
        match admit::method(parameters) {
            Some(method) if !refusal.is_of_gate() => {
                let member = answer::Member { method, cert_sn: self.world.cert_sn(parameters) };
                answer::write(&self.world.signer, mode, member, Reply::json(&refusal.head()))
            }
            method => Ok((answer::at_gate(method, &refusal), vec![])),
        }
    }

    /// What a request that passed the gate comes to.
    fn carry_out(&self, call: &mut CallContext<'_>, method: Method) -> Result<Reply, Stop> {
        match call.mode {
            // A debit that waits stands at the channel: nothing is refused.
            FaultMode::Error { code } if code_pay::is_wait(code, method) => {}
            FaultMode::Error { code } => return Err(Refusal::injected(code).into()),
            _ => {}
        }
        match method {
            Method::Create => order::create(call),
            Method::Precreate => order::precreate(call),
            Method::PagePay | Method::WapPay | Method::AppPay => order::cashier(call, method),
            Method::Pay => code_pay::charge(call),
            Method::Query => trade::query(call),
            Method::Close => trade::close(call),
            Method::Cancel => trade::cancel(call),
            Method::Refund => refund::create(call),
            Method::RefundQuery => refund::query(call),
            Method::AgreementSign => agreement::browse(call),
            Method::AgreementQuery => agreement::query(call),
            Method::AgreementUnsign => agreement::unsign(call),
            Method::CertificateDownload => certificate::download(call, &self.world),
            Method::BillDownloadUrl => bill::find(call),
        }
    }
}

impl Counterpart for AlipayCounterpart {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        [PATH, bill::FILE_PATH].contains(&path) || path.starts_with(rest::PREFIX)
    }

    fn operation(&self, request: &Request) -> &'static str {
        match rest::method(request).or_else(|| admit::method(&admit::parameters(request))) {
            Some(
                Method::Create
                | Method::Precreate
                | Method::PagePay
                | Method::WapPay
                | Method::AppPay
                | Method::Pay,
            ) => "create",
            Some(Method::Query) => "query",
            Some(Method::Close) => "close",
            Some(Method::Cancel) => "cancel",
            Some(Method::Refund) => "refund",
            Some(Method::RefundQuery) => "query_refund",
            Some(Method::AgreementSign) => "sign_agreement",
            Some(Method::AgreementQuery) => "query_agreement",
            Some(Method::AgreementUnsign) => "terminate_agreement",
            Some(Method::CertificateDownload) => "fetch_keys",
            Some(Method::BillDownloadUrl) => "bill",
            None if bill::is_file(request) => "bill_file",
            None => "other",
        }
    }

    fn receive(
        &self,
        documents: &mut dyn DocumentStore,
        mode: &FaultMode,
        request: &Request,
        context: &CodecContext,
        system_now: Timestamp,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
        if request.target().starts_with(rest::PREFIX) {
            return rest::receive(self, documents, mode, request, context, system_now);
        }
        if bill::is_file(request) {
            let response = bill::download(documents, mode, request, context.now)?;
            return Ok((response, vec![]));
        }
        let parameters = admit::parameters(request);
        let clocks = [context.now, system_now];
        let Admitted { app, method } = match admit::admit(&self.world, &parameters, clocks) {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(mode, &parameters, refusal),
        };
        let member = answer::Member { method, cert_sn: self.world.cert_sn(&parameters) };
        let done = match admit::acting(&self.world, app, &parameters) {
            Ok(app) => {
                let parameters = &parameters;
                let mut call = CallContext {
                    app,
                    documents,
                    mode,
                    parameters,
                    context,
                    own_url: own_url(request),
                };
                self.carry_out(&mut call, method)
            }
            Err(refusal) => Err(refusal.into()),
        };
        match done {
            Ok(reply) => answer::write(&self.world.signer, mode, member, reply),
            Err(Stop::Refused(refusal)) if refusal.is_of_gate() => {
                Ok((answer::at_gate(Some(method), &refusal), vec![]))
            }
            Err(Stop::Refused(refusal)) => {
                answer::write(&self.world.signer, mode, member, Reply::json(&refusal.head()))
            }
            Err(Stop::Broken(fault)) => Err(fault),
        }
    }

    fn refuse_method(&self, _: &str) -> Response {
        Response { status: 405, headers: vec![], body: vec![] }
    }

    fn phone(
        &self,
        documents: &mut dyn DocumentStore,
        pay_info: &str,
        outcome: PhoneOutcome,
        context: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        phone::pay(&self.world, documents, pay_info, outcome, context)
    }

    fn payment_code(
        &self,
        documents: &mut dyn DocumentStore,
        outcome: ScanOutcome,
        context: &CodecContext,
    ) -> Result<Option<String>, DocumentFault> {
        code_pay::show(documents, outcome, context).map(Some)
    }

    fn act_on_agreement(
        &self,
        documents: &mut dyn DocumentStore,
        number: &str,
        act: AgreementAct,
        context: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        agreement::act(documents, number, act, context)
    }

    fn envelope(
        &self,
        _: &dyn DocumentStore,
        callback: &OutgoingCallback,
        mode: &FaultMode,
        context: &CodecContext,
    ) -> Result<Request, DocumentFault> {
        callback::envelope(&self.world, callback, mode, context)
    }

    fn switch(
        &self,
        _: &mut dyn DocumentStore,
        _: &str,
        _: &str,
        _: &CodecContext,
    ) -> Result<String, SwitchFault> {
        Err(SwitchFault::Unknown)
    }

    fn accepted(&self, _: &OutgoingCallback, response: &Response) -> bool {
        response.status == 200 && response.body.trim_ascii() == crate::callback::ACCEPTED.as_bytes()
    }

    fn schedule_seconds(&self) -> &'static [i64] {
        &SCHEDULE_SECONDS
    }

    fn transactions(
        &self,
        documents: &dyn DocumentStore,
        limit: usize,
    ) -> Result<Vec<String>, DocumentFault> {
        trade::list(documents, limit)
    }
}
