//! The power goes off, again and again, while orders are placed and paid.
//!
//! Several merchants place orders and pay them through the phone while the process is killed at random
//! moments and started again. Afterwards the channel's own list is the truth: what was paid there is
//! paid here, booked once and told; what was promised is kept.

use crate::merchant::Merchant;
use crate::rng::{SeededRng, seed};
use crate::test_gateway::{
    QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, id_in, order, with,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::RwLock;

/// How often the power goes off.
const KILLS: u32 = 10;
/// How long the gateway runs between two kills, in milliseconds.
const UPTIME_MS: std::ops::Range<u64> = 150..900;
/// Merchants that order at the same time.
const MERCHANTS: u64 = 6;
/// Orders of a merchant at most: all of them together fit on a page of the channel's list.
const ORDERS_MAX: u32 = 150;
/// How often a merchant asks again before it lets a number be.
const ASKED_MAX: u32 = 40;

/// What a merchant was promised.
#[derive(Default)]
struct Promised {
    /// Numbers answered with SUCCESS, and the ids in those answers.
    placed: BTreeMap<String, Value>,
    /// Numbers whose payer's phone said paid.
    paid: BTreeSet<String>,
}

/// One of the merchants.
struct OrderLoop {
    gateway: Arc<RwLock<TestGateway>>,
    open: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    notify_url: String,
    rng: SeededRng,
    promised: Promised,
}

impl OrderLoop {
    async fn run(mut self) -> Promised {
        let mut orders = 0;
        while self.open.load(Ordering::Relaxed) {
            if orders == ORDERS_MAX {
                self.pause().await;
                continue;
            }
            orders += 1;
            let number = fresh_number();
            let body = with(&order(&number), "NotifyUrl", json!(self.notify_url));
            let body = with(&body, "TotalAmount", json!(self.rng.roll(1..10_000)));
            let Some(placed) = self.place(&number, &body).await else { continue };
            if self.rng.roll(0..4) > 0 && self.pay(&placed["PayInfo"]).await {
                self.promised.paid.insert(number);
            }
        }
        self.promised
    }

    /// Places until there is an answer for good; `None` when it asked often enough.
    async fn place(&mut self, number: &str, body: &Value) -> Option<Value> {
        for _ in 0..ASKED_MAX {
            let Some(response) = self.ask(UNIFIED_ORDER, body).await else { continue };
            match response["ErrCode"].as_str().expect("a code") {
                "SUCCESS" => {
                    let result = response["Result"].clone();
                    assert_eq!(result["OrderStatus"], "PAYING", "{response}");
                    let id = result["ChannelOrderId"].clone();
                    self.promised.placed.insert(number.to_owned(), id);
                    return Some(result);
                }
                "FailedOperation.SystemError" | "ORDER.OPERATE_IS_PROCESSING" => {
                    self.pause().await;
                }
                other => panic!("{number}: {other}: {response}"),
            }
        }
        None
    }

    /// Whether the phone said paid.
    async fn pay(&mut self, pay_info: &Value) -> bool {
        for _ in 0..ASKED_MAX {
            if phone_pays(&self.gateway, pay_info).await {
                return true;
            }
            self.pause().await;
        }
        false
    }

    /// One signed call; `None` when the power went off.
    async fn ask(&mut self, path: &str, body: &Value) -> Option<Value> {
        let bytes = body.to_string();
        let gateway = self.gateway.read().await;
        let headers = gateway.signed(path, bytes.as_bytes()).headers();
        let url = format!("{}{path}", gateway.text("/base_url"));
        let answer = gateway.send(channel::Method::Post, url, headers, bytes.as_bytes()).await;
        drop(gateway);
        self.calls.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{answer:?}");
                Some(answer.body["Response"].clone())
            }
            Err(_) => {
                self.pause().await;
                None
            }
        }
    }

    /// Lets the one pass who switches the power on again.
    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.roll(5..30))).await;
    }
}

/// Whether the phone said paid; false when the power went off.
pub(crate) async fn phone_pays(gateway: &RwLock<TestGateway>, pay_info: &Value) -> bool {
    let body = json!({"pay_info": pay_info, "outcome": "success"}).to_string();
    let gateway = gateway.read().await;
    let url = format!("{}/control/pay", gateway.text("/sandbox_url"));
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    match gateway.send(channel::Method::Post, url, headers, body.as_bytes()).await {
        Ok(answer) if answer.status == 200 => true,
        // The phone paid before, and its answer was lost.
        Ok(answer) if answer.body["error"] == "订单已支付，请勿重复支付" => true,
        Ok(answer) => panic!("the phone cannot pay: {answer:?}"),
        Err(_) => false,
    }
}

/// Kills the process while calls are under way, then starts it again.
pub(crate) async fn power_cycle(gateway: &RwLock<TestGateway>) {
    let pid = gateway.read().await.pid();
    let kill = format!("kill -9 {pid}");
    let killed = std::process::Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.expect("sh runs").success());
    // Calls under way fail now, and their merchants let go of the gateway.
    let mut gateway = gateway.write().await;
    tokio::task::block_in_place(|| {
        gateway.kill();
        gateway.restart();
    });
}

async fn trade_through_power_cuts(gateway: Arc<RwLock<TestGateway>>, notify_url: &str) -> Promised {
    let seed = seed();
    eprintln!("TONGBAO_TEST_SEED={seed}");
    let mut rng = SeededRng(seed);
    let open = Arc::new(AtomicBool::new(true));
    let calls = Arc::new(AtomicU64::new(0));
    let merchants: Vec<_> = (0..MERCHANTS)
        .map(|_| OrderLoop {
            gateway: gateway.clone(),
            open: open.clone(),
            calls: calls.clone(),
            notify_url: notify_url.to_owned(),
            rng: SeededRng(rng.roll(0..u64::MAX)),
            promised: Promised::default(),
        })
        .map(|merchant| tokio::spawn(merchant.run()))
        .collect();
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(rng.roll(UPTIME_MS))).await;
        power_cycle(&gateway).await;
    }
    open.store(false, Ordering::Relaxed);
    let mut promised = Promised::default();
    for merchant in merchants {
        let more = merchant.await.expect("the merchant's rules hold");
        promised.placed.extend(more.placed);
        promised.paid.extend(more.paid);
    }
    let calls = calls.load(Ordering::Relaxed);
    eprintln!("{calls} calls, {} placed, {} paid", promised.placed.len(), promised.paid.len());
    promised
}

/// What the channel was paid: amounts by our id of the order.
async fn paid_at_channel(gateway: &TestGateway) -> BTreeMap<String, i64> {
    let page = gateway.sandbox_get("/control/transactions?limit=1000").await;
    let all = page["transactions"].as_array().expect("a list");
    assert!(all.len() < 1000, "more orders than a page shows");
    let paid = all.iter().filter(|one| one["trade_state"] != "NOTPAY");
    paid.map(|one| {
        assert_eq!((&one["trade_state"], &one["refunded"]), (&json!("SUCCESS"), &json!(0)));
        let number = one["out_trade_no"].as_str().expect("a number");
        (id_in(number).to_owned(), one["amount"]["total"].as_i64().expect("fen"))
    })
    .collect()
}

/// Asks until every one of these ids is paid; their numbers at the merchant.
async fn until_all_paid(
    gateway: &TestGateway,
    ids: impl Iterator<Item = &String>,
) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for id in ids {
        let paid = async {
            loop {
                let found = gateway.result(QUERY_ORDER, &json!({"ChannelOrderId": id})).await;
                if found["OrderStatus"] == "SUCCESS" {
                    return found["OutOrderId"].as_str().expect("a number").to_owned();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let number = tokio::time::timeout(Duration::from_secs(20), paid).await;
        numbers.insert(number.unwrap_or_else(|_| panic!("{id} was paid and is not paid here")));
    }
    numbers
}

/// Every paid order is told, always with the same NotifyId.
async fn until_all_told(gateway: &TestGateway, merchant: &mut Merchant, paid: &BTreeSet<String>) {
    let key = gateway.text("/wecard/platform_public_key_pem");
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    while told.len() < paid.len() {
        let notification = merchant.received().await;
        assert!(notification.is_signed_by(&key));
        let body = notification.json();
        assert_eq!(body["Result"]["OrderStatus"], "SUCCESS");
        let number = body["Result"]["OutOrderId"].as_str().expect("a number").to_owned();
        assert!(paid.contains(&number), "{number} was told and is not paid");
        let known = told.entry(number).or_insert_with(|| body["NotifyId"].clone());
        assert_eq!(*known, body["NotifyId"], "an order has two notifications");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_promised_is_lost_when_the_power_goes_off_under_load() {
    let gateway = Arc::new(RwLock::new(TestGateway::start()));
    let mut merchant = Merchant::start().await;
    let promised = trade_through_power_cuts(gateway.clone(), &merchant.notify_url).await;
    assert!(promised.placed.len() >= 20, "{} orders are not a load", promised.placed.len());
    assert!(promised.paid.len() >= 10, "{} payments are not a load", promised.paid.len());
    let mut gateway = Arc::into_inner(gateway).expect("the merchants have stopped").into_inner();

    // What was under way when the power went off is due half a minute later, looks at unpaid orders
    // after a minute and two.
    for seconds in [31, 31, 61, 121] {
        gateway.advance(seconds).await;
    }
    let at_channel = paid_at_channel(&gateway).await;
    let paid = until_all_paid(&gateway, at_channel.keys()).await;
    assert_eq!(paid.len(), at_channel.len());
    assert!(promised.paid.is_subset(&paid), "the phone paid what the channel does not know");
    for (number, id) in &promised.placed {
        let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
        assert_eq!(found["ChannelOrderId"], *id);
        let wanted = if paid.contains(number) { "SUCCESS" } else { "PAYING" };
        assert_eq!(found["OrderStatus"], wanted, "{number}");
    }
    until_all_told(&gateway, &mut merchant, &paid).await;
    let sum: i64 = at_channel.values().sum();
    assert_eq!(gateway.balance("merchant_pending").await, (sum, 0));
    assert_eq!(gateway.balance("channel_funds").await, (-sum, 0));
    assert_eq!(gateway.balance("suspense").await, (0, 0));
    gateway.check_books();
}
