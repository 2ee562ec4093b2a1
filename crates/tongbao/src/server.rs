//! Listening: bounded bodies, a deadline, no panic that takes the process down.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// The largest body that any endpoint takes, in bytes; dialects have smaller limits of their own.
const BODY_LEN_MAX: usize = 1024 * 1024;
/// How long a request may take altogether.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

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

    /// Serves until told to stop; requests under way are finished.
    pub(crate) async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) -> Result<()> {
        let router = router
            .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
            .layer(CatchPanicLayer::new());
        let listener = self.listener.tap_io(|stream| {
            if let Err(fault) = stream.set_nodelay(true) {
                tracing::debug!(%fault, "nodelay not set");
            }
        });
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                let _ = stop.wait_for(|stop| *stop).await;
            })
            .await
            .context("server stopped")
    }
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
