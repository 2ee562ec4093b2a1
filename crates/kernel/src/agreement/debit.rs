//! Which orders an agreement may pay, one at a time. The local checks only save a call: the channel's word
//! decides.

use super::{Agreement, AgreementChange, AgreementState};
use crate::deciding::Deciding;
use crate::order::PlaceOrder;
use channel::Scene;
use ledger::{Fen, Id, Timestamp, kinds};

/// How long before its planned day a debit may come, in seconds: channels have said three days and five.
const PERIOD_EARLY_SECONDS: i64 = 5 * 24 * 3600;

/// Why an agreement does not pay an order, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DebitFault {
    /// An order that is paid by agreement names none.
    #[error("the agreement is missing")]
    Missing,
    /// Another order names one.
    #[error("no agreement pays here")]
    NotTaken,
    /// There is no such agreement.
    #[error("no such agreement")]
    NotFound,
    /// It was signed for another merchant.
    #[error("the agreement belongs to another merchant")]
    OtherMerchant,
    /// It was signed at another channel, or for another account there.
    #[error("the agreement was signed at another channel or account")]
    OtherChannel,
    /// It does not allow such debits.
    #[error("the agreement is for payments that the payer confirms")]
    Scene,
    /// It is not in force.
    #[error("the agreement is {state}")]
    NotSigned {
        /// The state.
        state: &'static str,
    },
    /// It allows less.
    #[error("the agreement allows {max} at once")]
    Amount {
        /// The limit.
        max: Fen,
    },
    /// Its time has not come.
    #[error("the next debit by the agreement is planned for a later time")]
    Period {
        /// The earliest time.
        from: Timestamp,
    },
    /// Another order is being debited.
    #[error("order {order} is being debited: the next debit waits for its end")]
    Debiting {
        /// That order.
        order: Id<kinds::Order>,
    },
}

/// The agreement that pays a new order; `None` where none does.
pub(crate) fn check_debit(
    deciding: &Deciding<'_>,
    place: &PlaceOrder,
    is_wanted: bool,
    channel_account: (&str, &str),
) -> Result<Option<Agreement>, DebitFault> {
    let key = match (&place.agreement, is_wanted) {
        (Some(key), true) => key,
        (None, false) => return Ok(None),
        (None, true) => return Err(DebitFault::Missing),
        (Some(_), false) => return Err(DebitFault::NotTaken),
    };
    let row = deciding.view().agreements.find(&place.tenant, key);
    let row = row.ok_or(DebitFault::NotFound)?;
    check(row, place, channel_account, deciding.now())?;
    Ok(Some(row.clone()))
}

fn check(
    row: &Agreement,
    place: &PlaceOrder,
    channel_account: (&str, &str),
    now: Timestamp,
) -> Result<(), DebitFault> {
    let (terms, request) = (&row.terms, &row.terms.request);
    if request.merchant != place.request.merchant {
        return Err(DebitFault::OtherMerchant);
    }
    if (&*terms.channel_account, &*terms.channel_identity) != channel_account {
        return Err(DebitFault::OtherChannel);
    }
    // Who need not be there may be there.
    if place.request.scene == Scene::Authorize && request.scene != Scene::Authorize {
        return Err(DebitFault::Scene);
    }
    if row.state != AgreementState::Signed {
        return Err(DebitFault::NotSigned { state: row.state.name() });
    }
    let max = request.period.as_ref().map(|period| period.single_amount);
    if let Some(max) = max.filter(|max| place.request.amount > *max) {
        return Err(DebitFault::Amount { max });
    }
    if let Some(from) = earliest_debit(row).filter(|from| now < *from) {
        return Err(DebitFault::Period { from });
    }
    match row.debiting {
        Some(order) => Err(DebitFault::Debiting { order }),
        None => Ok(()),
    }
}

/// When the next debit may come, where that is known.
fn earliest_debit(row: &Agreement) -> Option<Timestamp> {
    let planned = row.contract.as_ref().and_then(|contract| contract.next_debit_at)?;
    Some(planned.plus_seconds(-PERIOD_EARLY_SECONDS))
}

/// The agreement has this order to debit, in the decision that places it.
pub(crate) fn begin_debit(deciding: &mut Deciding<'_>, row: &Agreement, order: Id<kinds::Order>) {
    deciding.record(row, AgreementChange::DebitBegun { order });
}

/// The order is final, and the next one may come. After a debit that failed the channel is asked about the
/// agreement: a payer may have ended it. After one of a periodic agreement it is asked when the next is due.
pub(crate) fn end_debit(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    order: Id<kinds::Order>,
    is_checked: bool,
) {
    if row.debiting == Some(order) {
        let is_checked = is_checked || row.terms.request.period.is_some();
        deciding.record(row, AgreementChange::DebitEnded { order, is_checked });
    }
}
