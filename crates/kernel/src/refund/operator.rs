//! What an operator decides about a refund.

use super::decide::{Moved, begin, final_poll, moves, requesting};
use super::{Refund, RefundChange, RefundRefusal, RefundState, payable, suspense};
use crate::aggregate::{Key, Reads};
use crate::approval::{Manual, ManualCommand, ManualRoot};
use crate::channel_no::ATTEMPTS_MAX;
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::order::{CALL_MAX_MS, Order};
use crate::standing::Exit;
use ledger::{Fen, Id, kinds};

/// What an operator requests of a refund; it is made where money cannot be taken. A repeat of what was
/// decided already answers the same and moves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecideRefund {
    /// The owner.
    pub tenant: TenantId,
    /// The refund.
    pub refund: Id<kinds::Refund>,
    /// The order that it belongs to; the root of its story.
    pub order: Id<kinds::Order>,
    /// What is decided.
    pub decision: RefundDecision,
}

/// How a refund goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundDecision {
    /// Poll it now; one that the channel refused is requested again, with the same number.
    RetryNow,
    /// Request it under a new number: the channel has closed or refused the one before.
    RetryUnderNewNumber,
    /// Somebody gave the money back outside the channel's interface.
    SettleByHand {
        /// Why, for people.
        note: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
    },
    /// The money is not given back. Of a refund that is done: what contradicted was looked into.
    WriteOff {
        /// Why, for people.
        note: String,
    },
}

impl DecideRefund {
    pub(super) const fn name(&self) -> &'static str {
        match self.decision {
            RefundDecision::RetryNow => "retry_refund",
            RefundDecision::RetryUnderNewNumber => "retry_refund_under_new_number",
            RefundDecision::SettleByHand { .. } => "settle_refund_by_hand",
            RefundDecision::WriteOff { .. } => "write_refund_off",
        }
    }

    pub(super) fn reads(&self, reads: &mut Reads) {
        let tenant = &self.tenant;
        reads.refunds.push((tenant.clone(), Key::Id(self.refund)));
        reads.orders.push((tenant.clone(), Key::Id(self.order)));
        reads.balances.push((tenant.clone(), suspense(tenant)));
        reads.balances.push((tenant.clone(), payable(tenant)));
    }

    pub(super) fn manual(&self) -> Option<Manual> {
        let (order, refund) = (self.order, self.refund);
        let command = match self.decision.clone() {
            RefundDecision::SettleByHand { note, outside_reference } => {
                ManualCommand::SettleRefundByHand { order, refund, note, outside_reference }
            }
            RefundDecision::WriteOff { note } => {
                ManualCommand::WriteRefundOff { order, refund, note }
            }
            // The channel moves the money, and it knows the numbers.
            RefundDecision::RetryNow | RefundDecision::RetryUnderNewNumber => return None,
        };
        Some(Manual { root: ManualRoot::Order(Key::Id(order)), command })
    }
}

/// The commands that can end what a refund needs a person for.
pub(super) fn exits(refund: &Refund) -> Vec<Exit> {
    match &refund.state {
        _ if refund.attention.is_none() => vec![],
        _ if refund.paid_twice() != Fen::ZERO => vec![Exit::SettleByHand, Exit::EndContradiction],
        _ if !refund.holds() => vec![Exit::EndContradiction],
        RefundState::Preparing { .. } | RefundState::Requesting | RefundState::Processing => {
            vec![Exit::Retry, Exit::SettleByHand, Exit::WriteOff]
        }
        RefundState::Failed { .. } if refund.attempt < ATTEMPTS_MAX => {
            vec![Exit::Retry, Exit::RetryUnderNewNumber, Exit::SettleByHand, Exit::WriteOff]
        }
        RefundState::Failed { .. } => vec![Exit::Retry, Exit::SettleByHand, Exit::WriteOff],
        RefundState::Done { .. }
        | RefundState::SettledByHand { .. }
        | RefundState::WrittenOff { .. } => vec![Exit::EndContradiction],
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    command: &DecideRefund,
) -> Result<Reply, RefundRefusal> {
    match &command.decision {
        RefundDecision::RetryNow => retry_now(deciding, refund, order)?,
        RefundDecision::RetryUnderNewNumber => retry_under_new_number(deciding, refund, order)?,
        RefundDecision::SettleByHand { note, outside_reference } => {
            settle_by_hand(deciding, refund, order, note, outside_reference)?;
        }
        RefundDecision::WriteOff { note } => write_off(deciding, refund, order, note)?,
    }
    Ok(Reply::about(refund.id.subject()))
}

fn retry_now(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
) -> Result<(), RefundRefusal> {
    let now = deciding.now();
    match &refund.state {
        RefundState::Preparing { .. } | RefundState::Requesting | RefundState::Processing => {
            let is_due = refund.next_poll_at.is_some_and(|poll| poll <= now);
            if !is_due {
                deciding.record(refund, RefundChange::PollRequested);
            }
            Ok(())
        }
        // A merchant has been told, and requests it again itself.
        RefundState::Failed { .. } if !refund.holds() => Err(state(refund)),
        RefundState::Failed { .. } => {
            let next_poll_at = Some(now.plus_ms(CALL_MAX_MS));
            let moved = Moved { state: RefundState::Requesting, next_poll_at, need: None };
            moves(deciding, refund, order, moved);
            begin(deciding, refund, order, requesting(refund, order));
            Ok(())
        }
        RefundState::Done { .. }
        | RefundState::SettledByHand { .. }
        | RefundState::WrittenOff { .. } => Err(state(refund)),
    }
}

/// A second number only after the first is known to have failed: the refund must have.
fn retry_under_new_number(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
) -> Result<(), RefundRefusal> {
    match &refund.state {
        RefundState::Failed { .. } if refund.holds() && refund.attempt < ATTEMPTS_MAX => {
            let attempt = refund.attempt + 1;
            let next_poll_at = deciding.now().plus_ms(CALL_MAX_MS);
            deciding.record(refund, RefundChange::NumberRenewed { attempt, next_poll_at });
            let renewed = Refund { attempt, ..refund.clone() };
            begin(deciding, refund, order, requesting(&renewed, order));
            Ok(())
        }
        RefundState::Requesting | RefundState::Processing if refund.attempt > 1 => Ok(()),
        RefundState::Preparing { .. }
        | RefundState::Requesting
        | RefundState::Processing
        | RefundState::Failed { .. }
        | RefundState::Done { .. }
        | RefundState::SettledByHand { .. }
        | RefundState::WrittenOff { .. } => Err(state(refund)),
    }
}

fn settle_by_hand(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    note: &str,
    outside_reference: &str,
) -> Result<(), RefundRefusal> {
    if let RefundState::SettledByHand { note: known, outside_reference: reference, .. } =
        &refund.state
        && known == note
        && reference == outside_reference
    {
        return Ok(());
    }
    if refund.paid_twice() != Fen::ZERO && refund.attention.is_some() {
        let (note, outside_reference) = (note.to_owned(), outside_reference.to_owned());
        super::money::bring_back(deciding, refund);
        deciding.record(refund, RefundChange::PaidBack { note, outside_reference });
        return Ok(());
    }
    let is_back = refund.second_payouts.iter().any(|payout| payout.is_back);
    if is_back && refund.attention.is_none() && refund.dismissal.as_deref() == Some(note) {
        return Ok(());
    }
    check_ends(refund)?;
    let (note, outside_reference) = (note.to_owned(), outside_reference.to_owned());
    let state = RefundState::SettledByHand { at: deciding.now(), outside_reference, note };
    moves(deciding, refund, order, Moved { state, next_poll_at: None, need: None });
    Ok(())
}

fn write_off(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    note: &str,
) -> Result<(), RefundRefusal> {
    match &refund.state {
        _ if refund.holds() => {}
        // Before the note is compared: what was written off may have been contradicted since.
        _ if refund.attention.is_some() => {
            deciding.record(refund, RefundChange::AttentionEnded { note: note.to_owned() });
            return Ok(());
        }
        RefundState::WrittenOff { note: known, .. } if known == note => return Ok(()),
        _ if refund.dismissal.as_deref() == Some(note) => return Ok(()),
        _ => {}
    }
    check_ends(refund)?;
    let now = deciding.now();
    let state = RefundState::WrittenOff { at: now, note: note.to_owned() };
    // A merchant has its money again; the channel may give it back nevertheless.
    let next_poll_at = refund.request.as_ref().and_then(|_| final_poll(now, now));
    moves(deciding, refund, order, Moved { state, next_poll_at, need: None });
    Ok(())
}

/// A refund that is on its way and needs nobody must not be ended by hand: the payer would get the money
/// twice.
fn check_ends(refund: &Refund) -> Result<(), RefundRefusal> {
    match refund.holds() {
        false => Err(state(refund)),
        true if refund.attention.is_none() => Err(RefundRefusal::NoAttention),
        true => Ok(()),
    }
}

fn state(refund: &Refund) -> RefundRefusal {
    RefundRefusal::State { state: refund.state.name() }
}
