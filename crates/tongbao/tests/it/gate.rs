//! Budgets before anything costs: how often, how much and how many, and who may do what.

use crate::test_gateway::{
    CallerKey, QUERY_ORDER, Signature, fresh_database, start_saying, tongbao, unix_seconds,
    utc_date,
};
use channel::Method::{self, Get, Post};
use engine::{Guard, HttpClient, HyperClient, SendContext};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::time::Duration;
use tempfile::TempDir;
use test_postgres::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const CONTEXT: SendContext<'static> = SendContext { tenant: "", deadline: Duration::from_secs(30) };
/// What must be answered although others crowd.
const PROMPT: Duration = Duration::from_secs(3);
const READ: &str = "the-token-of-rita-who-reads";
const OPERATE: &str = "the-token-of-otto-who-operates";
const CONFIGURE: &str = "the-token-of-carla-who-configures";
const SECRET: &str = "the-secret-of-a-business-system";

/// A running `tongbao serve` without tenants, with an operator of each role.
struct Served {
    child: Child,
    _folder: TempDir,
    _database: Option<Database>,
    url: String,
    operations_url: String,
    client: HyperClient,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts with these limits.
    fn start(limits: &str) -> Served {
        let folder = tempfile::tempdir().expect("a folder");
        let database = crate::ON_POSTGRES.then(fresh_database);
        let url = database.as_ref().map_or("sqlite:site.db".to_owned(), |it| it.url().to_owned());
        let operator = |name: &str, role: &str, token: &str| {
            format!("[[admin_token]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken = \"{token}\"\n")
        };
        let text = format!(
            "listen = \"127.0.0.1:0\"\noperations_listen = \"127.0.0.2:0\"\n\
             public_url = \"http://pay.example\"\ndatabase = \"{url}\"\n\
             master_key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n\
             platform_private_key = '''{}'''\n[limits]\n{limits}\n{}{}{}",
            crypto::rsa::generate().expect("a key"),
            operator("rita", "read", READ),
            operator("otto", "operate", OPERATE),
            operator("carla", "configure", CONFIGURE),
        );
        let config = folder.path().join("tongbao.toml");
        std::fs::write(&config, text).expect("written");
        let (child, said) = start_saying(tongbao().arg("serve").arg("--config").arg(&config))
            .expect("it ended before it was ready");
        let after = |word: &str| {
            let line = said.iter().find_map(|line| line.strip_prefix(word));
            line.unwrap_or_else(|| panic!("no {word} in {said:?}")).to_owned()
        };
        Served {
            child,
            _folder: folder,
            _database: database,
            url: after("ready "),
            operations_url: after("operations "),
            client: HyperClient::new(Guard::Open, 1024 * 1024).expect("a client"),
        }
    }

    fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").parse().expect("an address")
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.expect("a connection")
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> channel::Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let (url, body) = (url.to_owned(), body.as_bytes().to_vec());
        let request = channel::Request { method, url, headers: headers.collect(), body };
        self.client.send(&request, CONTEXT).await.expect("an answer")
    }

    /// A request of the administration; its status and JSON. Our client has no `PUT`, so it is written
    /// by hand.
    async fn admin(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let host = self.operations_url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await.expect("a connection");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Creates a tenant with a caller key for each of these.
    async fn create(&self, tenants: &[&str]) {
        for tenant in tenants {
            let name = json!({"name": tenant});
            let path = format!("/tenants/{tenant}");
            let (status, body) = self.admin("PUT", &path, CONFIGURE, &name).await;
            assert_eq!(status, 200, "{body}");
            let key = json!({"proof": {"hmac": {"secret": SECRET}}});
            let path = format!("/tenants/{tenant}/caller-keys/AKID{tenant}");
            let (status, body) = self.admin("PUT", &path, CONFIGURE, &key).await;
            assert_eq!(status, 200, "{body}");
        }
    }

    /// A signed query of a tenant about an order that there is not: `ErrCode`, `Retry-After`.
    async fn query(&self, tenant: &str, secret: &str) -> (String, Option<String>) {
        let body = r#"{"OutOrderId":"nothing_1"}"#;
        let now = unix_seconds();
        let signature = Signature {
            path: QUERY_ORDER.to_owned(),
            query: String::new(),
            body: body.as_bytes().to_vec(),
            host: self.url.trim_start_matches("http://").to_owned(),
            content_type: "application/json".to_owned(),
            action: "wxpay".to_owned(),
            ocode: tenant.to_owned(),
            timestamp: now,
            date: utc_date(now),
            signed_headers: "content-type;host;x-tc-ocode;x-tc-action".to_owned(),
            secret_id: format!("AKID{tenant}"),
            key: CallerKey::Hmac(secret.to_owned()),
        };
        let headers = signature.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = self.ask(Post, &format!("{}{QUERY_ORDER}", self.url), &headers, body).await;
        assert_eq!(answer.status, 200);
        let envelope: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let response = &envelope["Response"];
        assert!(response["Result"].is_null(), "{response}");
        let code = response["ErrCode"].as_str().expect("a code").to_owned();
        (code, answer.header("retry-after").map(str::to_owned))
    }

    /// Its resident memory, in MiB.
    fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
        kib / 1024
    }

    async fn is_healthy(&self) -> bool {
        let url = format!("{}/healthz", self.operations_url);
        let asked = self.ask(Get, &url, &[], "");
        matches!(tokio::time::timeout(PROMPT, asked).await, Ok(answer) if answer.status == 200)
    }
}

/// The status line of an answer, whose body may never come whole.
async fn status_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let read = async {
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await.expect("an answer"));
        }
    };
    tokio::time::timeout(PROMPT, read).await.expect("a prompt answer");
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_have_an_address_of_their_own() {
    let served = Served::start("");
    for path in ["/healthz", "/readyz", "/metrics", "/admin/v1/openapi.json"] {
        let apart = served.ask(Get, &format!("{}{path}", served.operations_url), &[], "").await;
        assert_eq!(apart.status, 200, "{path}");
        let public = served.ask(Get, &format!("{}{path}", served.url), &[], "").await;
        assert_eq!(public.status, 404, "{path}");
    }
    let orders = format!("{}{QUERY_ORDER}", served.operations_url);
    assert_eq!(served.ask(Post, &orders, &[], "{}").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_allows_what_is_its_own() {
    let served = Served::start("");
    let merchant = json!({"name": "茶馆"});
    for token in [READ, OPERATE] {
        let (status, refused) = served.admin("PUT", "/tenants/1", token, &merchant).await;
        assert_eq!((status, &refused["error"]["code"]), (403, &json!("forbidden")));
    }
    assert_eq!(served.admin("PUT", "/tenants/1", CONFIGURE, &merchant).await.0, 200);
    let replay = "/tenants/1/notifications/100000000000000000/replay";
    for (token, status) in [(READ, 403), (OPERATE, 404), (CONFIGURE, 404)] {
        assert_eq!(served.admin("POST", replay, token, &Value::Null).await.0, status);
        assert_eq!(served.admin("GET", "/tenants/1", token, &Value::Null).await.0, 200);
    }
    assert_eq!(served.admin("GET", "/tenants/1", "guess", &Value::Null).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_too_often_is_refused_and_its_neighbours_are_not() {
    let served = Served::start(
        "caller_key_per_second = 1\ncaller_key_burst = 5\n\
         failures_per_second = 1\nfailures_burst = 3",
    );
    served.create(&["1", "2"]).await;
    let mut codes = Vec::new();
    for _ in 0..9 {
        codes.push(served.query("1", SECRET).await);
    }
    let refused = ("RequestLimitExceeded".to_owned(), Some("1".to_owned()));
    let answered = ("ORDER.ORDER_NOT_EXIST".to_owned(), None);
    assert_eq!(codes[..5], vec![answered.clone(); 5]);
    assert!(codes[5..].contains(&refused), "{codes:?}");
    assert_eq!(served.query("2", SECRET).await, answered);

    // Guesses are answered like the others, until there are too many; a proof still counts.
    let mut guesses = Vec::new();
    for _ in 0..8 {
        guesses.push(served.query("2", "a-wrong-secret-of-the-system").await.0);
    }
    assert_eq!(guesses[..3], vec!["AuthFailure.SignatureFailure"; 3]);
    assert!(guesses[3..].contains(&refused.0), "{guesses:?}");
    assert_eq!(served.query("2", SECRET).await, answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found_before_its_body_comes() {
    let served = Served::start("");
    for path in ["/channel/nobody/callback", "/no/such/route", "/cloudpay/v1/pay/nothing"] {
        let mut stream = served.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: 1000000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        assert_eq!(status_line(&mut stream).await, "HTTP/1.1 404 Not Found", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_its_share_of_connections() {
    let served = Served::start("connections_per_address = 4");
    let ask = b"GET /no/such/route HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = served.connect().await;
        stream.write_all(ask).await.expect("sent");
        status_line(&mut stream).await;
        held.push(stream);
    }
    let mut fifth = served.connect().await;
    let _ = fifth.write_all(ask).await;
    let mut answer = Vec::new();
    // It is closed, or reset because of what it had sent.
    let closed = tokio::time::timeout(PROMPT, fifth.read_to_end(&mut answer)).await;
    assert!(closed.is_ok() && answer.is_empty(), "{answer:?}");
    let mut other = from(2, served.address()).await;
    other.write_all(ask).await.expect("sent");
    assert_eq!(status_line(&mut other).await, "HTTP/1.1 404 Not Found");
    assert!(served.is_healthy().await);
}

/// A connection from another loopback address.
async fn from(host: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).expect("a loopback address");
    socket.connect(to).await.expect("a connection")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_of_bodies_take_little_memory() {
    const CONNECTIONS: u8 = 250;
    const RESIDENT_MIB_MAX: u64 = 200;
    let served = Served::start("connections_per_address = 1000");
    let before = served.resident_mib();
    let whole = 256 * 1024;
    let head = format!(
        "POST {QUERY_ORDER} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {whole}\r\n\r\n"
    );
    let half = [head.into_bytes(), vec![b' '; whole / 2]].concat();
    let mut held = Vec::new();
    for host in (2..6).flat_map(|host| std::iter::repeat_n(host, CONNECTIONS.into())) {
        let mut stream = from(host, served.address()).await;
        // Where there is no room left, it is refused while it is being sent.
        let _ = stream.write_all(&half).await;
        held.push(stream);
    }
    assert_eq!(held.len(), 1000);
    assert!(served.is_healthy().await);
    let resident = served.resident_mib();
    eprintln!("resident {before} MiB before, {resident} MiB with 1000 halves of bodies");
    assert!(resident < RESIDENT_MIB_MAX, "{resident} MiB resident");
    let mut one = served.connect().await;
    one.write_all(b"GET /cloudpay HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert_eq!(status_line(&mut one).await, "HTTP/1.1 404 Not Found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_only_wait_keep_nobody_out() {
    let served = Served::start("connections_per_address = 8000");
    let ask = b"GET /cloudpay HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut held = Vec::new();
    for number in 0..4096 {
        let mut stream = served.connect().await;
        // Half of them waited after a request, and half never sent one.
        if number % 2 == 0 {
            stream.write_all(ask).await.expect("sent");
        }
        held.push(stream);
    }
    assert!(served.is_healthy().await);
    let mut one = served.connect().await;
    one.write_all(ask).await.expect("sent");
    assert_eq!(status_line(&mut one).await, "HTTP/1.1 404 Not Found");
}
