//! The stage of the tests: a sandbox on a free port, a client, and a merchant that takes callbacks.

use crate::sales::SalesChannel;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sandbox::{CallbackClock, ClockControl, Sandbox, SharedClock};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Polls before a state that must come counts as missing.
const POLLS_MAX: u32 = 20_000;

/// A running sandbox.
pub(crate) struct Play {
    pub(crate) address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    stop_server: oneshot::Sender<()>,
    server: JoinHandle<()>,
    stop_callbacks: Option<oneshot::Sender<()>>,
    callbacks: Option<JoinHandle<()>>,
}

/// An answer: the status and the text, or nothing when the connection broke.
pub(crate) type Seen = Option<(u16, String)>;

impl Play {
    /// Opens a sandbox whose callbacks are not sent yet.
    pub(crate) async fn open(path: &Path, control: ClockControl) -> (Play, Arc<Sandbox>) {
        Play::open_at(path, control, CallbackClock::Shared).await
    }

    async fn open_at(
        path: &Path,
        control: ClockControl,
        signed: CallbackClock,
    ) -> (Play, Arc<Sandbox>) {
        let clock = Arc::new(SharedClock::new());
        let sandbox = Sandbox::open(path, vec![Arc::new(SalesChannel)], clock, control, signed);
        let sandbox = Arc::new(sandbox.expect("the sandbox opens"));
        let (address, stop_server, server) = listen(sandbox.clone().router()).await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let play =
            Play { address, client, stop_server, server, stop_callbacks: None, callbacks: None };
        (play, sandbox)
    }

    /// Opens a sandbox that sends its callbacks.
    pub(crate) async fn start(path: &Path) -> Play {
        Play::signing_at(path, CallbackClock::Shared).await
    }

    /// The same, whose callbacks are signed at this time.
    pub(crate) async fn signing_at(path: &Path, signed: CallbackClock) -> Play {
        let (mut play, sandbox) = Play::open_at(path, ClockControl::Allowed, signed).await;
        let (stop, stopped) = oneshot::channel();
        let run = sandbox.run_callbacks(async { drop(stopped.await) });
        play.stop_callbacks = Some(stop);
        play.callbacks = Some(tokio::spawn(run));
        play
    }

    /// Ends it; the database is closed when this returns.
    pub(crate) async fn end(self, sandbox: Option<Arc<Sandbox>>) {
        drop(sandbox);
        drop((self.stop_server, self.stop_callbacks, self.client));
        self.server.await.expect("the server ends");
        if let Some(callbacks) = self.callbacks {
            callbacks.await.expect("the loop ends");
        }
    }

    pub(crate) async fn call(&self, method: &str, target: &str, body: &str) -> Seen {
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.address))
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a request");
        let response = self.client.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// The head of the answer to a request that is written by hand, byte by byte.
    pub(crate) async fn raw_head(&self, request: &str) -> String {
        let address = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        read_head(&mut stream).await
    }

    pub(crate) async fn control(&self, method: &str, target: &str, body: Value) -> (u16, Value) {
        let (status, text) =
            self.call(method, target, &body.to_string()).await.expect("control answers");
        (status, serde_json::from_str(&text).expect("control answers JSON"))
    }

    pub(crate) async fn fault(&self, operation: &str, word: &str, more: Value) {
        let mut asked = serde_json::json!({
            "channel": "sales", "operation": operation, "fault": word, "times": 1,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            asked[name] = value.clone();
        }
        let (status, answer) = self.control("POST", "/control/faults", asked).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn sell(&self, notify_url: &str) -> Seen {
        self.call("POST", "/sales/sell", notify_url).await
    }

    pub(crate) async fn advance(&self, seconds: u32) {
        let asked = serde_json::json!({ "advance_s": seconds });
        let (status, answer) = self.control("POST", "/control/clock", asked).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Waits until the last callback has had this number of attempts and is in this state.
    pub(crate) async fn wait_for(&self, attempts: usize, state: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..POLLS_MAX {
            let (_, list) = self.control("GET", "/control/callbacks?limit=1", Value::Null).await;
            last = list["callbacks"][0].clone();
            let made = last["attempts"].as_array().map_or(0, Vec::len);
            if made == attempts && last["state"] == state {
                return last;
            }
        }
        panic!("want {attempts} attempts and {state}, found {last}");
    }
}

/// A merchant that takes callbacks and answers with the status it is told.
pub(crate) struct Merchant {
    pub(crate) url: String,
    pub(crate) status: Arc<AtomicU16>,
    pub(crate) arrived: mpsc::UnboundedReceiver<String>,
    _stop: oneshot::Sender<()>,
}

type Receiver = (Arc<AtomicU16>, mpsc::UnboundedSender<String>);

impl Merchant {
    /// Takes the callback and never answers.
    pub(crate) const SILENT: u16 = 0;

    pub(crate) async fn open(status: u16) -> Merchant {
        let (tell, arrived) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(status));
        let router = Router::new().fallback(take).with_state((status.clone(), tell));
        let (address, stop, _) = listen(router).await;
        Merchant { url: format!("{address}/notify"), status, arrived, _stop: stop }
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) async fn next(&mut self) -> String {
        self.arrived.recv().await.expect("a callback arrives")
    }

    pub(crate) fn nothing_arrived(&mut self) -> bool {
        self.arrived.try_recv().is_err()
    }
}

/// A merchant that reads callbacks byte by byte.
pub(crate) struct RawMerchant {
    pub(crate) url: String,
    listener: TcpListener,
}

impl RawMerchant {
    pub(crate) async fn open() -> RawMerchant {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        RawMerchant { url: format!("http://{address}/notify"), listener }
    }

    /// The head of the next callback, which is accepted.
    pub(crate) async fn head(&self) -> String {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        let head = read_head(&mut stream).await;
        let accepted = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(accepted).await.expect("it is answered");
        head
    }
}

/// The bytes up to the empty line.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    String::from_utf8(head).expect("text")
}

async fn take(State((status, tell)): State<Receiver>, body: String) -> StatusCode {
    tell.send(body).expect("the test listens");
    if status.load(Ordering::SeqCst) == Merchant::SILENT {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(status.load(Ordering::SeqCst)).expect("a status")
}

async fn listen(router: Router) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(async { drop(stopped.await) });
    let task = tokio::spawn(async { server.await.expect("it serves") });
    (address, stop, task)
}
