//! Agreements to findings. The channel's number of what was signed is shown in none of them.

use crate::reading::equal;
use crate::v2::settings::Account;
use crate::v2::time;
use crate::v2::xml::Members;
use crate::wire::{self, SigningApp};
use channel::{
    AgreementFound, AgreementReference, AgreementStatus, Finding, PayForm, PayInfo,
    PlacedAgreement, Scene, SignAgreement, TerminatedBy,
};
use ledger::Timestamp;

/// Whether a message names this account, as far as it names one: these answers do not always.
pub(in crate::v2) fn is_ours(account: &Account, message: &Members) -> Result<(), String> {
    let same = |name: &str, wanted: &str| match message.get(name) {
        Some(found) => equal(name, Some(found), wanted),
        None => Ok(()),
    };
    same("mch_id", &account.mchid)?;
    match &account.partner {
        None => Ok(()),
        Some(partner) => same("sub_mch_id", &partner.sub_mchid),
    }
}

/// What the client opens to sign.
pub(in crate::v2) fn page(asked: &SignAgreement, answer: &Members) -> Finding {
    let read = || -> Result<(PayForm, String), String> {
        if asked.scene == Scene::App {
            let program = SigningApp {
                pre_entrustweb_id: answer.want("pre_entrustweb_id")?.to_owned(),
                miniprogram_username: answer.get("miniprogram_username").map(str::to_owned),
                miniprogram_path: answer.get("miniprogram_path").map(str::to_owned),
            };
            return Ok((PayForm::AppSdk, wire::json_text(&program)));
        }
        let url = answer.want("redirect_url")?;
        match url.starts_with("https://") {
            true => Ok((PayForm::JumpUrl, url.to_owned())),
            false => Err("redirect_url: https wanted".to_owned()),
        }
    };
    match read() {
        Ok((form, text)) => Finding::Placed(PayInfo { form, text, valid_until: asked.expires_at }),
        Err(why) => Finding::Unknown { why },
    }
}

/// What the answer to a query means.
pub(in crate::v2) fn queried(placed: &PlacedAgreement, answer: &Members) -> Finding {
    if let Err(why) = is_of(placed, answer) {
        return Finding::Mismatch { why };
    }
    let at = |name| answer.get(name).and_then(|text| time::read(time::SPACED, text));
    let terminated_at = at("contract_terminated_time");
    let status = match answer.get("contract_state") {
        Some("0") => AgreementStatus::Signed,
        // The same word stands for what was never signed and for what has ended.
        Some("1") if terminated_at.is_some() || placed.was_signed => AgreementStatus::Terminated,
        Some("1" | "9") => AgreementStatus::Signing,
        other => {
            let why = format!("contract_state {}", other.unwrap_or("wanted"));
            return Finding::Unknown { why };
        }
    };
    let is_signed = status != AgreementStatus::Signing;
    let reference = answer.get("contract_id").filter(|_| is_signed);
    if status == AgreementStatus::Signed && reference.is_none() {
        return Finding::Unknown { why: "contract_id wanted".to_owned() };
    }
    let signed_at = at("contract_signed_time");
    let ended = status == AgreementStatus::Terminated;
    Finding::Agreement(Box::new(AgreementFound {
        agreement_reference: reference.map(|id| AgreementReference::new(id.to_owned())),
        signed_at,
        valid_from: signed_at,
        valid_until: at("contract_expired_time"),
        terminated_at: terminated_at.filter(|_| ended),
        terminated_by: terminated_by(answer).filter(|_| ended),
        termination_reason: answer.get("contract_termination_remark").map(str::to_owned),
        // Beside a callback of later it is as old as its last event.
        reported_at: terminated_at.or(signed_at),
        ..AgreementFound::new(placed.channel_agreement_no.clone(), status)
    }))
}

fn is_of(placed: &PlacedAgreement, answer: &Members) -> Result<(), String> {
    let known = placed.agreement_reference.as_ref().map(AgreementReference::expose);
    if known.is_some_and(|known| answer.get("contract_id").is_some_and(|found| found != known)) {
        return Err("contract_id: another than the one that was asked for".to_owned());
    }
    match (answer.get("contract_code"), known) {
        (None, Some(_)) => Ok(()),
        (found, _) => equal("contract_code", found, &placed.channel_agreement_no),
    }
}

fn terminated_by(message: &Members) -> Option<TerminatedBy> {
    match message.get("contract_termination_mode")? {
        "1" => Some(TerminatedBy::Expired),
        "2" => Some(TerminatedBy::User),
        "3" => Some(TerminatedBy::MerchantApi),
        "4" => Some(TerminatedBy::MerchantPortal),
        "5" => Some(TerminatedBy::AccountClosed),
        _ => None,
    }
}

/// What the answer to an end means.
pub(in crate::v2) fn terminated(
    placed: &PlacedAgreement,
    answer: &Members,
    now: Timestamp,
) -> Finding {
    if let Err(why) = is_of(placed, answer) {
        return Finding::Mismatch { why };
    }
    let number = placed.channel_agreement_no.clone();
    Finding::Agreement(Box::new(AgreementFound {
        terminated_at: Some(now),
        terminated_by: Some(TerminatedBy::MerchantApi),
        ..AgreementFound::new(number, AgreementStatus::Terminated)
    }))
}

/// What a callback about an agreement says. ADD and DELETE overtake each other: each says when it happened.
pub(in crate::v2) fn changed(callback: &Members) -> Result<Finding, String> {
    let number = callback.want("contract_code")?.to_owned();
    let at = |name| callback.get(name).and_then(|text| time::read(time::SPACED, text));
    let happened_at = at("operate_time");
    let reference = AgreementReference::new(callback.want("contract_id")?.to_owned());
    let known = |status| AgreementFound {
        agreement_reference: Some(reference.clone()),
        reported_at: happened_at,
        ..AgreementFound::new(number.clone(), status)
    };
    Ok(match callback.want("change_type")? {
        "ADD" => Finding::Agreement(Box::new(AgreementFound {
            signed_at: happened_at,
            valid_from: happened_at,
            valid_until: at("contract_expired_time"),
            ..known(AgreementStatus::Signed)
        })),
        "DELETE" => Finding::Agreement(Box::new(AgreementFound {
            terminated_at: happened_at,
            terminated_by: terminated_by(callback),
            ..known(AgreementStatus::Terminated)
        })),
        other => Finding::Unknown { why: format!("change_type {other}") },
    })
}
