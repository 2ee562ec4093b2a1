//! The power goes off, again and again, while hundreds of purchases of a hundred cards each are paid.
//!
//! Payers pay through the phone, callbacks come twice and late, behind those of payments that were made
//! after theirs, and the process is killed at random moments. Afterwards each paid purchase has exactly
//! its cards.

use crate::cards::{BUY, account, batch, buying, cards, posted, until_status};
use crate::crash::{phone_pays, power_cycle};
use crate::rng::{SeededRng, seed};
use crate::test_gateway::{TestGateway, fresh_number};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

const BATCHES: &str = "/cloudpay/v1/wallet/out/query_card_batches";
/// Purchases, and how many cards each has.
const PURCHASES: usize = 200;
const CARDS: i64 = 100;
/// What a card is worth, in fen.
const FACE: i64 = 1000;
/// Payers who pay at the same time.
const PAYERS: usize = 6;
/// Purchases whose payers begin between two kills.
const PAID_AT_ONCE: usize = 25;
/// How long the gateway runs between two kills, in milliseconds.
const UPTIME_MS: std::ops::Range<u64> = 50..500;
/// How often a payer tries again, and how long it waits before that.
const TRIES_MAX: u32 = 400;
const PAUSE: Duration = Duration::from_millis(20);

/// Places the purchases; their numbers and pay infos.
async fn placed(gateway: &TestGateway, id: &Value) -> Vec<(String, Value)> {
    let mut placed = vec![];
    for _ in 0..PURCHASES {
        let number = fresh_number();
        let bought = gateway.result(BUY, &buying(&number, id, CARDS)).await;
        placed.push((number, bought["PayInfo"].clone()));
    }
    placed
}

/// The next callbacks come twice, or late.
async fn disturb_callbacks(gateway: &RwLock<TestGateway>) {
    let gateway = gateway.read().await;
    for _ in 0..5 {
        gateway.fault("notify", "duplicate", 3).await;
        let late = json!({"channel": "wxpay", "operation": "notify", "fault": "delay",
            "delay_ms": 300, "times": 2});
        gateway.control("faults", &late).await;
    }
}

/// Pays a purchase, also when the power goes off meanwhile.
async fn pay(gateway: Arc<RwLock<TestGateway>>, turns: Arc<Semaphore>, pay_info: Value) {
    let _turn = turns.acquire().await.expect("it is never closed");
    for _ in 0..TRIES_MAX {
        if phone_pays(&gateway, &pay_info).await {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("the power stays off");
}

/// Some payers at a time begin to pay, and at a random moment after that the power goes off and on.
async fn pay_through_kills(gateway: &Arc<RwLock<TestGateway>>, bought: &[(String, Value)]) {
    let seed = seed();
    eprintln!("TONGBAO_TEST_SEED={seed}");
    let (mut rng, turns) = (SeededRng(seed), Arc::new(Semaphore::new(PAYERS)));
    let mut payers = JoinSet::new();
    for together in bought.chunks(PAID_AT_ONCE) {
        disturb_callbacks(gateway).await;
        for (_, pay_info) in together {
            payers.spawn(pay(gateway.clone(), turns.clone(), pay_info.clone()));
        }
        tokio::time::sleep(Duration::from_millis(rng.roll(UPTIME_MS))).await;
        power_cycle(gateway).await;
    }
    payers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_paid_purchases_have_exactly_their_cards_after_kills_at_random() {
    let gateway = TestGateway::start();
    let id = batch(&gateway, |body| body["TotalQuantity"] = json!(1_000_000)).await;
    let bought = placed(&gateway, &id).await;
    let gateway = Arc::new(RwLock::new(gateway));
    pay_through_kills(&gateway, &bought).await;
    let mut gateway = gateway.write().await;
    // What a callback did not bring, the next polls do.
    gateway.advance(120).await;
    gateway.advance(600).await;
    let mut numbers = BTreeSet::new();
    for (number, _) in &bought {
        let own = cards(&until_status(&gateway, number, "SUCCESS").await);
        assert_eq!(i64::try_from(own.len()), Ok(CARDS), "{number}");
        numbers.extend(own.iter().map(|card| card["CardNo"].to_string()));
    }
    let all = CARDS * i64::try_from(PURCHASES).expect("few");
    assert_eq!(i64::try_from(numbers.len()), Ok(all), "each number is of one card");
    assert_eq!(posted(&gateway, "card_liability", &account(&id)).await, all * FACE);
    let listed = gateway.result(BATCHES, &json!({ "CardBatchId": id })).await;
    let stock = ["TotalQuantity", "IssuedQuantity", "ReservedQuantity"]
        .map(|name| listed["DataList"][0][name].clone());
    assert_eq!(stock, [json!(1_000_000), json!(all), json!(0)]);
    gateway.check_books();
}
