//! The gate: whether a request is authentic, by its signature over all parameters, and which call it is.
//! What it refuses is not signed.

use crate::counterpart::refusal::Refusal;
use crate::counterpart::world::{App, World};
use crate::method::Method;
use crate::sign::{self, RSA2};
use crate::wire::{self, Parameters};
use channel::Request;
use ledger::Timestamp;

/// How far a request's time may lie from the sender's clock, in seconds.
const CLOCK_SKEW_SECONDS: u64 = 600;

/// A request that passed the gate.
pub(super) struct Admitted<'a> {
    /// Who signed it.
    pub(super) app: &'a App,
    /// The call.
    pub(super) method: Method,
}

/// The parameters of a request: those of the query, and those of the form, which win.
pub(super) fn parameters(request: &Request) -> Parameters {
    let query = request.target().split_once('?').map_or("", |(_, query)| query);
    let mut parameters = wire::read_form(query.as_bytes());
    if request.method == channel::Method::Post {
        parameters.extend(wire::read_form(&request.body));
    }
    parameters
}

/// The call that the parameters name.
pub(super) fn method(parameters: &Parameters) -> Option<Method> {
    Method::from_name(parameters.get("method")?)
}

/// The app that signed, or why the gate stays shut. `clocks` are the times that a sender may have.
pub(super) fn admit<'a>(
    world: &'a World,
    parameters: &Parameters,
    clocks: [Timestamp; 2],
) -> Result<Admitted<'a>, Refusal> {
    let app_id = wanted(parameters, "app_id", "isv.missing-app-id")?;
    let app = world
        .app(app_id)
        .ok_or_else(|| Refusal::invalid("isv.invalid-app-id", "无效的AppID参数"))?;
    wanted(parameters, "method", "isv.missing-method")?;
    let method = method(parameters)
        .ok_or_else(|| Refusal::invalid("isv.invalid-method", "不存在的方法名"))?;
    check_common(parameters)?;
    check_time(parameters, clocks)?;
    check_certificates(world, app, parameters)?;
    check_signature(app, parameters)?;
    Ok(Admitted { app, method })
}

/// The app as it acts for the merchant whose token is given, or for itself. What such a token allows is
/// looked at behind the gate, so a refusal is signed.
pub(super) fn acting<'a>(
    world: &'a World,
    app: &'a App,
    parameters: &Parameters,
) -> Result<&'a App, Refusal> {
    let token = parameters.get("app_auth_token").filter(|token| !token.is_empty());
    match token {
        None => Ok(app),
        Some(token) => world.acting(&app.app_id, token).ok_or_else(Refusal::token),
    }
}

fn check_common(parameters: &Parameters) -> Result<(), Refusal> {
    if wanted(parameters, "version", "isv.missing-version")? != "1.0" {
        return Err(Refusal::invalid("isv.invalid-version", "无效的版本参数"));
    }
    let charset = wanted(parameters, "charset", "isv.missing-charset")?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return Err(Refusal::invalid("isv.invalid-charset", "字符集错误"));
    }
    let format = parameters.get("format").filter(|format| !format.is_empty());
    match format.is_none_or(|format| format.eq_ignore_ascii_case("json")) {
        true => Ok(()),
        false => Err(Refusal::invalid("isv.invalid-format", "无效的数据格式")),
    }
}

fn check_time(parameters: &Parameters, clocks: [Timestamp; 2]) -> Result<(), Refusal> {
    let text = wanted(parameters, "timestamp", "isv.missing-timestamp")?;
    let at = wire::read_time(text)
        .ok_or_else(|| Refusal::invalid("isv.invalid-timestamp", "非法的时间戳参数"))?;
    check_near(at, clocks)
}

/// A request's time is near one of the times that its sender may have.
pub(super) fn check_near(at: Timestamp, clocks: [Timestamp; 2]) -> Result<(), Refusal> {
    let is_near = |now: &Timestamp| now.seconds().abs_diff(at.seconds()) < CLOCK_SKEW_SECONDS;
    match clocks.iter().any(is_near) {
        true => Ok(()),
        false => Err(Refusal::invalid("isv.invalid-timestamp", "非法的时间戳参数")),
    }
}

/// An app that names its certificate names the right one, and the right authorities.
pub(super) fn check_certificates(
    world: &World,
    app: &App,
    parameters: &Parameters,
) -> Result<(), Refusal> {
    let given = |name: &str| parameters.get(name).filter(|sn| !sn.is_empty());
    let Some(own) = given(sign::APP_CERT_SN) else { return Ok(()) };
    if app.cert_sn.as_ref() != Some(own) {
        return Err(Refusal::invalid("isv.invalid-app-cert-sn", "应用公钥证书SN校验失败"));
    }
    let roots = wanted(parameters, sign::ROOT_CERT_SN, "isv.missing-alipay-root-cert-sn")?;
    match world.certificates.as_ref().is_some_and(|known| known.root_cert_sn == roots) {
        true => Ok(()),
        false => Err(Refusal::invalid("isv.invalid-alipay-root-cert-sn", "支付宝根证书SN校验失败")),
    }
}

/// Whether the app signed these parameters.
pub(super) fn check_signature(app: &App, parameters: &Parameters) -> Result<(), Refusal> {
    if wanted(parameters, sign::SIGN_TYPE, "isv.missing-signature-type")? != RSA2 {
        return Err(Refusal::invalid("isv.invalid-signature-type", "无效的签名类型"));
    }
    let signature = wanted(parameters, sign::SIGN, "isv.missing-signature")?;
    let text = sign::request_text(parameters);
    match app.verifier.verify(&text, signature) {
        true => Ok(()),
        false => Err(Refusal::signature(&String::from_utf8_lossy(&text))),
    }
}

fn wanted<'a>(parameters: &'a Parameters, name: &str, sub_code: &str) -> Result<&'a str, Refusal> {
    let value = parameters.get(name).map(|value| &**value).filter(|value| !value.is_empty());
    value.ok_or_else(|| Refusal::missing(sub_code, &format!("缺少{name}参数")))
}
