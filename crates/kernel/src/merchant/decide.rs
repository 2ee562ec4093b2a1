//! Creating, changing and disabling merchants.

use super::{Merchant, MerchantChange, MerchantSharing};
use crate::aggregate::{AggregateCommand, Key, Reads};
use crate::channel_account::ChannelAccount;
use crate::command::{DirectoryRefusal, Put, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::put::{self, Found, PutOutcome};
use std::sync::Arc;

/// What can be requested of a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MerchantCommand {
    /// Create or change it.
    Put {
        /// The owner.
        tenant: TenantId,
        /// Its id on the wire.
        merchant: MerchantId,
        /// Its name, for people.
        name: Arc<str>,
        /// The channel accounts that it collects through, by name.
        channel_accounts: Vec<Arc<str>>,
        /// How its payments are shared.
        sharing: MerchantSharing,
        /// False when it may not collect.
        is_enabled: bool,
        /// Whether it may or must be there.
        put: Put,
    },
}

impl AggregateCommand for MerchantCommand {
    fn tenant(&self) -> &TenantId {
        let MerchantCommand::Put { tenant, .. } = self;
        tenant
    }

    fn name(&self) -> &'static str {
        "put_merchant"
    }

    fn reads(&self, reads: &mut Reads) {
        let MerchantCommand::Put { tenant, merchant, channel_accounts, .. } = self;
        put::read_tenant(tenant, reads);
        reads.merchants.push((tenant.clone(), Key::Number(Merchant::key(merchant))));
        for name in channel_accounts {
            let key = Key::Number(ChannelAccount::key(name));
            reads.channel_accounts.push((tenant.clone(), key));
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &MerchantCommand,
) -> Result<Reply, DirectoryRefusal> {
    let MerchantCommand::Put { tenant, merchant, name, channel_accounts, sharing, is_enabled, put } =
        command;
    let view = deciding.view();
    let found = view.merchants.find(tenant, &Key::Number(Merchant::key(merchant)));
    let standing = found.map(|row| Found {
        version: row.version,
        has_same_content: row.name == *name
            && row.channel_accounts == *channel_accounts
            && row.sharing == *sharing
            && row.is_enabled == *is_enabled,
    });
    let outcome = put::check(*put, "merchant", standing)?;
    put::check_tenant(deciding, tenant)?;
    let is_missing = |name: &&Arc<str>| {
        let key = Key::Number(ChannelAccount::key(name));
        view.channel_accounts.find(tenant, &key).is_none()
    };
    if let Some(name) = channel_accounts.iter().find(is_missing) {
        return Err(DirectoryRefusal::NoChannelAccount { name: name.to_string() });
    }
    let row = Merchant {
        tenant: tenant.clone(),
        id: found.map_or_else(|| deciding.id(), |row| row.id),
        merchant: merchant.clone(),
        made_at: found.map_or(deciding.now(), |row| row.made_at),
        version: found.map_or(1, |row| row.version),
        name: name.clone(),
        channel_accounts: channel_accounts.clone(),
        sharing: sharing.clone(),
        is_enabled: *is_enabled,
    };
    match outcome {
        PutOutcome::Create => deciding.record(&row, MerchantChange::Created(Box::new(row.clone()))),
        PutOutcome::Change => deciding.record(&row, MerchantChange::Changed(Box::new(row.clone()))),
        PutOutcome::Nothing => {}
    }
    Ok(Reply::about(row.id.subject()))
}
