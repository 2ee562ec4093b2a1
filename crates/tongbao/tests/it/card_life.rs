//! What becomes of gift cards: their secrets are read, they are blocked, and they are taken back.

use crate::cards::{
    BAD, BUY, OWNER, QUERY_CARD, account, batch, buying, cards, posted, recharge, until_status,
};
use crate::merchant::Merchant;
use crate::test_gateway::{TestGateway, fresh_number, with};
use crypto::rsa::Signer;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const REFUND: &str = "/cloudpay/v1/wallet/out/refund_recharge";
const QUERY_REFUND: &str = "/cloudpay/v1/wallet/out/query_recharge_refund";
const REFUND_ORDER: &str = "/cloudpay/v1/refundOrder/query";
const CARDS: &str = "/cloudpay/v1/wallet/out/query_cards";
const FLOWS: &str = "/cloudpay/v1/wallet/out/query_card_flows";
const TRANSFER: &str = "/cloudpay/v1/wallet/out/transfer_card";
const RECEIVE: &str = "/cloudpay/v1/wallet/out/receive_card";
const CANCEL: &str = "/cloudpay/v1/wallet/out/cancel_transfer";
const SECRET: &str = "/cloudpay/v1/wallet/out/query_card_secret";
const FREEZE: &str = "/cloudpay/v1/wallet/out/freeze_card";
const UNFREEZE: &str = "/cloudpay/v1/wallet/out/unfreeze_card";
const STATUS: &str = "WALLET.CARD_STATUS_ERROR";
const NO_CARD: &str = "WALLET.CARD_NOT_EXIST";

/// Clients that take the same card back at the same time.
const CROWD: usize = 16;

/// A paid purchase: its number, the ids of its cards, and its batch.
async fn bought(gateway: &TestGateway, quantity: i64) -> (String, Vec<Value>, Value) {
    let change = |body: &mut Value| {
        body["PurchaseLimit"] = json!(5);
        body["Transferable"] = json!(true);
    };
    let batch = batch(gateway, change).await;
    let number = fresh_number();
    let placed = gateway.result(BUY, &buying(&number, &batch, quantity)).await;
    gateway.pay(&placed["PayInfo"]).await;
    let found = until_status(gateway, &number, "SUCCESS").await;
    let ids = cards(&found).iter().map(|card| card["CardId"].clone()).collect();
    (number, ids, batch)
}

fn refund(number: &str, recharge: &str, cards: &[Value]) -> Value {
    json!({
        "OutRefundId": number,
        "OutRechargeId": recharge,
        "CardIdList": cards,
        "RefundReason": "不要了",
    })
}

/// Asks until a refund has a status, at most 20 s.
async fn until_refund(gateway: &TestGateway, number: &str, status: &str) -> Value {
    let named = json!({ "OutRefundId": number });
    gateway.until(QUERY_REFUND, &named, "RefundStatus", status).await
}

/// Asks until all cards of a purchase have these states, at most 20 s.
async fn until_states(gateway: &TestGateway, number: &str, wanted: &[&str]) {
    let mut found = vec![];
    for _ in 0..200 {
        found = states(gateway, number).await;
        if found == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{number}: {found:?} are not {wanted:?}");
}

/// Lets the clock run until a refund is done: the callbacks of orders that were placed before a restart go
/// to the address of before, and polls find the end.
async fn pass_until_done(gateway: &mut TestGateway, number: &str) -> Value {
    let named = json!({ "OutRefundId": number });
    gateway.pass_until(QUERY_REFUND, &named, "RefundStatus", "SUCCESS").await
}

async fn states(gateway: &TestGateway, number: &str) -> Vec<String> {
    let found = recharge(gateway, number).await;
    let state = |card: &Value| card["CardStatus"].as_str().expect("a status").to_owned();
    cards(&found).iter().map(state).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_that_are_taken_back_are_void_and_paid_for_once() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let (number, ids, batch) = bought(&gateway, 3).await;
    let out = fresh_number();
    let body = with(&refund(&out, &number, &ids[..2]), "NotifyUrl", json!(merchant.notify_url));
    let applied = gateway.result(REFUND, &body).await;
    assert_eq!(
        (&applied["RefundAmount"], &applied["OutRechargeId"]),
        (&json!("1800"), &json!(number))
    );
    assert_eq!(applied["CardIdList"], json!(&ids[..2]));
    assert_eq!(states(&gateway, &number).await, ["VOID", "VOID", "ISSUED"]);
    gateway.kill();
    gateway.restart();
    // What was on its way to the merchant when the power went off is due again by now.
    gateway.advance(60).await;
    let again = gateway.result(REFUND, &body).await;
    assert_eq!(again["ChannelRefundId"], applied["ChannelRefundId"]);
    let done = pass_until_done(&mut gateway, &out).await;
    assert_eq!(done["RealRefundAmount"], "1800");
    let told = merchant.received().await.json();
    assert_eq!((&told["NotifyType"], &told["Result"]), (&json!("RECHARGE_REFUND"), &done));
    let found = recharge(&gateway, &number).await;
    let shown = (&found["RechargeStatus"], &found["RefundedAmount"]);
    assert_eq!(shown, (&json!("PART_REFUND"), &json!("1800")));
    let void = gateway.result(QUERY_CARD, &json!({ "CardId": ids[0] })).await;
    assert_eq!((&void["CardStatus"], &void["Balance"]), (&json!("VOID"), &json!("0")));
    assert_eq!(posted(&gateway, "card_liability", &account(&batch)).await, 1000);
    // The owner may buy as many again.
    gateway.result(BUY, &buying(&fresh_number(), &batch, 2)).await;
    let rest = fresh_number();
    gateway.result(REFUND, &refund(&rest, &number, &ids[2..])).await;
    pass_until_done(&mut gateway, &rest).await;
    assert_eq!(recharge(&gateway, &number).await["RechargeStatus"], "FULL_REFUND");
    let seller = gateway.text("/wecard/merchants/0");
    for (kind, owner) in [
        ("card_liability", account(&batch)),
        ("merchant_pending", seller.clone()),
        ("merchant_promotions", seller),
    ] {
        assert_eq!(posted(&gateway, kind, &owner).await, 0, "{kind}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_are_alive_again_when_the_channel_refuses() {
    let gateway = TestGateway::start();
    let (number, ids, batch) = bought(&gateway, 2).await;
    let out = fresh_number();
    let body = refund(&out, &number, &ids[..1]);
    gateway.fault_once("refund", "refund_closed").await;
    gateway.result(REFUND, &body).await;
    let failed = until_refund(&gateway, &out, "FAILED").await;
    assert!(failed["RefundMessage"].is_string(), "{failed}");
    assert_eq!(states(&gateway, &number).await, ["ISSUED", "ISSUED"]);
    assert_eq!(posted(&gateway, "card_liability", &account(&batch)).await, 2000);
    gateway.check_books();
    let again = gateway.result(REFUND, &body).await;
    assert_eq!(again["ChannelRefundId"], failed["ChannelRefundId"]);
    until_refund(&gateway, &out, "SUCCESS").await;
    assert_eq!(states(&gateway, &number).await, ["VOID", "ISSUED"]);
    assert_eq!(posted(&gateway, "card_liability", &account(&batch)).await, 1000);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_take_a_card_back_once() {
    let gateway = Arc::new(TestGateway::start());
    let (number, ids, batch) = bought(&gateway, 1).await;
    let clients: Vec<_> = (0..CROWD)
        .map(|_| {
            let (gateway, out) = (gateway.clone(), fresh_number());
            let body = refund(&out, &number, &ids);
            tokio::spawn(async move { (gateway.call(REFUND, &body).await, out) })
        })
        .collect();
    let mut taken = vec![];
    for client in clients {
        let (answer, out) = client.await.expect("an answer");
        match answer["ErrCode"].as_str() {
            Some("SUCCESS") => taken.push(out),
            // The first one has the whole price of the order already, and the card is void.
            Some(STATUS | "ORDER.REFUND_AMOUNT_EXCEED") => {}
            _ => panic!("{answer}"),
        }
    }
    let [out] = &taken[..] else { panic!("{taken:?}") };
    until_refund(&gateway, out, "SUCCESS").await;
    assert_eq!(states(&gateway, &number).await, ["VOID"]);
    assert_eq!(posted(&gateway, "card_liability", &account(&batch)).await, 0);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_back_is_refused_by_name() {
    let mut gateway = TestGateway::start();
    let (number, ids, _) = bought(&gateway, 3).await;
    let (other, strange, _) = bought(&gateway, 1).await;
    let out = fresh_number();
    let body = refund(&out, &number, &ids[..1]);
    for (member, value, code) in [
        ("CardIdList", json!([]), BAD),
        ("CardIdList", Value::Null, BAD),
        ("CardIdList", json!([ids[0], ids[0]]), BAD),
        ("CardIdList", json!(["GC1"]), BAD),
        ("CardIdList", json!([ids[0], strange[0]]), NO_CARD),
        ("RefundAmount", json!(900), BAD),
        ("OutRefundId", json!("short"), BAD),
        ("OutRechargeId", json!("short"), BAD),
    ] {
        let said = gateway.refused(REFUND, &with(&body, member, value.clone()), code).await;
        assert!(said.starts_with(member), "{member} {value}: {said}");
    }
    let nowhere = with(&body, "OutRechargeId", json!("nowhere1"));
    gateway.refused(REFUND, &nowhere, "WALLET.RECHARGE_RECORD_NOT_EXIST").await;
    gateway
        .refused(QUERY_REFUND, &json!({ "OutRefundId": out }), "ORDER.REFUND_RECORD_NOT_EXIST")
        .await;
    gateway.result(FREEZE, &json!({ "CardId": ids[1], "Remark": "lost" })).await;
    let said = gateway.refused(REFUND, &refund(&out, &number, &ids[..2]), STATUS).await;
    assert_eq!(said, "CardIdList[1]: the card is frozen");
    gateway.result(REFUND, &body).await;
    until_refund(&gateway, &out, "SUCCESS").await;
    // The number has its cards, and the card has its refund.
    let said = gateway.refused(REFUND, &refund(&out, &number, &ids[2..]), BAD).await;
    assert!(said.starts_with("CardIdList"), "{said}");
    let said = gateway.refused(REFUND, &refund(&fresh_number(), &number, &ids[..1]), STATUS).await;
    assert_eq!(said, "CardIdList[0]: the card is void");
    let shown = gateway.result(REFUND_ORDER, &json!({ "OutRefundId": out })).await;
    assert_eq!(shown["OutRechargeId"], json!(number));
    gateway.advance(31 * 24 * 3600).await;
    until_states(&gateway, &other, &["EXPIRED"]).await;
    let said = gateway.refused(REFUND, &refund(&fresh_number(), &other, &strange), STATUS).await;
    assert_eq!(said, "CardIdList[0]: the card is expired");
    gateway.check_books();
}

/// A call that an RSA key signs; the member `Response`.
pub(crate) async fn call_rsa(gateway: &TestGateway, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let headers = gateway.signed_rsa(path, body.as_bytes()).headers();
    gateway.post_raw(path, headers, body.as_bytes()).await.body["Response"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_for_the_holder_of_the_rsa_key_alone() {
    let mut gateway = TestGateway::start();
    let (number, ids, _) = bought(&gateway, 2).await;
    let body = json!({ "CardId": ids[0], "OwnerId": OWNER });
    let said = gateway.refused(SECRET, &body, BAD).await;
    assert!(said.starts_with("Authorization"), "{said}");
    let key = Signer::from_pem(&gateway.text("/wecard/rsa/private_key_pem")).expect("a key");
    let opened = |answer: &Value| {
        assert_eq!(answer["ErrCode"], "SUCCESS", "{answer}");
        let sealed = answer["Result"]["CardSecret"].as_str().expect("text");
        String::from_utf8(key.decrypt_sha256(sealed).expect("it is for us")).expect("text")
    };
    let first = call_rsa(&gateway, SECRET, &body).await;
    let secret = opened(&first);
    assert_eq!((secret.len(), &first["Result"]["CardId"]), (16, &ids[0]));
    gateway.kill();
    gateway.restart();
    let second = call_rsa(&gateway, SECRET, &body).await;
    assert_eq!(opened(&second), secret);
    assert_ne!(second["Result"]["CardSecret"], first["Result"]["CardSecret"]);
    let other = json!({ "CardId": ids[1], "OwnerId": OWNER });
    assert_ne!(opened(&call_rsa(&gateway, SECRET, &other).await), secret);
    let stranger = json!({ "CardId": ids[0], "OwnerId": "stranger" });
    let answer = call_rsa(&gateway, SECRET, &stranger).await;
    assert_eq!(answer["ErrCode"], BAD, "{answer}");
    // Nothing else shows it: no query, and no story.
    let shown = recharge(&gateway, &number).await.to_string();
    let why = gateway.why(&number);
    assert!(why.contains("the secret of"), "{why}");
    assert!(!shown.contains(&secret) && !why.contains(&secret));
    let frozen = gateway.result(FREEZE, &json!({ "CardId": ids[0] })).await;
    assert_eq!(frozen["CardStatus"], "FROZEN");
    assert_eq!(gateway.result(FREEZE, &json!({ "CardId": ids[0] })).await, frozen);
    assert_eq!(call_rsa(&gateway, SECRET, &body).await["ErrCode"], STATUS);
    let usable = gateway.result(UNFREEZE, &json!({ "CardNo": frozen["CardNo"] })).await;
    assert_eq!(usable["CardStatus"], "ISSUED");
    assert_eq!(opened(&call_rsa(&gateway, SECRET, &body).await), secret);
    gateway.refused(FREEZE, &json!({ "CardId": "GC000000000000000001" }), NO_CARD).await;
    gateway.check_books();
}

/// The members of the rows of a page.
fn members(page: &Value, names: &[&str]) -> Vec<Vec<Value>> {
    let rows = page["DataList"].as_array().expect("a list");
    rows.iter().map(|row| names.iter().map(|name| row[*name].clone()).collect()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_are_listed_and_their_flows_add_up() {
    let mut gateway = TestGateway::start();
    let (number, ids, batch) = bought(&gateway, 3).await;
    bought(&gateway, 1).await;
    gateway.result(FREEZE, &json!({ "CardId": ids[1], "Remark": "lost" })).await;
    gateway.result(UNFREEZE, &json!({ "CardId": ids[1] })).await;
    gateway.fault_once("refund", "refund_closed").await;
    let out = fresh_number();
    let applied = gateway.result(REFUND, &refund(&out, &number, &ids[1..2])).await;
    until_refund(&gateway, &out, "FAILED").await;
    gateway.result(FREEZE, &json!({ "CardId": ids[2] })).await;
    for (whose, count) in [
        (json!({ "OutRechargeId": number }), 3),
        (json!({ "CardBatchId": batch }), 3),
        (json!({ "OwnerId": OWNER }), 4),
    ] {
        let page = gateway.result(CARDS, &with(&whose, "PageSize", json!(2))).await;
        assert_eq!((&page["Count"], &page["PageNo"]), (&json!(count), &json!(1)), "{whose}");
        assert_eq!(page["DataList"].as_array().map(Vec::len), Some(2), "{whose}");
        let frozen = with(&whose, "CardStatus", json!("FROZEN"));
        let page = gateway.result(CARDS, &frozen).await;
        assert_eq!(members(&page, &["CardId"]), [[ids[2].clone()]], "{whose}");
        let beyond = with(&with(&whose, "PageNo", json!(9)), "PageSize", json!(2));
        assert_eq!(members(&gateway.result(CARDS, &beyond).await, &["CardId"]).len(), 0);
    }
    for wrong in [
        json!({}),
        json!({ "OwnerId": OWNER, "OutRechargeId": number }),
        json!({ "OwnerId": OWNER, "CardStatus": "LOST" }),
        json!({ "OwnerId": OWNER, "PageNo": 0 }),
        json!({ "OwnerId": OWNER, "PageSize": 101 }),
    ] {
        gateway.refused(CARDS, &wrong, BAD).await;
    }
    let nowhere = json!({ "OutRechargeId": "nowhere1" });
    gateway.refused(CARDS, &nowhere, "WALLET.RECHARGE_RECORD_NOT_EXIST").await;
    gateway.advance(31 * 24 * 3600).await;
    for _ in 0..200 {
        if states(&gateway, &number).await.iter().all(|state| state == "EXPIRED") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let page = gateway.result(FLOWS, &json!({ "CardId": ids[1] })).await;
    let row = |kind: &str, amount: i64, after: i64| {
        vec![json!(kind), json!(amount.to_string()), json!(after.to_string())]
    };
    assert_eq!(
        members(&page, &["FlowType", "Amount", "BalanceAfter"]),
        [
            row("ADJUST_OUT", -1000, 0),
            row("RECHARGE_REFUND", 1000, 1000),
            row("RECHARGE_REFUND", -1000, 0),
            row("UNFREEZE", 0, 1000),
            row("FREEZE", 0, 1000),
            row("RECHARGE", 1000, 1000),
        ]
    );
    let of = members(&page, &["ChannelRefundId", "Remark"]);
    assert_eq!((&of[1][0], &of[4][1]), (&applied["ChannelRefundId"], &json!("lost")));
    let second =
        gateway.result(FLOWS, &json!({ "CardId": ids[1], "PageNo": 2, "PageSize": 4 })).await;
    assert_eq!(
        (&second["Count"], second["DataList"].as_array().map(Vec::len)),
        (&json!(6), Some(2))
    );
    gateway.refused(FLOWS, &json!({ "CardId": "GC000000000000000001" }), NO_CARD).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_given_away_to_one_receiver() {
    const ENDED: &str = "WALLET.TRANSFER_STATUS_ERROR";
    let mut gateway = TestGateway::start();
    let (number, ids, _) = bought(&gateway, 2).await;
    let out = fresh_number();
    let body = json!({ "OutTransferId": out, "CardId": ids[0], "FromOwnerId": OWNER });
    let begun = gateway.result(TRANSFER, &body).await;
    assert_eq!((&begun["TransferStatus"], &begun["CardId"]), (&json!("WAIT"), &ids[0]));
    assert_eq!(states(&gateway, &number).await, ["TRANSFERRING", "ISSUED"]);
    gateway.kill();
    gateway.restart();
    let again = gateway.result(TRANSFER, &body).await;
    assert_eq!(again["TransferId"], begun["TransferId"]);
    assert!(again["ReceiveToken"].is_null(), "{again}");
    let receiving = |owner: &str, token: &Value| json!({ "TransferId": begun["TransferId"], "ReceiveToken": token, "ToOwnerId": owner });
    let said = gateway.refused(RECEIVE, &receiving("friend", &json!("guess")), BAD).await;
    assert!(said.starts_with("ReceiveToken"), "{said}");
    // Two friends have the token, and use it at once.
    let token = &begun["ReceiveToken"];
    let (one, two) = (receiving("friend1", token), receiving("friend2", token));
    let (one, two) = tokio::join!(gateway.call(RECEIVE, &one), gateway.call(RECEIVE, &two));
    let codes = [&one, &two].map(|answer| answer["ErrCode"].as_str().expect("a code"));
    let first = codes.iter().position(|code| *code == "SUCCESS").expect("one receives it");
    assert_eq!(codes[1 - first], ENDED);
    let owner = format!("friend{}", first + 1);
    let card = gateway.result(QUERY_CARD, &json!({ "CardId": ids[0] })).await;
    assert_eq!((&card["OwnerId"], &card["CardStatus"]), (&json!(owner), &json!("ISSUED")));
    let theirs = gateway.result(CARDS, &json!({ "OwnerId": owner })).await;
    assert_eq!(members(&theirs, &["CardId"]), [[ids[0].clone()]]);
    gateway.refused(CANCEL, &json!({ "OutTransferId": out }), ENDED).await;
    let nowhere = json!({ "OutTransferId": "nowhere1" });
    gateway.refused(CANCEL, &nowhere, "WALLET.TRANSFER_NOT_EXIST").await;
    let other =
        |number: &str| json!({ "OutTransferId": number, "CardId": ids[1], "FromOwnerId": OWNER });
    let stranger = with(&other(&fresh_number()), "FromOwnerId", json!("stranger"));
    let said = gateway.refused(TRANSFER, &stranger, BAD).await;
    assert!(said.starts_with("FromOwnerId"), "{said}");
    let called_back = fresh_number();
    gateway.result(TRANSFER, &other(&called_back)).await;
    let cancelled = gateway.result(CANCEL, &json!({ "OutTransferId": called_back })).await;
    assert_eq!(cancelled["TransferStatus"], "CANCELLED");
    gateway.result(TRANSFER, &other(&fresh_number())).await;
    assert_eq!(states(&gateway, &number).await, ["ISSUED", "TRANSFERRING"]);
    gateway.advance(25 * 3600).await;
    until_states(&gateway, &number, &["ISSUED", "ISSUED"]).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_of_a_batch_that_is_not_transferable_stays() {
    let gateway = TestGateway::start();
    let batch = batch(&gateway, |_| {}).await;
    let number = fresh_number();
    let placed = gateway.result(BUY, &buying(&number, &batch, 1)).await;
    gateway.pay(&placed["PayInfo"]).await;
    let found = until_status(&gateway, &number, "SUCCESS").await;
    let card = &cards(&found)[0]["CardId"];
    let body = json!({ "OutTransferId": fresh_number(), "CardId": card, "FromOwnerId": OWNER });
    gateway.refused(TRANSFER, &body, "WALLET.CARD_NOT_TRANSFERABLE").await;
    assert_eq!(states(&gateway, &number).await, ["ISSUED"]);
}
