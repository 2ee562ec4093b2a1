//! The fields of calls about sharing.

use super::check::Rule::{self, List, OneOf};
use super::check::{self, Field, may, want};
use crate::counterpart::refusal::Refusal;
use crate::sharing::relation::{OWN_LEN_MAX, RELATIONS};
use crate::sharing::wire::{CUSTOM, MERCHANT_ID, PERSONAL_OPENID, PERSONAL_SUB_OPENID};
use serde_json::Value;

/// Receivers of one share.
const RECEIVERS_MAX: usize = 50;
const AMOUNT: Rule = Rule::Whole { min: 1, max: 100_000_000_000 };
const ID: Rule = Rule::Text(32);
const ACCOUNT: Rule = Rule::Text(64);
const SEALED: Rule = Rule::Text(1024);
const KIND: Rule = OneOf(&[MERCHANT_ID, PERSONAL_OPENID, PERSONAL_SUB_OPENID]);
const RELATION: Rule = OneOf(&{
    let mut all = [CUSTOM; RELATIONS.len() + 1];
    let mut at = 0;
    while at < RELATIONS.len() {
        all[at] = RELATIONS[at];
        at += 1;
    }
    all
});

const SUB_MCHID: Field = may("sub_mchid", "子商户号", ID);
const SUB_APPID: Field = may("sub_appid", "子商户应用ID", ID);
const TRANSACTION_ID: Field = want("transaction_id", "微信订单号", ID);
const OUT_ORDER_NO: Field = want("out_order_no", "商户分账单号", Rule::RefundNumber);
const DESCRIPTION: Field = want("description", "分账描述", Rule::Text(80));

const DELETED: [Field; 5] = [
    SUB_MCHID,
    want("appid", "应用ID", ID),
    SUB_APPID,
    want("type", "分账接收方类型", KIND),
    want("account", "分账接收方账号", ACCOUNT),
];

const ADDED: [Field; 3] = [
    may("name", "分账接收方全称", SEALED),
    want("relation_type", "与分账方的关系类型", RELATION),
    may("custom_relation", "自定义的分账关系", Rule::Text(OWN_LEN_MAX)),
];

const RECEIVER: &[Field] = &[
    want("type", "分账接收方类型", KIND),
    want("account", "分账接收方账号", ACCOUNT),
    may("name", "分账个人接收方姓名", SEALED),
    want("amount", "分账金额", AMOUNT),
    DESCRIPTION,
];

const SHARE: [Field; 7] = [
    SUB_MCHID,
    want("appid", "应用ID", ID),
    SUB_APPID,
    TRANSACTION_ID,
    OUT_ORDER_NO,
    want("receivers", "分账接收方列表", List(RECEIVER)),
    want("unfreeze_unsplit", "是否解冻剩余未分资金", Rule::Flag),
];

const UNFREEZE: [Field; 4] = [SUB_MCHID, TRANSACTION_ID, OUT_ORDER_NO, DESCRIPTION];

const RETURN: [Field; 7] = [
    SUB_MCHID,
    may("order_id", "微信分账单号", ACCOUNT),
    may("out_order_no", "商户分账单号", Rule::RefundNumber),
    want("out_return_no", "商户回退单号", Rule::RefundNumber),
    want("return_mchid", "回退商户号", ID),
    want("amount", "回退金额", AMOUNT),
    want("description", "回退描述", Rule::Text(80)),
];

/// Checks a receiver to add.
pub(in crate::counterpart) fn check_added(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&DELETED, &ADDED])?;
    let is = |name: &str, wanted: &str| body.get(name).and_then(Value::as_str) == Some(wanted);
    let lacks = |name: &str| body.get(name).is_none();
    if is("relation_type", CUSTOM) && lacks("custom_relation") {
        return Err(Refusal::field("custom_relation", "自定义关系时必填"));
    }
    if is("type", MERCHANT_ID) && lacks("name") {
        return Err(Refusal::field("name", "分账接收方类型是MERCHANT_ID时必传"));
    }
    check_sub_appid(body, is("type", PERSONAL_SUB_OPENID))
}

/// Checks a receiver to delete.
pub(in crate::counterpart) fn check_deleted(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&DELETED])
}

/// Checks a share.
pub(in crate::counterpart) fn check_share(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&SHARE])?;
    let receivers = body.get("receivers").and_then(Value::as_array);
    let receivers = receivers.map(Vec::as_slice).unwrap_or_default();
    if receivers.is_empty() || receivers.len() > RECEIVERS_MAX {
        return Err(Refusal::field("receivers", "分账接收方数量须为1到50"));
    }
    let person = |receiver: &Value| receiver.get("type") == Some(&PERSONAL_SUB_OPENID.into());
    check_sub_appid(body, receivers.iter().any(person))
}

/// Checks a release of the rest.
pub(in crate::counterpart) fn check_unfreeze(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&UNFREEZE])
}

/// Checks a return.
pub(in crate::counterpart) fn check_return(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&RETURN])?;
    match (body.get("order_id"), body.get("out_order_no")) {
        (None, None) => Err(Refusal::field("out_order_no", "与order_id至少填一个")),
        (Some(_), _) | (None, Some(_)) => Ok(()),
    }
}

fn check_sub_appid(body: &Value, is_wanted: bool) -> Result<(), Refusal> {
    match is_wanted && body.get("sub_appid").is_none() {
        true => Err(Refusal::field("sub_appid", "分账接收方类型包含PERSONAL_SUB_OPENID时必填")),
        false => Ok(()),
    }
}
