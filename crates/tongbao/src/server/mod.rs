//! Listening: bounded connections, headers, bodies and times, and no panic that takes the process down.
//!
//! One accept loop, HTTP/1 only. A permit travels with each connection: when nearly all are given out,
//! those that only wait are closed for the sake of new ones; when all are back after a stop, everybody
//! is served. No address has more than its share.
//!
//! - `peers`: the share of each address. `idle`: connections that wait. `body`: room for bodies.
//! - `tls`: connections of the simulated channels that are made by TLS.

mod body;
mod idle;
mod peers;
mod tls;

pub(crate) use peers::Network;
pub(crate) use tls::Tls;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, StatusCode};
use body::RoomyBody;
use dialect::Peer;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use idle::{IdleConnections, IdleEntry};
use peers::{Connected, Peers};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tls::Security;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// The largest body that any endpoint takes, in bytes; most have smaller limits of their own.
const BODY_LEN_MAX: usize = 1024 * 1024;
/// How long a request may take altogether.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a new connection may take to send the headers of its first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an open connection may wait for its next request, headers included.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: u32 = 4096;
/// The part of all connections that is kept free by closing those that only wait.
const SPARE_PART: usize = 8;
/// What a connection reads ahead, in bytes; headers must fit.
const READ_AHEAD_LEN_MAX: usize = 32 * 1024;
/// Room for the bodies of all requests that are being read, in KiB.
const BODY_ROOM_KIB: usize = 32 * 1024;
/// The part of it that one address may hold.
const BODY_ROOM_PART: usize = 4;
/// How long requests under way may take to finish after a stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after a failed accept: file descriptors may have run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How many may connect, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Connections of one address at once.
    pub(crate) connections_each_max: u32,
    /// Proxies whose connections are not counted, and which report their clients' addresses.
    pub(crate) trusted_proxies: Vec<Network>,
}

impl Admission {
    /// As many of one address as of all: for a machine that only speaks with itself.
    pub(crate) fn local() -> Admission {
        Admission { connections_each_max: CONNECTIONS_MAX, trusted_proxies: vec![] }
    }
}

/// An open socket that nobody serves yet: its address can be told to others first.
pub(crate) struct Listening {
    listener: TcpListener,
    tls: Option<Tls>,
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
        Ok(Listening { listener, tls: None, address })
    }

    /// The same socket, spoken to by TLS.
    pub(crate) fn by(self, tls: Tls) -> Listening {
        Listening { tls: Some(tls), ..self }
    }

    /// The URL at which this machine can call it. A socket that listens on every address is called at
    /// loopback: the wildcard itself cannot be called.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", callable(self.address))
    }

    /// Serves until told to stop; then accepts nobody, and requests under way are finished.
    pub(crate) async fn serve(
        self,
        router: Router,
        admission: Admission,
        stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let limits = Limits {
            connections_max: CONNECTIONS_MAX,
            first_request_timeout: FIRST_REQUEST_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
        };
        let router = router
            .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
            .layer(CatchPanicLayer::new());
        accept_until(self, router, admission, stop, limits).await
    }
}

fn callable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    // Without the zone of a link-local address, which no URL can hold.
    SocketAddr::new(ip, listening.port())
}

/// What a socket allows; tests allow less.
#[derive(Clone, Copy)]
struct Limits {
    connections_max: u32,
    first_request_timeout: Duration,
    idle_timeout: Duration,
    drain_timeout: Duration,
}

/// What the connections of a socket share.
struct Shared {
    router: Router,
    permits: Arc<Semaphore>,
    spare: usize,
    peers: Arc<Peers>,
    idle: Arc<IdleConnections>,
    body_room: Arc<Semaphore>,
    limits: Limits,
}

async fn accept_until(
    listening: Listening,
    router: Router,
    admission: Admission,
    mut stop: watch::Receiver<bool>,
    limits: Limits,
) -> Result<()> {
    let Listening { listener, tls, address: _ } = listening;
    let connections_max = usize::try_from(limits.connections_max)?;
    let each_max = admission.connections_each_max;
    let body_room_each = BODY_ROOM_KIB / BODY_ROOM_PART;
    let shared = Arc::new(Shared {
        router,
        permits: Arc::new(Semaphore::new(connections_max)),
        spare: connections_max / SPARE_PART,
        peers: Peers::new(admission.trusted_proxies, each_max, body_room_each),
        idle: Arc::default(),
        body_room: Arc::new(Semaphore::new(BODY_ROOM_KIB)),
        limits,
    });
    loop {
        let stopping = stop.clone();
        let next = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            next = accept(&listener, &shared) => next,
        };
        match next {
            Ok((stream, address, permit)) => match shared.peers.enter(address.ip()) {
                Some(connected) => {
                    let connection =
                        Connection { shared: shared.clone(), connected, _permit: permit };
                    tokio::spawn(connection.open(stream, tls.clone(), stopping));
                }
                // Its address has its share already: the connection is closed.
                None => metrics::counter!("tongbao_connections_refused_total").increment(1),
            },
            Err(fault) => {
                tracing::warn!(%fault, "connection not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    // Each connection keeps the deadline by itself, so all permits come back.
    let all = shared.permits.acquire_many(limits.connections_max).await;
    all.map(drop).context("connections lost")
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    shared: &Shared,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = loop {
        if shared.permits.available_permits() <= shared.spare {
            shared.idle.close_longest();
        }
        tokio::select! {
            biased;
            permit = shared.permits.clone().acquire_owned() => break permit.map_err(io::Error::other)?,
            // There is no room, and now a connection waits that can be closed.
            () = shared.idle.appeared.notified() => {}
        }
    };
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, permit))
}

/// A connection that has its permit.
struct Connection {
    shared: Arc<Shared>,
    connected: Connected,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Serves it, once hands are shaken where that is the habit. The handshake and the first request have
    /// one time together.
    async fn open(self, stream: TcpStream, tls: Option<Tls>, mut stop: watch::Receiver<bool>) {
        if let Err(fault) = stream.set_nodelay(true) {
            tracing::debug!(%fault, "nodelay not set");
        }
        let entry = Arc::new(self.shared.idle.enter());
        let late = tokio::time::sleep(self.shared.limits.first_request_timeout);
        let mut late = pin!(late);
        let Some(tls) = tls else {
            return self.serve(stream, Security::Plain, entry, late, stop).await;
        };
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            () = late.as_mut() => return,
            () = ended(&mut stop, &entry) => return,
        };
        match shaken {
            Ok(stream) => {
                let security = Security::of(&stream);
                self.serve(stream, security, entry, late, stop).await;
            }
            Err(fault) => tracing::debug!(%fault, "no handshake"),
        }
    }

    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        security: Security,
        entry: Arc<IdleEntry>,
        late: Pin<&mut Sleep>,
        mut stop: watch::Receiver<bool>,
    ) {
        let Limits { idle_timeout, drain_timeout, .. } = self.shared.limits;
        let service = service_fn(|request| self.answer(entry.clone(), &security, request));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(idle_timeout)
                .max_buf_size(READ_AHEAD_LEN_MAX)
                .keep_alive(true)
                .serve_connection(TokioIo::new(stream), service)
        );
        let late = async {
            late.await;
            if entry.has_begun() {
                std::future::pending::<()>().await;
            }
        };
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = late => Ok(()),
            () = ended(&mut stop, &entry) => {
                // Where no request ever came there is nothing to finish.
                if !entry.has_begun() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                let finished = tokio::time::timeout(drain_timeout, connection.as_mut()).await;
                finished.unwrap_or(Ok(()))
            }
        };
        if let Err(fault) = outcome {
            tracing::debug!(%fault, "connection broke");
        }
    }

    /// Answers a request, with the address that it comes from, and with a body that takes room.
    async fn answer(
        &self,
        entry: Arc<IdleEntry>,
        security: &Security,
        mut request: Request<Incoming>,
    ) -> Result<axum::response::Response, std::convert::Infallible> {
        entry.begin();
        security.describe(request.headers_mut());
        let trusted = self.shared.peers.trusted();
        let origin = peers::origin(trusted, self.connected.address, request.headers());
        let rooms = self.connected.body_room().into_iter().chain([self.shared.body_room.clone()]);
        let mut request = request.map(|body| RoomyBody::new(body, rooms.collect()));
        request.extensions_mut().insert(Peer(origin));
        let answer = TowerToHyperService::new(self.shared.router.clone()).call(request).await;
        entry.wait();
        answer
    }
}

/// Fires when a connection is to take no further request.
async fn ended(stop: &mut watch::Receiver<bool>, entry: &IdleEntry) {
    tokio::select! {
        () = stopped(stop) => {}
        () = entry.close.notified() => {}
    }
}

/// Fires when told to stop, and when nobody is left to tell.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The signals that ask the process to stop: Ctrl-C, SIGTERM, and SIGHUP, which comes when its terminal
/// is closed. The configuration is read at the start alone, so that there is nothing to reload.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl StopSignals {
    /// Takes the signals over. A process that says that it is ready has done so before: a signal would
    /// kill it otherwise.
    pub(crate) fn listen() -> Result<StopSignals> {
        Ok(StopSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Fires when one of them comes, also when it came before.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
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
            Server::admitting(limits, Admission::local()).await
        }

        async fn admitting(limits: Limits, admission: Admission) -> Server {
            let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (come, go) = (arrived.clone(), release.clone());
            let slow = async move || {
                come.notify_one();
                go.notified().await;
                "done"
            };
            let echo = async |body: Bytes| body.len().to_string();
            let router =
                Router::new().route("/", get(async || "ok").post(echo)).route("/slow", get(slow));
            let listening = Listening::open("127.0.0.1:0").await.expect("a free port");
            let address = listening.address;
            let stop = watch::Sender::new(false);
            let serving = accept_until(listening, router, admission, stop.subscribe(), limits);
            Server { address, stop, serving: tokio::spawn(serving), arrived, release }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("a connection")
        }
    }

    fn limits() -> Limits {
        Limits {
            connections_max: 8,
            first_request_timeout: LONG,
            idle_timeout: LONG,
            drain_timeout: LONG,
        }
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

    #[test]
    fn an_address_to_listen_on_is_not_one_to_call() {
        for (listening, want) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.2:1", "127.0.0.2:1"),
            ("192.168.1.5:8080", "192.168.1.5:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[fe80::1%2]:80", "[fe80::1]:80"),
        ] {
            let listening = listening.parse().expect("an address");
            assert_eq!(callable(listening).to_string(), want, "{listening}");
        }
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
        let first_request_timeout = Duration::from_millis(50);
        let server = Server::start(Limits { first_request_timeout, ..limits() }).await;
        let mut known = server.connect().await;
        ask(&mut known, ASK).await;
        hears(&mut known, "\r\n\r\nok").await;
        let mut stream = server.connect().await;
        ask(&mut stream, b"GET / HTTP/1.1\r\nhost: ").await;
        let silent = server.connect().await;
        assert!(is_closed(stream).await);
        assert!(is_closed(silent).await);
        // Once a request came, the connection may wait for longer.
        ask(&mut known, ASK).await;
        hears(&mut known, "\r\n\r\nok").await;
    }

    #[tokio::test]
    async fn a_connection_that_waits_too_long_is_closed() {
        let idle_timeout = Duration::from_millis(50);
        let server = Server::start(Limits { idle_timeout, ..limits() }).await;
        let mut stream = server.connect().await;
        ask(&mut stream, ASK).await;
        hears(&mut stream, "\r\n\r\nok").await;
        ask(&mut stream, b"GET / HT").await;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("it is closed");
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }

    #[tokio::test]
    async fn those_that_only_wait_make_room() {
        let server = Server::start(limits()).await;
        let mut waiting = Vec::new();
        for _ in 0..20 {
            waiting.push(server.connect().await);
            let mut stream = server.connect().await;
            ask(&mut stream, ASK).await;
            hears(&mut stream, "\r\n\r\nok").await;
            waiting.push(stream);
        }
        assert!(is_closed(waiting.remove(0)).await, "the one that waited longest");
    }

    #[tokio::test]
    async fn an_address_has_no_more_than_its_share() {
        let admission = Admission { connections_each_max: 2, trusted_proxies: vec![] };
        let server = Server::admitting(limits(), admission).await;
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut stream = server.connect().await;
            ask(&mut stream, ASK).await;
            hears(&mut stream, "\r\n\r\nok").await;
            held.push(stream);
        }
        assert!(is_closed(server.connect().await).await);
        let proxy = "127.0.0.0/8".parse().expect("a network");
        let admission = Admission { connections_each_max: 1, trusted_proxies: vec![proxy] };
        let server = Server::admitting(limits(), admission).await;
        for _ in 0..3 {
            let mut stream = server.connect().await;
            ask(&mut stream, ASK).await;
            hears(&mut stream, "\r\n\r\nok").await;
            held.push(stream);
        }
    }

    #[tokio::test]
    async fn a_body_is_read_whole() {
        let server = Server::start(limits()).await;
        let mut stream = server.connect().await;
        for len in [0, 1, 1023, 1024, 1025, 300_000] {
            let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n");
            ask(&mut stream, head.as_bytes()).await;
            ask(&mut stream, &vec![b'x'; len]).await;
            hears(&mut stream, &format!("\r\n\r\n{len}")).await;
        }
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
