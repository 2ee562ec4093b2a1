//! Orders that are paid by agreement (快捷, 免密): the call that places one debits its payer.
//!
//! Unlike a payer's code, a debit may be repeated under its number: the channel debits once. So while its
//! outcome is unknown it is queried, and placed again where the channel knows nothing of it. What was
//! accepted, or may have been, ends only by the channel's word: where the channel can cancel a debit, its
//! expiry and its merchant's close do that; elsewhere it is queried until it is clear.

use super::by_code;
use super::finding::{Transition, end};
use super::{Order, OrderState};
use crate::agreement::{self, Agreement, AgreementState};
use crate::deciding::Deciding;
use channel::{AgreementReference, DebitAgreement, Finding, Operation, Unproven};
use ledger::{Id, Timestamp, kinds};

/// How long after its time was up a channel that cannot cancel a debit may not know it, although it has
/// accepted it, in seconds: WeChat Pay has said so for hours.
pub(super) const DEBIT_LAG_SECONDS: i64 = 24 * 3600;

/// How an order is debited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debit {
    /// The agreement that pays it.
    pub agreement: Id<kinds::Agreement>,
    /// Whether the channel can cancel a debit whose outcome is in doubt.
    pub is_cancellable: bool,
}

impl Debit {
    /// The agreement, named by its id: the channel's number of it is put in right before the call.
    pub(super) fn named(self) -> DebitAgreement {
        DebitAgreement {
            channel_agreement_no: self.agreement.to_string(),
            agreement_reference: AgreementReference::new(String::new()),
            template: None,
        }
    }
}

/// Whether an agreement pays the order.
pub(super) fn is_debit(order: &Order) -> bool {
    order.terms.debit.is_some()
}

/// Whether the order ends by a cancel, where its outcome is in doubt: that of a debit, or of a payer's code.
pub(super) fn is_cancellable(order: &Order) -> bool {
    by_code::is_by_code(order) || order.terms.debit.is_some_and(|debit| debit.is_cancellable)
}

/// Whether an agreement pays the order, and the channel cannot take a debit back.
pub(super) fn is_uncancellable(order: &Order) -> bool {
    order.terms.debit.is_some_and(|debit| !debit.is_cancellable)
}

/// What a finding does to an order that is paid by agreement; `None` where that is the same as for others.
pub(super) fn transition<'a>(
    order: &Order,
    finding: &'a Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Option<Transition<'a>> {
    match (&order.state, asked, finding) {
        // A refusal ends what was never sent before. Else an earlier call may have debited: what was accepted
        // is queried on its schedule.
        (OrderState::Init, Some(Operation::Place), Finding::Refused { code, text })
            if order.version > 1 =>
        {
            Some(match order.is_confirmed {
                true => Transition::Nothing,
                false => Transition::QueryBeforeClosing(format!("{code}: {text}")),
            })
        }
        // The number is taken: a query on the schedule says by what. One at once, to which the channel knows
        // nothing, would place it again at once, and so on.
        (OrderState::Init, Some(Operation::Place), Finding::Ask { .. }) => {
            Some(Transition::Nothing)
        }
        (OrderState::Init, Some(Operation::Query), Finding::NotFound)
            if may_place_again(order, now) =>
        {
            Some(Transition::PlaceAgain)
        }
        (OrderState::Closing(_), Some(Operation::Query), _)
            if is_uncancellable(order) && is_not_found(finding) =>
        {
            Some(not_found(order, finding, now))
        }
        _ => None,
    }
}

/// Whether what the channel does not know is placed once more. That it had confirmed it is a contradiction,
/// except of a channel that forgets for hours what it has accepted.
fn may_place_again(order: &Order, now: Timestamp) -> bool {
    !order.is_overdue(now)
        && order.contested.is_none()
        && (!order.is_confirmed || is_uncancellable(order))
}

/// The channel, which cannot cancel it, does not know a debit that is to end. What it had accepted may still
/// come: a person decides then. Else its last call came before its time was up.
fn not_found<'a>(order: &Order, finding: &Finding, now: Timestamp) -> Transition<'a> {
    let lag_ends_at = order.terms.expires_at.plus_seconds(DEBIT_LAG_SECONDS);
    match finding {
        Finding::NotFound if !order.is_confirmed && now >= lag_ends_at => {
            end(order, now, "unknown at the channel")
        }
        _ => Transition::Nothing,
    }
}

const fn is_not_found(finding: &Finding) -> bool {
    matches!(finding, Finding::NotFound | Finding::Unproven(Unproven::NotFound { .. }))
}

/// Why the agreement pays nothing more, if it does not.
pub(super) fn blocked(deciding: &Deciding<'_>, order: &Order) -> Option<String> {
    let debit = order.terms.debit?;
    let row = deciding.row::<Agreement>(&order.terms.tenant, debit.agreement)?;
    let is_signed = row.state == AgreementState::Signed;
    (!is_signed).then(|| format!("the agreement is {}", row.state.name()))
}

/// The order is final: the agreement may pay another one.
pub(super) fn ended(deciding: &mut Deciding<'_>, order: &Order, is_paid: bool) {
    let Some(debit) = order.terms.debit else { return };
    if let Some(row) = deciding.row::<Agreement>(&order.terms.tenant, debit.agreement) {
        agreement::end_debit(deciding, &row, order.terms.id, !is_paid);
    }
}
