//! Fund allocation: a paid order's money is divided among merchants, waits for its period, is frozen and
//! released.

use crate::merchant::Merchant;
use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use serde_json::{Value, json};

const SEED: &[u8] = include_bytes!("golden/seed_unified_order.json");
const QUERY_ALLOCATE: &str = "/cloudpay/v1/account/out/query_allocate";
const UNFREEZE: &str = "/cloudpay/v1/account/out/unfreeze_allocate";
const REFUND: &str = "/cloudpay/v1/refundOrder/apply";
const WITHDRAW: &str = "/cloudpay/v1/account/out/withdraw";
const QUERY_BALANCE: &str = "/cloudpay/v1/account/out/query_balance";
const BAD: &str = "ORDER.INVALID_PARAMETER";
const DAY_SECONDS: i64 = 24 * 3600;

/// What lies in an account, in fen; nothing where there is no such account.
async fn posted(gateway: &TestGateway, kind: &str, owner: &str) -> i64 {
    let page = gateway.of_tenant("/accounts").await;
    let accounts = page["accounts"].as_array().expect("a list");
    let own = accounts.iter().filter(|row| row["kind"] == kind && row["owner"] == owner);
    own.map(|row| row["posted_fen"].as_i64().expect("fen")).sum()
}

/// What a merchant has pending, available and frozen.
async fn has(gateway: &TestGateway, merchant: &str) -> [i64; 3] {
    [
        posted(gateway, "merchant_pending", merchant).await,
        posted(gateway, "merchant_available", merchant).await,
        posted(gateway, "merchant_frozen", merchant).await,
    ]
}

fn part(merchant: &str, fen: i64, period: &str, freeze: bool) -> Value {
    json!({
        "ChannelSubMerchantId": merchant,
        "AllocateAmount": fen,
        "AllocatePeriod": period,
        "Freeze": freeze,
    })
}

/// An order that is paid, with its money divided.
async fn sold(gateway: &TestGateway, parts: &Value) -> String {
    let number = fresh_number();
    let body = with(&order(&number), "FundAllocateList", parts.clone());
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    number
}

/// Waits until each allocation of an order has a status; the answer to `query_allocate`.
async fn until_allocated(gateway: &TestGateway, number: &str, want: &[&str]) -> Value {
    let is_so = |story: &Value| statuses(&story["allocations"], "status") == want;
    gateway.until_story(number, is_so).await;
    gateway.result(QUERY_ALLOCATE, &json!({ "OutOrderId": number })).await
}

fn statuses(list: &Value, member: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}

fn unfreezing(no: &str, number: &str, merchant: &str, fen: i64) -> Value {
    let parts = json!([{"ChannelSubMerchantId": merchant, "AllocateAmount": fen}]);
    json!({"OutUnfreezeId": no, "OutOrderId": number, "FundAllocateList": parts})
}

/// The next midnight in Shanghai after `days` days, in Unix seconds.
fn midnight(now: i64, days: i64) -> i64 {
    ((now + 8 * 3600).div_euclid(DAY_SECONDS) + days) * DAY_SECONDS - 8 * 3600
}

/// Goes on to a minute past the midnight that begins the day `days` days on.
async fn to_day(gateway: &mut TestGateway, days: i64) {
    let seconds = midnight(gateway.now(), days) + 60 - gateway.now();
    gateway.advance(seconds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_sample_ends_with_700_200_and_100() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let seed: Value = serde_json::from_slice(SEED).expect("JSON");
    let body = with(&seed, "NotifyUrl", json!(merchant.notify_url));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    let told = merchant.received().await.json();
    assert_eq!(told["NotifyType"], "PAY");
    let list = &told["Result"]["FundAllocateList"];
    assert_eq!(statuses(list, "AllocateStatus"), ["SUCCESS", "FROZEN"]);
    assert_eq!(has(&gateway, "CM6756531983210274560").await, [700, 0, 0]);
    assert_eq!(has(&gateway, "CM-B").await, [0, 200, 0]);
    assert_eq!(has(&gateway, "CM-C").await, [0, 0, 100]);

    let number = seed["OutOrderId"].as_str().expect("text");
    let found = gateway.result(QUERY_ALLOCATE, &json!({ "OutOrderId": number })).await;
    let items = &found["FundAllocateList"];
    assert_eq!(statuses(items, "AllocateStatus"), ["SUCCESS", "FROZEN"]);
    for item in items.as_array().expect("a list") {
        assert_eq!(item["AllocateId"].as_str().expect("text").len(), 18, "{item}");
        assert_eq!(item["FinishTime"].as_str().expect("text").len(), 19, "{item}");
    }
    let shown = gateway.until_status(number, "SUCCESS").await;
    assert_eq!(&shown["FundAllocateList"], list);
    let why = gateway.why(number);
    for part in ["¥2.00 (200 fen) for CM-B", "allocated +300", "Allocations"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_waits_for_its_day_also_through_a_kill() {
    let mut gateway = TestGateway::start();
    to_day(&mut gateway, 1).await;
    let parts = json!([part("CM-B", 200, "D1", false), part("CM-C", 100, "T1", true)]);
    let number = sold(&gateway, &parts).await;
    let waits = until_allocated(&gateway, &number, &["waiting", "waiting"]).await;
    let list = &waits["FundAllocateList"];
    assert_eq!(statuses(list, "AllocateStatus"), ["WAIT_PERIOD", "WAIT_PERIOD"]);
    assert!(list[0].get("FinishTime").is_none(), "{list}");
    assert_eq!(has(&gateway, "CM-B").await, [200, 0, 0]);
    let early = unfreezing("early_1", &number, "CM-C", 1);
    gateway.refused(UNFREEZE, &early, "ORDER.ORDER_STATUS_ERROR").await;

    gateway.kill();
    gateway.restart();
    until_allocated(&gateway, &number, &["waiting", "waiting"]).await;
    to_day(&mut gateway, 1).await;
    gateway.until_story(&number, |story| story["allocations"][0]["status"] == "available").await;
    assert_eq!(has(&gateway, "CM-B").await, [0, 200, 0]);
    // On any weekday the next working day comes within three days.
    to_day(&mut gateway, 2).await;
    until_allocated(&gateway, &number, &["available", "frozen"]).await;
    assert_eq!(has(&gateway, "CM-C").await, [0, 0, 100]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_money_is_released_in_parts() {
    let gateway = TestGateway::start();
    let number = sold(&gateway, &json!([part("CM-C", 100, "D0", true)])).await;
    let first = unfreezing("release_1", &number, "CM-C", 60);
    let released = gateway.result(UNFREEZE, &first).await;
    assert_eq!(statuses(&released["FundAllocateList"], "AllocateStatus"), ["FROZEN"]);
    assert_eq!(gateway.result(UNFREEZE, &first).await, released, "a repeat moves nothing");
    assert_eq!(has(&gateway, "CM-C").await, [0, 60, 40]);

    let other = unfreezing("release_1", &number, "CM-C", 40);
    let why = gateway.refused(UNFREEZE, &other, BAD).await;
    assert!(why.contains("OutUnfreezeId"), "{why}");
    let too_much = unfreezing("release_2", &number, "CM-C", 41);
    let why = gateway.refused(UNFREEZE, &too_much, BAD).await;
    assert!(why.contains("FundAllocateList[0].AllocateAmount"), "{why}");
    let stranger = unfreezing("release_2", &number, "CM-B", 1);
    let why = gateway.refused(UNFREEZE, &stranger, BAD).await;
    assert!(why.contains("FundAllocateList[0].ChannelSubMerchantId"), "{why}");
    let nothing = with(&first, "FundAllocateList", json!([]));
    assert!(gateway.refused(UNFREEZE, &nothing, BAD).await.contains("FundAllocateList"));
    let unknown = unfreezing("release_2", "no_such_order", "CM-C", 1);
    gateway.refused(UNFREEZE, &unknown, "ORDER.ORDER_NOT_EXIST").await;

    let rest = gateway.result(UNFREEZE, &unfreezing("release_2", &number, "CM-C", 40)).await;
    assert_eq!(statuses(&rest["FundAllocateList"], "AllocateStatus"), ["SUCCESS"]);
    assert_eq!(has(&gateway, "CM-C").await, [0, 100, 0]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_book_moves_moves_once_when_the_power_goes_off_in_the_middle() {
    let mut gateway = TestGateway::start();
    let number = fresh_number();
    let parts = json!([part("CM-B", 200, "D0", false), part("CM-C", 100, "D0", true)]);
    let body = with(&order(&number), "FundAllocateList", parts);
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    // The payment and its division are one commit: there are both, or there is neither.
    tokio::task::block_in_place(|| {
        gateway.kill();
        gateway.restart();
    });
    for seconds in [31, 31, 61] {
        gateway.advance(seconds).await;
    }
    until_allocated(&gateway, &number, &["available", "frozen"]).await;
    assert_eq!(has(&gateway, "CM-B").await, [0, 200, 0]);

    for (at, fen) in [(0, 40), (1, 60)] {
        let body = unfreezing(&format!("kill_{at}"), &number, "CM-C", fen);
        gateway.call_through_a_kill(UNFREEZE, &body, 3).await;
    }
    assert_eq!(has(&gateway, "CM-C").await, [0, 100, 0]);
    for (at, left) in [(0, 150), (1, 100)] {
        let body = json!({
            "OutSettleId": format!("kill_settle_{at}"),
            "ChannelSubMerchantId": "CM-B",
            "SettleAmount": 50,
        });
        gateway.call_through_a_kill(WITHDRAW, &body, 3).await;
        let merchant = json!({"ChannelSubMerchantId": "CM-B"});
        let balance = gateway.result(QUERY_BALANCE, &merchant).await;
        assert_eq!(balance["AvailableBalance"], left.to_string(), "{balance}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_allocations_are_refused_by_name() {
    let gateway = TestGateway::start();
    let own = "CM6756531983210274560";
    for (parts, named) in [
        (json!([part("CM-X", 1, "D0", false)]), "FundAllocateList[0].ChannelSubMerchantId"),
        (
            json!([part("CM-B", 1, "D0", false), part(own, 1, "D0", false)]),
            "FundAllocateList[1].ChannelSubMerchantId",
        ),
        (
            json!([part("CM-B", 1, "D0", false), part("CM-B", 1, "D0", false)]),
            "FundAllocateList[1].ChannelSubMerchantId",
        ),
        (json!([part("CM-B", 0, "D0", false)]), "FundAllocateList[0].AllocateAmount"),
        (json!([part("CM-B", 1001, "D0", false)]), "FundAllocateList"),
    ] {
        let body = with(&order(&fresh_number()), "FundAllocateList", parts);
        let why = gateway.refused(UNIFIED_ORDER, &body, BAD).await;
        assert!(why.contains(named), "{named}: {why}");
    }
    let number = fresh_number();
    let plain = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    let found = gateway.result(QUERY_ALLOCATE, &json!({ "OutOrderId": number })).await;
    assert_eq!(found["FundAllocateList"], json!([]));
    assert_eq!(found["ChannelOrderId"], plain["ChannelOrderId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_takes_back_from_each() {
    let gateway = TestGateway::start();
    let parts = json!([part("CM-B", 200, "D0", false), part("CM-C", 100, "D0", true)]);
    let number = sold(&gateway, &parts).await;
    let own = "CM6756531983210274560";
    let half = json!({"OutRefundId": "refund_half", "OutOrderId": number, "RefundAmount": 500});
    gateway.result(REFUND, &half).await;
    gateway.until_story(&number, |story| story["refunds"][0]["state"] == "done").await;
    assert_eq!(has(&gateway, own).await, [350, 0, 0]);
    assert_eq!(has(&gateway, "CM-B").await, [0, 100, 0]);
    assert_eq!(has(&gateway, "CM-C").await, [0, 0, 50]);

    let wanting = |fen: i64, merchant: &str, back: i64| {
        let list = json!([{"ChannelSubMerchantId": merchant, "AllocateAmount": back}]);
        json!({
            "OutRefundId": "refund_named",
            "OutOrderId": number,
            "RefundAmount": fen,
            "FundAllocateList": list,
        })
    };
    for (body, code, named) in [
        (wanting(60, "CM-X", 50), BAD, "FundAllocateList[0].ChannelSubMerchantId"),
        (wanting(60, "CM-C", 51), BAD, "FundAllocateList[0].AllocateAmount"),
        (wanting(49, "CM-C", 50), BAD, "FundAllocateList"),
        (wanting(401, "CM-C", 50), "FailedOperation.MerchantBalanceNotEnough", own),
    ] {
        let why = gateway.refused(REFUND, &body, code).await;
        assert!(why.contains(named), "{named}: {why}");
    }
    gateway.result(REFUND, &wanting(60, "CM-C", 50)).await;
    gateway.until_story(&number, |story| story["refunds"][1]["state"] == "done").await;
    assert_eq!(has(&gateway, own).await, [340, 0, 0]);
    assert_eq!(has(&gateway, "CM-C").await, [0, 0, 0]);
    let found = gateway.result(QUERY_ALLOCATE, &json!({ "OutOrderId": number })).await;
    let list = &found["FundAllocateList"];
    assert_eq!(statuses(list, "AllocateStatus"), ["SUCCESS", "REFUNDED"]);
    gateway.check_books();
}
