//! What operations ask of a process: is it alive, is it ready, how is it doing.
//!
//! These need no token. Metrics show how much is sold: without a token they belong on an address that
//! only operations can reach.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use engine::Engine;
use http::{StatusCode, header};
use std::sync::Arc;
use std::time::Duration;
use store::Ping;

/// How long the database may take to answer a ready process.
const READY_PATIENCE: Duration = Duration::from_secs(2);
/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";

/// Renders the metrics of the process.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// `GET /healthz` and `GET /readyz`.
pub fn probes_router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(move || ready(engine)))
}

/// `GET /metrics`.
pub fn metrics_router(render_metrics: RenderMetrics) -> Router {
    Router::new().route("/metrics", get(move || metrics(render_metrics)))
}

/// Ready while the database answers.
async fn ready(engine: Arc<Engine>) -> impl IntoResponse {
    match tokio::time::timeout(READY_PATIENCE, engine.ask(Ping {})).await {
        Ok(Ok(())) => (StatusCode::OK, "ready"),
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: database failed")
        }
        Err(_) => {
            tracing::warn!("not ready: no answer from the database in {READY_PATIENCE:?}");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: database does not answer")
        }
    }
}

async fn metrics(render_metrics: RenderMetrics) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], render_metrics())
}
