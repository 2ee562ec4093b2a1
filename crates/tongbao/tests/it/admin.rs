//! The administration and what operations ask of a process.

use crate::merchant::{Merchant, MerchantReply};
use crate::test_gateway::{
    Answer, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with,
};
use channel::Method::{Get, Post};
use serde_json::{Value, json};

const TENANT: &str = "/tenants/100001";

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text"))
}

fn list<'a>(page: &'a Value, name: &str) -> &'a [Value] {
    page[name].as_array().unwrap_or_else(|| panic!("{name} is not a list: {page}"))
}

async fn asked_with(gateway: &TestGateway, path: &str, headers: &[(&str, &str)]) -> Answer {
    let url = format!("{}{path}", gateway.text("/base_url"));
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers = headers.iter().map(own).collect();
    gateway.send(Get, url, headers, &[]).await.expect("an answer")
}

/// Pays an order that tells this merchant, to the end of its first attempt; its number.
async fn paid_order(gateway: &TestGateway, merchant: &mut Merchant, fen: i64) -> String {
    let number = fresh_number();
    let body = with(&order(&number), "NotifyUrl", json!(merchant.notify_url));
    let body = with(&body, "TotalAmount", json!(fen));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    merchant.received().await;
    gateway.until_story(&number, |story| story["notifications"][0]["attempt_count"] == 1).await;
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_enters_without_the_token() {
    let gateway = TestGateway::start();
    let token = gateway.text("/admin_token");
    let (right, basic) = (format!("Bearer {token}"), format!("Basic {token}"));
    let longer = format!("Bearer {token}x");
    for path in ["/tenants", "/tenants/100001/orders", "/tenants/100001/accounts", "/nothing"] {
        let path = format!("/admin/v1{path}");
        for headers in [
            &[][..],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer wrong")],
            &[("authorization", &*longer)],
            &[("authorization", &*basic)],
            &[("authorization", &*token)],
        ] {
            let answer = asked_with(&gateway, &path, headers).await;
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            assert_eq!(answer.body["error"]["code"], "unauthenticated");
        }
        let in_query = asked_with(&gateway, &format!("{path}?token={token}"), &[]).await;
        assert_eq!(in_query.status, 401, "{path}");
    }
    let answer = asked_with(&gateway, "/admin/v1/tenants", &[("authorization", &*right)]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["tenants"][0]["id"], "100001");
    // A caller's keys open nothing here.
    let signed = gateway.signed("/admin/v1/tenants", b"").headers();
    let url = format!("{}/admin/v1/tenants", gateway.text("/base_url"));
    assert_eq!(gateway.send(Get, url, signed, &[]).await.expect("an answer").status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orders_story_is_whole_and_keeps_secrets() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = paid_order(&gateway, &mut merchant, 1234).await;
    let story = gateway.story(&number).await;
    let order = &story["order"];
    for (member, value) in [
        ("merchant_order_no", json!(number)),
        ("merchant", json!("CM6756531983210274560")),
        ("dialect", json!("wecard")),
        ("amount_fen", json!(1234)),
        ("currency", json!("CNY")),
        ("channel", json!("wxpay")),
        ("channel_account", json!("demo-wxpay")),
        ("subject", json!("杂粮煎饼")),
        ("notify_url", json!(merchant.notify_url)),
        ("state", json!("paid")),
        ("payer_amount_fen", json!(1234)),
    ] {
        assert_eq!(order[member], value, "{member}");
    }
    let kinds: Vec<&str> =
        list(&story, "events").iter().map(|event| text_of(&event["change"])).collect();
    let wanted = ["placed", "pay_info_received", "paid", "queued", "attempted"];
    assert_eq!(kinds, wanted);
    let callers: Vec<&str> =
        list(&story, "events").iter().map(|event| text_of(&event["caller"])).collect();
    assert_eq!(callers[0], "business:AKIDdemoHmac");
    assert_eq!(callers[1..4], ["channel:wxpay"; 3]);
    assert_eq!(list(&story, "transfers").len(), 1);
    let transfer = &story["transfers"][0];
    assert_eq!(transfer["debit"], "channel_funds/demo-wxpay");
    assert_eq!(transfer["credit"], "merchant_pending/CM6756531983210274560");
    assert_eq!((&transfer["amount_fen"], &transfer["phase"]), (&json!(1234), &json!("post")));
    assert_eq!((&story["refunds"], &story["tasks"]), (&json!([]), &json!([])));
    let attempt = &story["notifications"][0]["attempts"][0];
    assert_eq!((&attempt["attempt_no"], &attempt["outcome"]), (&json!(1), &json!("acknowledged")));
    assert_eq!(attempt["http_status"], 200);

    let by_id = gateway.of_tenant(&format!("/orders/{}", text_of(&order["id"]))).await;
    assert_eq!(by_id, story);
    let whole = story.to_string();
    for secret in ["prepay_id", "paySign", "oXLUp5OHJof5768CoFFDuuaRn8kc"] {
        assert!(!whole.contains(secret), "{secret} is shown");
    }
    assert_eq!(order["payer"]["user_id"], "oXLUp5…");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_or_makes_no_sense_is_refused_by_name() {
    let gateway = TestGateway::start();
    for (path, status, named) in [
        ("/tenants/100002/orders", 404, "tenant"),
        ("/tenants/100001/orders/100000000000000000", 404, "order"),
        ("/tenants/100001/orders/by-number/nobody_1", 404, "order"),
        ("/tenants/100001/notifications/100000000000000000", 404, "notification"),
        ("/tenants/100001/orders/abc", 400, "order"),
        ("/tenants/100001/notifications/12", 400, "notification"),
        ("/tenants/100001/orders?state=happy", 400, "state"),
        ("/tenants/100001/orders?limit=0", 400, "limit"),
        ("/tenants/100001/orders?limit=201", 400, "limit"),
        ("/tenants/100001/orders?from=yesterday", 400, "from"),
        ("/tenants/100001/orders?before=x", 400, "before"),
        ("/tenants/100001/orders?page=2", 400, "page"),
        ("/tenants/100001/notifications?state=lost", 400, "state"),
        ("/tenants/100001/accounts/piggy_bank/me/postings", 400, "kind"),
        ("/tenants?x=1", 400, "x"),
        ("/nothing", 404, "path"),
    ] {
        let answer = gateway.admin(Get, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        let message = text_of(&answer.body["error"]["message"]);
        assert!(message.contains(named), "{path}: {message}");
    }
    assert_eq!(gateway.admin(Post, TENANT).await.status, 405);
    assert_eq!(gateway.admin(Post, "/tenants/100001/orders").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_turn_page_by_page_and_miss_nothing() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let mut paid = vec![];
    for fen in 1..=5 {
        paid.push(paid_order(&gateway, &mut merchant, fen).await);
    }
    gateway.advance(10).await;
    let middle = gateway.now();
    let mut paying = vec![];
    for _ in 0..4 {
        let number = fresh_number();
        gateway.result(UNIFIED_ORDER, &order(&number)).await;
        paying.push(number);
    }
    let newest_first = |numbers: &[String]| numbers.iter().rev().cloned().collect::<Vec<_>>();
    let all = newest_first(&[&paid[..], &paying[..]].concat());
    assert_eq!(turned(&gateway, "/orders?limit=2", "orders", "merchant_order_no").await, all);
    assert_eq!(turned(&gateway, "/orders?limit=3", "orders", "merchant_order_no").await, all);
    assert_eq!(turned(&gateway, "/orders?limit=200", "orders", "merchant_order_no").await, all);
    let path = "/orders?state=paid&limit=2";
    assert_eq!(turned(&gateway, path, "orders", "merchant_order_no").await, newest_first(&paid));
    let path = "/orders?state=paying&limit=4";
    assert_eq!(turned(&gateway, path, "orders", "merchant_order_no").await, newest_first(&paying));
    let at = jiff::Timestamp::from_second(middle - 5).expect("a time");
    let path = format!("/orders?to={at}&limit=50");
    assert_eq!(turned(&gateway, &path, "orders", "merchant_order_no").await, newest_first(&paid));
    let path = format!("/orders?from={at}&limit=3");
    assert_eq!(turned(&gateway, &path, "orders", "merchant_order_no").await, newest_first(&paying));
    let path = "/notifications?limit=2";
    assert_eq!(turned(&gateway, path, "notifications", "about_no").await, newest_first(&paid));
    let path = "/notifications?state=delivered&limit=4";
    assert_eq!(turned(&gateway, path, "notifications", "about_no").await, newest_first(&paid));
    let nothing = gateway.of_tenant("/notifications?state=given_up").await;
    assert_eq!((&nothing["notifications"], &nothing["next"]), (&json!([]), &Value::Null));

    let accounts = gateway.of_tenant("/accounts").await;
    assert_eq!(list(&accounts, "accounts").len(), 2);
    let pending = "/accounts/merchant_pending/CM6756531983210274560/postings?limit=2";
    let orders = turned(&gateway, pending, "postings", "root").await;
    assert_eq!(orders.len(), 5);
    let postings = gateway.of_tenant("/accounts/channel_funds/demo-wxpay/postings").await;
    let sum: i64 = list(&postings, "postings")
        .iter()
        .map(|one| one["amount_fen"].as_i64().expect("fen"))
        .sum();
    assert_eq!(sum, 15);
    assert_eq!(gateway.balance("merchant_pending").await, (15, 0));
    assert_eq!(gateway.balance("channel_funds").await, (-15, 0));
    let untouched = gateway.of_tenant("/accounts/merchant_pending/CM-B/postings").await;
    assert_eq!(untouched["postings"], json!([]));
}

/// A member of every row of a list, turning its pages to the end.
async fn turned(gateway: &TestGateway, path: &str, rows: &str, member: &str) -> Vec<String> {
    let mut all = vec![];
    let mut page = gateway.of_tenant(path).await;
    loop {
        all.extend(list(&page, rows).iter().map(|row| text_of(&row[member]).to_owned()));
        let Some(next) = page["next"].as_str() else { return all };
        assert!(all.len() < 100, "the list never ends");
        let joint = if path.contains('?') { '&' } else { '?' };
        page = gateway.of_tenant(&format!("{path}{joint}before={next}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_notification_is_delivered_again_under_its_own_id() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let key = gateway.text("/wecard/platform_public_key_pem");
    // One that was delivered, and one whose merchant only refuses so far.
    for refused in [false, true] {
        if refused {
            merchant.next([MerchantReply::Answer(500, "closed today".to_owned())]);
        }
        let number = paid_order(&gateway, &mut merchant, 1000).await;
        let story = gateway.story(&number).await;
        let id = text_of(&story["notifications"][0]["id"]);
        let state = if refused { "due" } else { "delivered" };
        assert_eq!(story["notifications"][0]["state"], state);
        let path = format!("{TENANT}/notifications/{id}");
        gateway.advance(5).await;
        let replayed = gateway.admin(Post, &format!("{path}/replay")).await;
        assert_eq!((replayed.status, &replayed.body["id"]), (202, &json!(id)));
        let again = merchant.received().await;
        assert!(again.is_signed_by(&key));
        assert_eq!(again.json()["NotifyId"], id);
        assert_eq!(again.json()["Result"]["OutOrderId"], number);
        let story = gateway
            .until_story(&number, |story| story["notifications"][0]["attempt_count"] == 2)
            .await;
        assert_eq!(story["notifications"][0]["state"], "delivered");
        assert_eq!(story["tasks"], json!([]), "it would be sent a third time");
        let replays = list(&story, "events").iter().filter(|it| it["change"] == "replayed");
        let callers: Vec<&str> = replays.map(|event| text_of(&event["caller"])).collect();
        assert_eq!(callers, ["operator:admin"]);
        let one = gateway.admin(Get, &path).await.body;
        assert_eq!(one["attempts"], story["notifications"][0]["attempts"]);
        assert_eq!(list(&story, "transfers").len(), 1);
    }
    let nobody =
        gateway.admin(Post, &format!("{TENANT}/notifications/100000000000000000/replay")).await;
    assert_eq!(nobody.status, 404);
    assert!(merchant.waiting().is_empty());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_starts_the_schedule_anew() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    merchant.next(vec![MerchantReply::Answer(500, String::new()); 4]);
    let number = paid_order(&gateway, &mut merchant, 1000).await;
    let attempted = |times: usize| {
        move |story: &Value| {
            story["notifications"][0]["attempts"].as_array().is_some_and(|it| it.len() == times)
        }
    };
    for attempts in [2, 3] {
        gateway.advance(15).await;
        merchant.received().await;
        gateway.until_story(&number, attempted(attempts)).await;
    }
    let story = gateway.story(&number).await;
    let id = text_of(&story["notifications"][0]["id"]);
    let replay = format!("{TENANT}/notifications/{id}/replay");
    assert_eq!(gateway.admin(Post, &replay).await.status, 202);
    merchant.received().await;
    let story = gateway.until_story(&number, attempted(4)).await;
    assert_eq!(story["notifications"][0]["state"], "due");
    // After the third attempt it would have waited 30 s, after a first one it waits 15 s.
    gateway.advance(16).await;
    assert_eq!(merchant.received().await.json()["NotifyId"], id);
    gateway.until_story(&number, |story| story["notifications"][0]["state"] == "delivered").await;
}

/// What was paid before is told, or the merchant never learns of its money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_tenant_is_refused_and_still_notified() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let key = gateway.text("/wecard/platform_public_key_pem");
    merchant.next([MerchantReply::Answer(500, "closed today".to_owned())]);
    let number = paid_order(&gateway, &mut merchant, 1000).await;
    let disabled = gateway.admin(Post, &format!("{TENANT}/disable")).await;
    assert_eq!((disabled.status, &disabled.body["enabled"]), (200, &json!(false)));
    let query = json!({"OutOrderId": number});
    gateway.refused(QUERY_ORDER, &query, "AuthFailure.SecretIdNotFound").await;
    gateway.advance(15).await;
    let again = merchant.received().await;
    assert!(again.is_signed_by(&key));
    assert_eq!(again.json()["Result"]["OutOrderId"], number);
    let enabled = gateway.admin(Post, &format!("{TENANT}/enable")).await;
    assert_eq!(enabled.status, 200);
    gateway.until_status(&number, "SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_describes_every_path() {
    let gateway = TestGateway::start();
    let document = gateway.get("/admin/v1/openapi.json").await;
    assert_eq!(document.status, 200);
    let document = document.body;
    assert!(text_of(&document["openapi"]).starts_with("3."));
    let paths = document["paths"].as_object().expect("paths");
    for (path, method) in [
        ("/admin/v1/tenants", "get"),
        ("/admin/v1/tenants/{tenant}", "put"),
        ("/admin/v1/tenants/{tenant}/merchants/{merchant}", "put"),
        ("/admin/v1/tenants/{tenant}/caller-keys/{key_id}", "put"),
        ("/admin/v1/tenants/{tenant}/caller-keys/{key_id}/rotate", "post"),
        ("/admin/v1/tenants/{tenant}/channel-accounts/{name}", "put"),
        ("/admin/v1/tenants/{tenant}/orders", "get"),
        ("/admin/v1/tenants/{tenant}/orders/{order}", "get"),
        ("/admin/v1/tenants/{tenant}/orders/by-number/{merchant_order_no}", "get"),
        ("/admin/v1/tenants/{tenant}/accounts", "get"),
        ("/admin/v1/tenants/{tenant}/accounts/{kind}/{owner}/postings", "get"),
        ("/admin/v1/tenants/{tenant}/notifications", "get"),
        ("/admin/v1/tenants/{tenant}/notifications/{notification}", "get"),
        ("/admin/v1/tenants/{tenant}/notifications/{notification}/replay", "post"),
        ("/admin/v1/tenants/{tenant}/tasks/{kind}/{id}/resume", "post"),
    ] {
        let operation = &paths[path][method];
        assert!(operation["responses"].is_object(), "{method} {path} is not described");
    }
    assert_eq!(document["components"]["securitySchemes"]["admin_token"]["scheme"], "bearer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_see_life_readiness_and_numbers() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    paid_order(&gateway, &mut merchant, 1000).await;
    for (path, body) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status, answer.body), (200, json!(body)), "{path}");
    }
    assert_eq!(gateway.get("/metrics").await.status, 401, "only with the token at this address");
    let metrics = gateway.metrics().await;
    for line in [
        "tongbao_commits_total ",
        r#"tongbao_commands_total{command="place_order"} 1"#,
        "tongbao_channel_call_seconds",
        "tongbao_task_age_seconds{lane=\"money\"} ",
        "tongbao_notification_attempts_total",
    ] {
        assert!(metrics.lines().any(|it| it.starts_with(line)), "{line} is missing:\n{metrics}");
    }
    for secret in [gateway.text("/admin_token"), gateway.text("/wecard/hmac/secret_key")] {
        assert!(!metrics.contains(&secret), "a secret is in the metrics");
    }
}
