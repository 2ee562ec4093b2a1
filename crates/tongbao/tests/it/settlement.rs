//! A merchant's balance at past times, and its statement.

use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order};
use serde_json::{Value, json};

fn path(rest: &str) -> String {
    let merchant = order("A-0000")["ChannelSubMerchantId"].clone();
    format!("/merchants/{}/{rest}", merchant.as_str().expect("a merchant"))
}

async fn sell(gateway: &TestGateway) -> Value {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    gateway.story(&number).await
}

async fn answer(gateway: &TestGateway, rest: &str) -> crate::test_gateway::Answer {
    let tenant = gateway.text("/wecard/ocode");
    gateway.admin(channel::Method::Get, &format!("/tenants/{tenant}{rest}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_balance_stays_what_it_was() {
    let mut gateway = TestGateway::start();
    let first = sell(&gateway).await;
    let booked = first["transfers"][0]["at"].as_str().expect("a time").to_owned();
    gateway.advance(3600).await;
    let second = sell(&gateway).await;
    let later = second["transfers"][0]["at"].as_str().expect("a time").to_owned();

    let pending = async |query: &str| {
        let shown = answer(&gateway, &path(&format!("balance{query}"))).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.body["pending_fen"].clone()
    };
    assert_eq!(pending("").await, json!(2000));
    assert_eq!(pending(&format!("?as_of={booked}")).await, json!(1000));
    assert_eq!(pending(&format!("?as_of={later}")).await, json!(2000));
    assert_eq!(pending("?as_of=2020-01-01T00:00:00Z").await, json!(0));
    for (rest, status) in [
        (path("balance?as_of=2999-01-01T00:00:00Z"), 400),
        (path("balance?at=2020-01-01T00:00:00Z"), 400),
        ("/merchants/CM_unknown/balance".to_owned(), 404),
        (path("statement"), 400),
        (path("statement?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"), 400),
    ] {
        assert_eq!(answer(&gateway, &rest).await.status, status, "{rest}");
    }

    let statement = async |from: &str, to: &str| {
        let shown = answer(&gateway, &path(&format!("statement?from={from}&to={to}"))).await;
        let text = shown.body.as_str().expect("text").to_owned();
        assert!(text.starts_with('\u{feff}'), "{text}");
        text.split("\r\n").skip(1).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    let lines: Vec<String> = statement(&booked, "2999-01-01T00:00:00Z").await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|it| it.contains(",merchant_pending,payment,1000,order ")));
    let lines: Vec<String> = statement(&booked, &later).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    gateway.check_books();
}
