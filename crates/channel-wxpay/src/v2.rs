//! WeChat Pay v2: the older interface, in XML, signed with the merchant's API key.
//!
//! Both interfaces speak of the same orders of a merchant. `interfaces` in the crate's root chooses
//! between them.
//!
//! - `settings`: an account, read from its settings.
//! - `connection`: an open account; answers and callbacks to findings.
//! - `request`: instructions to signed requests. `order`: placing one, and what the client gets.
//! - `agreement`: agreements, and debits by them.
//! - `reading`: orders and refunds to findings.
//! - `codes`: error codes to findings, a table.
//! - `callback`: callbacks, and what those of refunds seal.
//! - `xml`, `sign`, `time`: messages, signatures and times, shared with the counterpart.

pub(crate) mod agreement;
pub(crate) mod callback;
mod codes;
mod connection;
pub(crate) mod order;
mod reading;
mod request;
pub(crate) mod settings;
pub(crate) mod sign;
#[cfg(test)]
mod tests;
pub(crate) mod time;
pub(crate) mod xml;

pub(crate) use connection::OpenAccount;
