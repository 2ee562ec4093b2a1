//! JSON bodies. A refusal names the member and what is wanted of it; it never quotes what was sent,
//! which may be a secret.

use super::malformed;
use crate::faults::Fault;
use crate::query::Malformed;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// What a request states, read from its body.
pub(crate) struct Wanted<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Wanted<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Wanted(read(&bytes)?)),
            Err(_) => Err(malformed("body", "too long, or broken off").into()),
        }
    }
}

/// Reads a body.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let wanted = serde_path_to_error::deserialize(&mut json);
    let wanted = wanted.map_err(|fault| refused(&fault.path().to_string(), fault.inner()))?;
    json.end().map_err(|_| malformed("body", "want one JSON object"))?;
    Ok(wanted)
}

/// The words of serde, without the part that quotes what was sent.
fn refused(path: &str, fault: &serde_json::Error) -> Malformed {
    let here = if path == "." { "body" } else { path };
    let text = fault.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    match fault.classify() {
        Category::Data => {}
        Category::Syntax | Category::Eof | Category::Io => {
            return malformed(here, "want JSON of the documented form");
        }
    }
    // These quote a name that stands in our own code.
    for (start, why) in [("missing field `", "missing"), ("duplicate field `", "given twice")] {
        if let Some(member) = text.strip_prefix(start) {
            let member = member.trim_end_matches('`');
            return match path {
                "." => malformed(member, why),
                parent => malformed(&format!("{parent}.{member}"), why),
            };
        }
    }
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected.replace('`', ""));
    match expected {
        Some(known) if text.starts_with("unknown field") => {
            malformed(here, &format!("unknown member, known: {known}"))
        }
        Some(_) if path == "." => malformed(here, "want a JSON object"),
        Some(expected) => {
            let plain = expected.replace("a sequence", "a list").replace("a map", "an object");
            malformed(here, &format!("want {plain}"))
        }
        None => malformed(here, "cannot be used"),
    }
}
