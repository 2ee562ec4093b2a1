//! Tenants, merchants, callers' keys and channel accounts: created, read, changed, disabled, rotated.
//!
//! A `PUT` states what shall be; the same `PUT` again changes nothing. With `If-None-Match: *` it only
//! creates. Secrets go in and never come out again, except a generated one, once.
//!
//! - `body`: JSON bodies, refused by the name of the member.
//! - `tenants`, `merchants`, `caller_keys`, `channel_accounts`: the paths of each, and its JSON.

pub(crate) mod body;
mod caller_keys;
pub(crate) mod channel_accounts;
mod merchants;
mod tenants;

use crate::faults::Fault;
use crate::operators::Operator;
use crate::query::Malformed;
use crypto::MasterKeys;
use engine::{Engine, Failure};
use http::{HeaderMap, header};
use kernel::{Command, DirectoryRefusal, Put, Refusal, Sealed};
use serde::Serialize;
use std::sync::Arc;
use store::{DirectoryOf, DirectoryRows};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// How often rows are read again because another change came between.
const READS_MAX: u32 = 4;
/// Characters of an id or name that stands in a URL or header.
const NAME_LEN_MAX: usize = 64;
/// Characters of a name for people.
const TITLE_LEN_MAX: usize = 200;

/// The routes.
pub(crate) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .merge(tenants::described())
        .merge(merchants::described())
        .merge(caller_keys::described())
        .merge(channel_accounts::described())
}

/// A secret that is stored: that it is there, and nothing of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Sealed)]
struct SealedShown {
    /// Always true.
    sealed: bool,
    /// The id of the master key that it is sealed under.
    key_id: String,
}

impl SealedShown {
    fn of(sealed: &Sealed) -> SealedShown {
        let key_id = MasterKeys::id_of(sealed.as_str()).unwrap_or_default().to_owned();
        SealedShown { sealed: true, key_id }
    }
}

/// Every row of the directory, as committed.
async fn rows(engine: &Engine) -> Result<Box<DirectoryRows>, Fault> {
    Ok(engine.ask(DirectoryOf {}).await?)
}

/// Puts what is made from the rows as they are, and again from fresh ones while another change comes
/// between: so a change never undoes one that it did not see.
async fn put<C: Into<Command>>(
    engine: &Engine,
    operator: &Operator,
    make: impl Fn(&DirectoryRows) -> Result<C, Fault>,
) -> Result<(), Fault> {
    let mut reads = 1;
    loop {
        let command = make(&*rows(engine).await?)?;
        match engine.handle(operator.caller(), command).await {
            Err(Failure::Refused(Refusal::Directory(DirectoryRefusal::Changed { .. })))
                if reads < READS_MAX =>
            {
                reads += 1;
            }
            outcome => return Ok(outcome.map(drop)?),
        }
    }
}

/// How a row is put that was read in this version.
const fn put_read(put: Put, version: Option<i64>) -> Put {
    match put {
        Put::Create => Put::Create,
        Put::Change | Put::Apply | Put::Read { .. } => Put::read(version),
    }
}

/// With `If-None-Match: *` a row is only created. Entity tags are not given out, so none is taken.
fn put_of(headers: &HeaderMap) -> Result<Put, Malformed> {
    match headers.get(header::IF_NONE_MATCH) {
        None => Ok(Put::Apply),
        Some(value) if value == "*" => Ok(Put::Create),
        Some(_) => Err(malformed("If-None-Match", "want * or nothing")),
    }
}

/// Whether a row is to be enabled: as the request states it, else as it is. What was disabled on
/// purpose must not come back because a later change did not mention it.
fn enabled(wanted: Option<bool>, put: Put, stored: Option<bool>) -> bool {
    let stored = match put {
        Put::Create => None,
        Put::Change | Put::Apply | Put::Read { .. } => stored,
    };
    wanted.or(stored).unwrap_or(true)
}

fn check_name(field: &str, name: &str) -> Result<(), Malformed> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    let why = format!("found {name:?}, want 1 to {NAME_LEN_MAX} letters, digits, _ and -");
    Err(malformed(field, &why))
}

fn check_title(field: &str, title: &str) -> Result<(), Malformed> {
    let is_one_line = !title.chars().any(char::is_control);
    if (1..=TITLE_LEN_MAX).contains(&title.chars().count()) && is_one_line {
        return Ok(());
    }
    Err(malformed(field, &format!("want 1 to {TITLE_LEN_MAX} characters on one line")))
}

fn malformed(field: &str, why: &str) -> Malformed {
    Malformed { field: field.to_owned(), why: why.to_owned() }
}
