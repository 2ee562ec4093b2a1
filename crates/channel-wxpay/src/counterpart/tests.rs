//! The counterpart against the codec of this crate, and against forgers.

mod bills;
mod code_pay;
mod fields;
mod orders;
mod papay;
mod phone;
mod raw;
mod refunds;
mod refusals;
mod round_trip;
mod sharing;
mod signing;
mod stage;
mod v2;
