//! The functional core: commands, what they read, what they decide.
//!
//! [`decide`] looks at a [`View`] of the stored state and answers with a [`Decision`]: events, ledger
//! transfers, tasks, work to do after the commit, and a reply; or it refuses and nothing happened.
//! [`evolve`] is the only writer of state. Both are pure: time and ids come in with a stamp, and the
//! same inputs give the same outputs.
//!
//! This crate knows no vendor, no wire format, no SQL and no clock.
//!
//! - [`command`]: commands, reads, replies, refusals.
//! - [`view`]: the state that a decision sees.
//! - [`event`]: what happened, and how it changes the view.
//! - [`task`]: what must happen later.
//! - [`merchant`]: tenants, merchants and the channels they may use.
//! - [`order`], [`refund`], [`notification`]: an aggregate each.

pub mod command;
pub mod event;
pub mod merchant;
pub mod notification;
pub mod order;
pub mod refund;
pub mod task;
pub mod view;

pub use command::{ChannelAnswer, Command, Decision, Reads, Refusal, Reply, Work, decide};
pub use event::{CallRecord, Caller, Change, Event, evolve};
pub use merchant::{Directory, Merchant, MerchantId, Route, Tenant, TenantId};
pub use notification::{Attempt, Delivery, Notification, NotificationKind, NotificationState};
pub use order::{
    Closure, InFlightCall, Order, OrderKey, OrderState, Paid, PlaceOrder, Terms, UnappliedPayment,
};
pub use refund::{Refund, RefundState};
pub use task::{Task, TaskChange, TaskKind};
pub use view::View;
