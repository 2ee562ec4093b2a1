//! A channel that differs from the sandbox as the real one may: it does not sign what its gate refuses, it
//! begins to sign with a new certificate, its clock is wrong.

use crate::test_gateway::{
    CLOSE_ORDER, CallerKey, QUERY_ORDER, Signature, TestGateway, UNIFIED_ORDER, fresh_number,
    order, start_saying, tongbao, unix_seconds, with,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use crypto::certificate::Certificate;
use crypto::rsa::Signer;
use crypto::{aead, text};
use engine::{Guard, HttpClient, HyperClient, SendContext};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

const PLACE: &str = "/pay/transactions/jsapi";
const QUERY: &str = "?mchid=";
const CLOSE: &str = "/close";
const UNKNOWN: &str = "FailedOperation.SystemError";
const PARAM_ERROR: &str = r#"{"code":"PARAM_ERROR","message":"无效的openid"}"#;
const NOT_FOUND: &str = r#"{"code":"ORDER_NOT_EXIST","message":"订单不存在"}"#;

/// A key of the channel and its certificate.
struct PlatformKey {
    signer: Signer,
    certificate: Certificate,
}

impl PlatformKey {
    fn new() -> Arc<PlatformKey> {
        let pem = crypto::rsa::generate().expect("a key");
        let (since, until) = (unix_seconds() - 86_400, unix_seconds() + 400 * 86_400);
        let certificate = crypto::certificate::self_signed(&pem, "Tenpay", since, until);
        let signer = Signer::from_pem(&pem).expect("a key");
        Arc::new(PlatformKey { signer, certificate: certificate.expect("made") })
    }
}

/// What happens to the next request whose target holds a part.
enum Turn {
    /// It does not reach the channel; this is answered, unsigned.
    Unsigned(&'static str, u16, &'static str),
    /// The channel carries it out, and its answer is lost.
    Lost(&'static str),
}

/// Stands before the sandbox's channel and signs its answers with keys of its own.
struct Channel {
    sandbox_url: String,
    apiv3_key: String,
    client: HyperClient,
    turns: Mutex<VecDeque<Turn>>,
    /// The certificates in its list; the last one signs.
    keys: Mutex<Vec<Arc<PlatformKey>>>,
    ahead_seconds: Mutex<i64>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Channel {
    fn next(&self, turns: impl IntoIterator<Item = Turn>) {
        locked(&self.turns).extend(turns);
    }

    /// The turn of this target, if it is the next one.
    fn turn(&self, target: &str) -> Option<Turn> {
        let mut turns = locked(&self.turns);
        let part = match turns.front()? {
            Turn::Unsigned(part, ..) | Turn::Lost(part) => *part,
        };
        if target.contains(part) { turns.pop_front() } else { None }
    }

    async fn forward(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> (u16, Vec<u8>) {
        let wanted = ["authorization", "content-type", "accept", "user-agent"];
        let headers = wanted.iter().filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        });
        let method = match method.as_str() {
            "POST" => channel::Method::Post,
            _ => channel::Method::Get,
        };
        let (url, body) = (format!("{}{uri}", self.sandbox_url), body.to_vec());
        let request = channel::Request { method, url, headers: headers.collect(), body };
        let context = SendContext { tenant: "channel", deadline: Duration::from_secs(10) };
        let answer = self.client.send(&request, context).await.expect("the sandbox answers");
        (answer.status, answer.body)
    }

    fn certificates(&self) -> Vec<u8> {
        let key: [u8; 32] = self.apiv3_key.as_bytes().try_into().expect("32 bytes");
        let (nonce, about) = ("61f9c719728a", "certificate");
        let sealed = |pem: &str| {
            let sealed = aead::seal(&key, nonce.as_bytes(), about.as_bytes(), pem.as_bytes());
            json!({
                "algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": about,
                "ciphertext": text::base64(&sealed.expect("sealed")),
            })
        };
        let entry = |serial: &str, pem: &str| {
            json!({
                "serial_no": serial, "effective_time": "2020-01-01T08:00:00+08:00",
                "expire_time": "2099-01-01T08:00:00+08:00", "encrypt_certificate": sealed(pem),
            })
        };
        let keys = locked(&self.keys);
        let good = keys.iter().map(|key| {
            entry(&format!("0{}", key.certificate.serial.to_lowercase()), &key.certificate.pem)
        });
        let all: Vec<Value> = std::iter::once(entry("1", "not PEM")).chain(good).collect();
        json!({ "data": all }).to_string().into_bytes()
    }

    fn signed(&self, status: u16, body: Vec<u8>) -> Response {
        let key = locked(&self.keys).last().expect("a key").clone();
        let timestamp = (unix_seconds() + *locked(&self.ahead_seconds)).to_string();
        let nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
        let signed = [format!("{timestamp}\n{nonce}\n").as_bytes(), &body, b"\n"].concat();
        let headers = [
            ("Wechatpay-Timestamp", timestamp),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Signature", key.signer.sign(&signed).expect("signed")),
            ("Wechatpay-Serial", key.certificate.serial.clone()),
        ];
        (StatusCode::from_u16(status).expect("a status"), headers, body).into_response()
    }
}

async fn answer(
    State(channel): State<Arc<Channel>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = uri.to_string();
    let turn = channel.turn(&target);
    if let Some(Turn::Unsigned(_, status, body)) = turn {
        return (StatusCode::from_u16(status).expect("a status"), body).into_response();
    }
    if target == "/v3/certificates" {
        return channel.signed(200, channel.certificates());
    }
    let (status, body) = channel.forward(&method, &uri, &headers, &body).await;
    match turn {
        Some(_) => StatusCode::BAD_GATEWAY.into_response(),
        None => channel.signed(status, body),
    }
}

/// A running `tongbao serve` whose only account is at such a channel, and knows it by certificates.
struct Site {
    gateway: TestGateway,
    channel: Arc<Channel>,
    folder: TempDir,
    serving: Child,
    url: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.serving.kill();
        let _ = self.serving.wait();
    }
}

impl Site {
    async fn start() -> Site {
        let gateway = TestGateway::start();
        let channel = Arc::new(Channel {
            sandbox_url: gateway.text("/sandbox_url"),
            apiv3_key: gateway.text("/wxpay/apiv3_key"),
            client: HyperClient::new(Guard::Open, 1024 * 1024).expect("a client"),
            turns: Mutex::default(),
            keys: Mutex::new(vec![PlatformKey::new()]),
            ahead_seconds: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new().fallback(any(answer)).with_state(channel.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let config = write("tongbao.toml", &configuration());
        let tenants = write("tenants.toml", &tenant(&gateway, &format!("http://{address}")));
        let mut apply = tongbao();
        let applied = apply.arg("apply").arg(tenants).arg("--config").arg(&config).output();
        let applied = applied.expect("the program runs");
        assert!(applied.status.success(), "{applied:?}");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut serve: Command = tongbao();
        serve.arg("serve").arg("--config").arg(&config).env("TONGBAO_LOG", "info").stderr(log);
        let (serving, said) = start_saying(&mut serve).expect("it ended before it was ready");
        let url = said.iter().find_map(|line| line.strip_prefix("ready ")).expect("its address");
        let url = url.to_owned();
        Site { gateway, channel, folder, serving, url }
    }

    async fn call(&self, path: &str, body: &Value) -> Value {
        let body = with(body, "ChannelSubMerchantId", json!("CM-1"));
        let bytes = body.to_string();
        let signature = Signature {
            host: self.url.trim_start_matches("http://").to_owned(),
            ocode: "ocode-1".to_owned(),
            secret_id: "AKID1".to_owned(),
            key: CallerKey::Hmac("secret-of-tenant-1".to_owned()),
            ..self.gateway.signed(path, bytes.as_bytes())
        };
        let (method, url) = (channel::Method::Post, format!("{}{path}", self.url));
        let sent = self.gateway.send(method, url, signature.headers(), bytes.as_bytes()).await;
        sent.expect("an answer").body["Response"].clone()
    }

    async fn query(&self, number: &str) -> Value {
        let found = self.call(QUERY_ORDER, &json!({ "OutOrderId": number })).await;
        found["Result"].clone()
    }

    /// Asks until the order has a status, at most 30 s.
    async fn until(&self, number: &str, status: &str) -> Value {
        for _ in 0..600 {
            let found = self.query(number).await;
            if found["OrderStatus"] == status {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{number} never was {status}: {}", self.query(number).await)
    }

    /// How many lines of the log have all of these words.
    fn logged(&self, words: &[&str]) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).expect("a log");
        log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// The order's state at the channel, if it knows it.
    async fn at_channel(&self, found: &Value) -> Option<Value> {
        let orders = self.gateway.sandbox_get("/control/transactions?limit=1000").await;
        let orders = orders["transactions"].as_array().expect("a list").clone();
        let id = &found["ChannelOrderId"];
        let own = orders.into_iter().find(|it| crate::test_gateway::is_of_order(it, id));
        own.map(|own| own["trade_state"].clone())
    }
}

fn configuration() -> String {
    format!(
        "listen = \"127.0.0.1:0\"\noperations_listen = \"127.0.0.2:0\"\n\
         public_url = \"http://127.0.0.1:1\"\ndatabase = \"sqlite:site.db\"\n\
         admin_token = \"site-token-of-the-operators\"\n\
         master_key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n\
         platform_private_key = '''{}'''\n",
        crypto::rsa::generate().expect("a key")
    )
}

fn tenant(gateway: &TestGateway, base_url: &str) -> String {
    let settings: String = ["mchid", "appid", "serial_no", "private_key_pem", "apiv3_key"]
        .map(|name| format!("{name} = '''{}'''\n", gateway.text(&format!("/wxpay/{name}"))))
        .concat();
    format!(
        "[[tenant]]\nocode = \"ocode-1\"\nname = \"1\"\n\
         [[tenant.key]]\nsecret_id = \"AKID1\"\nsecret_key = \"secret-of-tenant-1\"\n\
         [[tenant.merchant]]\nid = \"CM-1\"\naccounts = [\"wx-1\"]\n\
         [[tenant.account]]\nname = \"wx-1\"\nchannel = \"wxpay\"\n\
         [tenant.account.settings]\nbase_url = \"{base_url}\"\n{settings}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gate_refuses_without_signature_is_told_at_once() {
    let site = Site::start().await;
    let number = fresh_number();
    site.channel.next([Turn::Unsigned(PLACE, 400, PARAM_ERROR)]);
    let failed = site.call(UNIFIED_ORDER, &order(&number)).await;
    assert_eq!(failed["Result"]["OrderStatus"], "PAY_FAIL", "{failed}");
    assert_eq!(failed["Result"]["FailReason"], "PARAM_ERROR: 无效的openid");

    // Credentials: the order stays, and the same number passes.
    let number = fresh_number();
    for body in [r#"{"code":"SIGN_ERROR","message":"签名错误"}"#, ""] {
        site.channel.next([Turn::Unsigned(PLACE, 401, body)]);
        let refused = site.call(UNIFIED_ORDER, &order(&number)).await;
        assert_eq!(refused["ErrCode"], "NO_MERCHANT_SECRET", "{refused}");
    }
    let placed = site.call(UNIFIED_ORDER, &order(&number)).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
    assert_eq!(site.logged(&["WARN", "needs a person", "SIGN_ERROR"]), 1);

    // An unknown path or a wrong method is our own fault, and says nothing about the order.
    let number = fresh_number();
    for status in [404, 405] {
        site.channel.next([Turn::Unsigned(PLACE, status, "")]);
        let unknown = site.call(UNIFIED_ORDER, &order(&number)).await;
        assert_eq!(unknown["ErrCode"], UNKNOWN, "{status} {unknown}");
    }
    assert_eq!(site.call(UNIFIED_ORDER, &order(&number)).await["Result"]["OrderStatus"], "PAYING");
    for words in ["no signature proves it", "answer is not understood"] {
        assert_eq!(site.logged(&["WARN", words, "wx-1"]), 1, "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_may_stand_there_is_queried_before_an_unsigned_refusal_ends_it() {
    let site = Site::start().await;
    // It does not stand there. Said twice without signature, that ends no order of seconds ago; said once
    // with a signature, it does.
    let number = fresh_number();
    site.channel.next([
        Turn::Unsigned(PLACE, 502, ""),
        Turn::Unsigned(PLACE, 400, PARAM_ERROR),
        Turn::Unsigned(QUERY, 404, NOT_FOUND),
        Turn::Unsigned(QUERY, 404, NOT_FOUND),
    ]);
    assert_eq!(site.call(UNIFIED_ORDER, &order(&number)).await["ErrCode"], UNKNOWN);
    site.call(UNIFIED_ORDER, &order(&number)).await;
    let failed = site.until(&number, "PAY_FAIL").await;
    assert_eq!(failed["FailReason"], "PARAM_ERROR: 无效的openid");
    assert!(locked(&site.channel.turns).is_empty(), "each was met");

    // It stands there, and we were not told: it is closed there first.
    let number = fresh_number();
    site.channel.next([Turn::Lost(PLACE), Turn::Unsigned(PLACE, 400, PARAM_ERROR)]);
    assert_eq!(site.call(UNIFIED_ORDER, &order(&number)).await["ErrCode"], UNKNOWN);
    site.call(UNIFIED_ORDER, &order(&number)).await;
    let failed = site.until(&number, "PAY_FAIL").await;
    assert_eq!(failed["FailReason"], "PARAM_ERROR: 无效的openid");
    assert_eq!(site.at_channel(&failed).await, Some(json!("CLOSED")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_unsigned_ends_an_order_that_the_channel_confirmed() {
    let site = Site::start().await;
    let number = fresh_number();
    let placed = site.call(UNIFIED_ORDER, &order(&number)).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING");
    let named = json!({ "OutOrderId": number });
    for _ in 0..2 {
        site.channel
            .next([Turn::Unsigned(CLOSE, 404, NOT_FOUND), Turn::Unsigned(CLOSE, 404, NOT_FOUND)]);
        let unknown = site.call(CLOSE_ORDER, &named).await;
        assert_eq!(unknown["ErrCode"], UNKNOWN, "{unknown}");
        assert_eq!(site.query(&number).await["OrderStatus"], "PAYING");
    }
    assert_eq!(site.call(CLOSE_ORDER, &named).await["Result"]["OrderStatus"], "CLOSED");
    assert_eq!(site.at_channel(&placed["Result"]).await, Some(json!("CLOSED")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_fetched_when_it_signs() {
    let site = Site::start().await;
    let placed = site.call(UNIFIED_ORDER, &order(&fresh_number())).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
    locked(&site.channel.keys).push(PlatformKey::new());
    let number = fresh_number();
    // Keys are fetched at most every ten seconds, and they were fetched at the start.
    site.call(UNIFIED_ORDER, &order(&number)).await;
    site.until(&number, "PAYING").await;
    let placed = site.call(UNIFIED_ORDER, &order(&fresh_number())).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
    assert_eq!(site.logged(&["WARN", "signed with an unknown key"]), 1);
    assert!(site.logged(&["WARN", "a fetched key cannot be read"]) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_are_warned_of_once() {
    let site = Site::start().await;
    let placed = site.call(UNIFIED_ORDER, &order(&fresh_number())).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
    *locked(&site.channel.ahead_seconds) = 301;
    for _ in 0..3 {
        let unknown = site.call(UNIFIED_ORDER, &order(&fresh_number())).await;
        assert_eq!(unknown["ErrCode"], UNKNOWN, "{unknown}");
    }
    assert_eq!(site.logged(&["WARN", "the clocks of this machine and of the channel differ"]), 1);
    *locked(&site.channel.ahead_seconds) = 0;
    let placed = site.call(UNIFIED_ORDER, &order(&fresh_number())).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
}
