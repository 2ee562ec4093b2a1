//! Calls to channels, and the keys that were fetched from them.

use super::word;
use channel::{Operation, PlatformKey};
use kernel::{CallRecord, InFlightCall};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
pub(super) struct InFlightCallBody<'a> {
    operation: &'a str,
    until: i64,
}

impl InFlightCallBody<'_> {
    pub(super) fn of(in_flight: InFlightCall) -> InFlightCallBody<'static> {
        InFlightCallBody { operation: in_flight.operation.name(), until: in_flight.until.ms() }
    }

    pub(super) fn read(self) -> Result<InFlightCall, String> {
        let until = Timestamp::from_ms(self.until);
        Ok(InFlightCall { operation: operation(self.operation)?, until })
    }
}

pub(super) fn operation(name: &str) -> Result<Operation, String> {
    word(Operation::from_name, name, "operation")
}

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

impl<'a> CallBody<'a> {
    pub(super) fn of(call: &'a CallRecord) -> CallBody<'a> {
        CallBody {
            operation: call.operation.map(Operation::name),
            at: call.at.ms(),
            took_ms: call.took_ms,
            status: call.status,
            channel_trace: call.channel_trace.as_deref().map(Cow::Borrowed),
            summary: Cow::Borrowed(&call.summary),
        }
    }

    pub(super) fn read(self) -> Result<CallRecord, String> {
        Ok(CallRecord {
            operation: self.operation.map(operation).transpose()?,
            at: Timestamp::from_ms(self.at),
            took_ms: self.took_ms,
            status: self.status,
            channel_trace: self.channel_trace.map(Cow::into_owned),
            summary: self.summary.into_owned(),
        })
    }
}

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
