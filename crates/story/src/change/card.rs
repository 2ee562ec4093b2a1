//! What happens to batches of gift cards, to their purchases and to the cards.

use super::{Facts, at, fen, number, text};
use crate::words::{both, local, masked};
use kernel::{
    CardBatch, CardBatchChange, CardBinding, CardBindingChange, CardChange, CardQuotaChange,
    CardTransferChange, MerchantId, Recharge, RechargeChange, RechargePurpose,
};
use ledger::{Fen, Subject};

pub(super) fn batch(subject: Subject, change: &CardBatchChange) -> String {
    match change {
        CardBatchChange::Created(batch) => {
            let CardBatch { name, total, face, price, merchant, .. } = &**batch;
            let (face, price) = (both(*face), both(*price));
            format!(
                "{subject} {name:?}: {total} cards of {face} for {price} each, sold by {merchant}"
            )
        }
        CardBatchChange::StateChanged(state) => format!("{subject} is {} now", state.name()),
        CardBatchChange::TotalRaised { total } => format!("{subject} has {total} cards in all now"),
        CardBatchChange::Extended { ends_at } => {
            format!("the cards of {subject} are valid until {}", local(*ends_at))
        }
        CardBatchChange::Reserved { by, cards } => {
            format!("{cards} cards of {subject} are reserved for {}", by.subject())
        }
        CardBatchChange::Released { by, cards } => {
            format!("{cards} cards of {subject} are for sale again, {} ended unpaid", by.subject())
        }
        CardBatchChange::Issued { by, cards } => {
            format!("{cards} cards of {subject} are issued for {}", by.subject())
        }
    }
}

pub(super) fn batch_facts(change: &CardBatchChange) -> Facts {
    match change {
        CardBatchChange::Created(batch) => created(batch),
        CardBatchChange::StateChanged(state) => vec![text("state", state.name())],
        CardBatchChange::TotalRaised { total } => vec![number("total", *total)],
        CardBatchChange::Extended { ends_at } => vec![at("ends_at", *ends_at)],
        CardBatchChange::Reserved { by, cards }
        | CardBatchChange::Released { by, cards }
        | CardBatchChange::Issued { by, cards } => {
            vec![text("recharge", by.to_string()), number("cards", *cards)]
        }
    }
}

fn created(batch: &CardBatch) -> Facts {
    let accepted_by: Vec<&str> = batch.accepted_by.iter().map(MerchantId::as_str).collect();
    vec![
        text("number", &batch.number),
        text("name", &batch.name),
        text("merchant", batch.merchant.as_str()),
        fen("face_fen", batch.face),
        fen("price_fen", batch.price),
        number("total", batch.total),
        number("owner_max", i64::from(batch.owner_max)),
        text("accepted_by", accepted_by.join(" ")),
        text("state", batch.state.name()),
    ]
}

pub(super) fn quota(subject: Subject, change: &CardQuotaChange) -> String {
    match change {
        CardQuotaChange::Begun(quota) => {
            format!("{subject}: {} takes {} cards", masked(&quota.owner), quota.taken)
        }
        CardQuotaChange::Taken { cards } => format!("{subject}: {cards} more cards are taken"),
        CardQuotaChange::PutBack { cards } => format!("{subject}: {cards} cards are put back"),
    }
}

pub(super) fn quota_facts(change: &CardQuotaChange) -> Facts {
    match change {
        CardQuotaChange::Begun(quota) => {
            vec![text("owner", masked(&quota.owner)), number("cards", i64::from(quota.taken))]
        }
        CardQuotaChange::Taken { cards } | CardQuotaChange::PutBack { cards } => {
            vec![number("cards", i64::from(*cards))]
        }
    }
}

pub(super) fn recharge(subject: Subject, change: &RechargeChange) -> String {
    match change {
        RechargeChange::Made(recharge) => made(subject, recharge),
        RechargeChange::Credited => format!("{subject} is paid: the money is in the wallet"),
        RechargeChange::Issued { cards, expires_at } => format!(
            "{subject} is paid: {} cards are issued, valid until {}",
            cards.len,
            local(*expires_at)
        ),
        RechargeChange::Released => format!("{subject} ended unpaid"),
        RechargeChange::Extended { expires_at } => {
            format!("the cards of {subject} are valid until {}", local(*expires_at))
        }
        RechargeChange::Expired => format!("the cards of {subject} have expired"),
        RechargeChange::BonusMissed { by, delta } if delta.is_positive() => {
            format!(
                "{} could not take {} of the bonus of {subject}: it was spent",
                by.subject(),
                both(*delta)
            )
        }
        RechargeChange::BonusMissed { by, delta } => {
            let made_up = Fen::new(delta.get().saturating_neg());
            let by = by.subject();
            format!(
                "{} of the bonus of {subject}, missing before, is made up for by {by}",
                both(made_up)
            )
        }
    }
}

fn made(subject: Subject, recharge: &Recharge) -> String {
    let owner = masked(&recharge.owner);
    match recharge.purpose {
        RechargePurpose::Cards { batch, quantity } => {
            let batch = batch.subject();
            format!("{subject}: {quantity} cards of {batch} for {owner}, reserved until it is paid")
        }
        RechargePurpose::Balance { wallet, bonus } => {
            format!(
                "{subject}: a payment into {}, with a bonus of {}",
                wallet.subject(),
                both(bonus)
            )
        }
    }
}

pub(super) fn recharge_facts(change: &RechargeChange) -> Facts {
    match change {
        RechargeChange::Made(recharge) => {
            let owner = text("owner", masked(&recharge.owner));
            match recharge.purpose {
                RechargePurpose::Cards { batch, quantity } => {
                    let quantity = number("quantity", i64::from(quantity));
                    vec![text("batch", batch.to_string()), quantity, owner]
                }
                RechargePurpose::Balance { wallet, bonus } => {
                    vec![text("wallet", wallet.to_string()), fen("bonus_fen", bonus), owner]
                }
            }
        }
        RechargeChange::Issued { cards, expires_at } => vec![
            text("first_card", cards.first.to_string()),
            number("cards", i64::from(cards.len)),
            at("expires_at", *expires_at),
        ],
        RechargeChange::Extended { expires_at } => vec![at("expires_at", *expires_at)],
        RechargeChange::BonusMissed { by, delta } => {
            vec![text("by", by.to_string()), fen("missing_fen", *delta)]
        }
        RechargeChange::Credited | RechargeChange::Released | RechargeChange::Expired => vec![],
    }
}

/// A card, without the middle of its number: a story is read by more people than the card's owner.
pub(super) fn card(subject: Subject, change: &CardChange) -> String {
    match change {
        CardChange::Issued(card) => {
            let (face, owner) = (both(card.face), masked(&card.owner));
            format!("{subject} {} is issued to {owner}, worth {face}", short(&card.number))
        }
        CardChange::SecretMade(_) => format!("the secret of {subject} is made and read"),
        CardChange::SecretResealed(_) => {
            format!("the secret of {subject} is sealed under another master key")
        }
        CardChange::SecretRead => format!("the secret of {subject} is read again"),
        CardChange::Frozen { note } => format!("{subject} is frozen{}", because(note)),
        CardChange::Unfrozen { note } => format!("{subject} is usable again{}", because(note)),
        CardChange::GivenAway { by } => {
            format!("{subject} is given away with {}, and waits for its receiver", by.subject())
        }
        CardChange::Received { owner, .. } => {
            format!("{subject} belongs to {} now, and has no secret", masked(owner))
        }
        CardChange::Kept { .. } => format!("{subject} is its owner's again"),
        CardChange::WrongSecret => format!("a wrong secret was presented for {subject}"),
        CardChange::Bound { wallet, .. } => {
            format!("{subject} is in {} from now on", wallet.subject())
        }
        CardChange::Dropped { .. } => {
            format!("{subject} has left its wallet, which needed its place for another card")
        }
        CardChange::Spent { by, amount } => {
            format!("{} of {subject} are spent for {}", both(*amount), by.subject())
        }
        CardChange::PutBack { by, amount } => {
            format!("{} are put back on {subject} for {}", both(*amount), by.subject())
        }
        CardChange::Voided { by, amount } => {
            format!("{subject} is void with {}, {} takes it back", both(*amount), by.subject())
        }
        CardChange::PaidBack { by } => {
            format!("{subject} stays void, {} has given its price back", by.subject())
        }
        CardChange::Revived { by } => {
            format!("{subject} is usable again, {} has failed", by.subject())
        }
        CardChange::Expired => format!("{subject} has expired"),
    }
}

pub(super) fn card_facts(change: &CardChange) -> Facts {
    match change {
        CardChange::Issued(card) => vec![
            text("number", short(&card.number)),
            text("owner", masked(&card.owner)),
            fen("face_fen", card.face),
        ],
        CardChange::Frozen { note } | CardChange::Unfrozen { note } => {
            note.iter().map(|note| text("note", note)).collect()
        }
        CardChange::Voided { by, amount } => {
            vec![text("refund", by.to_string()), fen("amount_fen", *amount)]
        }
        CardChange::PaidBack { by } | CardChange::Revived { by } => {
            vec![text("refund", by.to_string())]
        }
        CardChange::GivenAway { by } | CardChange::Kept { by } => {
            vec![text("transfer", by.to_string())]
        }
        CardChange::Received { by, owner } => {
            vec![text("transfer", by.to_string()), text("owner", masked(owner))]
        }
        CardChange::Bound { by, wallet } => {
            vec![text("binding", by.to_string()), text("wallet", wallet.to_string())]
        }
        CardChange::Dropped { by } => vec![text("binding", by.to_string())],
        CardChange::Spent { by, amount } => {
            vec![text("order", by.to_string()), fen("amount_fen", *amount)]
        }
        CardChange::PutBack { by, amount } => {
            vec![text("refund", by.to_string()), fen("amount_fen", *amount)]
        }
        CardChange::SecretMade(_)
        | CardChange::SecretResealed(_)
        | CardChange::SecretRead
        | CardChange::WrongSecret
        | CardChange::Expired => vec![],
    }
}

pub(super) fn transfer(subject: Subject, change: &CardTransferChange) -> String {
    match change {
        CardTransferChange::Begun(transfer) => format!(
            "{subject}: {} gives {} away, to be received until {}",
            masked(&transfer.from),
            transfer.card.subject(),
            local(transfer.expires_at)
        ),
        CardTransferChange::Received { owner } => {
            format!("{subject}: {} has received the card", masked(owner))
        }
        CardTransferChange::Cancelled => format!("{subject} is cancelled"),
        CardTransferChange::TimedOut => format!("{subject}: nobody has received the card in time"),
    }
}

pub(super) fn transfer_facts(change: &CardTransferChange) -> Facts {
    match change {
        CardTransferChange::Begun(transfer) => vec![
            text("number", &transfer.number),
            text("card", transfer.card.to_string()),
            text("from", masked(&transfer.from)),
            at("expires_at", transfer.expires_at),
        ],
        CardTransferChange::Received { owner } => vec![text("owner", masked(owner))],
        CardTransferChange::Cancelled | CardTransferChange::TimedOut => vec![],
    }
}

pub(super) fn binding(subject: Subject, change: &CardBindingChange) -> String {
    let CardBindingChange::Made(binding) = change;
    let CardBinding { card, wallet, is_by_secret, .. } = &**binding;
    let by = if *is_by_secret { "with its secret" } else { "by its owner" };
    format!("{subject}: {} is put into {} {by}", card.subject(), wallet.subject())
}

pub(super) fn binding_facts(change: &CardBindingChange) -> Facts {
    let CardBindingChange::Made(binding) = change;
    vec![
        text("number", &binding.number),
        text("card", binding.card.to_string()),
        text("wallet", binding.wallet.to_string()),
    ]
}

fn because(note: &Option<String>) -> String {
    note.as_ref().map_or_else(String::new, |note| format!(": {note}"))
}

/// The first and last four digits of a card's number.
fn short(number: &str) -> String {
    match (number.get(..4), number.get(number.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) => format!("{first}…{last}"),
        (_, _) => String::new(),
    }
}
