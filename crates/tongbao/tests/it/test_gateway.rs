//! A running `tongbao dev` in a folder of its own, and the ways to speak to it. It keeps its state where
//! the suite says: in a SQLite file, or in a fresh PostgreSQL database.
//!
//! The client here signs by itself, step by step as the protocol says, and shares no code with the
//! dialect that verifies.

use adapters::clock::{Clock, SystemClock};
use crypto::{hash, rsa::Signer, text};
use engine::{Guard, HttpClient, HyperClient, SendContext};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use test_postgres::Database;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const CONTEXT: SendContext<'static> = SendContext { tenant: "", deadline: ANSWER_TIMEOUT };

/// The unified order endpoint.
pub(crate) const UNIFIED_ORDER: &str = "/cloudpay/v1/pay/c2b/unified_order";
/// The order query endpoint.
pub(crate) const QUERY_ORDER: &str = "/cloudpay/v1/pay/query_order";
/// The close endpoint.
pub(crate) const CLOSE_ORDER: &str = "/cloudpay/v1/pay/close_order";

/// Our id of an order in its number at the channel, which ends in it.
pub(crate) fn id_in(channel_order_no: &str) -> &str {
    let (_, id) = channel_order_no.split_at(channel_order_no.len() - 18);
    id
}

/// Whether a transaction of the channel is that of an order.
pub(crate) fn is_of_order(transaction: &Value, channel_order_id: &Value) -> bool {
    transaction["out_trade_no"].as_str().map(id_in) == channel_order_id.as_str()
}

/// The program under test. It uses the database that the test names, not the shell's.
pub(crate) fn tongbao() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tongbao"));
    command.env_remove("TONGBAO_DATABASE");
    command
}

/// Runs a verb to its end.
#[allow(dead_code, reason = "one of the suites does without")]
pub(crate) fn run(arguments: &[&str]) -> Output {
    tongbao().args(arguments).output().expect("the program runs")
}

/// A running `tongbao dev`.
pub(crate) struct TestGateway {
    folder: TempDir,
    /// Where it keeps its state, if not in its folder.
    database: Option<Database>,
    /// More arguments that it was started with.
    arguments: Vec<String>,
    child: Child,
    /// What `dev.json` says.
    pub(crate) file: Value,
    /// How far its clock is ahead of the system's, in seconds.
    pub(crate) ahead_seconds: i64,
    client: HyperClient,
}

/// An answer: its status and its JSON (null when it has none).
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl TestGateway {
    /// Starts on a fresh folder, and on a fresh database where the suite is about PostgreSQL.
    pub(crate) fn start() -> TestGateway {
        TestGateway::open(crate::ON_POSTGRES.then(fresh_database))
    }

    /// Starts on a folder without anything in it: it makes its own keys.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) fn start_with_own_keys() -> TestGateway {
        let folder = empty_folder();
        let (child, file) = launch(&mut dev(folder.path(), None), folder.path());
        TestGateway::of(folder, None, child, file)
    }

    /// The same with more arguments, which also hold when it starts again.
    pub(crate) fn start_with(arguments: &[&str]) -> TestGateway {
        let (folder, database) = (new_folder(), crate::ON_POSTGRES.then(fresh_database));
        let mut command = dev(folder.path(), database.as_ref());
        let (child, file) = launch(command.args(arguments), folder.path());
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        let mut gateway = TestGateway::of(folder, database, child, file);
        gateway.arguments = arguments;
        gateway
    }

    /// Starts again with these arguments in place of those before.
    pub(crate) fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        self.restart();
    }

    /// Starts on a fresh folder and this database.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) fn start_on(database: Database) -> TestGateway {
        TestGateway::open(Some(database))
    }

    /// Starts on a fresh folder, with a merchant that knows WeChat Pay by this.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) fn start_trusting(trust: &str) -> TestGateway {
        let (folder, database) = (new_folder(), crate::ON_POSTGRES.then(fresh_database));
        let mut command = dev(folder.path(), database.as_ref());
        let (child, file) = launch(command.args(["--wxpay-trust", trust]), folder.path());
        TestGateway::of(folder, database, child, file)
    }

    /// The same as [`TestGateway::start`], which writes what it logs from `info` on into the file `log` of its folder.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) fn start_logged() -> TestGateway {
        let (folder, database) = (new_folder(), crate::ON_POSTGRES.then(fresh_database));
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = dev(folder.path(), database.as_ref());
        let (child, file) = launch(command.env("TONGBAO_LOG", "info").stderr(log), folder.path());
        TestGateway::of(folder, database, child, file)
    }

    /// Starts both its halves on any port of this address.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) fn start_at(address: &str) -> TestGateway {
        let folder = new_folder();
        let listen = format!("{address}:0");
        let mut command = tongbao();
        command.args(["dev", "--listen", &listen, "--sandbox-listen", &listen, "--data"]);
        let (child, file) = launch(command.arg(folder.path()), folder.path());
        TestGateway::of(folder, None, child, file)
    }

    fn open(database: Option<Database>) -> TestGateway {
        let folder = new_folder();
        let mut command = dev(folder.path(), database.as_ref());
        let (child, file) = launch(&mut command, folder.path());
        TestGateway::of(folder, database, child, file)
    }

    fn of(folder: TempDir, database: Option<Database>, child: Child, file: Value) -> TestGateway {
        let client = HyperClient::new(Guard::Open, 8 * 1024 * 1024).expect("a client");
        TestGateway { folder, database, arguments: vec![], child, file, ahead_seconds: 0, client }
    }

    /// Kills the process as a power switch would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Starts again on the same folder, on new ports.
    pub(crate) fn restart(&mut self) {
        let mut command = dev(self.folder.path(), self.database.as_ref());
        let (child, file) = launch(command.args(&self.arguments), self.folder.path());
        self.child = child;
        self.file = file;
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Its PostgreSQL database.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("it was started on PostgreSQL")
    }

    /// A text of `dev.json`, by JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let value = self.file.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("dev.json has no {pointer}")).to_owned()
    }

    /// Now, by its clock, in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        unix_seconds() + self.ahead_seconds
    }

    /// A signed call (HMAC); the member `Response`.
    pub(crate) async fn call(&self, path: &str, body: &Value) -> Value {
        self.call_bytes(path, body.to_string().as_bytes()).await
    }

    /// A signed call of raw bytes; the member `Response`.
    pub(crate) async fn call_bytes(&self, path: &str, body: &[u8]) -> Value {
        let headers = self.signed(path, body).headers();
        let answer = self.post_raw(path, headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.get("Response").cloned().unwrap_or_else(|| panic!("no envelope: {answer:?}"))
    }

    /// A call that succeeded; its `Result`.
    pub(crate) async fn result(&self, path: &str, body: &Value) -> Value {
        let response = self.call(path, body).await;
        assert_eq!(response["ErrCode"], "SUCCESS", "{response}");
        response["Result"].clone()
    }

    /// A call that is refused with this code; its `ErrMessage`.
    pub(crate) async fn refused(&self, path: &str, body: &Value, code: &str) -> String {
        let response = self.call(path, body).await;
        assert_eq!(response["ErrCode"], code, "{body}: {response}");
        assert!(response["Result"].is_null(), "{response}");
        response["ErrMessage"].as_str().expect("ErrMessage is text").to_owned()
    }

    /// A signature in the making; tests bend it before it is used.
    pub(crate) fn signed(&self, path: &str, body: &[u8]) -> Signature {
        Signature {
            path: path.to_owned(),
            query: String::new(),
            body: body.to_vec(),
            host: self.text("/base_url").trim_start_matches("http://").to_owned(),
            content_type: "application/json".to_owned(),
            action: "wxpay".to_owned(),
            ocode: self.text("/wecard/ocode"),
            timestamp: self.now(),
            date: utc_date(self.now()),
            signed_headers: "content-type;host;x-tc-ocode;x-tc-action".to_owned(),
            secret_id: self.text("/wecard/hmac/secret_id"),
            key: CallerKey::Hmac(self.text("/wecard/hmac/secret_key")),
        }
    }

    /// The same with the caller's RSA key.
    pub(crate) fn signed_rsa(&self, path: &str, body: &[u8]) -> Signature {
        Signature {
            secret_id: self.text("/wecard/rsa/secret_id"),
            key: CallerKey::Rsa(self.text("/wecard/rsa/private_key_pem")),
            ..self.signed(path, body)
        }
    }

    /// Sends bytes to the gateway as they are.
    pub(crate) async fn post_raw(
        &self,
        path: &str,
        headers: Vec<(String, String)>,
        body: &[u8],
    ) -> Answer {
        let url = format!("{}{path}", self.text("/base_url"));
        self.send(channel::Method::Post, url, headers, body).await.expect("an answer")
    }

    /// A call of the sandbox's control API that must succeed.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> Value {
        let answer = self.control_answer(path, body).await;
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
        answer.body
    }

    /// A call of the sandbox's control API.
    pub(crate) async fn control_answer(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}/control/{path}", self.text("/sandbox_url"));
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = body.to_string();
        self.send(channel::Method::Post, url, headers, body.as_bytes()).await.expect("an answer")
    }

    /// `GET` from the sandbox.
    pub(crate) async fn sandbox_get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.text("/sandbox_url"));
        self.send(channel::Method::Get, url, vec![], &[]).await.expect("an answer").body
    }

    /// `GET` from the gateway, without credentials.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.text("/base_url"));
        self.send(channel::Method::Get, url, vec![], &[]).await.expect("an answer")
    }

    /// The metrics, as an operator reads them.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.text("/base_url"));
        let token = format!("Bearer {}", self.text("/admin_token"));
        let headers = vec![("authorization".to_owned(), token)];
        let answer = self.send(channel::Method::Get, url, headers, &[]).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.as_str().expect("text").to_owned()
    }

    /// A call of the administration.
    pub(crate) async fn admin(&self, method: channel::Method, path: &str) -> Answer {
        let url = format!("{}/admin/v1{path}", self.text("/base_url"));
        let token = format!("Bearer {}", self.text("/admin_token"));
        let headers = vec![("authorization".to_owned(), token)];
        self.send(method, url, headers, &[]).await.expect("an answer")
    }

    /// A command of the administration about the demonstration tenant, with a JSON body.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) async fn decide(&self, path: &str, body: &Value) -> Answer {
        let tenant = self.text("/wecard/ocode");
        let url = format!("{}/admin/v1/tenants/{tenant}{path}", self.text("/base_url"));
        let token = format!("Bearer {}", self.text("/admin_token"));
        let headers = vec![("authorization".to_owned(), token)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(channel::Method::Post, url, headers, body.as_bytes()).await.expect("an answer")
    }

    /// Any request; `Err` when there is no whole answer.
    pub(crate) async fn send(
        &self,
        method: channel::Method,
        url: String,
        headers: Vec<(String, String)>,
        body: &[u8],
    ) -> Result<Answer, engine::SendFault> {
        let request = channel::Request { method, url, headers, body: body.to_vec() };
        let answer = self.client.send(&request, CONTEXT).await?;
        let body = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
        Ok(Answer { status: answer.status, body })
    }

    /// The person with the phone pays.
    pub(crate) async fn pay(&self, pay_info: &Value) -> Value {
        self.control("pay", &json!({"pay_info": pay_info, "outcome": "success"})).await
    }

    /// Moves the clock of gateway and sandbox.
    pub(crate) async fn advance(&mut self, seconds: i64) {
        self.control("clock", &json!({"advance_s": seconds})).await;
        self.ahead_seconds += seconds;
    }

    /// Orders a fault at the sandbox.
    pub(crate) async fn fault(&self, operation: &str, fault: &str, times: u32) {
        let order =
            json!({"channel": "wxpay", "operation": operation, "fault": fault, "times": times});
        self.control("faults", &order).await;
    }

    /// Calls, and the power goes off this number of milliseconds later, while the call is under way or right after
    /// it; the `Result` of the same call when the power is on again.
    pub(crate) async fn call_through_a_kill(
        &mut self,
        path: &str,
        body: &Value,
        after_ms: u64,
    ) -> Value {
        let bytes = body.to_string();
        let headers = self.signed(path, bytes.as_bytes()).headers();
        let url = format!("{}{path}", self.text("/base_url"));
        let call = self.send(channel::Method::Post, url, headers, bytes.as_bytes());
        let _ = tokio::time::timeout(Duration::from_millis(after_ms), call).await;
        tokio::task::block_in_place(|| {
            self.kill();
            self.restart();
        });
        self.result(path, body).await
    }

    /// Asks until the order has a status, at most 20 s; the last `Result`.
    pub(crate) async fn until_status(&self, merchant_order_no: &str, status: &str) -> Value {
        let body = json!({"OutOrderId": merchant_order_no});
        self.until(QUERY_ORDER, &body, "OrderStatus", status).await
    }

    /// Asks until a member of the `Result` is as wanted, at most 20 s; the last `Result`.
    pub(crate) async fn until(
        &self,
        path: &str,
        body: &Value,
        member: &str,
        wanted: &str,
    ) -> Value {
        let mut result = Value::Null;
        for _ in 0..200 {
            let response = self.call(path, body).await;
            result = response["Result"].clone();
            if result[member] == wanted {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{body}: {member} is not {wanted}: {result}");
    }

    /// The same, while the clock runs: time passes whenever it is not so for a while.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) async fn pass_until(
        &mut self,
        path: &str,
        body: &Value,
        member: &str,
        wanted: &str,
    ) -> Value {
        let mut result = Value::Null;
        for _ in 0..30 {
            for _ in 0..10 {
                result = self.result(path, body).await;
                if result[member] == wanted {
                    return result;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            self.advance(61).await;
        }
        panic!("{body}: {member} is not {wanted}: {result}");
    }

    /// A page of the administration about the demonstration tenant.
    pub(crate) async fn of_tenant(&self, path: &str) -> Value {
        let path = format!("/tenants/{}{path}", self.text("/wecard/ocode"));
        let answer = self.admin(channel::Method::Get, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Everything about an order, by the merchant's number.
    pub(crate) async fn story(&self, merchant_order_no: &str) -> Value {
        self.of_tenant(&format!("/orders/by-number/{merchant_order_no}")).await
    }

    /// Reads an order's story until it is as wanted, at most 20 s. Reading changes nothing.
    pub(crate) async fn until_story(
        &self,
        merchant_order_no: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut story = Value::Null;
        for _ in 0..400 {
            story = self.story(merchant_order_no).await;
            if wanted(&story) {
                return story;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the story of {merchant_order_no} is not as wanted: {story:#}");
    }

    /// What the accounts of a kind have posted and held together, in fen.
    pub(crate) async fn balance(&self, kind: &str) -> (i64, i64) {
        let page = self.of_tenant("/accounts").await;
        let accounts = page["accounts"].as_array().expect("a list");
        let of_kind = || accounts.iter().filter(|account| account["kind"] == kind);
        let sum = |part: &str| of_kind().map(|one| one[part].as_i64().expect("fen")).sum();
        (sum("posted_fen"), sum("held_fen"))
    }

    /// A row needs a person for this kind of reason: it is listed and counted.
    pub(crate) async fn counts_attention(&self, kind: &str) {
        let listed = self.of_tenant("/attention").await;
        let rows = listed["rows"].as_array().expect("a list");
        assert!(rows.iter().any(|row| row["kind"] == kind), "{listed}");
        let metrics = self.metrics().await;
        let counted = format!("tongbao_attention_total{{kind=\"{kind}\"}} ");
        assert!(metrics.contains(&counted), "{metrics}");
    }

    /// What the channel has under our id of an order: one order, or none.
    pub(crate) async fn channel_orders(&self, channel_order_id: &Value) -> Vec<Value> {
        let page = self.sandbox_get("/control/transactions?limit=1000").await;
        let all = page["transactions"].as_array().expect("a list");
        all.iter().filter(|one| is_of_order(one, channel_order_id)).cloned().collect()
    }

    /// Orders one fault at the sandbox; `error:CODE` makes the channel refuse with that code.
    pub(crate) async fn fault_once(&self, operation: &str, fault: &str) {
        let (fault, code) = fault.split_once(':').unwrap_or((fault, ""));
        let mut order =
            json!({"channel": "wxpay", "operation": operation, "fault": fault, "times": 1});
        match fault {
            "error" => order["code"] = json!(code),
            "delay" => order["delay_ms"] = json!(200),
            _ => {}
        }
        self.control("faults", &order).await;
    }

    /// Takes away every fault at the sandbox.
    #[allow(dead_code, reason = "one of the suites does without")]
    pub(crate) async fn mend(&self) {
        let url = self.text("/sandbox_url");
        let authority = url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(authority).await.expect("it listens");
        let request = format!(
            "DELETE /control/faults HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }

    /// Waits until every fault injected for an operation was met, at most 20 s.
    pub(crate) async fn faults_met(&self, operation: &str) {
        for _ in 0..400 {
            let page = self.sandbox_get("/control/faults").await;
            let left = page["faults"].as_array().expect("a list");
            if !left.iter().any(|fault| fault["operation"] == operation) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("a fault of {operation} was never met");
    }

    /// `tongbao why` about an order that exists.
    pub(crate) fn why(&self, merchant_order_no: &str) -> String {
        let output = self.look(&["why", merchant_order_no]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A verb that looks at its state.
    fn look(&self, arguments: &[&str]) -> Output {
        self.verb(arguments).output().expect("the program runs")
    }

    /// A verb that works on its state.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Command {
        let mut command = tongbao();
        command.args(arguments);
        match &self.database {
            Some(database) => command.arg("--database").arg(database.url()),
            None => command.arg("--data").arg(self.data()),
        };
        command
    }

    /// `tongbao bill` by its clock.
    pub(crate) fn bill(&self, arguments: &[&str]) -> Output {
        let mut command = tongbao();
        command.arg("bill").args(arguments).arg("--data").arg(self.data());
        command.arg("--ahead").arg(self.ahead_seconds.to_string());
        if let Some(database) = &self.database {
            command.arg("--database").arg(database.url());
        }
        command.output().expect("the program runs")
    }

    /// `tongbao check` on its data: whether the books are right, and what it said.
    pub(crate) fn check(&self) -> (bool, String) {
        let output = self.look(&["check"]);
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Asserts that the books are right.
    pub(crate) fn check_books(&self) {
        let (right, said) = self.check();
        assert!(right, "{said}");
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A fresh database on the server of this process. Where there is none, none of the tests of this
/// process can run, and it has said so.
#[expect(clippy::disallowed_methods, reason = "skips a whole suite; nothing was started")]
pub(crate) fn fresh_database() -> Database {
    let Some(server) = test_postgres::server() else { std::process::exit(0) };
    let making = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(server.database())
    });
    making.join().expect("a database")
}

/// The keys of the first gateway of this suite. The others take them over: making five RSA keys is half
/// of what a gateway costs, and nothing here depends on two gateways having other keys.
static KEYS: OnceLock<Vec<u8>> = OnceLock::new();
/// The file of a data folder that has them.
const KEYS_FILE: &str = "dev-keys.json";

fn empty_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn new_folder() -> TempDir {
    let folder = empty_folder();
    if let Some(keys) = KEYS.get() {
        std::fs::write(folder.path().join(KEYS_FILE), keys).expect("the folder takes files");
    }
    folder
}

fn dev(data: &Path, database: Option<&Database>) -> Command {
    let mut command = tongbao();
    command.args(["dev", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--data"]);
    command.arg(data);
    if let Some(database) = database {
        command.arg("--database").arg(database.url());
    }
    command
}

fn launch(command: &mut Command, data: &Path) -> (Child, Value) {
    let child = start_until_ready(command).expect("it ended before it was ready");
    KEYS.get_or_init(|| std::fs::read(data.join(KEYS_FILE)).expect("its keys"));
    (child, dev_file(data))
}

/// Starts a verb that serves; `None` when it ends before it is ready.
pub(crate) fn start_until_ready(command: &mut Command) -> Option<Child> {
    start_saying(command).map(|(child, _)| child)
}

/// The same, with what it says up to then.
pub(crate) fn start_saying(command: &mut Command) -> Option<(Child, Vec<String>)> {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let output = child.stdout.take().expect("its output is piped");
    let mut said = Vec::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let is_ready = line.starts_with("ready http://");
        said.push(line);
        if is_ready {
            return Some((child, said));
        }
    }
    let _ = child.wait();
    None
}

/// What a data folder tells clients.
pub(crate) fn dev_file(data: &Path) -> Value {
    let bytes = std::fs::read(data.join("dev.json")).expect("dev.json was written");
    serde_json::from_slice(&bytes).expect("dev.json is JSON")
}

/// The key of a caller.
#[derive(Clone)]
pub(crate) enum CallerKey {
    Hmac(String),
    Rsa(String),
}

/// A request signature, every part of which a test can bend.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    pub(crate) host: String,
    pub(crate) content_type: String,
    pub(crate) action: String,
    pub(crate) ocode: String,
    pub(crate) timestamp: i64,
    pub(crate) date: String,
    pub(crate) signed_headers: String,
    pub(crate) secret_id: String,
    pub(crate) key: CallerKey,
}

impl Signature {
    /// The headers of the request, signed.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let (algorithm, signature) = self.sign();
        let authorization = format!(
            "{algorithm} Credential={}/{}/wxpay/tc3_request, SignedHeaders={}, Signature={signature}",
            self.secret_id, self.date, self.signed_headers
        );
        [
            ("Authorization", authorization),
            ("Content-Type", self.content_type.clone()),
            ("Host", self.host.clone()),
            ("X-TC-Action", self.action.clone()),
            ("X-TC-Version", "2023-04-13".to_owned()),
            ("X-TC-Timestamp", self.timestamp.to_string()),
            ("X-TC-Region", "ap-shanghai".to_owned()),
            ("X-TC-Ocode", self.ocode.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn sign(&self) -> (&'static str, String) {
        match &self.key {
            CallerKey::Hmac(secret) => {
                let algorithm = "TC3-HMAC-SHA256";
                let k1 = hash::hmac_sha256(format!("TC3{secret}").as_bytes(), self.date.as_bytes());
                let k2 = hash::hmac_sha256(&k1, b"wxpay");
                let k3 = hash::hmac_sha256(&k2, b"tc3_request");
                let mac = hash::hmac_sha256(&k3, self.string_to_sign(algorithm).as_bytes());
                (algorithm, text::hex(&mac))
            }
            CallerKey::Rsa(pem) => {
                let algorithm = "SHA256withRSA";
                let signer = Signer::from_pem(pem).expect("the caller's key");
                let text = self.string_to_sign(algorithm);
                (algorithm, signer.sign(text.as_bytes()).expect("signed"))
            }
        }
    }

    fn string_to_sign(&self, algorithm: &str) -> String {
        let headers: String = self
            .signed_headers
            .split(';')
            .map(|name| {
                let value = match name {
                    "content-type" => &self.content_type,
                    "host" => &self.host,
                    "x-tc-ocode" => &self.ocode,
                    "x-tc-action" => &self.action,
                    other => panic!("no value for {other}"),
                };
                format!("{name}:{}\n", value.trim().to_lowercase())
            })
            .collect();
        let canonical = format!(
            "POST\n{}\n{}\n{headers}\n{}\n{}",
            self.path,
            self.query,
            self.signed_headers,
            hash::sha256_hex(&self.body)
        );
        let scope = format!("{}/wxpay/tc3_request", self.date);
        let digest = hash::sha256_hex(canonical.as_bytes());
        format!("{algorithm}\n{}\n{scope}\n{digest}", self.timestamp)
    }
}

/// Now, by the system's clock.
pub(crate) fn unix_seconds() -> i64 {
    SystemClock::new().now().seconds()
}

/// The UTC date of Unix seconds, `YYYY-MM-DD`.
pub(crate) fn utc_date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).expect("a date");
    time.strftime("%Y-%m-%d").to_string()
}

/// Shanghai time text of Unix seconds, `YYYY-MM-DD HH:MM:SS`.
pub(crate) fn shanghai(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds + 8 * 3600).expect("a date");
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A fresh number for an order.
pub(crate) fn fresh_number() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An order by mini program, complete and right; tests change members.
pub(crate) fn order(number: &str) -> Value {
    json!({
        "ChannelSubMerchantId": "CM6756531983210274560",
        "TotalAmount": 1000,
        "PayChannel": "WXPAY",
        "PayType": "MINI_PROGRAM",
        "OrderSubject": "杂粮煎饼",
        "OutOrderId": number,
        "ExternalPaymentData":
            r#"{"WxAppId":"wx43f1t4567721a03e","WxOpenId":"oXLUp5OHJof5768CoFFDuuaRn8kc"}"#,
    })
}

/// An object with a member set; a null value removes it.
pub(crate) fn with(object: &Value, member: &str, value: Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        match value {
            Value::Null => members.remove(member),
            value => members.insert(member.to_owned(), value),
        };
    }
    object
}
