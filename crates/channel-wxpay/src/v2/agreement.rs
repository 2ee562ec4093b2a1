//! Agreements (委托代扣): the pages on which a payer signs, the calls about what was signed, and debits.
//!
//! These calls know no `sign_type`, but for two of the signing: they are signed with MD5, and so is what
//! answers to them, even where the account signs its other calls with HMAC-SHA256.
//!
//! - `plans`: the templates of the account. `reading`: answers and callbacks to findings.

pub(crate) mod plans;
pub(super) mod reading;

use super::request::parties;
use super::settings::Account;
use super::sign::{SIGN_TYPE, SignType};
use super::xml::Members;
use crate::order::unsupported;
use crate::wire::{self, SigningProgram};
use channel::{
    AgreementRules, CodecContext, EncodeFault, Finding, Instruction, Method, PayForm, PayInfo,
    Place, PlacedAgreement, PlacedOrder, Request, Scene, SignAgreement, Step, TerminateAgreement,
};
use plans::Plan;

/// What an account with plans can do. What the channel has accepted it may debit a day later, and no call
/// takes it back.
pub(crate) const RULES: AgreementRules = AgreementRules {
    debit_life_seconds: 26 * 3600,
    debit_life_seconds_max: 7 * 24 * 3600,
    cancels_debits: false,
};
/// Characters of our number of an agreement.
const NUMBER_LEN: std::ops::RangeInclusive<usize> = 1..=32;
/// Characters of the payer's account that the page shows.
const DISPLAY_NAME_LEN_MAX: usize = 128;
/// Bytes of the reason for an end.
const REASON_CHARS_MAX: usize = 256;
/// 2020-01-01, UTC, from which serial numbers of signings count, in milliseconds.
const SERIAL_EPOCH_MS: i64 = 1_577_836_800_000;
/// Digits of such a number.
const SERIAL_MODULUS: i64 = 1_000_000_000_000;
/// The mini program of the channel in which payers sign.
const SIGNING_PROGRAM: (&str, &str) = ("wxbd687630cd02ce1d", "pages/index/index");
/// The only version of these calls.
const VERSION: (&str, &str) = ("version", "1.0");
/// Who debits, where the payer's address is not known: no payer need be there.
const SOMEWHERE: &str = "127.0.0.1";

/// Whether an instruction is carried out by the calls of this module.
pub(super) fn is_of(instruction: &Instruction) -> bool {
    match instruction {
        Instruction::SignAgreement(_)
        | Instruction::QueryAgreement(_)
        | Instruction::TerminateAgreement(_) => true,
        Instruction::Place(place) => place.scene.is_by_agreement(),
        Instruction::Query(placed) => placed.is_debit,
        _ => false,
    }
}

/// What carries out an instruction of [`is_of`]; `None` of any other.
pub(super) fn step(
    account: &Account,
    instruction: &Instruction,
    context: &CodecContext,
) -> Result<Option<Step>, EncodeFault> {
    let (path, members) = match instruction {
        Instruction::SignAgreement(asked) => return sign(account, asked, context).map(Some),
        Instruction::QueryAgreement(placed) => ("/papay/querycontract", about(account, placed)?),
        Instruction::TerminateAgreement(asked) => {
            let TerminateAgreement { agreement, reason, .. } = &**asked;
            let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
            let members = about(account, agreement)?.with("contract_termination_remark", reason);
            ("/papay/deletecontract", members)
        }
        Instruction::Place(place) if place.scene.is_by_agreement() => {
            let members = debit(account, place)?.with("nonce_str", &*context.nonce);
            ("/pay/pappayapply", members)
        }
        Instruction::Query(placed) if placed.is_debit => {
            ("/pay/paporderquery", about_debit(account, placed).with("nonce_str", &*context.nonce))
        }
        _ => return Ok(None),
    };
    Ok(Some(Step::Send(account.post(&path_of(account, path), SignType::Md5, members))))
}

/// A service provider's calls have paths of their own.
fn path_of(account: &Account, path: &str) -> String {
    match (&account.partner, path.rsplit_once('/')) {
        (Some(_), Some((before, call))) => format!("{before}/partner/{call}"),
        (Some(_), None) | (None, _) => path.to_owned(),
    }
}

/// The payer signs in a page of the channel, which a browser, a mini program or an app opens.
fn sign(
    account: &Account,
    asked: &SignAgreement,
    context: &CodecContext,
) -> Result<Step, EncodeFault> {
    let members = page(account, asked, context)?;
    let link = |path: &str, members: &Members| {
        let pairs =
            members.iter().map(|(name, text)| format!("{name}={}", wire::percent_encoded(text)));
        let query = pairs.collect::<Vec<_>>().join("&");
        format!("{}{}?{query}", account.base_url, path_of(account, path))
    };
    let placed = |form, text| {
        Ok(Step::Answer(Finding::Placed(PayInfo { form, text, valid_until: asked.expires_at })))
    };
    match asked.scene {
        Scene::Public => {
            // Back to the page that the payer came from.
            let back = asked.front_url.as_ref().map(|_| "1");
            let members = members.with(VERSION.0, VERSION.1).with_some("return_web", back);
            let signed = SignType::Md5.signed(members, &account.key);
            placed(PayForm::JumpUrl, link("/papay/entrustweb", &signed))
        }
        Scene::MiniProgram => {
            let signed = SignType::Md5.signed(members, &account.key);
            placed(
                PayForm::Jsapi,
                wire::json_text(&SigningProgram::new(SIGNING_PROGRAM, signed.iter())),
            )
        }
        Scene::H5 => {
            let client_ip = asked.payer.client_ip.as_deref().filter(|ip| !ip.is_empty());
            let client_ip = client_ip
                .ok_or_else(|| unsupported("payer.client_ip", "the payer's address wanted"))?;
            let members = with_sign_type(account, members).with("clientip", client_ip);
            let signed = account.sign_type.signed(members, &account.key);
            Ok(Step::Send(Request {
                method: Method::Get,
                url: link("/papay/h5entrustweb", &signed),
                headers: vec![("User-Agent".to_owned(), super::request::USER_AGENT.to_owned())],
                body: vec![],
            }))
        }
        Scene::App => {
            let members = with_sign_type(account, members).with("return_app", "Y");
            let path = path_of(account, "/papay/preentrustweb");
            Ok(Step::Send(account.post(&path, account.sign_type, members)))
        }
        Scene::Pc | Scene::Swipe | Scene::Agreement | Scene::Authorize => {
            Err(unsupported("scene", format!("nothing is signed in {}", asked.scene.name())))
        }
    }
}

fn with_sign_type(account: &Account, members: Members) -> Members {
    members.with(VERSION.0, VERSION.1).with(SIGN_TYPE, account.sign_type.name())
}

/// What every page says of the agreement.
fn page(
    account: &Account,
    asked: &SignAgreement,
    context: &CodecContext,
) -> Result<Members, EncodeFault> {
    let plan = plan(account, asked.template.as_deref())?;
    check_number(&asked.channel_agreement_no)?;
    let name = &asked.display_name;
    let fits = (1..=DISPLAY_NAME_LEN_MAX).contains(&name.chars().count());
    if !fits || name.chars().any(|char| char.len_utf8() > 3 || char.is_control()) {
        return Err(unsupported("display_name", "1 to 128 characters without emoji wanted"));
    }
    if asked.period.is_some() {
        return Err(unsupported("period", "the plan at the channel says when debits come"));
    }
    if asked.validity.is_some() {
        return Err(unsupported("validity", "the plan at the channel says when it ends"));
    }
    let app = account.app(&asked.payer);
    Ok(parties(&account.mchid, account.partner.as_ref(), &account.appid, app)
        .with("plan_id", &*plan.plan_id)
        .with("contract_code", &*asked.channel_agreement_no)
        .with("request_serial", serial(asked).to_string())
        .with("contract_display_account", &**name)
        .with("notify_url", &*asked.callback_url)
        .with("timestamp", context.now.seconds().to_string()))
}

/// The channel orders signings by it. It is the same in every repeat.
const fn serial(asked: &SignAgreement) -> i64 {
    (asked.placed_at.ms() - SERIAL_EPOCH_MS).rem_euclid(SERIAL_MODULUS)
}

/// The plan of an agreement that is to be signed.
fn plan<'a>(account: &'a Account, name: Option<&str>) -> Result<&'a Plan, EncodeFault> {
    match (&*account.plans, name) {
        ([], _) => Err(unsupported("agreement", "the account has no plans")),
        ([only], None) => Ok(only),
        (all, None) => {
            let names: Vec<&str> = all.iter().map(|plan| &*plan.name).collect();
            Err(unsupported("template", format!("one of {} wanted", names.join(", "))))
        }
        (all, Some(name)) => all
            .iter()
            .find(|plan| plan.name == name)
            .ok_or_else(|| unsupported("template", format!("the account has no plan {name}"))),
    }
}

/// An agreement, by the channel's number where it is known. That its plan is not configured any more says
/// nothing about the agreement.
fn about(account: &Account, placed: &PlacedAgreement) -> Result<Members, EncodeFault> {
    let asker = parties(&account.mchid, account.partner.as_ref(), &account.appid, own_app(account));
    let asker = asker.with(VERSION.0, VERSION.1);
    if let Some(reference) = &placed.agreement_reference {
        return Ok(asker.with("contract_id", reference.expose()));
    }
    check_number(&placed.channel_agreement_no)?;
    let name = placed.template.as_deref();
    let plan = plan(account, name).map_err(|_| EncodeFault::Account {
        name: plans::SETTING,
        why: format!("the plan {} wanted, which was signed", name.unwrap_or("of old")),
    })?;
    Ok(asker.with("plan_id", &*plan.plan_id).with("contract_code", &*placed.channel_agreement_no))
}

fn own_app(account: &Account) -> &str {
    crate::settings::app_of(None, account.partner.as_ref(), &account.appid)
}

/// The debit of an order. It is accepted at first, and its end is told or queried.
fn debit(account: &Account, place: &Place) -> Result<Members, EncodeFault> {
    let Some(agreement) = &place.agreement else {
        return Err(unsupported("agreement", "the payer's agreement wanted"));
    };
    let reference = agreement.agreement_reference.expose();
    let address = place.payer.client_ip.as_deref().filter(|address| !address.is_empty());
    let app = account.app(&place.payer);
    Ok(parties(&account.mchid, account.partner.as_ref(), &account.appid, app)
        .with("body", &*place.subject)
        .with("out_trade_no", &*place.channel_order_no)
        .with("total_fee", place.amount.get().to_string())
        .with("fee_type", place.currency.code())
        .with("spbill_create_ip", address.unwrap_or(SOMEWHERE))
        .with_some("goods_tag", place.goods_tag.as_deref())
        .with("notify_url", &*place.callback_url)
        .with("trade_type", TRADE_TYPE)
        .with("contract_id", reference)
        .with_some("profit_sharing", place.is_shared.then_some("Y")))
}

/// `trade_type` of debits.
pub(crate) const TRADE_TYPE: &str = "PAP";

fn about_debit(account: &Account, placed: &PlacedOrder) -> Members {
    parties(&account.mchid, account.partner.as_ref(), &account.appid, own_app(account))
        .with("out_trade_no", &*placed.channel_order_no)
}

fn check_number(number: &str) -> Result<(), EncodeFault> {
    let good = |char: char| char.is_ascii_alphanumeric();
    match NUMBER_LEN.contains(&number.len()) && number.chars().all(good) {
        true => Ok(()),
        false => Err(unsupported("number", "1 to 32 letters and digits wanted")),
    }
}
