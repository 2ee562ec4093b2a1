//! What happens to wallets, to what orders took from them, and to what is frozen in them.

use super::{Facts, fen, text};
use crate::words::{both, masked};
use kernel::{
    ValuePart, ValueSource, Wallet, WalletChange, WalletFreeze, WalletFreezeChange, WalletPayment,
    WalletPaymentChange,
};
use ledger::Subject;

pub(super) fn what(subject: Subject, change: &WalletChange) -> String {
    match change {
        WalletChange::Opened(wallet) => {
            let Wallet { merchant, owner, .. } = &**wallet;
            format!("{subject} is opened at {merchant} for {}", masked(owner))
        }
        WalletChange::StateChanged { state, note } => {
            let why = note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
            format!("{subject} is {} now{why}", state.name())
        }
        WalletChange::CardBound { card, .. } => format!("{} is in {subject} now", card.subject()),
    }
}

pub(super) fn facts(change: &WalletChange) -> Facts {
    match change {
        WalletChange::Opened(wallet) => {
            vec![text("merchant", wallet.merchant.as_str()), text("owner", masked(&wallet.owner))]
        }
        WalletChange::StateChanged { state, note } => {
            let note = note.as_ref().map(|note| text("note", note));
            [text("state", state.name())].into_iter().chain(note).collect()
        }
        WalletChange::CardBound { card, dropped } => {
            let dropped = dropped.iter().map(|card| text("dropped", card.to_string()));
            [text("card", card.to_string())].into_iter().chain(dropped).collect()
        }
    }
}

pub(super) fn payment(subject: Subject, change: &WalletPaymentChange) -> String {
    match change {
        WalletPaymentChange::Taken(payment) => {
            let WalletPayment { parts, wallet, .. } = &**payment;
            format!("{subject}: {} are taken from {}", listed(parts), wallet.subject())
        }
        WalletPaymentChange::PutBack { by, amount } => {
            format!("{subject}: {} are put back for {}", both(*amount), by.subject())
        }
    }
}

pub(super) fn payment_facts(change: &WalletPaymentChange) -> Facts {
    match change {
        WalletPaymentChange::Taken(payment) => {
            vec![text("wallet", payment.wallet.to_string()), text("parts", listed(&payment.parts))]
        }
        WalletPaymentChange::PutBack { by, amount } => {
            vec![text("refund", by.to_string()), fen("amount_fen", *amount)]
        }
    }
}

pub(super) fn freeze(subject: Subject, change: &WalletFreezeChange) -> String {
    match change {
        WalletFreezeChange::Frozen(freeze) => {
            let WalletFreeze { parts, wallet, note, .. } = &**freeze;
            let why = note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
            format!("{subject}: {} are frozen in {}{why}", listed(parts), wallet.subject())
        }
        WalletFreezeChange::Released { number, amount } => {
            format!("{subject}: {} are released under {number}", both(*amount))
        }
        WalletFreezeChange::Expired { amount } => {
            format!("{subject}: its time is up, {} are released", both(*amount))
        }
    }
}

pub(super) fn freeze_facts(change: &WalletFreezeChange) -> Facts {
    match change {
        WalletFreezeChange::Frozen(freeze) => {
            let note = freeze.note.as_ref().map(|note| text("note", note));
            let number = text("number", &freeze.number);
            let facts = [number, text("parts", listed(&freeze.parts))];
            facts.into_iter().chain(note).collect()
        }
        WalletFreezeChange::Released { number, amount } => {
            vec![text("number", number), fen("amount_fen", *amount)]
        }
        WalletFreezeChange::Expired { amount } => vec![fen("amount_fen", *amount)],
    }
}

fn listed(parts: &[ValuePart]) -> String {
    let part = |part: &ValuePart| {
        let of = match part.source {
            ValueSource::Card(card) => card.subject().to_string(),
            ValueSource::Principal | ValueSource::Bonus => format!("the {}", part.source.name()),
        };
        format!("{} of {of}", both(part.amount))
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" and ")
}
