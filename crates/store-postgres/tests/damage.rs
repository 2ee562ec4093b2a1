//! A damaged row is named by the rule that it breaks.

mod fixture;

use fixture::{another, claim_of, create_tenants, fresh};
use kernel::{Key, NaturalKey, Reads};
use ledger::Timestamp;
use store::conformance::damage::{DAMAGES, Damage, history};
use store::{AttentionFilter, AttentionList, OneOrder, Store, StoreFault};
use test_postgres::Database;
use test_support::{NAMESPACE, tenant};
use tokio_postgres::SimpleQueryMessage;

/// The first two cells of the first row that the text gives.
async fn first(database: &Database, sql: &str) -> (String, String) {
    let answers = database.client().await.simple_query(sql).await.expect("a good question");
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.expect("the history has such a row");
    let cell = |at| row.get(at).unwrap_or_default().to_owned();
    (cell(0), cell(1))
}

/// Damages a copy of the books and gives the fault that must be found, and all that are.
async fn damaged(books: &Database, damage: &Damage) -> (String, Vec<String>) {
    let copy = books.copy().await;
    let (tenant, subject) = first(&copy, damage.pick).await;
    let statement = damage.statement(&tenant, &subject);
    let changed = copy.client().await.execute(&statement, &[]).await.expect("the damage is done");
    assert!(changed > 0, "{}: nothing was damaged", damage.name);
    (damage.fault(&tenant, &subject), audit(&copy).await)
}

async fn audit(database: &Database) -> Vec<String> {
    fixture::audit(&another(database)).await.faults
}

#[tokio::test]
async fn every_damage_is_named() {
    let Some(server) = test_postgres::server() else { return };
    let (books, store) = fresh(server).await;
    history(&store).await;
    drop(store);
    assert_eq!(audit(&books).await, Vec::<String>::new());
    for damage in DAMAGES {
        let (want, found) = damaged(&books, damage).await;
        assert!(found.contains(&want), "{}: want {want:?}, found {found:#?}", damage.name);
    }
}

#[tokio::test]
async fn unreadable_row_is_named() {
    let Some(server) = test_postgres::server() else { return };
    let (books, store) = fresh(server).await;
    history(&store).await;
    let damage = "UPDATE order_terms SET scene = 'moon'";
    books.client().await.batch_execute(damage).await.expect("the damage is done");
    let key = Key::Number(NaturalKey::new(NAMESPACE, "A-1"));
    let question = OneOrder { tenant: tenant(), key: key.clone() };
    let fault = (&store as &dyn Store).ask(question).await.expect_err("there is no such scene");
    let why = "scene: unknown word \"moon\"".to_owned();
    let want = StoreFault::Unreadable { table: "orders", why };
    assert_eq!(fault, want);
    let reads = Reads { orders: vec![(tenant(), key)], ..Reads::default() };
    assert_eq!(store.load(&reads).await.map(drop), Err(want), "and loading says the same");
}

/// A newer release may leave tasks behind that this one does not know.
#[tokio::test]
async fn unknown_task_does_not_stop_the_others() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    create_tenants(&store).await;
    let insert = "INSERT INTO tasks VALUES ('100001', 'payout', 1, 1, 1, 1, 0),
        ('100001', 'order', 2, 2, 2, 2, 0), ('100002', 'order', 3, 3, 3, 3, 0)";
    database.client().await.batch_execute(insert).await.expect("the rows are written");
    let claim = async |now, limit| {
        let now = Timestamp::from_ms(now);
        let claim = claim_of(now, now.plus_ms(1000), limit);
        let tasks = store.claim(&claim).await.expect("the store claims");
        tasks.into_iter().map(|task| task.subject.value).collect::<Vec<_>>()
    };
    assert_eq!(claim(10, 1).await, [0; 0], "the unknown one is the longest due");
    assert_eq!(claim(10, 9).await, [2, 3], "and stands in nobody's way at the next look");
    assert_eq!(claim(2000, 9).await, [3, 2], "nor when its lease has ended");
    let late = AttentionFilter { limit: 9, ..AttentionFilter::default() };
    let late = AttentionList { filter: late, now: Timestamp::from_ms(1_000_000) };
    let late = (&store as &dyn Store).ask(late).await.expect("the list is readable");
    let late: Vec<_> = late.iter().map(|row| row.subject.value).collect();
    assert_eq!(late, [3], "the list of what is late leaves it out");
}
