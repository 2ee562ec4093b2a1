//! The security settings of HTTP, in one place: how long, how much, how many.
//!
//! There are no redirects: the client follows none, so that an answer cannot send a request elsewhere,
//! past the guard.

use std::time::Duration;

/// How long making a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an unused connection is kept.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Unused connections kept for one host.
pub const IDLE_MAX: usize = 64;
/// Names that are looked up at once, at most.
pub const RESOLVING_MAX: usize = 512;
/// The same, on behalf of one tenant.
pub const RESOLVING_EACH_MAX: usize = 32;
/// How long looking a name up may take.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a name may wait to be looked up. Less than any deadline of a request, so that what only
/// waited never counts as sent.
pub const RESOLVE_WAIT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a channel has to answer a call.
pub const CHANNEL_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a channel's answer is read, in bytes.
pub const CHANNEL_ANSWER_LEN_MAX: usize = 1024 * 1024;

/// What a channel has to send the file of a bill.
pub const BILL_TIMEOUT: Duration = Duration::from_secs(120);
/// How much of the file of a bill is read, in bytes: some 200,000 rows.
pub const BILL_LEN_MAX: usize = 64 * 1024 * 1024;

/// What the receiver of a notification or callback has to answer.
pub const RECEIVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a receiver's answer is read, in bytes.
pub const RECEIVER_ANSWER_LEN_MAX: usize = 64 * 1024;

/// How much of a channel's callback is read, in bytes.
pub const CALLBACK_LEN_MAX: usize = 64 * 1024;
/// How much of a request is read where nothing smaller is asked for, in bytes.
pub const REQUEST_LEN_MAX: usize = 1024 * 1024;
