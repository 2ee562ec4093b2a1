//! Binding a card to a wallet.

use super::{CardBinding, CardBindingChange, CardBindingRefusal};
use crate::aggregate::{AggregateCommand, Key, NaturalKey, Reads};
use crate::card::{Card, CardChange, CardState};
use crate::card_batch::CardBatch;
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::wallet::{WALLET_CARDS_MAX, Wallet, WalletChange, WalletRefusal};
use ledger::{Id, kinds};
use std::sync::Arc;

/// What can be requested of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardBindingCommand {
    /// Put a card into a wallet. The reply is about the binding, or about the card where the secret is
    /// wrong. A repeat with the same content finds the binding.
    Bind(Box<BindCard>),
}

/// A card that is put into a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindCard {
    /// The owner of the card's batch.
    pub tenant: TenantId,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The card.
    pub card: Key<kinds::Card>,
    /// What proves that the caller's user may have it.
    pub proof: CardProof,
    /// The wallet.
    pub wallet: Key<kinds::Wallet>,
}

/// What proves that somebody may bind a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardProof {
    /// The caller says whose card it is; `None` where that is the wallet's owner.
    Owner(Option<String>),
    /// The keyed hashes of the secret that was presented, under each of the installation's keys.
    Secret {
        /// One of them is the card's where the secret is right.
        tags: Vec<String>,
    },
}

impl CardProof {
    /// Hashes are compared, of which nobody can choose the beginning: how long that takes tells nothing
    /// about the secret.
    fn has_secret_of(&self, card: &Card) -> bool {
        match (self, &card.secret) {
            (CardProof::Owner(_), _) => true,
            (CardProof::Secret { tags }, Some(secret)) => tags.contains(&secret.tag),
            (CardProof::Secret { .. }, None) => false,
        }
    }

    const fn is_secret(&self) -> bool {
        matches!(self, CardProof::Secret { .. })
    }
}

impl BindCard {
    fn key(&self) -> Key<kinds::CardBinding> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Key::Number(NaturalKey { namespace, number })
    }
}

impl AggregateCommand for CardBindingCommand {
    fn tenant(&self) -> &TenantId {
        let CardBindingCommand::Bind(bind) = self;
        &bind.tenant
    }

    fn name(&self) -> &'static str {
        "bind_card"
    }

    fn reads(&self, reads: &mut Reads) {
        let CardBindingCommand::Bind(bind) = self;
        reads.card_bindings.push((bind.tenant.clone(), bind.key()));
        reads.cards.push((bind.tenant.clone(), bind.card.clone()));
        reads.wallets.push((bind.tenant.clone(), bind.wallet.clone()));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &CardBindingCommand,
) -> Result<Reply, CardBindingRefusal> {
    let CardBindingCommand::Bind(bind) = command;
    let view = deciding.view();
    let card = view.cards.find(&bind.tenant, &bind.card).ok_or(CardBindingRefusal::NoCard)?;
    let known = view.card_bindings.find(&bind.tenant, &bind.key());
    // A number of another card tells nothing about this one before its secret is known.
    let repeated = known.filter(|known| known.card == card.id || !bind.proof.is_secret());
    if let Some(known) = repeated {
        return repeat(deciding, known, card, bind);
    }
    let is_locked = card.locked_until().is_some_and(|until| deciding.now() < until);
    if is_locked && bind.proof.is_secret() {
        return Err(CardBindingRefusal::Locked);
    }
    if !bind.proof.has_secret_of(card) {
        // A secret that cannot be right says nothing about those that can.
        if card.state == CardState::Issued && card.secret.is_some() {
            deciding.record(card, CardChange::WrongSecret);
        }
        return Ok(Reply::about(card.id.subject()));
    }
    if known.is_some() {
        return Err(CardBindingRefusal::Differs);
    }
    let wallet = wallet(deciding, bind)?;
    let dropped = check(deciding, bind, card, wallet)?;
    Ok(Reply::about(self::bind(deciding, bind, card, wallet, dropped).subject()))
}

/// The same number again. What the card or its wallet became since does not matter.
fn repeat(
    deciding: &Deciding<'_>,
    known: &CardBinding,
    card: &Card,
    bind: &BindCard,
) -> Result<Reply, CardBindingRefusal> {
    let wallet = wallet(deciding, bind)?;
    let is_same = (known.card, known.wallet, known.is_by_secret)
        == (card.id, wallet.id, bind.proof.is_secret())
        && bind.proof.has_secret_of(card)
        && is_owner(bind, card, wallet);
    if is_same { Ok(Reply::about(known.id.subject())) } else { Err(CardBindingRefusal::Differs) }
}

fn wallet<'v>(deciding: &Deciding<'v>, bind: &BindCard) -> Result<&'v Wallet, CardBindingRefusal> {
    let found = deciding.view().wallets.find(&bind.tenant, &bind.wallet);
    Ok(found.ok_or(WalletRefusal::NotFound)?)
}

/// Who has the secret need not be the owner.
fn is_owner(bind: &BindCard, card: &Card, wallet: &Wallet) -> bool {
    match &bind.proof {
        CardProof::Owner(owner) => card.owner == *owner.as_ref().unwrap_or(&wallet.owner),
        CardProof::Secret { .. } => true,
    }
}

/// What a new binding must fulfil; which card makes room for the new one, where the wallet is full.
fn check(
    deciding: &Deciding<'_>,
    bind: &BindCard,
    card: &Card,
    wallet: &Wallet,
) -> Result<Option<Card>, CardBindingRefusal> {
    wallet.check_usable()?;
    if !is_owner(bind, card, wallet) {
        return Err(CardBindingRefusal::OtherOwner);
    }
    let state = card.state_at(deciding.view(), deciding.now());
    if state != CardState::Issued {
        return Err(CardBindingRefusal::CardState { state: state.name() });
    }
    let batch = deciding.row::<CardBatch>(&card.tenant, card.batch);
    let batch = batch.unwrap_or_else(|| panic!("card {} has no batch", card.id));
    if !batch.is_accepted_by(&wallet.merchant) {
        return Err(CardBindingRefusal::NotAccepted);
    }
    if wallet.cards.len() < WALLET_CARDS_MAX {
        return Ok(None);
    }
    let mut empty = wallet.cards(deciding.view()).filter(|card| !card.balance().is_positive());
    let dropped = empty.next().ok_or(CardBindingRefusal::Full { max: WALLET_CARDS_MAX })?;
    Ok(Some(dropped.clone()))
}

fn bind(
    deciding: &mut Deciding<'_>,
    bind: &BindCard,
    card: &Card,
    wallet: &Wallet,
    dropped: Option<Card>,
) -> Id<kinds::CardBinding> {
    let binding = CardBinding {
        tenant: bind.tenant.clone(),
        id: deciding.id(),
        namespace: bind.namespace.clone(),
        number: bind.number.clone(),
        card: card.id,
        order: card.order,
        wallet: wallet.id,
        is_by_secret: bind.proof.is_secret(),
        made_at: deciding.now(),
        version: 1,
    };
    deciding.record(&binding, CardBindingChange::Made(Box::new(binding.clone())));
    deciding.record(card, CardChange::Bound { by: binding.id, wallet: wallet.id });
    // Written too, so that a refund that puts value back on it at this moment decides again.
    if let Some(dropped) = &dropped {
        deciding.record(dropped, CardChange::Dropped { by: binding.id });
    }
    let dropped = dropped.into_iter().map(|card| card.id).collect();
    deciding.record(wallet, WalletChange::CardBound { card: card.id, dropped });
    binding.id
}
