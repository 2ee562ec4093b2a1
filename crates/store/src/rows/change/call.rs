//! Calls to channels, and the keys that were fetched from them.

use super::word;
use channel::{Operation, PlatformKey};
use kernel::{Busy, CallRecord};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
pub(super) struct BusyBody<'a> {
    operation: &'a str,
    until: i64,
}

impl BusyBody<'_> {
    pub(super) fn of(busy: Busy) -> BusyBody<'static> {
        BusyBody { operation: busy.operation.name(), until: busy.until.ms() }
    }

    pub(super) fn read(self) -> Result<Busy, String> {
        let until = Timestamp::from_ms(self.until);
        Ok(Busy { operation: operation(self.operation)?, until })
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
    said: Cow<'a, str>,
}

impl<'a> CallBody<'a> {
    pub(super) fn of(call: &'a CallRecord) -> CallBody<'a> {
        CallBody {
            operation: call.operation.map(Operation::name),
            at: call.at.ms(),
            took_ms: call.took_ms,
            status: call.status,
            channel_trace: call.channel_trace.as_deref().map(Cow::Borrowed),
            said: Cow::Borrowed(&call.said),
        }
    }

    pub(super) fn read(self) -> Result<CallRecord, String> {
        Ok(CallRecord {
            operation: self.operation.map(operation).transpose()?,
            at: Timestamp::from_ms(self.at),
            took_ms: self.took_ms,
            status: self.status,
            channel_trace: self.channel_trace.map(Cow::into_owned),
            said: self.said.into_owned(),
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
