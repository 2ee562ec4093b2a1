//! Asking for an order, and closing it, in every state.

use crate::house::{
    CLOSE_ORDER, House, QUERY_ORDER, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use crate::merchant::Merchant;
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

impl House {
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
        let found = all.into_iter().find(|one| one["out_trade_no"] == *number);
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
    let house = House::start();
    let one = house.place(|body| body).await;
    let other = house.place(|body| body).await;
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
            let why = house.refused(path, &body, code).await;
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
            let result = house.result(path, &body).await;
            assert_eq!((&result["OutOrderId"], &result["ChannelOrderId"]), (&json!(number), &id));
        }
    }
    assert_eq!(house.found(&one).await["OrderStatus"], "CLOSED");
    assert_eq!(house.found(&other).await["OrderStatus"], "PAYING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_shows_how_to_pay_it_and_nothing_of_a_payment() {
    let house = House::start();
    let placed = house.place(|body| with(&body, "Attachment", json!("原路返回string"))).await;
    let found = house.found(&placed).await;
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
    assert_eq!(house.found(&placed).await, wanted, "a query changes nothing");
    house.pay(&found["PayInfo"]).await;
    house.until_status(&placed.number, "SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_shows_its_payment_and_the_attachment() {
    let house = House::start();
    let placed =
        house.place_and_pay(|body| with(&body, "Attachment", json!("原路返回\"string\"\n"))).await;
    let transaction = house.transaction(&placed).await;
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
    assert_eq!(house.found(&placed).await, wanted);
    let plain = house.place_and_pay(|body| body).await;
    assert!(!members(&house.found(&plain).await).contains(&"Attachment"));
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_back_as_they_were_given_with_what_became_of_each_item() {
    let house = House::start();
    let products = json!([
        {"Sku": "A1", "ProductName": "杂粮煎饼", "Price": "500", "Quantity": 2, "Extra": {"a": [1.5, null]}},
        {},
    ]);
    let allocations = json!([
        {"ChannelSubMerchantId": "CM-B", "AllocateAmount": 200, "AllocatePeriod": "D0"},
        {"ChannelSubMerchantId": "CM-C", "AllocateAmount": 100, "Freeze": true, "AllocatePeriod": "T1"},
    ]);
    let shares = json!([
        {"PayeeId": "PE1", "ProfitType": "AMOUNT", "ProfitAmount": 10, "ChannelSubMerchantId": "CM-B"},
        {"PayeeId": "PE2", "ProfitType": "RATIO", "ProfitRatio": 100},
    ]);
    let lists = |body: Value| {
        let body = with(&body, "ProductList", products.clone());
        let body = with(&body, "FundAllocateList", allocations.clone());
        with(&body, "ProfitShareInfoList", shares.clone())
    };
    let extended = |items: &Value, more: &[(&str, Value)]| -> Value {
        let item = |item: &Value| {
            more.iter().fold(item.clone(), |item, (name, value)| with(&item, name, value.clone()))
        };
        items.as_array().expect("a list").iter().map(item).collect()
    };
    let allocations_shown = extended(&allocations, &[("AllocateStatus", json!("INIT"))]);
    let begun = [("ProfitStatus", json!("INIT")), ("RealProfitAmount", json!(0))];
    let shares_shown = extended(&shares, &begun);
    let placed = house.place(lists).await;
    let plain = house.place(|body| body).await;
    for status in ["PAYING", "SUCCESS"] {
        let found = house.until_status(&placed.number, status).await;
        assert_eq!(found["ProductList"], products);
        assert_eq!(found["FundAllocateList"], allocations_shown);
        assert_eq!(found["ProfitShareInfoList"], shares_shown);
        if status == "PAYING" {
            house.pay(&found["PayInfo"]).await;
        }
    }
    let bare = house.found(&plain).await;
    for list in ["ProductList", "FundAllocateList", "ProfitShareInfoList"] {
        assert!(!members(&bare).contains(&list), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_is_pay_fail_once_its_time_is_over() {
    let mut house = House::start();
    let expiry = |body: &Value, at: String| with(body, "ExpireTime", json!(at));
    let at = shanghai(house.now() + 300);
    let early = house.place(|body| expiry(&body, at)).await;
    let usual = house.place(|body| body).await;
    house.advance(301).await;
    let found = house.found(&early).await;
    assert_eq!(found["OrderStatus"], "PAY_FAIL", "{found}");
    assert_ne!(found["FailReason"], "", "{found}");
    assert!(found["FailReason"].is_string() && found["PayInfo"].is_null(), "{found}");
    house.phone_is_refused(&early).await;
    assert_eq!(house.found(&usual).await["OrderStatus"], "PAYING");
    house.advance(1500).await;
    assert_eq!(house.found(&usual).await["OrderStatus"], "PAY_FAIL", "30 minutes are over");
    house.closes(&usual, "PAY_FAIL").await;
    house.phone_is_refused(&usual).await;
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_channel_has_paid_is_paid_whatever_the_time() {
    let mut house = House::start();
    let placed = house.place(|body| body).await;
    house.fault("notify", "lose_request", 1000).await;
    house.pay(&placed.result["PayInfo"]).await;
    assert_eq!(house.found(&placed).await["OrderStatus"], "PAYING");
    house.advance(1801).await;
    house.until_status(&placed.number, "SUCCESS").await;
    house.refused(CLOSE_ORDER, &placed.named(), STATUS).await;
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_information_that_no_longer_works_is_not_shown() {
    let mut house = House::start();
    let lasting = |body: Value| with(&body, "PayType", json!("H5"));
    let lasting = |body| with(&lasting(body), "SceneInfo", json!({"PayerClientIp": "14.15.16.17"}));
    let placed = house.place(lasting).await;
    assert_eq!(house.found(&placed).await["PayInfo"], placed.result["PayInfo"]);
    // A link for a mobile browser works for five minutes.
    house.advance(301).await;
    let found = house.found(&placed).await;
    assert_eq!(found["OrderStatus"], "PAYING");
    for absent in ["PayInfo", "PayInfoType"] {
        assert!(!members(&found).contains(&absent), "{found}");
    }
    house.phone_is_refused(&placed).await;
    // The same call again brings a link that works.
    let body = with(&lasting(order(&placed.number)), "OutOrderId", json!(placed.number));
    let mut again = house.call(UNIFIED_ORDER, &body).await;
    while again["ErrCode"] == "ORDER.OPERATE_IS_PROCESSING" {
        // The moved clock made the gateway look at the order just now.
        house.until_story(&placed.number, |story| story["order"]["in_flight"].is_null()).await;
        again = house.call(UNIFIED_ORDER, &body).await;
    }
    house.pay(&again["Result"]["PayInfo"]).await;
    house.until_status(&placed.number, "SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_order_is_closed_at_the_channel_and_may_be_closed_again() {
    let house = House::start();
    let placed = house.place(|body| with(&body, "Attachment", json!("not paid"))).await;
    house.closes(&placed, "CLOSED").await;
    assert_eq!(house.transaction(&placed).await["trade_state"], "CLOSED");
    house.phone_is_refused(&placed).await;
    house.closes(&placed, "CLOSED").await;
    let found = house.found(&placed).await;
    for absent in ["Attachment", "PayInfo", "PayInfoType", "PayAmount", "TimeFinish", "FailReason"]
    {
        assert!(!members(&found).contains(&absent), "{absent}: {found}");
    }
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_order_is_not_closed_even_before_its_callback_came() {
    let house = House::start();
    let told = house.place_and_pay(|body| body).await;
    house.refused(CLOSE_ORDER, &told.named(), STATUS).await;
    house.fault("notify", "lose_request", 1000).await;
    let untold = house.place(|body| body).await;
    house.pay(&untold.result["PayInfo"]).await;
    house.refused(CLOSE_ORDER, &untold.named(), STATUS).await;
    for placed in [&told, &untold] {
        assert_eq!(house.found(placed).await["OrderStatus"], "SUCCESS");
    }
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_failed_or_was_never_placed_is_closed_all_the_same() {
    let house = House::start();
    for fault in ["lose_request", "lose_answer"] {
        house.fault("create", fault, 1).await;
        let number = fresh_number();
        house.refused(UNIFIED_ORDER, &order(&number), UNKNOWN).await;
        let result = house.until_status(&number, "INIT").await;
        house.closes(&Placed { number, result }, "CLOSED").await;
    }
    let number = fresh_number();
    let external = json!({"WxAppId": "wx0000000000000000", "WxOpenId": "o"}).to_string();
    let body = with(&order(&number), "ExternalPaymentData", json!(external));
    let result = house.result(UNIFIED_ORDER, &body).await;
    house.closes(&Placed { number, result }, "PAY_FAIL").await;
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_lost_shows_paying_until_a_repeat_or_time_settles_it() {
    let mut house = House::start();
    for fault in ["lose_request", "lose_answer", "bad_signature"] {
        let repeated = house.place(|body| body).await;
        house.fault("close", fault, 1).await;
        house.refused(CLOSE_ORDER, &repeated.named(), UNKNOWN).await;
        assert_eq!(house.found(&repeated).await["OrderStatus"], "PAYING", "{fault}");
        house.closes(&repeated, "CLOSED").await;

        let left_alone = house.place(|body| body).await;
        house.fault("close", fault, 1).await;
        house.refused(CLOSE_ORDER, &left_alone.named(), UNKNOWN).await;
        house.advance(6).await;
        house.until_status(&left_alone.number, "CLOSED").await;
        assert_eq!(house.transaction(&left_alone).await["trade_state"], "CLOSED");
    }
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_lost_does_not_lose_the_payment_that_was_faster() {
    let house = House::start();
    let placed = house.place(|body| body).await;
    house.fault("close", "lose_request", 1).await;
    house.refused(CLOSE_ORDER, &placed.named(), UNKNOWN).await;
    house.pay(&placed.result["PayInfo"]).await;
    house.until_status(&placed.number, "SUCCESS").await;
    house.refused(CLOSE_ORDER, &placed.named(), STATUS).await;
    house.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_closes_at_once_close_once() {
    let house = std::sync::Arc::new(House::start());
    let placed = house.place(|body| body).await;
    let mut closes = tokio::task::JoinSet::new();
    for _ in 0..CROWD {
        let (house, named) = (house.clone(), placed.named());
        closes.spawn(async move { house.call(CLOSE_ORDER, &named).await });
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
    house.closes(&placed, "CLOSED").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_a_close() {
    let house = House::start();
    let mut merchant = Merchant::start().await;
    let told = |body: Value| with(&body, "NotifyUrl", json!(merchant.notify_url));
    let closed = house.place(told).await;
    house.closes(&closed, "CLOSED").await;
    let paid = house.place_and_pay(told).await;
    let notification = merchant.received().await.json();
    assert_eq!(notification["Result"]["OutOrderId"], paid.number, "{notification}");
    assert!(merchant.waiting().is_empty());
}
