//! Freezing a part of a wallet, and releasing it.

use super::{FREEZE_RELEASES_MAX, WalletFreeze, WalletFreezeChange, WalletFreezeRefusal};
use crate::aggregate::{AggregateCommand, Key, NaturalKey, Reads};
use crate::command::Reply;
use crate::deciding::{Deciding, Movement};
use crate::directory::TenantId;
use crate::wallet::{Wallet, WalletRefusal, WalletState};
use crate::wallet_payment::{ValuePart, balance_parts};
use ledger::{Fen, Id, Phase, Reason, Timestamp, kinds};
use std::sync::Arc;

/// What can be requested of a freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletFreezeCommand {
    /// Freeze a part of a wallet. A repeat with the same content finds the freeze.
    Freeze(Box<FreezeWallet>),
    /// Release some of it, or all that remains. A repeat of a release's number releases nothing more.
    Unfreeze(Box<UnfreezeWallet>),
}

/// A part of a wallet to freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeWallet {
    /// The owner of the wallet's merchant.
    pub tenant: TenantId,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The wallet.
    pub wallet: Id<kinds::Wallet>,
    /// How much.
    pub amount: Fen,
    /// When what remains is released by itself; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// What the caller notes, for people. A repeat may have another note; the first one stays.
    pub note: Option<String>,
}

/// A release of what is frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfreezeWallet {
    /// The owner of the wallet's merchant.
    pub tenant: TenantId,
    /// The freeze.
    pub freeze: Key<kinds::WalletFreeze>,
    /// The caller's number of the release, unique within the freeze.
    pub number: String,
    /// How much; `None` for all that remains.
    pub amount: Option<Fen>,
}

impl WalletFreezeCommand {
    fn freeze(&self) -> Key<kinds::WalletFreeze> {
        match self {
            WalletFreezeCommand::Freeze(freeze) => {
                let (namespace, number) = (freeze.namespace.clone(), freeze.number.clone());
                Key::Number(NaturalKey { namespace, number })
            }
            WalletFreezeCommand::Unfreeze(unfreeze) => unfreeze.freeze.clone(),
        }
    }
}

impl AggregateCommand for WalletFreezeCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            WalletFreezeCommand::Freeze(freeze) => &freeze.tenant,
            WalletFreezeCommand::Unfreeze(unfreeze) => &unfreeze.tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            WalletFreezeCommand::Freeze(_) => "freeze_wallet",
            WalletFreezeCommand::Unfreeze(_) => "unfreeze_wallet",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.wallet_freezes.push((self.tenant().clone(), self.freeze()));
        // A release makes more available: only a freeze must see the balances, which come with the wallet.
        if let WalletFreezeCommand::Freeze(freeze) = self {
            reads.wallets.push((freeze.tenant.clone(), Key::Id(freeze.wallet)));
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &WalletFreezeCommand,
) -> Result<Reply, WalletFreezeRefusal> {
    let known = deciding.view().wallet_freezes.find(command.tenant(), &command.freeze());
    let id = match (command, known) {
        (WalletFreezeCommand::Freeze(wanted), Some(known)) => repeat(known, wanted)?,
        (WalletFreezeCommand::Freeze(wanted), None) => freeze(deciding, wanted)?,
        (WalletFreezeCommand::Unfreeze(_), None) => return Err(WalletFreezeRefusal::NotFound),
        (WalletFreezeCommand::Unfreeze(wanted), Some(known)) => unfreeze(deciding, known, wanted)?,
    };
    Ok(Reply::about(id.subject()))
}

/// The same number again.
fn repeat(
    known: &WalletFreeze,
    wanted: &FreezeWallet,
) -> Result<Id<kinds::WalletFreeze>, WalletFreezeRefusal> {
    let is_same = known.wallet == wanted.wallet
        && known.amount() == wanted.amount
        && known.expires_at == wanted.expires_at;
    if is_same { Ok(known.id) } else { Err(WalletFreezeRefusal::Differs) }
}

fn freeze(
    deciding: &mut Deciding<'_>,
    wanted: &FreezeWallet,
) -> Result<Id<kinds::WalletFreeze>, WalletFreezeRefusal> {
    let parts = check(deciding, wanted)?;
    if let Some(wallet) = deciding.row::<Wallet>(&wanted.tenant, wanted.wallet) {
        deciding.rest_on(&wallet);
    }
    let freeze = WalletFreeze {
        tenant: wanted.tenant.clone(),
        id: deciding.id(),
        namespace: wanted.namespace.clone(),
        number: wanted.number.clone(),
        wallet: wanted.wallet,
        parts,
        note: wanted.note.clone(),
        made_at: deciding.now(),
        expires_at: wanted.expires_at,
        version: 1,
        releases: vec![],
    };
    deciding.record(&freeze, WalletFreezeChange::Frozen(Box::new(freeze.clone())));
    move_parts(deciding, &freeze, Phase::Hold, &freeze.parts);
    Ok(freeze.id)
}

/// What a new freeze must fulfil; what is frozen of which source.
fn check(
    deciding: &Deciding<'_>,
    wanted: &FreezeWallet,
) -> Result<Vec<ValuePart>, WalletFreezeRefusal> {
    let wallet = deciding.row::<Wallet>(&wanted.tenant, wanted.wallet);
    let wallet = wallet.ok_or(WalletFreezeRefusal::Wallet(WalletRefusal::NotFound))?;
    if wallet.state == WalletState::Closed {
        return Err(WalletFreezeRefusal::Wallet(WalletRefusal::Closed));
    }
    if !wanted.amount.is_positive() {
        return Err(WalletFreezeRefusal::Amount);
    }
    if wanted.expires_at.is_some_and(|expires_at| expires_at <= deciding.now()) {
        return Err(WalletFreezeRefusal::Expiry);
    }
    balance_parts(deciding, &wallet, wanted.amount).ok_or(WalletFreezeRefusal::TooLittle)
}

fn unfreeze(
    deciding: &mut Deciding<'_>,
    freeze: &WalletFreeze,
    wanted: &UnfreezeWallet,
) -> Result<Id<kinds::WalletFreeze>, WalletFreezeRefusal> {
    if let Some(known) = freeze.release(&wanted.number) {
        let is_same = wanted.amount.is_none_or(|amount| amount == known.amount);
        return if is_same { Ok(freeze.id) } else { Err(WalletFreezeRefusal::ReleaseDiffers) };
    }
    let amount = check_release(freeze, wanted.amount)?;
    let number = wanted.number.clone();
    deciding.record(freeze, WalletFreezeChange::Released { number, amount });
    move_parts(deciding, freeze, Phase::Release, &freeze.next(amount));
    Ok(freeze.id)
}

/// What a new release must fulfil; its amount.
fn check_release(freeze: &WalletFreeze, wanted: Option<Fen>) -> Result<Fen, WalletFreezeRefusal> {
    let remaining = freeze.remaining();
    let amount = wanted.unwrap_or(remaining);
    if wanted.is_some_and(|amount| !amount.is_positive()) {
        return Err(WalletFreezeRefusal::ReleaseAmount);
    }
    if !remaining.is_positive() {
        return Err(WalletFreezeRefusal::Ended);
    }
    if amount > remaining {
        return Err(WalletFreezeRefusal::Exceeds { remaining });
    }
    if freeze.releases.len() >= FREEZE_RELEASES_MAX && amount < remaining {
        return Err(WalletFreezeRefusal::TooMany { max: FREEZE_RELEASES_MAX });
    }
    Ok(amount)
}

/// The task of a freeze: its time is up.
pub(super) fn expire(deciding: &mut Deciding<'_>, freeze: &WalletFreeze) {
    let amount = freeze.remaining();
    let is_over = freeze.expires_at.is_some_and(|expires_at| deciding.now() >= expires_at);
    // The claim may have come before its end was committed.
    if is_over && amount.is_positive() {
        deciding.record(freeze, WalletFreezeChange::Expired { amount });
        move_parts(deciding, freeze, Phase::Release, &freeze.next(amount));
    }
}

/// Holds or releases parts. Nothing moves; the other side is named because every transfer has one, and
/// what a wallet holds is held against the wallet's other account.
fn move_parts(
    deciding: &mut Deciding<'_>,
    freeze: &WalletFreeze,
    phase: Phase,
    parts: &[ValuePart],
) {
    for part in parts {
        let (debit, credit) = freeze.accounts(part.source);
        let (amount, reason) = (part.amount, Reason::WalletFreeze);
        deciding.transfer(freeze, Movement { phase, debit, credit, amount, reason });
    }
}
