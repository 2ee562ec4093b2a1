//! Refunds of orders that were shared: payees give back first, and the channel releases what is frozen.

use crate::merchant::Merchant;
use crate::share::{
    CREATE_PAYEE, OWN, RECEIVER, SHARE, lies, part, posted, receiver, sharing, sold, until_shared,
};
use crate::test_gateway::{QUERY_ORDER, TestGateway, fresh_number, with};
use serde_json::{Value, json};
use std::time::Duration;

const APPLY: &str = "/cloudpay/v1/refundOrder/apply";
const QUERY: &str = "/cloudpay/v1/refundOrder/query";
const NOT_RETURNED: &str = "ORDER.PROFIT_NOT_RETURNED";

fn refund(no: &str, order: &str, fen: i64, back: &[(&str, i64)]) -> Value {
    let part = |(payee, fen): &(&str, i64)| json!({"PayeeId": payee, "ProfitRefundAmount": fen});
    let back: Vec<Value> = back.iter().map(part).collect();
    let body = json!({"OutRefundId": no, "OutOrderId": order, "RefundAmount": fen});
    with(&body, "ProfitShareInfoList", json!(back))
}

/// Lets the time of polls pass until a refund has a status.
async fn until(gateway: &mut TestGateway, no: &str, status: &str) -> Value {
    let mut found = Value::Null;
    for _ in 0..200 {
        found = gateway.result(QUERY, &json!({"OutRefundId": no})).await;
        if found["RefundStatus"] == status {
            return found;
        }
        gateway.advance(5).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{no} is not {status}: {found}");
}

/// An order of which the receiver got so much, and the rest is frozen still.
async fn shared(gateway: &mut TestGateway, payee: &str, fen: i64) -> String {
    let number = sold(gateway).await;
    let share = fresh_number();
    gateway.result(SHARE, &sharing(&share, &number, &[part(payee, fen)], false)).await;
    until_shared(gateway, &share, "SUCCESS").await;
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_gives_back_and_the_rest_is_released_before_the_refund() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let payee = receiver(&gateway).await;
    let number = shared(&mut gateway, &payee, 300).await;

    let no = fresh_number();
    let why = gateway.refused(APPLY, &refund(&no, &number, 701, &[]), NOT_RETURNED).await;
    assert!(why.contains("700 fen"), "{why}");
    gateway.refused(APPLY, &refund(&no, &number, 1000, &[(&payee, 299)]), NOT_RETURNED).await;
    let too_much = refund(&no, &number, 1000, &[(&payee, 301)]);
    gateway.refused(APPLY, &too_much, "PROFIT.AMOUNT_EXCEED").await;
    assert_eq!(lies(&gateway).await, [700, -700, 300], "nothing moved");

    let body = refund(&no, &number, 1000, &[(&payee, 300)]);
    let body = with(&body, "NotifyUrl", json!(merchant.notify_url));
    let applied = gateway.result(APPLY, &body).await;
    assert_eq!(applied["RefundStatus"], "PROCESSING", "{applied}");
    assert_eq!(applied["ProfitShareInfoList"][0]["PayeeId"], json!(payee), "{applied}");
    let again = gateway.result(APPLY, &body).await;
    assert_eq!(again["ChannelRefundId"], applied["ChannelRefundId"], "a repeat finds it");
    let other = refund(&no, &number, 1000, &[(&payee, 200)]);
    gateway.refused(APPLY, &other, "ORDER.INVALID_PARAMETER").await;

    let done = until(&mut gateway, &no, "SUCCESS").await;
    let back = &done["ProfitShareInfoList"][0];
    assert_eq!(
        (&back["ProfitStatus"], &back["ProfitRefundAmount"]),
        (&json!("SUCCESS"), &json!(300))
    );
    let told = merchant.received().await.json();
    assert_eq!(told["NotifyType"], "REFUND", "{told}");
    assert_eq!(told["Result"]["ProfitShareInfoList"][0]["ProfitStatus"], "SUCCESS", "{told}");
    assert_eq!(lies(&gateway).await, [0, 0, 0]);
    let order = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
    assert_eq!(order["OrderStatus"], "FULL_REFUND", "{order}");
    let said = gateway.why(&number);
    assert!(said.contains("payees gave 1 of 1 parts back"), "{said}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_who_has_too_little_ends_the_refund_and_the_same_number_runs_again() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = shared(&mut gateway, &payee, 300).await;
    let take_out = json!({"channel": "wxpay", "account": RECEIVER, "take_out": 200});
    gateway.control("balance", &take_out).await;
    let no = fresh_number();
    let body = refund(&no, &number, 900, &[(&payee, 300)]);
    gateway.result(APPLY, &body).await;
    let failed = until(&mut gateway, &no, "FAILED").await;
    let id = payee.trim_start_matches("PE");
    let message = failed["RefundMessage"].as_str().expect("text");
    assert!(message.contains(id), "it names the payee: {failed}");
    assert_eq!(failed["ProfitShareInfoList"][0]["ProfitStatus"], "FAILED", "{failed}");
    assert_eq!(lies(&gateway).await, [700, -700, 100]);
    gateway.check_books();

    shared(&mut gateway, &payee, 300).await;
    gateway.result(APPLY, &body).await;
    until(&mut gateway, &no, "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [800, -800, 100]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_is_prepared_goes_on_after_kills() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = shared(&mut gateway, &payee, 400).await;
    let no = fresh_number();
    gateway.fault("return_share", "lose_answer", 1).await;
    gateway.result(APPLY, &refund(&no, &number, 800, &[(&payee, 400)])).await;
    gateway.kill();
    gateway.restart();
    for _ in 0..3 {
        gateway.advance(60).await;
        gateway.kill();
        gateway.restart();
    }
    until(&mut gateway, &no, "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [200, -200, 0]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payees_in_the_book_give_back_with_the_refund() {
    let mut gateway = TestGateway::start();
    let body = json!({
        "OutPayeeId": "branch",
        "ChannelSubMerchantId": "CM-B",
        "PayeeType": "MERCHANT",
    });
    let payee = gateway.result(CREATE_PAYEE, &body).await;
    let payee = payee["PayeeId"].as_str().expect("text").to_owned();
    let number = sold(&mut gateway).await;
    for (share, fen) in [("book_1", 200), ("book_2", 300)] {
        gateway.result(SHARE, &sharing(share, &number, &[part(&payee, fen)], false)).await;
    }
    let no = fresh_number();
    gateway.refused(APPLY, &refund(&no, &number, 501, &[]), NOT_RETURNED).await;
    let applied = gateway.result(APPLY, &refund(&no, &number, 900, &[(&payee, 400)])).await;
    let back = applied["ProfitShareInfoList"].as_array().expect("a list");
    let back: Vec<_> =
        back.iter().map(|it| (&it["ProfitRefundAmount"], &it["ProfitStatus"])).collect();
    let done = json!("SUCCESS");
    assert_eq!(back, [(&json!(200), &done), (&json!(200), &done)], "of each share: {applied}");
    until(&mut gateway, &no, "SUCCESS").await;
    assert_eq!(posted(&gateway, "merchant_available", "CM-B").await, 100);
    assert_eq!(posted(&gateway, "merchant_pending", OWN).await, 0);
    gateway.check_books();
}
