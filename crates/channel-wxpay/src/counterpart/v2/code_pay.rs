//! Payments with a code on the payer's phone, and their reversal.

use super::Reply;
use super::order::{common, fingerprint, mode};
use super::trade::named;
use super::words::{long_enough, parties, want, with_long_number};
use crate::counterpart::records;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::Trade;
use crate::counterpart::v2::trade::described;
use crate::counterpart::{CallContext, code_pay, order, payment_code, rules, trade};
use crate::v2::xml::Members;
use channel::FaultMode;
use serde_json::{Value, json};

pub(super) fn create(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let body = body(asked)?;
    rules::check_order(&with_long_number(&body), Trade::Micropay, mode(asked))?;
    let order = code_pay::take(call, rules::convert(body)?, fingerprint(asked))?;
    if let Some(refusal) = code_pay::unpaid(&order, call.context.now) {
        return Err(refusal.into());
    }
    let mut transaction = order.transaction(call.context.now);
    if *call.mode == FaultMode::WrongAmount {
        trade::falsify(&mut transaction);
    }
    Ok(Reply::message(described(&transaction, Members::default())))
}

/// The payment in the words of the newer interface, which asks for a place.
fn body(asked: &Members) -> Result<Value, Stop> {
    let mut body = common(asked)?;
    body["payer"] = json!({ "auth_code": want(asked, "auth_code")? });
    body["scene_info"]["device_ip"] = body["scene_info"]["payer_client_ip"].take();
    body["scene_info"]["store_info"] = json!({ "id": "0" });
    if let Some(scene) = body["scene_info"].as_object_mut() {
        scene.remove("payer_client_ip");
    }
    Ok(body)
}

/// Whose phone shows a code, as the merchant's app knows them.
pub(super) fn openid(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let code = want(asked, "auth_code")?;
    order::check_binding(call.merchant, &parties(asked))?;
    let openid = payment_code::openid(call, code)?;
    Ok(Reply::message(Members::default().with_some("openid", openid)))
}

/// It says yes to numbers that it does not know as well, as one report has it. Such a number takes no
/// order afterwards.
pub(super) fn reverse(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let parties = parties(asked);
    order::check_binding(call.merchant, &parties)?;
    match (named(call, asked)?, asked.get("transaction_id")) {
        (Some(order), _) => {
            let order = trade::owned(call, Some(order), &parties)?;
            code_pay::undo(call, order)?;
        }
        (None, Some(_)) => return Err(Refusal::no_order().into()),
        (None, None) => {
            let number = want(asked, "out_trade_no")?;
            rules::check_number(&long_enough(number))?;
            records::burn(call.documents, &records::order_key(&call.merchant.mchid, number))?;
        }
    }
    Ok(Reply::message(Members::default().with("recall", "N")))
}
