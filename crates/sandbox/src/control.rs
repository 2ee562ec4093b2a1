//! The JSON API under `/control`: the phone, what happened, faults, the clock, the channels' switches.

use crate::documents::Documents;
use crate::faults::{self, CODED, Fault, InjectedFault, NOTIFY, WORDS};
use crate::serve::{enqueue, refuse};
use crate::{ClockControl, Sandbox, SharedClock, callbacks, context};
use adapters::http::limits::REQUEST_LEN_MAX;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use channel::{
    AgreementAct, CodecContext, Counterpart, Coupon, CouponKind, DocumentFault, OutgoingCallback,
    PhoneFault, PhoneOutcome, ScanOutcome, SwitchFault,
};
use ledger::Fen;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

/// Entries of a list, unless asked otherwise.
const LIST_LEN: usize = 100;
/// Entries of a list at most.
const LIST_LEN_MAX: usize = 1_000;
/// The most requests that one fault lasts for.
const TIMES_MAX: u32 = 1_000_000;
/// The longest delay that can be injected, in milliseconds.
const DELAY_MS_MAX: i64 = 600_000;
/// The longest word for an operation or code, in bytes.
const WORD_LEN_MAX: usize = 64;
/// The clock moves at most 400 days at once, in seconds.
const ADVANCE_S_MAX: u32 = 400 * 86_400;

type Answer = Response<Body>;
type World = State<Arc<Sandbox>>;

pub(crate) fn router() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/control/pay", post(pay))
        .route("/control/sign", post(sign))
        .route("/control/agreement", post(act_on_agreement))
        .route("/control/payment-code", post(payment_code))
        .route("/control/transactions", get(transactions))
        .route("/control/callbacks", get(list_callbacks))
        .route("/control/faults", post(inject_fault).get(list_faults).delete(clear_faults))
        .route("/control/clock", post(move_clock).get(show_clock))
        .route("/control/{switch}", post(turn_switch))
        .layer(DefaultBodyLimit::max(REQUEST_LEN_MAX))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayRequest {
    pay_info: Box<RawValue>,
    outcome: String,
    coupon: Option<CouponAsked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CouponAsked {
    /// In fen.
    amount: i64,
    kind: String,
}

async fn pay(State(sandbox): World, body: Bytes) -> Answer {
    let asked = match parse::<PayRequest>(&body) {
        Ok(asked) => asked,
        Err(why) => return bad(why),
    };
    let outcome = match read_outcome(&asked.outcome, asked.coupon.as_ref()) {
        Ok(outcome) => outcome,
        Err(why) => return bad(why),
    };
    let pay_info = plain_text(&asked.pay_info);
    let shown = on_the_phone(&sandbox, move |counterpart, documents, context| {
        counterpart.phone(documents, &pay_info, outcome, context)
    });
    told(&asked.outcome, "pay_info: no channel knows it", shown.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignRequest {
    sign_info: Box<RawValue>,
    outcome: String,
}

/// The phone opens a page for signing as it opens a cashier.
async fn sign(State(sandbox): World, body: Bytes) -> Answer {
    let asked = match parse::<SignRequest>(&body) {
        Ok(asked) => asked,
        Err(why) => return bad(why),
    };
    let outcome = match read_outcome(&asked.outcome, None) {
        Ok(outcome) => outcome,
        Err(why) => return bad(why),
    };
    let sign_info = plain_text(&asked.sign_info);
    let shown = on_the_phone(&sandbox, move |counterpart, documents, context| {
        counterpart.phone(documents, &sign_info, outcome, context)
    });
    told(&asked.outcome, "sign_info: no channel knows it", shown.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreementAsked {
    agreement: String,
    action: String,
}

async fn act_on_agreement(State(sandbox): World, body: Bytes) -> Answer {
    let asked = match parse::<AgreementAsked>(&body) {
        Ok(asked) => asked,
        Err(why) => return bad(why),
    };
    let act = match &*asked.action {
        "terminate" => AgreementAct::Terminate,
        "pause" => AgreementAct::Pause,
        "resume" => AgreementAct::Resume,
        _ => return bad("action: want terminate, pause or resume"),
    };
    let shown = on_the_phone(&sandbox, move |counterpart, documents, context| {
        counterpart.act_on_agreement(documents, &asked.agreement, act, context)
    });
    told(&asked.action, "agreement: no channel knows it", shown.await)
}

/// What the phone shows, as the answer of a control call.
fn told(result: &str, not_mine: &str, shown: Result<String, PhoneFault>) -> Answer {
    match shown {
        Ok(text) => Json(json!({ "result": result, "text": text })).into_response(),
        Err(PhoneFault::NotMine) => bad(not_mine),
        Err(PhoneFault::Refused(text)) => bad(text),
        Err(PhoneFault::DocumentStore(fault)) => broken(&fault),
    }
}

/// What a counterpart shows on the phone, and the callbacks that follow.
type Shown = Result<(String, Vec<OutgoingCallback>), PhoneFault>;

/// Does something on the phone at the channel that knows what it is about, and sends what follows.
async fn on_the_phone(
    sandbox: &Sandbox,
    act: impl Fn(&dyn Counterpart, &mut Documents<'_>, &CodecContext) -> Shown + Send + 'static,
) -> Result<String, PhoneFault> {
    let (clock, counterparts) = (sandbox.clock.clone(), sandbox.counterparts.clone());
    let work = move |connection: &Connection| phone(connection, &clock, &counterparts, &act);
    let shown = sandbox.writer.run(work).await;
    if shown.is_ok() {
        sandbox.new_callback.notify_one();
    }
    shown
}

fn phone(
    connection: &Connection,
    clock: &SharedClock,
    counterparts: &[Arc<dyn Counterpart>],
    act: &impl Fn(&dyn Counterpart, &mut Documents<'_>, &CodecContext) -> Shown,
) -> Result<String, PhoneFault> {
    for counterpart in counterparts {
        let context = context(connection, clock)?;
        let mut documents = Documents::new(connection);
        match act(&**counterpart, &mut documents, &context) {
            Err(PhoneFault::NotMine) => {}
            Err(fault) => return Err(fault),
            Ok((text, outgoing)) => {
                enqueue(connection, clock, &**counterpart, &outgoing)?;
                return Ok(text);
            }
        }
    }
    Err(PhoneFault::NotMine)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeRequest {
    channel: String,
    outcome: String,
}

async fn payment_code(State(sandbox): World, body: Bytes) -> Answer {
    let asked = match parse::<CodeRequest>(&body) {
        Ok(asked) => asked,
        Err(why) => return bad(why),
    };
    let Some(counterpart) = sandbox.counterpart(&asked.channel) else {
        return bad("channel: no counterpart has this name");
    };
    let Some(outcome) = read_scan_outcome(&asked.outcome) else {
        return bad("outcome: want success, password or fail");
    };
    let (clock, counterpart) = (sandbox.clock.clone(), counterpart.clone());
    let work = move |connection: &Connection| {
        let context = context(connection, &clock)?;
        counterpart.payment_code(&mut Documents::new(connection), outcome, &context)
    };
    match sandbox.writer.run(work).await {
        Ok(Some(code)) => Json(json!({ "payment_code": code })).into_response(),
        Ok(None) => bad("channel: it has no codes to scan"),
        Err(fault) => broken(&fault),
    }
}

fn read_scan_outcome(word: &str) -> Option<ScanOutcome> {
    match word {
        "success" => Some(ScanOutcome::Success),
        "password" => Some(ScanOutcome::Password),
        "fail" => Some(ScanOutcome::Fail),
        _ => None,
    }
}

fn read_outcome(word: &str, coupon: Option<&CouponAsked>) -> Result<PhoneOutcome, &'static str> {
    match (word, coupon) {
        ("success", None) => Ok(PhoneOutcome::Success),
        ("success", Some(coupon)) => read_coupon(coupon).map(PhoneOutcome::SuccessWith),
        ("fail" | "cancel", Some(_)) => Err("coupon: only for the outcome success"),
        ("fail", None) => Ok(PhoneOutcome::Fail),
        ("cancel", None) => Ok(PhoneOutcome::Cancel),
        _ => Err("outcome: want success, fail or cancel"),
    }
}

fn read_coupon(asked: &CouponAsked) -> Result<Coupon, &'static str> {
    let kind = match &*asked.kind {
        "cash" => CouponKind::Cash,
        "nocash" => CouponKind::NoCash,
        _ => return Err("coupon.kind: want cash or nocash"),
    };
    match Fen::new(asked.amount) {
        amount if amount.is_positive() => Ok(Coupon { amount, kind }),
        _ => Err("coupon.amount: want a number of fen above zero"),
    }
}

/// A JSON string's text; of anything else, the JSON itself.
fn plain_text(json: &RawValue) -> String {
    serde_json::from_str::<String>(json.get()).unwrap_or_else(|_| json.get().to_owned())
}

#[derive(Deserialize)]
struct Limit {
    limit: Option<usize>,
}

impl Limit {
    fn get(&self) -> usize {
        self.limit.unwrap_or(LIST_LEN).min(LIST_LEN_MAX)
    }
}

async fn transactions(State(sandbox): World, Query(limit): Query<Limit>) -> Answer {
    let counterparts = sandbox.counterparts.clone();
    let work = move |connection: &_| list_transactions(connection, &counterparts, limit.get());
    listed("transactions", sandbox.writer.run(work).await)
}

fn list_transactions(
    connection: &Connection,
    counterparts: &[Arc<dyn Counterpart>],
    limit: usize,
) -> Result<Vec<Value>, DocumentFault> {
    let documents = Documents::new(connection);
    let mut all = Vec::new();
    for counterpart in counterparts {
        all.extend(counterpart.transactions(&documents, limit)?);
    }
    let read = |text: &String| serde_json::from_str(text);
    all.iter().map(read).collect::<Result<_, _>>().map_err(|error| DocumentFault(error.to_string()))
}

async fn list_callbacks(State(sandbox): World, Query(limit): Query<Limit>) -> Answer {
    let work = move |connection: &_| describe_callbacks(connection, limit.get());
    listed("callbacks", sandbox.writer.run(work).await)
}

fn describe_callbacks(connection: &Connection, limit: usize) -> Result<Vec<Value>, DocumentFault> {
    let describe = |callback: &callbacks::Listed| {
        let attempts: Vec<Value> = callbacks::attempts(connection, callback.row)?
            .into_iter()
            .map(|(at_ms, outcome)| json!({ "at_ms": at_ms, "outcome": outcome }))
            .collect();
        Ok(json!({
            "id": callback.id, "channel": callback.channel, "url": callback.url,
            "state": callback.state, "due_ms": callback.due_ms, "attempts": attempts,
        }))
    };
    callbacks::list(connection, limit)?.iter().map(describe).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    channel: String,
    operation: String,
    fault: String,
    code: Option<String>,
    delay_ms: Option<i64>,
    times: u32,
}

async fn inject_fault(State(sandbox): World, body: Bytes) -> Answer {
    let read = parse::<FaultRequest>(&body).and_then(|asked| read_fault(&sandbox, asked));
    let injected = match read {
        Ok(injected) => injected,
        Err(why) => return bad(why),
    };
    match sandbox.writer.run(move |connection| faults::inject(connection, &injected)).await {
        Ok(()) => Json(json!({ "result": "injected" })).into_response(),
        Err(fault) => broken(&fault),
    }
}

fn read_fault(sandbox: &Sandbox, asked: FaultRequest) -> Result<InjectedFault, String> {
    let FaultRequest { channel, operation, fault, code, delay_ms, times } = asked;
    if sandbox.counterpart(&channel).is_none() {
        return Err("channel: no counterpart has this name".to_owned());
    }
    if !is_operation(&operation) {
        return Err(format!(
            "operation: want {NOTIFY}, or a word of the channel such as create, query, close, refund"
        ));
    }
    if !WORDS.contains(&&*fault) {
        return Err(format!("fault: want one of {}", WORDS.join(", ")));
    }
    check_code(&fault, code.as_deref())?;
    check_delay(&fault, delay_ms)?;
    if !(1..=TIMES_MAX).contains(&times) {
        return Err(format!("times: want 1 to {TIMES_MAX}"));
    }
    let fault = Fault::from_word(&fault, code, delay_ms).ok_or("fault: incomplete")?;
    if let Some(why) = fault.misfit(&operation) {
        return Err(why.to_owned());
    }
    Ok(InjectedFault { channel, operation, fault, times })
}

fn is_operation(word: &str) -> bool {
    let letters = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    letters && (1..=WORD_LEN_MAX).contains(&word.len())
}

fn check_code(fault: &str, code: Option<&str>) -> Result<(), String> {
    match (CODED.contains(&fault), code) {
        (true, Some(code)) if (1..=WORD_LEN_MAX).contains(&code.len()) => Ok(()),
        (true, _) => Err(format!("code: want the channel's code, 1 to {WORD_LEN_MAX} bytes")),
        (false, None) => Ok(()),
        (false, Some(_)) => Err(format!("code: only for the faults {}", CODED.join(", "))),
    }
}

fn check_delay(fault: &str, delay_ms: Option<i64>) -> Result<(), String> {
    match (fault == "delay", delay_ms) {
        (true, Some(1..=DELAY_MS_MAX)) | (false, None) => Ok(()),
        (true, _) => Err(format!("delay_ms: want 1 to {DELAY_MS_MAX}")),
        (false, Some(_)) => Err("delay_ms: only for the fault delay".to_owned()),
    }
}

async fn list_faults(State(sandbox): World) -> Answer {
    let describe = |left: &InjectedFault| {
        json!({
            "channel": left.channel, "operation": left.operation, "fault": left.fault.word(),
            "code": left.fault.code(), "delay_ms": left.fault.delay_ms(), "times": left.times,
        })
    };
    let left = sandbox.writer.run(faults::left).await;
    listed("faults", left.map(|left| left.iter().map(describe).collect()))
}

async fn clear_faults(State(sandbox): World) -> Answer {
    match sandbox.writer.run(faults::clear).await {
        Ok(()) => Json(json!({ "result": "cleared" })).into_response(),
        Err(fault) => broken(&fault),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    advance_s: u32,
}

async fn move_clock(State(sandbox): World, body: Bytes) -> Answer {
    match sandbox.clock_control {
        ClockControl::Allowed => {}
        ClockControl::Forbidden => {
            return refuse(StatusCode::FORBIDDEN, "the clock is not movable here");
        }
    }
    let seconds = match parse::<ClockRequest>(&body) {
        Ok(asked) if asked.advance_s <= ADVANCE_S_MAX => asked.advance_s,
        Ok(_) => return bad(format!("advance_s: want 0 to {ADVANCE_S_MAX}")),
        Err(why) => return bad(why),
    };
    match sandbox.advance(seconds).await {
        Ok(_) => show_clock(State(sandbox)).await,
        Err(fault) => broken(&fault),
    }
}

async fn show_clock(State(sandbox): World) -> Answer {
    let clock = &sandbox.clock;
    Json(json!({ "now_ms": clock.now().ms(), "offset_ms": clock.offset_ms() })).into_response()
}

/// A switch of a channel's own: `channel` says whose, and the rest is for it to read.
async fn turn_switch(State(sandbox): World, Path(switch): Path<String>, body: Bytes) -> Answer {
    let mut arguments = match parse::<serde_json::Map<String, Value>>(&body) {
        Ok(arguments) => arguments,
        Err(why) => return bad(why),
    };
    let Some(Value::String(channel)) = arguments.remove("channel") else {
        return bad("channel: want the name of a channel");
    };
    let arguments = Value::Object(arguments).to_string();
    match sandbox.switch(&channel, &switch, arguments).await {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(fault @ SwitchFault::Unknown) => refuse(StatusCode::NOT_FOUND, fault.to_string()),
        Err(SwitchFault::Refused(why)) => bad(why),
        Err(SwitchFault::DocumentStore(fault)) => broken(&fault),
    }
}

/// Reads a body; the refusal names the field, as serde tells it.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("body: {error}"))
}

fn listed(name: &str, entries: Result<Vec<Value>, DocumentFault>) -> Answer {
    match entries {
        Ok(entries) => Json(json!({ name: entries })).into_response(),
        Err(fault) => broken(&fault),
    }
}

fn bad(why: impl Into<String>) -> Answer {
    refuse(StatusCode::BAD_REQUEST, why)
}

fn broken(fault: &DocumentFault) -> Answer {
    tracing::error!(%fault, "a control call failed");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, fault.to_string())
}
