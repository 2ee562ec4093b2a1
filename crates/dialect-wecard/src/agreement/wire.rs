//! Requests and results about agreements, member by member.

use crate::check::{Malformed, Read, required};
use crate::json::Object;
use crate::members::External;
use crate::pay_channel::{self, PayChannel};
use crate::wire::{TOTAL_FEN_MAX, url};
use crate::{AGREEMENT_NAMESPACE, time};
use channel::{PeriodRule, PeriodUnit, Scene, Validity};
use kernel::{Key, NaturalKey};
use ledger::{Fen, Id, Timestamp, kinds};
use serde::Serialize;

/// The member of an order that names its agreement.
pub(crate) const AGREEMENT_INFO: &str = "AgreementInfo";
/// The member that would have the payer sign while paying.
pub(crate) const AGREEMENT_SIGN_INFO: &str = "AgreementSignInfo";
/// The member of `PayerInfo` that names the agreement by another name.
const BIND_SERIAL_NO: &str = "BindSerialNo";
/// Days or months of a validity, and of a period.
const COUNT_MAX: i64 = 9999;

/// What names an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgreementName {
    /// The merchant's number.
    Out(String),
    /// Ours.
    Own(Id<kinds::Agreement>),
    /// Both; they must mean the same agreement.
    Both(String, Id<kinds::Agreement>),
}

impl AgreementName {
    /// Reads `OutAgreementId`, `AgreementId`, or both.
    pub(crate) fn read(body: &Object<'_>) -> Read<AgreementName> {
        let name = AgreementName::of(out_agreement_id(body)?, agreement_id(body)?);
        let why = "missing, and OutAgreementId too: want one";
        name.ok_or_else(|| Malformed::new("AgreementId", why))
    }

    fn of(out: Option<&str>, own: Option<Id<kinds::Agreement>>) -> Option<AgreementName> {
        match (out.map(str::to_owned), own) {
            (Some(out), Some(own)) => Some(AgreementName::Both(out, own)),
            (Some(out), None) => Some(AgreementName::Out(out)),
            (None, own) => own.map(AgreementName::Own),
        }
    }

    /// By which the agreement is found.
    pub(crate) fn key(&self) -> Key<kinds::Agreement> {
        match self {
            AgreementName::Out(number) | AgreementName::Both(number, _) => {
                Key::Number(NaturalKey::new(AGREEMENT_NAMESPACE, number.clone()))
            }
            AgreementName::Own(id) => Key::Id(*id),
        }
    }

    /// As a repeat of an order must name it again.
    pub(crate) fn text(&self) -> String {
        match self {
            AgreementName::Out(number) => number.clone(),
            AgreementName::Own(id) => id.to_string(),
            AgreementName::Both(number, id) => format!("{number} {id}"),
        }
    }
}

/// The agreement that an order names: in `AgreementInfo`, or in `PayerInfo.BindSerialNo`.
pub(crate) fn of_order(body: &Object<'_>, scene: Scene) -> Read<Option<AgreementName>> {
    if body.get(AGREEMENT_SIGN_INFO).is_some() {
        let why = "signing while paying is not carried out: sign first";
        return Err(Malformed::new(AGREEMENT_SIGN_INFO, why));
    }
    let info = body.object(AGREEMENT_INFO)?;
    if !scene.is_by_agreement() {
        let why = "only with PayType AGREEMENT or AUTHORIZE";
        return info.map_or(Ok(None), |_| Err(Malformed::new(AGREEMENT_INFO, why)));
    }
    let inside = |fault: Malformed| fault.inside(AGREEMENT_INFO);
    let named = info.map(in_info).transpose().map_err(inside)?;
    let alias = body.object("PayerInfo")?.map(bind_serial_no).transpose();
    let alias = alias.map_err(|fault| fault.inside("PayerInfo"))?.flatten();
    let name = match (named, alias) {
        (Some(AgreementName::Own(id) | AgreementName::Both(_, id)), Some(alias)) if id != alias => {
            let why = "is not AgreementInfo.AgreementId";
            return Err(Malformed::new(BIND_SERIAL_NO, why).inside("PayerInfo"));
        }
        (Some(AgreementName::Out(out)), Some(alias)) => Some(AgreementName::Both(out, alias)),
        (Some(name), _) => Some(name),
        (None, alias) => alias.map(AgreementName::Own),
    };
    required(AGREEMENT_INFO, name).map(Some)
}

fn in_info(info: &Object<'_>) -> Read<AgreementName> {
    if info.get("SmsCode").is_some() {
        return Err(Malformed::new("SmsCode", "no channel here takes one"));
    }
    AgreementName::read(info)
}

fn bind_serial_no(payer: &Object<'_>) -> Read<Option<Id<kinds::Agreement>>> {
    id(payer, BIND_SERIAL_NO)
}

fn agreement_id(body: &Object<'_>) -> Read<Option<Id<kinds::Agreement>>> {
    id(body, "AgreementId")
}

fn id(body: &Object<'_>, name: &str) -> Read<Option<Id<kinds::Agreement>>> {
    let Some(text) = body.text(name, 1..=50)? else { return Ok(None) };
    Id::parse(text).map(Some).map_err(|_| Malformed::new(name, "want 18 decimal digits"))
}

/// A merchant's number of an agreement: digits and letters, as every channel takes them.
fn out_agreement_id<'o>(body: &'o Object<'_>) -> Read<Option<&'o str>> {
    let number = body.text("OutAgreementId", 6..=32)?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match number {
        Some(text) if !is_plain(text) => {
            Err(Malformed::new("OutAgreementId", "want digits and letters only"))
        }
        Some(_) | None => Ok(number),
    }
}

/// `POST …/agreement/out/sign`, checked.
pub(super) struct Sign<'o> {
    pub(super) merchant: &'o str,
    pub(super) number: &'o str,
    pub(super) channel: String,
    pub(super) pay_channel: Option<&'static PayChannel>,
    pub(super) scene: Scene,
    pub(super) sign_scene: Scene,
    pub(super) template: Option<&'o str>,
    pub(super) display_name: Option<&'o str>,
    pub(super) owner: &'o str,
    pub(super) external: Option<External<'o>>,
    pub(super) period: Option<PeriodRule>,
    pub(super) validity: Option<Validity>,
    pub(super) page_expires_at: Option<Timestamp>,
    pub(super) notify_url: Option<&'o str>,
    pub(super) front_url: Option<&'o str>,
    pub(super) note: Option<&'o str>,
}

impl<'o> Sign<'o> {
    /// Reads and checks the body.
    pub(super) fn read(body: &'o Object<'o>) -> Read<Sign<'o>> {
        let merchant = body.required_text("ChannelSubMerchantId", 1..=50)?;
        let number = required("OutAgreementId", out_agreement_id(body)?)?;
        let pay_channel = body.required_text("PayChannel", 1..=30)?;
        Ok(Sign {
            merchant,
            number,
            channel: pay_channel::name(pay_channel),
            pay_channel: pay_channel::row(pay_channel),
            scene: match body.word("PayType", &["AGREEMENT", "AUTHORIZE"])? {
                Some("AUTHORIZE") => Scene::Authorize,
                word => required("PayType", word).map(|_| Scene::Agreement)?,
            },
            sign_scene: sign_scene(body)?,
            template: body.text("AgreementSceneId", 1..=64)?,
            display_name: body.text("DisplayName", 1..=64)?,
            owner: owner(body)?,
            external: external(body)?,
            period: period(body)?,
            validity: validity(body)?,
            page_expires_at: crate::wire::expires_at(body)?,
            notify_url: url(body, "NotifyUrl")?,
            front_url: url(body, "FrontUrl")?,
            note: body.text("Remark", 1..=128)?,
        })
    }
}

/// The words of `SignScene`, one for each scene in which a payer opens a page.
const SIGN_SCENES: [&str; 5] = ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP"];

fn sign_scene(body: &Object<'_>) -> Read<Scene> {
    let word = required("SignScene", body.word("SignScene", &SIGN_SCENES)?)?;
    let at = SIGN_SCENES.iter().position(|known| *known == word);
    required("SignScene", at.and_then(|at| Scene::WITH_PAGE.get(at).copied()))
}

pub(super) fn sign_scene_word(scene: Scene) -> &'static str {
    crate::wire::pay_type(scene)
}

fn owner<'o>(body: &'o Object<'o>) -> Read<&'o str> {
    let payer = required("PayerInfo", body.object("PayerInfo")?)?;
    let owner = payer.required_text("OutUserId", 1..=64);
    owner.map_err(|fault| fault.inside("PayerInfo"))
}

fn external<'o>(body: &'o Object<'_>) -> Read<Option<External<'o>>> {
    let text = body.text("ExternalAgreementData", 1..=1024)?;
    let read = text.map(External::read).transpose();
    read.map_err(|fault| fault.inside("ExternalAgreementData"))
}

fn period(body: &Object<'_>) -> Read<Option<PeriodRule>> {
    let rule = body.object("PeriodRule")?.map(period_rule).transpose();
    rule.map_err(|fault| fault.inside("PeriodRule"))
}

fn period_rule(rule: &Object<'_>) -> Read<PeriodRule> {
    let unit = match rule.word("PeriodType", &["DAY", "MONTH"])? {
        Some("MONTH") => PeriodUnit::Month,
        word => required("PeriodType", word).map(|_| PeriodUnit::Day)?,
    };
    let every = count(rule, "Period")?;
    let fen = |name| Ok(rule.integer(name, 1..=TOTAL_FEN_MAX)?.map(Fen::new));
    Ok(PeriodRule {
        unit,
        every: required("Period", every)?,
        first_on: day(rule, "ExecuteTime")?,
        single_amount: required("SingleAmount", fen("SingleAmount")?)?,
        total_amount: fen("TotalAmount")?,
        payments: count(rule, "TotalPayments")?,
    })
}

fn count(rule: &Object<'_>, name: &str) -> Read<Option<u32>> {
    let number = rule.integer(name, 1..=COUNT_MAX)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

/// A day, by its noon in Shanghai.
fn day(rule: &Object<'_>, name: &str) -> Read<Timestamp> {
    let text = rule.required_text(name, 1..=19)?;
    let noon = time::read(&format!("{text} 12:00:00"));
    noon.ok_or_else(|| Malformed::new(name, "want a real day as YYYY-MM-DD"))
}

/// A number of days or months: `30d`, `12m`.
fn validity(body: &Object<'_>) -> Read<Option<Validity>> {
    let Some(text) = body.text("ValidityPeriod", 1..=8)? else { return Ok(None) };
    let wrong = || Malformed::new("ValidityPeriod", "want days or months as 30d or 12m");
    let (digits, unit) = text.split_at_checked(text.len() - 1).ok_or_else(wrong)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    match unit {
        _ if !is_number || number == 0 || i64::from(number) > COUNT_MAX => Err(wrong()),
        "d" => Ok(Some(Validity::Days(number))),
        "m" => Ok(Some(Validity::Months(number))),
        _ => Err(wrong()),
    }
}

pub(super) fn validity_text(validity: Validity) -> String {
    match validity {
        Validity::Days(days) => format!("{days}d"),
        Validity::Months(months) => format!("{months}m"),
    }
}

/// `POST …/agreement/out/terminate`, checked.
pub(super) struct Terminate {
    pub(super) name: AgreementName,
    pub(super) reason: String,
}

impl Terminate {
    pub(super) fn read(body: &Object<'_>) -> Read<Terminate> {
        let name = AgreementName::read(body)?;
        let reason = body.required_text("TerminateReason", 1..=256)?.to_owned();
        Ok(Terminate { name, reason })
    }
}

/// `POST …/agreement/out/notice`, checked.
pub(super) fn debit_to_announce(body: &Object<'_>) -> Read<AgreementName> {
    let name = AgreementName::read(body)?;
    required("EstimatedAmount", body.integer("EstimatedAmount", 1..=TOTAL_FEN_MAX)?)?;
    body.integer("DeductDays", 1..=30)?;
    Ok(name)
}

/// `Result` of `sign`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SignShown<'o> {
    pub(super) out_agreement_id: &'o str,
    pub(super) agreement_id: String,
    pub(super) agreement_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sign_info_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sign_info: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fail_reason: Option<&'o str>,
}

/// `Result` of `terminate`, and where a debit is announced.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StatusShown<'o> {
    pub(super) out_agreement_id: &'o str,
    pub(super) agreement_id: String,
    pub(super) agreement_status: &'static str,
}

/// `Result` of `query`, and of notifications.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AgreementShown<'o> {
    pub(super) channel_sub_merchant_id: &'o str,
    pub(super) out_agreement_id: &'o str,
    pub(super) agreement_id: String,
    /// Masked, and only in the answer to a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_agreement_id: Option<String>,
    pub(super) pay_channel: String,
    pub(super) pay_type: &'static str,
    pub(super) sign_scene: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agreement_scene_id: Option<&'o str>,
    pub(super) display_name: &'o str,
    pub(super) payer_info: PayerShown<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) period_rule: Option<PeriodShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) validity_period: Option<String>,
    pub(super) expire_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remark: Option<&'o str>,
    pub(super) agreement_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sign_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invalid_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) terminate_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) terminate_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) terminate_reason: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_deduct_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payer_account: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fail_reason: Option<&'o str>,
}

/// `PayerInfo` of an agreement.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PayerShown<'o> {
    pub(super) out_user_id: &'o str,
}

/// `PeriodRule` of an agreement.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PeriodShown {
    pub(super) period_type: &'static str,
    pub(super) period: u32,
    pub(super) execute_time: String,
    pub(super) single_amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_payments: Option<u32>,
}
