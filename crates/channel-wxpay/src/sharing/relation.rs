//! How receivers relate to the merchant, as the channel wants to know of each.

use crate::sharing::wire::CUSTOM;

/// The channel's own relations.
pub(crate) const RELATIONS: [&str; 10] = [
    "SERVICE_PROVIDER",
    "STORE",
    "STAFF",
    "STORE_OWNER",
    "PARTNER",
    "HEADQUARTER",
    "BRAND",
    "DISTRIBUTOR",
    "USER",
    "SUPPLIER",
];

/// Characters of a relation of the merchant's own wording.
pub(crate) const OWN_LEN_MAX: usize = 10;

/// "Receiver of shares": true of every receiver, where the account says nothing closer.
const ANY: &str = "分账接收方";

/// The relation of an account's receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// One of [`RELATIONS`].
    Listed(&'static str),
    /// Words of the merchant's own.
    Own(String),
}

impl Relation {
    /// Reads the setting: a word of the channel's, words of one's own, or nothing.
    pub(crate) fn read(text: Option<&str>) -> Result<Relation, String> {
        let text = text.unwrap_or(ANY);
        if let Some(listed) = RELATIONS.into_iter().find(|listed| *listed == text) {
            return Ok(Relation::Listed(listed));
        }
        // Capital letters are a word of the channel's that was mistyped.
        let is_word = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        match text.chars().count() {
            1..=OWN_LEN_MAX if !is_word => Ok(Relation::Own(text.to_owned())),
            _ => Err(format!(
                "one of {} or 1 to {OWN_LEN_MAX} characters of your own wanted",
                RELATIONS.join(", ")
            )),
        }
    }

    /// `relation_type` and `custom_relation`.
    pub(crate) fn members(&self) -> (String, Option<String>) {
        match self {
            Relation::Listed(word) => ((*word).to_owned(), None),
            Relation::Own(text) => (CUSTOM.to_owned(), Some(text.clone())),
        }
    }
}
