//! The outside world, adapted once for gateway and sandbox.
//!
//! Each part is a feature, so that a crate takes no more than it uses. Nothing here knows a payment, a
//! vendor or a merchant.
//!
//! - [`http`] (feature `http`): the client and its security settings; requests and answers between the
//!   wire and [`channel::Request`], [`channel::Response`].
//! - [`sqlite`] (feature `sqlite`): threads that own a connection, and a writer that commits many jobs
//!   at once.
//! - [`clock`] (feature `clock`): the system's time, and a clock that is moved by hand.
//! - [`stopwatch`]: how long something takes.

#[cfg(feature = "clock")]
pub mod clock;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod stopwatch;

pub use stopwatch::Stopwatch;

/// A future behind a pointer, as traits answer that are used as `dyn`.
pub type Promise<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
