//! HTTP: the client, the addresses that it may call, and the conversions to and from the wire.

mod addresses;
mod client;
mod guard;
pub mod limits;
mod pool;
mod resolver;
mod spelling;
mod wire;

pub use client::{ClientFault, HeaderNames, HttpClient, HyperClient, SendContext, SendFault};
pub use guard::Guard;
pub use pool::{Authorities, BadAuthorities, ClientIdentity};
pub use spelling::spelled;
pub use wire::{ConversionFault, receive, request_from, response_into};
