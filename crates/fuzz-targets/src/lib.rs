//! What is fuzzed: functions that read bytes from strangers, from channels or from a database.
//!
//! A target takes any bytes and asserts what must hold. `fuzz/fuzz_targets/` gives each to libFuzzer;
//! `tests/mutations.rs` runs all of them over the corpus and over changed copies of it.

use ledger::{Fen, Subject, SubjectKind};
use std::sync::LazyLock;
use store::rows::Value;
use store::rows::event::{self, Subjects};
use story::samples;

/// Reads bytes and asserts what must hold.
pub type Target = fn(&[u8]);

/// All targets by name; the corpus of each is the folder of its name in `fuzz/corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("alipay_answer", channel_alipay::fuzzing::answer),
    ("alipay_callback", channel_alipay::fuzzing::callback),
    ("allocate", allocate),
    ("cpay_body", dialect_cpay::fuzzing::body),
    ("cpay_content", dialect_cpay::fuzzing::content),
    ("event", event),
    ("guard", adapters::fuzzing::guard),
    ("kept_text", store_postgres::fuzzing::kept_text),
    ("wecard_authorization", dialect_wecard::fuzzing::authorization),
    ("wecard_body", dialect_wecard::fuzzing::body),
    ("wxpay_answer", channel_wxpay::fuzzing::answer),
    ("wxpay_authorization", channel_wxpay::fuzzing::authorization),
    ("wxpay_callback", channel_wxpay::fuzzing::callback),
    ("wxpay_percent_encoding", channel_wxpay::fuzzing::percent_encoding),
    ("wxpay_v2_answer", channel_wxpay::fuzzing::v2::answer),
    ("wxpay_v2_callback", channel_wxpay::fuzzing::v2::callback),
    ("wxpay_v2_message", channel_wxpay::fuzzing::v2::message),
];

/// Runs the target of a name.
///
/// # Panics
///
/// Where there is none of that name, or what it asserts does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("no target {name}"));
    target(bytes);
}

/// An amount and weights, each in four bytes: the parts sum to the whole, and a part without weight
/// is nothing.
fn allocate(bytes: &[u8]) {
    let Some((amount, weights)) = bytes.split_first_chunk::<8>() else { return };
    let amount = Fen::new(i64::from_le_bytes(*amount));
    let (weights, _) = weights.as_chunks::<4>();
    let weights: Vec<u32> = weights.iter().map(|weight| u32::from_le_bytes(*weight)).collect();
    let Ok(parts) = amount.allocate(&weights) else { return };
    let sum: i128 = parts.iter().map(|part| i128::from(part.get())).sum();
    assert_eq!(sum, i128::from(amount.get()));
    assert_eq!(parts.len(), weights.len());
    for (part, weight) in parts.iter().zip(&weights) {
        assert!(part.get() == 0 || *weight > 0, "{amount} over {weights:?}: {parts:?}");
        assert!(part.get().signum() * amount.get().signum() >= 0, "a part of the other sign");
    }
}

/// The rows of an order with a refund and notifications, which events are about.
static SUBJECTS: LazyLock<Subjects> = LazyLock::new(|| {
    let (samples, orders) = samples::whole();
    let rows = orders.into_iter().flat_map(|order| samples.story(order).rows);
    rows.map(|row| (row.subject(), row)).collect()
});

/// An event as a database has it, in lines: the subject's kind, the change, the record of a call or
/// nothing, the body. One that is read is written the same.
fn event(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(4, '\n');
    let [Some(kind), Some(change), Some(call), Some(body)] = std::array::from_fn(|_| lines.next())
    else {
        return;
    };
    let Some(subject) = subject(kind) else { return };
    let call = Some(call).filter(|call| !call.is_empty());
    let cells = vec![
        Value::text("100001"),
        Value::Int(subject.value),
        Value::Int(subject.value),
        Value::text(subject.kind.name()),
        Value::Int(subject.value),
        Value::Int(1),
        Value::Int(0),
        Value::text("clock"),
        Value::text(change),
        Value::optional(call),
        Value::text(body),
    ];
    if let Ok(read) = event::read(&cells, &SUBJECTS) {
        assert_eq!(event::read(&event::row(&read), &SUBJECTS).as_ref(), Ok(&read));
    }
}

/// The first row of a kind, or a subject without a row.
fn subject(kind: &str) -> Option<Subject> {
    let kind = SubjectKind::from_name(kind)?;
    let known = SUBJECTS.keys().copied().filter(|subject| subject.kind == kind).min();
    Some(known.unwrap_or(Subject { kind, value: 1 }))
}
