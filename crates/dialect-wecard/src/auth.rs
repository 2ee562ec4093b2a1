//! Who calls: proved over the raw bytes, before anything of the body is believed.

use crate::Mode;
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::keys::{self, Callers};
use crate::sign::{Algorithm, Authorization, SERVICE, Scope, Signable};
use crate::time;
use engine::{RegisteredCaller, RegisteredProof};
use kernel::TenantId;
use ledger::Timestamp;
use std::sync::Arc;

/// How far a request's time may lie from ours, in seconds; this far is still good.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// Headers that a request must have.
const WANTED: [&str; 5] = ["Authorization", "Content-Type", "Host", "X-TC-Timestamp", "X-TC-Ocode"];
/// Headers that a request must have in strict mode too.
const WANTED_IF_STRICT: [&str; 1] = ["X-TC-Action"];
/// Headers that a signature must cover.
const SIGNED: [&str; 2] = ["content-type", "host"];
/// Headers that it must cover in strict mode too.
const SIGNED_IF_STRICT: [&str; 2] = ["x-tc-ocode", "x-tc-action"];

/// A caller who proved a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) secret_id: Arc<str>,
}

/// Checks headers, clock, key and signature, in this order.
pub(crate) fn authenticate(
    callers: &impl Callers,
    mode: Mode,
    request: &Received,
    now: Timestamp,
) -> Result<Caller, Fault> {
    let (wanted, signed): (&[&str], &[&str]) = match mode {
        Mode::Lenient => (&[], &[]),
        Mode::Strict => (&WANTED_IF_STRICT, &SIGNED_IF_STRICT),
    };
    for name in WANTED.iter().chain(wanted) {
        request.wanted(name)?;
    }
    let authorization = Authorization::read(request.wanted("Authorization")?)
        .map_err(|why| refused(format!("Authorization: {why}")))?;
    let signable = signable(request, &authorization)?;
    let timestamp = request.wanted("X-TC-Timestamp")?.trim();
    let at = clock(timestamp, now)?;
    let known = owner(callers, &authorization, request)?;
    if let Some(missing) = SIGNED.iter().chain(signed).find(|name| !authorization.signs(name)) {
        return Err(refused(format!("SignedHeaders: want {missing} among them")));
    }
    check_action(request)?;
    if !verifies(&known, &authorization, signable.tries(&authorization, timestamp)) {
        return Err(refused("Signature: does not match".to_owned()));
    }
    check_date(mode, &authorization, at)?;
    Ok(Caller { tenant: known.tenant.clone(), secret_id: known.key_id.clone() })
}

/// The key that the SecretId names, which must be the tenant's.
fn owner(
    callers: &impl Callers,
    authorization: &Authorization<'_>,
    request: &Received,
) -> Result<Arc<RegisteredCaller>, Fault> {
    let known = callers
        .caller(authorization.secret_id)
        .ok_or_else(|| Fault::new(ErrCode::SecretIdNotFound, "Credential: unknown SecretId"))?;
    if known.tenant.as_str() != request.wanted("X-TC-Ocode")?.trim() {
        let why = "X-TC-Ocode: the SecretId belongs to another one";
        return Err(Fault::new(ErrCode::OcodeMismatch, why));
    }
    Ok(known)
}

fn signable<'r>(
    request: &'r Received,
    authorization: &Authorization<'_>,
) -> Result<Signable<'r>, Fault> {
    let signable = Signable {
        method: request.method(),
        path: request.path(),
        query: request.query(),
        body_hash: request.body_hash(),
        headers: vec![],
    };
    signable.with_headers(authorization.names(), |name| request.header(name)).map_err(missing)
}

fn clock(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds =
        text.parse::<i64>().ok().filter(|_| digits).ok_or_else(|| {
            Fault::new(ErrCode::SignatureExpire, "X-TC-Timestamp: want Unix seconds")
        })?;
    let skew = now.seconds().saturating_sub(seconds);
    if skew.abs() > CLOCK_SKEW_SECONDS {
        let why = format!("X-TC-Timestamp: {skew} s from now, want at most {CLOCK_SKEW_SECONDS}");
        return Err(Fault::new(ErrCode::SignatureExpire, why));
    }
    Ok(Timestamp::from_seconds(seconds))
}

fn check_action(request: &Received) -> Result<(), Fault> {
    match request.header("X-TC-Action") {
        Some(action) if !action.trim().eq_ignore_ascii_case(SERVICE) => {
            Err(refused(format!("X-TC-Action: want {SERVICE}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// The credential's date is that of the timestamp, in Greenwich or in Shanghai. A published sample
/// breaks this, so it is only reported unless the mode is strict; asked once the signature holds, so
/// that only callers of ours can fill the log.
fn check_date(mode: Mode, authorization: &Authorization<'_>, at: Timestamp) -> Result<(), Fault> {
    let right = authorization.scope.is_some_and(|scope| {
        scope.service == SERVICE
            && [time::utc_date(at), time::shanghai_date(at)].iter().any(|date| date == scope.date)
    });
    match (right, mode) {
        (true, _) => Ok(()),
        (false, Mode::Strict) => {
            Err(refused("Credential: want the date of X-TC-Timestamp and wxpay".to_owned()))
        }
        (false, Mode::Lenient) => {
            let secret_id = authorization.secret_id;
            tracing::warn!(secret_id, "credential has an odd scope");
            Ok(())
        }
    }
}

/// A key verifies its own algorithm only. A shared key needs the scope that it is derived for.
fn verifies(
    known: &RegisteredCaller,
    authorization: &Authorization<'_>,
    mut texts: impl Iterator<Item = String>,
) -> bool {
    let signature = authorization.signature;
    match (&known.proof, authorization.algorithm, authorization.scope) {
        (RegisteredProof::Hmac(secret), Algorithm::Hmac, Some(Scope { date, service, .. })) => {
            keys::verifies(secret, (date, service), texts, signature)
        }
        (RegisteredProof::Rsa(key), Algorithm::Rsa, _) => {
            texts.any(|text| key.verify(text.as_bytes(), signature))
        }
        (RegisteredProof::Hmac(_), Algorithm::Hmac, None)
        | (RegisteredProof::Hmac(_), Algorithm::Rsa, _)
        | (RegisteredProof::Rsa(_), Algorithm::Hmac, _) => false,
    }
}

fn refused(why: String) -> Fault {
    Fault::new(ErrCode::SignatureFailure, why)
}

fn missing(name: &str) -> Fault {
    Fault::new(ErrCode::MissingParameter, format!("{name}: missing header"))
}

impl Received {
    fn wanted(&self, name: &str) -> Result<&str, Fault> {
        self.header(name).ok_or_else(|| missing(name))
    }
}
