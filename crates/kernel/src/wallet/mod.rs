//! A wallet (储值账户): what one user has paid in at one merchant, and spends there later.
//!
//! The row says whose it is, whether it may be used, and which gift cards are in it. Its money is in the
//! book alone: the balances of two accounts, of what was paid in and of the bonuses that came with it.

mod change;
mod decide;

pub use change::WalletChange;
pub(crate) use decide::find_or_open;
pub use decide::{OpenWallet, WalletCommand};

use crate::aggregate::{Aggregate, Key, NaturalKey, Reads, View};
use crate::card::{self, Card};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use ledger::{Account, AccountKind, Balance, Fen, Id, Timestamp, kinds};

/// How many cards a wallet has at most: they are all loaded with it.
pub const WALLET_CARDS_MAX: usize = 200;

/// The namespace of wallets: by merchant and owner.
const NAMESPACE: &str = "wallet";

/// Whether a wallet may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalletState {
    /// It may be used.
    Normal,
    /// Nothing is paid in and nothing is spent, until that is ended.
    Frozen,
    /// It was empty and is not used any more. What still comes into it stays there.
    Closed,
}

impl WalletState {
    /// Every state, for listings and tests.
    pub const ALL: [WalletState; 3] =
        [WalletState::Normal, WalletState::Frozen, WalletState::Closed];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            WalletState::Normal => "normal",
            WalletState::Frozen => "frozen",
            WalletState::Closed => "closed",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<WalletState> {
        WalletState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// The owner of the merchant.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Wallet>,
    /// The merchant that was paid, and that takes it as payment.
    pub merchant: MerchantId,
    /// Whose it is, as callers name them.
    pub owner: String,
    /// When it was opened.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Whether it may be used.
    pub state: WalletState,
    /// The cards that were bound to it, in that order. Cards of which nothing is left make room for
    /// others when it is full.
    pub cards: Vec<Id<kinds::Card>>,
}

impl Wallet {
    /// The key of a user's wallet at a merchant.
    pub fn key(merchant: &MerchantId, owner: &str) -> Key<kinds::Wallet> {
        Key::Number(Wallet::number(merchant, owner))
    }

    fn number(merchant: &MerchantId, owner: &str) -> NaturalKey {
        NaturalKey::new(NAMESPACE, format!("{merchant}/{owner}"))
    }

    /// The account of what its owner paid in.
    pub fn principal(&self) -> Account {
        Account::new(AccountKind::WalletPrincipal, self.id.to_string())
    }

    /// The account of its owner's bonuses.
    pub fn bonus(&self) -> Account {
        Account::new(AccountKind::WalletBonus, self.id.to_string())
    }

    /// What is in both accounts, which are loaded with the wallet; `None` where it was opened since.
    pub fn balance(&self, view: &View) -> Option<Balance> {
        let of = |account| view.balances.get(&(self.tenant.clone(), account)).copied();
        let (principal, bonus) = (of(self.principal())?, of(self.bonus())?);
        let sum = |one: Fen, other: Fen| one.plus(other).ok();
        Some(Balance {
            posted: sum(principal.posted, bonus.posted)?,
            held: sum(principal.held, bonus.held)?,
        })
    }

    /// Its cards, which are loaded with it.
    pub fn cards<'v>(&self, view: &'v View) -> impl Iterator<Item = &'v Card> + use<'_, 'v> {
        let tenant = &self.tenant;
        self.cards.iter().filter_map(move |card| view.cards.get(tenant, *card))
    }

    /// What can be spent of its cards now; `None` where the sum does not fit.
    pub fn card_balance(&self, view: &View, now: Timestamp) -> Option<Fen> {
        let cards = self.cards(view).filter(|card| card::obstacle(view, card, self, now).is_none());
        let mut balances = cards.map(Card::balance);
        balances.try_fold(Fen::ZERO, |sum, balance| sum.plus(balance).ok())
    }

    /// What of one of its accounts nothing holds; nothing where it was opened since.
    pub(crate) fn available(&self, view: &View, account: Account) -> Fen {
        let balance = view.balances.get(&(self.tenant.clone(), account));
        balance.and_then(|balance| balance.available().ok()).unwrap_or(Fen::ZERO)
    }

    /// That money may be paid in and spent.
    pub(crate) fn check_usable(&self) -> Result<(), WalletRefusal> {
        match self.state {
            WalletState::Normal => Ok(()),
            WalletState::Frozen => Err(WalletRefusal::Frozen),
            WalletState::Closed => Err(WalletRefusal::Closed),
        }
    }
}

/// Why a command about a wallet is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalletRefusal {
    /// The tenant has no such merchant.
    #[error("unknown merchant")]
    UnknownMerchant,
    /// There is no such wallet.
    #[error("no such wallet")]
    NotFound,
    /// Only an empty wallet is closed.
    #[error("the wallet is not empty")]
    NotEmpty,
    /// It is frozen.
    #[error("the wallet is frozen")]
    Frozen,
    /// It is closed.
    #[error("the wallet is closed")]
    Closed,
}

impl Aggregate for Wallet {
    type Kind = kinds::Wallet;
    type Change = WalletChange;
    type Command = WalletCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Wallet> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(Wallet::number(&self.merchant, &self.owner))
    }

    fn evolve(before: Option<&Wallet>, event: &Event, change: &WalletChange) -> Wallet {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &WalletCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn linked(&self, reads: &mut Reads) {
        let accounts = [self.principal(), self.bonus()];
        reads.balances.extend(accounts.map(|account| (self.tenant.clone(), account)));
        reads.cards.extend(self.cards.iter().map(|card| (self.tenant.clone(), Key::Id(*card))));
    }
}
