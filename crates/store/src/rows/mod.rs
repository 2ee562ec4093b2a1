//! How aggregates and events become rows, once for every engine.
//!
//! A table is a name and its columns in order; `row` turns a value into cells in that order and
//! `read` turns cells back. An engine binds cells to its statements and knows nothing of what they
//! mean. Nothing here is secret: channel keys are public certificates.
//!
//! - [`order`], [`refund`], [`notification`], [`transfer`], [`task`], [`key`]: a table or two each.
//! - [`event`]: events, with their bodies as JSON.

mod cells;
mod change;
pub mod event;
pub mod key;
pub mod notification;
pub mod order;
pub mod refund;
pub mod task;
pub mod transfer;

pub use cells::{Table, Value};
