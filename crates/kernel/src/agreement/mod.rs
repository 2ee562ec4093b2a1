//! An agreement (签约协议, 委托代扣): a payer's standing permission to debit them without a page.
//!
//! The payer signs it once on a page of the channel; from then on orders name it and are debited, one at a
//! time. Whether it stands is the channel's word alone: what a callback tells is confirmed by a query, and
//! a failed debit is a reason to query and nothing more.
//!
//! The channel's own number of what was signed is a secret, for who has it could debit. It is kept
//! sealed. The kernel moves it and never opens it; an instruction names the agreement by its id, and the
//! number is put in right before the call.
//!
//! - `decide`: what the merchant, operators and the clock want; `finding`: what the channel says.
//! - `debit`: which orders it may pay; `polls`: when the channel is asked next.

mod change;
mod debit;
mod decide;
mod finding;
mod polls;

pub use change::AgreementChange;
pub use debit::DebitFault;
pub(crate) use debit::{begin_debit, check_debit, end_debit};
pub use decide::{AgreementCommand, SignAgreement};
pub use polls::{END_SCHEDULE_SECONDS, SIGNING_SCHEDULE_SECONDS};

use crate::aggregate::{About, Aggregate, Key, NaturalKey};
use crate::command::{ChannelAnswer, Refusal, Reply, Work};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::order::{InFlightCall, KnownPayInfo, channel_answer};
use crate::standing::{Attention, AttentionKind, Exit, Sealed, Standing};
use channel::{Finding, Instruction, Payer, PeriodRule, Scene, TerminatedBy, Validity};
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// How long a signing page lives when its caller does not state it, in seconds.
pub const PAGE_LIFE_SECONDS: i64 = 30 * 60;
/// The longest life of a signing page, in seconds.
pub const PAGE_LIFE_SECONDS_MAX: i64 = 7 * 24 * 3600;

/// What a caller requested, as its dialect describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRequest {
    /// The merchant that collects by it.
    pub merchant: MerchantId,
    /// Whose numbering the merchant's number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// The merchant's number.
    pub number: String,
    /// The dialect that requested it, and that notifies the merchant of it.
    pub dialect: Arc<str>,
    /// What it may pay: [`Scene::Agreement`] orders only, or with [`Scene::Authorize`] both.
    pub scene: Scene,
    /// Where the payer signs.
    pub sign_scene: Scene,
    /// Which of the channel account's templates it follows; `None` for the only one.
    pub template: Option<String>,
    /// The name of the payer's account that the signing page shows.
    pub display_name: String,
    /// The caller's own id of the payer.
    pub owner: String,
    /// Who signs, as the channel knows them.
    pub payer: Payer,
    /// When and how much may be debited, where that was agreed.
    pub period: Option<PeriodRule>,
    /// For how long it is signed; `None` for no end.
    pub validity: Option<Validity>,
    /// Where we notify the merchant; `None` when it did not ask.
    pub notify_url: Option<String>,
    /// Where the payer's browser goes after signing.
    pub front_url: Option<String>,
    /// What the caller notes, for people.
    pub note: Option<String>,
    /// A digest of the members that a repeat must not change, made by the dialect, which knows them.
    pub content: String,
}

/// What was requested when it began; never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementTerms {
    /// The owner.
    pub tenant: TenantId,
    /// Our id.
    pub id: Id<kinds::Agreement>,
    /// Our number for it at the channel: committed before the first call, the same in every repeat.
    pub channel_agreement_no: String,
    /// What the caller requested.
    pub request: Arc<AgreementRequest>,
    /// The channel's name.
    pub channel: Arc<str>,
    /// The channel account.
    pub channel_account: Arc<str>,
    /// Who the account was at the channel when the agreement was requested.
    pub channel_identity: Arc<str>,
    /// Where the channel sends its callbacks.
    pub callback_url: Arc<str>,
    /// When it was requested.
    pub made_at: Timestamp,
    /// From when on it must not be signed.
    pub page_expires_at: Timestamp,
}

/// What the payer signed, as the channel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The channel's number of it.
    pub reference: Sealed,
    /// When it was signed, by the channel's clock.
    pub signed_at: Timestamp,
    /// From when on it is in force, where the channel tells.
    pub valid_from: Option<Timestamp>,
    /// When it ends; `None` for never.
    pub valid_until: Option<Timestamp>,
    /// When the next debit is planned, where that was agreed.
    pub next_debit_at: Option<Timestamp>,
    /// The payer's account, as far as the channel shows it.
    pub payer_account: Option<String>,
}

/// Where an agreement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgreementState {
    /// The payer can sign, once the page is known.
    Signing(Option<KnownPayInfo>),
    /// Orders can be paid by it.
    Signed,
    /// It stands, and cannot be used for the time being.
    Paused,
    /// The channel was asked to end it; not confirmed yet. Nothing is debited any more.
    Terminating {
        /// Why, for the payer.
        reason: String,
    },
    /// It has ended.
    Terminated {
        /// When.
        at: Timestamp,
        /// Who ended it.
        by: TerminatedBy,
        /// Why, where somebody told.
        reason: Option<String>,
    },
    /// It was not signed in time, or the channel refused it.
    Invalid {
        /// When that was decided.
        at: Timestamp,
        /// Why, for the merchant.
        reason: String,
    },
}

impl AgreementState {
    /// The words of all states, for listings and tests.
    pub const NAMES: [&'static str; 6] =
        ["signing", "signed", "paused", "terminating", "terminated", "invalid"];

    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            AgreementState::Signing(_) => "signing",
            AgreementState::Signed => "signed",
            AgreementState::Paused => "paused",
            AgreementState::Terminating { .. } => "terminating",
            AgreementState::Terminated { .. } => "terminated",
            AgreementState::Invalid { .. } => "invalid",
        }
    }

    /// Whether a change from this state to `next` is legal.
    pub const fn may_become(&self, next: &AgreementState) -> bool {
        match (self, next) {
            (AgreementState::Terminated { .. }, _) => false,
            (_, AgreementState::Signing(_)) => false,
            // A payer may sign late, on a page that was open before.
            (
                AgreementState::Invalid { .. },
                AgreementState::Signed | AgreementState::Paused | AgreementState::Terminated { .. },
            )
            | (
                AgreementState::Signing(_),
                AgreementState::Signed
                | AgreementState::Paused
                | AgreementState::Invalid { .. }
                | AgreementState::Terminated { .. },
            )
            | (
                AgreementState::Signed | AgreementState::Paused,
                AgreementState::Signed
                | AgreementState::Paused
                | AgreementState::Terminating { .. }
                | AgreementState::Terminated { .. },
            )
            | (AgreementState::Terminating { .. }, AgreementState::Terminated { .. }) => true,
            (
                AgreementState::Invalid { .. }
                | AgreementState::Signing(_)
                | AgreementState::Signed
                | AgreementState::Paused
                | AgreementState::Terminating { .. },
                _,
            ) => false,
        }
    }
}

/// An agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What was requested.
    pub terms: Arc<AgreementTerms>,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: AgreementState,
    /// What was signed, once it was.
    pub contract: Option<Contract>,
    /// When the newest of what the channel said was true, by its clock: what is older changes nothing.
    pub reported_at: Option<Timestamp>,
    /// The call that has it to itself, if any.
    pub in_flight: Option<InFlightCall>,
    /// The order that is being debited; the next one waits for its end.
    pub debiting: Option<Id<kinds::Order>>,
    /// Questions to the channel since the state last changed.
    pub polls: u32,
    /// When the channel is asked next; `None` when it is not.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
}

/// Why a command about an agreement is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementRefusal {
    /// The tenant has no such merchant.
    #[error("unknown merchant")]
    UnknownMerchant,
    /// There is no such agreement.
    #[error("no such agreement")]
    NotFound,
    /// The agreement exists and is not to be signed any more.
    #[error("the agreement exists and is {state}")]
    Exists {
        /// The state.
        state: &'static str,
    },
    /// The agreement exists with other content.
    #[error("the agreement exists with other content")]
    Differs,
    /// Another call has the agreement to itself.
    #[error("another operation on the agreement is running")]
    CallInFlight,
    /// Its state does not allow it.
    #[error("the agreement is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
    /// Nothing about it needs a person.
    #[error("the agreement needs no person")]
    NoAttention,
    /// The merchant may not collect.
    #[error("the merchant is disabled")]
    MerchantDisabled,
    /// The merchant has no account for this channel and such agreements.
    #[error("the merchant has no account at this channel for agreements of this kind")]
    NoRoute,
    /// The signing page would expire in the past.
    #[error("expiry lies in the past")]
    Expiry,
    /// The signing page would live too long.
    #[error("expiry lies more than {days_max} days ahead")]
    ExpiryTooFar {
        /// The limit.
        days_max: i64,
    },
}

impl Agreement {
    /// The key by which its merchant knows it.
    pub fn key(&self) -> NaturalKey {
        let request = &self.terms.request;
        NaturalKey { namespace: request.namespace.clone(), number: request.number.clone() }
    }

    /// True while a call has it to itself.
    pub fn is_in_flight(&self, now: Timestamp) -> bool {
        self.in_flight.is_some_and(|call| now < call.until)
    }

    /// True when it must not be signed any more.
    pub fn is_page_over(&self, now: Timestamp) -> bool {
        now >= self.terms.page_expires_at
    }

    /// Asks the channel account about it.
    fn ask(&self, instruction: Instruction) -> Work {
        Work::Ask {
            tenant: self.terms.tenant.clone(),
            subject: self.terms.id.subject(),
            root: self.terms.id.subject().root(),
            channel: self.terms.channel.clone(),
            channel_account: self.terms.channel_account.clone(),
            channel_identity: self.terms.channel_identity.clone(),
            instruction,
            payees: vec![],
        }
    }
}

impl Aggregate for Agreement {
    type Kind = kinds::Agreement;
    type Change = AgreementChange;
    type Command = AgreementCommand;

    fn tenant(&self) -> &TenantId {
        &self.terms.tenant
    }

    fn id(&self) -> Id<kinds::Agreement> {
        self.terms.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(self.key())
    }

    fn standing(&self) -> Standing {
        let (next_poll_at, attention) = (self.next_poll_at, self.attention.clone());
        Standing { next_poll_at, attention, ..Standing::settled() }
    }

    fn exits(&self) -> Vec<Exit> {
        let kind = self.attention.as_ref().map(|attention| attention.kind);
        match kind {
            // The channel is asked again; else it is taken as ended.
            Some(AttentionKind::AgreementOverdue | AttentionKind::Contradiction) => {
                vec![Exit::Retry, Exit::Dismiss]
            }
            Some(_) => vec![Exit::Dismiss],
            None => vec![],
        }
    }

    fn evolve(before: Option<&Agreement>, event: &Event, change: &AgreementChange) -> Agreement {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &AgreementCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Agreement>,
    ) -> Result<(), Refusal> {
        let row = deciding.row::<Agreement>(tenant, id).ok_or(AgreementRefusal::NotFound)?;
        decide::run_task(deciding, &row);
        Ok(())
    }

    fn record_finding(
        deciding: &mut Deciding<'_>,
        about: &About<'_, kinds::Agreement>,
        finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let row = deciding.row::<Agreement>(about.tenant, about.id);
        finding::record(deciding, &row.ok_or(AgreementRefusal::NotFound)?, about, finding);
        Ok(channel_answer(finding))
    }
}

/// The key of an agreement of this id.
impl From<Id<kinds::Agreement>> for Key<kinds::Agreement> {
    fn from(id: Id<kinds::Agreement>) -> Key<kinds::Agreement> {
        Key::Id(id)
    }
}
