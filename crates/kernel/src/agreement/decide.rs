//! What the merchant, operators and the clock want of an agreement.

use super::{
    Agreement, AgreementChange, AgreementRefusal, AgreementRequest, AgreementState, AgreementTerms,
    PAGE_LIFE_SECONDS, PAGE_LIFE_SECONDS_MAX,
};
use crate::aggregate::{AggregateCommand, Key, NaturalKey, Reads};
use crate::channel_no::channel_no;
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::{Route, TenantId};
use crate::order::{CALL_MAX_MS, InFlightCall};
use crate::standing::{AttentionKind, Sealed};
use channel::{Instruction, Operation, PlacedAgreement, TerminatedBy};
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

const SECONDS_PER_DAY: i64 = 24 * 3600;
/// The reason that a merchant sees of an agreement that an operator took as not signed.
const ENDED_BY_HAND: &str = "ended by an operator";

/// What can be requested of an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgreementCommand {
    /// Have it signed, or show the signing page again.
    Sign(Box<SignAgreement>),
    /// End it. A repeat changes nothing.
    Terminate {
        /// The owner.
        tenant: TenantId,
        /// The agreement.
        agreement: Key<kinds::Agreement>,
        /// Why, for the payer.
        reason: String,
    },
    /// By an operator: ask the channel now, and begin its schedule anew.
    PollNow {
        /// The owner.
        tenant: TenantId,
        /// The agreement.
        agreement: Id<kinds::Agreement>,
    },
    /// By an operator: what needed a person was looked into. An agreement of which the channel tells
    /// nothing clear is taken as ended.
    Dismiss {
        /// The owner.
        tenant: TenantId,
        /// The agreement.
        agreement: Id<kinds::Agreement>,
        /// Why, for people.
        note: String,
    },
    /// Keep its secret as it is sealed now, under another master key.
    Reseal {
        /// The owner.
        tenant: TenantId,
        /// The agreement.
        agreement: Id<kinds::Agreement>,
        /// The channel's number of it.
        reference: Sealed,
    },
}

/// An agreement to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignAgreement {
    /// The owner.
    pub tenant: TenantId,
    /// The channel's name.
    pub channel: String,
    /// What the caller requests.
    pub request: Arc<AgreementRequest>,
    /// From when on it must not be signed; `None` for the default of 30 minutes.
    pub page_expires_at: Option<Timestamp>,
}

impl SignAgreement {
    fn key(&self) -> Key<kinds::Agreement> {
        let (namespace, number) = (self.request.namespace.clone(), self.request.number.clone());
        Key::Number(NaturalKey { namespace, number })
    }
}

impl AgreementCommand {
    fn key(&self) -> Key<kinds::Agreement> {
        match self {
            AgreementCommand::Sign(sign) => sign.key(),
            AgreementCommand::Terminate { agreement, .. } => agreement.clone(),
            AgreementCommand::PollNow { agreement, .. }
            | AgreementCommand::Dismiss { agreement, .. }
            | AgreementCommand::Reseal { agreement, .. } => Key::Id(*agreement),
        }
    }
}

impl AggregateCommand for AgreementCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            AgreementCommand::Sign(sign) => &sign.tenant,
            AgreementCommand::Terminate { tenant, .. }
            | AgreementCommand::PollNow { tenant, .. }
            | AgreementCommand::Dismiss { tenant, .. }
            | AgreementCommand::Reseal { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            AgreementCommand::Sign(_) => "sign_agreement",
            AgreementCommand::Terminate { .. } => "terminate_agreement",
            AgreementCommand::PollNow { .. } => "poll_agreement",
            AgreementCommand::Dismiss { .. } => "dismiss_agreement",
            AgreementCommand::Reseal { .. } => "reseal_agreement",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.agreements.push((self.tenant().clone(), self.key()));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &AgreementCommand,
) -> Result<Reply, AgreementRefusal> {
    let known = deciding.view().agreements.find(command.tenant(), &command.key()).cloned();
    let id = match (command, known) {
        (AgreementCommand::Sign(wanted), known) => sign(deciding, wanted, known.as_ref())?,
        (_, None) => return Err(AgreementRefusal::NotFound),
        (AgreementCommand::Terminate { reason, .. }, Some(row)) => {
            terminate(deciding, &row, reason)?;
            row.terms.id
        }
        (AgreementCommand::PollNow { .. }, Some(row)) => {
            poll_now(deciding, &row)?;
            row.terms.id
        }
        (AgreementCommand::Dismiss { note, .. }, Some(row)) => {
            dismiss(deciding, &row, note)?;
            row.terms.id
        }
        (AgreementCommand::Reseal { reference, .. }, Some(row)) => {
            if row.contract.is_some() {
                let reference = reference.clone();
                deciding.record(&row, AgreementChange::Resealed { reference });
            }
            row.terms.id
        }
    };
    Ok(Reply::about(id.subject()))
}

/// A new agreement, or the same number again.
fn sign(
    deciding: &mut Deciding<'_>,
    wanted: &SignAgreement,
    known: Option<&Agreement>,
) -> Result<Id<kinds::Agreement>, AgreementRefusal> {
    let directory = &deciding.view().directory;
    let merchant = directory.merchant(&wanted.tenant, &wanted.request.merchant);
    let merchant = merchant.ok_or(AgreementRefusal::UnknownMerchant)?;
    if let Some(row) = known {
        repeat(deciding, row, wanted)?;
        return Ok(row.terms.id);
    }
    if !merchant.is_enabled {
        return Err(AgreementRefusal::MerchantDisabled);
    }
    let route = merchant.route(&wanted.channel, wanted.request.scene);
    let route = route.filter(|route| route.agreements.is_some());
    let route = route.ok_or(AgreementRefusal::NoRoute)?;
    let page_expires_at = check_expiry(deciding.now(), wanted.page_expires_at)?;
    let row = new_agreement(deciding, wanted, route, page_expires_at);
    deciding.record(&row, AgreementChange::Requested(Box::new(row.clone())));
    deciding.work(row.ask(sign_instruction(&row)));
    Ok(row.terms.id)
}

fn check_expiry(now: Timestamp, wanted: Option<Timestamp>) -> Result<Timestamp, AgreementRefusal> {
    let expires_at = wanted.unwrap_or(now.plus_seconds(PAGE_LIFE_SECONDS));
    if expires_at <= now {
        return Err(AgreementRefusal::Expiry);
    }
    if expires_at > now.plus_seconds(PAGE_LIFE_SECONDS_MAX) {
        let days_max = PAGE_LIFE_SECONDS_MAX / SECONDS_PER_DAY;
        return Err(AgreementRefusal::ExpiryTooFar { days_max });
    }
    Ok(expires_at)
}

/// The new agreement, with its first call in flight.
fn new_agreement(
    deciding: &mut Deciding<'_>,
    wanted: &SignAgreement,
    route: &Route,
    page_expires_at: Timestamp,
) -> Agreement {
    let (now, id) = (deciding.now(), deciding.id::<kinds::Agreement>());
    let terms = AgreementTerms {
        tenant: wanted.tenant.clone(),
        id,
        channel_agreement_no: channel_no(&deciding.view().directory.installation, id.subject()),
        request: wanted.request.clone(),
        channel: route.channel.clone(),
        channel_account: route.channel_account.clone(),
        channel_identity: route.channel_identity.clone(),
        callback_url: route.callback_url.clone(),
        made_at: now,
        page_expires_at,
    };
    let until = now.plus_ms(CALL_MAX_MS);
    Agreement {
        terms: Arc::new(terms),
        version: 1,
        state: AgreementState::Signing(None),
        contract: None,
        reported_at: None,
        in_flight: Some(InFlightCall { operation: Operation::SignAgreement, until }),
        debiting: None,
        polls: 0,
        next_poll_at: Some(until),
        attention: None,
    }
}

/// The same number again: the signing page as it is, or a new one where it does not work any more.
fn repeat(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    wanted: &SignAgreement,
) -> Result<(), AgreementRefusal> {
    let now = deciding.now();
    let AgreementState::Signing(page) = &row.state else {
        return Err(AgreementRefusal::Exists { state: row.state.name() });
    };
    if row.terms.request.content != wanted.request.content
        || row.terms.request.merchant != wanted.request.merchant
        || *row.terms.channel != *wanted.channel
    {
        return Err(AgreementRefusal::Differs);
    }
    // Once its time is up, only the channel's answer brings it further.
    if row.is_page_over(now) {
        return Err(AgreementRefusal::CallInFlight);
    }
    let is_usable = page.as_ref().is_some_and(|page| page.is_usable(now));
    match is_usable {
        true => Ok(()),
        false if row.is_in_flight(now) => Err(AgreementRefusal::CallInFlight),
        false => {
            begin(deciding, row, sign_instruction(row));
            Ok(())
        }
    }
}

/// Ends an agreement: nothing is debited from now on, and the channel is asked until it has ended it.
fn terminate(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    reason: &str,
) -> Result<(), AgreementRefusal> {
    match &row.state {
        AgreementState::Terminated { .. } | AgreementState::Terminating { .. } => Ok(()),
        // A page that was handed out cannot be called back.
        AgreementState::Signing(_) | AgreementState::Invalid { .. } => {
            Err(AgreementRefusal::State { state: row.state.name() })
        }
        AgreementState::Signed | AgreementState::Paused => {
            let reason = reason.to_owned();
            deciding.record(row, AgreementChange::Terminating { reason: reason.clone() });
            let row = Agreement {
                state: AgreementState::Terminating { reason },
                polls: 0,
                ..row.clone()
            };
            if !row.is_in_flight(deciding.now()) {
                begin(deciding, &row, terminate_instruction(&row));
            }
            Ok(())
        }
    }
}

fn poll_now(deciding: &mut Deciding<'_>, row: &Agreement) -> Result<(), AgreementRefusal> {
    let now = deciding.now();
    if let AgreementState::Terminated { .. } = row.state
        && row.attention.is_none()
    {
        return Err(AgreementRefusal::State { state: row.state.name() });
    }
    // A call that is under way is the question that is wanted, and one that is due comes by itself.
    let is_due = row.next_poll_at.is_some_and(|due| due <= now);
    if !is_due && !row.is_in_flight(now) {
        deciding.record(row, AgreementChange::PollRequested);
    }
    Ok(())
}

fn dismiss(
    deciding: &mut Deciding<'_>,
    row: &Agreement,
    note: &str,
) -> Result<(), AgreementRefusal> {
    let attention = row.attention.as_ref().ok_or(AgreementRefusal::NoAttention)?;
    deciding.record(row, AgreementChange::Dismissed { note: note.to_owned() });
    if attention.kind != AttentionKind::AgreementOverdue {
        // What contradicted may have used its schedule up, and the agreement has not ended yet.
        let is_waiting =
            matches!(row.state, AgreementState::Signing(_) | AgreementState::Terminating { .. });
        if is_waiting && row.next_poll_at.is_none() {
            deciding.record(row, AgreementChange::PollRequested);
        }
        return Ok(());
    }
    let (at, note) = (deciding.now(), Some(note.to_owned()));
    match &row.state {
        AgreementState::Signing(_) => {
            let reason = ENDED_BY_HAND.to_owned();
            deciding.record(row, AgreementChange::Invalid { reason });
        }
        AgreementState::Terminating { .. } => {
            let by = TerminatedBy::MerchantPortal;
            let (reason, reported_at) = (note, None);
            let change = AgreementChange::Terminated { at, by, reason, reported_at };
            deciding.record(row, change);
            super::finding::notify_ended(deciding, row);
        }
        AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminated { .. }
        | AgreementState::Invalid { .. } => {}
    }
    Ok(())
}

/// A due task: the next thing that the agreement needs.
pub(super) fn run_task(deciding: &mut Deciding<'_>, row: &Agreement) {
    let now = deciding.now();
    match &row.state {
        // A settled agreement has no task; a claim may have come before its end was committed.
        _ if row.next_poll_at.is_none() || row.is_in_flight(now) => {}
        AgreementState::Signing(None) if !row.is_page_over(now) => {
            begin(deciding, row, sign_instruction(row));
        }
        AgreementState::Terminating { .. } if row.polls.is_multiple_of(2) => {
            begin(deciding, row, terminate_instruction(row));
        }
        // Every second attempt to end it is a query, which tells whether it has ended.
        AgreementState::Signing(_)
        | AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminating { .. }
        | AgreementState::Terminated { .. }
        | AgreementState::Invalid { .. } => begin(deciding, row, query_instruction(row)),
    }
}

fn sign_instruction(row: &Agreement) -> Instruction {
    let (terms, request) = (&row.terms, &row.terms.request);
    Instruction::SignAgreement(Box::new(channel::SignAgreement {
        channel_agreement_no: terms.channel_agreement_no.clone(),
        template: request.template.clone(),
        scene: request.sign_scene,
        display_name: request.display_name.clone(),
        period: request.period,
        validity: request.validity,
        payer: request.payer.clone(),
        placed_at: terms.made_at,
        expires_at: terms.page_expires_at,
        callback_url: terms.callback_url.to_string(),
        front_url: request.front_url.clone(),
    }))
}

/// What the channel needs to find it again. The channel's own number is put in right before the call.
fn placed(row: &Agreement) -> PlacedAgreement {
    PlacedAgreement {
        channel_agreement_no: row.terms.channel_agreement_no.clone(),
        template: row.terms.request.template.clone(),
        agreement_reference: None,
        placed_at: row.terms.made_at,
        was_signed: row.contract.is_some(),
    }
}

pub(super) fn query_instruction(row: &Agreement) -> Instruction {
    Instruction::QueryAgreement(placed(row))
}

fn terminate_instruction(row: &Agreement) -> Instruction {
    let reason = match &row.state {
        AgreementState::Terminating { reason } => reason.clone(),
        AgreementState::Signing(_)
        | AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminated { .. }
        | AgreementState::Invalid { .. } => String::new(),
    };
    Instruction::TerminateAgreement(Box::new(channel::TerminateAgreement {
        agreement: placed(row),
        reason,
        callback_url: row.terms.callback_url.to_string(),
    }))
}

/// Gives the agreement to a call: no other call about it begins until this one has ended.
pub(super) fn begin(deciding: &mut Deciding<'_>, row: &Agreement, instruction: Instruction) {
    let until = deciding.now().plus_ms(CALL_MAX_MS);
    let operation = instruction.operation();
    deciding.record(row, AgreementChange::CallBegun(InFlightCall { operation, until }));
    deciding.work(row.ask(instruction));
}
