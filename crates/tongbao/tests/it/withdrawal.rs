//! Withdrawals over the wire: what is refused, and what the balance says.

use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order};
use serde_json::{Value, json};

const BALANCE: &str = "/cloudpay/v1/account/out/query_balance";
const WITHDRAW: &str = "/cloudpay/v1/account/out/withdraw";
const QUERY: &str = "/cloudpay/v1/account/out/query_withdraw";

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
