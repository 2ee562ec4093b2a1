//! Callbacks of payments, which are signed, and of refunds, which are sealed instead.

use super::agreement::{self, TRADE_TYPE};
use super::reading;
use super::settings::Account;
use super::sign::{self, SignType};
use super::xml::{Members, SEALED};
use channel::{
    AgreementCallback, Callback, CallbackFault, Finding, OrderCallback, Request, Response,
};
use crypto::{SealFault, Secret};
use ledger::Timestamp;

/// The member of a callback of a refund that is sealed.
pub(crate) const REQ_INFO: &str = "req_info";

/// Verifies and reads a callback.
pub(super) fn read(
    account: &Account,
    request: &Request,
    now: Timestamp,
) -> Result<Callback, CallbackFault> {
    let callback = Members::read(&request.body).map_err(forged)?;
    match (callback.get(REQ_INFO), callback.get("change_type")) {
        (Some(sealed), _) => of_refund(account, &callback, sealed, now),
        (None, Some(_)) => of_agreement(account, &callback),
        (None, None) => of_payment(account, &callback, now),
    }
}

fn of_payment(
    account: &Account,
    callback: &Members,
    now: Timestamp,
) -> Result<Callback, CallbackFault> {
    let is_debit =
        callback.get("trade_type") == Some(TRADE_TYPE) || callback.get("contract_id").is_some();
    let kinds = [account.sign_type, SignType::Md5];
    let kinds = if is_debit { &kinds[..] } else { &kinds[..1] };
    check(account, callback, kinds)?;
    let finding = match reading::is_ours(account, callback) {
        Err(why) => Finding::Mismatch { why },
        Ok(()) if is_success(callback) => reading::paid(callback, now),
        // A debit that failed is a reason to query it, and no more.
        Ok(()) if is_debit => {
            Finding::Ask { code: callback.get("err_code").unwrap_or("FAIL").to_owned() }
        }
        // A payment that failed does not end the order: it is queried in its time.
        Ok(()) => Finding::Pending,
    };
    about(callback, "transaction_id", finding)
}

fn is_success(callback: &Members) -> bool {
    callback.get("result_code") == Some("SUCCESS")
        && callback.get("trade_state").is_none_or(|state| state == "SUCCESS")
}

/// About an agreement. What is signed has no `sign_type`: it is one of the kinds that these calls have.
fn of_agreement(account: &Account, callback: &Members) -> Result<Callback, CallbackFault> {
    check(account, callback, &[account.sign_type, SignType::Md5])?;
    let unreadable = |why| CallbackFault::Unreadable { why };
    let channel_agreement_no = callback.want("contract_code").map_err(unreadable)?.to_owned();
    let finding = match agreement::reading::is_ours(account, callback) {
        Err(why) => Finding::Mismatch { why },
        Ok(()) => agreement::reading::changed(callback).map_err(unreadable)?,
    };
    // The contract's number is a secret: ours and the time stand for the callback.
    let happened_at = callback.get("operate_time").unwrap_or_default();
    let callback_id = format!("{channel_agreement_no} {happened_at}");
    Ok(Callback::Agreement(AgreementCallback { channel_agreement_no, finding, callback_id }))
}

/// Whether it is signed with a kind of these.
fn check(account: &Account, callback: &Members, kinds: &[SignType]) -> Result<(), CallbackFault> {
    let is_signed = |kind: &SignType| sign::check(callback, *kind, &account.key).is_ok();
    match kinds.iter().any(is_signed) {
        true => Ok(()),
        false => Err(forged("no signature that holds".to_owned())),
    }
}

/// Only the channel and the merchant have the API key, and can seal. What is sealed is not proved to be whole, so it counts for no
/// more than the refund that it names, whose amount is compared.
fn of_refund(
    account: &Account,
    callback: &Members,
    sealed: &str,
    now: Timestamp,
) -> Result<Callback, CallbackFault> {
    let plain = unseal(&account.key, sealed).map_err(|fault| forged(fault.to_string()))?;
    let refund = Members::read_in(SEALED, &plain).map_err(forged)?;
    let finding = match reading::is_ours(account, callback) {
        Err(why) => Finding::Mismatch { why },
        Ok(()) => reading::refund_callback(&refund, now),
    };
    about(&refund, "refund_id", finding)
}

/// A callback has no number of its own: it is known by what it is about.
fn about(callback: &Members, reference: &str, finding: Finding) -> Result<Callback, CallbackFault> {
    let unreadable = |why| CallbackFault::Unreadable { why };
    Ok(Callback::Order(OrderCallback {
        channel_order_no: callback.want("out_trade_no").map_err(unreadable)?.to_owned(),
        finding,
        callback_id: callback.get(reference).unwrap_or_default().to_owned(),
    }))
}

/// Opens what a callback of a refund seals.
pub(crate) fn unseal(key: &Secret, sealed: &str) -> Result<Vec<u8>, SealFault> {
    crypto::ecb::open(&sealing_key(key), &crypto::text::from_base64(sealed)?)
}

/// Seals it.
pub(crate) fn seal(key: &Secret, plain: &[u8]) -> Result<String, SealFault> {
    Ok(crypto::text::base64(&crypto::ecb::seal(&sealing_key(key), plain)?))
}

/// The 32 hex digits of the API key's MD5.
fn sealing_key(key: &Secret) -> [u8; 32] {
    let hex = crypto::md5_hex(key.expose().as_bytes());
    hex.as_bytes().try_into().expect("an MD5 has 32 hex digits")
}

/// What a callback is answered with. The channel repeats it unless it reads SUCCESS.
pub(super) fn receipt(accepted: bool) -> Response {
    let (status, code, text) = match accepted {
        true => (200, "SUCCESS", "OK"),
        false => (500, "FAIL", "失败"),
    };
    let body = Members::default().with("return_code", code).with("return_msg", text).write();
    let (name, value) = super::request::CONTENT_TYPE;
    Response { status, headers: vec![(name.to_owned(), value.to_owned())], body }
}

fn forged(why: String) -> CallbackFault {
    CallbackFault::Forged { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl enc -aes-256-ecb` made it.
    #[test]
    fn a_sealed_refund_opens_with_the_api_key_alone() {
        let key = Secret::new("192006250b4c09247ec02edce69f6a2d".to_owned());
        let plain = "<root><out_refund_no>R1</out_refund_no></root>";
        let sealed = "WBzGpzQuNpcFxIlFjUUD9CdH4BF3YHmtiHaWV8j0mqDLQs/FUrjFmK+mli7+Iybd";
        assert_eq!(sealing_key(&key), *b"d96eb16afdd491fa1e705096edbc2205");
        assert_eq!(unseal(&key, sealed).as_deref(), Ok(plain.as_bytes()));
        assert_eq!(seal(&key, plain.as_bytes()).as_deref(), Ok(sealed));
        let other = Secret::new("292006250b4c09247ec02edce69f6a2d".to_owned());
        for (key, sealed) in [(&other, sealed), (&key, "WBzG"), (&key, "%"), (&key, "")] {
            assert!(unseal(key, sealed).is_err(), "{sealed}");
        }
    }
}
