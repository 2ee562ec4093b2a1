//! The counterpart against the codec of this crate, and against forgers.

mod phone;
mod refusals;
mod round_trip;
mod stage;
