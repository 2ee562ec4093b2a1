//! Withdrawals over the wire: what is refused, and what the balance says.

use crate::merchant::Merchant;
use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use serde_json::{Value, json};

const BALANCE: &str = "/cloudpay/v1/account/out/query_balance";
const WITHDRAW: &str = "/cloudpay/v1/account/out/withdraw";
const QUERY: &str = "/cloudpay/v1/account/out/query_withdraw";
const REFUND: &str = "/cloudpay/v1/refundOrder/apply";

fn merchant() -> Value {
    order("A-0000")["ChannelSubMerchantId"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_available_is_not_paid_out() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    let balance = gateway.result(BALANCE, &json!({"ChannelSubMerchantId": merchant()})).await;
    assert_eq!(
        balance,
        json!({"ChannelSubMerchantId": merchant(), "TotalBalance": "1000", "WaitBalance": "1000",
            "AvailableBalance": "0", "FrozenBalance": "0"})
    );

    let asked =
        json!({"OutSettleId": number, "ChannelSubMerchantId": merchant(), "SettleAmount": 1});
    let why = gateway.refused(WITHDRAW, &asked, "FailedOperation.BalanceInsufficient").await;
    assert_eq!(why, "the merchant has 0 fen available");
    let named = json!({"OutSettleId": number});
    gateway.refused(QUERY, &named, "FailedOperation.NoRecord").await;
    let listed = gateway.of_tenant("/withdrawals").await;
    assert_eq!(listed, json!({"withdrawals": [], "next": null}), "a refusal leaves no trace");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_request_names_its_member() {
    let gateway = TestGateway::start();
    let good = json!({"OutSettleId": "W_000001", "ChannelSubMerchantId": merchant(),
        "SettleAmount": 1, "NotifyUrl": "https://shop.example/settled", "Remark": "x"});
    for (member, value) in [
        ("OutSettleId", json!("short")),
        ("OutSettleId", json!("no-dashes")),
        ("OutSettleId", Value::Null),
        ("ChannelSubMerchantId", json!("CM_unknown")),
        ("SettleAmount", json!(0)),
        ("SettleAmount", json!("1")),
        ("SettleAmount", json!(1.5)),
        ("NotifyUrl", json!("shop.example")),
        ("Remark", json!("")),
    ] {
        let asked = crate::test_gateway::with(&good, member, value);
        let why = gateway.refused(WITHDRAW, &asked, "ORDER.INVALID_PARAMETER").await;
        assert!(why.starts_with(member), "{why}");
    }
    let why = gateway.refused(QUERY, &json!({}), "ORDER.INVALID_PARAMETER").await;
    assert!(why.starts_with("OutSettleId"), "{why}");
    let unknown = json!({"ChannelSubMerchantId": "CM_unknown"});
    gateway.refused(BALANCE, &unknown, "ORDER.INVALID_PARAMETER").await;
}

/// A merchant's total, available, frozen and waiting money, in fen.
async fn has(gateway: &TestGateway, merchant: &str) -> [String; 4] {
    let found = gateway.result(BALANCE, &json!({"ChannelSubMerchantId": merchant})).await;
    ["TotalBalance", "AvailableBalance", "FrozenBalance", "WaitBalance"]
        .map(|member| found[member].as_str().expect("fen").to_owned())
}

/// A paid order whose money is divided: 200 fen of 1000 are a partner's.
async fn shared(gateway: &TestGateway) -> String {
    let number = fresh_number();
    let list = json!([{"ChannelSubMerchantId": "CM-B", "AllocateAmount": 200}]);
    let body = with(&order(&number), "FundAllocateList", list);
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_takes_its_money_out_and_refunds_pass_without_it() {
    let gateway = TestGateway::start();
    let mut business = Merchant::start().await;
    let number = shared(&gateway).await;
    assert_eq!(has(&gateway, "CM-B").await, ["200", "200", "0", "0"]);

    let asked = json!({"OutSettleId": "settle_1", "ChannelSubMerchantId": "CM-B",
        "SettleAmount": 200, "NotifyUrl": business.notify_url});
    let taken = gateway.result(WITHDRAW, &asked).await;
    assert_eq!(has(&gateway, "CM-B").await, ["200", "0", "200", "0"]);
    let id = taken["ChannelSettleId"].as_str().expect("text");
    let by_hand = json!({"note": "paid", "outside_reference": "BANK-1"});
    let booked = gateway.decide(&format!("/withdrawals/{id}/book-paid"), &by_hand).await;
    assert_eq!(booked.status, 200, "{:?}", booked.body);
    let told = business.received().await.json();
    assert_eq!(
        (&told["NotifyType"], &told["Ocode"]),
        (&json!("SETTLE"), &json!(gateway.text("/wecard/ocode")))
    );
    assert_eq!(told["Result"]["SettleStatus"], "SUCCESS");
    assert_eq!(told["Result"], gateway.result(QUERY, &json!({"OutSettleId": "settle_1"})).await);
    assert_eq!(has(&gateway, "CM-B").await, ["0", "0", "0", "0"]);

    let refund = json!({"OutRefundId": "refund_1", "OutOrderId": number, "RefundAmount": 800});
    let lacks = "FailedOperation.MerchantBalanceNotEnough";
    let why = gateway.refused(REFUND, &refund, lacks).await;
    assert!(why.starts_with("merchant CM-B has not enough left; FundAllocateList"), "{why}");
    let from_its_own = with(&refund, "FundAllocateList", json!([]));
    gateway.result(REFUND, &from_its_own).await;
    let other = json!([{"ChannelSubMerchantId": "CM-B", "AllocateAmount": 1}]);
    let other = with(&refund, "FundAllocateList", other);
    let why = gateway.refused(REFUND, &other, "ORDER.INVALID_PARAMETER").await;
    assert_eq!(why, "FundAllocateList: the refund exists with other parts");
    gateway.until_story(&number, |story| story["refunds"][0]["state"] == "done").await;
    let own = merchant();
    assert_eq!(has(&gateway, own.as_str().expect("text")).await, ["0", "0", "0", "0"]);
    gateway.check_books();
}
