//! What stands in the documents about sharing, and under which keys.

use crate::counterpart::records;
use channel::{DocumentFault, DocumentStore};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a share is under way: it is answered as PROCESSING until then.
const HANDLING_SECONDS: i64 = 1;
/// Balances stand under this and the number or id of their owner.
pub(super) const BALANCES: &str = "wxpay/balance/";

/// A receiver of one sharing merchant.
#[derive(Serialize, Deserialize)]
pub(super) struct Bound {
    /// False once it was removed.
    pub(super) is_bound: bool,
}

/// A share, or the release of the rest.
#[derive(Serialize, Deserialize)]
pub(super) struct Sharing {
    pub(super) sub_mchid: Option<String>,
    pub(super) transaction_id: String,
    pub(super) out_order_no: String,
    pub(super) order_id: String,
    /// Of what was asked for, to know a repeat from a change.
    pub(super) fingerprint: String,
    pub(super) items: Vec<Item>,
    /// What was released with it to the sharing merchant, in fen.
    pub(super) released: i64,
    /// The merchant whose money is shared.
    pub(super) payee: String,
    pub(super) created_ms: i64,
    pub(super) return_count: u32,
}

impl Sharing {
    /// The number of an item.
    pub(super) fn detail_id(&self, at: usize) -> String {
        format!("{}{at:02}", self.order_id)
    }

    /// When its items are final.
    pub(super) fn ends_at(&self) -> Timestamp {
        ends_at(Timestamp::from_ms(self.created_ms))
    }
}

/// When a share of this time is handled.
pub(super) fn ends_at(created: Timestamp) -> Timestamp {
    created.plus_seconds(HANDLING_SECONDS)
}

/// An item of a share.
#[derive(Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) kind: String,
    pub(super) account: String,
    pub(super) amount: i64,
    pub(super) description: String,
    /// Why no money moves, if none does.
    pub(super) fail_reason: Option<String>,
    /// What went back of it, in fen.
    pub(super) returned: i64,
}

/// A return.
#[derive(Serialize, Deserialize)]
pub(super) struct Returning {
    pub(super) sub_mchid: Option<String>,
    pub(super) order_id: String,
    #[serde(default)]
    pub(super) transaction_id: String,
    pub(super) out_order_no: String,
    pub(super) out_return_no: String,
    pub(super) return_id: String,
    pub(super) return_mchid: String,
    pub(super) amount: i64,
    pub(super) description: String,
    pub(super) fail_reason: Option<String>,
    pub(super) at_ms: i64,
}

/// `app` is the one that an openid belongs to; a merchant's number belongs to none.
pub(super) fn receiver_key(payee: &str, app: &str, kind: &str, account: &str) -> String {
    format!("wxpay/receiver/{payee}/{kind}/{app}/{account}")
}

pub(super) fn name_key(app: &str, account: &str) -> String {
    format!("wxpay/receiver_name/{app}/{account}")
}

pub(super) fn share_key(mchid: &str, out_order_no: &str) -> String {
    format!("wxpay/share/{mchid}/{out_order_no}")
}

/// Under the channel's number of a share stands the key of the share.
pub(super) fn share_pointer(mchid: &str, order_id: &str) -> String {
    format!("wxpay/share_id/{mchid}/{order_id}")
}

pub(super) fn return_key(mchid: &str, out_return_no: &str) -> String {
    format!("wxpay/share_return/{mchid}/{out_return_no}")
}

pub(super) fn ratio_key(payee: &str) -> String {
    format!("wxpay/max_ratio/{payee}")
}

/// What an account has, in fen. A merchant's is what the channel has settled to it.
pub(super) fn balance(documents: &dyn DocumentStore, account: &str) -> Result<i64, DocumentFault> {
    Ok(records::read(documents, &format!("{BALANCES}{account}"))?.unwrap_or_default())
}

/// Adds to a balance, or takes from it.
pub(super) fn add(
    documents: &mut dyn DocumentStore,
    account: &str,
    fen: i64,
) -> Result<(), DocumentFault> {
    let sum = balance(documents, account)?.saturating_add(fen);
    records::write(documents, &format!("{BALANCES}{account}"), &sum)
}
