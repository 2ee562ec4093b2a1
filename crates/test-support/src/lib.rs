//! What the tests of all crates share, so that each stands once: tenants with a merchant and a channel
//! account, an order, what a channel says about it, and chance from a seed.
//!
//! The texts in here are not friendly: quotes, line ends, an emoji, an escaped zero.
//!
//! - `directory`: tenants, merchants, channel accounts; as a snapshot, and as commands.
//! - `orders`: commands about orders, and findings.
//! - `chance`: the same random numbers everywhere.

mod chance;
mod directory;
mod orders;

pub use chance::SeededRng;
pub use directory::{
    CHANNEL, IDENTITY, INSTALLATION, MERCHANT, PARTNER, PARTNERS, TENANTS, channel_account,
    directory, merchant, put_account, put_caller_key, put_merchant, put_tenant, tenant, tenant_at,
};
pub use orders::{
    NAMESPACE, PRICE, REFUND_NAMESPACE, attempt, call, close, decided, divided_request, found,
    found_of_refund, order_request, paid, paid_as, paid_with_coupon, payable, place, place_for,
    refunded, replay, request_refund, settle_by_hand, write_off,
};

use ledger::{Seed, Timestamp};

/// What the random numbers of every test follow from.
pub const SEED: Seed = Seed([1; 32]);
/// When every test begins.
pub const START: Timestamp = Timestamp::from_seconds(1_795_000_000);
