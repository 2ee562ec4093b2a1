//! What a channel account is made of and whether its channel answers, for a program that inspects an
//! installation. Nothing is stored: keys that the channel sends are looked at and dropped.

use crate::Engine;
use crate::calls;
use crate::channel_accounts::{ChannelAccountFault, OpenAccount, plain_settings};
use channel::{Finding, Instruction};
use crypto::certificate::Certificate;
use kernel::ChannelAccount;
use ledger::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long a probe may take in all.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// An account, opened from its row.
pub struct InspectedAccount {
    /// What in it holds only until some day: certificates among the settings.
    pub certificates: Vec<DatedKey>,
    /// The channel's own signing keys, as fetched.
    pub platform_keys: Vec<DatedKey>,
    /// Whether an answer of now can be verified; always true of a channel that fetches no keys.
    pub has_keys: bool,
    /// Whether the channel can be asked for its keys.
    pub can_be_probed: bool,
    account: Arc<OpenAccount>,
}

/// A key or certificate that holds until some day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatedKey {
    /// The setting in which it stands, or the serial under which the channel knows it.
    pub name: String,
    /// Until when it holds.
    pub valid_until: Timestamp,
}

/// What one harmless signed call brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Why the answer is of no use, when it is not.
    pub fault: Option<String>,
    /// The middle of the call, by our clock.
    pub at: Timestamp,
    /// The answer's `Date` header: the same instant by the channel's clock.
    pub date: Option<String>,
}

impl Engine {
    /// Opens an account from its row, with its secrets.
    ///
    /// # Errors
    /// When the account cannot be used; the fault never shows a secret.
    pub fn inspect_account(
        &self,
        row: &ChannelAccount,
    ) -> Result<InspectedAccount, ChannelAccountFault> {
        let settings = plain_settings(&self.secrets, row)?;
        let account =
            OpenAccount::open(&self.channels, &self.secrets, row, Arc::default()).map(Arc::new)?;
        let about = account.channel.about();
        let dated = |(name, value): (&String, &String)| {
            let certificate = Certificate::read(value).ok()?;
            let valid_until = Timestamp::from_seconds(certificate.not_after);
            Some(DatedKey { name: name.clone(), valid_until })
        };
        let fetched = row.platform_keys.iter();
        Ok(InspectedAccount {
            certificates: settings.iter().filter_map(dated).collect(),
            platform_keys: fetched
                .map(|key| DatedKey { name: key.serial.clone(), valid_until: key.valid_until })
                .collect(),
            has_keys: !account.lacks_keys(self.now()),
            can_be_probed: about.fetches_keys,
            account,
        })
    }

    /// Asks the account's channel for its signing keys, and stores nothing.
    pub async fn probe(self: &Arc<Self>, inspected: &InspectedAccount) -> Probe {
        let begun = self.now();
        let call =
            calls::exchange(self, &inspected.account, &Instruction::FetchKeys { named: None });
        let (fault, date) = match tokio::time::timeout(PROBE_TIMEOUT, call).await {
            Ok((Finding::Keys(_), response)) => (None, date_of(response)),
            Ok((finding, response)) => (Some(finding.describe()), date_of(response)),
            Err(_) => (Some("no end in time".to_owned()), None),
        };
        let took_ms = self.now().ms_since(begun);
        Probe { fault, at: begun.plus_ms(took_ms / 2), date }
    }
}

fn date_of(response: Option<channel::Response>) -> Option<String> {
    response.and_then(|response| response.header("date").map(str::to_owned))
}
