//! Archives: finished orders are answered as before, and what left the database is proved by its files.

use crate::merchant::Merchant;
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with,
};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::Duration;

/// Looks for the file of a run, at most 20 s.
const LOOKS: u32 = 2_000;
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Sells, and has the merchant acknowledge it; the order as it was placed.
async fn sell(gateway: &TestGateway, merchant: &Merchant) -> Value {
    let body = with(&order(&fresh_number()), "NotifyUrl", json!(merchant.notify_url));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway
        .until_story(number(&body), |story| story["notifications"][0]["state"] == "delivered")
        .await;
    body
}

/// The channel closes an order in word only, the payer pays it, and the money goes back.
async fn pay_too_late(gateway: &TestGateway) -> Value {
    let body = with(&order(&fresh_number()), "PayType", json!("PC"));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.fault_once("close", "error:ORDER_CLOSED").await;
    gateway.result(CLOSE_ORDER, &json!({"OutOrderId": number(&body)})).await;
    gateway.until_status(number(&body), "CLOSED").await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_story(number(&body), |story| story["refunds"][0]["state"] == "done").await;
    body
}

fn number(order: &Value) -> &str {
    order["OutOrderId"].as_str().expect("an order has a number")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Archives what nothing happened to for this number of days; what it said.
fn archive(gateway: &TestGateway, folder: &Path, days: &str) -> String {
    let folder = folder.to_str().expect("a path");
    let output = gateway.verb(&["archive", "--keep-days", days, "--out", folder]).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn verify(gateway: &TestGateway, folder: &Path) -> (Option<i32>, String) {
    let folder = folder.to_str().expect("a path");
    let output = gateway.verb(&["archive", "--verify", folder]).output().expect("it runs");
    (output.status.code(), said(&output))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_order_is_answered_as_before() {
    let gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    let sold = sell(&gateway, &merchant).await;
    let late = pay_too_late(&gateway).await;
    let query = json!({"OutOrderId": number(&sold)});
    let repeated = gateway.call(UNIFIED_ORDER, &sold).await;
    let queried = gateway.result(QUERY_ORDER, &query).await;
    let story = gateway.story(number(&sold)).await;
    let folder = gateway.data().join("archive");

    let young = archive(&gateway, &folder, "1");
    assert!(young.contains("archived 0 stories"), "{young}");
    assert_eq!(files(&folder), Vec::<PathBuf>::new());
    let done = archive(&gateway, &folder, "0");
    assert!(done.contains("archived 1 stories in 1 files"), "the late one is looked at: {done}");
    let path = files(&folder).pop().expect("a file");

    let archived = gateway.story(number(&sold)).await;
    assert_eq!(archived["events"], json!([]));
    assert_eq!(archived["notifications"], json!([]));
    assert_eq!(archived["archived"][0]["subject"]["kind"], "order");
    assert_eq!(
        (&archived["order"], &archived["transfers"]),
        (&story["order"], &story["transfers"])
    );
    assert_eq!(gateway.story(number(&late)).await["refunds"][0]["state"], "done");
    let again = gateway.call(UNIFIED_ORDER, &sold).await;
    let answer = |response: &Value| (response["ErrCode"].clone(), response["Result"].clone());
    assert_eq!(answer(&again), answer(&repeated), "the number is still taken");
    assert_eq!(gateway.result(QUERY_ORDER, &query).await, queried);
    gateway.check_books();
    let why = gateway.why(number(&sold));
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(why.contains("Archived\n") && why.contains(name), "{why}");
    assert!(why.contains("What became of its notifications is archived."), "{why}");
    let (code, found) = verify(&gateway, &folder);
    assert!(code == Some(0) && found.contains("the archives are whole"), "{found}");

    let text = std::fs::read_to_string(&path).expect("a text");
    std::fs::write(&path, text.replacen("order", "ORDER", 1)).expect("written");
    let (code, found) = verify(&gateway, &folder);
    assert!(code == Some(1) && found.contains(&format!("BAD {name}: its SHA-256")), "{found}");
    std::fs::remove_file(&path).expect("removed");
    let (code, found) = verify(&gateway, &folder);
    assert!(code == Some(1) && found.contains(&format!("BAD {name}: ")), "{found}");
}

/// Locks the database so that nothing can be archived until the answer is dropped.
async fn lock(gateway: &TestGateway) -> Box<dyn std::any::Any> {
    if crate::ON_POSTGRES {
        let client = gateway.database().client().await;
        let lock = "BEGIN; LOCK TABLE archives IN SHARE MODE";
        client.batch_execute(lock).await.expect("locked");
        return Box::new(client);
    }
    let path = gateway.data().join("tongbao.db");
    let connection = rusqlite::Connection::open(path).expect("the file opens");
    connection.execute_batch("BEGIN IMMEDIATE").expect("locked");
    Box::new(connection)
}

/// Waits until the server has given up what the killed process sent, which it has whole.
async fn until_no_session_waits(gateway: &TestGateway) {
    if !crate::ON_POSTGRES {
        return;
    }
    let client = gateway.database().client().await;
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..LOOKS {
        let row = client.query_one(waiting, &[]).await.expect("an answer");
        if row.get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    panic!("a session still waits for a lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_before_its_commit_deletes_nothing() {
    let mut gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    let sold = sell(&gateway, &merchant).await;
    let story = gateway.story(number(&sold)).await;
    gateway.kill();
    let folder = gateway.data().join("archive");
    let locked = lock(&gateway).await;
    let out = folder.to_str().expect("a path");
    let mut run = gateway.verb(&["archive", "--keep-days", "0", "--out", out]);
    let mut child = run.spawn().expect("the program runs");
    for _ in 0..LOOKS {
        if !files(&folder).is_empty() {
            break;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    until_no_session_waits(&gateway).await;
    drop(locked);
    let left = files(&folder);
    assert_eq!(left.len(), 1, "the file is written before the commit");

    gateway.restart();
    assert_eq!(gateway.story(number(&sold)).await, story);
    let (code, found) = verify(&gateway, &folder);
    assert!(code == Some(0) && found.contains("no record names it"), "{found}");
    let done = archive(&gateway, &folder, "0");
    assert!(done.contains("archived 1 stories in 1 files"), "{done}");
    assert_eq!(files(&folder), left, "the same stories make the same file");
    let (code, found) = verify(&gateway, &folder);
    assert!(code == Some(0) && !found.contains("NOTE"), "{found}");
    gateway.check_books();
}

/// Starts a run that archives everything.
fn start_run(gateway: &TestGateway, folder: &Path) -> Child {
    let out = folder.to_str().expect("a path");
    let mut run = gateway.verb(&["archive", "--keep-days", "0", "--out", out]);
    run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}

/// Waits until a run has written its file.
async fn until_written(folder: &Path) {
    for _ in 0..LOOKS {
        if !files(folder).is_empty() {
            return;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    panic!("the run writes no file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_runs_with_the_same_stories_one_leaves_them_and_no_file_is_lost() {
    let mut gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    sell(&gateway, &merchant).await;
    gateway.kill();
    // One folder would not show when the second run is ready, too.
    let folders = ["one", "two"].map(|name| gateway.data().join(name));
    let locked = lock(&gateway).await;
    let runs = folders.each_ref().map(|folder| start_run(&gateway, folder));
    for folder in &folders {
        until_written(folder).await;
    }
    drop(locked);
    let outputs = runs.map(|run| run.wait_with_output().expect("it ends"));
    let mut codes = outputs.each_ref().map(|output| output.status.code());
    codes.sort_unstable();
    let all = outputs.each_ref().map(said).join("\n");
    assert_eq!(codes, [Some(0), Some(1)], "{all}");
    assert!(all.contains("left 1 stories for the next run: archive"), "{all}");
    gateway.restart();
    let names = folders.each_ref().map(|folder| files(folder)[0].file_name().map(OsStr::to_owned));
    assert_eq!(names[0], names[1], "the same stories make the same file");
    for folder in &folders {
        let (code, found) = verify(&gateway, folder);
        assert!(code == Some(0) && !found.contains("NOTE"), "{found}");
    }
    gateway.check_books();
}
