//! Gift cards: a batch is sold, and each card is issued once, with the payment.

use crate::merchant::Merchant;
use crate::test_gateway::{TestGateway, fresh_number, shanghai, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const SEED: &[u8] = include_bytes!("golden/seed_buy_cards.json");
pub(crate) const BUY: &str = "/cloudpay/v1/wallet/out/buy_cards";
pub(crate) const QUERY: &str = "/cloudpay/v1/wallet/out/query_recharge";
const CLOSE: &str = "/cloudpay/v1/wallet/out/close_recharge";
const CREATE_BATCH: &str = "/cloudpay/v1/wallet/out/create_card_batch";
const BATCHES: &str = "/cloudpay/v1/wallet/out/query_card_batches";
const MODIFY_BATCH: &str = "/cloudpay/v1/wallet/out/modify_card_batch";
pub(crate) const QUERY_CARD: &str = "/cloudpay/v1/wallet/out/query_card";
const REFUND: &str = "/cloudpay/v1/refundOrder/apply";
pub(crate) const BAD: &str = "WALLET.INVALID_PARAMETER";
pub(crate) const OWNER: &str = "WX:wx43f1t4567721a03e:oXLUp5OHJof5768CoFFDuuaRn8kc";

fn seed() -> Value {
    serde_json::from_slice(SEED).expect("JSON")
}

/// A purchase of some cards of a batch.
pub(crate) fn buying(number: &str, batch: &Value, quantity: i64) -> Value {
    let body = with(&seed(), "OutRechargeId", json!(number));
    with(&with(&body, "CardBatchId", batch.clone()), "CardQuantity", json!(quantity))
}

/// A batch of cards of 10 yuan for 9, on sale.
pub(crate) async fn batch(gateway: &TestGateway, change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "OutBatchId": fresh_number(),
        "BatchName": "中秋礼品卡",
        "ChannelSubMerchantId": "CM-B",
        "FaceAmount": 1000,
        "SalePrice": 900,
        "TotalQuantity": 5,
        "ValidType": "RELATIVE",
        "ValidDays": 30,
    });
    body["ChannelSubMerchantId"] = json!(gateway.text("/wecard/merchants/0"));
    change(&mut body);
    let made = gateway.result(CREATE_BATCH, &body).await;
    assert_eq!(made["BatchStatus"], "INIT");
    let id = made["CardBatchId"].clone();
    let on_sale = json!({ "CardBatchId": id, "BatchStatus": "ON_SALE" });
    assert_eq!(gateway.result(MODIFY_BATCH, &on_sale).await["BatchStatus"], "ON_SALE");
    id
}

pub(crate) async fn recharge(gateway: &TestGateway, number: &str) -> Value {
    gateway.result(QUERY, &json!({ "OutRechargeId": number })).await
}

/// Asks until a recharge is as wanted, at most 20 s; the last answer.
pub(crate) async fn until(
    gateway: &TestGateway,
    number: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let mut found = Value::Null;
    for _ in 0..200 {
        found = recharge(gateway, number).await;
        if wanted(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{number} is not as wanted: {found:#}");
}

pub(crate) async fn until_status(gateway: &TestGateway, number: &str, status: &str) -> Value {
    until(gateway, number, |found| found["RechargeStatus"] == status).await
}

/// What lies in an account, in fen; nothing where there is no such account.
pub(crate) async fn posted(gateway: &TestGateway, kind: &str, owner: &str) -> i64 {
    let page = gateway.of_tenant("/accounts").await;
    let accounts = page["accounts"].as_array().expect("a list");
    let own = accounts.iter().filter(|row| row["kind"] == kind && row["owner"] == owner);
    own.map(|row| row["posted_fen"].as_i64().expect("fen")).sum()
}

/// The owner of the account of a batch.
pub(crate) fn account(batch: &Value) -> String {
    let id: i64 = batch.as_str().and_then(|id| id.parse().ok()).expect("a decimal id");
    format!("{id:018}")
}

async fn stock(gateway: &TestGateway, batch: &Value) -> [i64; 2] {
    // Nothing changes: the answer shows the batch.
    let shown = json!({ "CardBatchId": batch, "BatchStatus": "ON_SALE" });
    let shown = gateway.result(MODIFY_BATCH, &shown).await;
    ["IssuedQuantity", "ReservedQuantity"].map(|name| shown[name].as_i64().expect("a number"))
}

pub(crate) fn cards(found: &Value) -> Vec<Value> {
    found["CardList"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_sample_is_taken_verbatim() {
    let gateway = TestGateway::start();
    let answer = gateway.call_bytes(BUY, SEED).await;
    assert_eq!(answer["ErrCode"], "SUCCESS", "{answer}");
    let bought = &answer["Result"];
    assert_eq!(bought["OutOrderId"], "demo202211200001");
    assert_eq!(bought["TotalAmount"], "95000");
    assert_eq!(bought["RechargeStatus"], "WAIT");
    assert_eq!(bought["PayChannel"], "WXPAY");
    let jsapi: Value =
        serde_json::from_str(bought["PayInfo"].as_str().expect("text")).expect("JSON");
    assert!(jsapi["package"].as_str().expect("text").starts_with("prepay_id="));
    assert_eq!(cards(&recharge(&gateway, "demo202211200001").await), Vec::<Value>::new());
    gateway.pay(&bought["PayInfo"]).await;
    let found = until_status(&gateway, "demo202211200001", "SUCCESS").await;
    assert_eq!(found["RechargeType"], "CARD");
    assert_eq!(found["Attachment"], "原路返回string");
    let cards = cards(&found);
    let numbers: BTreeSet<&str> = cards.iter().filter_map(|card| card["CardNo"].as_str()).collect();
    assert_eq!((cards.len(), numbers.len()), (10, 10));
    for card in &cards {
        assert_eq!(card["CardStatus"], "ISSUED");
        assert_eq!(card["OwnerId"], OWNER);
        assert_eq!((&card["FaceAmount"], &card["Balance"]), (&json!("10000"), &json!("10000")));
        let by_number = gateway.result(QUERY_CARD, &json!({ "CardNo": card["CardNo"] })).await;
        let by_id = gateway.result(QUERY_CARD, &json!({ "CardId": card["CardId"] })).await;
        assert_eq!((&by_number, &by_id), (card, card));
    }
    let seller = gateway.text("/wecard/merchants/0");
    assert_eq!(posted(&gateway, "card_liability", "000000000000000100").await, 100_000);
    assert_eq!(posted(&gateway, "merchant_pending", &seller).await, 0);
    assert_eq!(posted(&gateway, "merchant_promotions", &seller).await, -5_000);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_merchant_is_notified_of_the_cards_and_a_kill_issues_none_twice() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_number();
    let body =
        with(&buying(&number, &json!("100"), 3), "RechargeNotifyUrl", json!(merchant.notify_url));
    let bought = gateway.result(BUY, &body).await;
    gateway.pay(&bought["PayInfo"]).await;
    let told = merchant.received().await.json();
    assert_eq!(told["NotifyType"], "RECHARGE");
    assert_eq!(told["Result"]["RechargeStatus"], "SUCCESS");
    let issued = cards(&told["Result"]);
    assert_eq!(issued.len(), 3);
    gateway.kill();
    gateway.restart();
    assert_eq!(cards(&recharge(&gateway, &number).await), issued);
    gateway.refused(BUY, &body, "WALLET.RECHARGE_RECORD_ALREADY_EXIST").await;
    gateway.check_books();
}

/// The power goes off right after payers have paid, while callbacks come twice and cards are being issued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_paid_purchase_has_exactly_its_cards_after_every_kill() {
    const KILLS: usize = 5;
    const PAID_AT_ONCE: usize = 4;
    let mut gateway = TestGateway::start();
    let mut bought = vec![];
    for _ in 0..KILLS * PAID_AT_ONCE {
        let number = fresh_number();
        let result = gateway.result(BUY, &buying(&number, &json!(100), 100)).await;
        bought.push((number, result["PayInfo"].clone()));
    }
    for together in bought.chunks(PAID_AT_ONCE) {
        gateway.fault("notify", "duplicate", 8).await;
        let [one, two, three, four] = together else { panic!("four at once") };
        tokio::join!(
            gateway.pay(&one.1),
            gateway.pay(&two.1),
            gateway.pay(&three.1),
            gateway.pay(&four.1)
        );
        gateway.kill();
        gateway.restart();
    }
    // What a callback did not bring, the next polls do.
    gateway.advance(120).await;
    gateway.advance(600).await;
    let mut numbers = BTreeSet::new();
    for (number, _) in &bought {
        let found = until_status(&gateway, number, "SUCCESS").await;
        let own = cards(&found);
        assert_eq!(own.len(), 100, "{number}");
        numbers.extend(own.iter().map(|card| card["CardNo"].to_string()));
    }
    assert_eq!(numbers.len(), bought.len() * 100);
    let worth = i64::try_from(numbers.len()).expect("few") * 10_000;
    assert_eq!(posted(&gateway, "card_liability", "000000000000000100").await, worth);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_is_reserved_until_the_purchase_ends() {
    let mut gateway = TestGateway::start();
    let id = batch(&gateway, |_| {}).await;
    let (first, second, third) = (fresh_number(), fresh_number(), fresh_number());
    gateway.result(BUY, &buying(&first, &id, 3)).await;
    assert_eq!(stock(&gateway, &id).await, [0, 3]);
    let said =
        gateway.refused(BUY, &buying(&second, &id, 3), "WALLET.CARD_STOCK_INSUFFICIENT").await;
    assert_eq!(said, "CardQuantity: 2 cards are left");
    let bought = gateway.result(BUY, &buying(&second, &id, 2)).await;
    assert_eq!(stock(&gateway, &id).await, [0, 5]);
    let closed = gateway.result(CLOSE, &json!({ "OutRechargeId": first })).await;
    assert_eq!(closed["RechargeStatus"], "CLOSED");
    assert_eq!(stock(&gateway, &id).await, [0, 2]);
    gateway.pay(&bought["PayInfo"]).await;
    until_status(&gateway, &second, "SUCCESS").await;
    assert_eq!(stock(&gateway, &id).await, [2, 0]);
    gateway
        .refused(CLOSE, &json!({ "OutRechargeId": second }), "WALLET.RECHARGE_STATUS_ERROR")
        .await;
    gateway.result(BUY, &buying(&third, &id, 3)).await;
    gateway.advance(31 * 60).await;
    until_status(&gateway, &third, "FAIL").await;
    assert_eq!(stock(&gateway, &id).await, [2, 0]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_buys_no_more_than_the_batch_allows() {
    let gateway = TestGateway::start();
    let id = batch(&gateway, |body| body["PurchaseLimit"] = json!(3)).await;
    let number = fresh_number();
    gateway.result(BUY, &buying(&number, &id, 2)).await;
    gateway.refused(BUY, &buying(&fresh_number(), &id, 2), "WALLET.CARD_PURCHASE_LIMIT").await;
    let other =
        with(&buying(&fresh_number(), &id, 2), "PayerInfo", json!({ "OutUserId": "user2" }));
    gateway.result(BUY, &other).await;
    gateway.result(CLOSE, &json!({ "OutRechargeId": number })).await;
    gateway.result(BUY, &buying(&fresh_number(), &id, 3)).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_purchase_names_its_member_and_changes_nothing() {
    let gateway = TestGateway::start();
    let id = batch(&gateway, |_| {}).await;
    let number = fresh_number();
    let body = buying(&number, &id, 1);
    let cases = [
        ("CardQuantity", json!(0), BAD),
        ("CardQuantity", json!(-1), BAD),
        ("CardQuantity", json!(101), BAD),
        ("CardQuantity", Value::Null, BAD),
        ("CardBatchId", json!(999), "WALLET.CARD_BATCH_NOT_EXIST"),
        ("CardBatchId", json!("x"), BAD),
        ("CardBatchId", json!(0), BAD),
        ("PayType", json!("SWIPE"), BAD),
        ("PayType", json!("AGREEMENT"), BAD),
        ("PayChannel", json!("WALLETPAY"), BAD),
        ("OutRechargeId", json!("short"), BAD),
    ];
    for (member, value, code) in cases {
        let said = gateway.refused(BUY, &with(&body, member, value.clone()), code).await;
        assert!(said.starts_with(member), "{member} {value}: {said}");
    }
    let anonymous = with(&body, "ExternalPaymentData", Value::Null);
    let anonymous = with(&with(&anonymous, "PayChannel", json!("WXPAY")), "PayType", json!("PC"));
    let said = gateway.refused(BUY, &anonymous, BAD).await;
    assert!(said.starts_with("PayerInfo"), "{said}");
    for channel in ["UNIONPAY", "B2BBANK", "ENTPAY", "B2BTRANSFER", "BALANCEPAY"] {
        let body = with(&body, "PayChannel", json!(channel));
        let body =
            with(&with(&body, "PayerInfo", json!({ "PayerId": "u1" })), "PayType", json!("PC"));
        gateway.refused(BUY, &body, "NO_MERCHANT_SECRET").await;
    }
    let off = json!({ "CardBatchId": id, "BatchStatus": "OFF_SALE" });
    gateway.result(MODIFY_BATCH, &off).await;
    gateway.refused(BUY, &body, "WALLET.CARD_BATCH_OFF_SALE").await;
    gateway
        .refused(QUERY, &json!({ "OutRechargeId": number }), "WALLET.RECHARGE_RECORD_NOT_EXIST")
        .await;
    assert_eq!(stock(&gateway, &id).await, [0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_purchase_under_the_same_number_is_refused() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let body = buying(&number, &json!(100), 2);
    let bought = gateway.result(BUY, &body).await;
    assert_eq!(gateway.result(BUY, &body).await["ChannelOrderId"], bought["ChannelOrderId"]);
    gateway.refused(BUY, &buying(&number, &json!(100), 3), BAD).await;
    let other = with(&body, "PayerInfo", json!({ "PayerId": "somebody" }));
    gateway.refused(BUY, &other, BAD).await;
    gateway.pay(&bought["PayInfo"]).await;
    until_status(&gateway, &number, "SUCCESS").await;
    let refund = json!({
        "OutRefundId": fresh_number(),
        "ChannelOrderId": bought["ChannelOrderId"],
        "RefundAmount": 1,
    });
    gateway.refused(REFUND, &refund, "ORDER.ORDER_STATUS_ERROR").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_expired_cards_is_the_sellers() {
    let mut gateway = TestGateway::start();
    let id = batch(&gateway, |_| {}).await;
    let number = fresh_number();
    let bought = gateway.result(BUY, &buying(&number, &id, 2)).await;
    gateway.pay(&bought["PayInfo"]).await;
    until_status(&gateway, &number, "SUCCESS").await;
    let seller = gateway.text("/wecard/merchants/0");
    assert_eq!(posted(&gateway, "card_liability", &account(&id)).await, 2000);
    gateway.advance(31 * 24 * 3600).await;
    let is_expired =
        |found: &Value| cards(found).iter().all(|card| card["CardStatus"] == "EXPIRED");
    let found = until(&gateway, &number, is_expired).await;
    assert!(cards(&found).iter().all(|card| card["Balance"] == "0"), "{found}");
    assert_eq!(posted(&gateway, "card_liability", &account(&id)).await, 0);
    assert_eq!(posted(&gateway, "breakage", &seller).await, 2000);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_created_once_and_only_grows() {
    let gateway = TestGateway::start();
    let body = json!({
        "OutBatchId": "batch_2026_001",
        "BatchName": "春节卡",
        "ChannelSubMerchantId": gateway.text("/wecard/merchants/0"),
        "FaceAmount": 500,
        "SalePrice": 500,
        "TotalQuantity": 10,
        "ValidType": "FIXED",
        "BeginTime": "2026-01-01 00:00:00",
        "EndTime": "2099-01-01 00:00:00",
    });
    let made = gateway.result(CREATE_BATCH, &body).await;
    assert_eq!(gateway.result(CREATE_BATCH, &body).await, made);
    gateway.refused(CREATE_BATCH, &with(&body, "FaceAmount", json!(600)), BAD).await;
    let id = &made["CardBatchId"];
    let modify = |member: &str, value: Value| json!({ "CardBatchId": id, member: value });
    gateway.refused(MODIFY_BATCH, &modify("TotalQuantity", json!(9)), BAD).await;
    gateway.refused(MODIFY_BATCH, &modify("EndTime", json!("2098-01-01 00:00:00")), BAD).await;
    gateway.refused(MODIFY_BATCH, &modify("BatchStatus", json!("OFF_SALE")), BAD).await;
    let more = gateway.result(MODIFY_BATCH, &modify("TotalQuantity", json!(20))).await;
    assert_eq!(more["TotalQuantity"], 20);
    let closed = gateway.result(MODIFY_BATCH, &modify("BatchStatus", json!("CLOSED"))).await;
    assert_eq!(closed["BatchStatus"], "CLOSED");
    gateway.refused(MODIFY_BATCH, &modify("BatchStatus", json!("ON_SALE")), BAD).await;
    for (member, value) in [
        ("FaceAmount", json!(0)),
        ("SalePrice", json!(-1)),
        ("TotalQuantity", json!(0)),
        ("ValidType", json!("EVER")),
        ("EndTime", json!("2020-01-01 00:00:00")),
        ("ChannelSubMerchantId", json!("CM-nobody")),
        ("ApplyMerchantList", json!(["CM-nobody"])),
    ] {
        let body = with(&with(&body, member, value), "OutBatchId", json!(fresh_number()));
        let said = gateway.refused(CREATE_BATCH, &body, BAD).await;
        assert!(said.starts_with(member), "{member}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_listed_with_their_stock_and_state() {
    let mut gateway = TestGateway::start();
    let fixed = |body: &mut Value, end: i64| {
        body["ValidType"] = json!("FIXED");
        body["BeginTime"] = json!("2020-01-01 00:00:00");
        body["EndTime"] = json!(shanghai(end));
    };
    let end = gateway.now() + 3600;
    let first = batch(&gateway, |body| fixed(body, end)).await;
    let second = batch(&gateway, |_| {}).await;
    gateway.result(BUY, &buying(&fresh_number(), &second, 3)).await;
    let off = json!({ "CardBatchId": first, "BatchStatus": "OFF_SALE" });
    let off = gateway.result(MODIFY_BATCH, &off).await;
    let list = async |gateway: &TestGateway, body: Value| {
        let found = gateway.result(BATCHES, &body).await;
        let rows = found["DataList"].as_array().expect("a list").clone();
        (rows, found["Count"].as_u64().expect("a number"))
    };
    let merchant = gateway.text("/wecard/merchants/0");
    let own = json!({ "ChannelSubMerchantId": merchant });
    let (rows, count) = list(&gateway, own.clone()).await;
    // `tongbao dev` has a batch of its own, whose number is small.
    assert_eq!((count, rows.len()), (3, 3));
    assert_eq!((&rows[0]["CardBatchId"], &rows[1]), (&second, &off));
    assert_eq!(rows[0]["ReservedQuantity"], 3);
    assert_eq!(rows[2]["CardBatchId"], "100");
    let page = with(&with(&own, "PageNo", json!(2)), "PageSize", json!(1));
    assert_eq!(list(&gateway, page).await, (vec![off.clone()], 3));
    for (body, wanted) in [
        (json!({ "CardBatchId": first }), &rows[1..2]),
        (json!({ "BatchStatus": "OFF_SALE", "CardBatchId": "" }), &rows[1..2]),
        (json!({ "BatchStatus": "EXPIRED" }), &rows[..0]),
        (json!({ "CardBatchId": 999_999 }), &rows[..0]),
        (json!({ "ChannelSubMerchantId": "CM-NONE" }), &rows[..0]),
    ] {
        assert_eq!(list(&gateway, body.clone()).await.0, wanted, "{body}");
    }
    gateway.advance(3601).await;
    let (expired, count) = list(&gateway, json!({ "BatchStatus": "EXPIRED" })).await;
    assert_eq!((count, &expired[0]["CardBatchId"]), (1, &first));
    assert_eq!(expired[0]["BatchStatus"], "EXPIRED");
    assert_eq!(list(&gateway, json!({ "BatchStatus": "OFF_SALE" })).await.1, 0);
    gateway.refused(BATCHES, &json!({ "PageSize": 101 }), BAD).await;
    gateway.refused(BATCHES, &json!({ "BatchStatus": "SOLD" }), BAD).await;
}
