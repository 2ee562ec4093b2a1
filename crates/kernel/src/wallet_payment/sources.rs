//! What a wallet has to pay an order with, in the order in which it is used.

use super::{Deduct, Shortage, ValuePart, ValueSource};
use crate::card::{Card, obstacle};
use crate::card_batch::CardBatch;
use crate::deciding::Deciding;
use crate::wallet::Wallet;
use ledger::{Account, Fen, Id, kinds};

/// From where an amount is taken, each part above zero.
pub(super) fn parts(
    deciding: &Deciding<'_>,
    wallet: &Wallet,
    deduct: &Deduct,
    amount: Fen,
) -> Result<Vec<ValuePart>, Shortage> {
    let (mut left, mut parts) = (amount, vec![]);
    for ValuePart { source, amount } in sources(deciding, wallet, deduct)? {
        let part = left.min(amount);
        left = left.minus(part).unwrap_or_else(|fault| panic!("wallet {}: {fault}", wallet.id));
        parts.push(ValuePart { source, amount: part });
    }
    parts.retain(|part| part.amount.is_positive());
    if left == Fen::ZERO { Ok(parts) } else { Err(Shortage::TooLittle) }
}

/// From where an amount of the balance alone is taken; `None` where it has less.
pub(crate) fn balance_parts(
    deciding: &Deciding<'_>,
    wallet: &Wallet,
    amount: Fen,
) -> Option<Vec<ValuePart>> {
    parts(deciding, wallet, &Deduct::Balance, amount).ok()
}

/// What there is.
fn sources(
    deciding: &Deciding<'_>,
    wallet: &Wallet,
    deduct: &Deduct,
) -> Result<Vec<ValuePart>, Shortage> {
    match deduct {
        Deduct::CardsFirst => Ok([spendable(deciding, wallet), balance(deciding, wallet)].concat()),
        Deduct::Balance => Ok(balance(deciding, wallet)),
        Deduct::Cards(listed) => {
            listed.iter().enumerate().map(|(at, id)| card(deciding, wallet, at, *id)).collect()
        }
    }
}

/// The cards that can be spent: those that end first before others, then those that were issued first.
fn spendable(deciding: &Deciding<'_>, wallet: &Wallet) -> Vec<ValuePart> {
    let (view, now) = (deciding.view(), deciding.now());
    let end = |card: &Card| {
        let batch = deciding.row::<CardBatch>(&card.tenant, card.batch);
        batch.map_or(card.ends_at, |batch| card.spendable_until(&batch))
    };
    let usable = wallet.cards(view).filter(|card| obstacle(view, card, wallet, now).is_none());
    let mut cards: Vec<&Card> = usable.collect();
    cards.sort_by_key(|card| (end(card), card.id));
    cards.into_iter().map(whole).collect()
}

/// A card that the caller lists.
fn card(
    deciding: &Deciding<'_>,
    wallet: &Wallet,
    at: usize,
    id: Id<kinds::Card>,
) -> Result<ValuePart, Shortage> {
    let card = wallet.cards(deciding.view()).find(|card| card.id == id);
    let card = card.ok_or(Shortage::Card { at, why: "not in the wallet" })?;
    match obstacle(deciding.view(), card, wallet, deciding.now()) {
        Some(why) => Err(Shortage::Card { at, why }),
        None => Ok(whole(card)),
    }
}

fn whole(card: &Card) -> ValuePart {
    ValuePart { source: ValueSource::Card(card.id), amount: card.balance() }
}

/// What was paid in, then the bonuses.
fn balance(deciding: &Deciding<'_>, wallet: &Wallet) -> Vec<ValuePart> {
    let part = |(source, account): (ValueSource, Account)| ValuePart {
        source,
        amount: wallet.available(deciding.view(), account),
    };
    let both = [(ValueSource::Principal, wallet.principal()), (ValueSource::Bonus, wallet.bonus())];
    both.map(part).into()
}
