//! What can be requested of a wallet.

use super::{Wallet, WalletChange, WalletRefusal, WalletState};
use crate::aggregate::{AggregateCommand, Key, Reads};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use ledger::{Balance, kinds};

/// What can be requested of a wallet by itself. Recharges pay into it, orders are paid from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletCommand {
    /// Open a user's wallet at a merchant; the one that is there is answered as it is.
    Open(OpenWallet),
    /// Let it be used, or not.
    SetState {
        /// The owner.
        tenant: TenantId,
        /// The wallet.
        wallet: Key<kinds::Wallet>,
        /// Whether it may be used from now on.
        state: WalletState,
        /// Why, as the caller notes it.
        note: Option<String>,
    },
}

/// A new wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenWallet {
    /// The owner of the merchant.
    pub tenant: TenantId,
    /// The merchant.
    pub merchant: MerchantId,
    /// Whose it is, as the caller names them.
    pub owner: String,
}

impl WalletCommand {
    fn key(&self) -> Key<kinds::Wallet> {
        match self {
            WalletCommand::Open(open) => Wallet::key(&open.merchant, &open.owner),
            WalletCommand::SetState { wallet, .. } => wallet.clone(),
        }
    }
}

impl AggregateCommand for WalletCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            WalletCommand::Open(open) => &open.tenant,
            WalletCommand::SetState { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            WalletCommand::Open(_) => "open_wallet",
            WalletCommand::SetState { .. } => "set_wallet_state",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.wallets.push((self.tenant().clone(), self.key()));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &WalletCommand,
) -> Result<Reply, WalletRefusal> {
    let wallet = match command {
        WalletCommand::Open(open) => find_or_open(deciding, open)?,
        WalletCommand::SetState { tenant, wallet, state, note } => {
            let found = deciding.view().wallets.find(tenant, wallet);
            let found = found.ok_or(WalletRefusal::NotFound)?;
            set_state(deciding, found, *state, note.as_deref())?;
            found.clone()
        }
    };
    Ok(Reply::about(wallet.id.subject()))
}

/// A user's wallet at a merchant, which is opened where there is none.
pub(crate) fn find_or_open(
    deciding: &mut Deciding<'_>,
    open: &OpenWallet,
) -> Result<Wallet, WalletRefusal> {
    let OpenWallet { tenant, merchant, owner } = open.clone();
    let view = deciding.view();
    view.directory.merchant(&tenant, &merchant).ok_or(WalletRefusal::UnknownMerchant)?;
    if let Some(wallet) = view.wallets.find(&tenant, &Wallet::key(&merchant, &owner)) {
        return Ok(wallet.clone());
    }
    let (id, made_at, state) = (deciding.id(), deciding.now(), WalletState::Normal);
    let cards = vec![];
    let wallet = Wallet { tenant, id, merchant, owner, made_at, version: 1, state, cards };
    deciding.record(&wallet, WalletChange::Opened(Box::new(wallet.clone())));
    Ok(wallet)
}

/// A repeat changes nothing. A closed wallet may be used again.
fn set_state(
    deciding: &mut Deciding<'_>,
    wallet: &Wallet,
    state: WalletState,
    note: Option<&str>,
) -> Result<(), WalletRefusal> {
    if wallet.state == state {
        return Ok(());
    }
    let view = deciding.view();
    let has_cards = wallet.cards(view).any(|card| card.balance().is_positive());
    let is_empty = wallet.balance(view) == Some(Balance::default()) && !has_cards;
    if state == WalletState::Closed && !is_empty {
        return Err(WalletRefusal::NotEmpty);
    }
    if state == WalletState::Closed {
        deciding.rest_on_balance(wallet.principal());
        deciding.rest_on_balance(wallet.bonus());
    }
    let note = note.map(str::to_owned);
    deciding.record(wallet, WalletChange::StateChanged { state, note });
    Ok(())
}
