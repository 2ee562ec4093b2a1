//! Creating, changing and applying rows of the directory, and what they mean for orders.

mod support;

use channel::PlatformKey;
use kernel::{
    AggregateCommand, ChannelAccount, ChannelAccountCommand, Command, DirectoryRefusal, Key,
    MerchantId, MerchantRoutes, NaturalKey, OrderRefusal, Put,
};
use std::sync::Arc;
use support::{
    DISABLED_MERCHANT, MERCHANT, START, TestKernel, call, directory, place, place_with, put, tenant,
};

/// Puts a row: one content or another.
type PutRow = fn(u8, Put) -> Command;

/// What is there (nothing, or a content), how another is put, and the changes or the refusal.
type PutCase<'a> = (Option<u8>, Put, Result<&'a [&'a str], DirectoryRefusal>);

/// One put of each kind of row.
const ROWS: [(&str, PutRow); 4] = [
    ("tenant", |content, put| put::tenant_row(["a", "b"][usize::from(content)], true, put)),
    ("channel_account", |content, put| put::account("wxpay", "1", content == 0, put)),
    ("merchant", |content, put| put::merchant("m", &["main"], content == 0, put)),
    ("caller_key", |content, put| {
        put::caller_key(["pem a", "pem b"][usize::from(content)], true, put)
    }),
];

/// A kernel with the rows that come before a kind in [`ROWS`].
fn before(kind: &str) -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for (_, row) in ROWS.iter().take_while(|(name, _)| *name != kind) {
        kernel.handle(row(0, Put::Create)).expect("created");
    }
    kernel
}

/// The names of the changes of the newest events.
fn changes(kernel: &TestKernel, since: usize) -> Vec<&'static str> {
    kernel.events[since..].iter().map(|event| event.change.name()).collect()
}

#[test]
fn rows_are_created_changed_and_applied() {
    let not_found = |noun| Err(DirectoryRefusal::NotFound { noun });
    let exists = |noun| Err(DirectoryRefusal::Exists { noun });
    for (noun, row) in ROWS {
        let changed = Err(DirectoryRefusal::Changed { noun });
        let cases: [PutCase<'_>; 15] = [
            (None, Put::Create, Ok(&["created"])),
            (None, Put::Change, not_found(noun)),
            (None, Put::Apply, Ok(&["created"])),
            (Some(1), Put::Create, Ok(&[])),
            (Some(1), Put::Change, Ok(&[])),
            (Some(1), Put::Apply, Ok(&[])),
            (Some(0), Put::Create, exists(noun)),
            (Some(0), Put::Change, Ok(&["changed"])),
            (Some(0), Put::Apply, Ok(&["changed"])),
            (None, Put::read(None), Ok(&["created"])),
            (None, Put::read(Some(1)), changed.clone()),
            (Some(1), Put::read(Some(1)), Ok(&[])),
            (Some(0), Put::read(Some(1)), Ok(&["changed"])),
            (Some(0), Put::read(Some(2)), changed.clone()),
            (Some(0), Put::read(None), changed),
        ];
        for (given, put, want) in cases {
            let mut kernel = before(noun);
            if let Some(content) = given {
                kernel.handle(row(content, Put::Create)).expect("created");
            }
            let since = kernel.events.len();
            let found = kernel.handle(row(1, put)).map(|reply| {
                assert_eq!(reply.row.map(|row| row.subject()), reply.subject, "the row is shown");
                changes(&kernel, since)
            });
            assert_eq!(found, want.map(<[_]>::to_vec).map_err(Into::into), "{noun} {put:?}");
        }
    }
}

#[test]
fn a_changed_row_keeps_what_is_fixed_and_counts_its_events() {
    let mut kernel = before("none");
    kernel.now = START.plus_seconds(60);
    for (_, row) in ROWS {
        kernel.handle(row(1, Put::Change)).expect("changed");
    }
    let stored = &kernel.stored;
    macro_rules! check_rows {
        ($($rows:ident: $row:ident,)*) => {$(
            for row in stored.$rows.all() {
                let row: kernel::Row = row.clone().into();
                let of_row = kernel.events.iter().filter(|it| it.subject == row.subject());
                let sequences: Vec<i64> = of_row.map(|event| event.sequence).collect();
                assert_eq!(sequences, [1, 2], "{row:?}");
                assert_eq!(kernel.rebuilt.row(&tenant(), row.subject()), Some(row.clone()));
                assert!(!row.standing().is_open(), "nothing is to be done about it");
            }
        )*};
    }
    kernel::aggregates!(check_rows);
    assert!(stored.merchants.all().all(|row| row.made_at == START && !row.is_enabled));
    assert!(kernel.tasks.is_empty() && kernel.work.is_empty() && kernel.transfers.is_empty());
}

fn account(kernel: &TestKernel) -> &ChannelAccount {
    let key = Key::Number(NaturalKey::new("channel_account", "main"));
    kernel.stored.channel_accounts.find(&tenant(), &key).expect("the account")
}

#[test]
fn fetched_keys_replace_those_before_and_survive_a_change_of_settings() {
    let key = |serial: &str| PlatformKey {
        serial: serial.to_owned(),
        pem: "pem".to_owned(),
        valid_from: START,
        valid_until: START.plus_seconds(3600),
    };
    let store = |serials: &[&str]| ChannelAccountCommand::StoreKeys {
        tenant: tenant(),
        name: Arc::from("main"),
        keys: serials.iter().map(|serial| key(serial)).collect(),
    };
    let mut kernel = before("channel_account");
    let missing = DirectoryRefusal::NotFound { noun: "channel_account" };
    assert_eq!(kernel.handle(store(&["A"])), Err(missing.into()));
    kernel.handle(put::account("wxpay", "1", true, Put::Create)).expect("created");
    kernel.handle(store(&["A"])).expect("stored");
    kernel.handle(store(&["A", "B"])).expect("stored");
    kernel.handle(put::account("wxpay", "2", true, Put::Apply)).expect("changed");
    assert_eq!(account(&kernel).platform_keys, [key("A"), key("B")]);
    let applied = put::account("wxpay", "2", true, Put::Apply);
    kernel.handle(applied).expect("keys are not part of a declaration");
    assert_eq!(changes(&kernel, 1), ["created", "keys_stored", "keys_stored", "changed"]);
}

#[test]
fn a_callback_about_nothing_waits_for_the_operator() {
    let mut kernel = before("merchant");
    let command = ChannelAccountCommand::RecordMismatch {
        tenant: tenant(),
        name: Arc::from("main"),
        why: "no order 1".to_owned(),
        call: call(None, START),
    };
    assert_eq!(command.name(), "record_mismatch");
    kernel.handle(command).expect("recorded");
    let attention = kernel::Aggregate::standing(account(&kernel)).attention.expect("attention");
    assert_eq!((&*attention.reason, attention.since), ("no order 1", START));
    assert!(kernel.events.last().expect("an event").call.is_some(), "the callback is kept");
}

#[test]
fn a_name_of_the_tenants_own_is_not_taken() {
    let mut names = directory();
    names.caller_keys.insert(Arc::from("AKID"), tenant());
    names.channel_accounts.insert(Arc::from("main"), tenant());
    let mut kernel = TestKernel::new(names);
    for (_, row) in ROWS {
        kernel.handle(row(0, Put::Apply)).expect("created");
        kernel.handle(row(1, Put::Apply)).expect("changed");
    }
}

#[test]
fn a_disabled_merchant_places_nothing_new_and_ends_what_it_placed() {
    let mut kernel = TestKernel::new(directory());
    let disabled =
        place_with("o2", |request| request.merchant = MerchantId::new(DISABLED_MERCHANT));
    assert_eq!(kernel.handle(disabled), Err(OrderRefusal::MerchantDisabled.into()));

    kernel.handle(place("o1")).expect("placed");
    support::script::play(&mut kernel, "o1 place: placed");
    let mut later = directory();
    let routes = MerchantRoutes { is_enabled: false, ..MerchantRoutes::default() };
    let tenant_routes = later.tenants.get_mut(&tenant()).expect("the tenant");
    tenant_routes.merchants.insert(MerchantId::new(MERCHANT), routes);
    kernel.stored.directory = Arc::new(later);
    assert_eq!(kernel.handle(place("o3")), Err(OrderRefusal::MerchantDisabled.into()));
    kernel.handle(place("o1")).expect("shown again");
    support::script::play(&mut kernel, "o1 callback: paid tx1 1000");
    assert_eq!(kernel.order("o1").map(|order| order.state.name()), Some("paid"));
}
