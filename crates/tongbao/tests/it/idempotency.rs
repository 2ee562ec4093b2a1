//! The same OutOrderId again: one number is always one order.

use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, is_of_order, order,
    shanghai, with,
};
use serde_json::{Value, json};

const EXISTS: &str = "ORDER.ORDER_RECORD_ALREADY_EXIST";
const PROCESSING: &str = "ORDER.OPERATE_IS_PROCESSING";
const BAD: &str = "ORDER.INVALID_PARAMETER";
/// The same number asked for at once.
const CROWD: usize = 50;

async fn transactions(gateway: &TestGateway) -> Vec<Value> {
    let all = gateway.sandbox_get("/control/transactions?limit=1000").await;
    all["transactions"].as_array().expect("a list").clone()
}

/// The result of a repeat, sent again while the platform itself is asking the channel.
async fn placed_again(gateway: &TestGateway, body: &Value) -> Value {
    loop {
        let response = gateway.call(UNIFIED_ORDER, body).await;
        if response["ErrCode"] != PROCESSING {
            assert_eq!(response["ErrCode"], "SUCCESS", "{response}");
            return response["Result"].clone();
        }
        tokio::task::yield_now().await;
    }
}

/// Every request for an order that is final is answered like this; its other members do not matter.
async fn exists_in_any_case(gateway: &TestGateway, body: &Value) {
    gateway.refused(UNIFIED_ORDER, body, EXISTS).await;
    for (member, value) in [
        ("TotalAmount", json!(1)),
        ("PayType", json!("PC")),
        ("ChannelSubMerchantId", json!("CM-B")),
    ] {
        gateway.refused(UNIFIED_ORDER, &with(body, member, value), EXISTS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_asked_for_again_is_the_same_order_and_still_payable() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let body = with(&order(&number), "Attachment", json!("first"));
    let first = gateway.result(UNIFIED_ORDER, &body).await;
    // These members do not make an order another one.
    let again = with(&body, "OrderSubject", json!("another title"));
    let again = with(&again, "Remark", json!("another remark"));
    let again = with(&again, "Currency", json!("CNY"));
    for body in [&body, &again, &body] {
        let repeat = gateway.result(UNIFIED_ORDER, body).await;
        assert_eq!(repeat["ChannelOrderId"], first["ChannelOrderId"]);
        assert_eq!(repeat["OrderStatus"], "PAYING");
        assert_eq!(repeat["PayInfoType"], "JSAPI");
        let looked = json!({"pay_info": repeat["PayInfo"], "outcome": "cancel"});
        gateway.control("pay", &looked).await;
    }
    assert_eq!(transactions(&gateway).await.len(), 1);
    gateway.pay(&first["PayInfo"]).await;
    let paid = gateway.until_status(&number, "SUCCESS").await;
    assert_eq!(paid["Attachment"], "first");
    assert_eq!(paid["ChannelOrderId"], first["ChannelOrderId"]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_very_same_signed_bytes_may_come_twice() {
    let gateway = TestGateway::start();
    let body = order(&fresh_number()).to_string().into_bytes();
    let headers = gateway.signed(UNIFIED_ORDER, &body).headers();
    let first = gateway.post_raw(UNIFIED_ORDER, headers.clone(), &body).await;
    let second = gateway.post_raw(UNIFIED_ORDER, headers, &body).await;
    let [first, second] = [&first, &second].map(|answer| &answer.body["Response"]);
    assert_eq!(first["Result"], second["Result"]);
    assert_ne!(first["RequestId"], second["RequestId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_asked_for_with_other_terms_is_refused_by_name_and_unchanged() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let body = order(&number);
    let first = gateway.result(UNIFIED_ORDER, &body).await;
    let external = json!({"WxOpenId": "o", "AliUserId": "2088"}).to_string();
    let either = with(&body, "ExternalPaymentData", json!(external));
    for (member, value) in [
        ("ChannelSubMerchantId", json!("CM-B")),
        ("TotalAmount", json!(1001)),
        ("PayType", json!("PUBLIC")),
        ("PayChannel", json!("ALIPAY")),
        ("ExternalPaymentData", json!(json!({"WxOpenId": "another"}).to_string())),
        ("NotifyUrl", json!("https://shop.example/another")),
        ("ExpireTime", json!(shanghai(gateway.now() + 600))),
    ] {
        let body =
            if member == "TotalAmount" || member.starts_with("Pay") { &either } else { &body };
        let why = gateway.refused(UNIFIED_ORDER, &with(body, member, value), BAD).await;
        assert!(why.contains(member), "{member} is not named: {why}");
    }
    let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
    assert_eq!(found["TotalAmount"], "1000");
    assert_eq!(found["PayType"], "MINI_PROGRAM");
    assert_eq!(found["ChannelSubMerchantId"], body["ChannelSubMerchantId"]);
    assert_eq!(gateway.result(UNIFIED_ORDER, &body).await["PayInfo"], first["PayInfo"]);
    assert_eq!(transactions(&gateway).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_used_up_once_its_order_is_paid_closed_or_refused() {
    let gateway = TestGateway::start();
    let paid = order(&fresh_number());
    let placed = gateway.result(UNIFIED_ORDER, &paid).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(paid["OutOrderId"].as_str().expect("text"), "SUCCESS").await;
    exists_in_any_case(&gateway, &paid).await;

    let closed = order(&fresh_number());
    gateway.result(UNIFIED_ORDER, &closed).await;
    gateway.result(CLOSE_ORDER, &json!({"OutOrderId": closed["OutOrderId"]})).await;
    exists_in_any_case(&gateway, &closed).await;

    let external = json!({"WxAppId": "wx0000000000000000", "WxOpenId": "o"}).to_string();
    let failed = with(&order(&fresh_number()), "ExternalPaymentData", json!(external));
    assert_eq!(gateway.result(UNIFIED_ORDER, &failed).await["OrderStatus"], "PAY_FAIL");
    exists_in_any_case(&gateway, &failed).await;

    for (body, status) in [(&paid, "SUCCESS"), (&closed, "CLOSED"), (&failed, "PAY_FAIL")] {
        let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": body["OutOrderId"]})).await;
        assert_eq!(found["OrderStatus"], status);
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_used_up_once_its_order_has_expired() {
    let mut gateway = TestGateway::start();
    let number = fresh_number();
    let expiry = shanghai(gateway.now() + 600);
    let body = with(&order(&number), "ExpireTime", json!(expiry));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.advance(601).await;
    gateway.until_status(&number, "PAY_FAIL").await;
    // The expiry of the repeat lies in the past by now; the answer does not depend on it.
    exists_in_any_case(&gateway, &body).await;
    let late = json!({"pay_info": placed["PayInfo"], "outcome": "success"});
    assert_eq!(gateway.control_answer("pay", &late).await.status, 400);
    assert_eq!(transactions(&gateway).await.len(), 1);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_past_its_time_that_the_channel_has_not_closed_is_in_operation() {
    let mut gateway = TestGateway::start();
    let number = fresh_number();
    let body = order(&number);
    gateway.result(UNIFIED_ORDER, &body).await;
    gateway.fault("close", "lose_request", 1).await;
    gateway.advance(1801).await;
    gateway.refused(UNIFIED_ORDER, &body, PROCESSING).await;
    gateway.until_status(&number, "PAY_FAIL").await;
    gateway.refused(UNIFIED_ORDER, &body, EXISTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_info_that_has_run_out_is_renewed_under_the_same_number() {
    let mut gateway = TestGateway::start();
    let number = fresh_number();
    let body = with(&order(&number), "ExpireTime", json!(shanghai(gateway.now() + 4 * 3600)));
    let first = gateway.result(UNIFIED_ORDER, &body).await;
    // A prepay id works for two hours.
    gateway.advance(2 * 3600 + 1).await;
    let second = placed_again(&gateway, &body).await;
    assert_eq!(second["ChannelOrderId"], first["ChannelOrderId"]);
    assert_eq!(second["OrderStatus"], "PAYING");
    assert_ne!(second["PayInfo"], first["PayInfo"]);
    let old = json!({"pay_info": first["PayInfo"], "outcome": "success"});
    assert_eq!(gateway.control_answer("pay", &old).await.status, 400);
    gateway.pay(&second["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    assert_eq!(transactions(&gateway).await.len(), 1);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_requests_at_once_for_a_new_number_make_one_order() {
    let gateway = std::sync::Arc::new(TestGateway::start());
    let number = fresh_number();
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..CROWD {
        let (gateway, body) = (gateway.clone(), order(&number));
        posts.spawn(async move { gateway.call(UNIFIED_ORDER, &body).await });
    }
    let (mut taken, mut refused) = (vec![], 0);
    while let Some(response) = posts.join_next().await {
        let response = response.expect("no panic");
        match response["ErrCode"].as_str() {
            Some("SUCCESS") => taken.push(response["Result"].clone()),
            Some(PROCESSING) => refused += 1,
            _ => panic!("{response}"),
        }
    }
    assert_eq!(taken.len() + refused, CROWD);
    let first = taken.first().expect("one at least is taken");
    for other in &taken {
        assert_eq!(other["ChannelOrderId"], first["ChannelOrderId"]);
        assert_eq!(other["OrderStatus"], "PAYING");
    }
    let all = transactions(&gateway).await;
    assert_eq!(all.len(), 1);
    assert!(is_of_order(&all[0], &first["ChannelOrderId"]), "{all:?}");
    gateway.pay(&first["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    gateway.check_books();
}

/// The channel takes 8 s for an answer; meanwhile the order belongs to that call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_call_on_the_order_runs_others_are_told_to_retry() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let (body, named) = (order(&number), json!({"OutOrderId": number}));
    let slow = |operation: &str| {
        json!({
            "channel": "wxpay", "operation": operation, "fault": "delay", "delay_ms": 8000, "times": 1
        })
    };
    let go_on = json!({"advance_s": 8});

    gateway.control("faults", &slow("create")).await;
    let meanwhile = async {
        gateway.until_status(&number, "INIT").await;
        gateway.refused(UNIFIED_ORDER, &body, PROCESSING).await;
        gateway.refused(CLOSE_ORDER, &named, PROCESSING).await;
        gateway.control("clock", &go_on).await;
    };
    let (placed, ()) = tokio::join!(gateway.result(UNIFIED_ORDER, &body), meanwhile);
    assert_eq!(placed["OrderStatus"], "PAYING");

    gateway.control("faults", &slow("close")).await;
    let meanwhile = async {
        // While it is being closed it shows no PayInfo any more.
        while !gateway.result(QUERY_ORDER, &named).await["PayInfo"].is_null() {
            tokio::task::yield_now().await;
        }
        gateway.refused(UNIFIED_ORDER, &body, PROCESSING).await;
        gateway.refused(CLOSE_ORDER, &named, PROCESSING).await;
        gateway.control("clock", &go_on).await;
    };
    let (closed, ()) = tokio::join!(gateway.result(CLOSE_ORDER, &named), meanwhile);
    assert_eq!(closed["OrderStatus"], "CLOSED");
    gateway.check_books();
}
