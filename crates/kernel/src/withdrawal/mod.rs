//! A withdrawal: a merchant's available money on its way to the merchant's own bank account.
//!
//! Its amount is held when the withdrawal is accepted, and stays held until it is known how the payout
//! ended: paid, and the money leaves the merchant's account in the book; or failed, and the merchant
//! has it back. Who carries payouts out is a [`Payout`]: today an operator, at the bank's own desk; what
//! a withdrawal is to its caller does not depend on it.

mod change;
mod decide;

pub use change::WithdrawalChange;
pub use decide::{RequestWithdrawal, WithdrawalCommand};

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::standing::{Attention, AttentionKind, Exit, Standing};
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// Who carries a payout out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payout {
    /// An operator pays it at the bank, and books how that ended.
    ByHand,
}

impl Payout {
    /// Every way, for listings and tests.
    pub const ALL: [Payout; 1] = [Payout::ByHand];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Payout::ByHand => "by_hand",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Payout> {
        Payout::ALL.into_iter().find(|payout| payout.name() == name)
    }
}

/// Where a withdrawal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawalState {
    /// Its amount is held; the payout has not ended.
    Accepted,
    /// The merchant has the money at its bank.
    Paid {
        /// When that was booked.
        at: Timestamp,
        /// The number of the payout, where it was made.
        outside_reference: String,
        /// What the operator noted.
        note: String,
    },
    /// The money was not paid out; the merchant has it available again.
    Failed {
        /// When that was booked.
        at: Timestamp,
        /// Why: what the operator noted.
        note: String,
    },
}

impl WithdrawalState {
    /// The words in storage, listings and documents.
    pub const NAMES: [&'static str; 3] = ["accepted", "paid", "failed"];

    /// The word in storage, listings and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            WithdrawalState::Accepted => "accepted",
            WithdrawalState::Paid { .. } => "paid",
            WithdrawalState::Failed { .. } => "failed",
        }
    }
}

/// A merchant's withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Withdrawal>,
    /// The merchant whose money it is.
    pub merchant: MerchantId,
    /// The namespace of the caller's number.
    pub namespace: Arc<str>,
    /// The caller's number; unique in tenant and namespace.
    pub withdrawal_no: String,
    /// The dialect in which it was requested and is notified of.
    pub dialect: Arc<str>,
    /// How much.
    pub amount: Fen,
    /// Where its end is notified of.
    pub notify_url: Option<String>,
    /// What the caller noted, for people.
    pub remark: Option<String>,
    /// Who carries the payout out.
    pub payout: Payout,
    /// When it was accepted.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: WithdrawalState,
}

impl Withdrawal {
    pub(crate) fn key(namespace: &str, withdrawal_no: &str) -> NaturalKey {
        NaturalKey::new(namespace, withdrawal_no)
    }

    /// The account that it is taken from.
    pub(crate) fn source(&self) -> Account {
        available(&self.merchant)
    }

    /// What waits to be paid, for people.
    fn due(&self) -> Attention {
        let Withdrawal { merchant, amount, withdrawal_no, .. } = self;
        Attention {
            kind: AttentionKind::WithdrawalDue,
            reason: Arc::from(format!("pay {amount} to merchant {merchant} as {withdrawal_no}")),
            since: self.made_at,
        }
    }
}

/// The account of what a merchant may withdraw.
pub(crate) fn available(merchant: &MerchantId) -> Account {
    Account::new(AccountKind::MerchantAvailable, merchant.as_str())
}

/// A member of a request for a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WithdrawalField {
    /// The merchant.
    Merchant,
    /// How much.
    Amount,
    /// Where its end is notified of.
    NotifyUrl,
    /// What the caller noted.
    Remark,
}

impl WithdrawalField {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            WithdrawalField::Merchant => "merchant",
            WithdrawalField::Amount => "amount",
            WithdrawalField::NotifyUrl => "notify_url",
            WithdrawalField::Remark => "remark",
        }
    }
}

/// Why a command about a withdrawal is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WithdrawalRefusal {
    /// There is no such withdrawal.
    #[error("no such withdrawal")]
    NotFound,
    /// The number is taken by a withdrawal with other content.
    #[error("the number was used with another {}", field.name())]
    Differs {
        /// The first member that differs.
        field: WithdrawalField,
    },
    /// The merchant is not known.
    #[error("no such merchant")]
    UnknownMerchant,
    /// The merchant is disabled.
    #[error("the merchant is disabled")]
    MerchantDisabled,
    /// The amount is not above zero.
    #[error("want more than zero")]
    Amount,
    /// The merchant has less available.
    #[error("the merchant has {available} available")]
    Insufficient {
        /// What it has.
        available: Fen,
    },
    /// It has ended in another way.
    #[error("the withdrawal is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
}

impl Aggregate for Withdrawal {
    type Kind = kinds::Withdrawal;
    type Change = WithdrawalChange;
    type Command = WithdrawalCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Withdrawal> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(Withdrawal::key(&self.namespace, &self.withdrawal_no))
    }

    /// While it waits for an operator it has no task: nothing but a person can bring it further.
    fn standing(&self) -> Standing {
        match (&self.state, self.payout) {
            (WithdrawalState::Accepted, Payout::ByHand) => Standing {
                attention: Some(self.due()),
                holds: vec![(self.source(), self.amount)],
                ..Standing::settled()
            },
            (WithdrawalState::Paid { .. } | WithdrawalState::Failed { .. }, _) => {
                Standing::settled()
            }
        }
    }

    fn exits(&self) -> Vec<Exit> {
        match self.state {
            WithdrawalState::Accepted => vec![Exit::BookPaid, Exit::BookFailed],
            WithdrawalState::Paid { .. } | WithdrawalState::Failed { .. } => vec![],
        }
    }

    fn evolve(before: Option<&Withdrawal>, event: &Event, change: &WithdrawalChange) -> Withdrawal {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &WithdrawalCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
