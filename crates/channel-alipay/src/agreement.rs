//! Agreements (签约协议): the signed link behind which a payer signs, and the calls about what was signed.
//!
//! - `templates`: the products and scenes of the account. `reading`: answers and callbacks to findings.

pub(crate) mod reading;
pub(crate) mod templates;

use crate::agreement::templates::Template;
use crate::settings::{Account, Pc};
use crate::wire::{
    self, AccessParams, AgreementParams, AgreementRequest, IdentityParams, PeriodRuleParams,
    SignRequest, Yuan,
};
use channel::{
    AgreementRules, EncodeFault, PayForm, PayInfo, PeriodRule, PeriodUnit, Place, PlacedAgreement,
    Scene, SignAgreement, Validity,
};
use ledger::{Fen, Timestamp};

/// What an account with templates can do. A debit is decided at once, and can be cancelled.
pub(crate) const RULES: AgreementRules = AgreementRules {
    debit_life_seconds: 30 * 60,
    debit_life_seconds_max: 24 * 3600,
    cancels_debits: true,
};
/// Characters of our number of an agreement.
const NUMBER_LEN: std::ops::RangeInclusive<usize> = 1..=32;
/// Characters of the payer's account that the page shows.
const DISPLAY_NAME_LEN_MAX: usize = 100;
/// Days of a period that is counted in days.
const PERIOD_DAYS_MIN: u32 = 7;
/// The last day of a month on which debits by month can be planned.
const DAY_OF_MONTH_MAX: i8 = 28;
/// A page can be signed for a day at most.
const EFFECT_SECONDS_MAX: i64 = 86_400;
/// Alipay's own page for signing, inside its app.
const APP_LINK: &str =
    "alipays://platformapi/startapp?appId=60000157&appClearTop=false&startMultApp=YES&sign_params=";

/// The template of an agreement that is to be signed.
pub(crate) fn template<'a>(
    account: &'a Account,
    name: Option<&str>,
) -> Result<&'a Template, EncodeFault> {
    match (&*account.templates, name) {
        ([], _) => Err(unsupported("agreement", "the account has no templates")),
        ([only], None) => Ok(only),
        (all, None) => {
            let names: Vec<&str> = all.iter().map(|template| &*template.name).collect();
            Err(unsupported("template", format!("one of {} wanted", names.join(", "))))
        }
        (_, Some(name)) => find(account, name)
            .ok_or_else(|| unsupported("template", format!("the account has no template {name}"))),
    }
}

/// The template of an agreement that stands. That it is not configured any more says nothing about the
/// agreement.
fn template_of_placed<'a>(
    account: &'a Account,
    name: Option<&str>,
) -> Result<&'a Template, EncodeFault> {
    let found = match (&*account.templates, name) {
        ([only], None) => Some(only),
        (_, None) => None,
        (_, Some(name)) => find(account, name),
    };
    found.ok_or_else(|| EncodeFault::Account {
        name: templates::SETTING,
        why: format!("the template {} wanted, which was signed", name.unwrap_or("of old")),
    })
}

fn find<'a>(account: &'a Account, name: &str) -> Option<&'a Template> {
    account.templates.iter().find(|template| template.name == name)
}

/// `biz_content` of the page.
pub(crate) fn sign_request(
    account: &Account,
    asked: &SignAgreement,
    now: Timestamp,
) -> Result<SignRequest, EncodeFault> {
    let template = template(account, asked.template.as_deref())?;
    check_number(&asked.channel_agreement_no)?;
    if asked.display_name.chars().count() > DISPLAY_NAME_LEN_MAX {
        return Err(unsupported("display_name", "at most 100 characters wanted"));
    }
    let period_rule_params = match (&asked.period, template.is_periodic()) {
        (Some(period), true) => Some(period_rule(period)?),
        (None, false) => None,
        (None, true) => return Err(unsupported("period", "this template debits by period")),
        (Some(_), false) => return Err(unsupported("period", "this template has no periods")),
    };
    let seconds_left = asked.expires_at.seconds().saturating_sub(now.seconds());
    Ok(SignRequest {
        personal_product_code: template.personal_product_code.clone(),
        product_code: Some(template.product_code.clone()),
        access_params: AccessParams { channel: access(account, asked.scene)?.to_owned() },
        sign_scene: Some(template.sign_scene.clone()),
        external_agreement_no: Some(asked.channel_agreement_no.clone()),
        external_logon_id: Some(asked.display_name.clone()).filter(|name| !name.is_empty()),
        sign_validity_period: asked.validity.map(validity).transpose()?,
        period_rule_params,
        effect_time: Some(seconds_left.clamp(1, EFFECT_SECONDS_MAX)),
        identity_params: identity(account, asked)?,
    })
}

/// Who must sign, where the caller knows that. Only a payer's number can be demanded.
fn identity(
    account: &Account,
    asked: &SignAgreement,
) -> Result<Option<IdentityParams>, EncodeFault> {
    if asked.payer.app_id.as_ref().is_some_and(|app_id| *app_id != account.app_id) {
        return Err(unsupported("app", "agreements are signed for the account's own app"));
    }
    let Some(user_id) = &asked.payer.user_id else { return Ok(None) };
    let is_number = user_id.len() == 16
        && user_id.starts_with("2088")
        && user_id.bytes().all(|digit| digit.is_ascii_digit());
    match is_number {
        true => Ok(Some(IdentityParams { sign_user_id: user_id.clone() })),
        false => Err(unsupported("payer", "the payer's number wanted: 2088 and 12 digits")),
    }
}

/// From where the payer comes.
fn access(account: &Account, scene: Scene) -> Result<&'static str, EncodeFault> {
    match (scene, account.pc) {
        (Scene::MiniProgram | Scene::Public | Scene::H5 | Scene::App, _) => Ok("ALIPAYAPP"),
        (Scene::Pc, Pc::Precreate) => Ok("QRCODE"),
        (Scene::Pc, Pc::Page) => Ok("QRCODEORSMS"),
        (Scene::Swipe | Scene::Agreement | Scene::Authorize, _) => {
            Err(unsupported("scene", format!("nothing is signed in {}", scene.name())))
        }
    }
}

fn period_rule(period: &PeriodRule) -> Result<PeriodRuleParams, EncodeFault> {
    let PeriodRule { unit, every, first_on, single_amount, total_amount, payments } = *period;
    let first_day = wire::day(first_on);
    match unit {
        PeriodUnit::Day if every < PERIOD_DAYS_MIN => {
            return Err(unsupported("period", "7 days at least wanted"));
        }
        PeriodUnit::Month if every == 0 => {
            return Err(unsupported("period", "a month at least wanted"));
        }
        PeriodUnit::Month if first_day.day() > DAY_OF_MONTH_MAX => {
            return Err(unsupported("period", "a first day up to the 28th wanted"));
        }
        PeriodUnit::Day | PeriodUnit::Month => {}
    }
    let is_amount = |amount: &Fen| amount.is_positive();
    if !is_amount(&single_amount) || !total_amount.iter().all(is_amount) || payments == Some(0) {
        return Err(unsupported("period", "amounts and payments above zero wanted"));
    }
    Ok(PeriodRuleParams {
        period_type: period_type(unit).to_owned(),
        period: every,
        execute_time: first_day.to_string(),
        single_amount: Yuan(single_amount),
        total_amount: total_amount.map(Yuan),
        total_payments: payments,
    })
}

const fn period_type(unit: PeriodUnit) -> &'static str {
    match unit {
        PeriodUnit::Day => "DAY",
        PeriodUnit::Month => "MONTH",
    }
}

fn validity(validity: Validity) -> Result<String, EncodeFault> {
    match validity {
        Validity::Days(0) | Validity::Months(0) => {
            Err(unsupported("validity", "a day at least wanted"))
        }
        Validity::Days(days) => Ok(format!("{days}d")),
        Validity::Months(months) => Ok(format!("{months}m")),
    }
}

/// What the client opens to sign: `query` holds the signed parameters.
pub(crate) fn page(
    account: &Account,
    asked: &SignAgreement,
    query: &str,
    now: Timestamp,
) -> PayInfo {
    let link = || format!("{}?{query}", account.gateway_url);
    let (form, text) = match (asked.scene, account.pc) {
        (Scene::MiniProgram, _) => (PayForm::Jsapi, wire::sign_center(query)),
        (Scene::Pc, Pc::Precreate) => (PayForm::QrCode, link()),
        (Scene::Pc, Pc::Page) => (PayForm::JumpUrl, link()),
        _ => (PayForm::JumpUrl, format!("{APP_LINK}{}", wire::encoded(query))),
    };
    let valid_until = asked.expires_at.min(now.plus_seconds(EFFECT_SECONDS_MAX));
    PayInfo { form, text, valid_until }
}

/// `biz_content` of the calls about an agreement: by the channel's number where it is known.
pub(crate) fn request(
    account: &Account,
    placed: &PlacedAgreement,
) -> Result<AgreementRequest, EncodeFault> {
    if let Some(reference) = &placed.agreement_reference {
        let agreement_no = Some(reference.expose().to_owned());
        return Ok(AgreementRequest { agreement_no, ..AgreementRequest::default() });
    }
    check_number(&placed.channel_agreement_no)?;
    let template = template_of_placed(account, placed.template.as_deref())?;
    Ok(AgreementRequest {
        agreement_no: None,
        personal_product_code: Some(template.personal_product_code.clone()),
        sign_scene: Some(template.sign_scene.clone()),
        external_agreement_no: Some(placed.channel_agreement_no.clone()),
    })
}

/// By what an order is debited: the product, and the agreement.
pub(crate) fn debit(
    account: &Account,
    place: &Place,
) -> Result<(String, AgreementParams), EncodeFault> {
    let Some(agreement) = &place.agreement else {
        return Err(unsupported("agreement", "the payer's agreement wanted"));
    };
    let template = template_of_placed(account, agreement.template.as_deref())?;
    let agreement_no = agreement.agreement_reference.expose().to_owned();
    Ok((template.product_code.clone(), AgreementParams { agreement_no }))
}

fn check_number(number: &str) -> Result<(), EncodeFault> {
    let good = |char: char| char.is_ascii_alphanumeric();
    match NUMBER_LEN.contains(&number.len()) && number.chars().all(good) {
        true => Ok(()),
        false => Err(unsupported("number", "1 to 32 letters and digits wanted")),
    }
}

fn unsupported(field: &'static str, why: impl Into<String>) -> EncodeFault {
    EncodeFault::unsupported(field, why)
}
