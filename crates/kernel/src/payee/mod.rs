//! A payee (分账接收方): who gets parts of payments, at a channel or in the book.
//!
//! What identifies a payee at a channel is kept sealed. The kernel moves it and never opens it; an
//! instruction names the payee by its id, and the account is put in right before the call.
//!
//! The payee keeps at which accounts a channel has bound it. When it is unbound, each unbinds it.

mod change;
mod decide;
mod unbinding;

pub use change::PayeeChange;
pub(crate) use decide::bound;
pub use decide::{CreatePayee, PayeeCommand};

use crate::aggregate::{About, Aggregate, Key, NaturalKey};
use crate::command::{ChannelAnswer, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::standing::{Attention, Exit, Sealed, Standing};
use channel::{Finding, ReceiverKind};
use ledger::{Account, AccountKind, Id, Timestamp, kinds};
use std::sync::Arc;

/// What a payee is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayeeKind {
    /// A company.
    Merchant,
    /// A person.
    Person,
}

impl PayeeKind {
    /// Every kind, for listings and tests.
    pub const ALL: [PayeeKind; 2] = [PayeeKind::Merchant, PayeeKind::Person];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            PayeeKind::Merchant => "merchant",
            PayeeKind::Person => "person",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<PayeeKind> {
        PayeeKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who a payee is at a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayeeAccount {
    /// The channel's name.
    pub channel: Arc<str>,
    /// What kind of receiver it is there.
    pub kind: ReceiverKind,
    /// Its number or id there.
    pub number: Sealed,
}

/// A channel account at which a channel has bound a payee as a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The account.
    pub channel_account: Arc<str>,
    /// Who the account was at the channel.
    pub channel_identity: Arc<str>,
}

/// A payee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payee {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Payee>,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number, as its creator gave it.
    pub number: String,
    /// When it was created.
    pub made_at: Timestamp,
    /// What it is.
    pub kind: PayeeKind,
    /// The merchant of the tenant that it belongs to.
    pub merchant: Option<MerchantId>,
    /// Its name: of a merchant as registered, of a person as it is compared by the channel.
    pub name: Option<Sealed>,
    /// Who it is at a channel; `None` for a payee in the book.
    pub account: Option<PayeeAccount>,
    /// The role by which a template picks it.
    pub role: Option<String>,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// When it was unbound: it gets no new shares since.
    pub unbound_at: Option<Timestamp>,
    /// The accounts at which a channel has it bound.
    pub bindings: Vec<Binding>,
    /// Calls that did not unbind it, since one did.
    pub polls: u32,
    /// When the channel is asked next to unbind it; `None` when it is not.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
}

/// Why a command about a payee is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayeeRefusal {
    /// There is no such payee.
    #[error("no such payee")]
    NotFound,
    /// The payee exists with other content.
    #[error("the payee exists with other content")]
    Differs,
    /// The tenant has no such merchant.
    #[error("unknown merchant")]
    UnknownMerchant,
    /// A company that is paid in the book is one of the tenant's merchants.
    #[error("a merchant without an account at a channel must be one of the tenant's merchants")]
    NoMerchant,
    /// Nothing about the payee needs a person.
    #[error("the payee needs no person")]
    NoAttention,
}

impl Payee {
    /// The key by which its creator knows it.
    pub fn key(&self) -> NaturalKey {
        NaturalKey { namespace: self.namespace.clone(), number: self.number.clone() }
    }

    /// The account in the book that its money comes to, where it is not paid at a channel.
    pub(crate) fn in_book(&self) -> Account {
        match (self.kind, &self.merchant) {
            (PayeeKind::Merchant, Some(merchant)) => {
                Account::new(AccountKind::MerchantAvailable, merchant.as_str())
            }
            (PayeeKind::Merchant, None) | (PayeeKind::Person, _) => {
                Account::new(AccountKind::PayeeAvailable, self.id.to_string())
            }
        }
    }
}

impl Aggregate for Payee {
    type Kind = kinds::Payee;
    type Change = PayeeChange;
    type Command = PayeeCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Payee> {
        self.id
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
        match self.attention {
            Some(_) => vec![Exit::Retry, Exit::Dismiss],
            None => vec![],
        }
    }

    fn evolve(before: Option<&Payee>, event: &Event, change: &PayeeChange) -> Payee {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &PayeeCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Payee>,
    ) -> Result<(), Refusal> {
        let payee = deciding.row::<Payee>(tenant, id).ok_or(PayeeRefusal::NotFound)?;
        unbinding::run_task(deciding, &payee);
        Ok(())
    }

    fn record_finding(
        deciding: &mut Deciding<'_>,
        about: &About<'_, kinds::Payee>,
        finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let payee = deciding.row::<Payee>(about.tenant, about.id).ok_or(PayeeRefusal::NotFound)?;
        unbinding::record(deciding, &payee, about, finding);
        Ok(None)
    }
}

/// The key of a payee of this id.
impl From<Id<kinds::Payee>> for Key<kinds::Payee> {
    fn from(id: Id<kinds::Payee>) -> Key<kinds::Payee> {
        Key::Id(id)
    }
}
