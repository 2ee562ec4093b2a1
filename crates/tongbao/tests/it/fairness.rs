//! Two tenants on one gateway: what one's merchants do not answer delays nothing of the other's.

use crate::merchant::Merchant;
use crate::test_gateway::{
    CallerKey, Signature, TestGateway, UNIFIED_ORDER, fresh_number, shanghai, with,
};
use adapters::Stopwatch;
use channel::Method::Get;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A tenant with a merchant that collects through the builtin channels.
#[derive(Clone, Copy)]
struct Tenant {
    id: &'static str,
}

impl Tenant {
    fn secret_id(self) -> String {
        format!("AKID{}", self.id)
    }

    fn secret(self) -> String {
        format!("the secret of {}", self.id)
    }

    /// Declares it through the administration.
    async fn open(self, gateway: &TestGateway) {
        let put = async |path: String, body: Value| {
            let path = format!("/admin/v1/tenants/{}{path}", self.id);
            let answer = put(gateway, &path, &body.to_string()).await;
            assert!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        };
        put(String::new(), json!({"name": self.id})).await;
        for channel in ["none", "paid"] {
            let path = format!("/channel-accounts/{channel}-{}", self.id);
            put(path, json!({"channel": channel, "settings": {}})).await;
        }
        let accounts = ["none", "paid"].map(|channel| format!("{channel}-{}", self.id));
        let merchant = json!({"name": self.id, "channel_accounts": accounts});
        put(format!("/merchants/CM{}", self.id), merchant).await;
        let key = json!({"proof": {"hmac": {"secret": self.secret()}}});
        put(format!("/caller-keys/{}", self.secret_id()), key).await;
    }

    /// A signed call that succeeds; its `Result`.
    async fn result(self, gateway: &TestGateway, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let signature = Signature {
            ocode: self.id.to_owned(),
            secret_id: self.secret_id(),
            key: CallerKey::Hmac(self.secret()),
            ..gateway.signed(path, body.as_bytes())
        };
        let answer = gateway.post_raw(path, signature.headers(), body.as_bytes()).await;
        let response = &answer.body["Response"];
        assert_eq!(response["ErrCode"], "SUCCESS", "{answer:?}");
        response["Result"].clone()
    }

    fn order(self, channel: &str, number: &str) -> Value {
        json!({
            "ChannelSubMerchantId": format!("CM{}", self.id),
            "TotalAmount": 1000,
            "PayChannel": channel,
            "PayType": "PC",
            "OrderSubject": "杂粮煎饼",
            "OutOrderId": number,
        })
    }

    /// Places an order that is paid at once; its merchant is told at this URL.
    async fn pay(self, gateway: &TestGateway, url: &str) {
        let body = with(&self.order("PAID", &fresh_number()), "NotifyUrl", json!(url));
        let placed = self.result(gateway, UNIFIED_ORDER, &body).await;
        assert_eq!(placed["OrderStatus"], "SUCCESS", "{placed}");
    }
}

/// A `PUT` to the administration, which the client of channels cannot send; the whole answer.
pub(crate) async fn put(gateway: &TestGateway, path: &str, body: &str) -> String {
    let address = gateway.text("/base_url").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let (token, len) = (gateway.text("/admin_token"), body.len());
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
        Content-Type: application/json\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// A server that takes connections and never answers; its port.
async fn deaf_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        let mut held = vec![];
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    port
}

const SPELLINGS: [&str; 8] = [
    "localhost",
    "LOCALHOST",
    "Localhost",
    "lOCALHOST",
    "LocalHost",
    "localHOST",
    "loCalHost",
    "127.0.0.1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deaf_merchant_of_one_tenant_delays_nothing_of_another() {
    const ORDERS: usize = 400;
    let mut gateway = TestGateway::start();
    let (noisy, quiet) = (Tenant { id: "200001" }, Tenant { id: "200002" });
    for tenant in [noisy, quiet] {
        tenant.open(&gateway).await;
    }
    let port = deaf_server().await;
    for number in 0..ORDERS {
        let host = SPELLINGS[number % SPELLINGS.len()];
        noisy.pay(&gateway, &format!("http://{host}:{port}/{number}")).await;
    }
    let number = fresh_number();
    let expires = json!(shanghai(gateway.now() + 40));
    let expiring = with(&quiet.order("NONE", &number), "ExpireTime", expires);
    quiet.result(&gateway, UNIFIED_ORDER, &expiring).await;
    // What found no room is due now, and the order's time is up.
    gateway.advance(41).await;
    let mut merchant = Merchant::start().await;
    let paid = Stopwatch::start();
    quiet.pay(&gateway, &merchant.notify_url).await;
    merchant.received().await;
    let took = paid.elapsed();
    assert!(took < Duration::from_secs(5), "the notification took {took:?}");
    let path = format!("/tenants/{}/orders/by-number/{number}", quiet.id);
    let mut state = Value::Null;
    while paid.elapsed() < Duration::from_secs(15) && state != "failed" {
        state = gateway.admin(Get, &path).await.body["order"]["state"].clone();
    }
    assert_eq!(state, "failed", "the order is past its time");
    gateway.check_books();
}

/// The figure of a metric's line; zero where there is none.
async fn metric(gateway: &TestGateway, line: &str) -> u64 {
    let metrics = gateway.metrics().await;
    let figure = metrics.lines().find_map(|it| it.strip_prefix(line));
    figure.and_then(|figure| figure.trim().parse().ok()).unwrap_or_default()
}

/// What is put off again and again is due in a moment each time; it stays as old as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_stands_shows_its_age_and_needs_a_person() {
    const ORDERS: usize = 1_500;
    let mut gateway = TestGateway::start_logged();
    let noisy = Tenant { id: "200003" };
    noisy.open(&gateway).await;
    let port = deaf_server().await;
    for number in 0..ORDERS {
        noisy.pay(&gateway, &format!("http://localhost:{port}/{number}")).await;
    }
    gateway.advance(20 * 60).await;
    let waited = Stopwatch::start();
    let mut list = Value::Null;
    while waited.elapsed() < Duration::from_secs(60) {
        let age = metric(&gateway, "tongbao_task_age_seconds{lane=\"notifications\"}").await;
        let late = metric(&gateway, "tongbao_attention{kind=\"late\"}").await;
        if age > 15 * 60 && late == 1 {
            list = gateway.admin(Get, "/attention?kind=late&row=notification").await.body;
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let row = &list["rows"][0];
    assert_eq!((&row["kind"], &row["tenant"]), (&json!("late"), &json!(noisy.id)), "{list}");
    let reason = row["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("1,") && reason.contains("tasks of notifications"), "{reason}");
    assert_eq!(list["counts"][0]["kind"], "late");
    let none = gateway.admin(Get, "/attention?kind=late&row=order").await.body;
    assert_eq!(none["rows"], json!([]));
    let log = std::fs::read_to_string(gateway.data().join("log")).expect("a log");
    let begun = |line: &&str| line.contains("needs a person") && line.contains("late");
    assert_eq!(log.lines().filter(begun).count(), 1, "{reason}");
    gateway.check_books();
}
