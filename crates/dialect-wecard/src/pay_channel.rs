//! The words of `PayChannel`: a row a channel. A new channel is a row here.
//!
//! A word that has no row is a channel's name in upper case, with nothing to say about the payer.

use crate::members::External;
use channel::Scene;

/// The member of `ExternalPaymentData` that holds the payer's code; it is never kept.
pub(crate) const AUTH_CODE: &str = "AuthCode";

/// A channel, as this API speaks of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PayChannel {
    /// The word of `PayChannel`.
    pub(crate) word: &'static str,
    /// The channel's name in the rest of Tongbao.
    name: &'static str,
    /// Who pays, as members of `ExternalPaymentData`.
    pub(crate) payer: Option<PayerMembers>,
    /// Whether a debit by agreement may have to be announced to the payer first.
    pub(crate) announces_debits: bool,
    /// What an order cannot do without, by scene.
    pub(crate) wanted: &'static [(&'static [Scene], Member)],
}

/// Members of `ExternalPaymentData` that name the payer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PayerMembers {
    /// The app in which they pay.
    pub(crate) app: &'static str,
    /// Their id within that app.
    pub(crate) user: &'static str,
}

/// A member of an order request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// A member of `ExternalPaymentData`.
    External(&'static str),
    /// A text member of `SceneInfo`.
    InScene(&'static str),
    /// `PayerInfo` itself.
    PayerInfo,
}

const INSIDE_AN_APP: &[Scene] = &[Scene::MiniProgram, Scene::Public];

static ROWS: &[PayChannel] = &[
    PayChannel {
        word: "WXPAY",
        name: "wxpay",
        payer: Some(PayerMembers { app: "WxAppId", user: "WxOpenId" }),
        announces_debits: true,
        wanted: &[
            (INSIDE_AN_APP, Member::External("WxOpenId")),
            (&[Scene::H5], Member::InScene("PayerClientIp")),
        ],
    },
    PayChannel {
        word: "ALIPAY",
        name: "alipay",
        payer: Some(PayerMembers { app: "AliAppId", user: "AliUserId" }),
        announces_debits: false,
        wanted: &[(INSIDE_AN_APP, Member::External("AliUserId"))],
    },
    PayChannel {
        word: "WALLETPAY",
        name: "walletpay",
        payer: None,
        announces_debits: false,
        wanted: &[(&Scene::ALL, Member::PayerInfo)],
    },
];

/// The row of a word, read without case.
pub(crate) fn row(word: &str) -> Option<&'static PayChannel> {
    ROWS.iter().find(|row| row.word.eq_ignore_ascii_case(word))
}

/// The channel's name that a word means.
pub(crate) fn name(word: &str) -> String {
    row(word).map_or_else(|| word.to_ascii_lowercase(), |row| row.name.to_owned())
}

/// The word for a channel's name.
pub(crate) fn word(name: &str) -> String {
    let row = ROWS.iter().find(|row| row.name == name);
    row.map_or_else(|| name.to_ascii_uppercase(), |row| row.word.to_owned())
}

/// The word of the channel whose payer is named.
pub(crate) fn of_payer(external: &External<'_>) -> Option<&'static str> {
    let names = |row: &&PayChannel| {
        row.payer.as_ref().is_some_and(|payer| external.member(payer.user).is_some())
    };
    ROWS.iter().find(names).map(|row| row.word)
}

/// Every member of `ExternalPaymentData` that names a payer, of all channels.
pub(crate) fn payer_members() -> impl Iterator<Item = &'static str> {
    ROWS.iter().filter_map(|row| row.payer.as_ref()).flat_map(|payer| [payer.app, payer.user])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_lead_to_each_other() {
        for row in ROWS {
            assert_eq!((name(row.word), word(row.name)), (row.name.into(), row.word.into()));
            assert_eq!(name(&row.word.to_ascii_lowercase()), row.name);
            assert_eq!(ROWS.iter().filter(|other| other.name == row.name).count(), 1);
        }
        assert_eq!((name("NONE"), word("none")), ("none".into(), "NONE".into()));
        assert_eq!(row("NONE"), None);
    }
}
