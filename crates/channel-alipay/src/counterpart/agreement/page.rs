//! What a signed link asks the payer for, checked as Alipay checks it.

use crate::agreement::templates::{FREE_DEBITS, PERIODIC_DEBITS};
use crate::counterpart::admit;
use crate::counterpart::agreement::plan::{Plan, Span};
use crate::counterpart::agreement::record::Name;
use crate::counterpart::refusal::Refusal;
use crate::counterpart::world::{App, World};
use crate::method::Method;
use crate::wire::{self, Parameters, SignRequest};
use channel::PhoneFault;
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// The products that may be signed.
const PRODUCTS: [&str; 3] = [FREE_DEBITS, PERIODIC_DEBITS, "ONE_TIME_AUTH"];
/// From where payers come.
const ACCESS: [&str; 3] = ["ALIPAYAPP", "QRCODE", "QRCODEORSMS"];
/// The scene under which no number of a merchant is taken.
const NAMELESS_SCENE: &str = "DEFAULT|DEFAULT";
/// Characters of a merchant's number.
const NUMBER_LEN_MAX: usize = 32;
/// Characters of what the page shows as the payer's account.
const LOGON_LEN_MAX: usize = 100;
/// Characters of an address.
const URL_LEN_MAX: usize = 256;
/// The longest time in which a page can be signed, in seconds.
const EFFECT_SECONDS_MAX: i64 = 86_400;

/// What the payer is asked to sign.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::counterpart) struct Page {
    pub(super) app_id: String,
    pub(super) auth_app_id: String,
    pub(super) notify_url: Option<String>,
    pub(super) external_agreement_no: Option<String>,
    pub(super) external_logon_id: Option<String>,
    pub(super) product_code: String,
    pub(super) personal_product_code: String,
    pub(super) sign_scene: Option<String>,
    pub(super) validity: Option<Span>,
    pub(super) plan: Option<Plan>,
    /// Who must sign; anybody may where it is absent.
    #[serde(default)]
    pub(super) signer: Option<String>,
}

impl Page {
    pub(super) fn name(&self) -> Name {
        Name {
            auth_app_id: self.auth_app_id.clone(),
            personal_product_code: self.personal_product_code.clone(),
            sign_scene: self.sign_scene.clone(),
            number: self.external_agreement_no.clone().unwrap_or_default(),
        }
    }
}

/// Opens a link on the phone. No gate has looked at who signed it: that is done here.
pub(super) fn open(
    world: &World,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Page, PhoneFault> {
    let refused = |refusal: Refusal| PhoneFault::Refused(refusal.sub_msg);
    let app = parameters.get("app_id").and_then(|app_id| world.app(app_id));
    let app = app.ok_or_else(|| PhoneFault::Refused("应用不存在".to_owned()))?;
    admit::check_signature(app, parameters).map_err(refused)?;
    let app = admit::acting(world, app, parameters).map_err(refused)?;
    read(app, parameters, now).map_err(refused)
}

/// Reads and checks `biz_content`.
pub(super) fn read(app: &App, parameters: &Parameters, now: Timestamp) -> Result<Page, Refusal> {
    let given = |name: &str| parameters.get(name).filter(|value| !value.is_empty());
    let content = given("biz_content").map(|content| &**content).unwrap_or_default();
    let asked: SignRequest = wire::read_given(content).map_err(|_| invalid("biz_content"))?;
    check_time(parameters, asked.effect_time, now)?;
    if !ACCESS.contains(&&*asked.access_params.channel) {
        return Err(invalid("access_params.channel"));
    }
    check_names(&asked)?;
    if given("notify_url").is_some_and(|url| url.len() > URL_LEN_MAX) {
        return Err(invalid("notify_url"));
    }
    let product_code = product_code(&asked)?;
    let plan = match (&asked.period_rule_params, &*product_code) {
        (Some(rule), PERIODIC_DEBITS) => {
            Some(Plan::read(rule, now).ok_or_else(|| invalid("period_rule_params"))?)
        }
        (None, PERIODIC_DEBITS) => return Err(invalid("period_rule_params")),
        _ => None,
    };
    let validity = asked.sign_validity_period.as_deref().map(Span::read);
    let validity = validity.map(|span| span.ok_or_else(|| invalid("sign_validity_period")));
    Ok(Page {
        app_id: app.app_id.clone(),
        auth_app_id: app.auth_app_id.clone(),
        notify_url: given("notify_url").cloned(),
        validity: validity.transpose()?,
        plan,
        product_code,
        personal_product_code: asked.personal_product_code,
        sign_scene: asked.sign_scene,
        external_agreement_no: asked.external_agreement_no,
        external_logon_id: asked.external_logon_id,
        signer: asked.identity_params.map(|identity| identity.sign_user_id),
    })
}

/// The merchant's product that goes with what the payer signs.
fn product_code(asked: &SignRequest) -> Result<String, Refusal> {
    let product = asked.personal_product_code.strip_suffix("_P");
    let product = product.filter(|product| PRODUCTS.contains(product));
    let product = product.ok_or_else(|| invalid("personal_product_code"))?;
    match asked.product_code.as_deref().is_none_or(|given| given == product) {
        true => Ok(product.to_owned()),
        false => Err(invalid("product_code")),
    }
}

/// A merchant's number needs a scene of its own.
fn check_names(asked: &SignRequest) -> Result<(), Refusal> {
    let scene = asked.sign_scene.as_deref();
    if scene.is_some_and(|scene| !scene.contains('|')) {
        return Err(invalid("sign_scene"));
    }
    if let Some(number) = &asked.external_agreement_no {
        let good = |char: char| char.is_ascii_alphanumeric();
        if !(1..=NUMBER_LEN_MAX).contains(&number.len()) || !number.chars().all(good) {
            return Err(invalid("external_agreement_no"));
        }
        if scene.is_none_or(|scene| scene == NAMELESS_SCENE) {
            return Err(invalid("sign_scene"));
        }
    }
    match asked.external_logon_id.as_ref().is_none_or(|id| id.chars().count() <= LOGON_LEN_MAX) {
        true => Ok(()),
        false => Err(invalid("external_logon_id")),
    }
}

/// A page that says how long it can be signed counts that from its own time.
fn check_time(
    parameters: &Parameters,
    effect_time: Option<i64>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(seconds) = effect_time else { return Ok(()) };
    if !(0..=EFFECT_SECONDS_MAX).contains(&seconds) {
        return Err(invalid("effect_time"));
    }
    let made_at = parameters.get("timestamp").and_then(|text| wire::read_time(text));
    let made_at = made_at.ok_or_else(|| invalid("timestamp"))?;
    match now < made_at.plus_seconds(seconds) {
        true => Ok(()),
        false => Err(Refusal::business("SIGN_OUT_OF_EFFECT_TIME", "签约链接已失效")),
    }
}

/// A field that breaks its rule.
pub(super) fn invalid(name: &str) -> Refusal {
    Refusal::business("INVALID_PARAMETER", &format!("参数有误：{name}"))
}

/// The parameters of a page for signing, from what the client got; `None` when it is another thing.
pub(in crate::counterpart) fn parameters(sign_info: &str) -> Option<Parameters> {
    let query = match wire::read::<wire::SignCenter>(sign_info) {
        Ok(handed) => handed.sign_str,
        Err(_) => {
            let (address, query) = sign_info.split_once('?')?;
            match address {
                "alipays://platformapi/startapp" => {
                    wire::read_form(query.as_bytes()).remove("sign_params")?
                }
                _ if address.ends_with(super::super::PATH) => query.to_owned(),
                _ => return None,
            }
        }
    };
    let parameters = wire::read_form(query.as_bytes());
    let is_page = admit::method(&parameters) == Some(Method::AgreementSign);
    is_page.then_some(parameters)
}
