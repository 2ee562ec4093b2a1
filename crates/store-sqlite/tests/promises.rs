//! Every promise of a store, and that SQLite and the model answer alike.

mod waiting;

use adapters::Stopwatch;
use kernel::{Caller, Order, View, decide};
use ledger::{Seed, Stamp, Timestamp};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::conformance::{CASES, differ};
use store::memory::Memory;
use store::{
    Audit, AuditReport, Batch, EXAMINED_MAX, Installation, OrderFilter, Orders, Store, StoreFault,
};
use store_sqlite::SqliteStore;
use tempfile::{TempDir, tempdir};
use test_support::{START, directory, order_request, place_for, tenant};
use waiting::{claim_of, wait};

fn folder() -> TempDir {
    tempdir().expect("a temporary folder")
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("tongbao.db")
}

fn migrated(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).expect("the file opens");
    wait(store.migrate()).expect("the schema is new");
    store
}

/// What an audit counts, as a cheap mark of what is stored.
fn audit(store: &SqliteStore) -> AuditReport {
    wait((store as &dyn Store).ask(Audit {})).expect("the books are readable")
}

#[test]
fn keeps_every_promise() {
    for case in CASES {
        let folder = folder();
        let store = migrated(&file(&folder));
        eprintln!("{}", case.name);
        wait((case.run)(&store));
    }
}

#[test]
fn agrees_with_the_model() {
    for seed in 1..6 {
        let folder = folder();
        wait(differ(&Memory::new(), &migrated(&file(&folder)), seed, 180));
        let folder = crate::folder();
        wait(differ(&migrated(&file(&folder)), &Memory::new(), seed + 100, 60));
    }
}

#[test]
fn data_survives_closing() {
    let folder = folder();
    let store = migrated(&file(&folder));
    wait(differ(&store, &Memory::new(), 7, 120));
    let before = audit(&store);
    assert!(before.orders > 10 && before.transfers > 2, "{before:?}");
    drop(store);
    let log = folder.path().join("tongbao.db-wal");
    assert!(!log.exists() || log.metadata().expect("a file").len() == 0, "the log is folded");
    assert_eq!(audit(&migrated(&file(&folder))), before);
}

/// The engine looks for due tasks twice a second: looks that find none are quiet, too.
#[test]
fn the_log_is_folded_while_nothing_happens() {
    let folder = folder();
    let store = migrated(&file(&folder));
    wait(differ(&store, &Memory::new(), 9, 30));
    let raw = rusqlite::Connection::open(file(&folder)).expect("the file opens");
    let unfolded = || -> i64 {
        raw.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
        })
        .expect("the log can be looked at")
    };
    assert!(unfolded() > 0, "the history is in the log");
    let stopwatch = Stopwatch::start();
    while unfolded() > 0 {
        let now = Timestamp::from_ms(0);
        assert_eq!(wait(store.claim(&claim_of(now, now, 9))), Ok(vec![]));
        assert!(stopwatch.elapsed() < Duration::from_secs(30), "the log is still not folded");
    }
}

#[test]
fn the_file_is_set_up_for_money() {
    let folder = folder();
    let store = migrated(&file(&folder));
    let raw = rusqlite::Connection::open(file(&folder)).expect("the file opens");
    let pragma = |name| raw.pragma_query_value(None, name, |row| row.get(0)).expect("a pragma");
    let page_len: rusqlite::types::Value = pragma("page_size");
    assert_eq!(page_len, 8192.into());
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    drop(store);
}

#[test]
fn readers_see_what_a_living_writer_committed() {
    let folder = folder();
    let store = migrated(&file(&folder));
    let beside = SqliteStore::open_read_only(&file(&folder)).expect("the file opens");
    assert_eq!(audit(&beside), AuditReport::default());
    wait(differ(&store, &Memory::new(), 8, 60));
    assert_eq!(audit(&beside), audit(&store));
    let refused = wait(beside.migrate());
    assert!(matches!(refused, Err(StoreFault::Failed(_))), "{refused:?}");
    drop(store);
    assert!(audit(&beside).orders > 0, "and after the writer has gone");
}

#[test]
fn one_process_serves_a_file_and_others_may_work_beside_it() {
    let folder = folder();
    let serving = SqliteStore::open_to_serve(&file(&folder)).expect("nobody else serves it");
    wait(serving.migrate()).expect("the schema is new");
    let refused = SqliteStore::open_to_serve(&file(&folder)).expect_err("it is served");
    let why = refused.to_string();
    assert!(why.ends_with("tongbao.db: another process serves this database"), "{why}");
    let beside = SqliteStore::open(&file(&folder)).expect("tenants are declared beside it");
    assert_eq!(audit(&beside), audit(&serving));
    drop((serving, beside));
    SqliteStore::open_to_serve(&file(&folder)).expect("the lock ended with its holder");
}

#[test]
fn only_the_owner_reads_the_files() {
    let folder = folder();
    let store = SqliteStore::open_to_serve(&file(&folder)).expect("the file opens");
    wait(store.migrate()).expect("the schema is new");
    let files = std::fs::read_dir(folder.path()).expect("a folder");
    let modes: Vec<(String, u32)> = files
        .map(|entry| {
            let entry = entry.expect("a file");
            let mode = entry.metadata().expect("its rights").permissions().mode() & 0o777;
            (entry.file_name().to_string_lossy().into_owned(), mode)
        })
        .collect();
    assert!(modes.iter().any(|(name, _)| name.ends_with("-wal")), "{modes:?}");
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}

/// Rows that do not pass are passed over, but not without end.
#[test]
fn a_listing_that_little_passes_is_answered_in_parts() {
    let folder = folder();
    let store = migrated(&file(&folder));
    let oldest = place(&store, "oldest");
    let mut raw = rusqlite::Connection::open(file(&folder)).expect("the file opens");
    let transaction = raw.transaction().expect("it begins");
    let copy = "CREATE TEMP TABLE copy AS SELECT * FROM orders;
        UPDATE copy SET state = 'closed'";
    transaction.execute_batch(copy).expect("a copy");
    for _ in 0..EXAMINED_MAX + 5 {
        let next = "UPDATE copy SET id = id + 1, merchant_order_no = 'N' || id";
        transaction.prepare_cached(next).and_then(|mut it| it.execute([])).expect("another order");
        let insert = "INSERT INTO orders SELECT * FROM copy";
        transaction.prepare_cached(insert).and_then(|mut it| it.execute([])).expect("a row");
    }
    transaction.commit().expect("it is stored");
    let part = |before| {
        let state = Some(oldest.state.name().to_owned());
        let (tenant, from, to, limit) = (tenant(), None, None, 10);
        let filter = OrderFilter { tenant, state, from, to, before, limit };
        wait((&store as &dyn Store).ask(Orders { filter })).expect("the store answers")
    };
    let first = part(None);
    assert_eq!(first.rows, vec![]);
    let next = first.next.expect("there is more");
    assert_eq!(next.value(), oldest.terms.id.value() + 6, "this number was read");
    let rest = part(Some(next));
    assert_eq!((rest.rows, rest.next), (vec![oldest.clone()], None));
}

/// An order that was just placed.
fn place(store: &SqliteStore, number: &str) -> Order {
    let command = place_for(&tenant(), order_request(number));
    let mut view = View { directory: Arc::new(directory()), ..View::default() };
    let mut stamp = Stamp::new(0, START, Seed([0; 32]));
    let decision = decide(&mut view, &Caller::Clock, &command, &mut stamp).expect("accepted");
    let batch = Batch::of(&tenant(), &view, [decision]).expect("the sums fit");
    let order = batch.changed.orders[0].row.clone();
    assert_eq!(wait(store.commit(vec![batch])), [Ok(())]);
    order
}

#[test]
fn a_missing_file_is_not_made_by_a_reader() {
    let folder = folder();
    let missing = SqliteStore::open_read_only(&file(&folder));
    assert!(matches!(missing, Err(StoreFault::Unavailable(_))));
    assert!(!file(&folder).exists());
}

#[test]
fn newer_schema_is_refused() {
    let folder = folder();
    drop(migrated(&file(&folder)));
    let raw = rusqlite::Connection::open(file(&folder)).expect("the file opens");
    raw.execute("INSERT INTO schema_version (version) VALUES (9)", []).expect("a row");
    drop(raw);
    let store = SqliteStore::open(&file(&folder)).expect("the file opens");
    let refused = wait(store.migrate()).expect_err("version 9 is unknown").to_string();
    assert_eq!(refused, "database: schema version 9 is newer than this program, which knows 3");
}

/// Two installations on one merchant number at a channel must not meet.
#[test]
fn installations_have_names_of_their_own() {
    let name = || {
        let folder = folder();
        let store = migrated(&file(&folder));
        let name = wait((&store as &dyn Store).ask(Installation {})).expect("it has a name");
        assert!(name.bytes().all(|byte| b"0123456789ABCDEF".contains(&byte)), "{name:?}");
        name
    };
    assert_ne!(name(), name());
}
