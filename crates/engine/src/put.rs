//! Putting callers' keys and channel accounts: what a person or a file declares becomes a command whose
//! secrets are sealed and whose settings were tried.

use crate::Engine;
use crate::channel_accounts::{ChannelAccountFault, find, plain_settings};
use crate::secrets::{caller_key_context, setting_context};
use channel::Settings;
use crypto::Secret;
use crypto::rsa::Verifier;
use kernel::{
    AccountSetting, AccountSettings, CallerKey, CallerKeyCommand, CallerProof, ChannelAccount,
    ChannelAccountCommand, Put, Sealed, TenantId,
};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The length of a shared secret, in characters.
pub const CALLER_SECRET_LEN: RangeInclusive<usize> = 16..=1024;

/// The greatest length of the id of a caller's key, in characters.
const KEY_ID_LEN_MAX: usize = 128;

/// A caller's key as it is declared.
pub struct DeclaredCallerKey {
    /// The owner.
    pub tenant: TenantId,
    /// Its id on the wire.
    pub key_id: Arc<str>,
    /// What proves the caller.
    pub proof: DeclaredProof,
    /// False when it is not to be accepted any more.
    pub is_enabled: bool,
    /// Whether it may or must be there.
    pub put: Put,
}

/// What proves a caller, as it is declared.
#[derive(Clone)]
pub enum DeclaredProof {
    /// A shared secret.
    Hmac(Secret),
    /// The caller's public key, PEM.
    Rsa(Arc<str>),
    /// What is stored stays.
    Keep,
}

/// A channel account as it is declared.
pub struct DeclaredChannelAccount {
    /// The owner.
    pub tenant: TenantId,
    /// Its name.
    pub name: Arc<str>,
    /// The channel's name.
    pub channel: Arc<str>,
    /// Its settings in the clear. A secret that is left out stays as it is stored.
    pub settings: Settings,
    /// False when nothing new is to be collected through it.
    pub is_enabled: bool,
    /// Whether it may or must be there.
    pub put: Put,
}

/// Why a declaration does not become a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationFault {
    /// A member is wrong.
    #[error("{field}: {why}")]
    Field {
        /// The member.
        field: String,
        /// What is wrong; never the value of a secret.
        why: String,
    },
    /// The channel does not take the account.
    #[error(transparent)]
    ChannelAccount(#[from] ChannelAccountFault),
}

impl Engine {
    /// The command that puts a caller's key. `stored` is the key's row, if there is one: a secret that is
    /// the same stays as it is stored, so that putting it again changes nothing.
    ///
    /// # Errors
    /// When a member is wrong.
    pub fn put_caller_key(
        &self,
        declared: DeclaredCallerKey,
        stored: Option<&CallerKey>,
    ) -> Result<CallerKeyCommand, DeclarationFault> {
        let DeclaredCallerKey { tenant, key_id, proof, is_enabled, put } = declared;
        check_key_id(&key_id)?;
        let proof = match proof {
            DeclaredProof::Hmac(secret) => {
                let checked = secret.check(CALLER_SECRET_LEN);
                checked.map_err(|fault| wrong("secret", fault.to_string()))?;
                let context = caller_key_context(&tenant, &key_id);
                let stored = stored.and_then(|row| match &row.proof {
                    CallerProof::Hmac(sealed) => Some(sealed),
                    CallerProof::Rsa { .. } => None,
                });
                CallerProof::Hmac(self.seal_again("secret", &context, &secret, stored)?)
            }
            DeclaredProof::Rsa(public_key_pem) => {
                Verifier::from_public_pem(&public_key_pem)
                    .map_err(|fault| wrong("public_key_pem", fault.to_string()))?;
                CallerProof::Rsa { public_key_pem }
            }
            DeclaredProof::Keep => match stored {
                Some(row) => row.proof.clone(),
                None => return Err(wrong("proof", "a secret or a public key wanted")),
            },
        };
        Ok(CallerKeyCommand::Put { tenant, key_id, proof, is_enabled, put })
    }

    /// The command that puts a channel account. The channel tries the settings first.
    ///
    /// # Errors
    /// When the channel does not take them.
    pub fn put_channel_account(
        &self,
        declared: DeclaredChannelAccount,
        stored: Option<&ChannelAccount>,
    ) -> Result<ChannelAccountCommand, DeclarationFault> {
        let DeclaredChannelAccount { tenant, name, channel, settings, is_enabled, put } = declared;
        let about = find(&self.channels, &channel)?.about();
        let is_secret = |setting: &str| {
            about.settings.iter().any(|known| known.name == setting && known.secret)
        };
        let stored = stored.filter(|row| row.channel == channel);
        let sealed_before = |setting: &str| {
            stored.and_then(|row| match row.settings.get(setting) {
                Some(AccountSetting::Sealed(sealed)) => Some(sealed),
                Some(AccountSetting::Plain(_)) | None => None,
            })
        };
        let mut kept = AccountSettings::new();
        for (setting, value) in settings {
            let put = match is_secret(&setting) {
                true => {
                    let context = setting_context(&tenant, &name, &setting);
                    let before = sealed_before(&setting);
                    let plain = Secret::new(value);
                    AccountSetting::Sealed(self.seal_again(&setting, &context, &plain, before)?)
                }
                false => AccountSetting::Plain(value),
            };
            kept.insert(setting, put);
        }
        for setting in about.settings.iter().filter(|setting| setting.secret) {
            if let Some(sealed) = sealed_before(setting.name) {
                let kept = kept.entry(setting.name.to_owned());
                kept.or_insert_with(|| AccountSetting::Sealed(sealed.clone()));
            }
        }
        let identity = self.try_settings(&tenant, &name, &channel, &kept)?;
        let settings = kept;
        Ok(ChannelAccountCommand::Put {
            tenant,
            name,
            channel,
            settings,
            identity,
            is_enabled,
            put,
        })
    }

    /// Who the account is at the channel with these settings.
    #[expect(clippy::disallowed_methods, reason = "settings are tried before there is a row")]
    fn try_settings(
        &self,
        tenant: &TenantId,
        name: &Arc<str>,
        channel: &Arc<str>,
        settings: &AccountSettings,
    ) -> Result<Arc<str>, ChannelAccountFault> {
        let row = ChannelAccount {
            tenant: tenant.clone(),
            id: ledger::Id::from_value(0),
            name: name.clone(),
            channel: channel.clone(),
            made_at: self.now(),
            version: 1,
            settings: settings.clone(),
            platform_keys: vec![],
            is_enabled: true,
            identity: Arc::from(""),
            blocked: None,
            mismatch: None,
        };
        let settings = plain_settings(&self.secrets, &row)?;
        let opened = find(&self.channels, channel)?.open(&settings, &[]);
        opened
            .map(|connection| Arc::from(connection.identity()))
            .map_err(|bad| ChannelAccountFault::Setting { name: bad.name, why: bad.why })
    }

    fn seal_again(
        &self,
        field: &str,
        context: &str,
        plain: &Secret,
        stored: Option<&Sealed>,
    ) -> Result<Sealed, DeclarationFault> {
        let sealed = self.secrets.seal_again(context, plain, stored);
        sealed.map_err(|fault| wrong(field, fault.to_string()))
    }
}

/// A SecretId stands between `=` and `/` in a header whose parts end with a comma: an id with one of
/// these could be stored and never be used.
fn check_key_id(key_id: &str) -> Result<(), DeclarationFault> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b',';
    if !key_id.is_empty() && key_id.len() <= KEY_ID_LEN_MAX && key_id.bytes().all(is_plain) {
        return Ok(());
    }
    let why = format!(
        "found {key_id:?}, want 1 to {KEY_ID_LEN_MAX} visible ASCII characters without / and comma"
    );
    Err(wrong("key_id", why))
}

fn wrong(field: &str, why: impl Into<String>) -> DeclarationFault {
    DeclarationFault::Field { field: field.to_owned(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_id_can_stand_in_a_header() {
        for fits in ["AKIDdemoHmac", "a", "AKID_1-2.3+4=", &"x".repeat(KEY_ID_LEN_MAX)] {
            assert_eq!(check_key_id(fits), Ok(()), "{fits}");
        }
        let long = "x".repeat(KEY_ID_LEN_MAX + 1);
        for wrong in ["", "a/b", "a,b", "a b", "a\tb", "a\nb", "a\u{7f}", "密钥", long.as_str()] {
            let fault = check_key_id(wrong).expect_err(wrong);
            assert!(fault.to_string().starts_with("key_id: "), "{fault}");
        }
    }
}
