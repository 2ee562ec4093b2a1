//! Which members of an order request a repeat must not change, beyond those that the kernel compares by
//! itself: who pays, where the merchant is notified, until when, how the money is split, and what the
//! merchant gets back with it.

use crate::agreement::AgreementName;
use crate::members::{Allocation, Share};
use crate::wire::UnifiedOrder;
use channel::Payer;
use serde::Serialize;

/// Hex digits of the digest that are kept: 64 bits. It lies in every order, and a caller that finds two
/// requests with one digest deceives nobody but itself.
const DIGEST_LEN: usize = 16;

#[derive(Serialize)]
struct Content<'a> {
    app_id: Option<&'a str>,
    user_id: Option<&'a str>,
    notify_url: Option<&'a str>,
    expires_at_ms: Option<i64>,
    attachment: Option<&'a str>,
    shares: Option<&'a [Share<'a>]>,
    allocations: Option<&'a [Allocation<'a>]>,
    payees: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<String>,
}

/// A digest of the content of an order request.
pub(crate) fn digest(order: &UnifiedOrder<'_>, payer: &Payer) -> Result<String, serde_json::Error> {
    digest_of(&Content {
        app_id: payer.app_id.as_deref(),
        user_id: payer.user_id.as_deref(),
        notify_url: order.notify_url,
        expires_at_ms: order.expires_at.map(|at| at.ms()),
        attachment: order.attachment,
        shares: order.shares.as_deref(),
        allocations: order.allocations.as_deref(),
        payees: order.payees.as_deref(),
        agreement: order.agreement.as_ref().map(AgreementName::text),
    })
}

/// The digest of a request's content.
pub(crate) fn digest_of(content: &impl Serialize) -> Result<String, serde_json::Error> {
    let content = serde_json::to_vec(content)?;
    let mut digest = crypto::hash::sha256_hex(&content);
    digest.truncate(DIGEST_LEN);
    Ok(digest)
}
