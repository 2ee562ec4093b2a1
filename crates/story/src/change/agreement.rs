//! What happens to agreements. Nothing shows the channel's number of what was signed.

use super::{Fact, Facts, at, text};
use crate::words::local;
use kernel::{AgreementChange, Contract};
use ledger::{Id, Subject, Timestamp, kinds};

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what(subject: Subject, change: &AgreementChange) -> String {
    let id: Id<kinds::Agreement> = Id::from_value(subject.value);
    match change {
        AgreementChange::Requested(row) => {
            let (number, channel) = (&row.terms.request.number, &row.terms.channel);
            format!("agreement {id} is to be signed at {channel}, its number is {number}")
        }
        AgreementChange::CallBegun(call) => {
            format!("asks the channel about agreement {id}: {}", call.operation.name())
        }
        AgreementChange::CallEnded { .. } => {
            format!("the channel told nothing new about agreement {id}")
        }
        AgreementChange::PageReceived { .. } => format!("the payer can sign agreement {id}"),
        AgreementChange::Signed { contract, .. } => {
            format!("the payer signed agreement {id} at {}", local(contract.signed_at))
        }
        AgreementChange::ContractChanged { .. } => {
            format!("the channel told more about agreement {id}")
        }
        AgreementChange::Paused { .. } => format!("agreement {id} is paused at the channel"),
        AgreementChange::Resumed { .. } => format!("agreement {id} can be used again"),
        AgreementChange::Terminating { reason } => {
            format!("agreement {id} is to end, nothing is debited any more: {reason}")
        }
        AgreementChange::Terminated { at, by, .. } => {
            format!("agreement {id} ended at {}, by {}", local(*at), by.name())
        }
        AgreementChange::Invalid { reason } => {
            format!("agreement {id} was not signed: {reason}")
        }
        AgreementChange::DebitBegun { order } => {
            format!("agreement {id} pays order {order}")
        }
        AgreementChange::DebitEnded { order, .. } => {
            format!("order {order}, which agreement {id} pays, is final")
        }
        AgreementChange::MismatchRecorded { why, .. } => {
            format!("the channel contradicts agreement {id}: {why}")
        }
        AgreementChange::Overdue { why } => {
            format!("agreement {id} needs a person: {why}")
        }
        AgreementChange::PollRequested => {
            format!("the channel is to be asked now about agreement {id}")
        }
        AgreementChange::Dismissed { note } => {
            format!("what agreement {id} needed a person for was looked into: {note}")
        }
        AgreementChange::Resealed { .. } => {
            format!("agreement {id} is sealed under another master key")
        }
    }
}

pub(super) fn facts(change: &AgreementChange) -> Facts {
    let next = |due: Option<Timestamp>| due.map(|due| at("next_poll_at", due));
    match change {
        AgreementChange::Requested(row) => vec![
            text("number", &*row.terms.request.number),
            text("channel", &*row.terms.channel),
            text("channel_account", &*row.terms.channel_account),
            text("channel_agreement_no", &*row.terms.channel_agreement_no),
            text("scene", row.terms.request.scene.name()),
            at("page_expires_at", row.terms.page_expires_at),
        ],
        AgreementChange::CallBegun(call) => {
            vec![text("operation", call.operation.name()), ("until", Fact::At(call.until))]
        }
        AgreementChange::CallEnded { next_poll_at } => next(*next_poll_at).into_iter().collect(),
        AgreementChange::PageReceived { page, next_poll_at } => {
            let page = [text("form", page.form.name()), at("valid_until", page.valid_until)];
            page.into_iter().chain(next(*next_poll_at)).collect()
        }
        AgreementChange::Signed { contract, .. }
        | AgreementChange::ContractChanged { contract, .. } => contract_facts(contract),
        AgreementChange::Terminating { reason } | AgreementChange::Invalid { reason } => {
            vec![text("reason", reason)]
        }
        AgreementChange::Terminated { at: ended_at, by, reason, .. } => {
            let reason = reason.as_ref().map(|reason| text("reason", reason));
            [at("at", *ended_at), text("by", by.name())].into_iter().chain(reason).collect()
        }
        AgreementChange::DebitBegun { order } | AgreementChange::DebitEnded { order, .. } => {
            vec![text("order", order.to_string())]
        }
        AgreementChange::MismatchRecorded { why, .. } | AgreementChange::Overdue { why } => {
            vec![text("why", why)]
        }
        AgreementChange::Dismissed { note } => vec![text("note", note)],
        AgreementChange::Paused { .. }
        | AgreementChange::Resumed { .. }
        | AgreementChange::PollRequested
        | AgreementChange::Resealed { .. } => vec![],
    }
}

fn contract_facts(contract: &Contract) -> Facts {
    let optional = [
        contract.valid_until.map(|until| at("valid_until", until)),
        contract.next_debit_at.map(|debit| at("next_debit_at", debit)),
    ];
    let signed = at("signed_at", contract.signed_at);
    std::iter::once(signed).chain(optional.into_iter().flatten()).collect()
}
