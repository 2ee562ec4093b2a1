//! The vocabulary of money: amounts, time, ids, accounts, transfers and balances.
//!
//! Everything here is plain data and total functions. This crate knows no payment, no channel, no
//! storage and no clock: time arrives in a [`Stamp`].
//!
//! - [`money`]: [`Fen`], the only way to write an amount.
//! - [`time`]: [`Timestamp`], an instant in UTC milliseconds.
//! - [`id`]: typed, time-ordered, 18-digit ids, and the [`Stamp`] that they are drawn from.
//! - [`book`]: accounts, transfers and balances, with the rules that keep them balanced.

pub mod book;
pub mod id;
pub mod money;
pub mod time;

pub use book::{Account, AccountKind, Balance, BookFault, Delta, Phase, Reason, Transfer};
pub use id::{
    Id, IdFault, IdRun, Named, Seed, Stamp, Subject, SubjectId, SubjectKind, first_id_at, kinds,
};
pub use money::{Currency, Fen, MoneyFault};
pub use time::Timestamp;
