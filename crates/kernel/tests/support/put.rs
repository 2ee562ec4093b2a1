//! Creates, changes or applies rows of the directory.

use super::tenant;
use kernel::{
    AccountSetting, CallerKeyCommand, CallerProof, ChannelAccountCommand, Command, MerchantCommand,
    MerchantId, Put, Sealed, TenantCommand,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn tenant_row(name: &str, is_enabled: bool, put: Put) -> Command {
    TenantCommand::Put { tenant: tenant(), name: Arc::from(name), is_enabled, put }.into()
}

pub(crate) fn account(channel: &str, mchid: &str, is_enabled: bool, put: Put) -> Command {
    put_account(channel, mchid, super::IDENTITY, is_enabled, put)
}

/// The account at `wxpay`, with settings that make it this at its channel.
pub(crate) fn account_as(identity: &str, put: Put) -> Command {
    put_account("wxpay", "1", identity, true, put)
}

fn put_account(channel: &str, mchid: &str, identity: &str, is_enabled: bool, put: Put) -> Command {
    let settings = BTreeMap::from([
        ("mchid".to_owned(), AccountSetting::Plain(mchid.to_owned())),
        ("api_v3_key".to_owned(), AccountSetting::Sealed(Sealed::new("k1:c2VhbGVk"))),
    ]);
    let (name, channel, identity) = (Arc::from("main"), Arc::from(channel), Arc::from(identity));
    let tenant = tenant();
    ChannelAccountCommand::Put { tenant, name, channel, settings, identity, is_enabled, put }.into()
}

pub(crate) fn merchant(name: &str, accounts: &[&str], is_enabled: bool, put: Put) -> Command {
    MerchantCommand::Put {
        tenant: tenant(),
        merchant: MerchantId::new(super::MERCHANT),
        name: Arc::from(name),
        channel_accounts: accounts.iter().map(|name| Arc::from(*name)).collect(),
        sharing: kernel::MerchantSharing::default(),
        is_enabled,
        put,
    }
    .into()
}

pub(crate) fn caller_key(public_key_pem: &str, is_enabled: bool, put: Put) -> Command {
    let proof = CallerProof::Rsa { public_key_pem: Arc::from(public_key_pem) };
    let (tenant, key_id) = (tenant(), Arc::from("AKID"));
    CallerKeyCommand::Put { tenant, key_id, proof, is_enabled, put }.into()
}
