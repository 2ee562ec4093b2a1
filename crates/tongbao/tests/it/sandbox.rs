//! The simulated WeChat Pay as an SDK sees it that knows nothing of this program: bytes on a socket, the
//! keys of `dev.json`, and the habits of the official clients for Java and Go.

use crate::test_gateway::*;
use adapters::clock::{Clock, SystemClock};
use crypto::certificate::Certificate;
use crypto::rsa::{Signer, Verifier};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use tempfile::TempDir;

const CERTIFICATES: &str = "/v3/certificates";
const JSAPI: &str = "/v3/pay/transactions/jsapi";

/// `tongbao sandbox` in a folder of its own.
struct Sandbox {
    child: Child,
    file: Value,
    folder: TempDir,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message as it was written: the first line, the headers in their case, the body.
#[derive(Debug)]
struct Message {
    first_line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    fn read(stream: &mut impl Read) -> Message {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let first_line = lines.remove(0);
        let headers: Vec<(String, String)> = lines
            .iter()
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let len = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let len = len.map_or(0, |(_, len)| len.parse().expect("a length"));
        let mut body = vec![0; len];
        reader.read_exact(&mut body).expect("the body");
        Message { first_line, headers, body }
    }

    fn status(&self) -> &str {
        self.first_line.split(' ').nth(1).expect("a status")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// As wechatpay-java keeps them: in a map that is asked for names in WeChat Pay's own case.
    fn by_exact_name(&self) -> HashMap<&str, &str> {
        self.headers.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    /// Whether a key signed it, as wechatpay-java and wechatpay-go verify: five headers by exact name,
    /// the serial that of the key, the time within five minutes.
    fn is_signed_by(&self, serial: &str, key: &Verifier) -> bool {
        let headers = self.by_exact_name();
        let header = |name: &str| headers.get(name).copied().unwrap_or_default();
        assert_eq!(header("Wechatpay-Signature-Type"), "WECHATPAY2-SHA256-RSA2048", "{headers:?}");
        let (timestamp, nonce) = (header("Wechatpay-Timestamp"), header("Wechatpay-Nonce"));
        let age = now() - timestamp.parse::<i64>().expect("seconds");
        let text = [timestamp.as_bytes(), nonce.as_bytes(), &self.body, b""].join(&b'\n');
        header("Wechatpay-Serial") == serial
            && age.abs() < 300
            && key.verify(&text, header("Wechatpay-Signature"))
    }
}

fn now() -> i64 {
    SystemClock::new().now().seconds()
}

impl Sandbox {
    fn start(trust: &str) -> Sandbox {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = tongbao();
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--wxpay-trust", trust, "--data"]);
        let child = start_until_ready(command.arg(folder.path())).expect("it is ready");
        let file = dev_file(folder.path());
        Sandbox { child, file, folder }
    }

    fn text(&self, name: &str) -> &str {
        self.file["wxpay"][name].as_str().unwrap_or_else(|| panic!("no {name}"))
    }

    /// Sends bytes and reads the answer.
    fn send(&self, request: &str) -> Message {
        let url = self.file["sandbox_url"].as_str().expect("a URL");
        let mut stream =
            TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
        stream.write_all(request.as_bytes()).expect("it is sent");
        Message::read(&mut stream)
    }

    /// The same, signed with the merchant's key.
    fn call(&self, method: &str, target: &str, body: &str, more: &str) -> Message {
        let (time, nonce) = (now(), "593BEC0C930BF1AFEB40B4A08C8FB242");
        let text = format!("{method}\n{target}\n{time}\n{nonce}\n{body}\n");
        let signer = Signer::from_pem(self.text("private_key_pem")).expect("a key");
        let signature = signer.sign(text.as_bytes()).expect("it signs");
        let (mchid, serial) = (self.text("mchid"), self.text("serial_no"));
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\
             User-Agent: an SDK\r\nContent-Type: application/json\r\n\
             Content-Length: {len}\r\n{more}\
             Authorization: WECHATPAY2-SHA256-RSA2048 mchid=\"{mchid}\",nonce_str=\"{nonce}\",\
             timestamp=\"{time}\",serial_no=\"{serial}\",signature=\"{signature}\"\r\n\r\n{body}",
            len = body.len(),
        ))
    }

    fn control(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let len = body.len();
        let answer = self.send(&format!(
            "POST /control/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"
        ));
        assert_eq!(answer.status(), "200", "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    fn order(&self, number: &str, notify_url: &str) -> Message {
        let order = json!({
            "appid": self.text("appid"), "mchid": self.text("mchid"), "description": "商品",
            "out_trade_no": number, "notify_url": notify_url,
            "amount": { "total": 100, "currency": "CNY" },
        });
        self.call("POST", "/v3/pay/transactions/native", &order.to_string(), "")
    }

    fn certificate(&self) -> Verifier {
        Verifier::from_certificate_pem(self.text("platform_cert_pem")).expect("a certificate")
    }

    fn public_key(&self) -> Verifier {
        Verifier::from_public_pem(self.text("public_key_pem")).expect("a key")
    }
}

#[test]
fn the_names_of_headers_are_written_as_the_real_server_writes_them() {
    let sandbox = Sandbox::start("certificate");
    let merchant = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/notify", merchant.local_addr().expect("an address"));
    let ordered = sandbox.order(&fresh_number(), &url);
    assert_eq!(ordered.status(), "200");
    let signed = [
        "Wechatpay-Nonce",
        "Wechatpay-Serial",
        "Wechatpay-Signature",
        "Wechatpay-Signature-Type",
        "Wechatpay-Timestamp",
    ];
    let names = |message: &Message| -> Vec<String> {
        let names = message.headers.iter().map(|(name, _)| name.clone());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with("Date")).collect();
        names.sort();
        names
    };
    let more = ["Content-Length", "Content-Type", "Request-ID"];
    assert_eq!(names(&ordered), [&more[..], &signed[..]].concat());
    let id = ordered.by_exact_name()["Request-ID"];
    assert!(id.ends_with("-0"), "{id}");

    let code = ordered.json()["code_url"].clone();
    sandbox.control("pay", &json!({ "pay_info": code, "outcome": "success" }));
    let (mut stream, _) = merchant.accept().expect("a callback");
    let callback = Message::read(&mut stream);
    let more = ["Accept", "Content-Length", "Content-Type", "Host", "User-Agent"];
    assert_eq!(names(&callback), [&more[..], &signed[..]].concat());
    let serial = sandbox.text("platform_serial_no");
    assert!(callback.is_signed_by(serial, &sandbox.certificate()), "{callback:?}");
}

#[test]
fn a_merchant_knows_the_channel_by_one_kind_of_key() {
    for trust in ["certificate", "public_key", "switching"] {
        let sandbox = Sandbox::start(trust);
        assert_eq!(sandbox.text("trust"), trust);
        let (certificate, serial) = (sandbox.certificate(), sandbox.text("platform_serial_no"));
        let (public_key, id) = (sandbox.public_key(), sandbox.text("public_key_id"));
        let listed = sandbox.call("GET", CERTIFICATES, "", "");
        let wanting = format!("Wechatpay-Serial: {id}\r\n");
        let wanted = sandbox.call("GET", CERTIFICATES, "", &wanting);
        match trust {
            "public_key" => {
                assert_eq!(listed.json()["code"], "RESOURCE_NOT_EXISTS");
                assert!(
                    listed.is_signed_by(id, &public_key) && wanted.is_signed_by(id, &public_key)
                );
            }
            "certificate" => {
                assert_eq!(listed.json()["data"][0]["serial_no"], serial);
                assert!(listed.is_signed_by(serial, &certificate));
                assert!(wanted.is_signed_by(serial, &certificate));
            }
            _ => {
                assert!(listed.is_signed_by(serial, &certificate));
                assert!(wanted.is_signed_by(id, &public_key));
            }
        }
    }
}

#[test]
fn trust_and_certificates_are_turned_while_it_runs_and_stay_turned() {
    let mut sandbox = Sandbox::start("certificate");
    let old = sandbox.text("platform_serial_no").to_owned();
    let made = sandbox.control("rotate", &json!({ "channel": "wxpay" }));
    let new = Certificate::read(made["platform_cert_pem"].as_str().expect("PEM")).expect("one");
    assert_eq!(made["platform_serial_no"], *new.serial);
    let listed = sandbox.call("GET", CERTIFICATES, "", "");
    let key = Verifier::from_certificate_pem(&new.pem).expect("a key");
    assert!(listed.is_signed_by(&new.serial, &key));
    let serials = |list: &Value| -> Vec<String> {
        let list = list["data"].as_array().expect("a list").iter();
        list.map(|one| one["serial_no"].as_str().expect("a serial").to_owned()).collect()
    };
    assert_eq!(serials(&listed.json()), [old, new.serial.clone()]);

    let ended = sandbox.control("end_rotation", &json!({ "channel": "wxpay" }));
    assert_eq!(ended, json!({ "dropped": 1 }));
    let trust = json!({ "channel": "wxpay", "mchid": sandbox.text("mchid"), "trust": "switching" });
    assert_eq!(sandbox.control("trust", &trust)["trust"], "switching");

    sandbox.child.kill().expect("it was running");
    sandbox.child.wait().expect("it ends");
    let mut command = tongbao();
    command.args(["sandbox", "--listen", "127.0.0.1:0", "--data"]).arg(sandbox.folder.path());
    sandbox.child = start_until_ready(&mut command).expect("it is ready");
    sandbox.file = dev_file(sandbox.folder.path());
    assert_eq!(
        (sandbox.text("trust"), sandbox.text("platform_serial_no")),
        ("switching", &*new.serial)
    );
    let listed = sandbox.call("GET", CERTIFICATES, "", "");
    assert_eq!(serials(&listed.json()), [new.serial]);
}

#[test]
fn what_the_real_server_does_not_offer_is_refused_as_it_refuses() {
    let sandbox = Sandbox::start("public_key");
    for (method, target, status) in [
        ("GET", JSAPI, "405"),
        ("PUT", JSAPI, "405"),
        ("PATCH", CERTIFICATES, "405"),
        ("DELETE", "/v3/refund/domestic/refunds/R1", "405"),
        ("DELETE", "/v3/nothing", "404"),
        ("OPTIONS", "/v3/nothing", "404"),
        ("POST", "/v3/profitsharing/bills", "405"),
        ("POST", "/pay/report", "404"),
        ("POST", "/mmpaymkttransfers/sendredpack", "404"),
        ("GET", "/", "404"),
    ] {
        let answer = sandbox.call(method, target, "", "");
        assert_eq!((answer.status(), &*answer.body), (status, &b""[..]), "{method} {target}");
        let mut names = answer.headers.iter().map(|(name, _)| &**name);
        let is_plain = names.all(|name| !name.starts_with("Wechatpay") && name != "Request-ID");
        assert!(is_plain, "{answer:?}");
    }
}

#[test]
fn an_sdk_works_on_after_the_clock_was_moved() {
    let sandbox = Sandbox::start("public_key");
    sandbox.control("clock", &json!({ "advance_s": 86_400 }));
    let merchant = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/notify", merchant.local_addr().expect("an address"));
    let ordered = sandbox.order(&fresh_number(), &url);
    let (id, key) = (sandbox.text("public_key_id"), sandbox.public_key());
    assert!(ordered.is_signed_by(id, &key), "{ordered:?}");
    let code = ordered.json()["code_url"].clone();
    sandbox.control("pay", &json!({ "pay_info": code, "outcome": "success" }));
    let (mut stream, _) = merchant.accept().expect("a callback");
    assert!(Message::read(&mut stream).is_signed_by(id, &key));
}

/// The gateway is configured for what its merchant trusts, and lives by that alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_collects_with_each_kind_of_key() {
    for trust in ["certificate", "public_key", "switching"] {
        let gateway = TestGateway::start_trusting(trust);
        assert_eq!(gateway.text("/wxpay/trust"), trust);
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{trust}: {placed}");
        gateway.pay(&placed["PayInfo"]).await;
        gateway.until_status(&number, "SUCCESS").await;
        gateway.check_books();
    }
}
