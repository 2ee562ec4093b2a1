//! Debits by agreement (签约代扣): a payer signs once on a page of the channel, and from then on orders are
//! debited from them without a page.

use crate::instruction::{Payer, Scene};
use ledger::{Fen, Timestamp};
use std::fmt;
use zeroize::Zeroizing;

/// What an account can do with agreements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreementRules {
    /// How long an order that is debited lives when its caller does not state it, in seconds.
    pub debit_life_seconds: i64,
    /// The most that a caller may state, in seconds.
    pub debit_life_seconds_max: i64,
    /// True when a cancel undoes a debit whose outcome is in doubt; else only its end at the channel ends
    /// the order.
    pub cancels_debits: bool,
}

/// The channel's number of what was signed. Who has it could debit the payer: it prints stars, and wipes
/// itself when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct AgreementReference(Zeroizing<String>);

impl AgreementReference {
    /// Takes the text over.
    pub fn new(text: String) -> AgreementReference {
        AgreementReference(Zeroizing::new(text))
    }

    /// The text, for the request that carries it and the place where it is kept sealed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AgreementReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An agreement to be signed by the payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignAgreement {
    /// Our number for it at the channel, up to 32 letters and digits: committed before the call, the same
    /// in every repeat.
    pub channel_agreement_no: String,
    /// Which of the account's templates it follows; `None` for the only one.
    pub template: Option<String>,
    /// Where the payer signs: where one also pays on the channel's pages.
    pub scene: Scene,
    /// The name of the payer's account with the merchant, which the page shows.
    pub display_name: String,
    /// When and how much may be debited, where that is agreed.
    pub period: Option<PeriodRule>,
    /// For how long it is signed; `None` for no end.
    pub validity: Option<Validity>,
    /// Who signs.
    pub payer: Payer,
    /// When the agreement was made; the same in every repeat.
    pub placed_at: Timestamp,
    /// From when on it must not be signed.
    pub expires_at: Timestamp,
    /// Where the channel sends its callbacks.
    pub callback_url: String,
    /// Where the payer's browser goes after signing.
    pub front_url: Option<String>,
}

/// When and how much may be debited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodRule {
    /// What a period is counted in.
    pub unit: PeriodUnit,
    /// How many of them a period has, above zero.
    pub every: u32,
    /// A moment of the day on which the first debit is planned, as the channel's country counts days.
    pub first_on: Timestamp,
    /// The most of one debit, above zero.
    pub single_amount: Fen,
    /// The most of all debits together.
    pub total_amount: Option<Fen>,
    /// The most debits.
    pub payments: Option<u32>,
}

/// What a period is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeriodUnit {
    /// Days.
    Day,
    /// Calendar months.
    Month,
}

impl PeriodUnit {
    /// Every unit, for listings and tests.
    pub const ALL: [PeriodUnit; 2] = [PeriodUnit::Day, PeriodUnit::Month];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            PeriodUnit::Day => "day",
            PeriodUnit::Month => "month",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<PeriodUnit> {
        PeriodUnit::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

/// For how long an agreement is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// This many days.
    Days(u32),
    /// This many calendar months.
    Months(u32),
}

/// An agreement that was requested: what any vendor needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedAgreement {
    /// Our number.
    pub channel_agreement_no: String,
    /// Which of the account's templates it follows.
    pub template: Option<String>,
    /// The channel's number of what was signed, once it is known.
    pub agreement_reference: Option<AgreementReference>,
    /// When it was requested.
    pub placed_at: Timestamp,
    /// True once it was seen to be signed: a channel may call one that was never signed, and one that has
    /// ended, by the same word.
    pub was_signed: bool,
}

/// An agreement to end. Repeating it is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminateAgreement {
    /// Which.
    pub agreement: PlacedAgreement,
    /// Why, in words that the channel keeps.
    pub reason: String,
    /// Where the channel sends its callback.
    pub callback_url: String,
}

/// The agreement by which an order is debited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebitAgreement {
    /// Our number of it.
    pub channel_agreement_no: String,
    /// The channel's.
    pub agreement_reference: AgreementReference,
    /// Which of the account's templates it follows.
    pub template: Option<String>,
}

/// Where an agreement stands at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgreementStatus {
    /// The payer has not signed.
    Signing,
    /// It is in force.
    Signed,
    /// It stands, and cannot be used for the time being.
    Paused,
    /// It has ended.
    Terminated,
}

impl AgreementStatus {
    /// Every status, for listings and tests.
    pub const ALL: [AgreementStatus; 4] = [
        AgreementStatus::Signing,
        AgreementStatus::Signed,
        AgreementStatus::Paused,
        AgreementStatus::Terminated,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            AgreementStatus::Signing => "signing",
            AgreementStatus::Signed => "signed",
            AgreementStatus::Paused => "paused",
            AgreementStatus::Terminated => "terminated",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<AgreementStatus> {
        AgreementStatus::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Who or what ended an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminatedBy {
    /// The payer, in the channel's app.
    User,
    /// The merchant, by a call.
    MerchantApi,
    /// The merchant, at the channel's portal.
    MerchantPortal,
    /// Its own time.
    Expired,
    /// The payer's account was closed.
    AccountClosed,
    /// The channel by itself.
    Channel,
}

impl TerminatedBy {
    /// Every one, for listings and tests.
    pub const ALL: [TerminatedBy; 6] = [
        TerminatedBy::User,
        TerminatedBy::MerchantApi,
        TerminatedBy::MerchantPortal,
        TerminatedBy::Expired,
        TerminatedBy::AccountClosed,
        TerminatedBy::Channel,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            TerminatedBy::User => "user",
            TerminatedBy::MerchantApi => "merchant_api",
            TerminatedBy::MerchantPortal => "merchant_portal",
            TerminatedBy::Expired => "expired",
            TerminatedBy::AccountClosed => "account_closed",
            TerminatedBy::Channel => "channel",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<TerminatedBy> {
        TerminatedBy::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// An agreement as the channel describes it. What the channel does not say is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementFound {
    /// Our number of it.
    pub channel_agreement_no: String,
    /// The channel's number of what was signed; present once it was.
    pub agreement_reference: Option<AgreementReference>,
    /// Where it stands.
    pub status: AgreementStatus,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
    /// From when on it is in force.
    pub valid_from: Option<Timestamp>,
    /// Until when it is in force; `None` for no end.
    pub valid_until: Option<Timestamp>,
    /// When it ended.
    pub terminated_at: Option<Timestamp>,
    /// Who ended it.
    pub terminated_by: Option<TerminatedBy>,
    /// Why, in the words that were given.
    pub termination_reason: Option<String>,
    /// When the next debit is planned.
    pub next_debit_at: Option<Timestamp>,
    /// The payer's account, as far as the channel shows it.
    pub payer_account: Option<String>,
    /// When this was true, by the channel's clock: callbacks overtake each other.
    pub reported_at: Option<Timestamp>,
}

impl AgreementFound {
    /// Nothing but that it stands so.
    pub fn new(channel_agreement_no: String, status: AgreementStatus) -> AgreementFound {
        AgreementFound {
            channel_agreement_no,
            status,
            agreement_reference: None,
            signed_at: None,
            valid_from: None,
            valid_until: None,
            terminated_at: None,
            terminated_by: None,
            termination_reason: None,
            next_debit_at: None,
            payer_account: None,
            reported_at: None,
        }
    }

    /// What it says, for people.
    pub fn describe(&self) -> String {
        format!("agreement {}: {}", self.channel_agreement_no, self.status.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_not_shown() {
        let agreement_reference = AgreementReference::new("20185909000458725113".to_owned());
        let debit = DebitAgreement {
            channel_agreement_no: "T0000000A1".to_owned(),
            agreement_reference,
            template: None,
        };
        let shown = format!("{debit:?}");
        assert!(shown.contains("T0000000A1") && shown.contains("***"), "{shown}");
        assert!(!shown.contains("2018"), "{shown}");
    }
}
