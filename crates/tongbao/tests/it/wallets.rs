//! Wallets: opened, paid into, spent by orders, and given back by refunds; parts of them frozen.

use crate::merchant::Merchant;
use crate::test_gateway::{TestGateway, fresh_number, order, shanghai, with};
use channel::Method::Get;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const OPEN: &str = "/cloudpay/v1/wallet/out/open_account";
const ACCOUNT: &str = "/cloudpay/v1/wallet/out/query_account";
const MODIFY: &str = "/cloudpay/v1/wallet/out/modify_account_status";
const RECHARGE: &str = "/cloudpay/v1/wallet/out/recharge";
const QUERY_RECHARGE: &str = "/cloudpay/v1/wallet/out/query_recharge";
const CLOSE_RECHARGE: &str = "/cloudpay/v1/wallet/out/close_recharge";
const PLACE: &str = "/cloudpay/v1/pay/c2b/unified_order";
const QUERY_ORDER: &str = "/cloudpay/v1/pay/query_order";
const APPLY: &str = "/cloudpay/v1/refundOrder/apply";
const QUERY_REFUND: &str = "/cloudpay/v1/refundOrder/query";
const FREEZE: &str = "/cloudpay/v1/wallet/out/freeze";
const UNFREEZE: &str = "/cloudpay/v1/wallet/out/unfreeze";
const REFUND_RECHARGE: &str = "/cloudpay/v1/wallet/out/refund_recharge";
const QUERY_RECHARGE_REFUND: &str = "/cloudpay/v1/wallet/out/query_recharge_refund";
const FLOWS: &str = "/cloudpay/v1/wallet/out/query_flows";
const QUERY_FREEZE: &str = "/cloudpay/v1/wallet/out/query_freeze";
const BAD: &str = "WALLET.INVALID_PARAMETER";
pub(crate) const USER: &str = "user-1";

/// A payment of a user into their wallet, with a bonus.
fn recharging(gateway: &TestGateway, number: &str, fen: i64, bonus: i64) -> Value {
    json!({
        "ChannelSubMerchantId": gateway.text("/wecard/merchants/0"),
        "OutRechargeId": number,
        "RechargeAmount": fen,
        "GiftAmount": bonus,
        "OrderSubject": "储值",
        "PayType": "PC",
        "PayChannel": "WXPAY",
        "PayerInfo": { "OutUserId": USER },
    })
}

/// An order that a user's wallet pays.
fn spending(gateway: &TestGateway, number: &str, fen: i64) -> Value {
    let body = with(&order(number), "TotalAmount", json!(fen));
    let body = with(&body, "ChannelSubMerchantId", json!(gateway.text("/wecard/merchants/0")));
    let body = with(&with(&body, "PayChannel", json!("WALLETPAY")), "PayType", json!("PC"));
    with(&body, "PayerInfo", json!({ "OutUserId": USER }))
}

async fn account(gateway: &TestGateway) -> Value {
    let merchant = gateway.text("/wecard/merchants/0");
    let named = json!({ "ChannelSubMerchantId": merchant, "OutUserId": USER });
    gateway.result(ACCOUNT, &named).await
}

async fn balance(gateway: &TestGateway) -> Value {
    account(gateway).await["Balance"].clone()
}

async fn until_recharged(gateway: &TestGateway, number: &str) -> Value {
    let named = json!({ "OutRechargeId": number });
    gateway.until(QUERY_RECHARGE, &named, "RechargeStatus", "SUCCESS").await
}

/// A gateway whose user has paid in.
pub(crate) async fn with_balance(fen: i64, bonus: i64) -> TestGateway {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let placed = gateway.result(RECHARGE, &recharging(&gateway, &number, fen, bonus)).await;
    assert_eq!(placed["RechargeStatus"], "WAIT");
    gateway.pay(&placed["PayInfo"]).await;
    until_recharged(&gateway, &number).await;
    gateway
}

fn refund(number: &str, order: &str, fen: i64) -> Value {
    json!({ "OutRefundId": number, "OutOrderId": order, "RefundAmount": fen })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recharge_opens_the_wallet_and_is_there_once_it_is_paid() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_number();
    let body = with(
        &recharging(&gateway, &number, 1000, 200),
        "RechargeNotifyUrl",
        json!(merchant.notify_url),
    );
    let placed = gateway.result(RECHARGE, &body).await;
    let opened = account(&gateway).await;
    assert_eq!(opened["WalletId"], placed["WalletId"]);
    assert_eq!((&opened["Balance"], &opened["AccountStatus"]), (&json!("0"), &json!("NORMAL")));
    assert_eq!(gateway.result(RECHARGE, &body).await["ChannelOrderId"], placed["ChannelOrderId"]);
    gateway.refused(RECHARGE, &with(&body, "GiftAmount", json!(201)), BAD).await;
    let other = with(&body, "PayerInfo", json!({ "OutUserId": "user-2" }));
    gateway.refused(RECHARGE, &other, BAD).await;
    gateway.pay(&placed["PayInfo"]).await;
    let told = merchant.received().await.json();
    assert_eq!(told["NotifyType"], "RECHARGE");
    let shown = &told["Result"];
    assert_eq!(
        (&shown["RechargeType"], &shown["WalletId"]),
        (&json!("BALANCE"), &opened["WalletId"])
    );
    assert_eq!((&shown["CardBatchId"], &shown["CardList"]), (&Value::Null, &Value::Null));
    gateway.kill();
    gateway.restart();
    let found = account(&gateway).await;
    assert_eq!((&found["Balance"], &found["AvailableAmount"]), (&json!("1200"), &json!("1200")));
    gateway.refused(RECHARGE, &body, "WALLET.RECHARGE_RECORD_ALREADY_EXIST").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_paid_at_once_and_its_refunds_fill_the_wallet_again() {
    let gateway = with_balance(1000, 200).await;
    let number = fresh_number();
    let body = spending(&gateway, &number, 1100);
    let paid = gateway.result(PLACE, &body).await;
    assert_eq!(
        (&paid["OrderStatus"], &paid["PayInfoType"]),
        (&json!("SUCCESS"), &json!("DIRECTPAY"))
    );
    assert_eq!(paid["PayChannel"], "WALLETPAY");
    assert_eq!(balance(&gateway).await, "100");
    gateway.refused(PLACE, &body, "ORDER.ORDER_RECORD_ALREADY_EXIST").await;
    for (fen, left) in [(150, "250"), (950, "1200")] {
        let refund_number = fresh_number();
        gateway.result(APPLY, &refund(&refund_number, &number, fen)).await;
        let done = gateway.result(QUERY_REFUND, &json!({ "OutRefundId": refund_number })).await;
        assert_eq!(done["RefundStatus"], "SUCCESS");
        assert_eq!(balance(&gateway).await, left);
    }
    let found = gateway.result(QUERY_ORDER, &json!({ "OutOrderId": number })).await;
    assert_eq!(found["OrderStatus"], "FULL_REFUND");
    let said = gateway.why(&number);
    assert!(said.contains("of the principal and ") && said.contains("of the bonus"), "{said}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_shows_no_code_that_could_be_scanned() {
    let gateway = with_balance(1000, 0).await;
    let body = with(&spending(&gateway, &fresh_number(), 600), "PayType", json!("SWIPE"));
    let external = json!({ "AuthCode": "134567890123456789" }).to_string();
    let body = with(&body, "ExternalPaymentData", json!(external));
    gateway.refused(PLACE, &body, "NO_MERCHANT_SECRET").await;
    assert_eq!(balance(&gateway).await, "1000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_little_fails_the_order_and_takes_nothing() {
    let gateway = with_balance(1000, 0).await;
    let failed = gateway.result(PLACE, &spending(&gateway, &fresh_number(), 1001)).await;
    assert_eq!(failed["OrderStatus"], "PAY_FAIL");
    assert_eq!(failed["FailReason"], "the balance is not enough");
    assert_eq!(balance(&gateway).await, "1000");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_wallet_does_not_pay_and_only_an_empty_one_is_closed() {
    let gateway = with_balance(500, 0).await;
    let id = account(&gateway).await["WalletId"].clone();
    let set = |status: &str| json!({ "WalletId": id, "AccountStatus": status, "Remark": "核查" });
    gateway.refused(MODIFY, &set("CLOSED"), "WALLET.ACCOUNT_STATUS_ERROR").await;
    let frozen = gateway.result(MODIFY, &set("FROZEN")).await;
    assert_eq!((&frozen["AccountStatus"], &frozen["Balance"]), (&json!("FROZEN"), &json!("500")));
    let body = spending(&gateway, &fresh_number(), 500);
    gateway.refused(PLACE, &body, "WALLET.ACCOUNT_FROZEN").await;
    let number = fresh_number();
    gateway.refused(RECHARGE, &recharging(&gateway, &number, 1, 0), "WALLET.ACCOUNT_FROZEN").await;
    gateway.result(MODIFY, &set("NORMAL")).await;
    assert_eq!(gateway.result(PLACE, &body).await["OrderStatus"], "SUCCESS");
    assert_eq!(gateway.result(MODIFY, &set("CLOSED")).await["AccountStatus"], "CLOSED");
    gateway
        .refused(PLACE, &spending(&gateway, &fresh_number(), 1), "WALLET.ACCOUNT_STATUS_ERROR")
        .await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_is_opened_once_and_a_wrong_request_names_its_member() {
    let gateway = TestGateway::start();
    let merchant = gateway.text("/wecard/merchants/0");
    let body = json!({ "ChannelSubMerchantId": merchant, "OutUserId": USER, "UserName": "张三" });
    let opened = gateway.result(OPEN, &body).await;
    assert_eq!(gateway.result(OPEN, &body).await, opened);
    let by_id = gateway.result(ACCOUNT, &json!({ "WalletId": opened["WalletId"] })).await;
    assert_eq!(by_id, opened);
    gateway
        .refused(
            ACCOUNT,
            &json!({ "WalletId": "WA100000000000000001" }),
            "WALLET.ACCOUNT_NOT_EXIST",
        )
        .await;
    let said = gateway.refused(ACCOUNT, &json!({ "OutUserId": USER }), BAD).await;
    assert!(said.starts_with("WalletId"), "{said}");
    let said =
        gateway.refused(OPEN, &with(&body, "ChannelSubMerchantId", json!("nobody")), BAD).await;
    assert!(said.starts_with("ChannelSubMerchantId"), "{said}");
    let recharge = recharging(&gateway, &fresh_number(), 100, 0);
    for (member, value) in [
        ("RechargeAmount", json!(0)),
        ("RechargeAmount", json!(-1)),
        ("RechargeAmount", Value::Null),
        ("GiftAmount", json!(-1)),
        ("PayerInfo", Value::Null),
        ("PayChannel", json!("WALLETPAY")),
        ("OutRechargeId", json!("x")),
    ] {
        let said = gateway.refused(RECHARGE, &with(&recharge, member, value.clone()), BAD).await;
        assert!(said.starts_with(member), "{member} {value}: {said}");
    }
    let nobody = with(
        &spending(&gateway, &fresh_number(), 1),
        "PayerInfo",
        json!({ "OutUserId": "somebody else" }),
    );
    gateway.refused(PLACE, &nobody, "WALLET.ACCOUNT_NOT_EXIST").await;
    let cards = json!({ "DeductMode": "CARD", "CardIdList": ["GC1"] });
    let cards = with(&spending(&gateway, &fresh_number(), 1), "WalletInfo", cards);
    gateway.refused(PLACE, &cards, "ORDER.INVALID_PARAMETER").await;
    let elsewhere = with(
        &spending(&gateway, &fresh_number(), 1),
        "ChannelSubMerchantId",
        json!(gateway.text("/wecard/merchants/1")),
    );
    let elsewhere = with(&elsewhere, "WalletInfo", json!({ "WalletId": opened["WalletId"] }));
    gateway.refused(PLACE, &elsewhere, "ORDER.INVALID_PARAMETER").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recharge_that_ends_unpaid_leaves_the_wallet_as_it_was() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    gateway.result(RECHARGE, &recharging(&gateway, &number, 1000, 100)).await;
    let closed = gateway.result(CLOSE_RECHARGE, &json!({ "OutRechargeId": number })).await;
    assert_eq!(closed["RechargeStatus"], "CLOSED");
    assert_eq!(balance(&gateway).await, "0");
    gateway.check_books();
}

/// 64 clients at once want 100 fen each of a wallet that has 2000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fen_is_spent_twice_by_64_clients_at_once() {
    let gateway = std::sync::Arc::new(with_balance(1500, 500).await);
    let mut clients = JoinSet::new();
    for _ in 0..64 {
        let gateway = gateway.clone();
        clients.spawn(async move {
            let number = fresh_number();
            let placed = gateway.result(PLACE, &spending(&gateway, &number, 100)).await;
            (number, placed["OrderStatus"] == "SUCCESS")
        });
    }
    let placed = clients.join_all().await;
    let paid: Vec<&String> =
        placed.iter().filter(|(_, paid)| *paid).map(|(number, _)| number).collect();
    assert_eq!(paid.len(), 20);
    assert_eq!(balance(&gateway).await, "0");
    for number in paid {
        gateway.result(APPLY, &refund(&fresh_number(), number, 100)).await;
    }
    assert_eq!(balance(&gateway).await, "2000");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_of_stored_value_is_the_same_at_any_later_time() {
    let gateway = with_balance(1000, 200).await;
    let path = "/tenants/100001/liability";
    let first = gateway.admin(Get, path).await.body;
    let of_wallets = |report: &Value| {
        (report["wallet_principal_fen"].clone(), report["wallet_bonus_fen"].clone())
    };
    assert_eq!(of_wallets(&first), (json!(1000), json!(200)), "{first}");
    let spent = spending(&gateway, &fresh_number(), 1100);
    assert_eq!(gateway.result(PLACE, &spent).await["OrderStatus"], "SUCCESS");
    let now = gateway.admin(Get, path).await.body;
    assert_eq!(of_wallets(&now), (json!(0), json!(100)), "{now}");
    let then = format!("{path}?as_of={}", first["as_of"].as_str().expect("a time"));
    assert_eq!(gateway.admin(Get, &then).await.body, first);
    assert_eq!(gateway.admin(Get, &format!("{path}?as_of=2999-01-01T00:00:00Z")).await.status, 400);
    let csv = gateway.admin(Get, &format!("{path}.csv")).await.body;
    let merchant = gateway.text("/wecard/merchants/0");
    let line = format!(",wallet_bonus,{merchant},,100\r\n");
    assert!(csv.as_str().is_some_and(|text| text.contains(&line)), "{csv}");
    let verb = ["report", "liability"];
    let as_json = ["--format", "json", "--as-of", text(&first["as_of"])];
    let printed = gateway.verb(&[&verb[..], &as_json].concat()).output().expect("it runs");
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).ok(), Some(first), "{printed:?}");
    let printed = gateway.verb(&verb).output().expect("it runs");
    let shown = String::from_utf8_lossy(&printed.stdout);
    assert!(shown.contains("wallets, bonuses 1.00"), "{printed:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Balance, FrozenAmount and AvailableAmount.
async fn amounts(gateway: &TestGateway) -> [String; 3] {
    let shown = account(gateway).await;
    ["Balance", "FrozenAmount", "AvailableAmount"]
        .map(|name| shown[name].as_str().expect("an amount").to_owned())
}

async fn freezing(gateway: &TestGateway, number: &str, fen: i64) -> Value {
    let wallet = account(gateway).await["WalletId"].clone();
    json!({ "OutFreezeId": number, "WalletId": wallet, "FreezeAmount": fen, "Remark": "核查" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_frozen_is_not_spent_until_it_is_released() {
    let mut gateway = with_balance(1000, 200).await;
    let number = fresh_number();
    let body = freezing(&gateway, &number, 1100).await;
    let frozen = gateway.result(FREEZE, &body).await;
    assert_eq!(
        (&frozen["FreezeStatus"], &frozen["RemainAmount"]),
        (&json!("FROZEN"), &json!("1100"))
    );
    assert_eq!(gateway.result(FREEZE, &body).await, frozen);
    gateway.refused(FREEZE, &with(&body, "FreezeAmount", json!(1)), BAD).await;
    assert_eq!(amounts(&gateway).await, ["1200", "1100", "100"]);
    let failed = gateway.result(PLACE, &spending(&gateway, &fresh_number(), 101)).await;
    assert_eq!(failed["OrderStatus"], "PAY_FAIL");
    assert_eq!(failed["FailReason"], "the balance is not enough");
    let more = freezing(&gateway, &fresh_number(), 101).await;
    gateway.refused(FREEZE, &more, "WALLET.BALANCE_INSUFFICIENT").await;
    let part = json!({ "OutUnfreezeId": "release1", "OutFreezeId": number, "UnfreezeAmount": 300 });
    for _ in 0..2 {
        let released = gateway.result(UNFREEZE, &part).await;
        assert_eq!(released["FreezeStatus"], "PART_UNFROZEN");
        assert_eq!(
            (&released["OutUnfreezeId"], &released["UnfreezeAmount"]),
            (&json!("release1"), &json!("300"))
        );
        assert_eq!(amounts(&gateway).await, ["1200", "800", "400"]);
    }
    gateway.refused(UNFREEZE, &with(&part, "UnfreezeAmount", json!(301)), BAD).await;
    let paid = gateway.result(PLACE, &spending(&gateway, &fresh_number(), 400)).await;
    assert_eq!(paid["OrderStatus"], "SUCCESS");
    gateway.kill();
    gateway.restart();
    let rest = json!({ "OutUnfreezeId": "release2", "OutFreezeId": number });
    assert_eq!(gateway.result(UNFREEZE, &rest).await["UnfreezeAmount"], "800");
    let found = gateway.result(QUERY_FREEZE, &json!({ "OutFreezeId": number })).await;
    assert_eq!((&found["FreezeStatus"], &found["RemainAmount"]), (&json!("UNFROZEN"), &json!("0")));
    assert_eq!(found["UnfreezeList"].as_array().map(Vec::len), Some(2));
    assert_eq!(amounts(&gateway).await, ["800", "0", "800"]);
    let more = with(&rest, "OutUnfreezeId", json!("release3"));
    gateway.refused(UNFREEZE, &more, "WALLET.FREEZE_STATUS_ERROR").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_frozen_is_released_when_its_time_is_up() {
    let mut gateway = with_balance(1000, 0).await;
    let number = fresh_number();
    let body = freezing(&gateway, &number, 900).await;
    let past = with(&body, "ExpireTime", json!("2020-01-01 00:00:00"));
    let said = gateway.refused(FREEZE, &past, BAD).await;
    assert!(said.starts_with("ExpireTime"), "{said}");
    let end = shanghai(gateway.now() + 3600);
    let made = gateway.result(FREEZE, &with(&body, "ExpireTime", json!(end))).await;
    assert_eq!(made["ExpireTime"], end);
    assert_eq!(amounts(&gateway).await, ["1000", "900", "100"]);
    gateway.advance(3601).await;
    let found = until_unfrozen(&gateway, &number).await;
    let [released] = &found["UnfreezeList"].as_array().expect("a list")[..] else {
        panic!("{found}")
    };
    assert_eq!(
        (&released["UnfreezeAmount"], &released["OutUnfreezeId"]),
        (&json!("900"), &Value::Null)
    );
    assert_eq!(amounts(&gateway).await, ["1000", "0", "1000"]);
    let missing = json!({ "OutFreezeId": "nowhere1" });
    gateway.refused(QUERY_FREEZE, &missing, "WALLET.FREEZE_NOT_EXIST").await;
    gateway.check_books();
}

async fn until_unfrozen(gateway: &TestGateway, number: &str) -> Value {
    let named = json!({ "OutFreezeId": number });
    gateway.until(QUERY_FREEZE, &named, "FreezeStatus", "UNFROZEN").await
}

/// A refund of a part of what was paid into the wallet.
fn giving_back(number: &str, recharge: &str, fen: i64) -> Value {
    json!({ "OutRefundId": number, "OutRechargeId": recharge, "RefundAmount": fen })
}

/// A user who has paid in, and the number of that recharge.
async fn recharged(fen: i64, bonus: i64) -> (TestGateway, String) {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let placed = gateway.result(RECHARGE, &recharging(&gateway, &number, fen, bonus)).await;
    gateway.pay(&placed["PayInfo"]).await;
    until_recharged(&gateway, &number).await;
    (gateway, number)
}

async fn until_given_back(gateway: &TestGateway, number: &str) -> Value {
    let named = json!({ "OutRefundId": number });
    gateway.until(QUERY_RECHARGE_REFUND, &named, "RefundStatus", "SUCCESS").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_paid_in_is_given_back_and_leaves_the_wallet_first() {
    let (mut gateway, recharge) = recharged(1000, 201).await;
    for (fen, left, status) in [(400, "720", "PART_REFUND"), (600, "0", "FULL_REFUND")] {
        let number = fresh_number();
        let body = giving_back(&number, &recharge, fen);
        let applied = gateway.result(REFUND_RECHARGE, &body).await;
        assert_eq!(applied["OutRechargeId"], json!(recharge));
        assert_eq!(balance(&gateway).await, left);
        let found = until_given_back(&gateway, &number).await;
        assert_eq!(found["ChannelRefundId"], applied["ChannelRefundId"]);
        assert_eq!(found["RefundAmount"], json!(fen.to_string()));
        let repeated = gateway.result(REFUND_RECHARGE, &body).await;
        assert_eq!(repeated["ChannelRefundId"], applied["ChannelRefundId"]);
        gateway.refused(REFUND_RECHARGE, &giving_back(&number, &recharge, 1), BAD).await;
        let shown = gateway.result(QUERY_RECHARGE, &json!({ "OutRechargeId": recharge })).await;
        assert_eq!(shown["RechargeStatus"], status);
        assert_eq!(balance(&gateway).await, left);
    }
    let shown = gateway.result(QUERY_RECHARGE, &json!({ "OutRechargeId": recharge })).await;
    assert_eq!(shown["RefundedAmount"], "1000");
    gateway.kill();
    gateway.restart();
    assert_eq!(balance(&gateway).await, "0");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_channel_refuses_to_give_back_is_in_the_wallet_again() {
    let (gateway, recharge) = recharged(1000, 201).await;
    let mut merchant = Merchant::start().await;
    let number = fresh_number();
    let body = with(&giving_back(&number, &recharge, 400), "NotifyUrl", json!(merchant.notify_url));
    gateway.fault_once("refund", "refund_closed").await;
    gateway.result(REFUND_RECHARGE, &body).await;
    let named = json!({ "OutRefundId": number });
    let failed = gateway.until(QUERY_RECHARGE_REFUND, &named, "RefundStatus", "FAILED").await;
    assert!(failed["RefundMessage"].is_string(), "{failed}");
    assert_eq!(balance(&gateway).await, "1201");
    let of_refund = with(&around_now(&gateway), "FlowType", json!("RECHARGE_REFUND"));
    let of_refund = with(&of_refund, "WalletId", account(&gateway).await["WalletId"].clone());
    let flows = gateway.result(FLOWS, &of_refund).await;
    let mut amounts: Vec<&str> = flows["DataList"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| text(&row["Amount"]))
        .collect();
    amounts.sort_unstable();
    assert_eq!(amounts, ["-400", "-81", "400", "81"], "{flows:#}");
    gateway.check_books();
    let again = gateway.result(REFUND_RECHARGE, &body).await;
    assert_eq!(again["ChannelRefundId"], failed["ChannelRefundId"]);
    until_given_back(&gateway, &number).await;
    assert_eq!(balance(&gateway).await, "720");
    for status in ["FAILED", "SUCCESS"] {
        let told = merchant.received().await.json();
        assert_eq!(told["NotifyType"], "RECHARGE_REFUND", "{told}");
        assert_eq!(told["Result"]["RefundStatus"], status, "{told}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recharge_is_not_given_back_when_the_wallet_cannot_give_it() {
    let (gateway, recharge) = recharged(1000, 0).await;
    let give_back = |fen| giving_back(&fresh_number(), &recharge, fen);
    let shown = gateway.result(QUERY_RECHARGE, &json!({ "OutRechargeId": recharge })).await;
    let order = shown["ChannelOrderId"].clone();
    let ordinary =
        json!({ "OutRefundId": fresh_number(), "ChannelOrderId": order, "RefundAmount": 1 });
    gateway.refused(APPLY, &ordinary, "ORDER.ORDER_STATUS_ERROR").await;
    let cards = with(&give_back(1), "CardIdList", json!(["GC100000000000000001"]));
    let said = gateway.refused(REFUND_RECHARGE, &cards, BAD).await;
    assert!(said.starts_with("RefundAmount"), "{said}");
    let said = gateway.refused(REFUND_RECHARGE, &give_back(0), BAD).await;
    assert!(said.starts_with("RefundAmount"), "{said}");
    gateway.refused(REFUND_RECHARGE, &give_back(1001), "ORDER.REFUND_AMOUNT_EXCEED").await;
    gateway.result(PLACE, &spending(&gateway, &fresh_number(), 700)).await;
    gateway.refused(REFUND_RECHARGE, &give_back(301), "WALLET.BALANCE_INSUFFICIENT").await;
    let id = account(&gateway).await["WalletId"].clone();
    let set = |status: &str| json!({ "WalletId": id, "AccountStatus": status, "Remark": "核查" });
    gateway.result(MODIFY, &set("FROZEN")).await;
    gateway.refused(REFUND_RECHARGE, &give_back(300), "WALLET.ACCOUNT_FROZEN").await;
    gateway.result(MODIFY, &set("NORMAL")).await;
    assert_eq!(balance(&gateway).await, "300");
    gateway.result(REFUND_RECHARGE, &give_back(300)).await;
    gateway.result(MODIFY, &set("CLOSED")).await;
    gateway.refused(REFUND_RECHARGE, &give_back(1), "WALLET.ACCOUNT_STATUS_ERROR").await;
    gateway.check_books();
}

/// 32 clients at once want 100 fen of a recharge back whose wallet has 1000, and 32 spend 100 of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fen_is_both_spent_and_given_back() {
    let (gateway, recharge) = recharged(1000, 0).await;
    let (gateway, recharge) = (std::sync::Arc::new(gateway), std::sync::Arc::new(recharge));
    let mut clients = JoinSet::new();
    for _ in 0..32 {
        let (spender, refunder) = (gateway.clone(), gateway.clone());
        let recharge = recharge.clone();
        clients.spawn(async move {
            let body = spending(&spender, &fresh_number(), 100);
            spender.result(PLACE, &body).await["OrderStatus"] == "SUCCESS"
        });
        clients.spawn(async move {
            let body = giving_back(&fresh_number(), &recharge, 100);
            let answer = refunder.call(REFUND_RECHARGE, &body).await;
            answer["ErrCode"] == "SUCCESS"
        });
    }
    let taken = clients.join_all().await.into_iter().filter(|is_taken| *is_taken).count();
    assert_eq!((taken, balance(&gateway).await), (10, json!("0")));
    gateway.check_books();
}

/// The time of a question about flows: a day around the present.
fn around_now(gateway: &TestGateway) -> Value {
    let now = gateway.now();
    json!({ "StartTime": shanghai(now - 43_200), "EndTime": shanghai(now + 43_200) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_show_every_movement_with_the_balance_after_it() {
    let mut gateway = with_balance(1000, 200).await;
    let paid_in = fresh_number();
    let placed = gateway.result(RECHARGE, &recharging(&gateway, &paid_in, 100, 10)).await;
    gateway.pay(&placed["PayInfo"]).await;
    until_recharged(&gateway, &paid_in).await;
    let (order, back, given_back) = (fresh_number(), fresh_number(), fresh_number());
    gateway.result(PLACE, &spending(&gateway, &order, 1000)).await;
    gateway.result(APPLY, &refund(&back, &order, 300)).await;
    let giving_back =
        json!({ "OutRefundId": given_back, "OutRechargeId": paid_in, "RefundAmount": 100 });
    gateway.result(REFUND_RECHARGE, &giving_back).await;
    let named = json!({ "OutRefundId": given_back });
    gateway.until(QUERY_RECHARGE_REFUND, &named, "RefundStatus", "SUCCESS").await;
    let frozen = fresh_number();
    gateway.result(FREEZE, &freezing(&gateway, &frozen, 50).await).await;
    gateway.result(UNFREEZE, &json!({ "OutUnfreezeId": "u_flow1", "OutFreezeId": frozen })).await;
    gateway.kill();
    gateway.restart();

    let wallet = account(&gateway).await["WalletId"].clone();
    let all = with(&around_now(&gateway), "WalletId", wallet.clone());
    let found = gateway.result(FLOWS, &all).await;
    let rows = found["DataList"].as_array().expect("a list").clone();
    let shown = |row: &Value| {
        ["FlowType", "Amount", "FrozenAmount", "BalanceAfter"]
            .map(|name| text(&row[name]).to_owned())
    };
    let wanted = [
        ["UNFREEZE", "0", "-50", "500"],
        ["FREEZE", "0", "50", "500"],
        ["RECHARGE_REFUND", "-10", "0", "500"],
        ["RECHARGE_REFUND", "-100", "0", "510"],
        ["REFUND", "300", "0", "610"],
        ["PAY", "-1000", "0", "310"],
        ["RECHARGE_GIFT", "10", "0", "1310"],
        ["RECHARGE", "100", "0", "1300"],
        ["RECHARGE_GIFT", "200", "0", "1200"],
        ["RECHARGE", "1000", "0", "1000"],
    ];
    let lines: Vec<_> = rows.iter().map(shown).collect();
    assert_eq!(lines, wanted.map(|line| line.map(str::to_owned)), "{found:#}");
    assert_eq!((&found["Count"], &found["PageNo"]), (&json!(10), &json!(1)));
    assert_eq!((&rows[0]["OutFreezeId"], &rows[0]["Remark"]), (&json!(frozen), &json!("核查")));
    assert_eq!(rows[2]["OutRefundId"], json!(given_back));
    assert_eq!(
        (&rows[3]["OutRechargeId"], &rows[3]["OutRefundId"]),
        (&json!(paid_in), &json!(given_back))
    );
    assert_eq!((&rows[4]["OutOrderId"], &rows[4]["OutRefundId"]), (&json!(order), &json!(back)));
    assert_eq!((&rows[5]["OutOrderId"], &rows[5]["OutRefundId"]), (&json!(order), &Value::Null));
    assert_eq!(
        (&rows[7]["OutRechargeId"], &rows[7]["OutOrderId"]),
        (&json!(paid_in), &Value::Null)
    );
    assert_eq!(rows[7]["WalletId"], wallet);

    let page = with(&with(&all, "PageNo", json!(2)), "PageSize", json!(4));
    let page = gateway.result(FLOWS, &page).await;
    assert_eq!(
        (page["DataList"].as_array(), &page["Count"]),
        (Some(&rows[4..8].to_vec()), &json!(10))
    );
    let of_type = gateway.result(FLOWS, &with(&all, "FlowType", json!("RECHARGE_GIFT"))).await;
    let gifts = vec![rows[6].clone(), rows[8].clone()];
    assert_eq!((of_type["DataList"].as_array(), &of_type["Count"]), (Some(&gifts), &json!(2)));
    let never = gateway.result(FLOWS, &with(&all, "FlowType", json!("ADJUST_IN"))).await;
    assert_eq!(never["Count"], 0);
    let long = with(&all, "StartTime", json!(shanghai(gateway.now() - 31 * 86_400)));
    for (body, want) in [
        (long, "EndTime: more than 30 days after StartTime"),
        (with(&all, "EndTime", all["StartTime"].clone()), ""),
        (with(&all, "StartTime", all["EndTime"].clone()), ""),
        (
            with(
                &with(&all, "StartTime", all["EndTime"].clone()),
                "EndTime",
                all["StartTime"].clone(),
            ),
            "EndTime: before StartTime",
        ),
        (with(&all, "PageSize", json!(1001)), "PageSize: out of range, want 1 to 1000"),
    ] {
        match want {
            // A second at either end has no flow.
            "" => assert_eq!(gateway.result(FLOWS, &body).await["Count"], 0),
            _ => assert_eq!(gateway.refused(FLOWS, &body, BAD).await, want),
        }
    }
    let unknown = with(&all, "WalletId", json!("WA000000000000000001"));
    gateway.refused(FLOWS, &unknown, "WALLET.ACCOUNT_NOT_EXIST").await;
    gateway.check_books();
}
