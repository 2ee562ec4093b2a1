//! The admin API: what an operator may see and do, as JSON under `/admin/v1`.
//!
//! It reads what is committed and changes it through the same commands as every other API; it holds
//! no rule and no state. It never shows what opens a cashier, and shows payers' ids masked.
//!
//! - [`Admin`]: the dialect.
//! - [`health`]: alive, ready, metrics.
//! - `routes`: the paths, who may call them, their OpenAPI document. `directory`: those of tenants,
//!   merchants, callers' keys and channel accounts.
//! - `query`: parameters become queries, or are refused by name.
//! - `map`: stored state becomes wire types, purely.
//! - `wire`: the wire types, and how amounts, times and ids are written.
//! - `faults`: what can go wrong, as statuses and codes.

pub mod health;

mod directory;
mod faults;
mod map;
mod query;
mod routes;
mod wire;

#[cfg(test)]
mod tests;

use axum::Router;
use crypto::Secret;
use dialect::Dialect;
use engine::{Announce, Engine};
use std::sync::Arc;

/// The admin API.
#[derive(Debug)]
pub struct Admin {
    admin_token: Arc<Secret>,
}

impl Admin {
    /// An admin API for those who hold this token. An empty token admits nobody.
    pub fn new(admin_token: Secret) -> Admin {
        Admin { admin_token: Arc::new(admin_token) }
    }
}

impl Dialect for Admin {
    fn name(&self) -> &'static str {
        "admin"
    }

    fn router(&self, engine: Arc<Engine>) -> Router {
        routes::router(engine, self.admin_token.clone())
    }

    fn announcer(&self) -> Option<Arc<dyn Announce>> {
        None
    }
}
