//! Calls to channels, as JSON.

use super::stored::{parse, word};
use channel::{Operation, PlatformKey};
use kernel::CallRecord;
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
pub(super) struct CallBody<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    at: i64,
    took_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel_trace: Option<Cow<'a, str>>,
    summary: Cow<'a, str>,
}

impl CallBody<'_> {
    pub(super) fn text(call: &CallRecord) -> String {
        let body = CallBody {
            operation: call.operation.map(Operation::name),
            at: call.at.ms(),
            took_ms: call.took_ms,
            status: call.status,
            channel_trace: call.channel_trace.as_deref().map(Cow::Borrowed),
            summary: Cow::Borrowed(&call.summary),
        };
        serde_json::to_string(&body).expect("texts and numbers are always JSON")
    }

    pub(super) fn read(text: &str) -> Result<CallRecord, String> {
        let body: CallBody<'_> = parse(text)?;
        Ok(CallRecord {
            operation: body.operation.map(operation).transpose()?,
            at: Timestamp::from_ms(body.at),
            took_ms: body.took_ms,
            status: body.status,
            channel_trace: body.channel_trace.map(Cow::into_owned),
            summary: body.summary.into_owned(),
        })
    }
}

pub(super) fn operation(name: &str) -> Result<Operation, String> {
    word(Operation::from_name, name, "operation")
}

/// A signing key of a channel, as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyBody<'a> {
    serial: Cow<'a, str>,
    pem: Cow<'a, str>,
    valid_from: i64,
    valid_until: i64,
}

impl<'a> KeyBody<'a> {
    pub(super) fn of(key: &'a PlatformKey) -> KeyBody<'a> {
        KeyBody {
            serial: Cow::Borrowed(&key.serial),
            pem: Cow::Borrowed(&key.pem),
            valid_from: key.valid_from.ms(),
            valid_until: key.valid_until.ms(),
        }
    }

    pub(super) fn read(self) -> PlatformKey {
        PlatformKey {
            serial: self.serial.into_owned(),
            pem: self.pem.into_owned(),
            valid_from: Timestamp::from_ms(self.valid_from),
            valid_until: Timestamp::from_ms(self.valid_until),
        }
    }
}
