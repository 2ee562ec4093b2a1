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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    took_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel_trace: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    summary: Option<Cow<'a, str>>,
}

impl CallBody<'_> {
    /// The call of an event. A callback mostly came when the event was decided, and took no time.
    /// The summary of a change that says the same is left out.
    pub(super) fn text(call: &CallRecord, event_at: Timestamp, change: &str) -> String {
        let body = CallBody {
            operation: call.operation.map(Operation::name),
            at: (call.at != event_at).then(|| call.at.ms()),
            took_ms: call.took_ms,
            status: call.status,
            channel_trace: call.channel_trace.as_deref().map(Cow::Borrowed),
            summary: (said_by(change) != Some(&call.summary))
                .then(|| Cow::Borrowed(&*call.summary)),
        };
        serde_json::to_string(&body).expect("texts and numbers are always JSON")
    }

    pub(super) fn read(
        text: &str,
        event_at: Timestamp,
        change: &str,
    ) -> Result<CallRecord, String> {
        let body: CallBody<'_> = parse(text)?;
        Ok(CallRecord {
            operation: body.operation.map(operation).transpose()?,
            at: body.at.map_or(event_at, Timestamp::from_ms),
            took_ms: body.took_ms,
            status: body.status,
            channel_trace: body.channel_trace.map(Cow::into_owned),
            summary: match body.summary {
                Some(summary) => summary.into_owned(),
                None => said_by(change).ok_or("without a summary")?.to_owned(),
            },
        })
    }
}

/// The summary of the channel's answer that a change of this name always follows.
fn said_by(change: &str) -> Option<&'static str> {
    match change {
        "pay_info_received" => Some("placed"),
        "paid" => Some("paid"),
        _ => None,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
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
