//! The database goes, comes back, hangs up, gives up and fills up, while orders are placed and paid.
//! Callers hear that the outcome is open, or they hear the truth; afterwards everything goes on, and
//! Tongbao was not started again.

use crate::load::{GatewayGroup, Promised, Trade, all_is_kept};
use crate::merchant::Merchant;
use crate::rng::{SeededRng, seed};
use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order};
use adapters::Stopwatch;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use test_postgres::{Database, Server};

/// Once the clock is past every lease and every look.
const SETTLED_WITHIN: Duration = Duration::from_secs(40);
/// How soon after the database is back orders are placed again.
const BACK_WITHIN: Duration = Duration::from_secs(20);

fn rng() -> SeededRng {
    let seed = seed();
    eprintln!("TONGBAO_TEST_SEED={seed}");
    SeededRng(seed)
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Places orders until one succeeds, and it must soon.
async fn until_orders_are_placed(group: &GatewayGroup) {
    let waiting = Stopwatch::start();
    loop {
        let body = order(&fresh_number());
        let response = group.ask(&group.gateways[0], UNIFIED_ORDER, &body).await;
        match response {
            Some(response) if response["ErrCode"] == "SUCCESS" => return,
            response => assert!(waiting.elapsed() < BACK_WITHIN, "still {response:?}"),
        }
        pause(50).await;
    }
}

/// Asserts that the gateway goes on and that everything promised was kept.
async fn goes_on(mut gateway: TestGateway, promised: &Promised, merchant: &mut Merchant) {
    assert!(promised.placed.len() >= 20, "{} orders are not a load", promised.placed.len());
    until_orders_are_placed(&GatewayGroup::of(&gateway)).await;
    // What was under way is due half a minute later, looks at unpaid orders after one and two minutes.
    for seconds in [31, 31, 61, 121] {
        gateway.advance(seconds).await;
    }
    all_is_kept(&GatewayGroup::of(&gateway), promised, merchant, SETTLED_WITHIN).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_and_starts_is_used_again() {
    let Some(server) = test_postgres::server_of_ones_own(&std::env::temp_dir()) else { return };
    let mut rng = rng();
    let gateway = TestGateway::start_on(server.database().await);
    let mut merchant = Merchant::start().await;
    let group = Arc::new(GatewayGroup::of(&gateway));
    let trade = Trade::open(&group, &merchant.notify_url, &mut rng);
    for _ in 0..3 {
        pause(rng.roll(500..1200)).await;
        tokio::task::block_in_place(|| server.stop());
        pause(rng.roll(300..1000)).await;
        tokio::task::block_in_place(|| server.start());
        until_orders_are_placed(&group).await;
    }
    let promised = trade.close().await;
    assert!(promised.unknown > 0, "no fault was felt");
    goes_on(gateway, &promised, &mut merchant).await;
}

/// What is done to the connections of a database that are at work, and to half of the others, chosen by
/// chance.
async fn strike(database: &Database, function: &str) -> u64 {
    let sql = format!(
        "SELECT {function}(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
             AND (state = 'active' OR random() < 0.5)"
    );
    database.client().await.execute(&sql, &[]).await.expect("the user may")
}

async fn strike_often(function: &str, times: u32) {
    let mut rng = rng();
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let group = Arc::new(GatewayGroup::of(&gateway));
    let trade = Trade::open(&group, &merchant.notify_url, &mut rng);
    let (mut struck, mut strikes) = (0, 0);
    // A process that is busy has few statements under way, and most that are cancelled it repeats.
    while strikes < times || (!trade.has_felt_a_fault() && strikes < 10 * times) {
        pause(rng.roll(10..60)).await;
        struck += strike(gateway.database(), function).await;
        strikes += 1;
    }
    assert!(struck > u64::from(times / 2), "{struck} sessions were struck");
    let promised = trade.close().await;
    assert!(promised.unknown > 0, "no fault was felt");
    goes_on(gateway, &promised, &mut merchant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_the_database_ends_are_opened_again() {
    strike_often("pg_terminate_backend", 80).await;
}

/// As a statement is that takes too long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_the_database_cancels_leave_nothing_half_done() {
    strike_often("pg_cancel_backend", 160).await;
}

/// Sessions set their own limits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_given_no_time_takes_it() {
    let mut rng = rng();
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let group = Arc::new(GatewayGroup::of(&gateway));
    let trade = Trade::open(&group, &merchant.notify_url, &mut rng);
    let operator = gateway.database().client().await;
    for _ in 0..3 {
        pause(rng.roll(300..900)).await;
        let tiny = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = 1',
            current_database()); END $$";
        operator.batch_execute(tiny).await.expect("the user may");
        // Sessions keep the limit that they began with.
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        operator.execute(others, &[]).await.expect("the user may");
        until_orders_are_placed(&group).await;
    }
    let promised = trade.close().await;
    // A process that runs tries again when its session was not set up within that millisecond; the verb
    // that proves the books does not.
    let reset = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET statement_timeout',
        current_database()); END $$";
    operator.batch_execute(reset).await.expect("the user may");
    goes_on(gateway, &promised, &mut merchant).await;
}

/// Statements wait 5 s for a lock. The first that waits may be nobody's; those that it held up are
/// the merchants'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_somebody_locks_for_long_is_waited_for_in_vain_and_used_again() {
    let mut rng = rng();
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let group = Arc::new(GatewayGroup::of(&gateway));
    let trade = Trade::open(&group, &merchant.notify_url, &mut rng);
    pause(800).await;
    let operator = gateway.database().client().await;
    let lock = "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE";
    operator.batch_execute(lock).await.expect("the user may");
    pause(2 * 5000 + 500).await;
    operator.batch_execute("ROLLBACK").await.expect("it is ours");
    until_orders_are_placed(&group).await;
    pause(500).await;
    let promised = trade.close().await;
    assert!(promised.unknown > 0, "no fault was felt");
    goes_on(gateway, &promised, &mut merchant).await;
}

/// A small disk in memory, with a server on it; both go with the test.
struct Disk {
    folder: tempfile::TempDir,
    server: Option<&'static Server>,
}

impl Disk {
    /// `None` where one may not be made: that takes the system's administrator.
    fn mount() -> Option<Disk> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everybody).expect("it is ours");
        let options = ["-t", "tmpfs", "-o", "size=128m,mode=1777", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(folder.path()).output();
        mounted
            .is_ok_and(|mounted| mounted.status.success())
            .then_some(Disk { folder, server: None })
    }

    fn server(&mut self) -> Option<&'static Server> {
        self.server = test_postgres::server_of_ones_own(self.folder.path());
        self.server
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let full = std::fs::write(self.folder.path().join("filler"), vec![0u8; 256 << 20]);
        assert_eq!(full.expect_err("it is small").kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        std::fs::remove_file(self.folder.path().join("filler")).expect("it was filled");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Once the disk is away, nobody finds the server any more.
        self.server.iter().for_each(|server| server.end());
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_disk_was_full_is_used_again() {
    let Some(mut disk) = Disk::mount() else {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    };
    let Some(server) = disk.server() else { return };
    let mut rng = rng();
    let gateway = TestGateway::start_on(server.database().await);
    let mut merchant = Merchant::start().await;
    let group = Arc::new(GatewayGroup::of(&gateway));
    let trade = Trade::open(&group, &merchant.notify_url, &mut rng);
    pause(1000).await;
    disk.fill();
    pause(2500).await;
    disk.free();
    // One that could not write its log has ended.
    tokio::task::block_in_place(|| server.revive());
    until_orders_are_placed(&group).await;
    let promised = trade.close().await;
    assert!(promised.unknown > 0, "no fault was felt");
    goes_on(gateway, &promised, &mut merchant).await;
}
