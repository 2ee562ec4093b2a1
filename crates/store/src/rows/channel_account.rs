//! Channel accounts. Their secrets are stored sealed; the channel's signing keys are public.

use super::call::KeyBody;
use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use channel::PlatformKey;
use kernel::{
    AccountSetting, AccountSettings, Attention, AttentionKind, Blocked, ChannelAccount,
    ChannelAccountChange, Mismatch, Sealed, TenantId,
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Stored for ChannelAccount {
    const TABLE: &'static RowTable = &RowTable {
        name: "channel_accounts",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("name"),
            text("channel"),
            int("made_at"),
            text("identity"),
        ],
        narrow_len: 6,
        mutable: &[
            text("settings"),
            text("platform_keys"),
            int("is_enabled"),
            nullable(text("mismatch")),
        ],
        number: Some(NumberColumns { namespace: None, number: "name" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.name),
            Value::text(&self.channel),
            Value::Int(self.made_at.ms()),
            Value::text(&self.identity),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::owned(settings_text(&self.settings)),
            Value::owned(keys_text(&self.platform_keys)),
            Value::Int(i64::from(self.is_enabled)),
            match &self.mismatch {
                Some(mismatch) => Value::owned(mismatch_text(mismatch)),
                None => Value::Null,
            },
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<ChannelAccount, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let name = cells.shared()?;
        let channel = cells.shared()?;
        let made_at = cells.time()?;
        let identity = cells.shared()?;
        let standing = cells.standing()?;
        let settings = read_settings(cells.text()?).map_err(|why| cells.fault(&why))?;
        let platform_keys = read_keys(cells.text()?).map_err(|why| cells.fault(&why))?;
        let is_enabled = cells.flag()?;
        let mismatch = match cells.optional_text()? {
            Some(text) => Some(read_mismatch(text).map_err(|why| cells.fault(&why))?),
            None => None,
        };
        // A blocked account is shown as blocked, regardless of what else there is to look at.
        let is_blocked = |attention: &Attention| attention.kind == AttentionKind::AccountBlocked;
        let blocked = standing
            .attention
            .filter(is_blocked)
            .map(|attention| Blocked { why: attention.reason, since: attention.since });
        Ok(ChannelAccount {
            tenant,
            id,
            name,
            channel,
            made_at,
            version: standing.version,
            settings,
            platform_keys,
            is_enabled,
            identity,
            blocked,
            mismatch,
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
            ChannelAccountChange::MismatchRecorded { why }
            | ChannelAccountChange::Blocked { why } => json(&WhyBody { why: Cow::Borrowed(why) }),
            ChannelAccountChange::Resumed => json(&Empty {}),
            ChannelAccountChange::MismatchDismissed { note } => {
                json(&NoteBody { note: Cow::Borrowed(note) })
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
                let why = parse::<WhyBody<'_>>(body)?.why.into_owned();
                ChannelAccountChange::MismatchRecorded { why }
            }
            "blocked" => {
                let why = parse::<WhyBody<'_>>(body)?.why.into_owned();
                ChannelAccountChange::Blocked { why }
            }
            "resumed" => parse::<Empty>(body).map(|_| ChannelAccountChange::Resumed)?,
            "mismatch_dismissed" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                ChannelAccountChange::MismatchDismissed { note }
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
struct Empty {}

#[derive(Serialize, Deserialize)]
struct WhyBody<'a> {
    why: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    note: Cow<'a, str>,
}

/// The JSON of the column `mismatch`.
#[derive(Serialize, Deserialize)]
struct MismatchBody<'a> {
    why: Cow<'a, str>,
    since: i64,
}

fn mismatch_text(mismatch: &Mismatch) -> String {
    let body = MismatchBody { why: Cow::Borrowed(&mismatch.why), since: mismatch.since.ms() };
    serde_json::to_string(&body).expect("texts and numbers are always JSON")
}

fn read_mismatch(text: &str) -> Result<Mismatch, String> {
    let body: MismatchBody<'_> = parse(text)?;
    Ok(Mismatch { why: Arc::from(body.why), since: Timestamp::from_ms(body.since) })
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
