//! Agreements: signed on the phone, asked for, ended, and debited by.
//!
//! - `page`: what a signed link asks the payer for. `record`: what stands in the documents.
//! - `plan`: debits by period.

pub(super) mod page;
mod plan;
mod record;

use crate::callback::{SIGNED, UNSIGNED};
use crate::counterpart::answer::Reply;
use crate::counterpart::records::{BUYER_LOGON, Order};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::{App, World};
use crate::counterpart::{CallContext, callback, identifiers, order};
use crate::wire::{self, AgreementAnswer, AgreementRequest, OrderRequest, Parameters};
use channel::{
    AgreementAct, CodecContext, DocumentFault, DocumentStore, OutgoingCallback, PhoneFault,
    PhoneOutcome,
};
use ledger::Timestamp;
use page::Page;
use plan::Plan;
use record::{Agreement, State};
use serde::Serialize;

/// An agreement without an end is said to end then.
const NO_END: &str = "2115-02-01 00:00:00";
/// The answer to an end has no members.
#[derive(Serialize)]
struct Nothing {}

/// A browser with a signed link is sent on to a page that is not there: the phone signs.
pub(super) fn browse(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    page::read(call.app, call.parameters, call.context.now)?;
    Ok(Reply::cashier(format!("https://render.alipay.com/p/agreement?id={}", call.context.nonce)))
}

/// The payer has opened the page, and does what they want.
pub(super) fn sign(
    world: &World,
    documents: &mut dyn DocumentStore,
    parameters: &Parameters,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let page = page::open(world, parameters, context.now)?;
    let known = record::named(documents, &page.name())?;
    if known.is_some_and(|known| known.stands(context.now)) {
        return Err(refused("您已签约，请勿重复签约"));
    }
    match outcome {
        PhoneOutcome::Success => Ok(signed(documents, page, context)?),
        PhoneOutcome::SuccessWith(_) => Err(refused("签约不使用优惠券")),
        PhoneOutcome::Fail => Ok(("签约失败".to_owned(), vec![])),
        PhoneOutcome::Cancel => Ok(("已取消签约".to_owned(), vec![])),
    }
}

fn signed(
    documents: &mut dyn DocumentStore,
    page: Page,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), DocumentFault> {
    let agreement = Agreement {
        agreement_no: identifiers::agreement_no(context),
        buyer: page.signer.clone().unwrap_or_else(|| identifiers::buyer_id(context)),
        signed_ms: context.now.ms(),
        invalid_ms: page.validity.map(|validity| validity.ends_at(context.now).ms()),
        state: State::Normal,
        page,
    };
    record::keep(documents, &agreement)?;
    let url = agreement.page.notify_url.clone();
    let outgoing = enqueue(&agreement, url, SIGNED, context);
    Ok(("签约成功".to_owned(), outgoing.into_iter().collect()))
}

/// The payer, or the channel, does something about an agreement that stands.
pub(super) fn act(
    documents: &mut dyn DocumentStore,
    number: &str,
    act: AgreementAct,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let agreement = record::by_any_number(documents, number)?.ok_or(PhoneFault::NotMine)?;
    if !agreement.stands(context.now) {
        return Err(refused("协议已解约"));
    }
    let (state, text) = match act {
        AgreementAct::Terminate => (State::Unsigned { at_ms: context.now.ms() }, "解约成功"),
        AgreementAct::Pause => (State::Stop, "协议已暂停"),
        AgreementAct::Resume => (State::Normal, "协议已恢复"),
    };
    let agreement = Agreement { state, ..agreement };
    record::keep(documents, &agreement)?;
    let outgoing = match act {
        AgreementAct::Terminate => {
            let url = agreement.page.notify_url.clone();
            enqueue(&agreement, url, UNSIGNED, context)
        }
        AgreementAct::Pause | AgreementAct::Resume => None,
    };
    Ok((text.to_owned(), outgoing.into_iter().collect()))
}

/// Where an agreement stands. One that has ended is not there any more.
pub(super) fn query(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let agreement = asked(call)?;
    Ok(Reply::done(described(&agreement)))
}

fn described(agreement: &Agreement) -> AgreementAnswer {
    let Agreement { page, .. } = agreement;
    let plan = page.plan.as_ref();
    AgreementAnswer {
        agreement_no: agreement.agreement_no.clone(),
        status: agreement.status().to_owned(),
        sign_time: Some(time_text(agreement.signed_ms)),
        valid_time: Some(time_text(agreement.signed_ms)),
        invalid_time: Some(invalid_time(agreement)),
        external_agreement_no: page.external_agreement_no.clone(),
        external_logon_id: page.external_logon_id.clone(),
        personal_product_code: Some(page.personal_product_code.clone()),
        sign_scene: page.sign_scene.clone(),
        principal_id: Some(agreement.buyer.clone()),
        alipay_logon_id: Some(BUYER_LOGON.to_owned()),
        single_quota: plan.map(Plan::single_quota),
        last_deduct_time: plan.and_then(|plan| plan.last_day.clone()),
        next_deduct_time: plan.map(|plan| plan.next_day.clone()),
    }
}

/// Ends an agreement. One that has ended, or never was, is refused.
pub(super) fn unsign(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let agreement = asked(call)?;
    let state = State::Unsigned { at_ms: call.context.now.ms() };
    let agreement = Agreement { state, ..agreement };
    record::keep(call.documents, &agreement)?;
    let url = call.parameter("notify_url").or_else(|| agreement.page.notify_url.clone());
    let outgoing = enqueue(&agreement, url, UNSIGNED, call.context);
    Ok(Reply::done(Nothing {}).with_callbacks(outgoing))
}

/// The agreement that a call is about, if it stands: by the channel's number, else by ours.
fn asked(call: &CallContext<'_>) -> Result<Agreement, Stop> {
    let content = call.parameter("biz_content").unwrap_or_default();
    let asked: AgreementRequest =
        wire::read_given(&content).map_err(|_| page::invalid("biz_content"))?;
    let found = match asked.agreement_no.filter(|number| !number.is_empty()) {
        Some(number) => record::numbered(call.documents, &number)?,
        None => {
            let wanted = |value: Option<String>, name: &str| {
                value.filter(|value| !value.is_empty()).ok_or_else(|| page::invalid(name))
            };
            let name = record::Name {
                auth_app_id: call.app.auth_app_id.clone(),
                personal_product_code: wanted(
                    asked.personal_product_code,
                    "personal_product_code",
                )?,
                sign_scene: Some(wanted(asked.sign_scene, "sign_scene")?),
                number: wanted(asked.external_agreement_no, "external_agreement_no")?,
            };
            record::named(call.documents, &name)?
        }
    };
    let is_there = |found: &Agreement| is_of(found, call.app) && found.stands(call.context.now);
    found.filter(is_there).ok_or_else(|| not_there().into())
}

fn not_there() -> Refusal {
    Refusal::business("USER_AGREEMENT_NOT_EXIST", "用户未签约")
}

fn is_of(agreement: &Agreement, app: &App) -> bool {
    agreement.page.auth_app_id == app.auth_app_id
}

/// The order that an agreement pays, if it may be debited now.
pub(super) fn debit(call: &CallContext<'_>, asked: OrderRequest) -> Result<Order, Stop> {
    let number = asked.agreement_params.as_ref().map(|params| params.agreement_no.clone());
    let number = number.ok_or_else(|| Refusal::field("agreement_params"))?;
    if asked.scene.is_some() || asked.auth_code.is_some() {
        return Err(Refusal::field("auth_code").into());
    }
    let agreement = record::numbered(call.documents, &number)?;
    let agreement = agreement.filter(|known| is_of(known, call.app));
    let agreement =
        agreement.ok_or_else(|| Refusal::business("ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在"))?;
    if asked.product_code.as_deref() != Some(&*agreement.page.product_code) {
        let text = "商户协议不存在";
        return Err(Refusal::business("ACQ.MERCHANT_AGREEMENT_NOT_EXIST", text).into());
    }
    let made = order::make(call.app, call.parameters, asked, call.context)?;
    Ok(Order {
        buyer: Some(agreement.buyer),
        agreement_no: Some(agreement.agreement_no),
        external_agreement_no: agreement.page.external_agreement_no,
        ..made
    })
}

/// Whether a new order may be debited now.
pub(super) fn check(call: &CallContext<'_>, order: &Order) -> Result<(), Stop> {
    let number = order.agreement_no.as_deref().unwrap_or_default();
    let Some(agreement) = record::numbered(call.documents, number)? else {
        return Err(Refusal::business("ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在").into());
    };
    let now = call.context.now;
    if agreement.state != State::Normal || !agreement.stands(now) {
        let text = "用户协议状态不正常";
        return Err(Refusal::business("ACQ.AGREEMENT_STATUS_NOT_NORMAL", text).into());
    }
    match &agreement.page.plan {
        Some(plan) => Ok(plan.check(order.total, now)?),
        None => Ok(()),
    }
}

/// An order was paid by an agreement: its plan moves on.
pub(super) fn debited(
    documents: &mut dyn DocumentStore,
    order: &Order,
    now: Timestamp,
) -> Result<(), DocumentFault> {
    let Some(number) = &order.agreement_no else { return Ok(()) };
    let Some(mut agreement) = record::numbered(documents, number)? else { return Ok(()) };
    if let Some(plan) = &mut agreement.page.plan {
        plan.debited(order.total, now);
    }
    record::keep(documents, &agreement)
}

/// What an application is told about an agreement; one without an address is told nothing.
fn enqueue(
    agreement: &Agreement,
    url: Option<String>,
    kind: &str,
    context: &CodecContext,
) -> Option<OutgoingCallback> {
    let Agreement { page, .. } = agreement;
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut parameters: Parameters = [
        ("notify_type", kind.to_owned()),
        ("notify_id", identifiers::notify_id(context)),
        ("app_id", page.app_id.clone()),
        ("auth_app_id", page.auth_app_id.clone()),
        ("charset", "utf-8".to_owned()),
        ("version", "1.0".to_owned()),
        ("agreement_no", agreement.agreement_no.clone()),
        ("external_agreement_no", given(&page.external_agreement_no)),
        ("external_logon_id", given(&page.external_logon_id)),
        ("personal_product_code", page.personal_product_code.clone()),
        ("sign_scene", given(&page.sign_scene)),
        ("status", agreement.status().to_owned()),
        ("sign_time", time_text(agreement.signed_ms)),
        ("valid_time", time_text(agreement.signed_ms)),
        ("invalid_time", invalid_time(agreement)),
        ("alipay_user_id", agreement.buyer.clone()),
        ("alipay_logon_id", BUYER_LOGON.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let State::Unsigned { at_ms } = agreement.state {
        parameters.insert("unsign_time".to_owned(), time_text(at_ms));
    }
    callback::enqueue(url, parameters, context)
}

fn invalid_time(agreement: &Agreement) -> String {
    agreement.invalid_ms.map_or_else(|| NO_END.to_owned(), time_text)
}

fn time_text(ms: i64) -> String {
    wire::time_text(Timestamp::from_ms(ms))
}

fn refused(text: &str) -> PhoneFault {
    PhoneFault::Refused(text.to_owned())
}
