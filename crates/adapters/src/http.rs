//! HTTP: the client, the addresses that it may call, and the conversions to and from the wire.

mod addresses;
mod client;
mod guard;
pub mod limits;
mod pool;
mod wire;

pub use client::{HttpClient, HyperClient, SendFault};
pub use guard::Guard;
pub use pool::ClientIdentity;
pub use wire::{ConversionFault, receive, request_from, response_into};
