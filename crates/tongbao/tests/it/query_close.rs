//! Asking for an order, and closing it, in every state.

use crate::merchant::Merchant;
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, is_of_order, order,
    shanghai, with,
};
use serde_json::{Value, json};

const BAD: &str = "ORDER.INVALID_PARAMETER";
const NOBODY: &str = "ORDER.ORDER_NOT_EXIST";
const STATUS: &str = "ORDER.ORDER_STATUS_ERROR";
const UNKNOWN: &str = "FailedOperation.SystemError";
/// Closes at once.
const CROWD: usize = 10;

/// A placed order.
struct Placed {
    number: String,
    result: Value,
}

impl Placed {
    fn named(&self) -> Value {
        json!({"OutOrderId": self.number})
    }
}

impl TestGateway {
    async fn place(&self, change: impl FnOnce(Value) -> Value) -> Placed {
        let number = fresh_number();
        let result = self.result(UNIFIED_ORDER, &change(order(&number))).await;
        assert_eq!(result["OrderStatus"], "PAYING", "{result}");
        Placed { number, result }
    }

    async fn place_and_pay(&self, change: impl FnOnce(Value) -> Value) -> Placed {
        let placed = self.place(change).await;
        self.pay(&placed.result["PayInfo"]).await;
        self.until_status(&placed.number, "SUCCESS").await;
        placed
    }

    async fn found(&self, placed: &Placed) -> Value {
        self.result(QUERY_ORDER, &placed.named()).await
    }

    /// What the channel says of it.
    async fn transaction(&self, placed: &Placed) -> Value {
        let all = self.sandbox_get("/control/transactions?limit=1000").await;
        let all = all["transactions"].as_array().expect("a list").clone();
        let number = &placed.result["ChannelOrderId"];
        let found = all.into_iter().find(|one| is_of_order(one, number));
        found.unwrap_or_else(|| panic!("the channel does not know {}", placed.number))
    }

    async fn closes(&self, placed: &Placed, status: &str) {
        let closed = self.result(CLOSE_ORDER, &placed.named()).await;
        let id = &placed.result["ChannelOrderId"];
        let wanted =
            json!({"OutOrderId": placed.number, "ChannelOrderId": id, "OrderStatus": status});
        assert_eq!(closed, wanted);
        assert_eq!(self.found(placed).await["OrderStatus"], status);
    }

    async fn phone_is_refused(&self, placed: &Placed) {
        let pay = json!({"pay_info": placed.result["PayInfo"], "outcome": "success"});
        assert_eq!(self.control_answer("pay", &pay).await.status, 400);
    }
}

fn members(result: &Value) -> Vec<&str> {
    result.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_named_by_either_key_or_by_both() {
    let gateway = TestGateway::start();
    let one = gateway.place(|body| body).await;
    let other = gateway.place(|body| body).await;
    let (number, id) = (&one.number, one.result["ChannelOrderId"].clone());
    let other_id = other.result["ChannelOrderId"].clone();
    for path in [QUERY_ORDER, CLOSE_ORDER] {
        for (body, code) in [
            (json!({}), BAD),
            (json!({"OutOrderId": ""}), BAD),
            (json!({"ChannelOrderId": ""}), BAD),
            (json!({"OutOrderId": "", "ChannelOrderId": ""}), BAD),
            (json!({"OutOrderId": null}), BAD),
            (json!({"orderId": 123}), BAD),
            (json!({"OutOrderId": 123}), BAD),
            (json!({"ChannelOrderId": 679_735_736_991_281_152_i64}), BAD),
            (json!({"OutOrderId": "a-b-c-d"}), BAD),
            (json!({"OutOrderId": "short"}), BAD),
            (json!({"OutOrderId": "x".repeat(61)}), BAD),
            (json!({"OutOrderId": number, "ChannelOrderId": other_id}), BAD),
            (json!({"OutOrderId": "nobody_1"}), NOBODY),
            (json!({"ChannelOrderId": "100000000000000000"}), NOBODY),
            (json!({"OutOrderId": "nobody_1", "ChannelOrderId": id}), NOBODY),
        ] {
            let why = gateway.refused(path, &body, code).await;
            let named = why.contains("OutOrderId") || why.contains("ChannelOrderId");
            assert!(code == NOBODY || named, "{path} {body}: {why}");
        }
        for body in [
            json!({"OutOrderId": number}),
            json!({"ChannelOrderId": id}),
            json!({"OutOrderId": number, "ChannelOrderId": id}),
            json!({"OutOrderId": number, "ChannelOrderId": ""}),
            json!({"OutOrderId": "", "ChannelOrderId": id}),
            json!({"OutOrderId": null, "ChannelOrderId": id}),
        ] {
            let result = gateway.result(path, &body).await;
            assert_eq!((&result["OutOrderId"], &result["ChannelOrderId"]), (&json!(number), &id));
        }
    }
    assert_eq!(gateway.found(&one).await["OrderStatus"], "CLOSED");
    assert_eq!(gateway.found(&other).await["OrderStatus"], "PAYING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_shows_how_to_pay_it_and_nothing_of_a_payment() {
    let gateway = TestGateway::start();
    let placed = gateway.place(|body| with(&body, "Attachment", json!("原路返回string"))).await;
    let found = gateway.found(&placed).await;
    let wanted = json!({
        "ChannelSubMerchantId": "CM6756531983210274560",
        "OutOrderId": placed.number,
        "ChannelOrderId": placed.result["ChannelOrderId"],
        "TotalAmount": "1000",
        "Currency": "CNY",
        "PayType": "MINI_PROGRAM",
        "PayChannel": "WXPAY",
        "OrderStatus": "PAYING",
        "PayInfoType": "JSAPI",
        "PayInfo": placed.result["PayInfo"],
    });
    assert_eq!(found, wanted);
    assert_eq!(gateway.found(&placed).await, wanted, "a query changes nothing");
    gateway.pay(&found["PayInfo"]).await;
    gateway.until_status(&placed.number, "SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_shows_its_payment_and_the_attachment() {
    let gateway = TestGateway::start();
    let placed = gateway
        .place_and_pay(|body| with(&body, "Attachment", json!("原路返回\"string\"\n")))
        .await;
    let transaction = gateway.transaction(&placed).await;
    let paid_at = transaction["success_time"].as_str().expect("text");
    let paid_at = paid_at.replace('T', " ").replace("+08:00", "");
    let wanted = json!({
        "ChannelSubMerchantId": "CM6756531983210274560",
        "OutOrderId": placed.number,
        "ChannelOrderId": placed.result["ChannelOrderId"],
        "ThirdPayOrderId": transaction["transaction_id"],
        "TotalAmount": "1000",
        "PayAmount": "1000",
        "Currency": "CNY",
        "PayType": "MINI_PROGRAM",
        "PayChannel": "WXPAY",
        "OrderStatus": "SUCCESS",
        "Attachment": "原路返回\"string\"\n",
        "TimeFinish": paid_at,
    });
    assert_eq!(gateway.found(&placed).await, wanted);
    let plain = gateway.place_and_pay(|body| body).await;
    assert!(!members(&gateway.found(&plain).await).contains(&"Attachment"));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_back_as_they_were_given_with_what_became_of_each_item() {
    let gateway = TestGateway::start();
    let products = json!([
        {"Sku": "A1", "ProductName": "杂粮煎饼", "Price": "500", "Quantity": 2, "Extra": {"a": [1.5, null]}},
        {},
    ]);
    let allocations = json!([
        {"ChannelSubMerchantId": "CM-B", "AllocateAmount": 200, "AllocatePeriod": "D0"},
        {"ChannelSubMerchantId": "CM-C", "AllocateAmount": 100, "Freeze": true, "AllocatePeriod": "T1"},
    ]);
    let lists = |body: Value| {
        let body = with(&body, "ProductList", products.clone());
        with(&body, "FundAllocateList", allocations.clone())
    };
    // What was left out is shown too, and what became of each.
    let allocations_shown = |statuses: [&str; 2]| -> Value {
        let items = allocations.as_array().expect("a list").iter().zip(statuses);
        let shown = items.map(|(item, status)| {
            let freeze = item.get("Freeze").cloned().unwrap_or(json!(false));
            with(&with(item, "Freeze", freeze), "AllocateStatus", json!(status))
        });
        shown.collect()
    };
    let placed = gateway.place(lists).await;
    let plain = gateway.place(|body| body).await;
    for (status, allocated) in
        [("PAYING", ["INIT", "INIT"]), ("SUCCESS", ["SUCCESS", "WAIT_PERIOD"])]
    {
        let found = gateway.until_status(&placed.number, status).await;
        assert_eq!(found["ProductList"], products);
        assert_eq!(found["FundAllocateList"], allocations_shown(allocated));
        if status == "PAYING" {
            gateway.pay(&found["PayInfo"]).await;
        }
    }
    let bare = gateway.found(&plain).await;
    for list in ["ProductList", "FundAllocateList", "ProfitShareInfoList"] {
        assert!(!members(&bare).contains(&list), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_is_pay_fail_once_its_time_is_over() {
    let mut gateway = TestGateway::start();
    let expiry = |body: &Value, at: String| with(body, "ExpireTime", json!(at));
    let at = shanghai(gateway.now() + 300);
    let early = gateway.place(|body| expiry(&body, at)).await;
    let usual = gateway.place(|body| body).await;
    gateway.advance(301).await;
    // A look that was under way when the clock jumped is answered out of time, and made again.
    let found = gateway.until_status(&early.number, "PAY_FAIL").await;
    assert_ne!(found["FailReason"], "", "{found}");
    assert!(found["FailReason"].is_string() && found["PayInfo"].is_null(), "{found}");
    gateway.phone_is_refused(&early).await;
    assert_eq!(gateway.found(&usual).await["OrderStatus"], "PAYING");
    gateway.advance(1500).await;
    gateway.until_status(&usual.number, "PAY_FAIL").await;
    gateway.closes(&usual, "PAY_FAIL").await;
    gateway.phone_is_refused(&usual).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_channel_has_paid_is_paid_at_any_time() {
    let mut gateway = TestGateway::start();
    let placed = gateway.place(|body| body).await;
    gateway.fault("notify", "lose_request", 1000).await;
    gateway.pay(&placed.result["PayInfo"]).await;
    assert_eq!(gateway.found(&placed).await["OrderStatus"], "PAYING");
    gateway.advance(1801).await;
    gateway.until_status(&placed.number, "SUCCESS").await;
    gateway.refused(CLOSE_ORDER, &placed.named(), STATUS).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_information_that_no_longer_works_is_not_shown() {
    let mut gateway = TestGateway::start();
    let lasting = |body: Value| with(&body, "PayType", json!("H5"));
    let lasting = |body| with(&lasting(body), "SceneInfo", json!({"PayerClientIp": "14.15.16.17"}));
    let placed = gateway.place(lasting).await;
    assert_eq!(gateway.found(&placed).await["PayInfo"], placed.result["PayInfo"]);
    // A link for a mobile browser works for five minutes.
    gateway.advance(301).await;
    let found = gateway.found(&placed).await;
    assert_eq!(found["OrderStatus"], "PAYING");
    for absent in ["PayInfo", "PayInfoType"] {
        assert!(!members(&found).contains(&absent), "{found}");
    }
    gateway.phone_is_refused(&placed).await;
    // The same call again brings a link that works.
    let body = with(&lasting(order(&placed.number)), "OutOrderId", json!(placed.number));
    let mut again = gateway.call(UNIFIED_ORDER, &body).await;
    while again["ErrCode"] == "ORDER.OPERATE_IS_PROCESSING" {
        // The moved clock made the gateway look at the order just now.
        gateway.until_story(&placed.number, |story| story["order"]["in_flight"].is_null()).await;
        again = gateway.call(UNIFIED_ORDER, &body).await;
    }
    gateway.pay(&again["Result"]["PayInfo"]).await;
    gateway.until_status(&placed.number, "SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_order_is_closed_at_the_channel_and_may_be_closed_again() {
    let gateway = TestGateway::start();
    let placed = gateway.place(|body| with(&body, "Attachment", json!("not paid"))).await;
    gateway.closes(&placed, "CLOSED").await;
    assert_eq!(gateway.transaction(&placed).await["trade_state"], "CLOSED");
    gateway.phone_is_refused(&placed).await;
    gateway.closes(&placed, "CLOSED").await;
    let found = gateway.found(&placed).await;
    for absent in ["Attachment", "PayInfo", "PayInfoType", "PayAmount", "TimeFinish", "FailReason"]
    {
        assert!(!members(&found).contains(&absent), "{absent}: {found}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_is_not_closed_even_before_its_callback_came() {
    let gateway = TestGateway::start();
    let told = gateway.place_and_pay(|body| body).await;
    gateway.refused(CLOSE_ORDER, &told.named(), STATUS).await;
    gateway.fault("notify", "lose_request", 1000).await;
    let untold = gateway.place(|body| body).await;
    gateway.pay(&untold.result["PayInfo"]).await;
    gateway.refused(CLOSE_ORDER, &untold.named(), STATUS).await;
    for placed in [&told, &untold] {
        assert_eq!(gateway.found(placed).await["OrderStatus"], "SUCCESS");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_failed_or_was_never_placed_can_be_closed() {
    let gateway = TestGateway::start();
    for fault in ["lose_request", "lose_answer"] {
        gateway.fault("create", fault, 1).await;
        let number = fresh_number();
        gateway.refused(UNIFIED_ORDER, &order(&number), UNKNOWN).await;
        let result = gateway.until_status(&number, "INIT").await;
        gateway.closes(&Placed { number, result }, "CLOSED").await;
    }
    let number = fresh_number();
    let external = json!({"WxAppId": "wx0000000000000000", "WxOpenId": "o"}).to_string();
    let body = with(&order(&number), "ExternalPaymentData", json!(external));
    let result = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.closes(&Placed { number, result }, "PAY_FAIL").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_lost_shows_paying_until_a_repeat_or_time_settles_it() {
    let mut gateway = TestGateway::start();
    for fault in ["lose_request", "lose_answer", "bad_signature"] {
        let repeated = gateway.place(|body| body).await;
        gateway.fault("close", fault, 1).await;
        gateway.refused(CLOSE_ORDER, &repeated.named(), UNKNOWN).await;
        assert_eq!(gateway.found(&repeated).await["OrderStatus"], "PAYING", "{fault}");
        gateway.closes(&repeated, "CLOSED").await;

        let left_alone = gateway.place(|body| body).await;
        gateway.fault("close", fault, 1).await;
        gateway.refused(CLOSE_ORDER, &left_alone.named(), UNKNOWN).await;
        gateway.advance(6).await;
        gateway.until_status(&left_alone.number, "CLOSED").await;
        assert_eq!(gateway.transaction(&left_alone).await["trade_state"], "CLOSED");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_lost_does_not_lose_the_payment_that_was_faster() {
    let gateway = TestGateway::start();
    let placed = gateway.place(|body| body).await;
    gateway.fault("close", "lose_request", 1).await;
    gateway.refused(CLOSE_ORDER, &placed.named(), UNKNOWN).await;
    gateway.pay(&placed.result["PayInfo"]).await;
    gateway.until_status(&placed.number, "SUCCESS").await;
    gateway.refused(CLOSE_ORDER, &placed.named(), STATUS).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_closes_at_once_close_once() {
    let gateway = std::sync::Arc::new(TestGateway::start());
    let placed = gateway.place(|body| body).await;
    let mut closes = tokio::task::JoinSet::new();
    for _ in 0..CROWD {
        let (gateway, named) = (gateway.clone(), placed.named());
        closes.spawn(async move { gateway.call(CLOSE_ORDER, &named).await });
    }
    let mut closed = 0;
    while let Some(response) = closes.join_next().await {
        let response = response.expect("no panic");
        match response["ErrCode"].as_str() {
            Some("SUCCESS") => {
                assert_eq!(response["Result"]["OrderStatus"], "CLOSED");
                closed += 1;
            }
            Some("ORDER.OPERATE_IS_PROCESSING") => {}
            _ => panic!("{response}"),
        }
    }
    assert!(closed > 0);
    gateway.closes(&placed, "CLOSED").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_a_close() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let told = |body: Value| with(&body, "NotifyUrl", json!(merchant.notify_url));
    let closed = gateway.place(told).await;
    gateway.closes(&closed, "CLOSED").await;
    let paid = gateway.place_and_pay(told).await;
    let notification = merchant.received().await.json();
    assert_eq!(notification["Result"]["OutOrderId"], paid.number, "{notification}");
    assert!(merchant.waiting().is_empty());
}

/// A caller asks again and again about an order that the channel does not close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_a_caller_asks_the_channel_is_asked_on_schedule() {
    const CALLERS: usize = 8;
    const QUERIES: usize = 50;
    let mut gateway = TestGateway::start();
    let at = shanghai(gateway.now() + 300);
    let placed = gateway.place(|body| with(&body, "ExpireTime", json!(at))).await;
    let trouble = json!({"channel": "wxpay", "operation": "close", "fault": "error",
        "code": "SYSTEM_ERROR", "times": 1000});
    gateway.control("faults", &trouble).await;
    gateway.advance(301).await;
    let began = gateway.now();
    let mut flood = Vec::new();
    for _ in 0..CALLERS {
        flood.push(async {
            for _ in 0..QUERIES {
                // PAYING, and PAY_FAIL once a look finds that the channel has let it expire.
                gateway.found(&placed).await;
            }
        });
    }
    join_all(flood).await;
    let took = gateway.now() - began;
    let story = gateway.story(&placed.number).await;
    let events = story["events"].as_array().expect("a list");
    let calls = events.iter().filter(|event| {
        let operation = event["call"]["operation"].as_str();
        matches!(operation, Some("close" | "query"))
    });
    // At once, and after 5, 10 and 30 s, each at most 2 s early.
    let due = [0, 3, 11, 39].into_iter().filter(|second| *second <= took + 1).count();
    let calls = calls.count();
    assert!((1..=due).contains(&calls), "{calls} calls in {took} s: {story:#}");
    gateway.check_books();
}

/// Runs them side by side.
async fn join_all(asking: Vec<impl Future<Output = ()>>) {
    let mut asking: Vec<_> = asking.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        asking.retain_mut(|one| one.as_mut().poll(context).is_pending());
        match asking.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

/// WeChat Pay keeps an order payable for 90 days; a longer life is refused, and not shortened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_lives_no_longer_than_the_channel_keeps_it() {
    const DAY: i64 = 24 * 3600;
    let gateway = TestGateway::start();
    let expiring = |at: String| with(&order(&fresh_number()), "ExpireTime", json!(at));
    for at in [shanghai(gateway.now() + 90 * DAY + 60), "9998-12-31 00:00:00".to_owned()] {
        let why = gateway.refused(UNIFIED_ORDER, &expiring(at), BAD).await;
        assert!(why.starts_with("ExpireTime: ") && why.contains("90 days"), "{why}");
    }
    let longest = expiring(shanghai(gateway.now() + 90 * DAY - 60));
    assert_eq!(gateway.result(UNIFIED_ORDER, &longest).await["OrderStatus"], "PAYING");
}
