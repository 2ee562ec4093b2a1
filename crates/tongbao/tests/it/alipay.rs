//! Alipay, through the simulated channel: every way to pay, and every fault, after which an order or a
//! refund ends as the channel has it.

use crate::bill::{DAY_SECONDS, date, to_next_day};
use crate::fairness::put;
use crate::merchant::Merchant;
use crate::share::OWN;
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use serde_json::{Value, json};

/// Requests a refund.
const REFUND: &str = "/cloudpay/v1/refundOrder/apply";
/// Asks for a refund.
const QUERY_REFUND: &str = "/cloudpay/v1/refundOrder/query";
const BUY_CARDS: &str = "/cloudpay/v1/wallet/out/buy_cards";
const QUERY_RECHARGE: &str = "/cloudpay/v1/wallet/out/query_recharge";
const BUYER: &str = "2088102146225135";
/// Nothing is known of the call.
const UNKNOWN: &str = "FailedOperation.SystemError";

/// An order of a day, so that the clock can move without ending it.
fn asking(gateway: &TestGateway, number: &str, scene: &str) -> Value {
    let external = json!({ "AliUserId": BUYER }).to_string();
    let body = with(&order(number), "PayChannel", json!("ALIPAY"));
    let body = with(&body, "PayType", json!(scene));
    let body = with(&body, "ExternalPaymentData", json!(external));
    with(&body, "ExpireTime", json!(shanghai(gateway.now() + 20 * 3600)))
}

fn named(number: &str) -> Value {
    json!({"OutOrderId": number})
}

/// A paid order of 10 yuan, and its id.
async fn sell(gateway: &TestGateway) -> (String, Value) {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &asking(gateway, &number, "PUBLIC")).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    (number, placed["ChannelOrderId"].clone())
}

/// Orders one fault at simulated Alipay; `error:CODE` makes it refuse with that code.
async fn inject(gateway: &TestGateway, operation: &str, fault: &str) {
    let (fault, code) = fault.split_once(':').unwrap_or((fault, ""));
    let mut ordered =
        json!({"channel": "alipay", "operation": operation, "fault": fault, "times": 1});
    match fault {
        "error" => ordered["code"] = json!(code),
        "delay" => ordered["delay_ms"] = json!(200),
        _ => {}
    }
    gateway.control("faults", &ordered).await;
}

/// No callback arrives from now on.
async fn lose_callbacks(gateway: &TestGateway) {
    let ordered =
        json!({"channel": "alipay", "operation": "notify", "fault": "lose_request", "times": 1000});
    gateway.control("faults", &ordered).await;
}

async fn needs_nobody(gateway: &TestGateway) {
    let listed = gateway.of_tenant("/attention").await;
    assert_eq!(listed["rows"], json!([]), "{listed}");
}

/// Lets the clock run until the order has this status.
async fn pass_until(gateway: &mut TestGateway, number: &str, status: &str) -> Value {
    for _ in 0..20 {
        gateway.advance(61).await;
        for _ in 0..10 {
            let found = gateway.result(QUERY_ORDER, &named(number)).await;
            if found["OrderStatus"] == status {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    gateway.until_status(number, status).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_pay_type_has_its_form_and_the_phone_can_pay_it() {
    let gateway = TestGateway::start();
    let gateway_url = gateway.text("/alipay/gateway_url");
    for (scene, pay_info_type, begin) in [
        ("MINI_PROGRAM", "JSAPI", "{\"tradeNO\":\"20"),
        ("PUBLIC", "JSAPI", "{\"tradeNO\":\"20"),
        ("PC", "QRCODE", "https://qr.alipay.com/"),
        ("H5", "JUMPURL", &*format!("{gateway_url}?app_id=")),
        ("APP", "APPSDK", "app_id="),
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, scene)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{scene}: {placed}");
        assert_eq!(
            (&placed["PayInfoType"], &placed["PayChannel"]),
            (&json!(pay_info_type), &json!("ALIPAY"))
        );
        let pay_info = placed["PayInfo"].as_str().expect("PayInfo is text");
        assert!(pay_info.starts_with(begin), "{scene}: {pay_info}");
        let failed = json!({"pay_info": placed["PayInfo"], "outcome": "fail"});
        gateway.control("pay", &failed).await;
        gateway.pay(&placed["PayInfo"]).await;
        let paid = gateway.until_status(&number, "SUCCESS").await;
        assert_eq!((&paid["PayType"], &paid["PayAmount"]), (&json!(scene), &json!("1000")));
        let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
        assert_eq!(there.len(), 1, "{scene}");
        assert_eq!(there[0]["trade_status"], "TRADE_SUCCESS", "{scene}");
        assert_eq!(there[0]["trade_no"], paid["ThirdPayOrderId"], "{scene}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_opens_the_cashier_and_comes_back_to_the_front_url() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let body = asking(&gateway, &number, "H5");
    let body = with(&body, "FrontUrl", json!("https://shop.example/done?a=1&b=币"));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    let link = placed["PayInfo"].as_str().expect("text");
    let back = "return_url=https%3A%2F%2Fshop.example%2Fdone%3Fa%3D1%26b%3D%E5%B8%81";
    assert!(link.contains(back), "{link}");
    let answer = gateway.send(channel::Method::Get, link.to_owned(), vec![], &[]).await;
    assert_eq!(answer.expect("an answer").status, 302);
    let bent = link.replace("total_amount%22%3A%2210.00", "total_amount%22%3A%2200.01");
    assert_ne!(bent, link);
    let asked = json!({"pay_info": bent, "outcome": "success"});
    let refused = gateway.control_answer("pay", &asked).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
}

/// The channel does not know such an order until then. That is not a contradiction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_stays_payable_until_somebody_opens_the_cashier() {
    let mut gateway = TestGateway::start();
    for scene in ["PC", "H5", "APP"] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, scene)).await;
        for _ in 0..4 {
            gateway.advance(301).await;
            gateway.until_story(&number, |story| story["order"]["call_in_flight"].is_null()).await;
        }
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "PAYING", "{scene}: {found}");
        gateway.pay(&placed["PayInfo"]).await;
        gateway.until_status(&number, "SUCCESS").await;
    }
    needs_nobody(&gateway).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_order_cannot_be_paid_and_late_money_goes_back() {
    let gateway = TestGateway::start();
    for scene in ["PUBLIC", "PC", "H5", "APP"] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, scene)).await;
        let closed = gateway.result(CLOSE_ORDER, &named(&number)).await;
        assert_eq!(closed["OrderStatus"], "CLOSED", "{scene}: {closed}");
        let asked = json!({"pay_info": placed["PayInfo"], "outcome": "success"});
        let paid = gateway.control_answer("pay", &asked).await;
        let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
        if scene == "PUBLIC" {
            assert_eq!((paid.status, &there[0]["trade_status"]), (400, &json!("TRADE_CLOSED")));
            continue;
        }
        // What the payer still holds opens a trade that the channel could not close before.
        assert_eq!(paid.status, 200, "{scene}");
        let story =
            gateway.until_story(&number, |story| story["refunds"][0]["state"] == "done").await;
        assert_eq!(story["order"]["state"], "closed", "{scene}");
        let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
        assert_eq!(there[0]["refunded"], 1000, "{scene}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_time_is_up_has_failed() {
    let mut gateway = TestGateway::start();
    let mut numbers = vec![];
    for scene in ["PUBLIC", "PC", "H5", "APP"] {
        let number = fresh_number();
        let body = asking(&gateway, &number, scene);
        let body = with(&body, "ExpireTime", json!(shanghai(gateway.now() + 120)));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        numbers.push((number, placed["PayInfo"].clone()));
    }
    gateway.advance(121).await;
    for (number, pay_info) in &numbers {
        gateway.until_status(number, "PAY_FAIL").await;
        let asked = json!({"pay_info": pay_info, "outcome": "success"});
        assert_eq!(gateway.control_answer("pay", &asked).await.status, 400);
    }
    needs_nobody(&gateway).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_placing_the_same_number_comes_to_one_order() {
    let gateway = TestGateway::start();
    let faults = [
        ("lose_request", UNKNOWN),
        ("lose_answer", UNKNOWN),
        ("bad_signature", UNKNOWN),
        ("unsigned", UNKNOWN),
        ("signtest", UNKNOWN),
        ("delay", "SUCCESS"),
        ("duplicate", "SUCCESS"),
        ("error:20000", UNKNOWN),
        ("error:ACQ.SYSTEM_ERROR", UNKNOWN),
        ("error:ACQ.NOT_LISTED", UNKNOWN),
        ("error:isv.not-listed", UNKNOWN),
        ("error:ACQ.TRADE_HAS_SUCCESS", UNKNOWN),
        ("error:ACQ.CONTEXT_INCONSISTENT", UNKNOWN),
        ("error:40005", "ChannelOperationError"),
        // Faults of the account end no order.
        ("error:20001", "NO_MERCHANT_SECRET"),
        ("error:40006", "NO_MERCHANT_SECRET"),
        ("error:isv.invalid-signature", "NO_MERCHANT_SECRET"),
        ("error:isv.invalid-app-id", "NO_MERCHANT_SECRET"),
        ("error:ACQ.ACCESS_FORBIDDEN", "NO_MERCHANT_SECRET"),
    ];
    for scene in ["PUBLIC", "PC"] {
        for (fault, answer) in faults {
            let number = fresh_number();
            let body = asking(&gateway, &number, scene);
            inject(&gateway, "create", fault).await;
            let response = gateway.call(UNIFIED_ORDER, &body).await;
            assert_eq!(response["ErrCode"], answer, "{scene} {fault}: {response}");
            let found = gateway.result(QUERY_ORDER, &named(&number)).await;
            let status = if answer == "SUCCESS" { "PAYING" } else { "INIT" };
            assert_eq!(found["OrderStatus"], status, "{scene} {fault}");

            let placed = gateway.result(UNIFIED_ORDER, &body).await;
            assert_eq!(placed["OrderStatus"], "PAYING", "{scene} {fault}: {placed}");
            let id = &placed["ChannelOrderId"];
            assert_eq!(*id, found["ChannelOrderId"], "{scene} {fault}");
            gateway.pay(&placed["PayInfo"]).await;
            gateway.until_status(&number, "SUCCESS").await;
            assert_eq!(gateway.channel_orders(id).await.len(), 1, "{scene} {fault}");
        }
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_good_fails_the_order() {
    let gateway = TestGateway::start();
    for code in ["ACQ.INVALID_PARAMETER", "ACQ.BUYER_ENABLE_STATUS_FORBID", "isv.invalid-parameter"]
    {
        let number = fresh_number();
        inject(&gateway, "create", &format!("error:{code}")).await;
        let failed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PUBLIC")).await;
        assert_eq!(failed["OrderStatus"], "PAY_FAIL", "{failed}");
        assert!(failed["FailReason"].as_str().is_some_and(|why| why.contains(code)), "{failed}");
    }
    let number = fresh_number();
    let body = asking(&gateway, &number, "MINI_PROGRAM");
    let external = json!({"AliUserId": BUYER, "AliAppId": "2021999999999999"}).to_string();
    let body = with(&body, "ExternalPaymentData", json!(external));
    let failed = gateway.result(UNIFIED_ORDER, &body).await;
    assert!(failed["FailReason"].as_str().is_some_and(|why| why.contains("op_app_id")), "{failed}");
    gateway.check_books();
}

/// The callback is lost and so is the first query: the next one brings the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_after_any_fault_of_a_query() {
    let mut gateway = TestGateway::start();
    lose_callbacks(&gateway).await;
    for fault in [
        "lose_request",
        "lose_answer",
        "bad_signature",
        "unsigned",
        "error:20000",
        "error:ACQ.SYSTEM_ERROR",
        "error:ACQ.TRADE_NOT_EXIST",
        "error:40005",
        "error:isv.invalid-signature",
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PC")).await;
        gateway.pay(&placed["PayInfo"]).await;
        inject(&gateway, "query", fault).await;
        gateway.advance(61).await;
        gateway.faults_met("query").await;
        pass_until(&mut gateway, &number, "SUCCESS").await;
    }
    needs_nobody(&gateway).await;
    gateway.check_books();
}

/// An order that is paid meanwhile is paid; any other is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_closing_the_order_ends_as_the_channel_has_it() {
    let mut gateway = TestGateway::start();
    lose_callbacks(&gateway).await;
    for fault in [
        "lose_request",
        "lose_answer",
        "bad_signature",
        "unsigned",
        "duplicate",
        "error:20000",
        "error:ACQ.SYSTEM_ERROR",
        "error:ACQ.TRADE_STATUS_ERROR",
        "error:40006",
    ] {
        for is_paid in [false, true] {
            let number = fresh_number();
            let body = asking(&gateway, &number, "PUBLIC");
            let placed = gateway.result(UNIFIED_ORDER, &body).await;
            if is_paid {
                gateway.pay(&placed["PayInfo"]).await;
            }
            inject(&gateway, "close", fault).await;
            gateway.call(CLOSE_ORDER, &named(&number)).await;
            gateway.faults_met("close").await;
            let (status, there) = match is_paid {
                true => ("SUCCESS", "TRADE_SUCCESS"),
                false => ("CLOSED", "TRADE_CLOSED"),
            };
            pass_until(&mut gateway, &number, status).await;
            let found = gateway.channel_orders(&placed["ChannelOrderId"]).await;
            assert_eq!(found[0]["trade_status"], there, "{fault}");
        }
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_given_back_in_parts_after_any_fault_and_once() {
    let mut gateway = TestGateway::start();
    for fault in [
        "none",
        "lose_request",
        "lose_answer",
        "bad_signature",
        "unsigned",
        "delay",
        "duplicate",
        // Taken and not carried out: `fund_change` is N.
        "refund_closed",
        "error:20000",
        "error:ACQ.SYSTEM_ERROR",
        "error:ACQ.NOT_LISTED",
        "error:40005",
        "error:isv.invalid-signature",
    ] {
        let (number, id) = sell(&gateway).await;
        let [first, second] = [fresh_number(), fresh_number()];
        if fault != "none" {
            inject(&gateway, "refund", fault).await;
        }
        let refund = json!({"OutRefundId": first, "OutOrderId": number, "RefundAmount": 400});
        gateway.result(REFUND, &refund).await;
        gateway.faults_met("refund").await;
        until_refunded(&mut gateway, &first).await;
        assert_eq!(gateway.channel_orders(&id).await[0]["refunded"], 400, "{fault}");
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "PART_REFUND", "{fault}");

        let rest = json!({"OutRefundId": second, "OutOrderId": number, "RefundAmount": 600});
        gateway.result(REFUND, &rest).await;
        until_refunded(&mut gateway, &second).await;
        let there = gateway.channel_orders(&id).await;
        assert_eq!(there[0]["refunded"], 1000, "{fault}");
        assert_eq!(there[0]["trade_status"], "TRADE_CLOSED", "{fault}");
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "FULL_REFUND", "{fault}");
    }
    needs_nobody(&gateway).await;
    gateway.check_books();
}

/// Lets the clock run until a refund is done.
async fn until_refunded(gateway: &mut TestGateway, number: &str) {
    let asked = json!({ "OutRefundId": number });
    for minute in 0..30 {
        if minute > 0 {
            gateway.advance(61).await;
        }
        for _ in 0..10 {
            let found = gateway.result(QUERY_REFUND, &asked).await;
            if found["RefundStatus"] == "SUCCESS" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    panic!("{number} is not done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_without_funds_waits_for_them_and_a_refused_one_fails() {
    let mut gateway = TestGateway::start();
    let (number, id) = sell(&gateway).await;
    let unfunded = fresh_number();
    inject(&gateway, "refund", "error:ACQ.SELLER_BALANCE_NOT_ENOUGH").await;
    let refund = json!({"OutRefundId": unfunded, "OutOrderId": number, "RefundAmount": 400});
    gateway.result(REFUND, &refund).await;
    gateway.faults_met("refund").await;
    until_refunded(&mut gateway, &unfunded).await;

    let refused = fresh_number();
    inject(&gateway, "refund", "error:ACQ.TRADE_NOT_ALLOW_REFUND").await;
    let refund = json!({"OutRefundId": refused, "OutOrderId": number, "RefundAmount": 600});
    gateway.call(REFUND, &refund).await;
    gateway.faults_met("refund").await;
    let asked = json!({"OutRefundId": refused});
    gateway.until(QUERY_REFUND, &asked, "RefundStatus", "FAILED").await;
    assert_eq!(gateway.channel_orders(&id).await[0]["refunded"], 400);
    gateway.check_books();
}

/// A callback that cannot be believed changes nothing; the next one, or a query, brings the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callbacks_are_believed_only_with_the_channels_signature() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    for fault in ["lose_request", "lose_answer", "delay", "duplicate", "bad_signature", "unsigned"]
    {
        let number = fresh_number();
        let body = asking(&gateway, &number, "PUBLIC");
        let body = with(&body, "NotifyUrl", json!(merchant.notify_url));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        inject(&gateway, "notify", fault).await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.faults_met("notify").await;
        let is_delivered = |story: &Value| story["notifications"][0]["state"] == "delivered";
        if ["lose_answer", "delay", "duplicate"].contains(&fault) {
            gateway.until_story(&number, is_delivered).await;
        }
        gateway.advance(241).await;
        let story = gateway.until_story(&number, is_delivered).await;
        assert_eq!(story["transfers"].as_array().map(Vec::len), Some(1), "{fault}: {story}");
        let told = merchant.received().await.json();
        assert_eq!(told["Result"]["OutOrderId"], number, "{fault}");
        assert!(merchant.waiting().is_empty(), "{fault}: told twice");
    }
    needs_nobody(&gateway).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_amount_is_not_booked() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &asking(&gateway, &number, "PUBLIC")).await;
    inject(&gateway, "notify", "wrong_amount").await;
    gateway.pay(&placed["PayInfo"]).await;
    let story = gateway.until_story(&number, |story| story["attention"] != json!([])).await;
    assert_eq!(story["order"]["state"], "paying", "{story}");
    assert_eq!(story["transfers"], json!([]), "{story}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gift_cards_are_sold_over_alipay() {
    let gateway = TestGateway::start();
    let seed: Value =
        serde_json::from_slice(include_bytes!("golden/seed_buy_cards.json")).expect("JSON");
    let number = fresh_number();
    let body = with(&seed, "OutRechargeId", json!(number));
    let body = with(&body, "PayChannel", json!("ALIPAY"));
    let app_id = gateway.text("/alipay/app_id");
    let external = json!({"AliAppId": app_id, "AliUserId": BUYER}).to_string();
    let body = with(&body, "ExternalPaymentData", json!(external));
    let placed = gateway.result(BUY_CARDS, &body).await;
    assert_eq!(placed["PayInfoType"], "JSAPI", "{placed}");
    gateway.pay(&placed["PayInfo"]).await;
    let asked = json!({"OutRechargeId": number});
    gateway.until(QUERY_RECHARGE, &asked, "RechargeStatus", "SUCCESS").await;
    gateway.check_books();
}

/// `tongbao bill` of the account: what it exits with, and its JSON.
fn bill(gateway: &TestGateway, day: &str) -> (Option<i32>, Value) {
    let output = gateway.bill(&["demo-alipay", day, "--json"]);
    let complaint = || Value::String(String::from_utf8_lossy(&output.stderr).into_owned());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| complaint()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_agrees_with_the_orders_and_refunds_of_its_day() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);
    let (number, _) = sell(&gateway).await;
    sell(&gateway).await;
    let refund = fresh_number();
    let asked = json!({"OutRefundId": refund, "OutOrderId": number, "RefundAmount": 400});
    gateway.result(REFUND, &asked).await;
    until_refunded(&mut gateway, &refund).await;

    to_next_day(&mut gateway, 8 * 3_600).await;
    let (code, said) = bill(&gateway, &day);
    assert!(code == Some(2) && said.to_string().contains("has not made the bill"), "{said}");
    gateway.advance(2 * 3_600 + 1).await;
    let (code, agreed) = bill(&gateway, &day);
    let want = json!({
        "channel_account": "demo-alipay", "date": day, "rows": 3, "matched": 3, "differences": [],
    });
    assert_eq!((code, &agreed), (Some(0), &want));

    inject(&gateway, "bill", "wrong_amount").await;
    let (code, differs) = bill(&gateway, &day);
    assert_eq!((code, &differs["matched"]), (Some(1), &json!(1)), "{differs}");
    inject(&gateway, "bill", "error:NO_BILL_DATA").await;
    let (code, empty) = bill(&gateway, &day);
    assert_eq!(code, Some(1), "{empty}");
    assert_eq!(empty["differences"].as_array().map(Vec::len), Some(3), "{empty}");
    for (operation, fault, told) in [
        ("bill", "bad_signature", "wrong signature"),
        ("bill", "error:20000", "isp.unknow-error"),
        ("bill_file", "bad_signature", "ZIP"),
        ("bill_file", "lose_answer", "no answer"),
    ] {
        inject(&gateway, operation, fault).await;
        let (code, said) = bill(&gateway, &day);
        assert!(code == Some(1) && said.to_string().contains(told), "{operation} {fault}: {said}");
    }
    gateway.check_books();
}

/// Puts an account with the app and key of the demonstration account, and these settings beside.
async fn put_account(gateway: &TestGateway, name: &str, others: &[(&str, &str)]) {
    let mut settings = json!({
        "gateway_url": gateway.text("/alipay/gateway_url"),
        "app_id": gateway.text("/alipay/app_id"),
        "app_private_key": gateway.text("/alipay/app_private_key_pem"),
        "seller_id": gateway.text("/alipay/seller_id"),
    });
    for (name, pointer) in others {
        settings[*name] = json!(gateway.text(pointer));
    }
    let body = json!({"channel": "alipay", "settings": settings}).to_string();
    put_of_tenant(gateway, &format!("/channel-accounts/{name}"), &body).await;
}

async fn put_of_tenant(gateway: &TestGateway, path: &str, body: &str) {
    let tenant = gateway.text("/wecard/ocode");
    let answer = put(gateway, &format!("/admin/v1/tenants/{tenant}{path}"), body).await;
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

/// An order is paid, told, and given back.
async fn sell_and_refund(gateway: &mut TestGateway) {
    let (number, id) = sell(gateway).await;
    let refund = fresh_number();
    let asked = json!({"OutRefundId": refund, "OutOrderId": number, "RefundAmount": 400});
    gateway.result(REFUND, &asked).await;
    until_refunded(gateway, &refund).await;
    assert_eq!(gateway.channel_orders(&id).await[0]["refunded"], 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_in_certificate_mode_sells_and_gives_back() {
    let mut gateway = TestGateway::start();
    let certificates = [
        ("app_certificate", "/alipay/app_cert_pem"),
        ("alipay_certificate", "/alipay/alipay_cert_pem"),
        ("alipay_root_certificates", "/alipay/alipay_root_cert_pem"),
    ];
    put_account(&gateway, "demo-alipay", &certificates).await;
    sell_and_refund(&mut gateway).await;
    needs_nobody(&gateway).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_provider_collects_for_a_merchant_who_gave_leave() {
    let mut gateway = TestGateway::start();
    let acting = [
        ("alipay_public_key", "/alipay/alipay_public_key_pem"),
        ("app_auth_token", "/alipay/app_auth_token"),
        ("auth_app_id", "/alipay/auth_app_id"),
        ("seller_id", "/alipay/auth_seller_id"),
    ];
    put_account(&gateway, "demo-acting", &acting).await;
    let path = format!("/merchants/{OWN}");
    let name = gateway.of_tenant(&path).await["name"].clone();
    let merchant = json!({"name": name, "channel_accounts": ["demo-acting"]});
    put_of_tenant(&gateway, &path, &merchant.to_string()).await;
    sell_and_refund(&mut gateway).await;
    needs_nobody(&gateway).await;
    gateway.check_books();
}
