//! Wire to commands about agreements, rows to wire. Pure.

use super::wire::{
    AgreementShown, PayerShown, PeriodShown, Sign, SignShown, StatusShown, sign_scene_word,
    validity_text,
};
use crate::auth::Caller;
use crate::faults::{ErrCode, Fault};
use crate::map::{form, not_known, shown as info_shown, unwritable};
use crate::wire::pay_type;
use crate::{AGREEMENT_NAMESPACE, content, pay_channel, time};
use channel::{Payer, PeriodRule, PeriodUnit, TerminatedBy};
use kernel::{
    Agreement, AgreementRequest, AgreementState, ChannelAnswer, MerchantId, SignAgreement,
};
use ledger::{Fen, Timestamp};
use serde::Serialize;
use std::sync::Arc;

/// What a repeat must not change.
#[derive(Serialize)]
struct Content<'a> {
    pay_type: &'a str,
    sign_scene: &'a str,
    template: Option<&'a str>,
    display_name: &'a str,
    owner: &'a str,
    app_id: Option<&'a str>,
    user_id: Option<&'a str>,
    period: Option<PeriodShown>,
    validity: Option<String>,
    expires_at_ms: Option<i64>,
    notify_url: Option<&'a str>,
    front_url: Option<&'a str>,
}

/// The command that a request to sign is.
pub(super) fn sign(caller: &Caller, sign: &Sign<'_>) -> Result<SignAgreement, Fault> {
    let payer = payer(sign);
    let display_name = sign.display_name.unwrap_or(sign.owner);
    let content = content::digest_of(&Content {
        pay_type: pay_type(sign.scene),
        sign_scene: sign_scene_word(sign.sign_scene),
        template: sign.template,
        display_name,
        owner: sign.owner,
        app_id: payer.app_id.as_deref(),
        user_id: payer.user_id.as_deref(),
        period: sign.period.as_ref().map(period),
        validity: sign.validity.map(validity_text),
        expires_at_ms: sign.page_expires_at.map(Timestamp::ms),
        notify_url: sign.notify_url,
        front_url: sign.front_url,
    });
    let request = AgreementRequest {
        merchant: MerchantId::new(sign.merchant),
        namespace: Arc::from(AGREEMENT_NAMESPACE),
        number: sign.number.to_owned(),
        dialect: Arc::from(crate::NAME),
        scene: sign.scene,
        sign_scene: sign.sign_scene,
        template: sign.template.map(str::to_owned),
        display_name: display_name.to_owned(),
        owner: sign.owner.to_owned(),
        payer,
        period: sign.period,
        validity: sign.validity,
        notify_url: sign.notify_url.map(str::to_owned),
        front_url: sign.front_url.map(str::to_owned),
        note: sign.note.map(str::to_owned),
        content: content.map_err(unwritable)?,
    };
    Ok(SignAgreement {
        tenant: caller.tenant.clone(),
        channel: sign.channel.clone(),
        request: Arc::new(request),
        page_expires_at: sign.page_expires_at,
    })
}

fn payer(sign: &Sign<'_>) -> Payer {
    let names = sign.pay_channel.and_then(|row| row.payer.as_ref());
    let external = |name: &str| sign.external.as_ref()?.member(name).map(str::to_owned);
    Payer {
        app_id: names.and_then(|names| external(names.app)),
        user_id: names.and_then(|names| external(names.user)),
        ..Payer::default()
    }
}

/// The result of `sign`: the signing page, or why it is not known yet.
pub(super) fn signed<'o>(
    row: &'o Agreement,
    answer: Option<&ChannelAnswer>,
    now: Timestamp,
) -> Result<SignShown<'o>, Fault> {
    let page = match &row.state {
        AgreementState::Signing(page) => {
            let usable = page.as_ref().filter(|page| page.is_usable(now));
            Some(usable.ok_or_else(|| not_known(answer))?)
        }
        AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminating { .. }
        | AgreementState::Terminated { .. }
        | AgreementState::Invalid { .. } => None,
    };
    Ok(SignShown {
        out_agreement_id: &row.terms.request.number,
        agreement_id: row.terms.id.to_string(),
        agreement_status: status(&row.state),
        sign_info_type: page.map(form),
        sign_info: page.and_then(info_shown),
        fail_reason: fail_reason(&row.state),
    })
}

/// The result of `terminate`, and where a debit is announced.
pub(super) fn stands(row: &Agreement) -> StatusShown<'_> {
    StatusShown {
        out_agreement_id: &row.terms.request.number,
        agreement_id: row.terms.id.to_string(),
        agreement_status: status(&row.state),
    }
}

/// `AgreementStatus`.
const fn status(state: &AgreementState) -> &'static str {
    match state {
        AgreementState::Signing(_) => "SIGNING",
        AgreementState::Signed => "SIGNED",
        AgreementState::Paused => "PAUSED",
        AgreementState::Terminating { .. } => "TERMINATING",
        AgreementState::Terminated { .. } => "TERMINATED",
        AgreementState::Invalid { .. } => "INVALID",
    }
}

fn fail_reason(state: &AgreementState) -> Option<&str> {
    match state {
        AgreementState::Invalid { reason, .. } => Some(reason),
        AgreementState::Signing(_)
        | AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminating { .. }
        | AgreementState::Terminated { .. } => None,
    }
}

/// An agreement: the result of a query, and the content of a notification. What its number at the channel
/// is, masked, a query adds.
pub(crate) fn shown(row: &Agreement) -> AgreementShown<'_> {
    let (terms, request, contract) = (&row.terms, &row.terms.request, row.contract.as_ref());
    let ended = match &row.state {
        AgreementState::Terminated { at, by, reason } => Some((*at, *by, reason.as_deref())),
        AgreementState::Signing(_)
        | AgreementState::Signed
        | AgreementState::Paused
        | AgreementState::Terminating { .. }
        | AgreementState::Invalid { .. } => None,
    };
    let asked = match &row.state {
        AgreementState::Terminating { reason } => Some(reason.as_str()),
        _ => None,
    };
    AgreementShown {
        channel_sub_merchant_id: request.merchant.as_str(),
        out_agreement_id: &request.number,
        agreement_id: terms.id.to_string(),
        channel_agreement_id: None,
        pay_channel: pay_channel::word(&terms.channel),
        pay_type: pay_type(request.scene),
        sign_scene: sign_scene_word(request.sign_scene),
        agreement_scene_id: request.template.as_deref(),
        display_name: &request.display_name,
        payer_info: PayerShown { out_user_id: &request.owner },
        period_rule: request.period.as_ref().map(period),
        validity_period: request.validity.map(validity_text),
        expire_time: time::write(terms.page_expires_at),
        remark: request.note.as_deref(),
        agreement_status: status(&row.state),
        sign_time: contract.map(|it| time::write(it.signed_at)),
        valid_time: contract.and_then(|it| it.valid_from).map(time::write),
        invalid_time: contract.and_then(|it| it.valid_until).map(time::write),
        terminate_time: ended.map(|(at, _, _)| time::write(at)),
        terminate_mode: ended.map(|(_, by, _)| mode(by)),
        terminate_reason: ended.and_then(|(_, _, reason)| reason).or(asked),
        next_deduct_time: contract.and_then(|it| it.next_debit_at).map(time::write),
        payer_account: contract.and_then(|it| it.payer_account.as_deref()),
        fail_reason: fail_reason(&row.state),
    }
}

/// `TerminateMode`.
const fn mode(by: TerminatedBy) -> &'static str {
    match by {
        TerminatedBy::User => "USER",
        TerminatedBy::MerchantApi => "MERCHANT_API",
        TerminatedBy::MerchantPortal => "MERCHANT_CONSOLE",
        TerminatedBy::Expired => "EXPIRED",
        TerminatedBy::AccountClosed => "ACCOUNT_CLOSED",
        TerminatedBy::Channel => "CHANNEL",
    }
}

fn period(rule: &PeriodRule) -> PeriodShown {
    PeriodShown {
        period_type: match rule.unit {
            PeriodUnit::Day => "DAY",
            PeriodUnit::Month => "MONTH",
        },
        period: rule.every,
        execute_time: time::shanghai_date(rule.first_on),
        single_amount: rule.single_amount.get(),
        total_amount: rule.total_amount.map(Fen::get),
        total_payments: rule.payments,
    }
}

/// Characters at each end of a channel's number that are shown.
const SHOWN_LEN: usize = 4;

/// A channel's number of an agreement, of which only its ends are shown.
pub(super) fn masked(reference: &str) -> String {
    let chars: Vec<char> = reference.chars().collect();
    let is_long = chars.len() > 3 * SHOWN_LEN;
    let is_hidden = |at: usize| !is_long || (SHOWN_LEN..chars.len() - SHOWN_LEN).contains(&at);
    let mask = |(at, char): (usize, &char)| if is_hidden(at) { '*' } else { *char };
    chars.iter().enumerate().map(mask).collect()
}

/// A fault in the words of agreements: the same cases have codes of their own here.
pub(super) fn of_agreement(fault: Fault) -> Fault {
    match fault.code {
        ErrCode::InvalidParameter => Fault { code: ErrCode::AgreementInvalidParameter, ..fault },
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn only_the_ends_of_a_long_number_are_shown() {
        assert_eq!(masked("20185909000458725113"), "2018************5113");
        assert_eq!(masked("201859090004"), "************");
        assert_eq!(masked(""), "");
    }
}
