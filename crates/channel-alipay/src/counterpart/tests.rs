//! The counterpart against the codec, and against requests that no codec of ours makes.

use super::*;
use crate::sign::{SignedAnswer, request_text};
use crate::tests::{
    self as codec, ALIPAY_KEY, APP_ID, APP_KEY, APP_PUBLIC, NOW, NUMBER, SELLER_ID,
};
use crate::wire::{form, read_form};
use crate::{Alipay, settings};
use channel::checks::Memory;
use channel::{CallbackFault, Channel as _, Connection, Finding, Instruction, Place, Scene, Step};
use serde_json::{Value, json};

mod acting;
mod agreements;
mod bills;
mod certificates;
mod rest;

/// A merchant for whom the app acts.
const MERCHANT_ID: &str = "2088102146220077";

/// A counterpart with documents in memory and a clock that the test moves.
struct Stage {
    counterpart: AlipayCounterpart,
    documents: Memory,
    now: Timestamp,
    mode: FaultMode,
    outgoing: Vec<OutgoingCallback>,
    drawn: u32,
}

fn counterpart() -> AlipayCounterpart {
    let app = AlipayApp {
        app_id: APP_ID.to_owned(),
        public_key: APP_PUBLIC.to_owned(),
        certificate_pem: Some(codec::certificates::APP_CERTIFICATE.to_owned()),
        seller_id: SELLER_ID.to_owned(),
        mini_programs: vec!["2021000000000002".to_owned()],
        merchants: vec![AlipayMerchant {
            app_auth_token: codec::ACTING[0].1.to_owned(),
            auth_app_id: codec::MERCHANT_APP_ID.to_owned(),
            seller_id: MERCHANT_ID.to_owned(),
        }],
    };
    let certificates = AlipayCertificates {
        alipay_pem: codec::certificates::CERTIFICATE.to_owned(),
        roots_pem: codec::certificates::ROOTS.to_owned(),
    };
    AlipayCounterpart::new(AlipayWorld {
        apps: vec![app],
        private_key: ALIPAY_KEY.to_owned(),
        certificates: Some(certificates),
    })
    .expect("the world is sound")
}

impl Stage {
    fn new() -> Stage {
        Stage {
            counterpart: counterpart(),
            documents: Memory::default(),
            now: NOW,
            mode: FaultMode::Honest,
            outgoing: vec![],
            drawn: 0,
        }
    }

    fn context(&mut self) -> CodecContext {
        self.drawn += 1;
        let nonce = crypto::hash::sha256_hex(&self.drawn.to_be_bytes());
        CodecContext { now: self.now, nonce: nonce.chars().take(32).collect() }
    }

    fn send(&mut self, request: &Request) -> Response {
        let received = Request { url: request.target().to_owned(), ..request.clone() };
        let context = self.context();
        let Stage { counterpart, documents, mode, now, .. } = self;
        let answered = counterpart.receive(documents, mode, &received, &context, *now);
        let (response, outgoing) = answered.expect("memory does not fail");
        self.outgoing.extend(outgoing);
        response
    }

    /// An instruction's way there and back.
    fn ask(&mut self, asked: &Instruction) -> Finding {
        self.ask_by(&*codec::connection(), asked)
    }

    /// The same by a connection of the test's own.
    fn ask_by(&mut self, connection: &dyn Connection, asked: &Instruction) -> Finding {
        let context = self.context();
        match connection.encode(asked, &context).expect("it encodes") {
            Step::Send(request) => {
                let response = self.send(&request);
                connection.decode(asked, &response, &context)
            }
            Step::Answer(finding) => finding,
        }
    }

    fn phone(&mut self, pay_info: &str, outcome: PhoneOutcome) -> Result<String, PhoneFault> {
        let context = self.context();
        let paid = self.counterpart.phone(&mut self.documents, pay_info, outcome, &context);
        let (text, outgoing) = paid?;
        self.outgoing.extend(outgoing);
        Ok(text)
    }

    /// What there is to pay with, of the usual order.
    fn place(&mut self, scene: Scene) -> String {
        match self.ask(&codec::placing(scene)) {
            Finding::Placed(pay_info) => pay_info.text,
            other => panic!("placed wanted: {other:?}"),
        }
    }

    /// A call with parameters of the test's own.
    fn call(&mut self, method: &str, content: &Value, changes: &[(&str, &str)]) -> Value {
        let request = signed(method, content, changes, self.now);
        let response = self.send(&request);
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        let member = format!("{}_response", method.replace('.', "_"));
        body.get(&member).or(body.get("error_response")).cloned().expect("an answer")
    }

    /// What a callback means, as it would be sent now.
    fn told(&mut self) -> Finding {
        self.told_to(&*codec::connection()).expect("it is believed")
    }

    /// The same to a connection of the test's own.
    fn told_to(&mut self, connection: &dyn Connection) -> Result<Finding, CallbackFault> {
        let callback = self.outgoing.pop().expect("a callback");
        let context = self.context();
        let request = self.counterpart.envelope(&self.documents, &callback, &self.mode, &context);
        let request = request.expect("memory does not fail");
        let read = connection.callback(&request, self.now)?;
        Ok(read.order().expect("about an order").finding)
    }
}

/// A request with the usual parameters but these; one that is empty is left out.
fn signed(method: &str, content: &Value, changes: &[(&str, &str)], now: Timestamp) -> Request {
    let mut parameters: Parameters = [
        ("app_id", APP_ID.to_owned()),
        ("method", method.to_owned()),
        ("charset", "utf-8".to_owned()),
        ("sign_type", "RSA2".to_owned()),
        ("timestamp", wire_time(now)),
        ("version", "1.0".to_owned()),
        ("biz_content", content.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in changes {
        parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    let signer = settings::signer(APP_KEY).expect("a golden key");
    let signature = signer.sign(&request_text(&parameters)).expect("signing works");
    parameters.entry("sign".to_owned()).or_insert(signature);
    // Common parameters in the query and the content in the form, as Alipay's own clients send them.
    let content: Parameters = parameters.remove_entry("biz_content").into_iter().collect();
    Request {
        method: channel::Method::Post,
        url: format!("/gateway.do?{}", form(&parameters)),
        headers: vec![],
        body: form(&content).into_bytes(),
    }
}

fn wire_time(at: Timestamp) -> String {
    crate::wire::time_text(at)
}

#[test]
fn the_checks_of_every_channel_hold() {
    let counterpart = counterpart();
    for others in [&[][..], &[("pc", "page")]] {
        channel::checks::all(&channel::checks::Sample {
            about: Alipay.about(),
            connection: &*codec::connection_and(others),
            place: codec::place(),
            refund: codec::refund(),
            context: codec::context(),
            receiver: None,
            counterpart: Some(&counterpart),
        });
    }
}

#[test]
fn an_order_lives_its_life_in_every_scene() {
    for scene in [Scene::MiniProgram, Scene::Public, Scene::Pc, Scene::H5, Scene::App] {
        let mut stage = Stage::new();
        let pay_info = stage.place(scene);
        assert_eq!(stage.ask(&codec::query()), Finding::Pending, "{scene:?}");
        stage.phone(&pay_info, PhoneOutcome::Fail).expect("it opens");
        stage.phone(&pay_info, PhoneOutcome::Cancel).expect("it opens");
        assert_eq!(stage.ask(&codec::query()), Finding::Pending, "{scene:?}");
        stage.phone(&pay_info, PhoneOutcome::Success).expect("it pays");
        let Finding::Paid(payment) = stage.ask(&codec::query()) else { panic!("paid wanted") };
        assert_eq!(stage.told(), Finding::Paid(payment.clone()), "{scene:?}");
        assert_eq!((payment.amount, payment.at), (codec::place().amount, NOW));
        assert!(stage.phone(&pay_info, PhoneOutcome::Success).is_err(), "paid twice");
        assert!(matches!(stage.ask(&codec::close()), Finding::Ask { .. }));
        if matches!(scene, Scene::Public | Scene::Pc) {
            assert!(matches!(stage.ask(&codec::placing(scene)), Finding::Ask { .. }));
        }

        let asked = channel::Refund {
            payment_reference: payment.payment_reference.clone(),
            ..codec::refund()
        };
        let asked = Instruction::Refund(Box::new(asked));
        assert_eq!(stage.ask(&codec::query_refund()), Finding::NotFound);
        let Finding::Refund(first) = stage.ask(&asked) else { panic!("refunded wanted") };
        assert_eq!(stage.told(), Finding::Paid(payment.clone()), "a refund tells of the trade");
        assert!(matches!(stage.ask(&asked), Finding::Unknown { .. }), "no money moves twice");
        assert!(stage.outgoing.is_empty());
        assert_eq!(stage.ask(&codec::query_refund()), Finding::Refund(first));
        assert_eq!(stage.ask(&codec::query()), Finding::Paid(payment));
    }
}

#[test]
fn a_code_that_was_ordered_again_leads_to_the_same_order() {
    for newest_first in [false, true] {
        let mut stage = Stage::new();
        let mut codes = [stage.place(Scene::Pc), stage.place(Scene::Pc)];
        assert_ne!(codes[0], codes[1]);
        if newest_first {
            codes.reverse();
        }
        stage.phone(&codes[0], PhoneOutcome::Success).expect("it pays");
        assert!(stage.phone(&codes[1], PhoneOutcome::Success).is_err(), "paid twice");
    }
}

#[test]
fn a_code_works_for_two_hours() {
    let mut stage = Stage::new();
    let lasting =
        Place { scene: Scene::Pc, expires_at: NOW.plus_seconds(86_400), ..codec::place() };
    let asked = Instruction::Place(Box::new(lasting));
    let Finding::Placed(first) = stage.ask(&asked) else { panic!("placed wanted") };
    stage.now = first.valid_until;
    assert!(stage.phone(&first.text, PhoneOutcome::Success).is_err());
    let Finding::Placed(second) = stage.ask(&asked) else { panic!("placed wanted") };
    stage.phone(&second.text, PhoneOutcome::Success).expect("it pays");
}

#[test]
fn what_is_closed_or_over_is_not_paid() {
    for scene in [Scene::Public, Scene::Pc, Scene::H5] {
        let mut stage = Stage::new();
        let pay_info = stage.place(scene);
        stage.phone(&pay_info, PhoneOutcome::Cancel).expect("it opens");
        assert_eq!(stage.ask(&codec::close()), Finding::Closed);
        assert_eq!(stage.ask(&codec::close()), Finding::Closed, "again");
        assert_eq!(stage.ask(&codec::query()), Finding::Closed);
        assert!(stage.phone(&pay_info, PhoneOutcome::Success).is_err(), "{scene:?}");

        let mut stage = Stage::new();
        let pay_info = stage.place(scene);
        stage.now = codec::place().expires_at;
        assert!(stage.phone(&pay_info, PhoneOutcome::Success).is_err(), "{scene:?}");
    }
}

#[test]
fn another_content_under_the_number_is_refused() {
    let mut stage = Stage::new();
    stage.place(Scene::Public);
    let place = Place { scene: Scene::Public, ..codec::place() };
    let dearer = Place { amount: ledger::Fen::new(1001), ..place };
    let found = stage.ask(&Instruction::Place(Box::new(dearer)));
    assert_eq!(found, Finding::Ask { code: "ACQ.CONTEXT_INCONSISTENT".to_owned() });
}

#[test]
fn the_gate_names_what_it_misses_and_signs_nothing_but_a_wrong_signature() {
    let query = json!({ "out_trade_no": NUMBER });
    let stale = wire_time(NOW.plus_seconds(-600));
    for (changes, code, sub_code) in [
        ([("app_id", "")], "40001", "isv.missing-app-id"),
        ([("app_id", "2021000000000009")], "40002", "isv.invalid-app-id"),
        ([("method", "")], "40001", "isv.missing-method"),
        ([("method", "alipay.trade.none")], "40002", "isv.invalid-method"),
        ([("version", "2.0")], "40002", "isv.invalid-version"),
        ([("charset", "latin1")], "40002", "isv.invalid-charset"),
        ([("format", "xml")], "40002", "isv.invalid-format"),
        ([("timestamp", "")], "40001", "isv.missing-timestamp"),
        ([("timestamp", "yesterday")], "40002", "isv.invalid-timestamp"),
        ([("timestamp", &*stale)], "40002", "isv.invalid-timestamp"),
        ([("sign_type", "RSA")], "40002", "isv.invalid-signature-type"),
        ([("sign", "")], "40001", "isv.missing-signature"),
        ([("sign", "c2VzYW1l")], "40002", "isv.invalid-signature"),
    ] {
        let mut stage = Stage::new();
        let request = signed("alipay.trade.query", &query, &changes, NOW);
        let response = stage.send(&request);
        let cut = SignedAnswer::cut(&response.body, "alipay_trade_query_response");
        let cut = cut.expect("an answer");
        assert_eq!(cut.is_error, changes[0].0 == "method", "{changes:?}");
        assert_eq!(cut.signature.is_some(), sub_code == "isv.invalid-signature", "{changes:?}");
        assert!(cut.signature.is_some() || !response.body.ends_with(br#""sign":""}"#));
        let head: Value = serde_json::from_str(cut.content).expect("JSON");
        assert_eq!((&head["code"], &head["sub_code"]), (&json!(code), &json!(sub_code)));
    }
}

/// Clients write every member that they know, and leave empty what they do not mean.
#[test]
fn an_empty_member_is_as_if_absent() {
    let mut stage = Stage::new();
    let pay_info = stage.place(Scene::Pc);
    stage.phone(&pay_info, PhoneOutcome::Success).expect("it is paid");
    let asked = json!({ "out_trade_no": NUMBER, "trade_no": "" });
    assert_eq!(stage.call("alipay.trade.query", &asked, &[])["trade_status"], "TRADE_SUCCESS");
    let asked = json!({
        "out_trade_no": NUMBER, "trade_no": "", "out_request_no": "", "refund_amount": "10.00",
    });
    let refund = stage.call("alipay.trade.refund", &asked, &[]);
    assert_eq!((&refund["fund_change"], &refund["send_back_fee"]), (&json!("Y"), &json!("10.00")));
    let asked = json!({
        "out_trade_no": "other", "total_amount": "1.00", "subject": "x", "seller_id": "",
        "product_code": "", "timeout_express": "", "time_expire": "", "op_app_id": "",
    });
    assert_eq!(stage.call("alipay.trade.precreate", &asked, &[])["code"], "10000");
}

/// What a seller writes into an order stands in its callbacks.
#[test]
fn a_callback_has_what_the_order_had() {
    let mut stage = Stage::new();
    let asked = json!({
        "out_trade_no": NUMBER, "total_amount": "10.00", "subject": "x", "body": "a=b",
        "passback_params": "shop%3D1", "timeout_express": "1c",
    });
    let url = ("notify_url", "http://127.0.0.1:9/told");
    let placed = stage.call("alipay.trade.precreate", &asked, &[url]);
    let code = placed["qr_code"].as_str().expect("a code").to_owned();
    stage.phone(&code, PhoneOutcome::Success).expect("it is paid");
    let callback = stage.outgoing.last().expect("a callback");
    let told: Value = serde_json::from_str(&callback.text).expect("JSON");
    assert_eq!((&told["body"], &told["passback_params"]), (&json!("a=b"), &json!("shop%3D1")));
    let paid_with = r#"[{"amount":"10.00","fundChannel":"ALIPAYACCOUNT"}]"#;
    assert_eq!(told["fund_bill_list"], paid_with);
    // The rest of the day in Beijing.
    let order =
        records::read::<records::Order>(&stage.documents, &records::order_key(SELLER_ID, NUMBER));
    let order = order.expect("memory does not fail").expect("an order");
    assert_eq!(wire_time(Timestamp::from_ms(order.expires_ms)).split(' ').nth(1), Some("00:00:00"));
}

#[test]
fn fields_of_an_order_are_checked() {
    let good = json!({
        "out_trade_no": NUMBER, "total_amount": "10.00", "subject": "煎饼",
        "buyer_id": codec::BUYER_ID,
    });
    let mut stage = Stage::new();
    assert_eq!(stage.call("alipay.trade.create", &good, &[])["code"], "10000");
    for (name, value) in [
        ("out_trade_no", json!("a-b")),
        ("out_trade_no", json!("")),
        ("total_amount", json!("0.00")),
        ("total_amount", json!("0.001")),
        ("total_amount", json!("100000000.01")),
        ("subject", json!("")),
        ("subject", json!("长".repeat(257))),
        ("buyer_id", Value::Null),
        ("seller_id", json!("2088000000000000")),
        ("op_app_id", json!("2021000000000009")),
        ("product_code", json!("QUICK_WAP_WAY")),
        ("product_code", json!("JSAPI_PAY")),
        ("time_expire", json!("2023-04-19 09:23:16")),
        ("time_expire", json!("soon")),
        ("timeout_express", json!("0m")),
        ("timeout_express", json!("付")),
    ] {
        let mut content = good.clone();
        content[name] = value;
        let answer = Stage::new().call("alipay.trade.create", &content, &[]);
        let found = (&answer["code"], &answer["sub_code"]);
        assert_eq!(found, (&json!("40004"), &json!("ACQ.INVALID_PARAMETER")), "{content}");
    }
    for (name, value) in [
        ("total_amount", json!(10.5)),
        ("timeout_express", json!("30m")),
        ("timeout_express", json!("15d")),
        ("seller_id", json!(SELLER_ID)),
    ] {
        let mut content = good.clone();
        content[name] = value;
        let answer = Stage::new().call("alipay.trade.create", &content, &[]);
        assert_eq!(answer["code"], "10000", "{content}: {answer}");
    }
}

#[test]
fn refunds_stay_within_the_payment_and_their_number() {
    let mut stage = Stage::new();
    let pay_info = stage.place(Scene::Public);
    let refund = |amount: &str, number: &str| json!({"out_trade_no": NUMBER, "refund_amount": amount, "out_request_no": number});
    let mut asked = |content: &Value| {
        let answer = stage.call("alipay.trade.refund", content, &[]);
        let of = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (of("code"), of("sub_code") + &of("fund_change"), of("refund_fee"))
    };
    let done = |change: &str, fee: &str| ("10000".to_owned(), change.to_owned(), fee.to_owned());
    let refused = |code: &str| ("40004".to_owned(), code.to_owned(), String::new());
    assert_eq!(asked(&refund("1.00", "R1")), refused("ACQ.TRADE_STATUS_ERROR"));
    stage.phone(&pay_info, PhoneOutcome::Success).expect("it pays");
    let mut asked = |content: &Value| {
        let answer = stage.call("alipay.trade.refund", content, &[]);
        let of = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (of("code"), of("sub_code") + &of("fund_change"), of("refund_fee"))
    };
    assert_eq!(asked(&refund("4.00", "R1")), done("Y", "4.00"));
    assert_eq!(asked(&refund("4.00", "R1")), done("N", "4.00"));
    assert_eq!(asked(&refund("4.01", "R1")), refused("ACQ.DISCORDANT_REPEAT_REQUEST"));
    assert_eq!(asked(&refund("6.01", "R2")), refused("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"));
    assert_eq!(asked(&refund("0.00", "R2")), refused("ACQ.INVALID_PARAMETER"));
    let nameless = json!({"out_trade_no": NUMBER, "refund_amount": "6.00"});
    assert_eq!(asked(&nameless), refused("ACQ.INVALID_PARAMETER"));
    assert_eq!(asked(&refund("6.00", "R2")), done("Y", "10.00"));
    let unknown = json!({"out_trade_no": "none", "refund_amount": "6.00", "out_request_no": "R"});
    assert_eq!(asked(&unknown), refused("ACQ.TRADE_NOT_EXIST"));
}

#[test]
fn a_cancel_ends_an_order_and_gives_back_what_was_paid() {
    let number = json!({ "out_trade_no": NUMBER });
    for (outcome, action) in [(PhoneOutcome::Success, "refund"), (PhoneOutcome::Cancel, "close")] {
        let mut stage = Stage::new();
        let pay_info = stage.place(Scene::Pc);
        stage.phone(&pay_info, outcome).expect("it opens");
        for _ in 0..2 {
            let answer = stage.call("alipay.trade.cancel", &number, &[]);
            assert_eq!((&answer["action"], &answer["retry_flag"]), (&json!(action), &json!("N")));
        }
        let answer = stage.call("alipay.trade.query", &number, &[]);
        assert_eq!(answer["trade_status"], "TRADE_CLOSED");
        assert!(stage.phone(&pay_info, PhoneOutcome::Success).is_err());
    }
    let mut stage = Stage::new();
    let pay_info = stage.place(Scene::Pc);
    stage.call("alipay.trade.cancel", &number, &[]);
    assert!(stage.phone(&pay_info, PhoneOutcome::Success).is_err(), "its code is dead");
    let unknown = json!({ "out_trade_no": "none" });
    assert_eq!(stage.call("alipay.trade.cancel", &unknown, &[])["code"], "10000");
}

#[test]
fn a_signed_link_cannot_be_bent_and_a_strangers_text_is_not_opened() {
    let mut stage = Stage::new();
    let link = stage.place(Scene::H5);
    let bent = link.replace("10.00", "00.01");
    assert_ne!(bent, link);
    assert!(matches!(stage.phone(&bent, PhoneOutcome::Success), Err(PhoneFault::Refused(_))));
    let other = link.replace("/gateway.do", "/other.do");
    assert_eq!(stage.phone(&other, PhoneOutcome::Success), Err(PhoneFault::NotMine));
    for text in ["weixin://wxpay/bizpayurl?pr=1", "{}", "", "130123456789012345"] {
        assert_eq!(stage.phone(text, PhoneOutcome::Success), Err(PhoneFault::NotMine), "{text}");
    }
    let parameters = read_form(link.split_once('?').expect("a query").1.as_bytes());
    assert_eq!(parameters["method"], "alipay.trade.wap.pay");
    let request =
        Request { method: channel::Method::Get, url: link, headers: vec![], body: vec![] };
    assert_eq!(stage.send(&request).status, 302);
}

#[test]
fn a_form_that_submits_itself_is_paid() {
    let mut stage = Stage::new();
    let content = json!({
        "out_trade_no": NUMBER, "total_amount": "10.00", "subject": "\"煎饼\" & <果子>",
        "product_code": "FAST_INSTANT_TRADE_PAY",
    });
    let request = signed("alipay.trade.page.pay", &content, &[], NOW);
    assert_eq!(stage.send(&request).status, 302);
    let content = content.to_string().replace('&', "&amp;").replace('"', "&quot;");
    let html = format!(
        r#"<form action="http://sandbox{}" method="post"><input type="hidden" name="biz_content" value="{content}"></form>"#,
        request.url
    );
    stage.phone(&html, PhoneOutcome::Success).expect("it pays");
    assert!(matches!(stage.ask(&codec::query()), Finding::Paid(_)));
}

#[test]
fn callbacks_end_with_one_word() {
    let counterpart = counterpart();
    let [id, url, text] = ["", "", ""].map(str::to_owned);
    let callback = OutgoingCallback { id, url, text };
    let answer = |status, body: &str| Response { status, headers: vec![], body: body.into() };
    assert!(counterpart.accepted(&callback, &answer(200, "success")));
    assert!(counterpart.accepted(&callback, &answer(200, "success\n")));
    for (status, body) in [(200, "SUCCESS"), (200, ""), (200, "successful"), (500, "success")] {
        assert!(!counterpart.accepted(&callback, &answer(status, body)), "{status} {body}");
    }
    assert_eq!(counterpart.schedule_seconds(), [240, 600, 600, 3_600, 7_200, 21_600, 54_000]);
}

/// The usual order, with this code.
fn charging(code: &str) -> Instruction {
    let payment_code = Some(channel::PaymentCode::new(code.to_owned()));
    let place = Place { scene: Scene::Swipe, payment_code, ..codec::place() };
    Instruction::Place(Box::new(place))
}

/// A code that the phone shows now.
fn shown(stage: &mut Stage, outcome: ScanOutcome) -> String {
    let context = stage.context();
    let code = stage.counterpart.payment_code(&mut stage.documents, outcome, &context);
    code.expect("memory does not fail").expect("the channel has codes")
}

#[test]
fn a_scanned_code_pays_at_once_and_once() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    assert!(matches!(stage.ask(&charging(&code)), Finding::Paid(_)));
    assert!(matches!(stage.told(), Finding::Paid(_)));
    assert_eq!(stage.ask(&charging(&code)).name(), "ask");
    let Instruction::Place(other) = charging(&code) else { unreachable!("it places") };
    let other = Place { channel_order_no: "another".to_owned(), ..*other };
    let refused = stage.ask(&Instruction::Place(Box::new(other)));
    assert!(refused.describe().contains("ACQ.PAYMENT_AUTH_CODE_INVALID"), "{refused:?}");
}

#[test]
fn a_code_works_a_minute_and_is_refused_without_money() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    stage.now = stage.now.plus_seconds(60);
    let refused = stage.ask(&charging(&code));
    assert!(refused.describe().contains("ACQ.PAYMENT_AUTH_CODE_INVALID"), "{refused:?}");
    let poor = shown(&mut stage, ScanOutcome::Fail);
    let refused = stage.ask(&charging(&poor));
    assert!(refused.describe().contains("ACQ.BUYER_BALANCE_NOT_ENOUGH"), "{refused:?}");
}

#[test]
fn the_payer_types_a_password_before_a_cancel_and_not_after() {
    for is_cancelled in [false, true] {
        let mut stage = Stage::new();
        let code = shown(&mut stage, ScanOutcome::Password);
        assert!(stage.phone(&code, PhoneOutcome::Success).is_err(), "it was not scanned");
        for _ in 0..2 {
            assert_eq!(stage.ask(&charging(&code)), Finding::Pending);
        }
        assert_eq!(stage.ask(&codec::query()), Finding::Pending);
        if is_cancelled {
            let number = json!({ "out_trade_no": NUMBER });
            stage.call("alipay.trade.cancel", &number, &[]);
        }
        assert_eq!(stage.phone(&code, PhoneOutcome::Success).is_err(), is_cancelled);
        let want = if is_cancelled { "closed" } else { "paid" };
        assert_eq!(stage.ask(&codec::query()).name(), want);
    }
}
