//! Agreements to findings. The channel's number of what was signed is shown in none of them.

use crate::reading::equal;
use crate::wire::{self, AgreementAnswer};
use channel::{
    AgreementFound, AgreementReference, AgreementStatus, Finding, PlacedAgreement, TerminatedBy,
};
use ledger::Timestamp;

/// An agreement without an end is said to end on this day.
const NO_END: &str = "2115-02-01";

/// An agreement as answers and callbacks describe it.
pub(crate) struct Described {
    /// Our number.
    pub(crate) external_agreement_no: String,
    pub(crate) agreement_no: String,
    pub(crate) status: String,
    pub(crate) sign_time: Option<String>,
    pub(crate) valid_time: Option<String>,
    pub(crate) invalid_time: Option<String>,
    pub(crate) unsign_time: Option<String>,
    pub(crate) next_deduct_time: Option<String>,
    pub(crate) logon_id: Option<String>,
    /// When it was so, where that is said.
    pub(crate) reported_at: Option<Timestamp>,
}

/// What the answer to a query means.
pub(crate) fn queried(placed: &PlacedAgreement, content: &str) -> Finding {
    let read: AgreementAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if let Err(why) = is_of(placed, &read) {
        return Finding::Mismatch { why };
    }
    // What a query says holds now; beside a callback of later it is as old as its last event.
    let reported_at = read.sign_time.as_deref().and_then(wire::read_time);
    let described = Described {
        external_agreement_no: placed.channel_agreement_no.clone(),
        agreement_no: read.agreement_no,
        status: read.status,
        sign_time: read.sign_time,
        valid_time: read.valid_time,
        invalid_time: read.invalid_time,
        unsign_time: None,
        next_deduct_time: read.next_deduct_time,
        logon_id: read.alipay_logon_id,
        reported_at,
    };
    described.finding()
}

/// One that was asked for by the channel's number has that number; any other has ours.
fn is_of(placed: &PlacedAgreement, read: &AgreementAnswer) -> Result<(), String> {
    let known = placed.agreement_reference.as_ref().map(AgreementReference::expose);
    if known.is_some_and(|known| known != read.agreement_no) {
        return Err("agreement_no: another than the one that was asked for".to_owned());
    }
    match (&read.external_agreement_no, known) {
        (Some(found), _) => equal("external_agreement_no", found, &placed.channel_agreement_no),
        (None, Some(_)) => Ok(()),
        (None, None) => Err("external_agreement_no: wanted".to_owned()),
    }
}

/// What the answer to an end means: it has no members.
pub(crate) fn terminated(placed: &PlacedAgreement, now: Timestamp) -> Finding {
    let number = placed.channel_agreement_no.clone();
    Finding::Agreement(Box::new(AgreementFound {
        terminated_at: Some(now),
        terminated_by: Some(TerminatedBy::MerchantApi),
        ..AgreementFound::new(number, AgreementStatus::Terminated)
    }))
}

impl Described {
    /// What it means.
    pub(crate) fn finding(self) -> Finding {
        let Some(status) = status(&self.status) else {
            return Finding::Unknown { why: format!("status {}", self.status) };
        };
        if self.agreement_no.is_empty() {
            return Finding::Unknown { why: "an agreement without agreement_no".to_owned() };
        }
        let time = |text: &Option<String>| text.as_deref().and_then(wire::read_time);
        let agreement_reference = match status {
            // One that is never in force may still get another number.
            AgreementStatus::Signing => None,
            AgreementStatus::Signed | AgreementStatus::Paused | AgreementStatus::Terminated => {
                Some(AgreementReference::new(self.agreement_no))
            }
        };
        let ends = self.invalid_time.filter(|text| !text.starts_with(NO_END));
        Finding::Agreement(Box::new(AgreementFound {
            channel_agreement_no: self.external_agreement_no,
            agreement_reference,
            status,
            signed_at: time(&self.sign_time),
            valid_from: time(&self.valid_time),
            valid_until: time(&ends),
            terminated_at: time(&self.unsign_time),
            terminated_by: None,
            termination_reason: None,
            next_debit_at: self.next_deduct_time.as_deref().and_then(wire::read_time_or_day),
            payer_account: self.logon_id.filter(|id| !id.is_empty()),
            reported_at: self.reported_at,
        }))
    }
}

fn status(word: &str) -> Option<AgreementStatus> {
    match word {
        "TEMP" => Some(AgreementStatus::Signing),
        "NORMAL" => Some(AgreementStatus::Signed),
        "STOP" => Some(AgreementStatus::Paused),
        "UNSIGN" => Some(AgreementStatus::Terminated),
        _ => None,
    }
}
