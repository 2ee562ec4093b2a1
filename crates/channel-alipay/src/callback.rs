//! Callbacks (the channel says notices, 异步通知): forms, signed over their decoded parameters.

use crate::agreement::reading::Described;
use crate::reading::{Trade, equal};
use crate::settings::Account;
use crate::sign::{self, Signed};
use crate::trust::SignatureFault;
use crate::wire::{self, Parameters, Yuan};
use channel::{
    AgreementCallback, Callback, CallbackFault, Finding, OrderCallback, Request, Response,
};
use ledger::Timestamp;

/// The kind of callback that is about a trade.
pub(crate) const OF_TRADES: &str = "trade_status_sync";
/// The kind of callback that says that an agreement was signed.
pub(crate) const SIGNED: &str = "dut_user_sign";
/// The kind that says that one has ended.
pub(crate) const UNSIGNED: &str = "dut_user_unsign";
/// What a callback is answered with once it is accepted, and nothing beside it.
pub(crate) const ACCEPTED: &str = "success";

/// Verifies and reads a callback.
pub(crate) fn read(
    account: &Account,
    request: &Request,
    now: Timestamp,
) -> Result<Callback, CallbackFault> {
    let parameters = wire::read_form(&request.body);
    verify(account, &parameters, now)?;
    let callback_id = wanted(&parameters, "notify_id")?;
    let kind = wanted(&parameters, "notify_type")?;
    if [SIGNED, UNSIGNED].contains(&&*kind) {
        return agreement(account, &parameters, kind, callback_id);
    }
    if kind != OF_TRADES {
        return Ok(Callback::Other { callback_id, summary: kind });
    }
    let channel_order_no = wanted(&parameters, "out_trade_no")?;
    let finding = match is_ours(account, &parameters) {
        Ok(()) => trade(&parameters)?.finding(now),
        Err(why) => Finding::Mismatch { why },
    };
    Ok(Callback::Order(OrderCallback { channel_order_no, finding, callback_id }))
}

fn verify(account: &Account, parameters: &Parameters, now: Timestamp) -> Result<(), CallbackFault> {
    let forged = |why: &str| CallbackFault::Forged { why: why.to_owned() };
    let signature = given(parameters, sign::SIGN).ok_or_else(|| forged("not signed"))?;
    if given(parameters, sign::SIGN_TYPE) != Some(sign::RSA2) {
        return Err(forged("sign_type RSA2 wanted"));
    }
    let signed = Signed { signature, cert_sn: given(parameters, sign::CERT_SN) };
    match account.trust.check(&sign::callback_text(parameters), &signed, now) {
        Ok(()) => Ok(()),
        Err(SignatureFault::UnknownKey { serial }) => Err(CallbackFault::UnknownKey { serial }),
        Err(SignatureFault::Wrong) => Err(forged("wrong signature")),
    }
}

/// About an agreement. One without a number of ours was signed by another way, and is none of ours.
fn agreement(
    account: &Account,
    parameters: &Parameters,
    kind: String,
    callback_id: String,
) -> Result<Callback, CallbackFault> {
    let Some(number) = given(parameters, "external_agreement_no") else {
        return Ok(Callback::Other { callback_id, summary: kind });
    };
    let channel_agreement_no = number.to_owned();
    let finding = match is_of_app(account, parameters) {
        Ok(()) => described(parameters, channel_agreement_no.clone(), &kind)?.finding(),
        Err(why) => Finding::Mismatch { why },
    };
    Ok(Callback::Agreement(AgreementCallback { channel_agreement_no, finding, callback_id }))
}

/// An agreement as a callback describes it. Callbacks overtake each other: each is as old as what it
/// tells, and only where it does not say how old that is, as old as itself.
fn described(
    parameters: &Parameters,
    external_agreement_no: String,
    kind: &str,
) -> Result<Described, CallbackFault> {
    let text = |name| given(parameters, name).map(str::to_owned);
    let time = |name| given(parameters, name).and_then(wire::read_time);
    let happened_at = if kind == SIGNED { time("sign_time") } else { time("unsign_time") };
    Ok(Described {
        external_agreement_no,
        agreement_no: wanted(parameters, "agreement_no")?,
        status: wanted(parameters, "status")?,
        sign_time: text("sign_time"),
        valid_time: text("valid_time"),
        invalid_time: text("invalid_time"),
        unsign_time: text("unsign_time"),
        next_deduct_time: None,
        logon_id: text("alipay_logon_id"),
        reported_at: happened_at.or_else(|| time("notify_time")),
    })
}

/// Whether it names this account.
fn is_ours(account: &Account, parameters: &Parameters) -> Result<(), String> {
    is_of_app(account, parameters)?;
    let found = given(parameters, "seller_id").unwrap_or("nothing");
    equal("seller_id", found, &account.seller_id)
}

/// Whether it names the app, and the one on whose behalf that acts.
fn is_of_app(account: &Account, parameters: &Parameters) -> Result<(), String> {
    let found = |name| given(parameters, name).unwrap_or("nothing");
    equal("app_id", found("app_id"), &account.app_id)?;
    // Callbacks to an app that acts for itself can lack it.
    if account.authorisation.is_some() || given(parameters, "auth_app_id").is_some() {
        equal("auth_app_id", found("auth_app_id"), account.acting_app_id())?;
    }
    Ok(())
}

fn trade(parameters: &Parameters) -> Result<Trade, CallbackFault> {
    Ok(Trade {
        out_trade_no: wanted(parameters, "out_trade_no")?,
        trade_no: wanted(parameters, "trade_no")?,
        status: wanted(parameters, "trade_status")?,
        total: amount(parameters, "total_amount")?,
        receipt: amount(parameters, "receipt_amount")?,
        buyer_pay: amount(parameters, "buyer_pay_amount")?,
        paid_at: given(parameters, "gmt_payment").map(str::to_owned),
    })
}

fn amount(parameters: &Parameters, name: &str) -> Result<Option<Yuan>, CallbackFault> {
    let Some(text) = given(parameters, name) else { return Ok(None) };
    let amount = Yuan::read(text).ok_or_else(|| unreadable(name, "an amount in yuan wanted"))?;
    Ok(Some(amount))
}

fn given<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.get(name).map(|value| &**value).filter(|value| !value.is_empty())
}

fn wanted(parameters: &Parameters, name: &str) -> Result<String, CallbackFault> {
    given(parameters, name).map(str::to_owned).ok_or_else(|| unreadable(name, "wanted"))
}

fn unreadable(name: &str, why: &str) -> CallbackFault {
    CallbackFault::Unreadable { why: format!("{name}: {why}") }
}

/// What a callback is answered with. Anything but the one word is a reason to send it again.
pub(crate) fn receipt(accepted: bool) -> Response {
    let (status, body) = if accepted { (200, ACCEPTED) } else { (500, "fail") };
    let headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
    Response { status, headers, body: body.as_bytes().to_vec() }
}
