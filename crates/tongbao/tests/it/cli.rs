//! The command line: what it teaches, proves, tells and refuses.

use crate::merchant::Merchant;
use crate::test_gateway::{
    CallerKey, QUERY_ORDER, Signature, TestGateway, UNIFIED_ORDER, fresh_number, order, run,
    tongbao, with,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const CHECK: &str = "check";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder(gateway: &TestGateway) -> &str {
    gateway.data().to_str().expect("a readable path")
}

async fn pay_an_order(gateway: &TestGateway, body: &Value) -> Value {
    let placed = gateway.result(UNIFIED_ORDER, body).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(body["OutOrderId"].as_str().expect("a number"), "SUCCESS").await
}

#[test]
fn help_teaches() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    for word in
        ["demo", "dev", "apply", "secrets", "check", "bill", "why", "sign", "serve", "dev.json"]
    {
        assert!(said(&help).contains(word), "--help does not mention {word}");
    }
    for verb in
        ["demo", "dev", "apply", "secrets", "check", "bill", "why", "sign", "serve", "sandbox"]
    {
        let help = run(&[verb, "--help"]);
        assert!(help.status.success() && said(&help).contains("Usage"), "{verb}: {help:?}");
    }
    let wrong = run(&["dve"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(complained(&wrong).contains("dve"));
    assert!(said(&run(&["--version"])).starts_with("tongbao "));
}

#[test]
fn the_demonstration_succeeds_and_shows_everything() {
    let demo = run(&["demo"]);
    let all = said(&demo);
    assert!(demo.status.success(), "{all}{}", complained(&demo));
    for part in [
        "PAYING",
        "支付成功",
        "NotifyId",
        "SUCCESS",
        "merchant_pending",
        "acknowledged",
        "BOUND",
        "the books are right",
    ] {
        assert!(all.contains(part), "{part} is missing:\n{all}");
    }
    for secret in ["BEGIN PRIVATE KEY", "oXLUp5OHJof5768CoFFDuuaRn8kc"] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
}

/// What an order that was placed, paid and notified may take in a SQLite file, indexes included. A figure
/// measured near 2,200 leaves room for Request-IDs, of which real ones are longer.
const ORDER_BYTES_MAX: u64 = 2300;

#[test]
fn an_order_takes_no_more_disk_than_we_promise() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = run(&["bench", "disk", "--folder", folder.path().to_str().expect("a path")]);
    let all = said(&bench);
    assert!(bench.status.success(), "{all}{}", complained(&bench));
    let line = all.lines().find_map(|line| line.strip_prefix("disk ")).expect("the figure");
    let bytes = line.trim().trim_end_matches(" bytes an order").parse::<u64>().expect("a number");
    // Less than its terms alone take would mean that the measurement is wrong.
    assert!((500..=ORDER_BYTES_MAX).contains(&bytes), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_book_is_found_and_its_row_named() {
    const ACCOUNT: &str = "merchant_pending/CM6756531983210274560";
    let mut gateway = TestGateway::start();
    let number = fresh_number();
    let merchant = Merchant::start().await;
    let body = with(&order(&number), "NotifyUrl", json!(merchant.notify_url));
    let found = pay_an_order(&gateway, &body).await;
    let id = found["ChannelOrderId"].as_str().expect("an id");
    gateway.until_story(&number, |story| story["notifications"][0]["state"] == "delivered").await;
    // A live system may be checked too.
    gateway.check_books();
    gateway.kill();
    gateway.check_books();
    let database = Connection::open(gateway.data().join("tongbao.db")).expect("its database");
    for (damage, mend, named) in [
        (
            "UPDATE balances SET posted = posted + 1 WHERE account LIKE 'merchant_pending/%'",
            "UPDATE balances SET posted = posted - 1 WHERE account LIKE 'merchant_pending/%'",
            ACCOUNT,
        ),
        (
            "UPDATE balances SET held = -5 WHERE account LIKE 'merchant_pending/%'",
            "UPDATE balances SET held = 0 WHERE account LIKE 'merchant_pending/%'",
            ACCOUNT,
        ),
        (
            "UPDATE transfers SET amount = 999",
            "UPDATE transfers SET amount = 1000",
            "account channel_funds/demo-wxpay",
        ),
        (
            "UPDATE orders SET state = 'paying', pay_form = 'jsapi', pay_text = 'x', \
          pay_valid_until = 1",
            "UPDATE orders SET state = 'paid', pay_form = NULL, \
          pay_text = NULL, pay_valid_until = NULL",
            id,
        ),
        ("DELETE FROM notifications", "", id),
        ("DELETE FROM transfers", "", id),
    ] {
        assert!(database.execute(damage, []).expect("damaged") > 0, "{damage}");
        let check = run(&[CHECK, "--data", folder(&gateway)]);
        assert_eq!(check.status.code(), Some(1), "{damage}: {check:?}");
        let all = said(&check);
        let bad: Vec<&str> = all.lines().filter(|line| line.starts_with("BAD ")).collect();
        assert!(bad.iter().any(|line| line.contains(named)), "{damage}: {all}");
        assert!(all.contains("the books are wrong"), "{all}");
        if !mend.is_empty() {
            database.execute(mend, []).expect("mended");
            gateway.check_books();
        }
    }
}

#[test]
fn there_is_nothing_to_check_where_there_is_no_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("a readable path");
    for arguments in [&[CHECK, "--data", data][..], &["why", "demo_1", "--data", data]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(complained(&output).contains("tongbao.db"), "{output:?}");
    }
    let sign = run(&["sign", "--data", data, "--path", QUERY_ORDER, "--body", "{}"]);
    assert_eq!(sign.status.code(), Some(1));
    assert!(complained(&sign).contains("dev.json"), "{sign:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "made something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_tells_the_story_of_an_order() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_number();
    let body = with(&order(&number), "NotifyUrl", json!(merchant.notify_url));
    let found = pay_an_order(&gateway, &body).await;
    let notification = merchant.received().await.json();
    gateway.until_story(&number, |story| story["notifications"][0]["state"] == "delivered").await;
    let story = gateway.why(&number);
    for part in [
        format!("Order {}: PAID", found["ChannelOrderId"].as_str().expect("an id")),
        number.clone(),
        "¥10.00 (1000 fen)".to_owned(),
        "order placed".to_owned(),
        "asked place, HTTP 200".to_owned(),
        format!("payment {}", found["ThirdPayOrderId"].as_str().expect("an id")),
        "channel_funds/demo-wxpay → merchant_pending/CM6756531983210274560".to_owned(),
        notification["NotifyId"].as_str().expect("an id").to_owned(),
        merchant.notify_url.clone(),
        "acknowledged".to_owned(),
        "Still to be done".to_owned(),
    ] {
        assert!(story.contains(&part), "{part} is missing:\n{story}");
    }
    assert!(!story.contains("Needs a person"), "{story}");
    for secret in ["prepay_id", "paySign", "oXLUp5OHJof5768CoFFDuuaRn8kc"] {
        assert!(!story.contains(secret), "{secret} is shown:\n{story}");
    }
    for unknown in ["nobody_1", "", "'; DROP TABLE orders; --"] {
        let nobody = run(&["why", unknown, "--data", folder(&gateway)]);
        assert_eq!(nobody.status.code(), Some(1));
        assert!(
            complained(&nobody).contains("no order and no withdrawal has the number"),
            "{nobody:?}"
        );
        assert!(nobody.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_reckons_from_where_the_sandboxs_clock_was_moved_to() {
    let mut gateway = TestGateway::start();
    gateway.advance(7200).await;
    let number = fresh_number();
    gateway.result(UNIFIED_ORDER, &order(&number)).await;
    let story = gateway.why(&number);
    // An unpaid order is looked at within minutes, not hours.
    let (_, todo) = story.split_once("Still to be done").expect("a task");
    assert!(todo.contains("(in ") && !todo.contains("h)") && !todo.contains(" h "), "{story}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_request_is_a_command_that_a_shell_can_run() {
    let mut gateway = TestGateway::start();
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("curl is missing: the command that sign prints was not run");
        return;
    }
    gateway.advance(7200).await;
    for algorithm in ["hmac", "rsa"] {
        let number = fresh_number();
        let body = with(&order(&number), "OrderSubject", json!("it's $HOME `x` \"烧饼\" \\"));
        let body = body.to_string();
        let arguments = ["sign", "--data", folder(&gateway), "--path", UNIFIED_ORDER, "--body"];
        let more = [&*body, "--algorithm", algorithm, "--ahead", "7200"];
        let sign = run(&[&arguments[..], &more[..]].concat());
        assert!(sign.status.success(), "{sign:?}");
        let script = said(&sign);
        assert!(script.starts_with("curl "), "{script}");
        let sent = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
        let answer: Value = serde_json::from_slice(&sent.stdout).expect("an envelope");
        assert_eq!(answer["Response"]["ErrCode"], "SUCCESS", "{answer}");
        let story = gateway.story(&number).await;
        assert_eq!(story["order"]["subject"], "it's $HOME `x` \"烧饼\" \\");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_writes_down_everything_that_a_client_needs_for_its_owner_alone() {
    let gateway = TestGateway::start_with_own_keys();
    let texts = [
        "/base_url",
        "/sandbox_url",
        "/admin_token",
        "/wecard/ocode",
        "/wecard/hmac/secret_id",
        "/wecard/hmac/secret_key",
        "/wecard/rsa/secret_id",
        "/wecard/rsa/private_key_pem",
        "/wecard/platform_public_key_pem",
        "/wxpay/mchid",
        "/wxpay/appid",
        "/wxpay/sub_mchid",
        "/wxpay/sub_appid",
        "/wxpay/serial_no",
        "/wxpay/private_key_pem",
        "/wxpay/cert_pem",
        "/wxpay/apiv3_key",
        "/wxpay/trust",
        "/wxpay/platform_serial_no",
        "/wxpay/platform_cert_pem",
        "/wxpay/public_key_id",
        "/wxpay/public_key_pem",
    ];
    for text in texts {
        assert!(!gateway.text(text).is_empty(), "{text}");
    }
    let merchants = json!(["CM6756531983210274560", "CM-B", "CM-C"]);
    assert_eq!(gateway.file["wecard"]["merchants"], merchants);
    let id = gateway.text("/wxpay/public_key_id");
    let digits = id.strip_prefix("PUB_KEY_ID_01").expect("a public key's id");
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    for (serial, pem) in [("serial_no", "cert_pem"), ("platform_serial_no", "platform_cert_pem")] {
        let pem = gateway.text(&format!("/wxpay/{pem}"));
        let certificate = crypto::certificate::Certificate::read(&pem).expect("a certificate");
        assert_eq!(certificate.serial, gateway.text(&format!("/wxpay/{serial}")));
    }
    assert_eq!(gateway.text("/wxpay/apiv3_key").len(), 32);
    for name in ["dev.json", "dev-keys.json"] {
        let metadata = std::fs::metadata(gateway.data().join(name)).expect("the file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    for url in [gateway.text("/base_url"), gateway.text("/sandbox_url")] {
        let health =
            gateway.send(channel::Method::Get, format!("{url}/healthz"), vec![], &[]).await;
        assert_eq!(health.expect("an answer").body, "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_keeps_keys_orders_and_clock() {
    let mut gateway = TestGateway::start();
    gateway.advance(7200).await;
    let [paid, paying] = [fresh_number(), fresh_number()];
    pay_an_order(&gateway, &order(&paid)).await;
    let placed = gateway.result(UNIFIED_ORDER, &order(&paying)).await;
    let before = gateway.file.clone();
    gateway.kill();
    gateway.restart();
    let mut after = gateway.file.clone();
    for url in ["base_url", "sandbox_url"] {
        after[url] = before[url].clone();
    }
    after["alipay"]["gateway_url"] = before["alipay"]["gateway_url"].clone();
    after["wxpay_v2"]["base_url"] = before["wxpay_v2"]["base_url"].clone();
    assert_eq!(after, before);
    // Signed by the moved clock: accepted only if the gateway's clock is where it was.
    gateway.until_status(&paid, "SUCCESS").await;
    let again = gateway.result(UNIFIED_ORDER, &order(&paying)).await;
    assert_eq!(again["ChannelOrderId"], placed["ChannelOrderId"]);
    gateway.pay(&placed["PayInfo"]).await;
    gateway.advance(121).await;
    gateway.until_status(&paying, "SUCCESS").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("a readable path");
    for (gateway, sandbox) in [(&*address, "127.0.0.1:0"), ("127.0.0.1:0", &*address)] {
        let arguments = ["dev", "--data", data, "--listen", gateway, "--sandbox-listen", sandbox];
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let complaint = complained(&output);
        assert!(complaint.contains(&format!("cannot listen on {address}")), "{complaint}");
        assert!(complaint.contains("in use"), "{complaint}");
        assert!(!said(&output).contains("ready"));
    }
}

/// A configuration in a folder of its own, and two declared tenants whose accounts lie at a gateway's
/// sandbox.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    url: String,
}

impl Site {
    /// Writes both files and applies the tenants.
    pub(crate) fn beside(gateway: &TestGateway, extra: &str) -> Site {
        let site = Site::written(gateway, extra);
        let apply = site.apply("tenants.toml", &[]);
        assert!(apply.status.success(), "{apply:?}");
        site
    }

    fn written(gateway: &TestGateway, extra: &str) -> Site {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        let folder = tempfile::tempdir().expect("a folder");
        let platform = crypto::rsa::generate().expect("a key");
        std::fs::write(folder.path().join("platform.pem"), platform).expect("written");
        let generated = run(&["secrets", "generate"]);
        assert!(generated.status.success(), "{generated:?}");
        std::fs::write(folder.path().join("master.key"), said(&generated)).expect("written");
        let text = format!(
            "listen = \"{address}\"\noperations_listen = \"{address}\"\n\
             public_url = \"http://{address}\"\ndatabase = \"sqlite:site.db\"\nadmin_token = \"site-token-of-the-operators\"\n\
             master_key_file = \"master.key\"\n\
             platform_private_key_file = \"platform.pem\"\n{extra}\n"
        );
        std::fs::write(folder.path().join("tongbao.toml"), text).expect("written");
        let tenants: String = ["one", "two"].map(|name| tenant(gateway, name)).concat();
        std::fs::write(folder.path().join("tenants.toml"), tenants).expect("written");
        Site { folder, url: format!("http://{address}") }
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("tongbao.toml")
    }

    /// A file of its folder.
    pub(crate) fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).expect("a file of the site")
    }

    /// Brings a file of tenants into its database.
    pub(crate) fn apply(&self, file: &str, more: &[&str]) -> Output {
        let file = self.folder.path().join(file);
        let (file, config) = (file.to_str().expect("a path"), self.config());
        let arguments = ["apply", file, "--config", config.to_str().expect("a path")];
        run(&[&arguments[..], more].concat())
    }
}

fn tenant(gateway: &TestGateway, name: &str) -> String {
    let settings: String = [
        ("base_url", "/sandbox_url"),
        ("mchid", "/wxpay/mchid"),
        ("appid", "/wxpay/appid"),
        ("serial_no", "/wxpay/serial_no"),
        ("private_key_pem", "/wxpay/private_key_pem"),
        ("apiv3_key", "/wxpay/apiv3_key"),
        ("public_key_id", "/wxpay/public_key_id"),
        ("public_key_pem", "/wxpay/public_key_pem"),
    ]
    .map(|(setting, pointer)| format!("{setting} = '''{}'''\n", gateway.text(pointer)))
    .concat();
    format!(
        "[[tenant]]\nocode = \"ocode-{name}\"\nname = \"{name}\"\n\
         [[tenant.key]]\nsecret_id = \"AKID{name}\"\nsecret_key = \"secret-of-tenant-{name}\"\n\
         [[tenant.merchant]]\nid = \"CM-{name}\"\naccounts = [\"wx-{name}\"]\n\
         [[tenant.account]]\nname = \"wx-{name}\"\nchannel = \"wxpay\"\n\
         [tenant.account.settings]\n{settings}\n"
    )
}

/// A running `tongbao serve`.
struct Served(Child);

impl Served {
    fn start(config: &Path) -> Served {
        Served::verb(&["serve", "--config", config.to_str().expect("a readable path")])
    }

    /// Any verb that says when it is ready.
    fn verb(arguments: &[&str]) -> Served {
        let mut child =
            tongbao().args(arguments).stdout(Stdio::piped()).spawn().expect("the program starts");
        let output = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.starts_with("ready http://")),
            "it ended before it was ready"
        );
        Served(child)
    }

    /// Asks it to stop, as a service manager does.
    fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Calls a site as one of its tenants; the member `Response`.
async fn call_site(
    gateway: &TestGateway,
    site: &Site,
    path: &str,
    body: &Value,
    bend: impl FnOnce(Signature) -> Signature,
) -> Value {
    let bytes = body.to_string();
    let signature = Signature {
        host: site.url.trim_start_matches("http://").to_owned(),
        ..gateway.signed(path, bytes.as_bytes())
    };
    let headers = bend(signature).headers();
    let url = format!("{}{path}", site.url);
    let answer = gateway.send(channel::Method::Post, url, headers, bytes.as_bytes()).await;
    answer.expect("an answer").body["Response"].clone()
}

fn as_tenant(name: &str) -> impl Fn(Signature) -> Signature {
    let (ocode, secret_id) = (format!("ocode-{name}"), format!("AKID{name}"));
    let key = CallerKey::Hmac(format!("secret-of-tenant-{name}"));
    move |signature| Signature {
        ocode: ocode.clone(),
        secret_id: secret_id.clone(),
        key: key.clone(),
        ..signature
    }
}

/// The story of an order at a site, once its only notification was attempted.
async fn until_attempted(gateway: &TestGateway, site: &Site, ocode: &str, number: &str) -> Value {
    let url = format!("{}/admin/v1/tenants/{ocode}/orders/by-number/{number}", site.url);
    for _ in 0..400 {
        let headers =
            vec![("authorization".to_owned(), "Bearer site-token-of-the-operators".to_owned())];
        let answer = gateway.send(channel::Method::Get, url.clone(), headers, &[]).await;
        let answer = answer.expect("an answer");
        if answer.body["notifications"][0]["attempt_count"] == 1 {
            return answer.body;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no notification was attempted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_of_a_site_are_strangers_to_each_other() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let site = Site::beside(&gateway, "");
    let _served = Served::start(&site.config());
    let number = fresh_number();
    let body = with(&order(&number), "ChannelSubMerchantId", json!("CM-one"));
    let body = with(&body, "NotifyUrl", json!(merchant.notify_url));
    // A merchant of another tenant does not exist; nor does one of the demonstration.
    for (merchant, who) in [("CM-one", "two"), ("CM-two", "one"), ("CM-B", "one")] {
        let body = with(&body, "ChannelSubMerchantId", json!(merchant));
        let refused = call_site(&gateway, &site, UNIFIED_ORDER, &body, as_tenant(who)).await;
        assert_eq!(refused["ErrCode"], "ORDER.INVALID_PARAMETER", "{refused}");
        assert!(
            refused["ErrMessage"].as_str().is_some_and(|it| it.contains("ChannelSubMerchantId"))
        );
    }
    let foreign = |signature: Signature| Signature {
        ocode: "ocode-one".to_owned(),
        ..as_tenant("two")(signature)
    };
    let refused = call_site(&gateway, &site, UNIFIED_ORDER, &body, foreign).await;
    assert_eq!(refused["ErrCode"], "AuthFailure.OcodeMismatch", "{refused}");
    let refused = call_site(&gateway, &site, UNIFIED_ORDER, &body, |demo| demo).await;
    assert_eq!(refused["ErrCode"], "AuthFailure.SecretIdNotFound", "{refused}");

    let placed = call_site(&gateway, &site, UNIFIED_ORDER, &body, as_tenant("one")).await;
    let placed = &placed["Result"];
    assert_eq!(placed["OrderStatus"], "PAYING", "{placed}");
    for name in [json!({"OutOrderId": number}), json!({"ChannelOrderId": placed["ChannelOrderId"]})]
    {
        let refused = call_site(&gateway, &site, QUERY_ORDER, &name, as_tenant("two")).await;
        assert_eq!(refused["ErrCode"], "ORDER.ORDER_NOT_EXIST", "{refused}");
    }
    // The same number is free for the other tenant.
    let twin = with(&body, "ChannelSubMerchantId", json!("CM-two"));
    let twin = call_site(&gateway, &site, UNIFIED_ORDER, &twin, as_tenant("two")).await;
    assert_eq!(twin["Result"]["OrderStatus"], "PAYING", "{twin}");
    assert_ne!(twin["Result"]["ChannelOrderId"], placed["ChannelOrderId"]);

    // Nobody may point a site at the machines around it.
    gateway.pay(&placed["PayInfo"]).await;
    let story = until_attempted(&gateway, &site, "ocode-one", &number).await;
    assert_eq!(story["order"]["state"], "paid");
    let attempt = &story["notifications"][0]["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["state"]), (&json!("no_answer"), &json!("due")));
    assert_eq!(attempt["why"], "not sent: 127.0.0.1 is not a public address");
    assert!(merchant.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_a_shared_secret_gets_notifications_signed_with_it() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let site = Site::beside(&gateway, "allow_private_notify_urls = true");
    let _served = Served::start(&site.config());
    let number = fresh_number();
    let body = with(&order(&number), "ChannelSubMerchantId", json!("CM-two"));
    let url = format!("{}?of=two", merchant.notify_url);
    let body = with(&body, "NotifyUrl", json!(url));
    let placed = call_site(&gateway, &site, UNIFIED_ORDER, &body, as_tenant("two")).await;
    gateway.pay(&placed["Result"]["PayInfo"]).await;
    let notification = merchant.received().await;
    assert_eq!(notification.json()["Ocode"], "ocode-two");
    // The same request, signed by the tenant itself, must come to the same signature.
    let timestamp: i64 = notification.header("x-tc-timestamp").parse().expect("seconds");
    let authorization = notification.header("authorization");
    let (_, rest) = authorization.split_once("Credential=AKIDtwo/").expect("its SecretId");
    let (date, _) = rest.split_once('/').expect("a date");
    let (_, rest) = authorization.split_once("SignedHeaders=").expect("signed headers");
    let (signed_headers, _) = rest.split_once(',').expect("signed headers");
    let expected = Signature {
        query: "of=two".to_owned(),
        host: notification.header("host").to_owned(),
        content_type: notification.header("content-type").to_owned(),
        timestamp,
        date: date.to_owned(),
        signed_headers: signed_headers.to_owned(),
        ..as_tenant("two")(gateway.signed("/pay/notify", &notification.body))
    };
    let headers = expected.headers();
    let expected = headers.iter().find(|(name, _)| name == "Authorization");
    assert_eq!(expected.map(|(_, value)| value.as_str()), Some(authorization));
    let story = until_attempted(&gateway, &site, "ocode-two", &number).await;
    assert_eq!(story["notifications"][0]["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_the_order_that_is_being_placed() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let mut served = Served::start(&site.config());
    let slow = json!({"channel": "wxpay", "operation": "create", "fault": "delay",
                      "delay_ms": 2000, "times": 1});
    gateway.control("faults", &slow).await;
    let number = fresh_number();
    let body = with(&order(&number), "ChannelSubMerchantId", json!("CM-one"));
    let stop = async {
        gateway.faults_met("create").await;
        served.terminate();
    };
    let placed = call_site(&gateway, &site, UNIFIED_ORDER, &body, as_tenant("one"));
    let (placed, ()) = tokio::join!(placed, stop);
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
    assert!(served.0.wait().expect("it ends").success());
    let query = json!({"OutOrderId": number});
    let headers = gateway.signed(QUERY_ORDER, query.to_string().as_bytes()).headers();
    let url = format!("{}{QUERY_ORDER}", site.url);
    let after = gateway.send(channel::Method::Post, url, headers, b"{}").await;
    assert!(after.is_err(), "it still answers: {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_alone_leaves_the_gateways_address_as_it_was() {
    let mut gateway = TestGateway::start();
    let base_url = gateway.text("/base_url");
    gateway.kill();
    for (data, want) in [
        (gateway.data().to_owned(), base_url),
        (tempfile::tempdir().expect("a folder").path().join("fresh"), String::new()),
    ] {
        let path = data.to_str().expect("a readable path");
        let _sandbox = Served::verb(&["sandbox", "--listen", "127.0.0.1:0", "--data", path]);
        let file = std::fs::read(data.join("dev.json")).expect("dev.json was written");
        let file: Value = serde_json::from_slice(&file).expect("JSON");
        assert_eq!(file["base_url"], want);
        let url = format!("{}/healthz", file["sandbox_url"].as_str().expect("its address"));
        let health = gateway.send(channel::Method::Get, url, vec![], &[]).await;
        assert_eq!(health.expect("an answer").body, "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_a_configuration_are_named() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let apiv3_key = format!("'''{}'''", gateway.text("/wxpay/apiv3_key"));
    for (from, to, named) in [
        ("admin_token", "admin_tokken", vec!["admin_tokken"]),
        ("admin_token = \"site-token-of-the-operators\"", "", vec!["admin_token"]),
        ("platform.pem", "absent.pem", vec!["platform_private_key", "absent.pem"]),
        (
            "platform_private_key_file = \"platform.pem\"",
            "platform_private_key = \"x\"",
            vec!["platform_private_key", "-----BEGIN"],
        ),
        ("sqlite:site.db", "oracle:site", vec!["database", "sqlite"]),
        ("master_key_file = \"master.key\"", "", vec!["master_key", "secrets generate"]),
        ("accounts = [\"wx-one\"]", "accounts = [\"wx-none\"]", vec!["CM-one", "wx-none"]),
        ("channel = \"wxpay\"", "channel = \"wechat\"", vec!["wx-one", "wechat"]),
        ("channel = \"wxpay\"", "channel = \"paid\"", vec!["wx-one", "paid", "tongbao dev"]),
        ("secret_id = \"AKIDone\"", "secret_id = \"AK/ID\"", vec!["AK/ID"]),
        ("mchid =", "mch_id =", vec!["wx-one", "mch_id"]),
        (&*apiv3_key, "'short'", vec!["wx-one", "apiv3_key", "32"]),
        ("BEGIN PRIVATE KEY", "BEGIN PUBLIC KEY", vec!["wx-one", "private_key_pem"]),
        ("secret_id = \"AKIDtwo\"", "secret_id = \"AKIDone\"", vec!["AKIDone"]),
        ("secret_key = \"secret-of-tenant-two\"", "", vec!["ocode-two", "AKIDtwo"]),
        ("name = \"wx-two\"", "name = \"wx-one\"", vec!["wx-"]),
        ("listen = \"", "listen = \"nowhere", vec!["nowhere"]),
        ("secret-of-tenant-two", "", vec!["ocode-two", "AKIDtwo", "secret_key", "16"]),
        ("secret-of-tenant-two", "two", vec!["ocode-two", "AKIDtwo", "secret_key", "16"]),
        ("site-token-of-the-operators", "site", vec!["admin_token", "16"]),
        ("ocode = \"ocode-two\"", "ocode = \"ocode-one\"", vec!["ocode-one", "twice"]),
        ("name = \"wx-two\"", "name = \"wx/two\"", vec!["ocode-two", "wx/two"]),
    ] {
        let (config, tenants) = (site.text("tongbao.toml"), site.text("tenants.toml"));
        let is_config = config.contains(from);
        let whole = if is_config { config } else { tenants };
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole, "{from}");
        let path = site.folder.path().join("broken.toml");
        std::fs::write(&path, broken).expect("written");
        let output = match is_config {
            true => run(&["serve", "--config", path.to_str().expect("a path")]),
            false => site.apply("broken.toml", &[]),
        };
        assert_eq!(output.status.code(), Some(1), "{from}: {output:?}");
        let complaint = complained(&output);
        for name in named {
            assert!(complaint.contains(name), "{from}: {name} is not in {complaint}");
        }
        let apiv3_key = gateway.text("/wxpay/apiv3_key");
        for secret in ["secret-of-tenant-one", &apiv3_key, "site-token-of-the-operators"] {
            assert!(!complaint.contains(secret), "{from}: a secret is in {complaint}");
        }
    }
    let database = rusqlite::Connection::open(site.folder.path().join("site.db")).expect("opened");
    let paid = "UPDATE channel_accounts SET channel = 'paid' WHERE name = 'wx-two'";
    assert_eq!(database.execute(paid, []), Ok(1));
    let config = site.config();
    let output = run(&["serve", "--config", config.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let complaint = complained(&output);
    assert!(complaint.contains("channel account wx-two: the channel paid"), "{complaint}");
    let absent = run(&["serve", "--config", "/nowhere/tongbao.toml"]);
    assert!(complained(&absent).contains("/nowhere/tongbao.toml"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declaration_is_planned_applied_and_then_changes_nothing() {
    let gateway = TestGateway::start();
    let site = Site::written(&gateway, "");
    let plan = site.apply("tenants.toml", &["--dry-run"]);
    assert!(plan.status.success(), "{plan:?}");
    let lines: Vec<String> = said(&plan).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 8, "{lines:?}");
    for line in ["create tenant ocode-one", "create merchant CM-two", "create caller key AKIDone"] {
        assert!(lines.iter().any(|it| it == line), "{line} is not in {lines:?}");
    }
    // The plan alone changed nothing: it is the same once more.
    assert_eq!(said(&site.apply("tenants.toml", &["--dry-run"])), said(&plan));
    assert_eq!(said(&site.apply("tenants.toml", &[])), said(&plan));
    assert_eq!(said(&site.apply("tenants.toml", &[])), "nothing to change\n");
    let changed = site.text("tenants.toml").replacen(
        "secret-of-tenant-two",
        "another-secret-of-tenant-two",
        1,
    );
    std::fs::write(site.folder.path().join("changed.toml"), changed).expect("written");
    assert_eq!(said(&site.apply("changed.toml", &[])), "change caller key AKIDtwo\n");
    // No secret lies in the database as it was declared.
    let database = std::fs::read(site.folder.path().join("site.db")).expect("its database");
    let apiv3_key = gateway.text("/wxpay/apiv3_key");
    let private_key = gateway.text("/wxpay/private_key_pem");
    let line = private_key.lines().nth(3).expect("a long key");
    for secret in ["secret-of-tenant-one", "another-secret-of-tenant-two", &apiv3_key, line] {
        let is_there = database.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!is_there, "a secret lies in the clear");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_takes_over_every_secret() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let old = site.text("master.key");
    let new = said(&run(&["secrets", "generate"]));
    let key_file = site.folder.path().join("master.key");
    let config = site.config();
    let rotate = ["secrets", "rotate", "--config", config.to_str().expect("a path")];
    let payee = json!({
        "OutPayeeId": "supplier",
        "PayeeType": "MERCHANT",
        "PayeeName": "供货商有限公司",
        "AccountType": "WX_MCH_ID",
        "AccountNo": "1900009999",
    });
    let create = "/cloudpay/v1/settle/payee/create";
    let served = Served::start(&site.config());
    let made = call_site(&gateway, &site, create, &payee, as_tenant("one")).await;
    assert_eq!(made["Result"]["BindState"], "APPROVED", "{made}");
    drop(served);
    std::fs::write(&key_file, format!("{new}{old}")).expect("written");
    let doctor = ["doctor", "--offline", "--quick", "--config", config.to_str().expect("a path")];
    let seen = said(&run(&doctor));
    assert!(seen.contains("payees") && seen.contains("2 under an older master key"), "{seen}");
    let rotated = run(&rotate);
    assert!(rotated.status.success(), "{rotated:?}");
    let lines = said(&rotated);
    assert_eq!(lines.lines().count(), 5, "two keys, two accounts, and payees: {rotated:?}");
    assert!(lines.contains("change 1 payees"), "{rotated:?}");
    std::fs::write(&key_file, &new).expect("written");
    assert_eq!(said(&run(&rotate)), "every secret is sealed under the newest key\n");
    assert!(!said(&run(&doctor)).contains("older master key"));
    // Without the old key everything still works.
    let _served = Served::start(&site.config());
    let body = with(&order(&fresh_number()), "ChannelSubMerchantId", json!("CM-one"));
    let placed = call_site(&gateway, &site, UNIFIED_ORDER, &body, as_tenant("one")).await;
    assert_eq!(placed["Result"]["OrderStatus"], "PAYING", "{placed}");
    let again = call_site(&gateway, &site, create, &payee, as_tenant("one")).await;
    assert_eq!(again["Result"], made["Result"], "its secrets are opened and compared");
}
