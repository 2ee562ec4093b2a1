//! Black-box tests: the real program, driven over HTTP as its users drive it.
//!
//! - [`house`]: starts, kills and restarts `tongbao dev`, and speaks to it.
//! - [`merchant`]: a merchant's server that receives notices.
//! - `rooms`: what a crate may depend on.
//! - `envelope`: transport and envelope.
//! - `idempotency`: the same number again.
//! - `pay_types`: every way to pay.
//! - `query_close`: asking for an order, and closing it.
//! - `signature`: who calls, and who is not believed.
//! - `unified_order`: every row of the table of an order.

mod envelope;
mod house;
mod idempotency;
mod merchant;
mod pay_types;
mod query_close;
mod rooms;
mod signature;
mod unified_order;
