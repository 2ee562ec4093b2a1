//! Agreements at WeChat Pay (委托代扣), through the simulated channel: a debit is accepted first, and ends by
//! the channel's word alone, also when something is lost on the way.

use crate::test_gateway::{QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use serde_json::{Value, json};

const SIGN: &str = "/cloudpay/v1/agreement/out/sign";
const QUERY: &str = "/cloudpay/v1/agreement/out/query";
const TERMINATE: &str = "/cloudpay/v1/agreement/out/terminate";
const REFUND: &str = "/cloudpay/v1/refundOrder/apply";

/// A request to sign of the merchant who speaks v2.
fn agreement(gateway: &TestGateway, number: &str, scene: &str) -> Value {
    json!({
        "ChannelSubMerchantId": gateway.text("/wxpay_v2/merchant"),
        "OutAgreementId": number,
        "PayChannel": "WXPAY",
        "PayType": "AUTHORIZE",
        "SignScene": scene,
        "DisplayName": "会员张三",
        "PayerInfo": {"OutUserId": "user-1"},
    })
}

fn named(number: &str) -> Value {
    json!({"OutAgreementId": number})
}

/// An order that an agreement pays.
fn debit(gateway: &TestGateway, number: &str, agreement: &str) -> Value {
    let merchant = gateway.text("/wxpay_v2/merchant");
    let body = with(&order(number), "ChannelSubMerchantId", json!(merchant));
    let body = with(&body, "PayType", json!("AUTHORIZE"));
    let body = with(&body, "ExternalPaymentData", Value::Null);
    with(&body, "AgreementInfo", named(agreement))
}

/// Orders one fault; `error:CODE` makes the channel answer with that code.
async fn inject(gateway: &TestGateway, operation: &str, fault: &str) {
    let (fault, code) = fault.split_once(':').unwrap_or((fault, ""));
    let mut ordered =
        json!({"channel": "wxpay", "operation": operation, "fault": fault, "times": 1});
    if fault == "error" {
        ordered["code"] = json!(code);
    }
    gateway.control("faults", &ordered).await;
}

/// An agreement that the payer has signed, by its number.
async fn signed(gateway: &TestGateway, number: &str, scene: &str) -> Value {
    let page = gateway.result(SIGN, &agreement(gateway, number, scene)).await;
    assert_eq!(page["AgreementStatus"], "SIGNING", "{page}");
    let sign = json!({"sign_info": page["SignInfo"], "outcome": "success"});
    gateway.control("sign", &sign).await;
    gateway.until(QUERY, &named(number), "AgreementStatus", "SIGNED").await;
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_signs_in_each_scene_is_debited_and_gets_money_back() {
    let gateway = TestGateway::start();
    for (scene, form, begin) in [
        ("PUBLIC", "JUMPURL", "http"),
        ("MINI_PROGRAM", "JSAPI", "{\"appId\":\"wxbd687630cd02ce1d\""),
        ("APP", "APPSDK", "{\"pre_entrustweb_id\""),
    ] {
        let number = format!("PAPAY{}", scene.replace('_', ""));
        let page = signed(&gateway, &number, scene).await;
        assert_eq!(page["SignInfoType"], form, "{page}");
        let sign_info = page["SignInfo"].as_str().expect("SignInfo is text");
        assert!(sign_info.starts_with(begin), "{scene}: {sign_info}");

        let sold = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &debit(&gateway, &sold, &number)).await;
        assert_eq!(placed["PayInfoType"], "DIRECTPAY", "{placed}");
        let paid = gateway.until_status(&sold, "SUCCESS").await;
        assert!(is_paid_once(&gateway, &paid).await);
        let back = json!({
            "OutOrderId": sold, "OutRefundId": fresh_number(), "RefundAmount": 1,
            "RefundReason": "退会费",
        });
        gateway.result(REFUND, &back).await;

        let ending = json!({"OutAgreementId": number, "TerminateReason": "不再需要"});
        gateway.result(TERMINATE, &ending).await;
        let ended = gateway.until(QUERY, &named(&number), "AgreementStatus", "TERMINATED").await;
        assert_eq!(ended["TerminateMode"], "MERCHANT_API", "{ended}");
        let late = debit(&gateway, &fresh_number(), &number);
        gateway.refused(UNIFIED_ORDER, &late, "AGREEMENT.NOT_SIGNED").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_ends_by_the_channels_word() {
    let gateway = TestGateway::start();
    let number = "PAPAYENDS";
    signed(&gateway, number, "PUBLIC").await;
    for (fault, status) in [
        ("lose_answer", "SUCCESS"),
        ("bad_signature", "SUCCESS"),
        ("unsigned", "SUCCESS"),
        ("error:RULELIMIT", "PAY_FAIL"),
        ("error:NOTENOUGH", "PAY_FAIL"),
    ] {
        inject(&gateway, "create", fault).await;
        let sold = fresh_number();
        gateway.call(UNIFIED_ORDER, &debit(&gateway, &sold, number)).await;
        let ended = gateway.until_status(&sold, status).await;
        assert_eq!(ended["OrderStatus"], status, "{fault}: {ended}");
        assert_eq!(is_paid_once(&gateway, &ended).await, status == "SUCCESS", "{fault}");
    }
    let standing = gateway.result(QUERY, &named(number)).await;
    assert_eq!(standing["AgreementStatus"], "SIGNED", "a failed debit proves nothing: {standing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_that_waits_keeps_the_next_one_waiting() {
    let gateway = TestGateway::start();
    let number = "PAPAYWAITS";
    signed(&gateway, number, "PUBLIC").await;
    inject(&gateway, "create", "error:ACCEPT").await;
    let sold = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &debit(&gateway, &sold, number)).await;
    assert_eq!(placed["OrderStatus"], "PAYING", "{placed}");
    let next = debit(&gateway, &fresh_number(), number);
    assert_ne!(gateway.call(UNIFIED_ORDER, &next).await["ErrCode"], "SUCCESS");
    let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
    let at_channel = there[0]["out_trade_no"].as_str().expect("a number").to_owned();
    let waiting = json!({"mch_id": gateway.text("/wxpay_v2/mch_id"), "out_trade_no": at_channel});
    gateway.control("pay", &json!({"pay_info": waiting, "outcome": "success"})).await;
    let paid = gateway.until_status(&sold, "SUCCESS").await;
    assert!(is_paid_once(&gateway, &paid).await);
    let ending = json!({"agreement": agreement_there(&gateway, &at_channel, number).await, "action": "terminate"});
    gateway.control("agreement", &ending).await;
    let ended = gateway.until(QUERY, &named(number), "AgreementStatus", "TERMINATED").await;
    assert_eq!(ended["TerminateMode"], "USER", "{ended}");
    let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": sold})).await;
    assert_eq!(found["OrderStatus"], "SUCCESS");
}

/// Numbers at a channel are a letter for what they are of, the installation, and the id.
async fn agreement_there(gateway: &TestGateway, order_there: &str, number: &str) -> String {
    let found = gateway.result(QUERY, &named(number)).await;
    let installation = order_there.get(1..7).expect("a number at the channel");
    format!("Y{installation}{}", found["AgreementId"].as_str().expect("an id"))
}

/// Whether the channel has debited for an order, which it never does twice.
async fn is_paid_once(gateway: &TestGateway, order: &Value) -> bool {
    let there = gateway.channel_orders(&order["ChannelOrderId"]).await;
    let paid = there.iter().filter(|it| it["trade_state"] == "SUCCESS").count();
    assert!(paid <= 1 && there.len() <= 1, "{there:?}");
    paid == 1
}
