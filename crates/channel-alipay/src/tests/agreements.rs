//! Agreements and debits by them: requests, answers and callbacks.

use super::*;
use crate::sign::callback_text;
use crate::wire::{Parameters, form, read_form};
use channel::{
    AgreementCallback, AgreementFound, AgreementReference, AgreementStatus, Callback,
    DebitAgreement, EncodeFault, Method, PayForm, PayInfo, PeriodRule, PeriodUnit, PlacedAgreement,
    SignAgreement, TerminateAgreement, TerminatedBy, Validity,
};
use serde_json::{Value, json};

const SIGN_PERIODIC: &str = include_str!("../../golden/sign_periodic.query");
const DEBIT: &str = include_str!("../../golden/debit.form");
const UNSIGN: &str = include_str!("../../golden/unsign.form");
const SIGNED: &str = include_str!("../../golden/signed.form");

pub(crate) const AGREEMENT_NUMBER: &str = "A2023041900001";
pub(crate) const AGREEMENT_NO: &str = "20235419000458725113";
/// One template of each product.
pub(crate) const TEMPLATES: (&str, &str) =
    ("agreements", "club=INDUSTRY|CLUB;rent=INDUSTRY|RENT,CYCLE_PAY_AUTH");

pub(crate) fn account() -> Box<dyn Connection> {
    connection_and(&[TEMPLATES])
}

pub(crate) fn signing() -> SignAgreement {
    SignAgreement {
        channel_agreement_no: AGREEMENT_NUMBER.into(),
        template: Some("club".into()),
        scene: Scene::H5,
        display_name: "茶友 17".into(),
        period: None,
        validity: None,
        payer: Payer::default(),
        placed_at: NOW,
        expires_at: NOW.plus_seconds(30 * 60),
        callback_url: "https://pay.example.com/alipay/notify".into(),
        front_url: Some("https://shop.example/?a=1&b=币".into()),
    }
}

/// By month, from the 28th on.
pub(crate) fn monthly() -> PeriodRule {
    PeriodRule {
        unit: PeriodUnit::Month,
        every: 1,
        first_on: Timestamp::from_seconds(1_682_640_000),
        single_amount: Fen::new(9_900),
        total_amount: Some(Fen::new(118_800)),
        payments: Some(12),
    }
}

pub(crate) fn renting() -> SignAgreement {
    SignAgreement {
        template: Some("rent".into()),
        period: Some(monthly()),
        validity: Some(Validity::Months(12)),
        ..signing()
    }
}

fn page(connection: &dyn Connection, asked: &SignAgreement) -> Result<PayInfo, EncodeFault> {
    let asked = Instruction::SignAgreement(Box::new(asked.clone()));
    match connection.encode(&asked, &context())? {
        Step::Answer(Finding::Placed(page)) => Ok(page),
        other => panic!("a page wanted: {other:?}"),
    }
}

pub(crate) fn placed_agreement(reference: Option<&str>) -> PlacedAgreement {
    PlacedAgreement {
        channel_agreement_no: AGREEMENT_NUMBER.into(),
        template: Some("club".into()),
        agreement_reference: reference.map(|text| AgreementReference::new(text.to_owned())),
        placed_at: NOW,
        was_signed: reference.is_some(),
    }
}

pub(crate) fn query_agreement(reference: Option<&str>) -> Instruction {
    Instruction::QueryAgreement(placed_agreement(reference))
}

pub(crate) fn terminate(reference: Option<&str>) -> Instruction {
    Instruction::TerminateAgreement(Box::new(TerminateAgreement {
        agreement: placed_agreement(reference),
        reason: "退会".into(),
        callback_url: "https://pay.example.com/alipay/notify".into(),
    }))
}

pub(crate) fn debiting(reference: &str, template: &str) -> Place {
    Place {
        scene: Scene::Authorize,
        agreement: Some(DebitAgreement {
            channel_agreement_no: AGREEMENT_NUMBER.into(),
            agreement_reference: AgreementReference::new(reference.to_owned()),
            template: Some(template.to_owned()),
        }),
        ..place()
    }
}

fn debit() -> Instruction {
    Instruction::Place(Box::new(debiting(AGREEMENT_NO, "club")))
}

/// The link as an app's text, and what stands behind it.
fn behind(text: &str) -> Parameters {
    let query = text.split_once("sign_params=").expect("a link to the app").1;
    read_form(read_form(format!("q={query}").as_bytes())["q"].as_bytes())
}

#[test]
fn a_page_is_the_link_that_another_implementation_signs() {
    let shown = page(&*account(), &renting()).expect("it encodes");
    assert_eq!((shown.form, shown.valid_until), (PayForm::JumpUrl, renting().expires_at));
    let link = "alipays://platformapi/startapp?appId=60000157&appClearTop=false&startMultApp=YES&";
    assert!(shown.text.starts_with(link), "{}", shown.text);
    assert_eq!(behind(&shown.text), read_form(SIGN_PERIODIC.as_bytes()));
}

#[test]
fn each_client_opens_the_page_in_its_own_way() {
    let gateway = "https://openapi.alipay.com/gateway.do?";
    for (scene, pc, form, channel) in [
        (Scene::MiniProgram, "", PayForm::Jsapi, "ALIPAYAPP"),
        (Scene::Public, "", PayForm::JumpUrl, "ALIPAYAPP"),
        (Scene::H5, "", PayForm::JumpUrl, "ALIPAYAPP"),
        (Scene::App, "", PayForm::JumpUrl, "ALIPAYAPP"),
        (Scene::Pc, "", PayForm::QrCode, "QRCODE"),
        (Scene::Pc, "page", PayForm::JumpUrl, "QRCODEORSMS"),
    ] {
        let connection = connection_and(&[TEMPLATES, ("pc", pc)]);
        let shown = page(&*connection, &SignAgreement { scene, ..signing() }).expect("it encodes");
        assert_eq!(shown.form, form, "{scene:?}");
        let parameters = match scene {
            Scene::MiniProgram => {
                let handed: Value = serde_json::from_str(&shown.text).expect("JSON");
                read_form(handed["signStr"].as_str().expect("text").as_bytes())
            }
            Scene::Pc => read_form(shown.text.strip_prefix(gateway).expect("a link").as_bytes()),
            _ => behind(&shown.text),
        };
        assert_eq!(parameters["method"], "alipay.user.agreement.page.sign");
        let content: Value = serde_json::from_str(&parameters["biz_content"]).expect("JSON");
        assert_eq!(content["access_params"]["channel"], channel, "{scene:?}");
        assert_eq!(content["product_code"], "GENERAL_WITHHOLDING");
        assert_eq!(content["personal_product_code"], "GENERAL_WITHHOLDING_P");
        assert_eq!(content["effect_time"], 1800);
        assert!(content.get("period_rule_params").is_none());
    }
}

#[test]
fn what_cannot_be_signed_is_named() {
    let rule = monthly();
    let by = |period: PeriodRule| SignAgreement { period: Some(period), ..renting() };
    let day = |every| PeriodRule { unit: PeriodUnit::Day, every, ..rule };
    for (asked, field) in [
        (SignAgreement { template: None, ..signing() }, "template"),
        (SignAgreement { template: Some("none".into()), ..signing() }, "template"),
        (SignAgreement { channel_agreement_no: "A_1".into(), ..signing() }, "number"),
        (SignAgreement { channel_agreement_no: "A".repeat(33), ..signing() }, "number"),
        (SignAgreement { display_name: "长".repeat(101), ..signing() }, "display_name"),
        (SignAgreement { scene: Scene::Swipe, ..signing() }, "scene"),
        (SignAgreement { scene: Scene::Agreement, ..signing() }, "scene"),
        (SignAgreement { period: Some(rule), ..signing() }, "period"),
        (SignAgreement { period: None, ..renting() }, "period"),
        (by(day(6)), "period"),
        (by(PeriodRule { every: 0, ..rule }), "period"),
        (by(PeriodRule { first_on: rule.first_on.plus_seconds(86_400), ..rule }), "period"),
        (by(PeriodRule { single_amount: Fen::ZERO, ..rule }), "period"),
        (by(PeriodRule { total_amount: Some(Fen::ZERO), ..rule }), "period"),
        (by(PeriodRule { payments: Some(0), ..rule }), "period"),
        (SignAgreement { validity: Some(Validity::Days(0)), ..signing() }, "validity"),
    ] {
        let found = page(&*account(), &asked);
        let Err(EncodeFault::Unsupported { field: found, .. }) = found else {
            panic!("{field}: {found:?}")
        };
        assert_eq!(found, field);
    }
    page(&*account(), &by(day(7))).expect("a week is a period");
}

/// An account without templates has no agreements; what was signed by a template that is gone is a fault
/// of the account, which proves nothing about the agreement.
#[test]
fn templates_decide_what_an_account_has() {
    assert_eq!(connection().agreements(), None);
    assert!(account().agreements().is_some_and(|rules| rules.cancels_debits));
    let none = page(&*connection(), &signing());
    assert!(matches!(none, Err(EncodeFault::Unsupported { field: "agreement", .. })), "{none:?}");
    let placing = connection().encode(&debit(), &context());
    assert!(matches!(placing, Err(EncodeFault::Unsupported { field: "scene", .. })), "{placing:?}");
    let other = connection_and(&[("agreements", "other=INDUSTRY|OTHER")]);
    for asked in [query_agreement(None), terminate(None), debit()] {
        let fault = other.encode(&asked, &context());
        assert!(matches!(fault, Err(EncodeFault::Account { name: "agreements", .. })), "{fault:?}");
    }
    let without = Place { agreement: None, ..debiting(AGREEMENT_NO, "club") };
    let fault = account().encode(&Instruction::Place(Box::new(without)), &context());
    assert!(matches!(fault, Err(EncodeFault::Unsupported { field: "agreement", .. })), "{fault:?}");
}

#[test]
fn calls_are_the_forms_that_another_implementation_signs() {
    for (asked, golden) in [(debit(), DEBIT), (terminate(Some(AGREEMENT_NO)), UNSIGN)] {
        let request = request(&*account(), &asked);
        assert_eq!(read_form(&request.body), read_form(golden.as_bytes()));
        assert!(!format!("{request:?}{asked:?}").contains(AGREEMENT_NO), "it is a secret");
    }
    let by_names = json!({
        "personal_product_code": "GENERAL_WITHHOLDING_P", "sign_scene": "INDUSTRY|CLUB",
        "external_agreement_no": AGREEMENT_NUMBER,
    });
    for (asked, method, wanted) in [
        (query_agreement(None), "query", by_names.clone()),
        (query_agreement(Some(AGREEMENT_NO)), "query", json!({ "agreement_no": AGREEMENT_NO })),
        (terminate(None), "unsign", by_names),
    ] {
        let parameters = read_form(&request(&*account(), &asked).body);
        assert_eq!(parameters["method"], format!("alipay.user.agreement.{method}"));
        let content: Value = serde_json::from_str(&parameters["biz_content"]).expect("JSON");
        assert_eq!(content, wanted);
    }
}

fn read(asked: &Instruction, content: &str) -> Finding {
    let member = match asked {
        Instruction::QueryAgreement(_) => "alipay_user_agreement_query_response",
        Instruction::TerminateAgreement(_) => "alipay_user_agreement_unsign_response",
        Instruction::Query(_) => "alipay_trade_query_response",
        _ => "alipay_trade_pay_response",
    };
    account().decode(asked, &answer_in(member, content), &context())
}

fn described(status: &str, more: &Value) -> String {
    let mut content = json!({
        "code": "10000", "msg": "Success", "agreement_no": AGREEMENT_NO, "status": status,
        "external_agreement_no": AGREEMENT_NUMBER, "sign_time": "2023-04-19 09:24:00",
        "valid_time": "2023-04-19 09:24:00", "invalid_time": "2115-02-01 00:00:00",
        "alipay_logon_id": "159****5620",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        content[name] = value.clone();
    }
    content.to_string()
}

fn agreement() -> AgreementFound {
    let signed_at = Some(Timestamp::from_seconds(1_681_867_440));
    AgreementFound {
        agreement_reference: Some(AgreementReference::new(AGREEMENT_NO.to_owned())),
        signed_at,
        valid_from: signed_at,
        payer_account: Some("159****5620".to_owned()),
        reported_at: signed_at,
        ..AgreementFound::new(AGREEMENT_NUMBER.to_owned(), AgreementStatus::Signed)
    }
}

#[test]
fn an_agreement_is_read_from_its_query() {
    let asked = query_agreement(None);
    let wanted = Finding::Agreement(Box::new(agreement()));
    assert_eq!(read(&asked, &described("NORMAL", &json!({}))), wanted);
    assert!(!format!("{wanted:?} {}", wanted.describe()).contains(AGREEMENT_NO));
    let planned = json!({
        "invalid_time": "2024-04-19 09:24:00", "next_deduct_time": "2023-04-28",
    });
    let Finding::Agreement(found) = read(&asked, &described("STOP", &planned)) else {
        panic!("an agreement wanted")
    };
    assert_eq!(found.status, AgreementStatus::Paused);
    assert_eq!(found.next_debit_at, Some(monthly().first_on.plus_seconds(-8 * 3600)));
    assert_eq!(found.valid_until, Some(Timestamp::from_seconds(1_713_489_840)));
    let Finding::Agreement(found) = read(&asked, &described("TEMP", &json!({}))) else {
        panic!("an agreement wanted")
    };
    assert_eq!((found.status, found.agreement_reference), (AgreementStatus::Signing, None));
    for (more, name) in [
        (json!({ "external_agreement_no": "A2" }), "mismatch"),
        (json!({ "external_agreement_no": null }), "mismatch"),
        (json!({ "status": "NEW" }), "unknown"),
        (json!({ "agreement_no": "" }), "unknown"),
        (json!({ "agreement_no": null }), "unknown"),
    ] {
        assert_eq!(read(&asked, &described("NORMAL", &more)).name(), name, "{more}");
    }
    let asked = query_agreement(Some("20235419000458725114"));
    let other = read(&asked, &described("NORMAL", &json!({})));
    assert_eq!(other.name(), "mismatch");
    assert!(!other.describe().contains("2023541900045872511"), "{other:?}");
}

#[test]
fn an_end_is_believed_from_a_signed_success() {
    let done = r#"{"code":"10000","msg":"Success"}"#;
    let Finding::Agreement(found) = read(&terminate(Some(AGREEMENT_NO)), done) else {
        panic!("an agreement wanted")
    };
    assert_eq!(found.status, AgreementStatus::Terminated);
    let (by, at) = (found.terminated_by, found.terminated_at);
    assert_eq!((by, at), (Some(TerminatedBy::MerchantApi), Some(NOW)));
}

#[test]
fn refusals_of_calls_about_agreements() {
    for (code, sub_code, queried, terminated, debited) in [
        ("40004", "USER_AGREEMENT_NOT_EXIST", "not_found", "not_found", "refused"),
        (
            "40004",
            "MERCHANT_AGREEMENT_IS_NOT_EXIST",
            "account_fault",
            "account_fault",
            "account_fault",
        ),
        ("40004", "ACQ.AGREEMENT_NOT_EXIST", "not_found", "not_found", "refused"),
        ("40004", "ACQ.AGREEMENT_STATUS_NOT_NORMAL", "unknown", "refused", "refused"),
        ("40004", "ACQ.CYCLE_PAY_DATE_NOT_MATCH", "unknown", "refused", "refused"),
        ("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH", "unknown", "refused", "refused"),
        ("40004", "ACQ.PRODUCT_AMOUNT_LIMIT_ERROR", "unknown", "refused", "refused"),
        ("40004", "ACQ.TRADE_HAS_SUCCESS", "unknown", "unknown", "ask"),
        ("40004", "ACQ.SYSTEM_ERROR", "unknown", "unknown", "unknown"),
        ("40004", "ACQ.A_NEW_ONE", "unknown", "unknown", "unknown"),
        ("20000", "isp.unknow-error", "unknown", "unknown", "unknown"),
        ("20000", "USER_AGREEMENT_NOT_EXIST", "unknown", "unknown", "unknown"),
        ("10003", "", "unknown", "unknown", "pending"),
        ("40005", "isv.app-call-limited", "later", "later", "later"),
        (
            "40006",
            "isv.insufficient-isv-permissions",
            "account_fault",
            "account_fault",
            "account_fault",
        ),
    ] {
        let content = format!(r#"{{"code":"{code}","msg":"m","sub_code":"{sub_code}"}}"#);
        for (asked, wanted) in [
            (query_agreement(Some(AGREEMENT_NO)), queried),
            (terminate(Some(AGREEMENT_NO)), terminated),
            (debit(), debited),
        ] {
            assert_eq!(read(&asked, &content).name(), wanted, "{asked:?} {code} {sub_code}");
        }
    }
}

#[test]
fn words_of_the_channel_do_not_show_the_agreement() {
    let content = format!(
        r#"{{"code":"40004","msg":"m","sub_code":"ACQ.AGREEMENT_INVALID","sub_msg":"协议{AGREEMENT_NO}无效"}}"#
    );
    for asked in [debit(), terminate(Some(AGREEMENT_NO)), query_agreement(Some(AGREEMENT_NO))] {
        let shown = read(&asked, &content).describe();
        assert!(shown.contains("协议***无效"), "{shown}");
    }
}

/// Unlike an order that a payer opens, a debit that the channel does not know is not there.
#[test]
fn a_debit_is_paid_or_not_there() {
    let paid = json!({
        "code": "10000", "msg": "Success", "trade_no": TRADE_NO, "out_trade_no": NUMBER,
        "total_amount": "10.00", "receipt_amount": "10.00", "gmt_payment": "2023-04-19 09:24:00",
    });
    let Finding::Paid(payment) = read(&debit(), &paid.to_string()) else { panic!("paid wanted") };
    assert_eq!((payment.amount, &*payment.payment_reference), (Fen::new(1000), TRADE_NO));
    let not_there = r#"{"code":"40004","msg":"m","sub_code":"ACQ.TRADE_NOT_EXIST"}"#;
    for (is_debit, wanted) in [(true, "not_found"), (false, "pending")] {
        let asked = Instruction::Query(PlacedOrder { is_debit, ..placed() });
        assert_eq!(read(&asked, not_there).name(), wanted);
    }
}

fn received(body: &str) -> Result<Callback, channel::CallbackFault> {
    let request = Request {
        method: Method::Post,
        url: "/channel/demo/callback".into(),
        headers: vec![],
        body: body.as_bytes().to_vec(),
    };
    account().callback(&request, NOW)
}

fn bent(changes: &[(&str, &str)]) -> Result<Callback, channel::CallbackFault> {
    let mut parameters = read_form(SIGNED.as_bytes());
    for (name, value) in changes {
        parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    let signer = Signer::from_pem(ALIPAY_KEY).expect("a golden key");
    let signature = signer.sign(&callback_text(&parameters)).expect("signing works");
    parameters.insert("sign".to_owned(), signature);
    received(&form(&parameters))
}

fn told(changes: &[(&str, &str)]) -> AgreementFound {
    match bent(changes) {
        Ok(Callback::Agreement(AgreementCallback {
            finding: Finding::Agreement(found), ..
        })) => *found,
        other => panic!("an agreement wanted: {other:?}"),
    }
}

#[test]
fn a_signature_is_read_from_what_another_implementation_signed() {
    let wanted = AgreementCallback {
        channel_agreement_no: AGREEMENT_NUMBER.into(),
        finding: Finding::Agreement(Box::new(agreement())),
        callback_id: "2023041900222092402062251400000002".into(),
    };
    assert_eq!(received(SIGNED), Ok(Callback::Agreement(wanted)));
    for body in
        [SIGNED.replace("status=NORMAL", "status=UNSIGN"), SIGNED.replace("&sign=", "&sign_=")]
    {
        assert!(matches!(received(&body), Err(channel::CallbackFault::Forged { .. })), "{body}");
    }
}

/// The end of one agreement may come before its signature: each says when it happened.
#[test]
fn callbacks_say_how_old_they_are() {
    let unsigned = [("notify_type", "dut_user_unsign"), ("status", "UNSIGN")];
    let found = told(&[unsigned[0], unsigned[1], ("unsign_time", "2023-04-19 09:29:00")]);
    assert_eq!((found.status, found.terminated_by), (AgreementStatus::Terminated, None));
    let ended_at = Some(Timestamp::from_seconds(1_681_867_740));
    assert_eq!((found.reported_at, found.terminated_at), (ended_at, ended_at));
    let found = told(&unsigned);
    assert_eq!(found.reported_at, Some(Timestamp::from_seconds(1_681_867_801)));
    assert!(found.reported_at > agreement().reported_at);
}

#[test]
fn a_callback_about_an_agreement_names_its_app_and_our_number() {
    let Ok(Callback::Agreement(callback)) = bent(&[("app_id", "2021000000000009")]) else {
        panic!("about an agreement")
    };
    assert!(matches!(callback.finding, Finding::Mismatch { .. }), "{callback:?}");
    assert!(matches!(bent(&[("external_agreement_no", "")]), Ok(Callback::Other { .. })));
    for name in ["agreement_no", "status", "notify_id"] {
        let read = bent(&[(name, "")]);
        let Err(channel::CallbackFault::Unreadable { why }) = read else {
            panic!("unreadable wanted for {name}: {read:?}")
        };
        assert!(why.starts_with(name), "{why}");
    }
    let Ok(Callback::Agreement(callback)) = bent(&[("status", "NEW")]) else {
        panic!("about an agreement")
    };
    assert!(matches!(callback.finding, Finding::Unknown { .. }), "{callback:?}");
}
