//! The app on the phone: what it opens, and what it refuses.

use super::stage::*;
use channel::{Connection, Counterpart, Finding, PhoneFault, PhoneOutcome, Scene};
use serde_json::Value;

fn refusal(stage: &mut Stage, pay_info: &str) -> String {
    match stage.phone(pay_info, PhoneOutcome::Success) {
        Err(PhoneFault::Refused(text)) => text,
        other => panic!("want a refusal, found {other:?}"),
    }
}

fn changed(pay_info: &str, name: &str, value: &str) -> String {
    let mut object: Value = serde_json::from_str(pay_info).expect("an object");
    object[name] = Value::from(value);
    object.to_string()
}

/// A signature that holds, over other members.
fn check_members(connection: &dyn Connection, scene: Scene, members: &[(&str, &str, &str)]) {
    let mut stage = Stage::new();
    let pay_info = stage.place(connection, &order("T12345", scene)).text;
    for (name, value, want) in members {
        assert_eq!(refusal(&mut stage, &changed(&pay_info, name, value)), *want, "{name}");
    }
    assert_eq!(stage.ask(connection, &query("T12345")), Finding::Pending);
    stage.phone(&pay_info, PhoneOutcome::Success).expect("the phone pays");
    assert_eq!(refusal(&mut stage, &pay_info), "订单已支付，请勿重复支付");
    assert_eq!(stage.outgoing.len(), 1);
}

#[test]
fn the_bridge_checks_what_the_merchant_signed() {
    let members = [
        ("appId", "wx0", "商家签名有误"),
        ("timeStamp", "1", "商家签名有误"),
        ("nonceStr", "n", "商家签名有误"),
        ("paySign", "c2lnbmVk", "商家签名有误"),
        ("signType", "MD5", "signType参数错误"),
        ("package", "prepay=1", "package参数错误"),
        ("package", "prepay_id=wx1", "支付订单不存在"),
    ];
    check_members(&*direct(), Scene::MiniProgram, &members);
    check_members(&*partner(), Scene::Public, &members);
}

#[test]
fn the_sdk_checks_what_the_merchant_signed() {
    let members = [
        ("appid", "wx0", "商家签名有误"),
        ("timestamp", "1", "商家签名有误"),
        ("noncestr", "n", "商家签名有误"),
        ("sign", "c2lnbmVk", "商家签名有误"),
        ("partnerid", "1900000002", "partnerid或package参数错误"),
        ("package", "x", "partnerid或package参数错误"),
        ("prepayid", "wx1", "支付订单不存在"),
    ];
    check_members(&*direct(), Scene::App, &members);
    check_members(&*partner(), Scene::App, &members);
}

#[test]
fn another_key_or_app_does_not_open_the_cashier() {
    let mut stage = Stage::new();
    let connection = direct();
    let pay_info = stage.place(&*connection, &order("T12345", Scene::Public)).text;
    let object: Value = serde_json::from_str(&pay_info).expect("an object");
    let text = |name: &str| object[name].as_str().expect("text").to_owned();
    let sign = |pem: &str, appid: &str| {
        let signed = crate::sign::client_text(
            appid,
            &text("timeStamp"),
            &text("nonceStr"),
            &text("package"),
        );
        let signer = crypto::rsa::Signer::from_pem(pem).expect("the key is sound");
        let signature = signer.sign(&signed).expect("it signs");
        changed(&changed(&pay_info, "appId", appid), "paySign", &signature)
    };
    let (own, other) = (&KEYS.merchant.private_pem, &KEYS.stranger.private_pem);
    assert_eq!(refusal(&mut stage, &sign(other, APPID)), "商家签名有误");
    assert_eq!(refusal(&mut stage, &sign(own, SUB_APPID)), "商家签名有误");
    stage.phone(&sign(own, APPID), PhoneOutcome::Success).expect("the phone pays");
}

#[test]
fn what_was_handed_over_ages() {
    for (scene, seconds) in [(Scene::Public, 7_200), (Scene::Pc, 7_200), (Scene::H5, 300)] {
        let (mut stage, connection) = (Stage::new(), direct());
        let pay_info = stage.place(&*connection, &order("T12345", scene)).text;
        stage.later(seconds);
        assert_eq!(refusal(&mut stage, &pay_info), "支付会话已过期，请重新下单");
        stage.later(-1);
        stage.phone(&pay_info, PhoneOutcome::Success).expect("the phone pays");
    }
}

#[test]
fn an_order_past_its_end_is_not_paid() {
    let (mut stage, connection) = (Stage::new(), direct());
    let soon = channel::Place { expires_at: START.plus_seconds(90), ..order("T12345", Scene::Pc) };
    let pay_info = stage.place(&*connection, &soon).text;
    stage.later(90);
    assert_eq!(refusal(&mut stage, &pay_info), "订单已关闭或已过期");
}

#[test]
fn a_failed_or_left_cashier_pays_nothing() {
    let (mut stage, connection) = (Stage::new(), direct());
    let pay_info = stage.place(&*connection, &order("T12345", Scene::Pc)).text;
    for outcome in [PhoneOutcome::Fail, PhoneOutcome::Cancel] {
        stage.phone(&pay_info, outcome).expect("the cashier opens");
        assert_eq!(stage.ask(&*connection, &query("T12345")), Finding::Pending);
    }
    assert!(stage.outgoing.is_empty());
    let listed = stage.counterpart.transactions(&stage.documents, 9).expect("memory does not fail");
    assert!(listed[0].contains("银行卡余额不足"));
    stage.phone(&pay_info, PhoneOutcome::Success).expect("the phone pays");
}

#[test]
fn what_is_not_wechats_is_left_to_others() {
    let mut stage = Stage::new();
    for text in ["", "{}", "[]", "https://qr.alipay.com/bax", "app_id=1&sign=2", "{\"sign\":1}"] {
        assert_eq!(stage.phone(text, PhoneOutcome::Success), Err(PhoneFault::NotMine), "{text}");
    }
    for text in [
        "weixin://wxpay/bizpayurl",
        "weixin://wxpay/bizpayurl?pr=1",
        "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx1",
        "{\"paySign\":\"x\"}",
    ] {
        refusal(&mut stage, text);
    }
}

/// The same values under other names; without a name they are left out.
fn renamed(pay_info: &str, names: &[(&str, Option<&str>)]) -> String {
    let object: Value = serde_json::from_str(pay_info).expect("an object");
    let mut other = serde_json::Map::new();
    for (name, value) in object.as_object().expect("an object") {
        let new = names.iter().find(|(old, _)| old == name).map_or(Some(&**name), |(_, new)| *new);
        if let Some(new) = new {
            other.insert(new.to_owned(), value.clone());
        }
    }
    Value::Object(other).to_string()
}

/// The shape opens the cashier with the merchant's signature, and with no other.
fn check_shape(scene: Scene, names: &[(&str, Option<&str>)], sign: &str) {
    for connection in [direct(), partner()] {
        let mut stage = Stage::new();
        let pay_info = stage.place(&*connection, &order("T12345", scene)).text;
        let handed = renamed(&pay_info, names);
        let forged = changed(&handed, sign, "c2lnbmVk");
        assert_eq!(refusal(&mut stage, &forged), "商家签名有误", "{handed}");
        stage.phone(&handed, PhoneOutcome::Success).unwrap_or_else(|why| panic!("{handed}: {why}"));
    }
}

#[test]
fn a_mini_program_names_no_app() {
    check_shape(Scene::MiniProgram, &[("appId", None)], "paySign");
    // It does not look at a member that it does not have.
    check_shape(Scene::MiniProgram, &[("appId", Some("appid"))], "paySign");
}

#[test]
fn a_page_can_spell_its_time_as_choose_wxpay_does() {
    let small = [("timeStamp", Some("timestamp"))];
    check_shape(Scene::Public, &small, "paySign");
    check_shape(Scene::Public, &[small[0], ("appId", None)], "paySign");
}

#[test]
fn an_app_can_spell_its_members_as_android_does() {
    let mut names = [
        ("appid", Some("appId")),
        ("partnerid", Some("partnerId")),
        ("prepayid", Some("prepayId")),
        ("package", Some("packageValue")),
        ("noncestr", Some("nonceStr")),
        ("timestamp", Some("timeStamp")),
    ];
    check_shape(Scene::App, &names, "sign");
    names[3].1 = Some("package");
    check_shape(Scene::App, &names, "sign");
    names[0].1 = None;
    check_shape(Scene::App, &names, "sign");
}

#[test]
fn an_app_can_mix_spellings_and_leave_out_its_name() {
    check_shape(Scene::App, &[("appid", None)], "sign");
    check_shape(Scene::App, &[("appid", None), ("partnerid", None)], "sign");
    check_shape(Scene::App, &[("appid", Some("appId")), ("noncestr", Some("nonceStr"))], "sign");
}

#[test]
fn a_time_is_a_number_only_where_it_is_spelled_small() {
    for (scene, name, is_taken) in [
        (Scene::Public, "timestamp", true),
        (Scene::Public, "timeStamp", false),
        (Scene::App, "timestamp", true),
        (Scene::App, "timeStamp", false),
    ] {
        let (mut stage, connection) = (Stage::new(), direct());
        let pay_info = stage.place(&*connection, &order("T12345", scene)).text;
        let names = [("timeStamp", Some(name)), ("timestamp", Some(name))];
        let mut object: Value =
            serde_json::from_str(&renamed(&pay_info, &names)).expect("an object");
        object[name] = Value::from(START.seconds());
        let paid = stage.phone(&object.to_string(), PhoneOutcome::Success);
        assert_eq!(paid.is_ok(), is_taken, "{scene:?} {name}");
    }
}

#[test]
fn a_signature_over_another_app_is_refused_where_the_client_names_none() {
    let (mut stage, connection) = (Stage::new(), direct());
    let pay_info = stage.place(&*connection, &order("T12345", Scene::MiniProgram)).text;
    let object: Value = serde_json::from_str(&pay_info).expect("an object");
    let text = |name: &str| object[name].as_str().expect("text").to_owned();
    let signed = crate::sign::client_text(
        SUB_APPID,
        &text("timeStamp"),
        &text("nonceStr"),
        &text("package"),
    );
    let signer = crypto::rsa::Signer::from_pem(&KEYS.merchant.private_pem).expect("a sound key");
    let signature = signer.sign(&signed).expect("it signs");
    let handed = changed(&renamed(&pay_info, &[("appId", None)]), "paySign", &signature);
    assert_eq!(refusal(&mut stage, &handed), "商家签名有误");
}
