//! Tenants, merchants, callers' keys and channel accounts.

use super::fixture::{StoreFixture, needy_of};
use crate::{AttentionList, CommitFault, DirectoryOf, DirectoryRevision, Promise, Store};
use channel::PlatformKey;
use kernel::{Aggregate, ChannelAccountCommand, Command, Key, NaturalKey, Put, Reads, TenantId};
use ledger::Timestamp;
use std::sync::Arc;
use test_support::{
    MERCHANT, call, channel_account, put_account, put_caller_key, put_merchant, put_tenant, tenant,
    tenant_at,
};

/// Every row of the directory reads back as it was written, first and after a change, and the revision
/// grows with each.
pub(super) fn directory_is_put_and_changed(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let (own, account) = (tenant(), channel_account(&tenant()));
        let mut revision = fixture.ask(DirectoryRevision {}).await;
        for put in [Put::Create, Put::Change] {
            let text = format!("sealed {put:?} \"'\\");
            let collects: &[&str] = match put {
                Put::Create => &[],
                Put::Change | Put::Apply | Put::Read { .. } => &[&account],
            };
            for command in [
                put_tenant(&own, &text, put),
                put_account(&own, &text, put),
                // Creating it again with the same content writes nothing.
                put_merchant(&own, collects, put),
                put_caller_key(&own, "AKID1", &text, put),
            ] {
                fixture.wait_ms(10);
                fixture.accept(command).await;
                let next = fixture.ask(DirectoryRevision {}).await;
                assert!(next > revision, "{next} after {revision}");
                revision = next;
            }
            let rows = fixture.ask(DirectoryOf {}).await;
            let version = if put == Put::Create { 1 } else { 2 };
            assert_eq!((&*rows.tenants[0].name, rows.tenants[0].version), (&*text, version));
            assert_eq!(rows.merchants[0].channel_accounts.len(), collects.len());
            assert_eq!(rows.merchants[0].version, version);
            assert_eq!(rows.caller_keys[0].version, version);
            assert_eq!(rows.channel_accounts[0].version, version);
            let story = fixture.story_of(&own, rows.caller_keys[0].root()).await;
            assert_eq!(story.map(|story| story.events.len()), usize::try_from(version).ok());
        }
        let again = fixture.one(put_tenant(&own, "sealed Change \"'\\", Put::Apply)).await;
        assert!(again.changed.is_empty() && again.events.is_empty(), "it is there as it should be");
        fixture.assert_sound().await;
    })
}

/// A name is unique in its table, whichever process puts it first.
pub(super) fn directory_names_are_taken_once(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenants = [tenant_at(0), tenant_at(1)];
        for tenant in &tenants {
            let commands = [
                put_tenant(tenant, "a", Put::Create),
                put_account(tenant, "a", Put::Create),
                put_merchant(tenant, &[], Put::Create),
                put_caller_key(tenant, &format!("AKID-{tenant}"), "a", Put::Create),
            ];
            for command in commands {
                let first = fixture.one(command.clone()).await;
                let second = fixture.one(command).await;
                assert_eq!(store.commit(vec![first]).await, vec![Ok(())]);
                let before = fixture.everything().await;
                let outcomes = store.commit(vec![second]).await;
                let is_stale = matches!(outcomes.as_slice(), [Err(CommitFault::Stale(_))]);
                assert!(is_stale, "{outcomes:?}");
                assert_eq!(fixture.everything().await, before);
            }
        }
        let merchant = |namespace| Key::Number(NaturalKey::new(namespace, MERCHANT));
        let key = merchant("merchant");
        let reads = Reads {
            merchants: vec![(tenant_at(1), key.clone()), (tenant_at(2), key)],
            ..Reads::default()
        };
        let view = fixture.load(&reads).await;
        let found: Vec<_> = view.merchants.all().map(|row| row.tenant.clone()).collect();
        assert_eq!(found, [tenant_at(1)]);
        let reads =
            Reads { merchants: vec![(tenant_at(1), merchant("elsewhere"))], ..Reads::default() };
        let view = fixture.load(&reads).await;
        assert_eq!(view.merchants.all().count(), 0, "a number of another namespace");
    })
}

/// A name that callers or channels use without a tenant belongs to one tenant, also when two tenants
/// put it at the same time, each without seeing the other.
pub(super) fn installation_names_are_taken_once(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenants = [tenant_at(0), tenant_at(1)];
        for tenant in &tenants {
            fixture.accept(put_tenant(tenant, "a", Put::Create)).await;
        }
        for put in [put_caller, put_account_main] {
            let first = fixture.one(put(&tenants[0])).await;
            let second = fixture.one(put(&tenants[1])).await;
            assert_eq!(store.commit(vec![first]).await, vec![Ok(())]);
            let outcomes = store.commit(vec![second]).await;
            let is_stale = matches!(outcomes.as_slice(), [Err(CommitFault::Stale(_))]);
            assert!(is_stale, "{outcomes:?}");
        }
        let rows = fixture.ask(DirectoryOf {}).await;
        let owners: Vec<_> = rows.caller_keys.iter().map(|row| row.tenant.clone()).collect();
        assert_eq!(owners, [tenant_at(0)]);
        let owners: Vec<_> = rows.channel_accounts.iter().map(|row| row.tenant.clone()).collect();
        assert_eq!(owners, [tenant_at(0)]);
        // Its owner changes the row as before: a name is claimed once, by the new row.
        fixture.accept(put_caller_key(&tenants[0], "AKID", "b", Put::Change)).await;
        fixture.assert_sound().await;
    })
}

fn put_caller(tenant: &TenantId) -> Command {
    put_caller_key(tenant, "AKID", "a", Put::Create)
}

fn put_account_main(tenant: &TenantId) -> Command {
    let mut command = put_account(tenant, "a", Put::Create);
    if let Command::ChannelAccount(ChannelAccountCommand::Put { name, .. }) = &mut command {
        *name = Arc::from("main");
    }
    command
}

pub(super) fn channel_keys_are_stored(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let own = tenant();
        let key = |serial: &str, pem: &str| PlatformKey {
            serial: serial.to_owned(),
            pem: pem.to_owned(),
            valid_from: Timestamp::from_ms(1),
            valid_until: Timestamp::from_ms(2),
        };
        fixture.accept(put_tenant(&own, "a", Put::Create)).await;
        fixture.accept(put_account(&own, "a", Put::Create)).await;
        let lists =
            [vec![key("S1", "one\n"), key("S2", "\"two\"")], vec![key("S2", "newer")], vec![]];
        for (at, keys) in lists.into_iter().enumerate() {
            let name = channel_account(&own);
            let store_keys =
                ChannelAccountCommand::StoreKeys { tenant: own.clone(), name, keys: keys.clone() };
            let revision = fixture.ask(DirectoryRevision {}).await;
            let batch = fixture.accept(store_keys.into()).await;
            assert!(fixture.ask(DirectoryRevision {}).await > revision);
            let account = fixture.ask(DirectoryOf {}).await.channel_accounts.remove(0);
            assert_eq!(account, batch.changed.channel_accounts[0].row);
            assert_eq!(account.platform_keys, keys);
            let story = fixture.story_of(&own, account.root()).await.expect("a story");
            assert_eq!(story.events.last(), batch.events.last());
            assert_eq!(story.events.len(), at + 2);
        }
    })
}

/// A callback about nothing of ours is a matter of its channel account.
pub(super) fn unknown_callback_waits_for_a_person(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let own = tenant();
        fixture.accept(put_tenant(&own, "a", Put::Create)).await;
        fixture.accept(put_account(&own, "a", Put::Create)).await;
        let needy = async |fixture: &StoreFixture<'_>| {
            let (filter, now) = (needy_of(&tenant(), 9), fixture.now());
            fixture.ask(AttentionList { filter, now }).await
        };
        assert_eq!(needy(&fixture).await, vec![]);
        fixture.wait_ms(7);
        let command = ChannelAccountCommand::RecordMismatch {
            tenant: own.clone(),
            name: channel_account(&own),
            why: "number \"X\" is not ours".to_owned(),
            call: call(None),
        };
        fixture.accept(command.into()).await;
        let account = fixture.ask(DirectoryOf {}).await.channel_accounts.remove(0);
        let found = needy(&fixture).await;
        assert_eq!((found[0].subject, found[0].root), (account.id.subject(), account.root()));
        assert_eq!(
            (&*found[0].reason, found[0].since),
            ("number \"X\" is not ours", fixture.now())
        );
        let story = fixture.story_of(&own, account.root()).await.expect("a story");
        assert_eq!(story.events.last().and_then(|event| event.call.clone()), Some(call(None)));
    })
}
