//! The counterpart against the codec of this crate, and against forgers.

mod bills;
mod phone;
mod refusals;
mod round_trip;
mod signing;
mod stage;
