//! The older interface of WeChat Pay, through the simulated channel: every way to pay, and every doubt of
//! every call, after which an order or a refund ends as the channel has it.

use crate::code_pay::{agrees, scanned, show, until_final};
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use serde_json::{Value, json};

const REFUND: &str = "/cloudpay/v1/refundOrder/apply";
const QUERY_REFUND: &str = "/cloudpay/v1/refundOrder/query";
/// Nothing is known of the call.
const UNKNOWN: &str = "FailedOperation.SystemError";
/// What leaves a call in doubt.
const FAULTS: [&str; 5] =
    ["lose_request", "lose_answer", "bad_signature", "unsigned", "error:SYSTEMERROR"];

/// An order of the merchant who speaks v2, of a day, so that the clock can move without ending it.
fn asking(gateway: &TestGateway, number: &str, pay_type: &str) -> Value {
    let merchant = gateway.text("/wxpay_v2/merchant");
    let body = with(&order(number), "ChannelSubMerchantId", json!(merchant));
    let body = with(&body, "PayType", json!(pay_type));
    let body = with(&body, "SceneInfo", json!({"PayerClientIp": "14.15.16.17"}));
    with(&body, "ExpireTime", json!(shanghai(gateway.now() + 20 * 3600)))
}

fn named(number: &str) -> Value {
    json!({ "OutOrderId": number })
}

/// Orders one fault; `error:CODE` makes the channel refuse with that code.
async fn inject(gateway: &TestGateway, operation: &str, fault: &str) {
    let (fault, code) = fault.split_once(':').unwrap_or((fault, ""));
    let mut ordered =
        json!({"channel": "wxpay", "operation": operation, "fault": fault, "times": 1});
    if fault == "error" {
        ordered["code"] = json!(code);
    }
    gateway.control("faults", &ordered).await;
}

/// No callback arrives from now on.
async fn lose_callbacks(gateway: &TestGateway) {
    let ordered =
        json!({"channel": "wxpay", "operation": "notify", "fault": "lose_request", "times": 1000});
    gateway.control("faults", &ordered).await;
}

/// A paid order of 10 yuan, and its id at the channel.
async fn sell(gateway: &TestGateway) -> (String, Value) {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &asking(gateway, &number, "PC")).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    (number, placed["ChannelOrderId"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_pay_type_has_its_form_and_the_phone_can_pay_it() {
    let gateway = TestGateway::start();
    for (pay_type, form, begin) in [
        ("MINI_PROGRAM", "JSAPI", "{\"appId\":\"wx"),
        ("PUBLIC", "JSAPI", "{\"appId\":\"wx"),
        ("PC", "QRCODE", "weixin://wxpay/bizpayurl?pr="),
        ("H5", "JUMPURL", "https://wx.tenpay.com/"),
        ("APP", "APPSDK", "{\"appid\":\"wx"),
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, pay_type)).await;
        assert_eq!(
            (&placed["OrderStatus"], &placed["PayInfoType"]),
            (&json!("PAYING"), &json!(form))
        );
        let pay_info = placed["PayInfo"].as_str().expect("PayInfo is text");
        assert!(pay_info.starts_with(begin), "{pay_type}: {pay_info}");
        gateway.pay(&placed["PayInfo"]).await;
        let paid = gateway.until_status(&number, "SUCCESS").await;
        let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
        assert_eq!((there.len(), &there[0]["api"]), (1, &json!("v2")), "{pay_type}");
        assert_eq!(there[0]["transaction_id"], paid["ThirdPayOrderId"], "{pay_type}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_placing_the_same_number_comes_to_one_order() {
    let gateway = TestGateway::start();
    let account = ["error:SIGNERROR", "error:NOAUTH", "error:APPID_NOT_EXIST"];
    let known = account.map(|fault| (fault, "NO_MERCHANT_SECRET"));
    let known = known.into_iter().chain([("error:OUT_TRADE_NO_USED", UNKNOWN)]);
    for (fault, answer) in FAULTS.map(|fault| (fault, UNKNOWN)).into_iter().chain(known) {
        let number = fresh_number();
        let body = asking(&gateway, &number, "MINI_PROGRAM");
        inject(&gateway, "create", fault).await;
        let response = gateway.call(UNIFIED_ORDER, &body).await;
        assert_eq!(response["ErrCode"], answer, "{fault}: {response}");
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{fault}: {placed}");
        gateway.pay(&placed["PayInfo"]).await;
        gateway.until_status(&number, "SUCCESS").await;
        let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
        assert_eq!(there.len(), 1, "{fault}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_good_fails_the_order() {
    let gateway = TestGateway::start();
    for code in ["PARAM_ERROR", "LACK_PARAMS", "INVALID_REQUEST"] {
        let number = fresh_number();
        inject(&gateway, "create", &format!("error:{code}")).await;
        let failed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PC")).await;
        assert_eq!(failed["OrderStatus"], "PAY_FAIL", "{failed}");
        assert!(failed["FailReason"].as_str().is_some_and(|why| why.contains(code)), "{failed}");
    }
    gateway.check_books();
}

/// The callback is lost and so is the first query: the next one brings the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_after_any_fault_of_a_query() {
    let mut gateway = TestGateway::start();
    lose_callbacks(&gateway).await;
    for fault in FAULTS.into_iter().chain(["error:ORDERNOTEXIST", "error:FREQUENCY_LIMITED"]) {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PC")).await;
        gateway.pay(&placed["PayInfo"]).await;
        inject(&gateway, "query", fault).await;
        gateway.advance(61).await;
        gateway.faults_met("query").await;
        gateway.pass_until(QUERY_ORDER, &named(&number), "OrderStatus", "SUCCESS").await;
    }
    gateway.check_books();
}

/// A callback that is not proved changes nothing, and the channel sends it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unproved_callback_is_not_believed_and_comes_again() {
    let mut gateway = TestGateway::start();
    for fault in ["bad_signature", "unsigned", "lose_request", "lose_answer"] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PUBLIC")).await;
        inject(&gateway, "notify", fault).await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.faults_met("notify").await;
        gateway.pass_until(QUERY_ORDER, &named(&number), "OrderStatus", "SUCCESS").await;
    }
    gateway.check_books();
}

/// An order that is paid meanwhile is paid; any other is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_closing_the_order_ends_as_the_channel_has_it() {
    let mut gateway = TestGateway::start();
    lose_callbacks(&gateway).await;
    for fault in FAULTS {
        for is_paid in [false, true] {
            let number = fresh_number();
            let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PC")).await;
            if is_paid {
                gateway.pay(&placed["PayInfo"]).await;
            }
            inject(&gateway, "close", fault).await;
            gateway.call(CLOSE_ORDER, &named(&number)).await;
            gateway.faults_met("close").await;
            let status = if is_paid { "SUCCESS" } else { "CLOSED" };
            gateway.pass_until(QUERY_ORDER, &named(&number), "OrderStatus", status).await;
            let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
            assert_eq!(there[0]["trade_state"], status, "{fault}");
        }
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_given_back_in_parts_after_any_fault_and_once() {
    let mut gateway = TestGateway::start();
    for fault in ["none"].into_iter().chain(FAULTS).chain(["error:NOTENOUGH"]) {
        let (number, id) = sell(&gateway).await;
        let [first, second] = [fresh_number(), fresh_number()];
        if fault != "none" {
            inject(&gateway, "refund", fault).await;
        }
        for (refund, fen, sum) in [(first, 400, 400), (second, 600, 1000)] {
            let asked = json!({"OutRefundId": refund, "OutOrderId": number, "RefundAmount": fen});
            gateway.result(REFUND, &asked).await;
            let asked = json!({ "OutRefundId": refund });
            gateway.pass_until(QUERY_REFUND, &asked, "RefundStatus", "SUCCESS").await;
            let there = gateway.channel_orders(&id).await;
            assert_eq!(there[0]["refunded"], sum, "{fault}");
        }
        gateway.until_status(&number, "FULL_REFUND").await;
    }
    gateway.check_books();
}

/// The callback is what ends a refund whose queries fail, and a query one whose callbacks do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_ends_by_its_callback_or_by_a_query() {
    let mut gateway = TestGateway::start();
    for (operation, fault) in [
        ("query_refund", "lose_request"),
        ("query_refund", "lose_answer"),
        ("query_refund", "bad_signature"),
        ("query_refund", "unsigned"),
        ("notify", "bad_signature"),
        ("notify", "unsigned"),
        ("notify", "lose_request"),
    ] {
        let (number, _) = sell(&gateway).await;
        let refund = fresh_number();
        let ordered =
            json!({"channel": "wxpay", "operation": operation, "fault": fault, "times": 3});
        gateway.control("faults", &ordered).await;
        let asked = json!({"OutRefundId": refund, "OutOrderId": number, "RefundAmount": 400});
        gateway.result(REFUND, &asked).await;
        let asked = json!({ "OutRefundId": refund });
        gateway.pass_until(QUERY_REFUND, &asked, "RefundStatus", "SUCCESS").await;
        gateway.mend().await;
    }
    gateway.check_books();
}

/// An order with a code ends as the channel has it, however the charge, its queries or its reversal fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payers_code_pays_or_is_undone_after_any_fault() {
    let mut gateway = TestGateway::start();
    let merchant = gateway.text("/wxpay_v2/merchant");
    // A query is made of what is unclear, a reversal of what nobody confirms.
    for (operation, outcome, is_unclear) in [
        ("create", "success", false),
        ("create", "password", false),
        ("query", "success", true),
        ("query", "password", false),
        ("reverse", "password", false),
    ] {
        for fault in ["none"].into_iter().chain(FAULTS) {
            let about = format!("{operation} {fault} {outcome}");
            let code = show(&gateway, "wxpay", outcome).await;
            let number = fresh_number();
            let body = scanned(&number, "wxpay", &code);
            let body = with(&body, "ChannelSubMerchantId", json!(merchant));
            if is_unclear {
                inject(&gateway, "create", "lose_answer").await;
            }
            if fault != "none" {
                inject(&gateway, operation, fault).await;
            }
            gateway.call(UNIFIED_ORDER, &body).await;
            let story = until_final(&mut gateway, &number).await;
            let is_lost = ["lose_request", "error:SYSTEMERROR"].contains(&fault);
            let wanted = outcome == "success" && !(operation == "create" && is_lost);
            assert_eq!(agrees(&gateway, &story, &about).await, wanted, "{about}");
            gateway.faults_met(operation).await;
            gateway.mend().await;
        }
    }
    gateway.check_books();
}
