//! A damaged row is named by the rule that it breaks.

use kernel::Reads;
use ledger::Timestamp;
use store::audit::Rule;
use store::conformance::differ;
use store::memory::Memory;
use store::{Lease, Page, Query, Store, StoreFault};
use store_postgres::PostgresStore;
use test_postgres::{Database, Server};
use tokio_postgres::SimpleQueryMessage;

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
        "UPDATE transfers SET amount = 0 WHERE tenant = $tenant AND id = $name",
    ),
    (
        Rule::TransferShape,
        "SELECT tenant, id FROM transfers ORDER BY id DESC",
        "UPDATE transfers SET debit = credit WHERE tenant = $tenant AND id = $name",
    ),
    (
        Rule::BalanceMissing,
        MERCHANT,
        "DELETE FROM balances WHERE tenant = $tenant AND account = $name",
    ),
    (
        Rule::BalanceDiffers,
        MERCHANT,
        "UPDATE balances SET posted = posted + 1 WHERE tenant = $tenant AND account = $name",
    ),
    (
        Rule::BalanceDiffers,
        MERCHANT,
        "UPDATE balances SET held = held + 1 WHERE tenant = $tenant AND account = $name",
    ),
    (
        Rule::BelowFloor,
        MERCHANT,
        "UPDATE balances SET posted = -1 WHERE tenant = $tenant AND account = $name",
    ),
    (
        Rule::BelowFloor,
        "SELECT tenant, account FROM balances WHERE account LIKE 'channel%' ORDER BY tenant DESC",
        "UPDATE balances SET held = -1 WHERE tenant = $tenant AND account = $name",
    ),
    (
        Rule::Unbalanced,
        "SELECT tenant, '1 fen' FROM balances ORDER BY tenant DESC",
        "UPDATE balances SET posted = posted + 1
         WHERE tenant = $tenant AND account LIKE 'merchant%' AND '1 fen' = $name",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "INSERT INTO transfers SELECT tenant, id + 1, order_id, at, phase, debit, credit, amount,
         reason FROM transfers WHERE tenant = $tenant AND order_id = $name AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "UPDATE transfers SET amount = amount + 1
         WHERE tenant = $tenant AND order_id = $name AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "UPDATE transfers SET credit = 'merchant_pending/CM0002'
         WHERE tenant = $tenant AND order_id = $name AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "UPDATE transfers SET phase = 'hold'
         WHERE tenant = $tenant AND order_id = $name AND reason = 'payment'",
    ),
    (
        Rule::PaidWithoutPayment,
        PAID,
        "DELETE FROM order_terms WHERE tenant = $tenant AND id = $name",
    ),
    (
        Rule::PaymentWithoutPaid,
        PAID,
        "UPDATE orders SET state = 'closed' WHERE tenant = $tenant AND id = $name",
    ),
    (Rule::PaymentWithoutPaid, PAID, "DELETE FROM orders WHERE tenant = $tenant AND id = $name"),
    (
        Rule::UnappliedWithoutTransfer,
        UNAPPLIED,
        "UPDATE orders SET unapplied = '[]' WHERE tenant = $tenant AND id = $name",
    ),
    (
        Rule::UnappliedWithoutTransfer,
        UNAPPLIED,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND reason = 'unapplied_payment'",
    ),
    (
        Rule::UnappliedWithoutTransfer,
        UNAPPLIED,
        "UPDATE transfers SET credit = 'suspense/0'
         WHERE tenant = $tenant AND order_id = $name AND reason = 'unapplied_payment'",
    ),
    (
        Rule::UnappliedWithoutRefund,
        UNAPPLIED,
        "DELETE FROM refunds WHERE tenant = $tenant AND order_id = $name",
    ),
    (
        Rule::UnappliedWithoutRefund,
        UNAPPLIED,
        "UPDATE refunds SET amount = amount - 1 WHERE tenant = $tenant AND order_id = $name",
    ),
    (
        Rule::RefundWithoutHold,
        DONE,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutHold,
        FAILED,
        "UPDATE transfers SET amount = amount + 1
         WHERE tenant = $tenant AND order_id = $name AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutHold,
        DONE,
        "UPDATE transfers SET debit = 'suspense/0'
         WHERE tenant = $tenant AND order_id = $name AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutHold,
        UNAPPLIED,
        "INSERT INTO transfers SELECT tenant, id + 1, order_id, at, phase, debit, credit, amount,
         reason FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'hold'",
    ),
    (
        Rule::RefundWithoutPost,
        DONE,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'post_held'",
    ),
    (
        Rule::RefundWithoutPost,
        DONE,
        "UPDATE transfers SET credit = 'channel_funds/elsewhere'
         WHERE tenant = $tenant AND order_id = $name AND phase = 'post_held'",
    ),
    (
        Rule::RefundWithoutPost,
        DONE,
        "UPDATE refunds SET state = 'processing', ended_at = NULL, refund_reference = NULL
         WHERE tenant = $tenant AND order_id = $name AND state = 'done'",
    ),
    (
        Rule::RefundWithoutPost,
        FAILED,
        "UPDATE refunds SET state = 'done', refund_reference = 'x', reason = NULL
         WHERE tenant = $tenant AND order_id = $name AND state = 'failed'",
    ),
    (
        Rule::RefundWithoutPost,
        LATE,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'post'
         AND reason = 'unapplied_refund'",
    ),
    (
        Rule::RefundWithoutRelease,
        LATE,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'release'",
    ),
    (
        Rule::RefundWithoutRelease,
        FAILED,
        "DELETE FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'release'",
    ),
    (
        Rule::RefundWithoutRelease,
        DONE,
        "INSERT INTO transfers SELECT tenant, id + 1, order_id, at, 'release', debit, credit, amount,
         reason FROM transfers WHERE tenant = $tenant AND order_id = $name AND phase = 'post_held'",
    ),
    (
        Rule::HeldDiffers,
        SUSPENSE,
        "UPDATE balances SET held = held + 1 WHERE tenant = $tenant AND account = $name",
    ),
    (
        Rule::HeldDiffers,
        OPEN,
        "UPDATE refunds SET amount = amount + 1
         WHERE tenant = $tenant AND 'suspense/' || tenant = $name AND state IN ('requesting', 'processing')",
    ),
    (
        Rule::OrderWithoutTask,
        "SELECT tenant, id FROM orders WHERE state IN ('init', 'paying', 'closing')
         ORDER BY id DESC",
        "DELETE FROM tasks WHERE tenant = $tenant AND kind = 'order' AND subject = $name",
    ),
    (
        Rule::RefundWithoutTask,
        "SELECT tenant, id FROM refunds WHERE state IN ('requesting', 'processing') ORDER BY id DESC",
        "DELETE FROM tasks WHERE tenant = $tenant AND kind = 'refund' AND subject = $name",
    ),
    (
        Rule::PaidWithoutNotification,
        PAID,
        "DELETE FROM notifications WHERE tenant = $tenant AND order_id = $name",
    ),
    (
        Rule::NotificationWithoutTask,
        "SELECT tenant, id FROM notifications WHERE state = 'due' ORDER BY id DESC",
        "DELETE FROM tasks WHERE tenant = $tenant AND kind = 'notification' AND subject = $name",
    ),
];

/// Books that the random history of this seed left.
async fn books(server: &'static Server, seed: u64, steps: u32) -> Database {
    let database = server.database().await;
    let store = open(&database);
    store.migrate().await.expect("the schema is new");
    differ(&store, &Memory::new(), seed, steps).await;
    database
}

fn open(database: &Database) -> PostgresStore {
    PostgresStore::connect(&database.url()).expect("a good URL")
}

/// The first row that the text gives, its cells as text.
async fn first(database: &Database, sql: &str) -> Vec<String> {
    let answers = database.client().await.simple_query(sql).await.expect("a good question");
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.expect("the history has such a row");
    (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect()
}

/// Damages a copy of the books and gives the fault that must be found, and all that are.
async fn damaged(books: &Database, (rule, pick, damage): &Damage) -> (String, Vec<String>) {
    let copy = books.copy().await;
    let [tenant, name] = first(&copy, pick).await.try_into().expect("two columns");
    let quoted = |text: &str| format!("'{text}'");
    let damage = damage.replace("$tenant", &quoted(&tenant)).replace("$name", &quoted(&name));
    let changed = copy.client().await.execute(&damage, &[]).await.expect("the damage is done");
    assert!(changed > 0, "{rule:?}: nothing was damaged");
    (rule.fault(tenant, name), audit(&copy).await)
}

async fn audit(database: &Database) -> Vec<String> {
    match open(database).search(&Query::Audit).await.expect("the books are readable") {
        Page::Audit(audit) => audit.faults,
        other => panic!("want an audit, got {other:?}"),
    }
}

#[tokio::test]
async fn every_damage_is_named() {
    let Some(server) = test_postgres::server() else { return };
    let books = books(server, 4, 180).await;
    assert_eq!(audit(&books).await, Vec::<String>::new());
    for damage in DAMAGES {
        let (want, found) = damaged(&books, damage).await;
        assert!(found.contains(&want), "want {want:?}, found {found:#?}");
    }
    for rule in Rule::ALL {
        assert!(DAMAGES.iter().any(|(known, _, _)| *known == rule), "{rule:?} is not tested");
    }
}

#[tokio::test]
async fn unreadable_row_is_named() {
    let Some(server) = test_postgres::server() else { return };
    let books = books(server, 3, 60).await;
    let damage = "UPDATE order_terms SET scene = 'moon'";
    books.client().await.batch_execute(damage).await.expect("the damage is done");
    let [tenant, number] = first(&books, "SELECT tenant, merchant_order_no FROM orders")
        .await
        .try_into()
        .expect("two");
    let key = kernel::OrderKey::MerchantOrderNo(number);
    let query = Query::Order { tenant: kernel::TenantId::new(&tenant), key };
    let fault = open(&books).search(&query).await.expect_err("there is no such scene");
    let why = "scene: unknown word \"moon\"".to_owned();
    let want = StoreFault::Unreadable { table: "orders", why };
    assert_eq!(fault, want);
    let Query::Order { tenant, key } = query else { panic!("it was a query for an order") };
    let reads = Reads { orders: vec![(tenant, key)], ..Reads::default() };
    let loaded = open(&books).load(&reads).await;
    assert_eq!(loaded.map(drop), Err(want), "and loading says the same");
}

/// A newer release may leave tasks behind that this one does not know.
#[tokio::test]
async fn unknown_task_does_not_stop_the_others() {
    let Some(server) = test_postgres::server() else { return };
    let database = server.database().await;
    let store = open(&database);
    store.migrate().await.expect("the schema is new");
    let insert = "INSERT INTO tasks VALUES ('100001', 'payout', 1, 1, 0),
        ('100001', 'order', 2, 2, 0), ('100002', 'order', 3, 3, 0)";
    database.client().await.batch_execute(insert).await.expect("the rows are written");
    let claim = async |now, limit| {
        let now = Timestamp::from_ms(now);
        let lease = Lease { now, until: now.plus_ms(1000), limit };
        let tasks = store.claim(lease).await.expect("the store claims");
        tasks.into_iter().map(|task| task.subject).collect::<Vec<_>>()
    };
    assert_eq!(claim(10, 1).await, [0; 0], "the unknown one is the longest due");
    assert_eq!(claim(10, 9).await, [2, 3], "and stands in nobody's way at the next look");
    assert_eq!(claim(2000, 9).await, [2, 3], "nor when its lease has ended");
}
