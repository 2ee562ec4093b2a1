//! What happened to the money of a wallet, and to a gift card: one flow (流水) for each movement.
//!
//! The flows of a wallet are the transfers of its two accounts, those of a card are events. The balance
//! after a flow follows from the present one and from what came later, so that it is right also where
//! older things lie in an archive.

use crate::query::WalletFlows;
use crate::{Counted, EXAMINED_MAX};
use kernel::{Card, CardBatchState, CardChange, CardState, Change, Event};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Timestamp, kinds};

/// What a flow of a wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalletFlowKind {
    /// What its owner paid in.
    Recharge,
    /// The bonus that came with that.
    Bonus,
    /// An order took it.
    Payment,
    /// A refund of an order put it back.
    Refund,
    /// A refund of what was paid in took it, or put it back when it failed.
    RechargeRefund,
    /// It cannot be spent any more.
    Freeze,
    /// It can be spent again.
    Unfreeze,
}

impl WalletFlowKind {
    /// Every kind.
    pub const ALL: [WalletFlowKind; 7] = [
        WalletFlowKind::Recharge,
        WalletFlowKind::Bonus,
        WalletFlowKind::Payment,
        WalletFlowKind::Refund,
        WalletFlowKind::RechargeRefund,
        WalletFlowKind::Freeze,
        WalletFlowKind::Unfreeze,
    ];

    /// Why its transfers moved.
    pub const fn reason(self) -> Reason {
        match self {
            WalletFlowKind::Recharge | WalletFlowKind::Bonus => Reason::Recharge,
            WalletFlowKind::Payment => Reason::StoredValuePayment,
            WalletFlowKind::Refund => Reason::StoredValueRefund,
            WalletFlowKind::RechargeRefund => Reason::RechargeRefund,
            WalletFlowKind::Freeze | WalletFlowKind::Unfreeze => Reason::WalletFreeze,
        }
    }

    /// What its transfers do.
    pub const fn phase(self) -> Phase {
        match self {
            WalletFlowKind::Freeze => Phase::Hold,
            WalletFlowKind::Unfreeze => Phase::Release,
            WalletFlowKind::Recharge
            | WalletFlowKind::Bonus
            | WalletFlowKind::Payment
            | WalletFlowKind::Refund
            | WalletFlowKind::RechargeRefund => Phase::Post,
        }
    }

    /// The account that alone has such flows; `None` where both have them.
    pub const fn account(self) -> Option<AccountKind> {
        match self {
            WalletFlowKind::Recharge => Some(AccountKind::WalletPrincipal),
            WalletFlowKind::Bonus => Some(AccountKind::WalletBonus),
            WalletFlowKind::Payment
            | WalletFlowKind::Refund
            | WalletFlowKind::RechargeRefund
            | WalletFlowKind::Freeze
            | WalletFlowKind::Unfreeze => None,
        }
    }

    /// The kind of a transfer of a wallet's account.
    pub fn of(reason: Reason, phase: Phase, account: AccountKind) -> Option<WalletFlowKind> {
        WalletFlowKind::ALL.into_iter().find(|kind| {
            kind.reason() == reason
                && kind.phase() == phase
                && kind.account().is_none_or(|own| own == account)
        })
    }
}

impl WalletFlows {
    /// The accounts of the wallet: what was paid in, and the bonuses.
    pub fn accounts(&self) -> [Account; 2] {
        let of = |kind| Account::new(kind, self.wallet.to_string());
        [of(AccountKind::WalletPrincipal), of(AccountKind::WalletBonus)]
    }

    /// The account that the wanted kind is of, where it is of one alone.
    pub fn account(&self) -> Option<Account> {
        let kind = self.kind?.account()?;
        Some(Account::new(kind, self.wallet.to_string()))
    }
}

/// A movement of a wallet's money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletFlow {
    /// The transfer.
    pub id: Id<kinds::Transfer>,
    /// What it is.
    pub kind: WalletFlowKind,
    /// What the balance has more, or less than zero for less.
    pub amount: Fen,
    /// What of the balance is frozen more, or less than zero for less.
    pub frozen: Fen,
    /// What was paid in and the bonuses together, after it.
    pub balance_after: Fen,
    /// When.
    pub at: Timestamp,
    /// The merchant's number of the order that paid in or was paid.
    pub order_no: Option<String>,
    /// The merchant's number of the refund.
    pub refund_no: Option<String>,
    /// The number of the freeze.
    pub freeze_no: Option<String>,
    /// What was noted with the freeze.
    pub note: Option<String>,
}

/// Which batches of gift cards are listed by whether they are sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardBatchesIn {
    /// Those in this state whose time is not up.
    State(CardBatchState),
    /// Those whose time is up, in any state.
    Expired,
}

impl CardBatchesIn {
    /// The state that is wanted.
    pub const fn state(self) -> Option<CardBatchState> {
        match self {
            CardBatchesIn::State(state) => Some(state),
            CardBatchesIn::Expired => None,
        }
    }

    /// Whether the time of those that are wanted is up.
    pub const fn is_expired(self) -> bool {
        matches!(self, CardBatchesIn::Expired)
    }
}

/// What a flow of a gift card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardFlowKind {
    /// The card came to be.
    Issued,
    /// It cannot be spent any more.
    Frozen,
    /// It can be spent again.
    Unfrozen,
    /// An order took from it.
    Spent,
    /// A refund of an order put back on it.
    PutBack,
    /// A refund of its price took it.
    Voided,
    /// That refund failed.
    Revived,
    /// Its time is up.
    Expired,
}

impl CardFlowKind {
    /// Every kind.
    pub const ALL: [CardFlowKind; 8] = [
        CardFlowKind::Issued,
        CardFlowKind::Frozen,
        CardFlowKind::Unfrozen,
        CardFlowKind::Spent,
        CardFlowKind::PutBack,
        CardFlowKind::Voided,
        CardFlowKind::Revived,
        CardFlowKind::Expired,
    ];

    /// The name of the changes that are such flows, by which their events are found.
    pub const fn change(self) -> &'static str {
        match self {
            CardFlowKind::Issued => "issued",
            CardFlowKind::Frozen => "frozen",
            CardFlowKind::Unfrozen => "unfrozen",
            CardFlowKind::Spent => "spent",
            CardFlowKind::PutBack => "put_back",
            CardFlowKind::Voided => "voided",
            CardFlowKind::Revived => "revived",
            CardFlowKind::Expired => "expired",
        }
    }

    /// The kind of a change; `None` where it is not a flow, because it leaves the balance as it is and
    /// blocks nothing.
    pub const fn of(change: &CardChange) -> Option<CardFlowKind> {
        match change {
            CardChange::Issued(_) => Some(CardFlowKind::Issued),
            CardChange::Frozen { .. } => Some(CardFlowKind::Frozen),
            CardChange::Unfrozen { .. } => Some(CardFlowKind::Unfrozen),
            CardChange::Spent { .. } => Some(CardFlowKind::Spent),
            CardChange::PutBack { .. } => Some(CardFlowKind::PutBack),
            CardChange::Voided { .. } => Some(CardFlowKind::Voided),
            CardChange::Revived { .. } => Some(CardFlowKind::Revived),
            CardChange::Expired => Some(CardFlowKind::Expired),
            CardChange::SecretMade(_)
            | CardChange::SecretResealed(_)
            | CardChange::SecretRead
            | CardChange::WrongSecret
            | CardChange::Bound { .. }
            | CardChange::Dropped { .. }
            | CardChange::GivenAway { .. }
            | CardChange::Received { .. }
            | CardChange::Kept { .. }
            | CardChange::PaidBack { .. } => None,
        }
    }
}

/// A thing that happened to a gift card.
#[derive(Clone, Debug, PartialEq)]
pub struct CardFlow {
    /// What it is.
    pub kind: CardFlowKind,
    /// What happened.
    pub event: Event,
    /// What the balance has more, or less than zero for less.
    pub amount: Fen,
    /// The balance after it.
    pub balance_after: Fen,
}

/// What a change does to the balance of its card: nothing, unless it is said here.
fn amount_of(card: &Card, change: &CardChange) -> Fen {
    Fen::new(match change {
        CardChange::Issued(_) | CardChange::Revived { .. } => card.face.get(),
        CardChange::Voided { amount, .. } | CardChange::Spent { amount, .. } => -amount.get(),
        CardChange::PutBack { amount, .. } => amount.get(),
        CardChange::Expired => card.spent.get() - card.face.get(),
        _ => 0,
    })
}

/// How many events of a card must be read for a page.
pub fn card_flows_read(offset: u32, limit: u32) -> u32 {
    offset.saturating_add(limit).min(EXAMINED_MAX)
}

/// A page of a card's flows. The events are its newest, up to the end of the page, the newest first.
pub fn card_flows(card: &Card, count: u64, newest: Vec<Event>, offset: u32) -> Counted<CardFlow> {
    let (mut balance_after, mut is_void) = (card.balance(), card.state == CardState::Void);
    let flows = newest.into_iter().filter_map(|event| {
        let Change::Card(change) = &event.change else { return None };
        is_void &= !matches!(change, CardChange::Voided { .. });
        let amount = match change {
            // What an order's refund puts back on a void card is not the owner's.
            CardChange::PutBack { .. } if is_void => Fen::ZERO,
            _ => amount_of(card, change),
        };
        let flow = CardFlow { kind: CardFlowKind::of(change)?, event, amount, balance_after };
        balance_after = Fen::new(balance_after.get() - amount.get());
        Some(flow)
    });
    let rows = flows.skip(usize::try_from(offset).unwrap_or(usize::MAX)).collect();
    Counted { count, rows }
}
