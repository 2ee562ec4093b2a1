//! A damaged row is named by the rule that it breaks.

mod waiting;

use kernel::Reads;
use ledger::Timestamp;
use rusqlite::Connection;
use std::path::Path;
use store::audit::Rule;
use store::conformance::differ;
use store::memory::Memory;
use store::{Lease, Page, Query, Store, StoreFault};
use store_sqlite::SqliteStore;
use tempfile::tempdir;
use waiting::wait;

/// A rule, the row to damage (its tenant and its name), and how.
type Damage = (Rule, &'static str, &'static str);

const PAID: &str = "SELECT tenant, id FROM orders WHERE state = 'paid' ORDER BY id DESC";
const UNAPPLIED: &str = "SELECT tenant, id FROM orders WHERE unapplied <> '[]' ORDER BY id DESC";
const DONE: &str =
    "SELECT tenant, order_id FROM transfers WHERE phase = 'post_held' ORDER BY id DESC";
const FAILED: &str = "SELECT tenant, order_id FROM refunds WHERE state = 'failed' ORDER BY id DESC";
/// A refund that failed and was given back later.
const LATE: &str = "SELECT tenant, order_id FROM transfers
    WHERE reason = 'unapplied_refund' AND phase = 'post' ORDER BY id DESC";
const OPEN: &str = "SELECT tenant, 'suspense/' || tenant FROM refunds
    WHERE state IN ('requesting', 'processing') ORDER BY tenant DESC";
const SUSPENSE: &str =
    "SELECT tenant, account FROM balances WHERE account LIKE 'suspense%' ORDER BY tenant DESC";
const MERCHANT: &str =
    "SELECT tenant, account FROM balances WHERE account LIKE 'merchant%' ORDER BY tenant DESC";

const DAMAGES: &[Damage] = &[
    (
        Rule::TransferShape,
        "SELECT tenant, id FROM transfers ORDER BY id DESC",
        "UPDATE transfers SET amount = 0 WHERE tenant = ?1 AND id = ?2",
    ),
    (
        Rule::TransferShape,
        "SELECT tenant, id FROM transfers ORDER BY id DESC",
        "UPDATE transfers SET debit = credit WHERE tenant = ?1 AND id = ?2",
    ),
    (Rule::BalanceMissing, MERCHANT, "DELETE FROM balances WHERE tenant = ?1 AND account = ?2"),
    (
        Rule::BalanceDiffers,
        MERCHANT,
        "UPDATE balances SET posted = posted + 1 WHERE tenant = ?1 AND account = ?2",
    ),
    (
        Rule::BalanceDiffers,
        MERCHANT,
        "UPDATE balances SET held = held + 1 WHERE tenant = ?1 AND account = ?2",
    ),
    (
        Rule::BelowFloor,
        MERCHANT,
        "UPDATE balances SET posted = -1 WHERE tenant = ?1 AND account = ?2",
    ),
    (
        Rule::BelowFloor,
        "SELECT tenant, account FROM balances WHERE account LIKE 'channel%' ORDER BY tenant DESC",
        "UPDATE balances SET held = -1 WHERE tenant = ?1 AND account = ?2",
    ),
    (
        Rule::Unbalanced,
        "SELECT tenant, '1 fen' FROM balances ORDER BY tenant DESC",
        "UPDATE balances SET posted = posted + 1
         WHERE tenant = ?1 AND account LIKE 'merchant%' AND ?2 <> ''",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "INSERT INTO transfers SELECT tenant, id + 1, order_id, at, phase, debit, credit, amount,
         reason FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "UPDATE transfers SET amount = amount + 1
         WHERE tenant = ?1 AND order_id = ?2 AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "UPDATE transfers SET credit = 'merchant_pending/CM0002'
         WHERE tenant = ?1 AND order_id = ?2 AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "UPDATE transfers SET phase = 'hold'
         WHERE tenant = ?1 AND order_id = ?2 AND reason = 'payment'",
    ),
    (Rule::PaidWithoutPayment, PAID, "DELETE FROM order_terms WHERE tenant = ?1 AND id = ?2"),
    (
        Rule::PaymentWithoutPaid,
        PAID,
        "UPDATE orders SET state = 'closed' WHERE tenant = ?1 AND id = ?2",
    ),
    (Rule::PaymentWithoutPaid, PAID, "DELETE FROM orders WHERE tenant = ?1 AND id = ?2"),
    (
        Rule::UnappliedWithoutTransfer,
        UNAPPLIED,
        "UPDATE orders SET unapplied = '[]' WHERE tenant = ?1 AND id = ?2",
    ),
    (
        Rule::UnappliedWithoutTransfer,
        UNAPPLIED,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND reason = 'unapplied_payment'",
    ),
    (
        Rule::UnappliedWithoutTransfer,
        UNAPPLIED,
        "UPDATE transfers SET credit = 'suspense/0'
         WHERE tenant = ?1 AND order_id = ?2 AND reason = 'unapplied_payment'",
    ),
    (Rule::UnappliedWithoutRefund, UNAPPLIED, "DELETE FROM refunds WHERE tenant = ?1 AND order_id = ?2"),
    (
        Rule::UnappliedWithoutRefund,
        UNAPPLIED,
        "UPDATE refunds SET amount = amount - 1 WHERE tenant = ?1 AND order_id = ?2",
    ),
    (
        Rule::RefundWithoutHold,
        DONE,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutHold,
        FAILED,
        "UPDATE transfers SET amount = amount + 1
         WHERE tenant = ?1 AND order_id = ?2 AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutHold,
        DONE,
        "UPDATE transfers SET debit = 'suspense/0'
         WHERE tenant = ?1 AND order_id = ?2 AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutHold,
        UNAPPLIED,
        "INSERT INTO transfers SELECT tenant, id + 1, order_id, at, phase, debit, credit, amount,
         reason FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutPost,
        DONE,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'post_held'",
    ),
    (
        Rule::RefundWithoutPost,
        DONE,
        "UPDATE transfers SET credit = 'channel_funds/elsewhere'
         WHERE tenant = ?1 AND order_id = ?2 AND phase = 'post_held'",
    ),
    (
        Rule::RefundWithoutPost,
        DONE,
        "UPDATE refunds SET state = 'processing', ended_at = NULL, refund_reference = NULL
         WHERE tenant = ?1 AND order_id = ?2 AND state = 'done'",
    ),
    (
        Rule::RefundWithoutPost,
        FAILED,
        "UPDATE refunds SET state = 'done', refund_reference = 'x', reason = NULL
         WHERE tenant = ?1 AND order_id = ?2 AND state = 'failed'",
    ),
    (
        Rule::RefundWithoutPost,
        LATE,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'post'
         AND reason = 'unapplied_refund'",
    ),
    (
        Rule::RefundWithoutRelease,
        LATE,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'release'",
    ),
    (
        Rule::RefundWithoutRelease,
        FAILED,
        "DELETE FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'release'",
    ),
    (
        Rule::RefundWithoutRelease,
        DONE,
        "INSERT INTO transfers SELECT tenant, id + 1, order_id, at, 'release', debit, credit, amount,
         reason FROM transfers WHERE tenant = ?1 AND order_id = ?2 AND phase = 'post_held'",
    ),
    (
        Rule::HeldDiffers,
        SUSPENSE,
        "UPDATE balances SET held = held + 1 WHERE tenant = ?1 AND account = ?2",
    ),
    (
        Rule::HeldDiffers,
        OPEN,
        "UPDATE refunds SET amount = amount + 1
         WHERE tenant = ?1 AND 'suspense/' || tenant = ?2 AND state IN ('requesting', 'processing')",
    ),
    (
        Rule::OrderWithoutTask,
        "SELECT tenant, id FROM orders WHERE state IN ('init', 'paying', 'closing')
         ORDER BY id DESC",
        "DELETE FROM tasks WHERE tenant = ?1 AND kind = 'order' AND subject = ?2",
    ),
    (
        Rule::RefundWithoutTask,
        "SELECT tenant, id FROM refunds WHERE state IN ('requesting', 'processing') ORDER BY id DESC",
        "DELETE FROM tasks WHERE tenant = ?1 AND kind = 'refund' AND subject = ?2",
    ),
    (Rule::PaidWithoutNotification, PAID, "DELETE FROM notifications WHERE tenant = ?1 AND order_id = ?2"),
    (
        Rule::NotificationWithoutTask,
        "SELECT tenant, id FROM notifications WHERE state = 'due' ORDER BY id DESC",
        "DELETE FROM tasks WHERE tenant = ?1 AND kind = 'notification' AND subject = ?2",
    ),
];

/// Damages a copy of the books and gives the fault that must be found, and all that are.
fn damaged(books: &Path, (rule, pick, damage): &Damage) -> (String, Vec<String>) {
    let folder = tempdir().expect("a temporary folder");
    let path = folder.path().join("copy.db");
    std::fs::copy(books, &path).expect("a copy");
    let raw = Connection::open(&path).expect("the copy opens");
    let (tenant, name): (String, rusqlite::types::Value) = raw
        .query_row(pick, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("the history has such a row");
    let changed = raw.execute(damage, (&tenant, &name)).expect("the damage is done");
    assert!(changed > 0, "{rule:?}: nothing was damaged");
    drop(raw);
    let name = match name {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("want a name, got {other:?}"),
    };
    (rule.fault(tenant, name), audit(&path))
}

fn audit(path: &Path) -> Vec<String> {
    let store = SqliteStore::open_read_only(path).expect("the file opens");
    match wait(store.search(&Query::Audit)).expect("the books are readable") {
        Page::Audit(audit) => audit.faults,
        other => panic!("want an audit, got {other:?}"),
    }
}

#[test]
fn every_damage_is_named() {
    let folder = tempdir().expect("a temporary folder");
    let books = folder.path().join("books.db");
    let store = SqliteStore::open(&books).expect("the file opens");
    wait(store.migrate()).expect("the schema is new");
    wait(differ(&store, &Memory::new(), 4, 180));
    drop(store);
    assert_eq!(audit(&books), Vec::<String>::new());
    for damage in DAMAGES {
        let (want, found) = damaged(&books, damage);
        assert!(found.contains(&want), "want {want:?}, found {found:#?}");
    }
    for rule in Rule::ALL {
        assert!(DAMAGES.iter().any(|(known, _, _)| *known == rule), "{rule:?} is not tested");
    }
}

#[test]
fn unreadable_row_is_named() {
    let folder = tempdir().expect("a temporary folder");
    let path = folder.path().join("books.db");
    let store = SqliteStore::open(&path).expect("the file opens");
    wait(store.migrate()).expect("the schema is new");
    wait(differ(&store, &Memory::new(), 3, 60));
    let raw = Connection::open(&path).expect("the file opens");
    raw.execute("UPDATE order_terms SET scene = 'moon'", []).expect("the damage is done");
    let number: String = raw
        .query_row("SELECT merchant_order_no FROM orders", [], |row| row.get(0))
        .expect("there are orders");
    let Ok(Page::Tenants(tenants)) =
        wait(store.search(&Query::TenantsWithOrder { merchant_order_no: number.clone() }))
    else {
        panic!("want tenants")
    };
    let key = kernel::OrderKey::MerchantOrderNo(number);
    let query = Query::Order { tenant: tenants[0].clone(), key };
    let fault = wait(store.search(&query)).expect_err("there is no such scene");
    let why = "scene: unknown word \"moon\"".to_owned();
    let want = StoreFault::Unreadable { table: "orders", why };
    assert_eq!(fault, want);
    let Query::Order { tenant, key } = query else { panic!("it was a query for an order") };
    let reads = Reads { orders: vec![(tenant, key)], ..Reads::default() };
    assert_eq!(wait(store.load(&reads)).map(drop), Err(want), "and loading says the same");
}

/// A newer release may leave tasks behind that this one does not know.
#[test]
fn unknown_task_does_not_stop_the_others() {
    let folder = tempdir().expect("a temporary folder");
    let path = folder.path().join("books.db");
    let store = SqliteStore::open(&path).expect("the file opens");
    wait(store.migrate()).expect("the schema is new");
    let raw = Connection::open(&path).expect("the file opens");
    raw.execute_batch(
        "INSERT INTO tasks VALUES ('100001', 'payout', 1, 1, 0), ('100001', 'order', 2, 2, 0),
             ('100002', 'order', 3, 3, 0), (CAST(x'ff' AS TEXT), 'order', 4, 4, 0)",
    )
    .expect("the rows are written");
    let claim = |now, limit| {
        let now = Timestamp::from_ms(now);
        let lease = Lease { now, until: now.plus_ms(1000), limit };
        let tasks = wait(store.claim(lease)).expect("the store claims");
        tasks.into_iter().map(|task| task.subject).collect::<Vec<_>>()
    };
    assert_eq!(claim(10, 1), [0; 0], "the unknown one is the longest due");
    assert_eq!(claim(10, 9), [2, 3], "and stands in nobody's way at the next look");
    assert_eq!(claim(2000, 9), [2, 3], "nor when its lease has ended");
}
