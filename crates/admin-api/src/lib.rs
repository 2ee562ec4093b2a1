//! The admin API: what an operator may see and do, as JSON under `/admin/v1`.
//!
//! It reads what is committed and changes it through the same commands as every other API; it holds
//! no rule and no state. It never shows what opens a cashier, and shows payers' ids masked.
//!
//! - [`Admin`]: the dialect.
//! - [`health`]: alive, ready, metrics.
//! - `routes`: the paths and their OpenAPI document. `directory`: those of tenants,
//!   merchants, callers' keys and channel accounts.
//! - [`liability`]: what stored value is outstanding, as JSON and CSV.
//! - `operators`: who may call, and what each may do.
//! - `commands`: what an operator decides about rows that need a person.
//! - `query`: parameters become queries, or are refused by name.
//! - `map`: stored state becomes wire types, purely.
//! - `wire`: the wire types, and how amounts, times and ids are written.
//! - `faults`: what can go wrong, as statuses and codes.

pub mod health;
pub mod liability;

mod commands;
mod directory;
mod faults;
mod map;
mod operators;
mod query;
mod routes;
mod settlement;
mod statement;
mod wire;

#[cfg(test)]
mod tests;

pub use commands::{Exit, exits};
pub use operators::{AdminToken, ManualRule, Role};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use dialect::{Budgets, Dialect};
use engine::{Announce, Engine};
use operators::Operators;
use std::sync::Arc;
use store::{AttentionCount, AttentionRow};

/// The largest body of a request, in bytes.
const BODY_LEN_MAX: usize = 256 * 1024;

/// The admin API.
pub struct Admin {
    operators: Operators,
}

impl Admin {
    /// An admin API for those who hold one of these tokens.
    pub fn new(tokens: Vec<AdminToken>, manual_rule: ManualRule, budgets: Arc<Budgets>) -> Admin {
        Admin { operators: Operators::new(tokens, manual_rule, budgets) }
    }

    /// `GET /metrics` for those who hold a token.
    pub fn metrics_router(&self, render_metrics: health::RenderMetrics) -> Router {
        routes::guarded(health::metrics_router(render_metrics), &self.operators)
    }
}

impl Dialect for Admin {
    fn name(&self) -> &'static str {
        "admin"
    }

    fn router(&self, engine: Arc<Engine>) -> Router {
        let router = routes::router(engine, &self.operators);
        router.layer(DefaultBodyLimit::max(BODY_LEN_MAX))
    }

    fn announcer(&self) -> Option<Arc<dyn Announce>> {
        None
    }
}

/// The list of what needs a person as JSON, as the API answers it.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn attention_json(
    rows: &[AttentionRow],
    counts: Vec<AttentionCount>,
    limit: u32,
) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&map::attention(rows, counts, limit))
}
