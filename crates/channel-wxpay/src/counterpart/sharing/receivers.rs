//! Receivers: each sharing merchant binds its own.
//!
//! The sandbox has no register of names: the first name that anybody gives for an account is taken for the
//! real one, and another one later is refused.

use super::records::{self as documents, Bound};
use super::{Named, sharing_merchant};
use crate::counterpart::answer::Reply;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::rules::{convert, parse, sharing as rules};
use crate::counterpart::{CallContext, abnormal_refund, records};
use crate::sharing::wire::{MERCHANT_ID, PERSONAL_SUB_OPENID, ReceiverAnswer, ReceiverRequest};

pub(super) fn add(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let body = parse(call.request)?;
    rules::check_added(&body)?;
    let asked: ReceiverRequest = convert(body)?;
    let key = key(call, &asked)?;
    let app = app(&asked.kind, &asked.appid, asked.sub_appid.as_deref()).to_owned();
    check_name(call, &app, &asked.account, asked.name.as_deref())?;
    records::write(call.documents, &key, &Bound { is_bound: true })?;
    Ok(Reply::json(200, &echo(asked)))
}

pub(super) fn delete(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let body = parse(call.request)?;
    rules::check_deleted(&body)?;
    let asked: ReceiverRequest = convert(body)?;
    let key = key(call, &asked)?;
    match records::read::<Bound>(call.documents, &key)? {
        Some(Bound { is_bound: true }) => {
            records::write(call.documents, &key, &Bound { is_bound: false })?;
            Ok(Reply::json(200, &echo(asked)))
        }
        Some(Bound { is_bound: false }) | None => Err(no_relation().into()),
    }
}

/// The account was never bound by this merchant.
pub(super) fn no_relation() -> Refusal {
    Refusal::of_business("PARAM_ERROR", "分账接收方关系不存在，请检查后再试")
}

/// The app that an account belongs to: a merchant's number belongs to none.
pub(super) fn app<'a>(kind: &str, appid: &'a str, sub_appid: Option<&'a str>) -> &'a str {
    match kind {
        MERCHANT_ID => "-",
        PERSONAL_SUB_OPENID => sub_appid.unwrap_or("-"),
        _ => appid,
    }
}

/// Whether a sealed name is that of the account. A name that is not given is not compared.
pub(super) fn check_name(
    call: &mut CallContext<'_>,
    app: &str,
    account: &str,
    sealed: Option<&str>,
) -> Result<(), Stop> {
    let Some(sealed) = sealed else { return Ok(()) };
    let name = abnormal_refund::open(call, sealed)?;
    let key = documents::name_key(app, account);
    match call.documents.get(&key)? {
        Some(known) if known != name => {
            Err(Refusal::of_business("PARAM_ERROR", "分账接收方姓名或全称与账号不匹配").into())
        }
        Some(_) => Ok(()),
        None => Ok(call.documents.put(&key, &name)?),
    }
}

fn key(call: &CallContext<'_>, asked: &ReceiverRequest) -> Result<String, Refusal> {
    let ReceiverRequest { sub_mchid, appid, sub_appid, kind, account, .. } = asked;
    let named =
        Named { sub_mchid: sub_mchid.as_ref(), appid: Some(appid), sub_appid: sub_appid.as_ref() };
    let payee = sharing_merchant(call, named)?;
    Ok(documents::receiver_key(&payee, app(kind, appid, sub_appid.as_deref()), kind, account))
}

fn echo(asked: ReceiverRequest) -> ReceiverAnswer {
    ReceiverAnswer {
        sub_mchid: asked.sub_mchid,
        kind: asked.kind,
        account: asked.account,
        name: asked.name,
        relation_type: asked.relation_type,
        custom_relation: asked.custom_relation,
    }
}
