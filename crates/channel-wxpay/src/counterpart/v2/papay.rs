//! Agreements (委托代扣): pages on which payers sign, and the calls about what was signed. These calls have
//! no `nonce_str`, and are signed with MD5 where they do not say otherwise.
//!
//! - `contract`: what stands in the documents. `page`: what a payer is asked to sign.
//! - `debit`: debits, and how they end.

mod contract;
pub(in crate::counterpart) mod debit;
pub(in crate::counterpart) mod page;

use super::words::{self, parties, want};
use super::{admit, at_gate, response, signed, unsorted};
use crate::counterpart::callback::{self, Event};
use crate::counterpart::identifiers;
use crate::counterpart::order;
use crate::counterpart::phone::refused;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::{Merchant, World};
use crate::v2::sign::SignType;
use crate::v2::time;
use crate::v2::xml::Members;
use admit::Admitted;
use channel::{
    AgreementAct, CodecContext, DocumentFault, DocumentStore, FaultMode, Method, OutgoingCallback,
    PhoneFault, PhoneOutcome, Request, Response,
};
use contract::{Contract, Ended};
use ledger::Timestamp;
use page::Page;
use serde_json::json;

/// A call about agreements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    EntrustWeb,
    H5EntrustWeb,
    PreEntrustWeb,
    Query,
    Delete,
}

impl Call {
    /// Service providers' paths say so.
    fn read(target: &str) -> Option<Call> {
        let call = target.split('?').next()?.strip_prefix("/papay/")?;
        match call.strip_prefix("partner/").unwrap_or(call) {
            "entrustweb" => Some(Call::EntrustWeb),
            "h5entrustweb" => Some(Call::H5EntrustWeb),
            "preentrustweb" => Some(Call::PreEntrustWeb),
            "querycontract" => Some(Call::Query),
            "deletecontract" => Some(Call::Delete),
            _ => None,
        }
    }

    const fn method(self) -> Method {
        match self {
            Call::EntrustWeb | Call::H5EntrustWeb => Method::Get,
            Call::PreEntrustWeb | Call::Query | Call::Delete => Method::Post,
        }
    }
}

/// Whether a path is about agreements.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/papay/")
}

/// The call's word at the fault control.
pub(super) fn operation(target: &str) -> &'static str {
    match Call::read(target) {
        Some(Call::EntrustWeb | Call::H5EntrustWeb | Call::PreEntrustWeb) => "sign_agreement",
        Some(Call::Query) => "query_agreement",
        Some(Call::Delete) => "terminate_agreement",
        None => "other",
    }
}

/// Who asks, and what is asked of the documents.
struct Asking<'a> {
    merchant: &'a Merchant,
    documents: &'a mut dyn DocumentStore,
    mode: &'a FaultMode,
    asked: &'a Members,
    sign_type: SignType,
    context: &'a CodecContext,
}

/// Answers a request about agreements.
pub(super) fn receive(
    world: &World,
    documents: &mut dyn DocumentStore,
    mode: &FaultMode,
    request: &Request,
    context: &CodecContext,
) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
    let Some(call) = Call::read(request.target()) else {
        return Ok((Response { status: 404, headers: vec![], body: vec![] }, vec![]));
    };
    if request.method != call.method() {
        return Ok((at_gate("请求方法错误"), vec![]));
    }
    let asked = match request.method {
        Method::Get => Ok(page::members(request.target())),
        Method::Post => Members::read(&request.body).map_err(|_| "XML格式错误"),
    };
    let admitted = asked.and_then(|asked| admit::admit_members(world, asked));
    let Admitted { merchant, key, sign_type, asked } = match admitted {
        Ok(admitted) => admitted,
        Err(text) => return Ok((at_gate(text), vec![])),
    };
    let mut asking = Asking { merchant, documents, mode, asked: &asked, sign_type, context };
    let (answer, outgoing) = match carry_out(&mut asking, call) {
        Ok((answer, outgoing)) => (answer.with("result_code", "SUCCESS"), outgoing),
        Err(Stop::Refused(refusal)) => (words::refused(refusal), vec![]),
        Err(Stop::Broken(fault)) => return Err(fault),
    };
    if call == Call::EntrustWeb && answer.get("result_code") == Some("SUCCESS") {
        let url = format!("https://wx.tenpay.com/papay/entrust?id={}", context.nonce);
        let headers = vec![("Location".to_owned(), url)];
        return Ok((Response { status: 302, headers, body: vec![] }, vec![]));
    }
    let answer = words::beside(&asked, context, answer);
    let answer = signed(mode, sign_type, key, answer);
    Ok((response(unsorted(&answer, context)), outgoing))
}

fn carry_out(
    asking: &mut Asking<'_>,
    call: Call,
) -> Result<(Members, Vec<OutgoingCallback>), Stop> {
    if let FaultMode::Error { code } = asking.mode {
        return Err(Refusal::new(code.clone(), "沙箱指定的错误").into());
    }
    match call {
        Call::EntrustWeb => {
            page::read(asking.merchant, asking.asked, asking.sign_type)?;
            Ok((Members::default(), vec![]))
        }
        Call::H5EntrustWeb => {
            want(asking.asked, "clientip")?;
            let id = prepare(asking)?;
            let url = format!("{}{id}", page::LINK);
            Ok((Members::default().with("redirect_url", url), vec![]))
        }
        Call::PreEntrustWeb => {
            let id = prepare(asking)?;
            let path = format!("pages/index/index?pre_entrustweb_id={id}");
            let answer = Members::default()
                .with("pre_entrustweb_id", id)
                .with("miniprogram_username", "gh_3e4ef4b4a5c5")
                .with("miniprogram_path", path);
            Ok((answer, vec![]))
        }
        Call::Query => Ok((described(&found(asking)?), vec![])),
        Call::Delete => delete(asking),
    }
}

/// Keeps what a payer is asked to sign, for the phone that comes with the id.
fn prepare(asking: &mut Asking<'_>) -> Result<String, Stop> {
    let page = page::read(asking.merchant, asking.asked, asking.sign_type)?;
    let id = asking.context.nonce.clone();
    contract::keep_page(asking.documents, &id, &page)?;
    Ok(id)
}

/// The contract that is asked about: by its id, or by its plan and the merchant's number.
fn found(asking: &Asking<'_>) -> Result<Contract, Stop> {
    if want(asking.asked, "version")? != "1.0" {
        return Err(Refusal::field("version", "取值为1.0").into());
    }
    let parties = parties(asking.asked);
    order::check_binding(asking.merchant, &parties)?;
    let found = match asking.asked.get("contract_id") {
        Some(id) => contract::by_id(asking.documents, id)?,
        None => {
            let (plan, code) =
                (want(asking.asked, "plan_id")?, want(asking.asked, "contract_code")?);
            contract::named(asking.documents, &asking.merchant.mchid, plan, code)?
        }
    };
    let is_owned = |found: &Contract| found.page.is_of(&parties);
    found.filter(is_owned).ok_or_else(|| not_there().into())
}

fn not_there() -> Refusal {
    Refusal::new("CONTRACT_NOT_EXIST", "签约关系不存在")
}

fn described(contract: &Contract) -> Members {
    let Contract { page, ended, .. } = contract;
    let at = |ms| time::text_in(time::SPACED, Timestamp::from_ms(ms));
    let mode = ended.as_ref().map_or("0", |ended| &ended.mode);
    Members::default()
        .with("contract_id", &*contract.contract_id)
        .with("plan_id", &*page.plan_id)
        .with("request_serial", &*page.request_serial)
        .with("contract_code", &*page.contract_code)
        .with("contract_display_account", &*page.display_account)
        .with("contract_state", if ended.is_some() { "1" } else { "0" })
        .with("contract_signed_time", at(contract.signed_ms))
        .with("contract_termination_mode", mode)
        .with_some("contract_terminated_time", ended.as_ref().map(|ended| at(ended.at_ms)))
        .with_some(
            "contract_termination_remark",
            ended.as_ref().and_then(|ended| ended.remark.as_deref()),
        )
        .with("openid", &*contract.openid)
}

/// Ends a contract by the merchant's call. One that has ended is said to have.
fn delete(asking: &mut Asking<'_>) -> Result<(Members, Vec<OutgoingCallback>), Stop> {
    let remark = want(asking.asked, "contract_termination_remark")?.to_owned();
    let contract = found(asking)?;
    let answer = Members::default()
        .with("contract_id", &*contract.contract_id)
        .with("plan_id", &*contract.page.plan_id)
        .with("contract_code", &*contract.page.contract_code);
    if contract.ended.is_some() {
        return Ok((answer, vec![]));
    }
    let outgoing = end(asking.documents, contract, "3", Some(remark), asking.context)?;
    Ok((answer, vec![outgoing]))
}

fn end(
    documents: &mut dyn DocumentStore,
    contract: Contract,
    mode: &str,
    remark: Option<String>,
    context: &CodecContext,
) -> Result<OutgoingCallback, DocumentFault> {
    let ended = Ended { at_ms: context.now.ms(), mode: mode.to_owned(), remark };
    let contract = Contract { ended: Some(ended), ..contract };
    contract::keep(documents, &contract)?;
    Ok(changed(&contract, "DELETE", context))
}

/// What a merchant is told about a contract.
fn changed(contract: &Contract, change: &str, context: &CodecContext) -> OutgoingCallback {
    let Contract { page, ended, .. } = contract;
    let mut content = json!({
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "mch_id": page.mchid(),
        "contract_code": page.contract_code,
        "plan_id": page.plan_id,
        "openid": contract.openid,
        "change_type": change,
        "operate_time": time::text_in(time::SPACED, context.now),
        "contract_id": contract.contract_id,
        "request_serial": page.request_serial,
    });
    if let Some(sub_mchid) = &page.parties.sub_mchid {
        content["sub_mch_id"] = json!(sub_mchid);
    }
    if let Some(ended) = ended {
        content["contract_termination_mode"] = json!(ended.mode);
    }
    let to = (page.mchid(), Some(page.sign_type));
    callback::of_v2(to, Event::Agreement, &content, page.notify_url.clone(), context)
}

/// The payer signs on the phone, or does not.
pub(in crate::counterpart) fn sign(
    documents: &mut dyn DocumentStore,
    page: Page,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let known = contract::named(documents, page.mchid(), &page.plan_id, &page.contract_code)?;
    if known.is_some_and(|known| known.ended.is_none()) {
        return Err(refused("您已开通，请勿重复操作"));
    }
    match outcome {
        PhoneOutcome::Success => {}
        PhoneOutcome::SuccessWith(_) => return Err(refused("签约不使用优惠券")),
        PhoneOutcome::Fail => return Ok(("签约失败".to_owned(), vec![])),
        PhoneOutcome::Cancel => return Ok(("已取消签约".to_owned(), vec![])),
    }
    if !contract::take_serial(documents, &page)? {
        return Err(refused("请求序列号重复"));
    }
    let contract = Contract {
        contract_id: identifiers::contract_id(context),
        openid: identifiers::openid(context),
        signed_ms: context.now.ms(),
        ended: None,
        page,
    };
    contract::keep(documents, &contract)?;
    Ok(("签约成功".to_owned(), vec![changed(&contract, "ADD", context)]))
}

/// The payer ends a contract. The channel pauses none.
pub(in crate::counterpart) fn act(
    documents: &mut dyn DocumentStore,
    number: &str,
    act: AgreementAct,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let contract = contract::by_any_number(documents, number)?.ok_or(PhoneFault::NotMine)?;
    match (act, &contract.ended) {
        (_, Some(_)) => Err(refused("已解约")),
        (AgreementAct::Terminate, None) => {
            let outgoing = end(documents, contract, "2", None, context)?;
            Ok(("解约成功".to_owned(), vec![outgoing]))
        }
        (AgreementAct::Pause | AgreementAct::Resume, None) => {
            Err(refused("微信支付的委托代扣不能暂停"))
        }
    }
}
