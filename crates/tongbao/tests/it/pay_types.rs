//! Every way to pay, through the simulated channel: the form of PayInfo, and that it pays; and what
//! the caller hears when the channel does not take the order.

use crate::test_gateway::{
    QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, is_of_order, order, with,
};
use serde_json::{Value, json};

fn asking(number: &str, channel: &str, scene: &str) -> Value {
    let body = with(&order(number), "PayChannel", json!(channel));
    let body = with(&body, "PayType", json!(scene));
    let body = with(&body, "SceneInfo", json!({"PayerClientIp": "14.15.16.17", "DeviceId": "1"}));
    let external = json!({"WxOpenId": "o", "AliUserId": "2088", "AuthCode": "130123456789012345"});
    let body = with(&body, "ExternalPaymentData", json!(external.to_string()));
    with(&body, "PayerInfo", json!({"PayerId": "P1"}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_pay_type_has_its_form_and_the_phone_can_pay_it() {
    let gateway = TestGateway::start();
    for (scene, pay_info_type) in [
        ("MINI_PROGRAM", "JSAPI"),
        ("PUBLIC", "JSAPI"),
        ("APP", "APPSDK"),
        ("H5", "JUMPURL"),
        ("PC", "QRCODE"),
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &asking(&number, "WXPAY", scene)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{scene}: {placed}");
        assert_eq!(placed["PayInfoType"], pay_info_type, "{scene}");
        assert_eq!(placed["PayChannel"], "WXPAY");
        check_form(pay_info_type, placed["PayInfo"].as_str().expect("PayInfo is text"));
        gateway.pay(&placed["PayInfo"]).await;
        let paid = gateway.until_status(&number, "SUCCESS").await;
        assert_eq!((&paid["PayType"], &paid["PayAmount"]), (&json!(scene), &json!("1000")));
    }
    gateway.check_books();
}

fn check_form(pay_info_type: &str, pay_info: &str) {
    let object: Option<Value> = serde_json::from_str(pay_info).ok();
    let members = object.as_ref().and_then(Value::as_object).map(|members| {
        let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    });
    match pay_info_type {
        "JSAPI" => {
            let wanted = ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"];
            assert_eq!(members, Some(wanted.to_vec()));
        }
        "APPSDK" => {
            let wanted =
                ["appid", "noncestr", "package", "partnerid", "prepayid", "sign", "timestamp"];
            assert_eq!(members, Some(wanted.to_vec()));
        }
        "QRCODE" => assert!(pay_info.starts_with("weixin://wxpay/bizpayurl?pr="), "{pay_info}"),
        "JUMPURL" => assert!(pay_info.starts_with("https://wx.tenpay.com/"), "{pay_info}"),
        other => panic!("no form for {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mobile_browser_comes_back_to_the_front_url() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let body = asking(&number, "WXPAY", "H5");
    let body = with(&body, "FrontUrl", json!("https://shop.example/done?a=1&b=币"));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    let link = placed["PayInfo"].as_str().expect("text");
    let back = "&redirect_url=https%3A%2F%2Fshop.example%2Fdone%3Fa%3D1%26b%3D%E5%B8%81";
    assert!(link.ends_with(back), "{link}");
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_without_a_key_for_the_channel_is_told_so_and_the_number_stays_free() {
    let gateway = TestGateway::start();
    let every = ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP", "SWIPE", "AGREEMENT", "AUTHORIZE"];
    let number = fresh_number();
    let unkeyed = every
        .iter()
        .flat_map(|scene| ["UNIONPAY", "FOOPAY", "B2BBANK"].map(|channel| (channel, *scene)));
    // Whether an account has agreements is said by its settings: WeChat Pay's has none here.
    let unoffered = every[6..].iter().map(|scene| ("WXPAY", *scene));
    for (channel, scene) in unkeyed.chain(unoffered) {
        let by_agreement = ["AGREEMENT", "AUTHORIZE"].contains(&scene);
        let agreement = by_agreement.then(|| json!({"OutAgreementId": "AGR00001"}));
        let body = with(&asking(&number, channel, scene), "AgreementInfo", json!(agreement));
        gateway.refused(UNIFIED_ORDER, &body, "NO_MERCHANT_SECRET").await;
    }
    let query = json!({"OutOrderId": number});
    gateway.refused(QUERY_ORDER, &query, "ORDER.ORDER_NOT_EXIST").await;
    gateway.result(UNIFIED_ORDER, &asking(&number, "WXPAY", "PC")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_refused_for_good_is_pay_fail_with_the_reason() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let external = json!({"WxAppId": "wx0000000000000000", "WxOpenId": "o"}).to_string();
    let body = with(&order(&number), "ExternalPaymentData", json!(external));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    assert_eq!(placed["OrderStatus"], "PAY_FAIL");
    let reason = placed["FailReason"].as_str().expect("FailReason is text");
    assert!(reason.contains("APPID_MCHID_NOT_MATCH"), "{reason}");
    assert!(placed["PayInfo"].is_null() && placed["PayInfoType"].is_null(), "{placed}");
    let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
    assert_eq!((&found["OrderStatus"], &found["FailReason"]), (&json!("PAY_FAIL"), &json!(reason)));
    gateway.check_books();
}

/// Each fault once; the same number then places the order, and the channel has it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_channel_did_not_take_may_be_sent_again_under_its_number() {
    let gateway = TestGateway::start();
    let unknown = "FailedOperation.SystemError";
    for (fault, channel_code, code) in [
        ("error", Some("FREQUENCY_LIMITED"), "ChannelOperationError"),
        ("error", Some("SYSTEM_ERROR"), unknown),
        ("lose_request", None, unknown),
        ("lose_answer", None, unknown),
        ("bad_signature", None, unknown),
    ] {
        let mut ordered =
            json!({"channel": "wxpay", "operation": "create", "fault": fault, "times": 1});
        if let Some(channel_code) = channel_code {
            ordered["code"] = json!(channel_code);
        }
        gateway.control("faults", &ordered).await;
        let number = fresh_number();
        let why = gateway.refused(UNIFIED_ORDER, &order(&number), code).await;
        if code == "ChannelOperationError" {
            assert!(why.contains("FREQUENCY_LIMITED"), "the channel's words: {why}");
        }
        let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
        assert_eq!(found["OrderStatus"], "INIT", "{fault}: {found}");
        assert!(found["PayInfo"].is_null() && found["FailReason"].is_null(), "{found}");
        let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{fault}: {placed}");
        assert_eq!(placed["ChannelOrderId"], found["ChannelOrderId"]);
        gateway.pay(&placed["PayInfo"]).await;
        gateway.until_status(&number, "SUCCESS").await;
        let all = gateway.sandbox_get("/control/transactions?limit=1000").await;
        let all = all["transactions"].as_array().expect("a list").clone();
        let ours = all.iter().filter(|one| is_of_order(one, &placed["ChannelOrderId"]));
        assert_eq!(ours.count(), 1, "{fault}");
    }
    gateway.check_books();
}

/// A device number may be longer here than the channel takes; the order is still placed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_number_that_is_too_long_for_the_channel_spoils_no_order() {
    let gateway = TestGateway::start();
    for len in [32, 33, 64] {
        let number = fresh_number();
        let scene = json!({"PayerClientIp": "14.15.16.17", "DeviceId": "7".repeat(len)});
        let body = with(&order(&number), "SceneInfo", scene);
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{len}: {placed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_shows_a_code_for_merchants_to_scan() {
    let gateway = TestGateway::start();
    let asked = json!({"channel": "wxpay", "outcome": "password"});
    let shown = gateway.control("payment-code", &asked).await;
    let code = shown["payment_code"].as_str().expect("a code");
    assert_eq!((code.len(), &code[..2]), (18, "13"));
    let answer =
        gateway.control_answer("pay", &json!({"pay_info": code, "outcome": "success"})).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("付款码尚未被扫描")));
}
