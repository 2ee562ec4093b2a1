//! A damaged row is named by the rule that it breaks.

mod waiting;

use kernel::{Key, NaturalKey, Reads};
use ledger::Timestamp;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use store::conformance::damage::{DAMAGES, Damage, history};
use store::{AttentionFilter, AttentionList, Audit, OneOrder, Store, StoreFault};
use store_sqlite::SqliteStore;
use tempfile::{TempDir, tempdir};
use test_support::{NAMESPACE, tenant};
use waiting::{claim_of, wait};

/// A fresh store, its file, and the folder that it goes with.
fn fresh() -> (SqliteStore, PathBuf, TempDir) {
    let folder = tempdir().expect("a temporary folder");
    let path = folder.path().join("books.db");
    let store = SqliteStore::open(&path).expect("the file opens");
    wait(store.migrate()).expect("the schema is new");
    (store, path, folder)
}

/// Damages a copy of the books and gives the fault that must be found, and all that are.
fn damaged(books: &Path, damage: &Damage) -> (String, Vec<String>) {
    let folder = tempdir().expect("a temporary folder");
    let path = folder.path().join("copy.db");
    std::fs::copy(books, &path).expect("a copy");
    let raw = Connection::open(&path).expect("the copy opens");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (tenant, subject): (String, String) =
        raw.query_row(damage.pick, [], read).expect("the history has such a row");
    let statement = damage.statement(&tenant, &subject);
    let changed = raw.execute(&statement, []).expect("the damage is done");
    assert!(changed > 0, "{}: nothing was damaged", damage.name);
    drop(raw);
    (damage.fault(&tenant, &subject), audit(&path))
}

fn audit(path: &Path) -> Vec<String> {
    let store = SqliteStore::open_read_only(path).expect("the file opens");
    wait((&store as &dyn Store).ask(Audit {})).expect("the books are readable").faults
}

#[test]
fn every_damage_is_named() {
    let (store, books, _folder) = fresh();
    wait(history(&store));
    drop(store);
    assert_eq!(audit(&books), Vec::<String>::new());
    for damage in DAMAGES {
        let (want, found) = damaged(&books, damage);
        assert!(found.contains(&want), "{}: want {want:?}, found {found:#?}", damage.name);
    }
}

#[test]
fn unreadable_row_is_named() {
    let (store, path, _folder) = fresh();
    wait(history(&store));
    let raw = Connection::open(&path).expect("the file opens");
    raw.execute("UPDATE order_terms SET scene = 'moon'", []).expect("the damage is done");
    let key = Key::Number(NaturalKey::new(NAMESPACE, "A-1"));
    let question = OneOrder { tenant: tenant(), key: key.clone() };
    let fault = wait((&store as &dyn Store).ask(question)).expect_err("there is no such scene");
    let why = "scene: unknown word \"moon\"".to_owned();
    let want = StoreFault::Unreadable { table: "orders", why };
    assert_eq!(fault, want);
    let reads = Reads { orders: vec![(tenant(), key)], ..Reads::default() };
    assert_eq!(wait(store.load(&reads)).map(drop), Err(want), "and loading says the same");
}

/// A newer release may leave tasks behind that this one does not know.
#[test]
fn unknown_task_does_not_stop_the_others() {
    let (store, path, _folder) = fresh();
    let raw = Connection::open(&path).expect("the file opens");
    raw.execute_batch(
        "INSERT INTO tenants (tenant, id, version, held, name, is_enabled, made_at)
         VALUES ('100001', 1, 1, 0, '', 1, 0), ('100002', 2, 1, 0, '', 1, 0);
         INSERT INTO tasks (tenant, subject_kind, subject_id, root, due, wanted_at, leased_until)
         VALUES ('100001', 'payout', 1, 1, 1, 1, 0), ('100001', 'order', 2, 2, 2, 2, 0),
             ('100002', 'order', 3, 3, 3, 3, 0), ('100002', CAST(x'ff' AS TEXT), 4, 4, 4, 4, 0)",
    )
    .expect("the rows are written");
    let claim = |now, limit| {
        let now = Timestamp::from_ms(now);
        let tasks =
            wait(store.claim(&claim_of(now, now.plus_ms(1000), limit))).expect("the store claims");
        tasks.into_iter().map(|task| task.subject.value).collect::<Vec<_>>()
    };
    assert_eq!(claim(10, 1), [0; 0], "the unknown one is the longest due");
    assert_eq!(claim(10, 9), [2, 3], "and stands in nobody's way at the next look");
    assert_eq!(claim(2000, 9), [3, 2], "nor when its lease has ended");
    let late = AttentionFilter { limit: 9, ..AttentionFilter::default() };
    let late = AttentionList { filter: late, now: Timestamp::from_ms(1_000_000) };
    let late = wait((&store as &dyn Store).ask(late)).expect("the list is readable");
    let late: Vec<_> = late.iter().map(|row| row.subject.value).collect();
    assert_eq!(late, [3], "the list of what is late leaves it out");
}
