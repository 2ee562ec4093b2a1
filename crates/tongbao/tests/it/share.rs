//! Profit sharing: a paid order's money goes to payees in the book and at the channel, and comes back.

use crate::bill::{DAY_SECONDS, date, to_next_day};
use crate::fairness::put;
use crate::merchant::Merchant;
use crate::test_gateway::{QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const CREATE_PAYEE: &str = "/cloudpay/v1/settle/payee/create";
const QUERY_PAYEE: &str = "/cloudpay/v1/settle/payee/query";
const UNBIND_PAYEE: &str = "/cloudpay/v1/settle/payee/unbind";
pub(crate) const SHARE: &str = "/cloudpay/v1/settle/profit/profit-manual-create";
const QUERY_SHARE: &str = "/cloudpay/v1/settle/profit/profit-manual-query";
const RETURN: &str = "/cloudpay/v1/settle/profit/profit-refund-create";
const QUERY_RETURN: &str = "/cloudpay/v1/settle/profit/profit-refund-query";
const BAD: &str = "ORDER.INVALID_PARAMETER";

/// The merchant of the orders, and what it is at WeChat Pay.
pub(crate) const OWN: &str = "CM6756531983210274560";
const OWN_MCHID: &str = "1900000109";
/// A merchant at WeChat Pay that gets shares.
pub(crate) const RECEIVER: &str = "1900009999";

/// What lies in an account, in fen.
pub(crate) async fn posted(gateway: &TestGateway, kind: &str, owner: &str) -> i64 {
    let page = gateway.of_tenant("/accounts").await;
    let accounts = page["accounts"].as_array().expect("a list");
    let own = accounts.iter().filter(|row| row["kind"] == kind && row["owner"] == owner);
    own.map(|row| row["posted_fen"].as_i64().expect("fen")).sum()
}

/// What an account has at the channel, in fen.
async fn at_channel(gateway: &TestGateway, account: &str) -> i64 {
    let shown = gateway.control("balance", &json!({"channel": "wxpay", "account": account})).await;
    shown["balance"].as_i64().expect("fen")
}

/// A payee at WeChat Pay; its id.
pub(crate) async fn receiver(gateway: &TestGateway) -> String {
    let ratio = json!({"channel": "wxpay", "mchid": OWN_MCHID, "max_ratio": 10_000});
    gateway.control("max_ratio", &ratio).await;
    let body = json!({
        "OutPayeeId": "supplier",
        "PayeeType": "MERCHANT",
        "PayeeName": "供货商有限公司",
        "AccountType": "WX_MCH_ID",
        "AccountNo": RECEIVER,
    });
    let payee = gateway.result(CREATE_PAYEE, &body).await;
    assert_eq!(payee["BindState"], "APPROVED", "{payee}");
    payee["PayeeId"].as_str().expect("text").to_owned()
}

/// A paid order of 10 yuan whose money waits to be shared, two minutes after the payment.
pub(crate) async fn sold(gateway: &mut TestGateway) -> String {
    let number = fresh_number();
    let body = with(&order(&number), "ProfitShareInfoList", json!([]));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    gateway.advance(120).await;
    number
}

pub(crate) fn part(payee: &str, fen: i64) -> Value {
    json!({"PayeeId": payee, "ProfitType": "AMOUNT", "ProfitAmount": fen})
}

pub(crate) fn sharing(no: &str, number: &str, parts: &[Value], releases_rest: bool) -> Value {
    json!({
        "OutOrderId": number,
        "OutProfitOrderId": no,
        "ProfitShareInfoList": parts,
        "UnfreezeUnsplit": releases_rest,
    })
}

fn returning(no: &str, share: &str, payee: &str, fen: i64) -> Value {
    json!({
        "OutProfitRefundId": no,
        "OutProfitOrderId": share,
        "ProfitShareInfoList": [{"PayeeId": payee, "ProfitRefundAmount": fen}],
        "Remark": "退回",
    })
}

/// Lets the time of polls pass until a query shows a status.
async fn until(gateway: &mut TestGateway, path: &str, body: &Value, status: &str) -> Value {
    let mut found = Value::Null;
    for _ in 0..200 {
        found = gateway.result(path, body).await;
        if found["ProfitStatus"] == status {
            return found;
        }
        gateway.advance(5).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{body} is not {status}: {found}");
}

pub(crate) async fn until_shared(gateway: &mut TestGateway, no: &str, status: &str) -> Value {
    until(gateway, QUERY_SHARE, &json!({"OutProfitOrderId": no}), status).await
}

async fn until_returned(gateway: &mut TestGateway, no: &str, status: &str) -> Value {
    until(gateway, QUERY_RETURN, &json!({"OutProfitRefundId": no}), status).await
}

/// What the merchant has pending, what the channel has of ours, what the receiver has there.
pub(crate) async fn lies(gateway: &TestGateway) -> [i64; 3] {
    let (funds, _) = gateway.balance("channel_funds").await;
    [posted(gateway, "merchant_pending", OWN).await, funds, at_channel(gateway, RECEIVER).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_at_the_channel_gets_its_part_and_gives_it_back() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    assert_eq!(lies(&gateway).await, [1000, -1000, 0]);

    let body = sharing("share_1", &number, &[part(&payee, 300)], true);
    let made = gateway.result(SHARE, &body).await;
    assert_eq!(made["ProfitFlowList"][0]["ProfitAmount"], 300, "{made}");
    let again = gateway.result(SHARE, &body).await;
    assert_eq!(again["ProfitOrderId"], made["ProfitOrderId"], "a repeat finds what was made");
    let other = sharing("share_1", &number, &[part(&payee, 301)], true);
    let why = gateway.refused(SHARE, &other, BAD).await;
    assert!(why.contains("OutProfitOrderId"), "{why}");
    let done = until_shared(&mut gateway, "share_1", "SUCCESS").await;
    assert_eq!(done["ProfitFlowList"][0]["ProfitStatus"], "SUCCESS", "{done}");
    assert_eq!(done["FinishTime"].as_str().map(str::len), Some(19), "{done}");
    assert_eq!(lies(&gateway).await, [700, -700, 300]);
    gateway.check_books();

    let late = sharing("share_2", &number, &[part(&payee, 1)], false);
    gateway.refused(SHARE, &late, "ORDER.ORDER_STATUS_ERROR").await;
    let too_much = returning("return_0", "share_1", &payee, 301);
    gateway.refused(RETURN, &too_much, "PROFIT.AMOUNT_EXCEED").await;
    let back = returning("return_1", "share_1", &payee, 300);
    gateway.result(RETURN, &back).await;
    gateway.result(RETURN, &back).await;
    let other = returning("return_1", "share_1", &payee, 299);
    gateway.refused(RETURN, &other, BAD).await;
    let returned = until_returned(&mut gateway, "return_1", "SUCCESS").await;
    assert_eq!(returned["ProfitFlowList"][0]["ProfitRefundAmount"], 300, "{returned}");
    assert_eq!(lies(&gateway).await, [1000, -1000, 0]);
    let more = returning("return_2", "share_1", &payee, 1);
    gateway.refused(RETURN, &more, "PROFIT.AMOUNT_EXCEED").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payee_in_the_book_has_its_part_at_once() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let body = json!({
        "OutPayeeId": "branch",
        "ChannelSubMerchantId": "CM-B",
        "PayeeType": "MERCHANT",
    });
    let payee = gateway.result(CREATE_PAYEE, &body).await;
    assert_eq!(gateway.result(CREATE_PAYEE, &body).await, payee, "a repeat finds it");
    let other = with(&body, "ChannelSubMerchantId", json!("CM-C"));
    let why = gateway.refused(CREATE_PAYEE, &other, BAD).await;
    assert!(why.contains("OutPayeeId"), "{why}");
    let id = payee["PayeeId"].as_str().expect("text").to_owned();
    assert_eq!(gateway.result(QUERY_PAYEE, &json!({"PayeeId": id})).await, payee);

    let number = sold(&mut gateway).await;
    let too_much = sharing("book_1", &number, &[part(&id, 1001)], false);
    gateway.refused(SHARE, &too_much, "PROFIT.AMOUNT_EXCEED").await;
    let stranger = sharing("book_1", &number, &[part("PE000000000000000001", 1)], false);
    gateway.refused(SHARE, &stranger, "PROFIT.PAYEE_NOT_EXIST").await;
    let body = sharing("book_1", &number, &[part(&id, 200)], false);
    let body = with(&body, "NotifyUrl", json!(merchant.notify_url));
    let made = gateway.result(SHARE, &body).await;
    assert_eq!(made["ProfitStatus"], "SUCCESS", "{made}");
    assert_eq!(gateway.result(SHARE, &body).await, made, "a repeat moves nothing");
    let told = merchant.received().await.json();
    assert_eq!(told["NotifyType"], "PROFIT", "{told}");
    assert_eq!(told["Result"]["OutProfitOrderId"], "book_1", "{told}");
    assert_eq!(posted(&gateway, "merchant_pending", OWN).await, 800);
    assert_eq!(posted(&gateway, "merchant_available", "CM-B").await, 200);
    gateway.check_books();

    gateway.result(RETURN, &returning("back_1", "book_1", &id, 50)).await;
    until_returned(&mut gateway, "back_1", "SUCCESS").await;
    assert_eq!(posted(&gateway, "merchant_pending", OWN).await, 850);
    assert_eq!(posted(&gateway, "merchant_available", "CM-B").await, 150);
    let unbound = gateway.result(UNBIND_PAYEE, &json!({"PayeeId": id})).await;
    assert_eq!(unbound["BindState"], "UNBOUND", "{unbound}");
    let late = sharing("book_2", &number, &[part(&id, 1)], false);
    gateway.refused(SHARE, &late, "PROFIT.PAYEE_NOT_EXIST").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_unknown_and_the_money_moves_once() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    gateway.fault("share", "lose_answer", 1).await;
    gateway.result(SHARE, &sharing("lost_1", &number, &[part(&payee, 400)], true)).await;
    gateway.faults_met("share").await;
    let found = gateway.result(QUERY_SHARE, &json!({"OutProfitOrderId": "lost_1"})).await;
    assert_eq!(found["ProfitStatus"], "PROCESSING", "{found}");
    until_shared(&mut gateway, "lost_1", "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [600, -600, 400]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_ends_once_also_through_a_kill() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    gateway.result(SHARE, &sharing("kill_1", &number, &[part(&payee, 250)], true)).await;
    gateway.kill();
    gateway.restart();
    until_shared(&mut gateway, "kill_1", "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [750, -750, 250]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_and_returns_move_once_when_the_power_goes_off_in_the_middle() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let (mut shared, mut operations) = (0, 0);
    for fault in ["lose_request", "lose_answer", "delay"] {
        let number = sold(&mut gateway).await;
        let (share, back) = (format!("share_{operations}"), format!("back_{operations}"));
        operations += 1;
        gateway.fault_once("share", fault).await;
        let body = sharing(&share, &number, &[part(&payee, 250)], true);
        gateway.call_through_a_kill(SHARE, &body, 100).await;
        until_shared(&mut gateway, &share, "SUCCESS").await;
        shared += 250;
        assert_eq!(at_channel(&gateway, RECEIVER).await, shared, "{fault}: shared once");
        gateway.fault_once("return_share", fault).await;
        let body = returning(&back, &share, &payee, 50);
        gateway.call_through_a_kill(RETURN, &body, 100).await;
        until_returned(&mut gateway, &back, "SUCCESS").await;
        shared -= 50;
        assert_eq!(at_channel(&gateway, RECEIVER).await, shared, "{fault}: returned once");
        let own = operations * 1000 - shared;
        assert_eq!(lies(&gateway).await, [own, -own, shared], "{fault}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_not_marked_is_not_shared_at_the_channel() {
    let gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    let early = sharing("early_1", &number, &[part(&payee, 1)], false);
    gateway.refused(SHARE, &early, "ORDER.ORDER_STATUS_ERROR").await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    gateway.refused(SHARE, &early, "ORDER.ORDER_STATUS_ERROR").await;
    gateway.check_books();
}

/// Waits, while the time of polls passes, until the story of an order needs a person; what for.
async fn until_needed(gateway: &mut TestGateway, number: &str) -> Value {
    for _ in 0..200 {
        let story = gateway.story(number).await;
        if story["attention"][0]["kind"].is_string() {
            return story["attention"][0].clone();
        }
        gateway.advance(5).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing of {number} needs a person");
}

/// The path behind the tenant of the exit whose path ends so.
fn exit(needed: &Value, word: &str) -> String {
    let exits = needed["exits"].as_array().expect("exits");
    let mut requests = exits.iter().filter_map(|exit| exit["request"].as_str());
    let found = requests.find(|request| request.ends_with(word));
    let (_, path) = found.and_then(|it| it.split_once("/orders/")).expect("an exit");
    format!("/orders/{path}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_the_channel_contradicts_is_ended_by_hand_and_set_right_later() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    gateway.fault("query_share", "wrong_amount", 1).await;
    gateway.result(SHARE, &sharing("odd_1", &number, &[part(&payee, 300)], false)).await;
    let needed = until_needed(&mut gateway, &number).await;
    assert_eq!(needed["kind"], "contradiction", "{needed}");
    exit(&needed, "/accept");
    let early = sharing("odd_2", &number, &[part(&payee, 1)], false);
    gateway.refused(SHARE, &early, "ORDER.OPERATE_IS_PROCESSING").await;

    let by_hand = json!({"done": [], "note": "seen in the portal", "outside_reference": "P-1"});
    let path = exit(&needed, "/end-by-hand");
    let wrong = json!({"done": ["x"], "note": "seen", "outside_reference": "P-1"});
    assert_eq!(gateway.decide(&path, &wrong).await.status, 400);
    let ended = gateway.decide(&path, &by_hand).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    assert_eq!(gateway.decide(&path, &by_hand).await.body["version"], ended.body["version"]);
    let found = gateway.result(QUERY_SHARE, &json!({"OutProfitOrderId": "odd_1"})).await;
    assert_eq!(found["ProfitStatus"], "FAILED", "{found}");
    assert_eq!(found["ProfitFlowList"][0]["FailReason"], "seen in the portal", "{found}");
    assert_eq!(lies(&gateway).await, [1000, -1000, 300], "the channel has done it");
    gateway.check_books();

    // It is asked about once more, ten minutes later.
    gateway.advance(600).await;
    let needed = until_needed(&mut gateway, &number).await;
    assert_eq!(needed["kind"], "contradiction", "{needed}");
    let path = exit(&needed, "/accept");
    let accepted = gateway.decide(&path, &json!({"note": "the channel is right"})).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    let found = gateway.result(QUERY_SHARE, &json!({"OutProfitOrderId": "odd_1"})).await;
    assert_eq!(found["ProfitStatus"], "SUCCESS", "{found}");
    assert_eq!(lies(&gateway).await, [700, -700, 300]);
    gateway.check_books();
    let told = gateway.why(&number);
    assert!(told.contains("is ended by a person") && told.contains("seen in the portal"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_that_the_channel_contradicts_goes_on_once_it_agrees() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    gateway.result(SHARE, &sharing("back_1", &number, &[part(&payee, 300)], false)).await;
    until_shared(&mut gateway, "back_1", "SUCCESS").await;
    gateway.fault("return_share", "lose_answer", 1).await;
    gateway.fault("query_share_return", "wrong_amount", 1).await;
    gateway.result(RETURN, &returning("odd_1", "back_1", &payee, 100)).await;
    let needed = until_needed(&mut gateway, &number).await;
    assert_eq!(needed["kind"], "contradiction", "{needed}");
    exit(&needed, "/accept");
    exit(&needed, "/end-by-hand");
    let dismissed = exit(&needed, "/retry").replace("/retry", "/dismiss-contradiction");
    let refused = gateway.decide(&dismissed, &json!({"note": "seen"})).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (409, &json!("state")));
    let retried = gateway.decide(&exit(&needed, "/retry"), &Value::Null).await;
    assert_eq!(retried.status, 200, "{}", retried.body);
    until_returned(&mut gateway, "odd_1", "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [800, -800, 200]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_channel_is_told_of_an_unbound_payee_also_after_a_kill() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    gateway.result(SHARE, &sharing("last_1", &number, &[part(&payee, 100)], false)).await;
    until_shared(&mut gateway, "last_1", "SUCCESS").await;
    gateway.fault("unbind_receiver", "lose_request", 1).await;
    gateway.result(UNBIND_PAYEE, &json!({"PayeeId": payee})).await;
    gateway.faults_met("unbind_receiver").await;
    gateway.kill();
    gateway.restart();
    gateway.fault("unbind_receiver", "lose_answer", 1).await;
    gateway.advance(60).await;
    gateway.faults_met("unbind_receiver").await;
    gateway.check_books();
}

/// What `tongbao bill` exits with about the day's shares, with its report.
fn compared(gateway: &TestGateway, day: &str) -> (Option<i32>, Value) {
    let output = gateway.bill(&["demo-wxpay", day, "--kind", "sharing", "--json"]);
    let report = serde_json::from_slice(&output.stdout);
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), report.unwrap_or_else(|_| panic!("no report: {}", said())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_channels_bill_of_shares_agrees_with_the_book() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);
    let payee = receiver(&gateway).await;
    let number = sold(&mut gateway).await;
    gateway.result(SHARE, &sharing("S_1", &number, &[part(&payee, 300)], false)).await;
    until_shared(&mut gateway, "S_1", "SUCCESS").await;
    gateway.result(RETURN, &returning("U_1", "S_1", &payee, 100)).await;
    until_returned(&mut gateway, "U_1", "SUCCESS").await;
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;

    let (code, agreed) = compared(&gateway, &day);
    let want = json!({
        "channel_account": "demo-wxpay", "date": day, "rows": 2, "matched": 2, "differences": [],
    });
    assert_eq!((code, agreed), (Some(0), want));
    for (fault, difference) in
        [("wrong_amount", "amount_differs"), ("error:NO_STATEMENT_EXIST", "missing_there")]
    {
        gateway.fault_once("bill", fault).await;
        let (code, report) = compared(&gateway, &day);
        let differences = report["differences"].as_array().expect("a list");
        let mut whats: Vec<&Value> = differences.iter().map(|it| &it["what"]).collect();
        whats.sort_by_key(|what| what.to_string());
        assert_eq!((code, whats), (Some(1), vec![&json!("share"), &json!("share_return")]));
        assert!(differences.iter().all(|it| it["difference"] == difference), "{report}");
    }
}

/// A payee in the book: a branch of the tenant. Its id.
async fn branch(gateway: &TestGateway) -> String {
    let body = json!({
        "OutPayeeId": "branch",
        "ChannelSubMerchantId": "CM-B",
        "PayeeType": "MERCHANT",
    });
    let payee = gateway.result(CREATE_PAYEE, &body).await;
    payee["PayeeId"].as_str().expect("text").to_owned()
}

/// An order of 10 yuan that lists these parts, placed; its number and how the payer pays.
async fn listing(gateway: &TestGateway, parts: &[Value], notify_url: &str) -> (String, Value) {
    let number = fresh_number();
    let body = with(&order(&number), "ProfitShareInfoList", json!(parts));
    let body = with(&body, "NotifyUrl", json!(notify_url));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    (number, placed["PayInfo"].clone())
}

const NOWHERE: &str = "http://127.0.0.1:9/notify";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_shares_its_list_after_the_payment_also_through_a_kill() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let (number, pay_info) = listing(&gateway, &[part(&payee, 300)], NOWHERE).await;
    let query = json!({"OutOrderId": number});
    let shown = gateway.result(QUERY_ORDER, &query).await;
    assert_eq!(shown["ProfitShareInfoList"][0]["ProfitStatus"], "INIT", "{shown}");
    gateway.refused(QUERY_SHARE, &query, BAD).await;
    gateway.pay(&pay_info).await;
    gateway.until_status(&number, "SUCCESS").await;
    gateway.kill();
    gateway.restart();
    let waiting = gateway.result(QUERY_SHARE, &query).await;
    assert_eq!(waiting["ProfitStatus"], "INIT", "not within a minute: {waiting}");
    let done = until(&mut gateway, QUERY_SHARE, &query, "SUCCESS").await;
    assert_eq!(done["OutProfitOrderId"], json!(number), "{done}");
    assert_eq!(lies(&gateway).await, [700, -700, 300]);
    let shown = gateway.result(QUERY_ORDER, &query).await;
    assert_eq!(
        shown["ProfitShareInfoList"],
        json!([{
            "PayeeId": payee,
            "ProfitType": "AMOUNT",
            "ProfitAmount": 300,
            "ProfitStatus": "SUCCESS",
            "RealProfitAmount": 300,
        }])
    );
    let late = sharing("late_1", &number, &[part(&payee, 1)], false);
    gateway.refused(SHARE, &late, "ORDER.ORDER_STATUS_ERROR").await;
    let back = json!({
        "OutProfitRefundId": "listed_back",
        "OutOrderId": number,
        "ProfitShareInfoList": [{"PayeeId": payee, "ProfitRefundAmount": 100}],
    });
    gateway.result(RETURN, &back).await;
    until_returned(&mut gateway, "listed_back", "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [800, -800, 200]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_payees_in_the_book_is_done_with_the_payment() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let id = branch(&gateway).await;
    let ratio = json!({"PayeeId": id, "ProfitType": "RATIO", "ProfitRatio": 2550});
    let (number, pay_info) = listing(&gateway, &[ratio], &merchant.notify_url).await;
    gateway.pay(&pay_info).await;
    gateway.until_status(&number, "SUCCESS").await;
    assert_eq!(posted(&gateway, "merchant_pending", OWN).await, 745);
    assert_eq!(posted(&gateway, "merchant_available", "CM-B").await, 255);
    let told = [merchant.received().await.json(), merchant.received().await.json()];
    let of_kind = |kind: &str| told.iter().find(|it| it["NotifyType"] == kind).expect("both");
    let (paid, shared) = (of_kind("PAY"), of_kind("PROFIT"));
    let item = &paid["Result"]["ProfitShareInfoList"][0];
    assert_eq!(item["ProfitStatus"], "SUCCESS", "{paid}");
    assert_eq!(item["RealProfitAmount"], 255, "{paid}");
    assert_eq!(shared["Result"]["OutOrderId"], json!(number), "{shared}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_shared_any_more_lets_the_payment_through() {
    let gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    let mixed = [part(&payee, 1), part(&branch(&gateway).await, 1)];
    let body = with(&order(&fresh_number()), "ProfitShareInfoList", json!(mixed));
    let why = gateway.refused(UNIFIED_ORDER, &body, BAD).await;
    assert!(why.starts_with("ProfitShareInfoList[1].PayeeId"), "{why}");
    let (number, pay_info) = listing(&gateway, &[part(&payee, 300)], NOWHERE).await;
    gateway.result(UNBIND_PAYEE, &json!({"PayeeId": payee})).await;
    gateway.pay(&pay_info).await;
    gateway.until_status(&number, "SUCCESS").await;
    let shown = gateway.result(QUERY_SHARE, &json!({"OutOrderId": number})).await;
    assert_eq!(shown["ProfitStatus"], "FAILED", "{shown}");
    assert!(shown["FailReason"].as_str().is_some_and(|why| why.contains("is unbound")), "{shown}");
    let late = sharing("late_1", &number, &[part(&payee, 1)], false);
    gateway.refused(SHARE, &late, "ORDER.OPERATE_IS_PROCESSING").await;
    assert_eq!(lies(&gateway).await, [1000, -1000, 0]);
    gateway.check_books();
}

/// Changes how the payments of the orders' merchant are shared.
async fn share_by(gateway: &TestGateway, members: Value) {
    let path = format!("/merchants/{OWN}");
    let shown = gateway.of_tenant(&path).await;
    let mut body = json!({"name": shown["name"], "channel_accounts": shown["channel_accounts"]});
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let tenant = gateway.text("/wecard/ocode");
    let path = format!("/admin/v1/tenants/{tenant}{path}");
    let answer = put(gateway, &path, &body.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_that_shares_always_need_not_mark_its_orders() {
    let mut gateway = TestGateway::start();
    let payee = receiver(&gateway).await;
    share_by(&gateway, json!({"profit_sharing": true})).await;
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    gateway.advance(120).await;
    gateway.result(SHARE, &sharing("always_1", &number, &[part(&payee, 300)], true)).await;
    until_shared(&mut gateway, "always_1", "SUCCESS").await;
    assert_eq!(lies(&gateway).await, [700, -700, 300]);
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_gives_the_payees_of_an_order_their_ratios() {
    let gateway = TestGateway::start();
    let id = branch(&gateway).await;
    let picks = |body: &Value| with(body, "PayeeList", json!([id]));
    let body = picks(&order(&fresh_number()));
    let why = gateway.refused(UNIFIED_ORDER, &body, BAD).await;
    assert!(why.starts_with("PayeeList[0]") && why.contains("no sharing template"), "{why}");
    let entry = json!({"of": id.trim_start_matches("PE"), "ratio": 1234});
    let template = json!({"by": "order", "shares": [entry]});
    share_by(&gateway, json!({"share_template": template})).await;
    let both = with(&body, "ProfitShareInfoList", json!([]));
    let why = gateway.refused(UNIFIED_ORDER, &both, BAD).await;
    assert!(why.starts_with("PayeeList"), "{why}");
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &picks(&order(&number))).await;
    gateway.pay(&placed["PayInfo"]).await;
    let shown = gateway.until_status(&number, "SUCCESS").await;
    let item = &shown["ProfitShareInfoList"][0];
    assert_eq!((&item["ProfitRatio"], &item["RealProfitAmount"]), (&json!(1234), &json!(123)));
    assert_eq!(posted(&gateway, "merchant_available", "CM-B").await, 123);
    gateway.check_books();
}
