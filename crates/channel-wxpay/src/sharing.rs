//! Profit sharing (分账): receivers, shares, the release of the rest, returns.
//!
//! - `wire`: its messages.
//! - `request`: instructions to requests. `reading`: answers to findings.
//! - `codes`: what its refusals mean.
//! - `relation`: how receivers relate to the merchant.
//! - `callback`: what the channel sends to receivers.

pub(crate) mod callback;
pub(crate) mod codes;
pub(crate) mod reading;
pub(crate) mod relation;
mod request;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use crate::settings::Account;
use channel::{Operation, ReceiverKind, SharingRules};

/// The limits of ordinary merchants and service providers. The channel also caps the sum of an order's
/// shares, by 30 % unless the merchant's portal says otherwise; it alone knows that number.
pub(crate) const RULES: SharingRules = SharingRules {
    shares_max: 50,
    receivers_max: 50,
    min_age_seconds: 60,
    frozen_seconds: 30 * 86_400,
};

/// Whether an operation is about profit sharing.
pub(crate) const fn is_of(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::BindReceiver
            | Operation::UnbindReceiver
            | Operation::Share
            | Operation::QueryShare
            | Operation::Unfreeze
            | Operation::QueryUnshared
            | Operation::ReturnShare
            | Operation::QueryShareReturn
    )
}

/// The merchant whose payments are shared.
fn sharing_merchant(account: &Account) -> &str {
    account.partner.as_ref().map_or(&account.mchid, |partner| &partner.sub_mchid)
}

/// The channel's word for a kind of receiver.
pub(crate) const fn word(kind: ReceiverKind) -> &'static str {
    match kind {
        ReceiverKind::Merchant => wire::MERCHANT_ID,
        ReceiverKind::Person => wire::PERSONAL_OPENID,
        ReceiverKind::SubPerson => wire::PERSONAL_SUB_OPENID,
    }
}

fn kind(word: &str) -> Option<ReceiverKind> {
    ReceiverKind::ALL.into_iter().find(|kind| self::word(*kind) == word)
}
