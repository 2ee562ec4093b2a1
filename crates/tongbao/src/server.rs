//! Listening: bounded connections, headers, bodies and times, and no panic that takes the process down.
//!
//! One accept loop, HTTP/1 only. A permit travels with each connection: when all are given out, nobody
//! is accepted until one comes back, and when all are back after a stop, everybody is served.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// The largest body that any endpoint takes, in bytes; dialects have smaller limits of their own.
const BODY_LEN_MAX: usize = 1024 * 1024;
/// How long a request may take altogether.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to send a request's headers. The wait for the next request on an open
/// connection counts too: an idle connection is closed after this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: u32 = 4096;
/// How long requests under way may take to finish after a stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after a failed accept: file descriptors may have run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// An open socket that nobody serves yet: its address can be told to others first.
pub(crate) struct Listening {
    listener: TcpListener,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Listening {
    /// Opens the socket; port 0 takes any free port.
    pub(crate) async fn open(address: &str) -> Result<Listening> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        Ok(Listening { listener, address })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until told to stop; then accepts nobody, and requests under way are finished.
    pub(crate) async fn serve(self, router: Router, stop: watch::Receiver<bool>) -> Result<()> {
        let limits = Limits {
            connections_max: CONNECTIONS_MAX,
            header_timeout: HEADER_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
        };
        let router = router
            .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
            .layer(CatchPanicLayer::new());
        accept_until(self.listener, router, stop, limits).await
    }
}

/// What a socket allows; tests allow less.
#[derive(Clone, Copy)]
struct Limits {
    connections_max: u32,
    header_timeout: Duration,
    drain_timeout: Duration,
}

async fn accept_until(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    limits: Limits,
) -> Result<()> {
    let permits = Arc::new(Semaphore::new(usize::try_from(limits.connections_max)?));
    loop {
        let stopping = stop.clone();
        let next = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            next = accept(&listener, &permits) => next,
        };
        match next {
            Ok((stream, permit)) => {
                tokio::spawn(serve_connection(stream, router.clone(), stopping, permit, limits));
            }
            Err(fault) => {
                tracing::warn!(%fault, "connection not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    // Each connection keeps the deadline by itself, so all permits come back.
    permits.acquire_many(limits.connections_max).await.map(drop).context("connections lost")
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    mut stop: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
    limits: Limits,
) {
    if let Err(fault) = stream.set_nodelay(true) {
        tracing::debug!(%fault, "nodelay not set");
    }
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .keep_alive(true)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let finished = tokio::time::timeout(limits.drain_timeout, connection.as_mut()).await;
            finished.unwrap_or(Ok(()))
        }
    };
    if let Err(fault) = outcome {
        tracing::debug!(%fault, "connection broke");
    }
    drop(permit);
}

/// Fires when told to stop, and when nobody is left to tell.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Fires when the process is asked to stop: Ctrl-C or SIGTERM.
pub(crate) async fn asked_to_stop() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
    const LONG: Duration = Duration::from_secs(60);

    struct Server {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        serving: JoinHandle<Result<()>>,
        /// Fires when a slow request has arrived.
        arrived: Arc<Notify>,
        /// Lets a slow request go on.
        release: Arc<Notify>,
    }

    impl Server {
        async fn start(limits: Limits) -> Server {
            let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (come, go) = (arrived.clone(), release.clone());
            let slow = async move || {
                come.notify_one();
                go.notified().await;
                "done"
            };
            let router = Router::new().route("/", get(async || "ok")).route("/slow", get(slow));
            let listening = Listening::open("127.0.0.1:0").await.expect("a free port");
            let address = listening.address;
            let stop = watch::Sender::new(false);
            let serving = accept_until(listening.listener, router, stop.subscribe(), limits);
            Server { address, stop, serving: tokio::spawn(serving), arrived, release }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("a connection")
        }
    }

    fn limits() -> Limits {
        Limits { connections_max: 8, header_timeout: LONG, drain_timeout: LONG }
    }

    async fn ask(stream: &mut TcpStream, request: &[u8]) {
        stream.write_all(request).await.expect("sent");
    }

    /// Reads up to the end of this text.
    async fn hears(stream: &mut TcpStream, want: &str) {
        let mut heard = Vec::new();
        while !heard.ends_with(want.as_bytes()) {
            let byte = stream.read_u8().await;
            heard.push(byte.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&heard))));
        }
    }

    async fn is_closed(mut stream: TcpStream) -> bool {
        matches!(stream.read_u8().await, Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof)
    }

    #[tokio::test]
    async fn a_connection_serves_many_requests() {
        let server = Server::start(limits()).await;
        let mut stream = server.connect().await;
        for _ in 0..3 {
            ask(&mut stream, ASK).await;
            hears(&mut stream, "\r\n\r\nok").await;
        }
    }

    #[tokio::test]
    async fn a_client_that_never_ends_its_headers_is_left() {
        let header_timeout = Duration::from_millis(50);
        let server = Server::start(Limits { header_timeout, ..limits() }).await;
        let mut stream = server.connect().await;
        ask(&mut stream, b"GET / HTTP/1.1\r\nhost: ").await;
        let mut silent = server.connect().await;
        // The slow one may hear a refusal first; both connections end.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("it is closed");
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
        silent.read_to_end(&mut rest).await.expect("it is closed");
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_until_somebody_leaves() {
        let server = Server::start(Limits { connections_max: 1, ..limits() }).await;
        let mut first = server.connect().await;
        ask(&mut first, SLOW).await;
        server.arrived.notified().await;
        let mut second = server.connect().await;
        ask(&mut second, ASK).await;
        let early = tokio::time::timeout(Duration::from_millis(50), second.readable()).await;
        assert!(early.is_err(), "two were served where there is room for one");
        server.release.notify_one();
        hears(&mut first, "done").await;
        drop(first);
        hears(&mut second, "\r\n\r\nok").await;
    }

    #[tokio::test]
    async fn a_stop_finishes_what_is_under_way_and_takes_nothing_new() {
        let server = Server::start(limits()).await;
        let mut idle = server.connect().await;
        ask(&mut idle, ASK).await;
        hears(&mut idle, "\r\n\r\nok").await;
        let mut busy = server.connect().await;
        ask(&mut busy, SLOW).await;
        server.arrived.notified().await;
        server.stop.send_replace(true);
        assert!(is_closed(idle).await);
        assert!(!server.serving.is_finished());
        server.release.notify_one();
        hears(&mut busy, "done").await;
        server.serving.await.expect("no panic").expect("served");
        assert!(TcpStream::connect(server.address).await.is_err(), "it still accepts");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_longer_than_its_deadline() {
        let drain_timeout = Duration::from_millis(50);
        let server = Server::start(Limits { drain_timeout, ..limits() }).await;
        let mut busy = server.connect().await;
        ask(&mut busy, SLOW).await;
        server.arrived.notified().await;
        server.stop.send_replace(true);
        server.serving.await.expect("no panic").expect("served");
        assert!(is_closed(busy).await);
    }
}
