//! The 微卡收付通 wire API, as a dialect.
//!
//! Bytes come in, the caller is proved over them, the body is read strictly and becomes a command;
//! the order that the engine answers with is written in this API's words. Nothing here decides
//! anything about money.
//!
//! - [`Wecard`]: the dialect.
//! - [`Signing`]: signs requests as a client does; notifications are signed with it too.
//! - `routes`: the endpoints; `envelope`: bytes in, envelope out; `encoding`: how they are encoded;
//!   `auth`: who calls.
//! - `wire`, `members`: requests and results; `map`: to commands and back; `details`: what an order
//!   keeps beyond the kernel's terms; `faults`: refusals in this API's codes.
//! - `sharing`: payees, shares and their returns.
//! - `agreement`: agreements by which payers are debited.
//! - `wallet`: wallets and gift cards.
//! - `refund`: refunds, from the request to the result.
//! - `pay_channel`: the words of `PayChannel`, a row a channel.
//! - `account`: what a merchant has, and its withdrawals; `bill`: our own bills of a merchant's day.
//! - `announce`: notifications to merchants; `sign`, `keys`, `time`, `url`: what they rest on.

mod account;
mod agreement;
mod announce;
mod auth;
mod bill;
mod content;
mod details;
mod encoding;
mod envelope;
mod faults;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keys;
mod map;
mod members;
mod pay_channel;
mod refund;
mod routes;
mod sharing;
mod sign;
#[cfg(test)]
mod tests;
mod time;
mod url;
mod wallet;
mod wire;

pub use sign::{Signed, Signing, SigningFault, SigningKey};

use axum::Router;
use crypto::rsa::Signer;
use dialect::{Budgets, Dialect};
pub(crate) use dialect::{check, json};
use engine::{Announce, Engine};
use std::sync::Arc;

/// The dialect's name in configuration and storage.
pub const NAME: &str = "wecard";

/// The namespace of its merchants' order numbers (OutOrderId).
pub const NAMESPACE: &str = "wecard";

/// The namespace of their numbers of releases (OutUnfreezeId).
pub const UNFREEZE_NAMESPACE: &str = "wecard.unfreeze";

/// The namespace of its merchants' refund numbers (OutRefundId).
pub const REFUND_NAMESPACE: &str = "wecard.refund";

/// The namespace of their numbers of recharges (OutRechargeId).
pub const RECHARGE_NAMESPACE: &str = "wecard.recharge";

/// The namespace of their numbers of agreements (OutAgreementId).
pub const AGREEMENT_NAMESPACE: &str = "wecard.agreement";

/// The namespace of their numbers of cards that are given away (OutTransferId).
const TRANSFER_NAMESPACE: &str = "wecard.card_transfer";
/// The namespace of their numbers of cards that are put into wallets (OutBindId).
const BINDING_NAMESPACE: &str = "wecard.card_binding";
/// The namespace of their numbers of freezes of wallets (OutFreezeId).
const FREEZE_NAMESPACE: &str = "wecard.wallet_freeze";
/// The namespace of their numbers of card batches (OutBatchId).
pub const BATCH_NAMESPACE: &str = "wecard.card_batch";

/// How much is asked of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `content-type` and `host` must be signed; an odd date in the credential is only logged.
    #[default]
    Lenient,
    /// `x-tc-ocode` and `x-tc-action` must be signed too, and the credential must carry the date of
    /// the timestamp.
    Strict,
}

/// The 微卡收付通 wire API.
#[derive(Debug)]
pub struct Wecard {
    platform: Arc<Signer>,
    mode: Mode,
    budgets: Arc<Budgets>,
}

impl Wecard {
    /// The dialect. `platform` is the platform's own key (收付通), which signs notifications to tenants
    /// that have RSA keys, and for which callers encrypt the secrets of cards.
    pub fn new(platform: Signer, mode: Mode, budgets: Arc<Budgets>) -> Wecard {
        Wecard { platform: Arc::new(platform), mode, budgets }
    }
}

impl Dialect for Wecard {
    fn name(&self) -> &'static str {
        NAME
    }

    fn router(&self, engine: Arc<Engine>) -> Router {
        let (platform, budgets) = (self.platform.clone(), self.budgets.clone());
        routes::router(routes::Api { engine, platform, mode: self.mode, budgets })
    }

    fn announcer(&self) -> Option<Arc<dyn Announce>> {
        Some(Arc::new(announce::Announcer { platform: self.platform.clone() }))
    }
}
