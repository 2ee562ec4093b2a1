//! The event log. What every event has are columns; what its change says is one JSON text. The row of
//! its subject holds what never changes, so a body does not repeat it.

use super::call::CallBody;
use super::cells::{Cells, Column, Source, Table, Value, int, nullable, text};
use super::stored::{Body, Stored, from_json, noun, to_json};
use crate::StoreFault;
use kernel::{Caller, Change, Event, Row, TenantId};
use ledger::{Subject, SubjectKind, Timestamp};
use std::collections::HashMap;

/// An event.
pub static EVENTS: Table = Table { name: "events", columns: &EVENT_COLUMNS };

const EVENT_COLUMNS: [Column; 11] = [
    text("tenant"),
    int("root"),
    int("id"),
    text("subject_kind"),
    int("subject_id"),
    int("sequence"),
    int("at"),
    text("caller"),
    text("change"),
    nullable(text("call")),
    text("body"),
];

/// The rows whose events are read, by subject: an event's body does not repeat what they hold.
pub type Subjects = HashMap<Subject, Row>;

/// The cells of an event.
pub fn row(event: &Event) -> Vec<Value<'_>> {
    let call = event.call.as_ref().map(|call| CallBody::text(call, event.at, event.change.name()));
    vec![
        Value::text(event.tenant.as_str()),
        Value::Int(event.root.value()),
        Value::Int(event.id.value()),
        Value::text(event.subject.kind.name()),
        Value::Int(event.subject.value),
        Value::Int(event.sequence),
        Value::Int(event.at.ms()),
        caller(&event.caller),
        Value::text(event.change.name()),
        call.map_or(Value::Null, Value::owned),
        Value::owned(body(event)),
    ]
}

/// Reads the cells of an event.
///
/// # Errors
/// When a cell holds what no event can have.
pub fn read(cells: &[Value<'_>], subjects: &Subjects) -> Result<Event, StoreFault> {
    let mut cells = Cells::new(Source::Table(&EVENTS), cells);
    let tenant = TenantId::new(cells.text()?);
    let root = cells.id()?;
    let id = cells.id()?;
    let subject = cells.subject()?;
    let sequence = cells.int()?;
    let at = cells.time()?;
    let caller = cells.word(Caller::from_text)?;
    let name = cells.text()?;
    let call = match cells.optional_text()? {
        Some(text) => Some(CallBody::read(text, at, name).map_err(|why| cells.fault(&why))?),
        None => None,
    };
    let body = cells.text()?;
    let change = change(&Envelope { subject, sequence, at }, name, body, subjects)
        .map_err(|why| cells.fault(&format!("of event {id}, {name} of {subject}: {why}")))?;
    Ok(Event { id, tenant, subject, root, sequence, at, caller, call, change })
}

fn caller(caller: &Caller) -> Value<'_> {
    match caller {
        Caller::Clock => Value::text("clock"),
        Caller::Business(_) | Caller::Channel(_) | Caller::Operator(_) => {
            Value::owned(caller.text())
        }
    }
}

/// What an event's body leaves to its columns.
struct Envelope {
    subject: Subject,
    sequence: i64,
    at: Timestamp,
}

macro_rules! bodies {
    ($($rows:ident: $row:ident,)*) => {
        fn body(event: &Event) -> String {
            match &event.change {
                $(Change::$row(change) => {
                    match <kernel::$row as Stored>::encode(change, event.at) {
                        Body::Whole(row) => to_json(row, event.sequence),
                        Body::Json(text) => text,
                    }
                })*
            }
        }

        fn change(
            envelope: &Envelope,
            name: &str,
            body: &str,
            subjects: &Subjects,
        ) -> Result<Change, String> {
            let Envelope { subject, sequence, at } = *envelope;
            match subject.kind {
                $(SubjectKind::$row => {
                    let whole = |body: &str| match subjects.get(&subject) {
                        Some(Row::$row(row)) => from_json(row, sequence, body),
                        Some(_) | None => Err(format!("the row of its {} is missing", noun::<kernel::$row>())),
                    };
                    <kernel::$row as Stored>::decode(name, at, body, &whole).map(Change::$row)
                })*
            }
        }
    };
}
kernel::aggregates!(bodies);
