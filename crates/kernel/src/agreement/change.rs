//! What can happen to an agreement, and what it does to it.

use super::polls::FINAL_POLL_SECONDS;
use super::{Agreement, AgreementState, Contract};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::order::{InFlightCall, KnownPayInfo};
use crate::standing::{Attention, AttentionKind, Sealed};
use channel::TerminatedBy;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// What can happen to an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgreementChange {
    /// It was requested; it is complete in here.
    Requested(Box<Agreement>),
    /// A call to the channel was begun.
    CallBegun(InFlightCall),
    /// A call or callback brought nothing new.
    CallEnded {
        /// When the channel is asked next; `None` when it is not, or another call begins at once.
        next_poll_at: Option<Timestamp>,
    },
    /// The payer can sign now. The event log keeps the form and the time, and not the text.
    PageReceived {
        /// The page.
        page: KnownPayInfo,
        /// When the channel is asked next.
        next_poll_at: Option<Timestamp>,
    },
    /// The payer has signed it.
    Signed {
        /// What was signed.
        contract: Contract,
        /// When the channel said so, by its clock.
        reported_at: Option<Timestamp>,
    },
    /// The channel told more about what was signed.
    ContractChanged {
        /// What was signed.
        contract: Contract,
        /// When the channel said so, by its clock.
        reported_at: Option<Timestamp>,
        /// When the channel is asked next.
        next_poll_at: Option<Timestamp>,
    },
    /// It cannot be used for the time being.
    Paused {
        /// When the channel said so, by its clock.
        reported_at: Option<Timestamp>,
    },
    /// It can be used again.
    Resumed {
        /// When the channel said so, by its clock.
        reported_at: Option<Timestamp>,
    },
    /// The merchant wants it ended.
    Terminating {
        /// Why, for the payer.
        reason: String,
    },
    /// It has ended.
    Terminated {
        /// When, by the channel's clock where it tells.
        at: Timestamp,
        /// Who ended it.
        by: TerminatedBy,
        /// Why, where somebody told.
        reason: Option<String>,
        /// When the channel said so, by its clock.
        reported_at: Option<Timestamp>,
    },
    /// It was not signed.
    Invalid {
        /// Why, for the merchant.
        reason: String,
    },
    /// An order that is to be paid by it is placed.
    DebitBegun {
        /// The order.
        order: Id<kinds::Order>,
    },
    /// That order is final.
    DebitEnded {
        /// The order.
        order: Id<kinds::Order>,
        /// Whether the channel is asked about the agreement: nothing follows from the debit alone.
        is_checked: bool,
    },
    /// The channel contradicted the agreement; that changed nothing and waits for the operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// When the channel is asked next; `None` when it is not.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel has told nothing clear for too long.
    Overdue {
        /// What it answered last.
        why: String,
    },
    /// An operator wants the channel asked now.
    PollRequested,
    /// An operator looked into what needed a person.
    Dismissed {
        /// What the operator noted.
        note: String,
    },
    /// Its secret was sealed under another master key.
    Resealed {
        /// The channel's number of it.
        reference: Sealed,
    },
}

impl AggregateChange for AgreementChange {
    fn name(&self) -> &'static str {
        match self {
            AgreementChange::Requested(_) => "requested",
            AgreementChange::CallBegun(_) => "call_begun",
            AgreementChange::CallEnded { .. } => "call_ended",
            AgreementChange::PageReceived { .. } => "page_received",
            AgreementChange::Signed { .. } => "signed",
            AgreementChange::ContractChanged { .. } => "contract_changed",
            AgreementChange::Paused { .. } => "paused",
            AgreementChange::Resumed { .. } => "resumed",
            AgreementChange::Terminating { .. } => "terminating",
            AgreementChange::Terminated { .. } => "terminated",
            AgreementChange::Invalid { .. } => "invalid",
            AgreementChange::DebitBegun { .. } => "debit_begun",
            AgreementChange::DebitEnded { .. } => "debit_ended",
            AgreementChange::MismatchRecorded { .. } => "mismatch_recorded",
            AgreementChange::Overdue { .. } => "overdue",
            AgreementChange::PollRequested => "poll_requested",
            AgreementChange::Dismissed { .. } => "dismissed",
            AgreementChange::Resealed { .. } => "resealed",
        }
    }

    fn drop_unlogged(&mut self) {
        if let AgreementChange::PageReceived { page, .. } = self {
            page.text = None;
        }
    }
}

/// The agreement after an event.
pub(super) fn evolve(
    before: Option<&Agreement>,
    event: &Event,
    change: &AgreementChange,
) -> Agreement {
    let mut row = match (change, before) {
        (AgreementChange::Requested(row), None) => return (**row).clone(),
        (_, Some(row)) => row.clone(),
        (_, None) => panic!("{} is changed before it is requested", event.subject),
    };
    row.version = event.sequence;
    end_call(&mut row, event);
    match change {
        AgreementChange::Requested(_) => panic!("{} is requested twice", event.subject),
        AgreementChange::CallBegun(call) => {
            // The previous call never reported back; count it as a poll.
            row.polls = row.polls.saturating_add(u32::from(row.in_flight.is_some()));
            row.in_flight = Some(*call);
            row.next_poll_at = Some(call.until);
        }
        AgreementChange::CallEnded { next_poll_at } => row.next_poll_at = *next_poll_at,
        AgreementChange::PageReceived { page, next_poll_at } => {
            row.state = AgreementState::Signing(Some(page.clone()));
            row.polls = 0;
            row.next_poll_at = *next_poll_at;
        }
        AgreementChange::Signed { contract, reported_at } => {
            let is_late = matches!(row.state, AgreementState::Invalid { .. });
            hold(&mut row, contract, *reported_at);
            become_state(&mut row, AgreementState::Signed);
            row.next_poll_at = contract.valid_until;
            if is_late {
                let why = "the payer signed after the signing page had expired or was refused";
                need_person(&mut row, AttentionKind::SignedLate, why, event.at);
            }
        }
        AgreementChange::ContractChanged { contract, reported_at, next_poll_at } => {
            hold(&mut row, contract, *reported_at);
            row.polls = 0;
            row.next_poll_at = *next_poll_at;
        }
        AgreementChange::Paused { reported_at } => {
            report(&mut row, *reported_at);
            become_state(&mut row, AgreementState::Paused);
            row.next_poll_at = valid_until(&row);
        }
        AgreementChange::Resumed { reported_at } => {
            report(&mut row, *reported_at);
            become_state(&mut row, AgreementState::Signed);
            row.next_poll_at = valid_until(&row);
        }
        AgreementChange::Terminating { reason } => {
            become_state(&mut row, AgreementState::Terminating { reason: reason.clone() });
            // A call that is under way ends first.
            row.next_poll_at = Some(row.in_flight.map_or(event.at, |call| call.until));
        }
        AgreementChange::Terminated { at, by, reason, reported_at } => {
            report(&mut row, *reported_at);
            let (at, by, reason) = (*at, *by, reason.clone());
            become_state(&mut row, AgreementState::Terminated { at, by, reason });
            row.next_poll_at = None;
        }
        AgreementChange::Invalid { reason } => {
            let (at, reason) = (event.at, reason.clone());
            become_state(&mut row, AgreementState::Invalid { at, reason });
            // The callback of a late signature may be lost: the channel is asked again after the end.
            row.next_poll_at = Some(event.at.plus_seconds(FINAL_POLL_SECONDS[0]));
        }
        AgreementChange::DebitBegun { order } => row.debiting = Some(*order),
        AgreementChange::DebitEnded { is_checked, .. } => {
            row.debiting = None;
            if *is_checked {
                row.polls = 0;
                row.next_poll_at = Some(event.at);
            }
        }
        AgreementChange::MismatchRecorded { why, next_poll_at } => {
            need_person(&mut row, AttentionKind::Contradiction, why, event.at);
            row.next_poll_at = *next_poll_at;
        }
        AgreementChange::Overdue { why } => {
            need_person(&mut row, AttentionKind::AgreementOverdue, why, event.at);
            row.next_poll_at = None;
        }
        AgreementChange::PollRequested => {
            row.polls = 0;
            row.attention = None;
            row.next_poll_at = Some(event.at);
        }
        AgreementChange::Dismissed { .. } => row.attention = None,
        AgreementChange::Resealed { reference } => {
            if let Some(contract) = &mut row.contract {
                contract.reference = reference.clone();
            }
        }
    }
    row
}

fn hold(row: &mut Agreement, contract: &Contract, reported_at: Option<Timestamp>) {
    row.contract = Some(contract.clone());
    report(row, reported_at);
}

/// The newest report counts.
fn report(row: &mut Agreement, reported_at: Option<Timestamp>) {
    row.reported_at = row.reported_at.max(reported_at);
}

fn valid_until(row: &Agreement) -> Option<Timestamp> {
    row.contract.as_ref().and_then(|contract| contract.valid_until)
}

fn need_person(row: &mut Agreement, kind: AttentionKind, why: &str, since: Timestamp) {
    row.attention = Some(Attention { kind, reason: Arc::from(why), since });
}

/// The end of a call frees the agreement when it is the call that had it, and counts as a poll.
fn end_call(row: &mut Agreement, event: &Event) {
    let operation = event.call.as_ref().and_then(|call| call.operation);
    if row.in_flight.is_some_and(|call| Some(call.operation) == operation) {
        row.in_flight = None;
        row.polls = row.polls.saturating_add(1);
    }
}

fn become_state(row: &mut Agreement, next: AgreementState) {
    assert!(
        row.state.may_become(&next),
        "agreement {} may not go from {} to {}",
        row.terms.id,
        row.state.name(),
        next.name()
    );
    row.state = next;
    row.polls = 0;
    row.attention = None;
}
