//! Gift cards in wallets: bound by their owners or with their secrets, spent, and given back.

use crate::card_life::call_rsa;
use crate::cards::{BAD, BUY, QUERY_CARD, account, batch, buying, cards, posted, until_status};
use crate::test_gateway::{TestGateway, fresh_number, order, with};
use crypto::rsa::{Sealer, Signer};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

const BIND: &str = "/cloudpay/v1/wallet/out/bind_card";
const SECRET: &str = "/cloudpay/v1/wallet/out/query_card_secret";
const CARDS: &str = "/cloudpay/v1/wallet/out/query_cards";
const FLOWS: &str = "/cloudpay/v1/wallet/out/query_card_flows";
const FREEZE: &str = "/cloudpay/v1/wallet/out/freeze_card";
const OPEN: &str = "/cloudpay/v1/wallet/out/open_account";
const ACCOUNT: &str = "/cloudpay/v1/wallet/out/query_account";
const MODIFY: &str = "/cloudpay/v1/wallet/out/modify_account_status";
const RECHARGE: &str = "/cloudpay/v1/wallet/out/recharge";
const PLACE: &str = "/cloudpay/v1/pay/c2b/unified_order";
const APPLY: &str = "/cloudpay/v1/refundOrder/apply";
const STATUS: &str = "WALLET.CARD_STATUS_ERROR";
const WRONG: &str = "WALLET.CARD_SECRET_ERROR";
const LOCKED: &str = "WALLET.CARD_LOCKED";
const USER: &str = "user-1";
/// Clients that bind the same card, and clients that spend from the same wallet.
const CROWD: usize = 32;
const SPENDERS: usize = 64;

/// The wallet of a user at the first merchant.
async fn wallet(gateway: &TestGateway, user: &str) -> Value {
    let merchant = gateway.text("/wecard/merchants/0");
    let body = json!({ "ChannelSubMerchantId": merchant, "OutUserId": user });
    gateway.result(OPEN, &body).await["WalletId"].clone()
}

/// Cards that the user has bought: of 1000 fen each, valid for some days.
async fn bought(gateway: &TestGateway, quantity: i64, days: i64) -> (Vec<Value>, Value) {
    let batch = batch(gateway, |body| body["ValidDays"] = json!(days)).await;
    let number = fresh_number();
    let body = with(&buying(&number, &batch, quantity), "PayerInfo", json!({ "OutUserId": USER }));
    let placed = gateway.result(BUY, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    let found = until_status(gateway, &number, "SUCCESS").await;
    (cards(&found), batch)
}

fn by_owner(number: &str, card: &Value) -> Value {
    json!({ "OutBindId": number, "CardId": card["CardId"], "OutUserId": USER })
}

/// Puts cards into the wallet of the user.
async fn bound(gateway: &TestGateway, cards: &[Value]) {
    for card in cards {
        let result = gateway.result(BIND, &by_owner(&fresh_number(), card)).await;
        assert_eq!(result["CardStatus"], "BOUND");
    }
}

async fn paid_in(gateway: &TestGateway, fen: i64) {
    let number = fresh_number();
    let body = json!({
        "ChannelSubMerchantId": gateway.text("/wecard/merchants/0"),
        "OutRechargeId": number,
        "RechargeAmount": fen,
        "OrderSubject": "储值",
        "PayType": "PC",
        "PayChannel": "WXPAY",
        "PayerInfo": { "OutUserId": USER },
    });
    let placed = gateway.result(RECHARGE, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    until_status(gateway, &number, "SUCCESS").await;
}

fn spending(gateway: &TestGateway, number: &str, fen: i64) -> Value {
    let body = with(&order(number), "TotalAmount", json!(fen));
    let body = with(&body, "ChannelSubMerchantId", json!(gateway.text("/wecard/merchants/0")));
    let body = with(&with(&body, "PayChannel", json!("WALLETPAY")), "PayType", json!("PC"));
    with(&body, "PayerInfo", json!({ "OutUserId": USER }))
}

fn refund(number: &str, order: &str, fen: i64) -> Value {
    json!({ "OutRefundId": number, "OutOrderId": order, "RefundAmount": fen })
}

/// What each card and the balance have.
async fn left(gateway: &TestGateway, cards: &[Value]) -> (Vec<String>, String) {
    let mut left = vec![];
    for card in cards {
        let shown = gateway.result(QUERY_CARD, &json!({ "CardId": card["CardId"] })).await;
        left.push(shown["Balance"].as_str().expect("text").to_owned());
    }
    let account =
        gateway.result(ACCOUNT, &json!({ "WalletId": wallet(gateway, USER).await })).await;
    (left, account["Balance"].as_str().expect("text").to_owned())
}

fn texts<const N: usize>(cards: [&str; N], balance: &str) -> (Vec<String>, String) {
    (cards.map(str::to_owned).to_vec(), balance.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_owner_binds_a_card_and_the_wallet_spends_it() {
    let mut gateway = TestGateway::start();
    let id = wallet(&gateway, USER).await;
    let (own, batch) = bought(&gateway, 2, 30).await;
    let number = fresh_number();
    let body = by_owner(&number, &own[0]);
    let first = gateway.result(BIND, &body).await;
    let shown = [&first["CardStatus"], &first["Balance"], &first["WalletId"], &first["CardId"]];
    assert_eq!(shown, [&json!("BOUND"), &json!("1000"), &id, &own[0]["CardId"]]);
    gateway.kill();
    gateway.restart();
    assert_eq!(gateway.result(BIND, &body).await, first);
    let said = gateway.refused(BIND, &by_owner(&number, &own[1]), BAD).await;
    assert!(said.starts_with("OutBindId"), "{said}");
    gateway.refused(BIND, &by_owner(&fresh_number(), &own[0]), STATUS).await;
    let card = gateway.result(QUERY_CARD, &json!({ "CardId": own[0]["CardId"] })).await;
    assert_eq!((&card["WalletId"], &card["CardStatus"]), (&id, &json!("BOUND")));
    assert!(card["BindTime"].is_string(), "{card}");
    let page = gateway.result(CARDS, &json!({ "WalletId": id, "CardStatus": "BOUND" })).await;
    assert_eq!((&page["Count"], &page["DataList"][0]), (&json!(1), &card));
    let shown = gateway.result(ACCOUNT, &json!({ "WalletId": id })).await;
    assert_eq!((&shown["CardBalance"], &shown["Balance"]), (&json!("1000"), &json!("0")));
    let order = fresh_number();
    let paid = gateway.result(PLACE, &spending(&gateway, &order, 1000)).await;
    assert_eq!(paid["OrderStatus"], "SUCCESS");
    let card = gateway.result(QUERY_CARD, &json!({ "CardId": own[0]["CardId"] })).await;
    assert_eq!((&card["CardStatus"], &card["Balance"]), (&json!("USED_UP"), &json!("0")));
    assert_eq!(posted(&gateway, "card_liability", &account(&batch)).await, 1000);
    let back = fresh_number();
    gateway.result(APPLY, &refund(&back, &order, 400)).await;
    let flows = gateway.result(FLOWS, &json!({ "CardId": own[0]["CardId"] })).await;
    let flow = |at: usize| {
        let row = &flows["DataList"][at];
        ["FlowType", "Amount", "BalanceAfter"].map(|name| row[name].clone())
    };
    assert_eq!(flow(0), [json!("REFUND"), json!("400"), json!("400")]);
    assert_eq!(flow(1), [json!("PAY"), json!("-1000"), json!("0")]);
    assert_eq!(flows["DataList"][1]["ChannelOrderId"], paid["ChannelOrderId"]);
    let close = json!({ "WalletId": id, "AccountStatus": "CLOSED" });
    gateway.refused(MODIFY, &close, "WALLET.ACCOUNT_STATUS_ERROR").await;
    let said = gateway.why(&order);
    assert!(said.contains("of card "), "{said}");
    gateway.check_books();
}

/// Reads the secret of a card as its owner.
async fn secret_of(gateway: &TestGateway, card: &Value) -> String {
    let key = Signer::from_pem(&gateway.text("/wecard/rsa/private_key_pem")).expect("a key");
    let body = json!({ "CardId": card["CardId"], "OwnerId": USER });
    let answer = call_rsa(gateway, SECRET, &body).await;
    let sealed = answer["Result"]["CardSecret"].as_str().expect("text");
    String::from_utf8(key.decrypt_sha256(sealed).expect("it is for us")).expect("text")
}

/// Encrypts for the platform.
fn sealed(gateway: &TestGateway, secret: &str) -> String {
    let key = gateway.text("/wecard/platform_public_key_pem");
    Sealer::from_public_pem(&key).expect("a key").seal_sha256(secret.as_bytes()).expect("sealed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_binds_the_card_and_five_wrong_ones_lock_it() {
    let mut gateway = TestGateway::start();
    let friend = wallet(&gateway, "friend").await;
    let (own, _) = bought(&gateway, 1, 30).await;
    let secret = secret_of(&gateway, &own[0]).await;
    let number = fresh_number();
    let body = |gateway: &TestGateway, secret: &str| {
        json!({
            "OutBindId": number,
            "CardNo": own[0]["CardNo"],
            "CardSecret": sealed(gateway, secret),
            "WalletId": friend,
        })
    };
    let clear = with(&body(&gateway, &secret), "CardSecret", json!(secret));
    let said = gateway.refused(BIND, &clear, BAD).await;
    assert!(said.starts_with("CardSecret") && !said.contains(&secret), "{said}");
    let unknown = with(&body(&gateway, &secret), "CardNo", json!("4539578763621486"));
    let of_unknown = gateway.refused(BIND, &unknown, WRONG).await;
    for _ in 0..5 {
        let wrong = body(&gateway, "WRONGWRONGWRONG2");
        assert_eq!(gateway.refused(BIND, &wrong, WRONG).await, of_unknown);
    }
    gateway.refused(BIND, &body(&gateway, &secret), LOCKED).await;
    gateway.kill();
    gateway.restart();
    gateway.refused(BIND, &body(&gateway, &secret), LOCKED).await;
    assert_eq!(gateway.refused(BIND, &unknown, WRONG).await, of_unknown);
    gateway.advance(3600).await;
    let right = body(&gateway, &secret);
    let bound = gateway.result(BIND, &right).await;
    assert_eq!((&bound["WalletId"], &bound["CardStatus"]), (&friend, &json!("BOUND")));
    // Encrypted anew it is the same content.
    assert_eq!(gateway.result(BIND, &body(&gateway, &secret)).await, bound);
    gateway.refused(BIND, &body(&gateway, "WRONGWRONGWRONG2"), BAD).await;
    for (member, value, code) in [
        ("OutBindId", json!("x"), BAD),
        ("CardNo", json!("1234567890123456"), BAD),
        ("CardSecret", Value::Null, BAD),
        ("CardId", own[0]["CardId"].clone(), BAD),
        ("WalletId", json!("WA1"), BAD),
        ("WalletId", Value::Null, BAD),
    ] {
        let said = gateway.refused(BIND, &with(&right, member, value.clone()), code).await;
        assert!(said.starts_with(member), "{member} {value}: {said}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_bind_a_card_once() {
    let gateway = Arc::new(TestGateway::start());
    wallet(&gateway, USER).await;
    let (own, _) = bought(&gateway, 1, 30).await;
    let mut clients = JoinSet::new();
    for _ in 0..CROWD {
        let (gateway, body) = (gateway.clone(), by_owner(&fresh_number(), &own[0]));
        clients.spawn(async move { gateway.call(BIND, &body).await });
    }
    let answers = clients.join_all().await;
    let count = |code: &str| answers.iter().filter(|answer| answer["ErrCode"] == code).count();
    assert_eq!((count("SUCCESS"), count(STATUS)), (1, CROWD - 1), "{answers:?}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fen_of_cards_and_balance_is_spent_twice_by_64_clients_at_once() {
    let gateway = Arc::new(TestGateway::start());
    wallet(&gateway, USER).await;
    let (own, _) = bought(&gateway, 3, 30).await;
    bound(&gateway, &own).await;
    paid_in(&gateway, 550).await;
    let mut clients = JoinSet::new();
    for _ in 0..SPENDERS {
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
    assert_eq!(paid.len(), 35);
    assert_eq!(left(&gateway, &own).await, texts(["0", "0", "0"], "50"));
    gateway.check_books();
    for number in paid {
        gateway.result(APPLY, &refund(&fresh_number(), number, 100)).await;
    }
    assert_eq!(left(&gateway, &own).await, texts(["1000", "1000", "1000"], "550"));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_pay_first_and_what_was_taken_last_comes_back_first() {
    let gateway = TestGateway::start();
    wallet(&gateway, USER).await;
    let (late, _) = bought(&gateway, 1, 30).await;
    let (soon, _) = bought(&gateway, 1, 10).await;
    let own = [late, soon].concat();
    bound(&gateway, &own).await;
    paid_in(&gateway, 500).await;
    let order = fresh_number();
    let paid = gateway.result(PLACE, &spending(&gateway, &order, 1300)).await;
    assert_eq!(paid["OrderStatus"], "SUCCESS");
    assert_eq!(left(&gateway, &own).await, texts(["700", "0"], "500"));
    let second = fresh_number();
    gateway.result(PLACE, &spending(&gateway, &second, 900)).await;
    assert_eq!(left(&gateway, &own).await, texts(["0", "0"], "300"));
    for (number, fen, want) in [
        (&second, 300, texts(["100", "0"], "500")),
        (&second, 600, texts(["700", "0"], "500")),
        (&order, 400, texts(["1000", "100"], "500")),
        (&order, 900, texts(["1000", "1000"], "500")),
    ] {
        gateway.result(APPLY, &refund(&fresh_number(), number, fen)).await;
        assert_eq!(left(&gateway, &own).await, want, "{fen}");
        gateway.check_books();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_says_what_pays() {
    let gateway = TestGateway::start();
    wallet(&gateway, USER).await;
    let (own, _) = bought(&gateway, 3, 30).await;
    bound(&gateway, &own[..2]).await;
    paid_in(&gateway, 500).await;
    let ids: Vec<&Value> = own.iter().map(|card| &card["CardId"]).collect();
    let paying =
        |fen: i64, info: Value| with(&spending(&gateway, &fresh_number(), fen), "WalletInfo", info);
    let listed = |cards: &[&Value]| json!({ "DeductMode": "CARD", "CardIdList": cards });
    let body = paying(1200, listed(&[ids[1], ids[0]]));
    assert_eq!(gateway.result(PLACE, &body).await["OrderStatus"], "SUCCESS");
    assert_eq!(left(&gateway, &own).await, texts(["800", "0", "1000"], "500"));
    let body = paying(300, json!({ "DeductMode": "BALANCE" }));
    assert_eq!(gateway.result(PLACE, &body).await["OrderStatus"], "SUCCESS");
    assert_eq!(left(&gateway, &own).await, texts(["800", "0", "1000"], "200"));
    let back = refund(&fresh_number(), body["OutOrderId"].as_str().expect("text"), 100);
    let into = |info: Value| with(&back, "WalletRefundInfo", info);
    for (info, member) in [
        (json!({ "RefundMode": "CARD" }), "WalletRefundInfo.RefundMode"),
        (json!({ "WalletId": "WA000000000000000001" }), "WalletRefundInfo.WalletId"),
    ] {
        let said = gateway.refused(APPLY, &into(info), "ORDER.INVALID_PARAMETER").await;
        assert!(said.starts_with(member), "{said}");
    }
    let id = wallet(&gateway, USER).await;
    let balance = into(json!({ "RefundMode": "BALANCE", "WalletId": id }));
    gateway.result(APPLY, &balance).await;
    assert_eq!(left(&gateway, &own).await, texts(["800", "0", "1000"], "300"));
    let said = gateway.refused(APPLY, &back, "ORDER.INVALID_PARAMETER").await;
    assert!(said.starts_with("WalletRefundInfo"), "{said}");
    let body = paying(100, json!({ "DeductMode": "BALANCE" }));
    gateway.result(PLACE, &body).await;
    let short = gateway.result(PLACE, &paying(801, listed(&[ids[0]]))).await;
    let shown = (&short["OrderStatus"], &short["FailReason"]);
    assert_eq!(shown, (&json!("PAY_FAIL"), &json!("the balance is not enough")));
    for (info, member) in [
        (listed(&[ids[2]]), "WalletInfo.CardIdList[0]"),
        (listed(&[ids[0], ids[0]]), "WalletInfo.CardIdList[1]"),
        (listed(&[&json!("GC1")]), "WalletInfo.CardIdList[0]"),
        (json!({ "DeductMode": "CARD" }), "WalletInfo.CardIdList"),
        (json!({ "VerifyToken": "proof" }), "WalletInfo.VerifyToken"),
    ] {
        let said = gateway.refused(PLACE, &paying(1, info), "ORDER.INVALID_PARAMETER").await;
        assert!(said.starts_with(member), "{member}: {said}");
    }
    gateway.result(FREEZE, &json!({ "CardId": ids[0] })).await;
    let frozen = gateway.result(PLACE, &paying(1, listed(&[ids[0]]))).await;
    assert_eq!(frozen["FailReason"], "CardIdList[0]: the card is frozen");
    let passed_over = gateway.result(PLACE, &paying(200, json!({}))).await;
    assert_eq!(passed_over["OrderStatus"], "SUCCESS");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_card_expires_and_what_it_paid_comes_back_to_the_balance() {
    let mut gateway = TestGateway::start();
    wallet(&gateway, USER).await;
    let (own, batch) = bought(&gateway, 1, 10).await;
    bound(&gateway, &own).await;
    let order = fresh_number();
    gateway.result(PLACE, &spending(&gateway, &order, 300)).await;
    gateway.advance(11 * 24 * 3600).await;
    let id = json!({ "CardId": own[0]["CardId"] });
    gateway.until(QUERY_CARD, &id, "CardStatus", "EXPIRED").await;
    gateway.result(APPLY, &refund(&fresh_number(), &order, 300)).await;
    assert_eq!(left(&gateway, &own).await, texts(["0"], "300"));
    assert_eq!(posted(&gateway, "card_liability", &account(&batch)).await, 0);
    assert_eq!(posted(&gateway, "breakage", &gateway.text("/wecard/merchants/0")).await, 700);
    gateway.check_books();
}
