//! What happens to withdrawals.

use super::{Facts, fen, text};
use crate::words::both;
use kernel::{Withdrawal, WithdrawalChange};
use ledger::{Id, Subject, kinds};

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what(subject: Subject, change: &WithdrawalChange) -> String {
    let id: Id<kinds::Withdrawal> = Id::from_value(subject.value);
    match change {
        WithdrawalChange::Accepted(withdrawal) => {
            let Withdrawal { merchant, amount, withdrawal_no, .. } = &**withdrawal;
            let amount = both(*amount);
            format!("withdrawal {id}: {amount} of merchant {merchant} as {withdrawal_no}, held")
        }
        WithdrawalChange::Paid { outside_reference, note } => {
            format!("withdrawal {id} is PAID by hand as {outside_reference}: {note}")
        }
        WithdrawalChange::Failed { note } => {
            format!("withdrawal {id} FAILED, the merchant has the money available again: {note}")
        }
    }
}

pub(super) fn facts(change: &WithdrawalChange) -> Facts {
    match change {
        WithdrawalChange::Accepted(withdrawal) => accepted(withdrawal),
        WithdrawalChange::Paid { outside_reference, note } => {
            vec![text("outside_reference", outside_reference), text("note", note)]
        }
        WithdrawalChange::Failed { note } => vec![text("note", note)],
    }
}

fn accepted(withdrawal: &Withdrawal) -> Facts {
    let mut facts = vec![
        text("merchant", withdrawal.merchant.as_str()),
        text("withdrawal_no", &withdrawal.withdrawal_no),
        fen("amount_fen", withdrawal.amount),
        text("payout", withdrawal.payout.name()),
    ];
    facts.extend(withdrawal.remark.as_ref().map(|remark| text("remark", remark)));
    facts
}
