//! Our own bills of a merchant's day.

use crate::bill::{DAY_SECONDS, date, to_next_day};
use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use serde_json::{Value, json};

const PAGE: &str = "/cloudpay/v1/bill/out/query_page";
const LINK: &str = "/cloudpay/v1/bill/out/download_url";
const PAYEE: &str = "/cloudpay/v1/settle/payee/create";
const SHARE: &str = "/cloudpay/v1/settle/profit/profit-manual-create";
const RETURN: &str = "/cloudpay/v1/settle/profit/profit-refund-create";
const APPLY: &str = "/cloudpay/v1/refundOrder/apply";
/// 09:59:00 in seconds of a day.
const BEFORE_TEN: i64 = 9 * 3600 + 59 * 60;

fn asked(day: &str) -> Value {
    json!({"ChannelSubMerchantId": order("A-0000")["ChannelSubMerchantId"], "BillDate": day})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_has_its_paid_orders_and_a_file_that_says_the_same() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);
    let mut numbers = vec![];
    for _ in 0..3 {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.until_status(&number, "SUCCESS").await;
        numbers.push(number);
    }
    gateway.result(UNIFIED_ORDER, &order(&fresh_number())).await;
    gateway.refused(PAGE, &asked(&day), "BILL.NOT_READY").await;
    to_next_day(&mut gateway, BEFORE_TEN).await;
    gateway.refused(LINK, &asked(&day), "BILL.NOT_READY").await;
    gateway.advance(60).await;

    let page = gateway.result(PAGE, &with(&asked(&day), "PageSize", json!(2))).await;
    assert_eq!((&page["Count"], &page["PageNo"]), (&json!(3), &json!(1)));
    let second = with(&with(&asked(&day), "PageSize", json!(2)), "PageNo", json!(2));
    let second = gateway.result(PAGE, &second).await;
    let rows = [&page["DataList"], &second["DataList"]];
    let rows: Vec<&Value> = rows.iter().flat_map(|it| it.as_array().expect("rows")).collect();
    let listed: Vec<&str> = rows.iter().filter_map(|row| row["OutTradeNo"].as_str()).collect();
    assert_eq!(listed, numbers);
    assert_eq!(
        (&rows[0]["OrderAmount"], &rows[0]["BusinessType"], &rows[0]["Channel"]),
        (&json!("10.00"), &json!("PAY"), &json!("WXPAY"))
    );
    let other = gateway.result(PAGE, &with(&asked(&day), "PayChannel", json!("ALIPAY"))).await;
    assert_eq!(other["Count"], json!(0));
    let wallet = gateway.result(PAGE, &with(&asked(&day), "BillType", json!("WALLET"))).await;
    assert_eq!(wallet["DataList"], json!([]));
    let unknown = with(&asked(&day), "BillType", json!("CARDS"));
    let why = gateway.refused(PAGE, &unknown, "ORDER.INVALID_PARAMETER").await;
    assert!(why.starts_with("BillType"), "{why}");

    let link = gateway.result(LINK, &asked(&day)).await;
    let url = link["DownloadUrl"].as_str().expect("a URL");
    let (_, path) = url.split_once("/cloudpay").expect("a path of the API");
    let path = format!("/cloudpay{path}");
    let file = gateway.get(&path).await;
    let text = file.body.as_str().expect("text").to_owned();
    assert_eq!(file.status, 200, "{text}");
    assert_eq!(link["HashType"], "SHA256");
    assert_eq!(link["HashValue"], crypto::hash::sha256_hex(text.as_bytes()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[4]), (5, "TOTAL,3,30.00"), "{text}");
    assert!(numbers.iter().all(|number| text.contains(&**number)), "{text}");

    let forged = gateway.get(&format!("{path}0")).await;
    assert_eq!(forged.status, 403, "{forged:?}");
    gateway.advance(600).await;
    let late = gateway.get(&path).await;
    assert_eq!(late.status, 403);
    assert_eq!(late.body["Response"]["ErrCode"], "AuthFailure.SignatureExpire");
}

/// Sells, gives a payee in the book 3 yuan and takes 1 back, and refunds 2 yuan; the order's number.
async fn share_and_refund(gateway: &TestGateway) -> String {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    let payee = json!({"OutPayeeId": "leader", "PayeeType": "PERSON"});
    let payee = gateway.result(PAYEE, &payee).await["PayeeId"].clone();
    let shared = json!([{"PayeeId": payee, "ProfitType": "AMOUNT", "ProfitAmount": 300}]);
    let share = json!({
        "OutOrderId": number, "OutProfitOrderId": "S_1", "ProfitShareInfoList": shared,
    });
    assert_eq!(gateway.result(SHARE, &share).await["ProfitStatus"], "SUCCESS");
    let back = json!([{"PayeeId": payee, "ProfitRefundAmount": 100}]);
    let back = json!({
        "OutProfitOrderId": "S_1", "OutProfitRefundId": "U_1", "ProfitShareInfoList": back,
    });
    assert_eq!(gateway.result(RETURN, &back).await["ProfitStatus"], "SUCCESS");
    let refund = json!({"OutOrderId": number, "OutRefundId": "refund_1", "RefundAmount": 200});
    gateway.result(APPLY, &refund).await;
    gateway.until_status(&number, "PART_REFUND").await;
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_has_its_refunds_shares_and_returns() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);
    let number = share_and_refund(&gateway).await;
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let bill = async |kind: &str| {
        let page = gateway.result(PAGE, &with(&asked(&day), "BillType", json!(kind))).await;
        let rows = page["DataList"].as_array().expect("rows").clone();
        assert_eq!(page["Count"], json!(rows.len()), "{kind}");
        rows
    };
    let seen = |row: &Value| {
        let members = ["OutTradeNo", "BusinessType", "PaymentType", "OrderAmount", "TradeStatus"];
        members.map(|name| row[name].as_str().expect("text").to_owned()).join(" ")
    };
    let refunds = bill("REFUND").await;
    assert_eq!(refunds.iter().map(seen).collect::<Vec<_>>(), ["refund_1 REFUND PAYMENT 2.00 1"]);
    assert_eq!(refunds[0]["Description"], json!(number));
    let shares: Vec<String> = bill("PROFIT").await.iter().map(seen).collect();
    assert_eq!(shares, ["S_1 PROFIT PAYMENT 3.00 1", "U_1 PROFIT INCOME 1.00 1"]);
    assert_eq!(bill("WALLET").await, Vec::<Value>::new());

    for (kind, total) in
        [("REFUND", "TOTAL,1,2.00"), ("PROFIT", "TOTAL,2,4.00"), ("WALLET", "TOTAL,0,0.00")]
    {
        let link = gateway.result(LINK, &with(&asked(&day), "BillType", json!(kind))).await;
        let url = link["DownloadUrl"].as_str().expect("a URL");
        let (_, path) = url.split_once("/cloudpay").expect("a path of the API");
        let file = gateway.get(&format!("/cloudpay{path}")).await;
        let text = file.body.as_str().expect("text");
        assert_eq!((file.status, text.lines().last()), (200, Some(total)), "{kind}: {text}");
        assert!(text.starts_with("BillDate,"), "{kind}: {text}");
        assert_eq!(link["HashValue"], crypto::hash::sha256_hex(text.as_bytes()));
    }
    gateway.check_books();
}
