//! The port to wire dialects: what a wire API is to the rest of Tongbao.
//!
//! A dialect proves who calls over the raw bytes, parses its own wire types, maps them to commands,
//! and renders replies and refusals in its own words. Its wire types live and die in its own crate.
//!
//! - [`Dialect`]: a wire API.
//! - [`Budgets`]: how often callers may call, whichever dialect they speak.
//! - [`Peer`], [`NoRoom`]: what the socket knows about a request. [`take_body`]: its body, up to a limit.
//! - [`json`], [`check`]: strict JSON, and fields that name themselves when they are wrong.

mod body;
mod budget;
pub mod check;
pub mod json;

pub use body::{BodyFault, take_body};
pub use budget::{Budgets, Rate, Rates, Wait};

use axum::Router;
use engine::{Announce, Engine};
use std::net::IpAddr;
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

/// Where a request comes from: the address of the connection, or what a trusted proxy reports. An
/// extension of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// A body is refused because the memory for bodies is used up; the same request may pass later. The
/// error of the body's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for the body now")]
pub struct NoRoom;
