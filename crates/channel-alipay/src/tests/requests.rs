//! Instructions to requests and pay infos.

use super::*;
use crate::wire::read_form;
use channel::{EncodeFault, Method, PayForm, PayInfo};
use serde_json::{Value, json};

const CREATE: &str = include_str!("../../golden/create.form");
const WAP: &str = include_str!("../../golden/wap.query");
const APP: &str = include_str!("../../golden/app.query");
const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";

/// The pay info of an order with which nothing is sent.
fn answered(connection: &dyn Connection, scene: Scene) -> PayInfo {
    match connection.encode(&placing(scene), &context()) {
        Ok(Step::Answer(Finding::Placed(pay_info))) => pay_info,
        other => panic!("pay info wanted: {other:?}"),
    }
}

/// `method` and `biz_content` of a request.
fn content(request: &Request) -> (String, Value) {
    let parameters = read_form(&request.body);
    let content = serde_json::from_str(&parameters["biz_content"]).expect("JSON");
    (parameters["method"].clone(), content)
}

#[test]
fn an_order_is_the_form_that_another_implementation_signs() {
    let request = request(&*connection(), &placing(Scene::MiniProgram));
    assert_eq!(
        (request.method, &*request.url),
        (Method::Post, &*format!("{GATEWAY}?charset=utf-8"))
    );
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded;charset=utf-8")
    );
    assert_eq!(read_form(&request.body), read_form(CREATE.as_bytes()));
}

#[test]
fn a_key_in_any_form_signs_alike() {
    let wanted = request(&*connection(), &placing(Scene::MiniProgram));
    let bare =
        |pem: &str| pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    for key in [APP_KEY_PKCS1.to_owned(), bare(APP_KEY), bare(APP_KEY_PKCS1)] {
        let connection = connection_and(&[("app_private_key", &key)]);
        assert!(request(&*connection, &placing(Scene::MiniProgram)) == wanted);
    }
}

#[test]
fn a_browser_and_an_app_get_signed_texts_and_nothing_is_sent() {
    let h5 = answered(&*connection(), Scene::H5);
    assert_eq!((h5.form, h5.valid_until), (PayForm::JumpUrl, place().expires_at));
    let query = h5.text.strip_prefix(&format!("{GATEWAY}?")).expect("the gateway");
    assert_eq!(read_form(query.as_bytes()), read_form(WAP.as_bytes()));
    let app = answered(&*connection(), Scene::App);
    assert_eq!(app.form, PayForm::AppSdk);
    assert_eq!(read_form(app.text.as_bytes()), read_form(APP.as_bytes()));
    let page = answered(&*connection_and(&[("pc", "page")]), Scene::Pc);
    assert_eq!(page.form, PayForm::JumpUrl);
    let parameters = read_form(page.text.split_once('?').expect("a query").1.as_bytes());
    assert_eq!(parameters["method"], "alipay.trade.page.pay");
    assert!(parameters["biz_content"].contains("FAST_INSTANT_TRADE_PAY"));
    assert_eq!(parameters["return_url"], "https://shop.example/?a=1&b=币");
}

#[test]
fn payers_are_named_by_number_or_as_the_app_knows_them() {
    let open_id = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5";
    for (user_id, scene, member) in [
        (BUYER_ID, Scene::Public, "buyer_id"),
        (open_id, Scene::MiniProgram, "buyer_open_id"),
        ("2088", Scene::Public, "buyer_open_id"),
    ] {
        let payer = Payer { user_id: Some(user_id.into()), ..Payer::default() };
        let asked = Instruction::Place(Box::new(Place { scene, payer, ..place() }));
        let (method, content) = content(&request(&*connection(), &asked));
        assert_eq!(method, "alipay.trade.create");
        assert_eq!(content[member], user_id);
        let is_in_page = scene == Scene::Public;
        let product = if is_in_page { "FACE_TO_FACE_PAYMENT" } else { "JSAPI_PAY" };
        assert_eq!(content["product_code"], product);
        assert_eq!(content.get("op_app_id").is_some(), !is_in_page);
    }
    let (_, content) = content(&request(&*connection(), &placing(Scene::Pc)));
    let has = |name| content.get(name).is_some();
    assert!(!has("buyer_id") && !has("buyer_open_id") && !has("quit_url"), "{content}");
}

#[test]
fn every_other_call_says_what_it_is_about() {
    let number = json!({ "out_trade_no": NUMBER });
    for (asked, method, wanted) in [
        (query(), "alipay.trade.query", number.clone()),
        (close(), "alipay.trade.close", number),
        (
            refunding(),
            "alipay.trade.refund",
            json!({
                "out_trade_no": NUMBER, "trade_no": TRADE_NO, "refund_amount": "3.00",
                "out_request_no": REFUND_NUMBER, "refund_reason": "订单已关闭，款项原路退回",
            }),
        ),
        (
            query_refund(),
            "alipay.trade.fastpay.refund.query",
            json!({
                "out_trade_no": NUMBER, "out_request_no": REFUND_NUMBER,
                "query_options": ["gmt_refund_pay"],
            }),
        ),
    ] {
        let request = request(&*connection(), &asked);
        assert_eq!(content(&request), (method.to_owned(), wanted));
        assert!(!read_form(&request.body).contains_key("notify_url"));
    }
}

#[test]
fn an_order_ends_at_the_time_that_its_placing_fixed() {
    for (expires_in, wanted) in [
        (0, "2023-04-19 09:24:16"),
        (1800, "2023-04-19 09:53:16"),
        (40 * 86_400, "2023-05-04 09:23:16"),
    ] {
        let expires_at = NOW.plus_seconds(expires_in);
        let asked = Instruction::Place(Box::new(Place { expires_at, ..place() }));
        let (_, content) = content(&request(&*connection(), &asked));
        assert_eq!(content["time_expire"], wanted);
    }
}

#[test]
fn what_the_channel_cannot_carry_out_is_named() {
    let nobody = Payer::default();
    for (place, field) in [
        (Place { scene: Scene::Agreement, ..place() }, "scene"),
        (Place { scene: Scene::Swipe, ..place() }, "payment_code"),
        (Place { payer: nobody, ..place() }, "payer.user_id"),
        (Place { amount: Fen::ZERO, ..place() }, "amount"),
        (Place { amount: Fen::new(10_000_000_001), ..place() }, "amount"),
        (Place { channel_order_no: "a-b".into(), ..place() }, "number"),
        (Place { channel_order_no: "a".repeat(65), ..place() }, "number"),
    ] {
        let fault = connection().encode(&Instruction::Place(Box::new(place)), &context());
        let Err(EncodeFault::Unsupported { field: found, .. }) = fault else {
            panic!("{field}: {fault:?}")
        };
        assert_eq!(found, field);
    }
}

/// The token is one of the signed parameters, and the order is placed in the merchant's mini program.
#[test]
fn acting_for_a_merchant_is_signed() {
    let connection = connection_and(&ACTING);
    for asked in [placing(Scene::MiniProgram), query(), refunding()] {
        let parameters = read_form(&request(&*connection, &asked).body);
        assert_eq!(parameters["app_auth_token"], ACTING[0].1);
        let app = crate::settings::verifier(APP_PUBLIC).expect("a golden key");
        let text = crate::sign::request_text(&parameters);
        assert!(app.verify(&text, &parameters["sign"]));
        let name = format!("app_auth_token={}", ACTING[0].1);
        assert!(String::from_utf8_lossy(&text).contains(&name));
    }
    let (_, order) = content(&request(&*connection, &placing(Scene::MiniProgram)));
    assert_eq!(order["op_app_id"], MERCHANT_APP_ID);
}
