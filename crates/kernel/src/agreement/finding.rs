//! What a channel's answer or callback means for an agreement.
//!
//! A callback is a reason to query; the answer to a query decides. What the channel said of a time before
//! the newest that is known changes nothing, for callbacks overtake each other.

use super::decide::{begin, query_instruction};
use super::polls::{NextPoll, next_poll};
use super::{Agreement, AgreementChange, AgreementState, Contract};
use crate::aggregate::About;
use crate::deciding::Deciding;
use crate::notification::{self, NotificationKind, Notified};
use crate::order::KnownPayInfo;
use crate::standing::Sealed;
use channel::{AgreementFound, AgreementStatus, Finding, Operation, TerminatedBy, Unproven};
use ledger::{Timestamp, kinds};

/// How long after a signature the channel may not know the agreement yet, in seconds: its state may lag.
const CHANNEL_LAG_SECONDS: i64 = 300;
/// The reason that the merchant of an agreement sees that nobody signed.
const NOT_SIGNED: &str = "not signed in time";

/// Records a finding about an agreement.
pub(super) fn record(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    about: &About<'_, kinds::Agreement>,
    finding: &Finding,
) {
    if let Some(why) = differs(row, about) {
        return contradict(deciding, row, finding, why);
    }
    let asked = deciding.asked();
    match finding {
        Finding::Placed(page) => match row.state {
            AgreementState::Signing(_) => page_received(deciding, row, page.clone().into()),
            AgreementState::Signed
            | AgreementState::Paused
            | AgreementState::Terminating { .. }
            | AgreementState::Terminated { .. }
            | AgreementState::Invalid { .. } => nothing(deciding, row, finding),
        },
        Finding::Agreement(found) => found_as(deciding, row, finding, found, asked),
        Finding::NotFound => not_found(deciding, row, finding, asked),
        Finding::Refused { code, text } => {
            refused(deciding, row, finding, format!("{code}: {text}"), asked);
        }
        // What was never sent before is refused; else it is queried on its schedule.
        Finding::Unproven(Unproven::Refused { code, text }) if row.version == 1 => {
            refused(deciding, row, finding, format!("{code}: {text}"), asked);
        }
        Finding::Mismatch { why } => contradict(deciding, row, finding, why.clone()),
        Finding::Ask { .. } => query(deciding, row),
        Finding::Unproven(_)
        | Finding::Pending
        | Finding::Later { .. }
        | Finding::AccountFault { .. }
        | Finding::Unknown { .. } => nothing(deciding, row, finding),
        Finding::Paid(_)
        | Finding::Closed
        | Finding::Cancelled
        | Finding::Reversed(_)
        | Finding::Failed { .. }
        | Finding::Unfunded { .. }
        | Finding::Refund(_)
        | Finding::Receiver
        | Finding::Share(_)
        | Finding::Unshared { .. }
        | Finding::ShareReturn(_)
        | Finding::Keys(_)
        | Finding::BillFile(_)
        | Finding::Bill(_)
        | Finding::Contested { .. } => {
            let why = format!("{} is not an answer about an agreement", finding.name());
            contradict(deciding, row, finding, why);
        }
    }
}

/// How the account through which a finding came differs from the agreement's, if it does.
fn differs(row: &Agreement, about: &About<'_, kinds::Agreement>) -> Option<String> {
    let terms = &row.terms;
    if *terms.channel_account != *about.channel_account {
        let (account, expected) = (about.channel_account, &terms.channel_account);
        return Some(format!("channel account {account} reported it, want {expected}"));
    }
    (*terms.channel_identity != *about.channel_identity).then(|| {
        let (account, is) = (about.channel_account, about.channel_identity);
        format!("channel account {account} is now {is}, want {}", terms.channel_identity)
    })
}

fn page_received(deciding: &mut Deciding<'_>, row: &Agreement, page: KnownPayInfo) {
    let first = row.clone();
    let first = Agreement { polls: 0, ..first };
    let next_poll_at = match next_poll(&first, &Finding::Pending, deciding.now()) {
        NextPoll::At(at) => at,
        NextPoll::Overdue => None,
    };
    deciding.record(row, AgreementChange::PageReceived { page, next_poll_at });
}

/// The channel has described it.
fn found_as(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    finding: &Finding,
    found: &AgreementFound,
    asked: Option<Operation>,
) {
    if found.channel_agreement_no != row.terms.channel_agreement_no {
        let why = format!(
            "the channel described {}, want {}",
            found.channel_agreement_no, row.terms.channel_agreement_no
        );
        return contradict(deciding, row, finding, why);
    }
    let is_old = found.reported_at.is_some_and(|at| row.reported_at.is_some_and(|own| at < own));
    match asked {
        None if is_old || !is_news(row, found) => nothing(deciding, row, finding),
        None => query(deciding, row),
        Some(_) => apply(deciding, row, finding, found),
    }
}

/// Whether a callback tells anything that a query may confirm.
fn is_news(row: &Agreement, found: &AgreementFound) -> bool {
    match (&row.state, found.status) {
        (_, AgreementStatus::Signing) => false,
        (AgreementState::Signed, AgreementStatus::Signed)
        | (AgreementState::Paused, AgreementStatus::Paused)
        | (AgreementState::Terminated { .. }, AgreementStatus::Terminated) => false,
        (
            AgreementState::Signing(_)
            | AgreementState::Signed
            | AgreementState::Paused
            | AgreementState::Terminating { .. }
            | AgreementState::Terminated { .. }
            | AgreementState::Invalid { .. },
            AgreementStatus::Signed | AgreementStatus::Paused | AgreementStatus::Terminated,
        ) => true,
    }
}

/// What was asked for is believed.
fn apply(deciding: &mut Deciding<'_>, row: &Agreement, finding: &Finding, found: &AgreementFound) {
    match (&row.state, found.status) {
        (AgreementState::Terminated { .. }, AgreementStatus::Signed | AgreementStatus::Paused) => {
            let why = "the channel says that the agreement stands, which had ended".to_owned();
            contradict(deciding, row, finding, why);
        }
        (AgreementState::Terminated { .. }, _) => nothing(deciding, row, finding),
        (AgreementState::Signing(_), AgreementStatus::Signing) => {
            not_signed(deciding, row, finding)
        }
        (_, AgreementStatus::Signing) => nothing(deciding, row, finding),
        (
            AgreementState::Signing(_) | AgreementState::Invalid { .. },
            AgreementStatus::Terminated,
        ) if found.agreement_reference.is_none() && row.contract.is_none() => {
            not_signed(deciding, row, finding);
        }
        (_, AgreementStatus::Terminated) => terminated(deciding, row, found),
        (_, AgreementStatus::Signed | AgreementStatus::Paused) => {
            stands(deciding, row, finding, found);
        }
    }
}

/// The channel says that it stands, in force or paused.
fn stands(deciding: &mut Deciding<'_>, row: &Agreement, finding: &Finding, found: &AgreementFound) {
    let Some(contract) = contract(row, found, deciding.now()) else {
        return nothing(deciding, row, finding);
    };
    let known = row.contract.as_ref();
    if known.is_some_and(|known| known.reference != contract.reference) {
        let why = "the channel names another contract for the agreement".to_owned();
        return contradict(deciding, row, finding, why);
    }
    let reported_at = found.reported_at;
    let is_paused = found.status == AgreementStatus::Paused;
    match &row.state {
        AgreementState::Signing(_) | AgreementState::Invalid { .. } => {
            deciding.record(row, AgreementChange::Signed { contract, reported_at });
            notify(deciding, row, NotificationKind::AgreementSign);
            if is_paused {
                deciding.record(row, AgreementChange::Paused { reported_at });
            }
        }
        AgreementState::Signed if is_paused => {
            deciding.record(row, AgreementChange::Paused { reported_at });
        }
        AgreementState::Paused if !is_paused => {
            deciding.record(row, AgreementChange::Resumed { reported_at });
        }
        AgreementState::Signed | AgreementState::Paused if known != Some(&contract) => {
            let next_poll_at = contract.valid_until.filter(|until| *until > deciding.now());
            let change = AgreementChange::ContractChanged { contract, reported_at, next_poll_at };
            deciding.record(row, change);
        }
        AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminating { .. }
        | AgreementState::Terminated { .. } => nothing(deciding, row, finding),
    }
}

/// What was signed; `None` where the channel does not name it. What it leaves out stays as it is known.
fn contract(row: &Agreement, found: &AgreementFound, now: Timestamp) -> Option<Contract> {
    let known = row.contract.as_ref();
    let reference = match &found.agreement_reference {
        Some(reference) => Sealed::new(reference.expose()),
        None => known?.reference.clone(),
    };
    let signed_at = found.signed_at.or(known.map(|known| known.signed_at)).unwrap_or(now);
    let next_debit_at = found.next_debit_at.or(known.and_then(|known| known.next_debit_at));
    let payer_account = found.payer_account.clone();
    Some(Contract {
        reference,
        signed_at,
        valid_from: found.valid_from.or(known.and_then(|known| known.valid_from)),
        valid_until: found.valid_until.or(known.and_then(|known| known.valid_until)),
        next_debit_at,
        payer_account: payer_account.or(known.and_then(|known| known.payer_account.clone())),
    })
}

fn terminated(deciding: &mut Deciding<'_>, row: &Agreement, found: &AgreementFound) {
    let asked_reason = match &row.state {
        AgreementState::Terminating { reason } => Some(reason.clone()),
        AgreementState::Signing(_)
        | AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminated { .. }
        | AgreementState::Invalid { .. } => None,
    };
    let by = match (found.terminated_by, &asked_reason) {
        (Some(by), _) => by,
        (None, Some(_)) => TerminatedBy::MerchantApi,
        (None, None) => TerminatedBy::User,
    };
    let at = found.terminated_at.unwrap_or(deciding.now());
    let reason = asked_reason.or_else(|| found.termination_reason.clone());
    let reported_at = found.reported_at;
    if row.contract.is_none()
        && let Some(contract) = contract(row, found, deciding.now())
    {
        // It was signed and ended before anybody looked.
        deciding.record(row, AgreementChange::Signed { contract, reported_at });
        notify(deciding, row, NotificationKind::AgreementSign);
    }
    deciding.record(row, AgreementChange::Terminated { at, by, reason, reported_at });
    notify_ended(deciding, row);
}

/// The payer has not signed. That is the end once the signing page has expired.
fn not_signed(deciding: &mut Deciding<'_>, row: &Agreement, finding: &Finding) {
    match row.state {
        AgreementState::Signing(_) if row.is_page_over(deciding.now()) => {
            let reason = NOT_SIGNED.to_owned();
            deciding.record(row, AgreementChange::Invalid { reason });
        }
        _ => nothing(deciding, row, finding),
    }
}

/// The channel knows no such agreement: it was not signed, or has ended.
fn not_found(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    finding: &Finding,
    asked: Option<Operation>,
) {
    let now = deciding.now();
    let signed_at = row.contract.as_ref().map(|contract| contract.signed_at);
    let may_lag = signed_at.is_some_and(|at| now < at.plus_seconds(CHANNEL_LAG_SECONDS));
    match (&row.state, asked) {
        (AgreementState::Signing(_), Some(Operation::QueryAgreement)) => {
            not_signed(deciding, row, finding);
        }
        // The refusal of an end does not prove it: a query tells.
        (AgreementState::Terminating { .. }, Some(Operation::TerminateAgreement)) => {
            query(deciding, row);
        }
        (
            AgreementState::Signed | AgreementState::Paused | AgreementState::Terminating { .. },
            Some(Operation::QueryAgreement),
        ) if !may_lag => {
            let (by, at) = (ended_by(row, now), now);
            let reason = match &row.state {
                AgreementState::Terminating { reason } => Some(reason.clone()),
                _ => None,
            };
            let change = AgreementChange::Terminated { at, by, reason, reported_at: None };
            deciding.record(row, change);
            notify_ended(deciding, row);
        }
        _ => nothing(deciding, row, finding),
    }
}

/// Who ended what the channel does not know any more.
fn ended_by(row: &Agreement, now: Timestamp) -> TerminatedBy {
    let until = row.contract.as_ref().and_then(|contract| contract.valid_until);
    match &row.state {
        AgreementState::Terminating { .. } => TerminatedBy::MerchantApi,
        _ if until.is_some_and(|until| until <= now) => TerminatedBy::Expired,
        _ => TerminatedBy::User,
    }
}

/// A call was refused. It says something about that call alone.
fn refused(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    finding: &Finding,
    reason: String,
    asked: Option<Operation>,
) {
    match (&row.state, asked) {
        (AgreementState::Signing(None), Some(Operation::SignAgreement)) => {
            deciding.record(row, AgreementChange::Invalid { reason });
        }
        (AgreementState::Terminating { .. }, Some(Operation::TerminateAgreement)) => {
            query(deciding, row);
        }
        _ => nothing(deciding, row, finding),
    }
}

/// Asks the channel at once, unless a call is under way: then as soon as that has ended.
fn query(deciding: &mut Deciding<'_>, row: &Agreement) {
    let now = deciding.now();
    let asked = deciding.asked();
    let is_other_call = row.in_flight.is_some_and(|call| Some(call.operation) != asked);
    if is_other_call && row.is_in_flight(now) {
        return deciding.record(row, AgreementChange::CallEnded { next_poll_at: Some(now) });
    }
    deciding.record(row, AgreementChange::CallEnded { next_poll_at: None });
    begin(deciding, row, query_instruction(row));
}

/// Nothing new.
fn nothing(deciding: &mut Deciding<'_>, row: &Agreement, finding: &Finding) {
    // A callback does not postpone what is still to come.
    if deciding.asked().is_none() {
        let next_poll_at = row.next_poll_at;
        return deciding.record(row, AgreementChange::CallEnded { next_poll_at });
    }
    // A callback came while the call was under way: what it told is asked for now.
    let until = row.in_flight.map(|call| call.until);
    if until.is_some_and(|until| row.next_poll_at.is_some_and(|poll| poll < until)) {
        return query(deciding, row);
    }
    match next_poll(row, finding, deciding.now()) {
        NextPoll::At(next_poll_at) => {
            deciding.record(row, AgreementChange::CallEnded { next_poll_at });
        }
        NextPoll::Overdue => {
            let why = format!("the channel tells nothing clear: {}", finding.describe());
            deciding.record(row, AgreementChange::Overdue { why });
        }
    }
}

/// The channel contradicts what is known. What is known already raises nothing anew.
fn contradict(deciding: &mut Deciding<'_>, row: &Agreement, finding: &Finding, why: String) {
    let known = row.attention.as_ref().map(|attention| &*attention.reason);
    if known == Some(&*why) {
        return nothing(deciding, row, finding);
    }
    let next_poll_at = match deciding.asked() {
        None => row.next_poll_at,
        Some(_) => match next_poll(row, finding, deciding.now()) {
            NextPoll::At(at) => at,
            NextPoll::Overdue => None,
        },
    };
    deciding.record(row, AgreementChange::MismatchRecorded { why, next_poll_at });
}

/// Tells the merchant that it has ended.
pub(super) fn notify_ended(deciding: &mut Deciding<'_>, row: &Agreement) {
    notify(deciding, row, NotificationKind::AgreementTerminate);
}

fn notify(deciding: &mut Deciding<'_>, row: &Agreement, kind: NotificationKind) {
    let request = &row.terms.request;
    if let Some(url) = &request.notify_url {
        let (about_no, dialect) = (&*request.number, &request.dialect);
        notification::queue(deciding, row, Notified { kind, about_no, dialect, url });
    }
}
