//! Refunds that merchants request: every row of their table, in both words of the channel and ours.

use crate::merchant::Merchant;
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Requests a refund.
const APPLY: &str = "/cloudpay/v1/refundOrder/apply";
/// Asks for a refund.
const QUERY: &str = "/cloudpay/v1/refundOrder/query";

const BAD: &str = "ORDER.INVALID_PARAMETER";
const STATUS: &str = "ORDER.ORDER_STATUS_ERROR";
const EXCEEDS: &str = "ORDER.REFUND_AMOUNT_EXCEED";
const NO_ORDER: &str = "ORDER.ORDER_NOT_EXIST";
const NO_REFUND: &str = "ORDER.REFUND_RECORD_NOT_EXIST";

/// Clients that refund at the same time.
const CROWD: usize = 64;
const DAY_SECONDS: i64 = 24 * 3600;

/// A paid order of 10 yuan.
struct Sold {
    number: String,
    id: Value,
}

impl TestGateway {
    async fn sell(&self) -> Sold {
        let number = fresh_number();
        let placed = self.result(UNIFIED_ORDER, &order(&number)).await;
        self.pay(&placed["PayInfo"]).await;
        self.until_status(&number, "SUCCESS").await;
        Sold { number, id: placed["ChannelOrderId"].clone() }
    }

    /// Asks until a refund has a status, at most 20 s.
    async fn until_refund(&self, number: &str, status: &str) -> Value {
        let mut found = Value::Null;
        for _ in 0..400 {
            found = self.result(QUERY, &json!({"OutRefundId": number})).await;
            if found["RefundStatus"] == status {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{number} is not {status}: {found}");
    }

    /// Lets minutes pass until a refund is done, each poll's answer leading to the next.
    async fn pass_until_success(&mut self, number: &str) {
        for _ in 0..40 {
            self.advance(61).await;
            let found = self.result(QUERY, &json!({"OutRefundId": number})).await;
            if found["RefundStatus"] == "SUCCESS" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        self.until_refund(number, "SUCCESS").await;
    }

    /// What the channel has given back of an order.
    async fn refunded_at_channel(&self, sold: &Sold) -> i64 {
        let there = self.channel_orders(&sold.id).await;
        there[0]["refunded"].as_i64().expect("fen")
    }

    /// The order as its merchant sees it.
    async fn sold(&self, sold: &Sold) -> Value {
        self.result(QUERY_ORDER, &json!({"OutOrderId": sold.number})).await
    }
}

impl Sold {
    fn refund(&self, number: &str, fen: i64) -> Value {
        json!({"OutRefundId": number, "OutOrderId": self.number, "RefundAmount": fen})
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_given_back_in_parts_until_nothing_is_left() {
    let gateway = TestGateway::start();
    let sold = gateway.sell().await;
    let [first, second] = [fresh_number(), fresh_number()];

    let applied = gateway.result(APPLY, &sold.refund(&first, 400)).await;
    assert_eq!(applied["OutRefundId"], json!(first));
    assert_eq!(
        (&applied["OutOrderId"], &applied["ChannelOrderId"]),
        (&json!(sold.number), &sold.id)
    );
    assert_eq!((&applied["RefundAmount"], &applied["FeeAmount"]), (&json!("400"), &json!(0)));
    let done = gateway.until_refund(&first, "SUCCESS").await;
    assert_eq!(done["ChannelRefundId"], applied["ChannelRefundId"]);
    assert_eq!((&done["RealRefundAmount"], &done["TotalAmount"]), (&json!("400"), &json!("1000")));
    let order = gateway.sold(&sold).await;
    assert_eq!(
        (&order["OrderStatus"], &order["RefundedAmount"]),
        (&json!("PART_REFUND"), &json!("400"))
    );
    let why = gateway.refused(APPLY, &sold.refund(&second, 601), EXCEEDS).await;
    assert!(why.contains("600 fen"), "{why}");
    gateway.result(APPLY, &sold.refund(&second, 600)).await;
    gateway.until_refund(&second, "SUCCESS").await;
    let order = gateway.sold(&sold).await;
    assert_eq!(
        (&order["OrderStatus"], &order["RefundedAmount"]),
        (&json!("FULL_REFUND"), &json!("1000"))
    );
    gateway.refused(APPLY, &sold.refund(&fresh_number(), 1), EXCEEDS).await;
    gateway.refused(CLOSE_ORDER, &json!({"OutOrderId": sold.number}), STATUS).await;

    assert_eq!(gateway.refunded_at_channel(&sold).await, 1000);
    for kind in ["channel_funds", "merchant_pending", "refunds_payable"] {
        assert_eq!(gateway.balance(kind).await, (0, 0), "{kind}");
    }
    let said = gateway.why(&sold.number);
    assert!(said.contains(&format!("its merchant requested as {first}")), "{said}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_number_again_refunds_once() {
    let gateway = TestGateway::start();
    let (sold, other) = (gateway.sell().await, gateway.sell().await);
    let number = fresh_number();
    let applied = gateway.result(APPLY, &sold.refund(&number, 400)).await;
    for body in [
        sold.refund(&number, 400),
        with(&sold.refund(&number, 400), "Remark", json!("again")),
        with(&sold.refund(&number, 400), "ChannelOrderId", sold.id.clone()),
        json!({"OutRefundId": number, "ChannelOrderId": sold.id, "RefundAmount": 400}),
    ] {
        let again = gateway.result(APPLY, &body).await;
        assert_eq!(again["ChannelRefundId"], applied["ChannelRefundId"], "{body}");
    }
    for (body, member) in
        [(sold.refund(&number, 401), "RefundAmount"), (other.refund(&number, 400), "OutOrderId")]
    {
        let why = gateway.refused(APPLY, &body, BAD).await;
        assert!(why.starts_with(member), "{why}");
    }
    gateway.until_refund(&number, "SUCCESS").await;
    assert_eq!(gateway.refunded_at_channel(&sold).await, 400);
    assert_eq!(gateway.refunded_at_channel(&other).await, 0);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_given_back_is_refused() {
    let mut gateway = TestGateway::start();
    let unpaid = fresh_number();
    gateway.result(UNIFIED_ORDER, &order(&unpaid)).await;
    let unpaid = Sold { number: unpaid, id: Value::Null };
    let nobody = Sold { number: "nobody_1".to_owned(), id: Value::Null };
    gateway.refused(APPLY, &unpaid.refund(&fresh_number(), 1), STATUS).await;
    gateway.refused(APPLY, &nobody.refund(&fresh_number(), 1), NO_ORDER).await;
    let sold = gateway.sell().await;
    gateway.advance(364 * DAY_SECONDS).await;
    let number = fresh_number();
    gateway.result(APPLY, &sold.refund(&number, 1)).await;
    gateway.until_refund(&number, "SUCCESS").await;
    gateway.advance(DAY_SECONDS).await;
    gateway.refused(APPLY, &sold.refund(&fresh_number(), 1), STATUS).await;
    let again = gateway.result(APPLY, &sold.refund(&number, 1)).await;
    assert_eq!(again["RefundStatus"], "SUCCESS", "what was requested in time is still shown");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_member_names_itself_when_it_is_wrong() {
    let gateway = TestGateway::start();
    let sold = gateway.sell().await;
    let good = sold.refund("refund_1", 1);
    for (member, value) in [
        ("OutRefundId", json!("short")),
        ("OutRefundId", json!("x".repeat(33))),
        ("OutRefundId", json!("a-b-c-d")),
        ("OutRefundId", Value::Null),
        ("OutOrderId", json!("short")),
        ("RefundAmount", json!(0)),
        ("RefundAmount", json!(-1)),
        ("RefundAmount", json!("1")),
        ("RefundAmount", json!(1.0)),
        ("RefundAmount", Value::Null),
        ("Remark", json!("备".repeat(129))),
        ("RefundReason", json!("因".repeat(129))),
        ("ExternalRefundData", json!("[]")),
        ("ExternalRefundData", json!({})),
        ("ExternalRefundData", json!(format!("{{\"a\":\"{}\"}}", "x".repeat(1000)))),
        ("NotifyUrl", json!("not a url")),
        ("NotifyUrl", json!(format!("https://business.com/{}", "x".repeat(255)))),
        ("ProductList", json!("one")),
        ("FundAllocateList", json!([{}])),
        ("ProfitShareInfoList", json!([{}])),
        ("WalletRefundInfo", json!({})),
    ] {
        let why = gateway.refused(APPLY, &with(&good, member, value.clone()), BAD).await;
        assert!(why.starts_with(member), "{member} {value}: {why}");
    }
    gateway.refused(QUERY, &json!({"OutRefundId": "refund_1"}), NO_REFUND).await;
    let longest = with(&good, "Remark", json!("备".repeat(128)));
    let longest = with(&longest, "RefundReason", json!("因".repeat(128)));
    let longest = with(&longest, "ExternalRefundData", json!("{\"a\":1}"));
    let longest = with(&longest, "ProductList", json!([{"ProductId": "7"}]));
    let longest = with(&longest, "FundAllocateList", json!([]));
    gateway.result(APPLY, &longest).await;
    let done = gateway.until_refund("refund_1", "SUCCESS").await;
    assert_eq!(done["RefundReason"], json!("因".repeat(128)));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_named_by_either_key_or_by_both() {
    let gateway = TestGateway::start();
    let sold = gateway.sell().await;
    let [one, other] = [fresh_number(), fresh_number()];
    let id = gateway.result(APPLY, &sold.refund(&one, 1)).await["ChannelRefundId"].clone();
    let other_id = gateway.result(APPLY, &sold.refund(&other, 1)).await["ChannelRefundId"].clone();
    for (body, code) in [
        (json!({}), BAD),
        (json!({"OutRefundId": ""}), BAD),
        (json!({"ChannelRefundId": "1"}), BAD),
        (json!({"OutRefundId": one, "ChannelRefundId": other_id}), BAD),
        (json!({"OutRefundId": "nobody_1"}), NO_REFUND),
        (json!({"ChannelRefundId": "100000000000000000"}), NO_REFUND),
        (json!({"ChannelRefundId": sold.id}), NO_REFUND),
    ] {
        gateway.refused(QUERY, &body, code).await;
    }
    for body in [
        json!({"OutRefundId": one}),
        json!({"ChannelRefundId": id}),
        json!({"OutRefundId": one, "ChannelRefundId": id}),
        json!({"OutRefundId": "", "ChannelRefundId": id}),
    ] {
        let found = gateway.result(QUERY, &body).await;
        assert_eq!((&found["OutRefundId"], &found["ChannelRefundId"]), (&json!(one), &id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_requested_again_with_the_same_number() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let key = gateway.text("/wecard/platform_public_key_pem");
    for fault in ["refund_closed", "error:INVALID_REQUEST", "error:NO_AUTH"] {
        let sold = gateway.sell().await;
        let number = fresh_number();
        let body = with(&sold.refund(&number, 1000), "NotifyUrl", json!(merchant.notify_url));
        gateway.fault_once("refund", fault).await;
        let applied = gateway.result(APPLY, &body).await;
        if fault == "error:NO_AUTH" {
            // The account must be mended: nothing has failed, and nothing is requested twice.
            assert_eq!(applied["RefundStatus"], "PROCESSING", "{fault}: {applied}");
            continue;
        }
        let failed = gateway.until_refund(&number, "FAILED").await;
        assert!(failed["RefundMessage"].is_string(), "{fault}: {failed}");
        let told = merchant.received().await;
        assert!(told.is_signed_by(&key));
        let body_told = told.json();
        assert_eq!(body_told["NotifyType"], "REFUND");
        assert_eq!(body_told["Result"]["RefundStatus"], "FAILED", "{fault}");
        assert_eq!(gateway.sold(&sold).await["OrderStatus"], "SUCCESS");
        assert_eq!(gateway.refunded_at_channel(&sold).await, 0);
        gateway.check_books();

        let again = gateway.result(APPLY, &body).await;
        assert_eq!(again["ChannelRefundId"], failed["ChannelRefundId"]);
        let done = gateway.until_refund(&number, "SUCCESS").await;
        let told = merchant.received().await.json();
        assert_eq!(told["Result"], done, "a notification says what a query says");
        assert_eq!(gateway.refunded_at_channel(&sold).await, 1000, "{fault}");
        assert_eq!(gateway.sold(&sold).await["OrderStatus"], "FULL_REFUND");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_the_channel_a_refund_is_booked_once() {
    let mut gateway = TestGateway::start();
    for fault in ["lose_request", "lose_answer", "bad_signature", "unsigned", "duplicate"] {
        let sold = gateway.sell().await;
        let number = fresh_number();
        gateway.fault_once("refund", fault).await;
        let applied = gateway.result(APPLY, &sold.refund(&number, 700)).await;
        assert!(applied["RefundStatus"] != "FAILED", "{fault}: {applied}");
        gateway.faults_met("refund").await;
        gateway.pass_until_success(&number).await;
        assert_eq!(gateway.refunded_at_channel(&sold).await, 700, "{fault}");
    }
    assert_eq!(gateway.balance("refunds_payable").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_payers_account_refuses_waits_for_a_person() {
    let gateway = TestGateway::start();
    let sold = gateway.sell().await;
    let number = fresh_number();
    gateway.fault_once("refund", "refund_abnormal").await;
    gateway.result(APPLY, &sold.refund(&number, 300)).await;
    let is_abnormal = |story: &Value| {
        story["refunds"][0]["state"] == "processing"
            && story.to_string().contains("refund_abnormal")
    };
    let story = gateway.until_story(&sold.number, is_abnormal).await;
    assert_eq!(story["refunds"][0]["merchant_refund_no"], json!(number));
    gateway.counts_attention("refund_abnormal").await;
    assert_eq!(gateway.until_refund(&number, "PROCESSING").await["RefundAmount"], "300");
    assert_eq!(gateway.balance("refunds_payable").await, (300, 300));
    let refund = story["refunds"][0]["id"].as_str().expect("an id");
    let order = story["order"]["id"].as_str().expect("an id");
    let path = format!("/orders/{order}/refunds/{refund}/settle-by-hand");
    let by_hand = json!({"note": "cash at the counter", "outside_reference": "C-1"});
    let answer = gateway.decide(&path, &by_hand).await;
    assert_eq!((answer.status, &answer.body["state"]), (200, &json!("settled_by_hand")));
    gateway.until_refund(&number, "SUCCESS").await;
    assert_eq!(gateway.balance("refunds_payable").await, (0, 0));
    assert_eq!(gateway.balance("settled_by_hand").await, (300, 0));
    assert_eq!(gateway.sold(&sold).await["RefundedAmount"], "300");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_never_gets_more_than_was_paid() {
    let gateway = Arc::new(TestGateway::start());
    let sold = Arc::new(gateway.sell().await);
    let clients: Vec<_> = (0..CROWD)
        .map(|_| {
            let (gateway, sold) = (gateway.clone(), sold.clone());
            tokio::spawn(async move {
                let body = sold.refund(&fresh_number(), 30);
                gateway.call(APPLY, &body).await["ErrCode"].as_str().expect("a code").to_owned()
            })
        })
        .collect();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for client in clients {
        *codes.entry(client.await.expect("a code")).or_default() += 1;
    }
    // 33 × 30 fen of 1000.
    let wanted = BTreeMap::from([("SUCCESS".to_owned(), 33), (EXCEEDS.to_owned(), CROWD - 33)]);
    assert_eq!(codes, wanted);
    gateway.until_story(&sold.number, |story| story["order"]["refunded_fen"] == 990).await;
    assert_eq!(gateway.refunded_at_channel(&sold).await, 990);
    assert_eq!(gateway.balance("merchant_pending").await, (10, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_the_power_went_off_is_given_back_once() {
    let mut gateway = TestGateway::start();
    for fault in ["lose_request", "lose_answer", "delay"] {
        let sold = gateway.sell().await;
        let number = fresh_number();
        gateway.fault_once("refund", fault).await;
        let body = sold.refund(&number, 1000);
        let bytes = body.to_string();
        let headers = gateway.signed(APPLY, bytes.as_bytes()).headers();
        let url = format!("{}{APPLY}", gateway.text("/base_url"));
        let call = gateway.send(channel::Method::Post, url, headers, bytes.as_bytes());
        // The power goes off while the call is under way, or right after it.
        let accepted = tokio::time::timeout(std::time::Duration::from_millis(100), call).await;
        tokio::task::block_in_place(|| {
            gateway.kill();
            gateway.restart();
        });
        let was_promised = matches!(accepted, Ok(Ok(_)));
        let again = gateway.result(APPLY, &body).await;
        assert!(again["RefundStatus"] != "FAILED", "{fault}, promised: {was_promised}: {again}");
        // The callback may have met a closed door; the polls do not.
        gateway.pass_until_success(&number).await;
        assert_eq!(gateway.refunded_at_channel(&sold).await, 1000, "{fault}");
    }
    assert_eq!(gateway.balance("channel_funds").await, (0, 0));
    gateway.check_books();
}
