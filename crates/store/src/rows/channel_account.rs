//! Channel accounts. Their secrets are stored sealed; the channel's signing keys are public.

use super::call::KeyBody;
use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use channel::PlatformKey;
use kernel::{
    AccountSetting, AccountSettings, ChannelAccount, ChannelAccountChange, Sealed, TenantId,
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

impl Stored for ChannelAccount {
    const TABLE: &'static RowTable = &RowTable {
        name: "channel_accounts",
        terms: None,
        fixed: &[text("tenant"), int("id"), text("name"), text("channel"), int("made_at")],
        narrow_len: 5,
        mutable: &[text("settings"), text("platform_keys"), int("is_enabled")],
        number: Some(NumberColumns { namespace: None, number: "name" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.name),
            Value::text(&self.channel),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::owned(settings_text(&self.settings)),
            Value::owned(keys_text(&self.platform_keys)),
            Value::Int(i64::from(self.is_enabled)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<ChannelAccount, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let name = cells.shared()?;
        let channel = cells.shared()?;
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let settings = read_settings(cells.text()?).map_err(|why| cells.fault(&why))?;
        let platform_keys = read_keys(cells.text()?).map_err(|why| cells.fault(&why))?;
        Ok(ChannelAccount {
            tenant,
            id,
            name,
            channel,
            made_at,
            version: standing.version,
            settings,
            platform_keys,
            is_enabled: cells.flag()?,
            attention: standing.attention,
        })
    }

    fn encode(change: &ChannelAccountChange, _at: Timestamp) -> Body<'_, ChannelAccount> {
        match change {
            ChannelAccountChange::Created(row) | ChannelAccountChange::Changed(row) => {
                Body::Whole(row)
            }
            ChannelAccountChange::KeysStored(keys) => {
                json(&KeysBody { keys: keys.iter().map(KeyBody::of).collect() })
            }
            ChannelAccountChange::MismatchRecorded { why } => {
                json(&MismatchBody { why: Cow::Borrowed(why) })
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<ChannelAccount, String>,
    ) -> Result<ChannelAccountChange, String> {
        Ok(match name {
            "created" => ChannelAccountChange::Created(Box::new(whole(body)?)),
            "changed" => ChannelAccountChange::Changed(Box::new(whole(body)?)),
            "keys_stored" => {
                let keys = parse::<KeysBody<'_>>(body)?.keys;
                ChannelAccountChange::KeysStored(keys.into_iter().map(KeyBody::read).collect())
            }
            "mismatch_recorded" => {
                let why = parse::<MismatchBody<'_>>(body)?.why.into_owned();
                ChannelAccountChange::MismatchRecorded { why }
            }
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct KeysBody<'a> {
    #[serde(borrow)]
    keys: Vec<KeyBody<'a>>,
}

#[derive(Serialize, Deserialize)]
struct MismatchBody<'a> {
    why: Cow<'a, str>,
}

/// A setting in the column `settings`: text, or an object with the sealed text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SettingBody {
    Plain(String),
    Sealed { sealed: String },
}

fn settings_text(settings: &AccountSettings) -> String {
    let bodies: BTreeMap<&String, SettingBody> = settings
        .iter()
        .map(|(name, setting)| {
            let body = match setting {
                AccountSetting::Plain(value) => SettingBody::Plain(value.clone()),
                AccountSetting::Sealed(sealed) => {
                    SettingBody::Sealed { sealed: sealed.as_str().to_owned() }
                }
            };
            (name, body)
        })
        .collect();
    serde_json::to_string(&bodies).expect("texts are always JSON")
}

fn read_settings(text: &str) -> Result<AccountSettings, String> {
    let bodies: BTreeMap<String, SettingBody> = parse(text)?;
    let setting = |body| match body {
        SettingBody::Plain(value) => AccountSetting::Plain(value),
        SettingBody::Sealed { sealed } => AccountSetting::Sealed(Sealed::new(&sealed)),
    };
    Ok(bodies.into_iter().map(|(name, body)| (name, setting(body))).collect())
}

fn keys_text(keys: &[PlatformKey]) -> String {
    let bodies: Vec<KeyBody<'_>> = keys.iter().map(KeyBody::of).collect();
    serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
}

fn read_keys(text: &str) -> Result<Vec<PlatformKey>, String> {
    let bodies: Vec<KeyBody<'_>> = parse(text)?;
    Ok(bodies.into_iter().map(KeyBody::read).collect())
}
