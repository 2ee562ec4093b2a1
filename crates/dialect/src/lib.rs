//! The port to wire dialects: what a wire API is to the rest of Tongbao.
//!
//! A dialect proves who calls over the raw bytes, parses its own wire types, maps them to commands,
//! and renders replies and refusals in its own words. Its wire types live and die in its own crate.

use axum::Router;
use engine::{Announce, Engine};
use std::sync::Arc;

/// A wire API.
pub trait Dialect: Send + Sync {
    /// Its name in configuration, storage and metrics.
    fn name(&self) -> &'static str;

    /// Its routes, with their full paths.
    fn router(&self, engine: Arc<Engine>) -> Router;

    /// How it notifies merchants; `None` for a dialect that does not.
    fn announcer(&self) -> Option<Arc<dyn Announce>>;
}
