//! A freeze (余额冻结): a part of a wallet that stays there and cannot be spent until it is released.
//!
//! The amount is held in the book, first of what was paid in, then of the bonuses, and released in reverse
//! order: at once, in parts, or when its time is up. The releases are kept in the row with their numbers,
//! so that a repeat of one is recognised.

mod change;
mod decide;

pub use change::WalletFreezeChange;
pub use decide::{FreezeWallet, UnfreezeWallet, WalletFreezeCommand};

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::Standing;
use crate::wallet::WalletRefusal;
use crate::wallet_payment::{ValuePart, ValueSource, backwards};
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// How many releases a freeze can have before the last one, which releases all that remains.
pub const FREEZE_RELEASES_MAX: usize = 100;

/// How much of a freeze was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalletFreezeState {
    /// Nothing.
    Frozen,
    /// A part.
    PartUnfrozen,
    /// All of it.
    Unfrozen,
}

/// A release of a freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRelease {
    /// The caller's number; `None` where the time of the freeze was up.
    pub number: Option<String>,
    /// How much, above zero.
    pub amount: Fen,
    /// When.
    pub at: Timestamp,
}

/// A freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletFreeze {
    /// The owner of the wallet's merchant.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::WalletFreeze>,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The wallet; the root of its story.
    pub wallet: Id<kinds::Wallet>,
    /// What was frozen, in that order; in sum the amount of the freeze.
    pub parts: Vec<ValuePart>,
    /// What the caller notes, for people.
    pub note: Option<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// When what remains is released; `None` where that waits for a release.
    pub expires_at: Option<Timestamp>,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// What was released, the oldest first.
    pub releases: Vec<WalletRelease>,
}

impl WalletFreeze {
    /// How much was frozen.
    pub fn amount(&self) -> Fen {
        sum(self.parts.iter().map(|part| part.amount))
    }

    /// How much was released.
    pub fn released(&self) -> Fen {
        sum(self.releases.iter().map(|release| release.amount))
    }

    /// How much is frozen still.
    pub fn remaining(&self) -> Fen {
        Fen::new(self.amount().get().saturating_sub(self.released().get()))
    }

    /// How much of it was released.
    pub fn state(&self) -> WalletFreezeState {
        match (self.releases.is_empty(), self.remaining().is_positive()) {
            (true, _) => WalletFreezeState::Frozen,
            (false, true) => WalletFreezeState::PartUnfrozen,
            (false, false) => WalletFreezeState::Unfrozen,
        }
    }

    /// The release with this number.
    pub fn release(&self, number: &str) -> Option<&WalletRelease> {
        self.releases.iter().find(|release| release.number.as_deref() == Some(number))
    }

    /// What the next `amount` that is released was frozen of: what was frozen last comes first.
    fn next(&self, amount: Fen) -> Vec<ValuePart> {
        backwards(&self.parts, self.released(), amount)
    }

    /// The account of a part, and the wallet's other one. A freeze holds what is in the balance alone.
    fn accounts(&self, source: ValueSource) -> (Account, Account) {
        let of = |kind| Account::new(kind, self.wallet.to_string());
        let (principal, bonus) = (of(AccountKind::WalletPrincipal), of(AccountKind::WalletBonus));
        match source {
            ValueSource::Principal => (principal, bonus),
            ValueSource::Bonus => (bonus, principal),
            ValueSource::Card(card) => panic!("{} holds a part of card {card}", self.id),
        }
    }
}

/// The sum of amounts that a balance had all together, so that it fits.
fn sum(amounts: impl Iterator<Item = Fen>) -> Fen {
    Fen::new(amounts.fold(0, |sum: i64, amount| sum.saturating_add(amount.get())))
}

/// Why a command about a freeze is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalletFreezeRefusal {
    /// There is no such freeze.
    #[error("no such freeze")]
    NotFound,
    /// The freeze exists with other content.
    #[error("the freeze exists with other content")]
    Differs,
    /// There is no such wallet, or it is closed.
    #[error(transparent)]
    Wallet(WalletRefusal),
    /// The amount is not above zero.
    #[error("amount must be above zero")]
    Amount,
    /// It would end in the past.
    #[error("must lie in the future")]
    Expiry,
    /// Less is available in the wallet.
    #[error("the balance is not enough")]
    TooLittle,
    /// The release exists with other content.
    #[error("the release exists with other content")]
    ReleaseDiffers,
    /// The amount of a release is not above zero.
    #[error("amount must be above zero")]
    ReleaseAmount,
    /// Everything was released.
    #[error("nothing is frozen any more")]
    Ended,
    /// Less is frozen.
    #[error("more than is frozen: {remaining}")]
    Exceeds {
        /// What is frozen.
        remaining: Fen,
    },
    /// It had as many releases as it can have; all that remains can be released.
    #[error("after {max} releases only all that remains can be released")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

impl Aggregate for WalletFreeze {
    type Kind = kinds::WalletFreeze;
    type Change = WalletFreezeChange;
    type Command = WalletFreezeCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::WalletFreeze> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.wallet.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Some(NaturalKey { namespace, number })
    }

    fn standing(&self) -> Standing {
        let remaining = self.remaining();
        let account = |part: ValuePart| (self.accounts(part.source).0, part.amount);
        Standing {
            next_poll_at: self.expires_at.filter(|_| remaining.is_positive()),
            attention: None,
            holds: self.next(remaining).into_iter().map(account).collect(),
        }
    }

    fn evolve(
        before: Option<&WalletFreeze>,
        event: &Event,
        change: &WalletFreezeChange,
    ) -> WalletFreeze {
        change::evolve(before, event, change)
    }

    fn decide(
        deciding: &mut Deciding<'_>,
        command: &WalletFreezeCommand,
    ) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::WalletFreeze>,
    ) -> Result<(), Refusal> {
        let freeze = deciding.row::<WalletFreeze>(tenant, id);
        decide::expire(deciding, &freeze.ok_or(WalletFreezeRefusal::NotFound)?);
        Ok(())
    }
}
