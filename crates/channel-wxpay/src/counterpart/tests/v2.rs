//! The older interface, against its own codec, the newer interface and forgers.

use super::stage::*;
use crate::Wxpay;
use crate::v2::sign::{SIGN, SignType};
use crate::v2::xml::Members;
use channel::{
    Bill, BillDay, BillKind, BillRow, CallbackFault, Cancel, Channel as _, Connection, Counterpart,
    Coupon, CouponKind, FaultMode, Finding, Instruction, Method, OutgoingCallback, PayForm,
    Payment, PaymentCode, PhoneOutcome, Place, RefundStatus, Refunded, Request, Response,
    ScanOutcome, Scene,
};
use crypto::Secret;
use ledger::Fen;

const SCENES: [(Scene, PayForm); 5] = [
    (Scene::MiniProgram, PayForm::Jsapi),
    (Scene::Public, PayForm::Jsapi),
    (Scene::Pc, PayForm::QrCode),
    (Scene::H5, PayForm::JumpUrl),
    (Scene::App, PayForm::AppSdk),
];
const MD5: (&str, &str) = ("sign_type", "MD5");
const SUB: [(&str, &str); 2] = [("sub_mchid", SUB_MCHID), ("sub_appid", SUB_APPID)];

/// Everybody who speaks v2: with either signature, for itself and for another.
fn all() -> Vec<Box<dyn Connection>> {
    vec![by_v2(&[]), by_v2(&[MD5]), by_v2(&SUB), by_v2(&[SUB[0], MD5])]
}

fn key() -> Secret {
    Secret::new(API_V2_KEY.to_owned())
}

fn payment(finding: Finding) -> Payment {
    match finding {
        Finding::Paid(payment) => payment,
        other => panic!("want paid, found {other:?}"),
    }
}

fn refunded(finding: Finding) -> Refunded {
    match finding {
        Finding::Refund(refunded) => refunded,
        other => panic!("want a refund, found {other:?}"),
    }
}

/// An order's whole life, through one connection.
fn life(connection: &dyn Connection, scene: Scene, form: PayForm) {
    let mut stage = Stage::new();
    let place = order("T20261118-1", scene);
    let pay_info = stage.place(connection, &place);
    assert_eq!(pay_info.form, form);
    assert_eq!(stage.ask(connection, &query("T20261118-1")), Finding::Pending);
    stage.later(60);
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("the phone pays");
    let found = payment(stage.ask(connection, &query("T20261118-1")));
    assert_eq!((found.amount, found.payer_amount), (Fen::new(8_800), Some(Fen::new(8_800))));
    assert_eq!((found.at, found.payment_reference.len()), (stage.now, 28));
    let told = stage.told(connection);
    assert_eq!(
        (&*told.channel_order_no, told.callback_id),
        ("T20261118-1", found.payment_reference.clone())
    );
    assert_eq!(payment(told.finding), found);

    for again in [Instruction::Place(Box::new(place)), close("T20261118-1")] {
        assert_eq!(stage.ask(connection, &again), Finding::Ask { code: "ORDERPAID".to_owned() });
    }
    for (number, fen) in [("R@1", 800), ("R@2", 8_000)] {
        let asked = refund(number, "T20261118-1", &found.payment_reference, fen);
        let taken = refunded(stage.ask(connection, &asked));
        assert_eq!((taken.status, taken.amount), (RefundStatus::Processing, Fen::new(fen)));
        assert_eq!(refunded(stage.ask(connection, &asked)), taken, "a repeat");
        let told = refunded(stage.told(connection).finding);
        assert_eq!((told.status, told.amount), (RefundStatus::Done, Fen::new(fen)));
        assert_eq!(refunded(stage.ask(connection, &query_refund(number))), told);
    }
    let more = refund("R@3", "T20261118-1", &found.payment_reference, 1);
    assert!(matches!(stage.ask(connection, &more), Finding::Refused { .. }));
    assert_eq!(payment(stage.ask(connection, &query("T20261118-1"))), found);
    assert_eq!(stage.ask(connection, &query_refund("R@3")), Finding::NotFound);
}

#[test]
fn an_order_lives_in_every_scene_and_mode_with_either_signature() {
    for connection in all() {
        for (scene, form) in SCENES {
            life(&*connection, scene, form);
        }
    }
}

/// Both interfaces speak of the same orders, so an account can move from one to the other.
#[test]
fn an_order_of_one_interface_is_known_to_the_other() {
    let (older, newer) = (by_v2(&[]), direct());
    assert_eq!(older.identity(), newer.identity());
    for (first, second) in [(&older, &newer), (&newer, &older)] {
        let mut stage = Stage::new();
        let pay_info = stage.place(&**first, &order("T12345", Scene::Pc));
        assert_eq!(stage.ask(&**second, &query("T12345")), Finding::Pending);
        stage.phone(&pay_info.text, PhoneOutcome::Success).expect("the phone pays");
        let [one, other] = [first, second].map(|api| payment(stage.ask(&**api, &query("T12345"))));
        assert_eq!(one, other);
        let asked = refund("R1", "T12345", &one.payment_reference, 800);
        refunded(stage.ask(&**second, &asked));
        let known = refunded(stage.ask(&**first, &query_refund("R1")));
        assert_eq!(known.status, RefundStatus::Done);
    }
}

/// A merchant can have both, and chooses by its settings.
#[test]
fn the_settings_choose_the_interface() {
    let certificate = ("platform_cert_pem", &*KEYS.platform.certificate.pem);
    let both = [("apiv3_key", APIV3_KEY), certificate];
    let path = |connection: &dyn Connection, place: Place| {
        let mut stage = Stage::new();
        let asked = Instruction::Place(Box::new(place));
        match connection.encode(&asked, &stage.context()) {
            Ok(channel::Step::Send(request)) => request.target().to_owned(),
            other => panic!("want a request, found {other:?}"),
        }
    };
    let code = Some(PaymentCode::new("134567890123456789".to_owned()));
    let swiped = || Place { payment_code: code.clone(), ..order("T12345", Scene::Swipe) };
    let connection = by_v2(&both);
    assert_eq!(path(&*connection, order("T12345", Scene::Pc)), "/pay/unifiedorder");
    assert_eq!(path(&*connection, swiped()), "/pay/micropay");
    let connection = by_v2(&[&both[..], &[("api", "v3"), ("swipe_api", "v2")]].concat());
    assert_eq!(path(&*connection, order("T12345", Scene::Pc)), "/v3/pay/transactions/native");
    assert_eq!(path(&*connection, swiped()), "/pay/micropay");
    assert!(connection.client_certificate().is_some());
    let settings = |more: &[(&str, &str)]| {
        let all = [("mchid", MCHID), ("appid", APPID), ("api", "v2"), ("api_v2_key", API_V2_KEY)];
        let keys = [
            ("private_key_pem", &*KEYS.merchant.private_pem),
            ("certificate_pem", &*KEYS.merchant.certificate.pem),
        ];
        let all = all.into_iter().chain(keys).chain(more.iter().copied());
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    assert!(Wxpay.open(&settings(&[]), &[]).is_ok());
    for (name, value) in [
        ("api", "v4"),
        ("swipe_api", "2"),
        ("sign_type", "SHA1"),
        ("api_v2_key", "short"),
        ("api_v2_key", ""),
        ("certificate_pem", &*KEYS.stranger.certificate.pem),
        ("certificate_pem", ""),
        ("private_key_pem", "no key"),
    ] {
        let fault = Wxpay.open(&settings(&[(name, value)]), &[]).err().map(|fault| fault.name);
        assert_eq!(fault.as_deref(), Some(name), "{value:.20}");
    }
}

#[test]
fn a_shared_order_wants_the_interface_that_shares() {
    let mut stage = Stage::new();
    let shared = Place { is_shared: true, ..order("T12345", Scene::Pc) };
    let asked = Instruction::Place(Box::new(shared));
    assert!(by_v2(&[]).encode(&asked, &stage.context()).is_err());
    let certificate = ("platform_cert_pem", &*KEYS.platform.certificate.pem);
    let both = by_v2(&[("apiv3_key", APIV3_KEY), certificate]);
    assert!(matches!(stage.ask(&*both, &asked), Finding::Placed(_)));
}

#[test]
fn what_coupons_pay_is_settled_by_their_kind() {
    for (kind, settled) in [(CouponKind::NoCash, 7_920), (CouponKind::Cash, 8_800)] {
        let (mut stage, connection) = (Stage::new(), by_v2(&[]));
        let pay_info = stage.place(&*connection, &order("T12345", Scene::Pc));
        let coupon = Coupon { amount: Fen::new(880), kind };
        stage.phone(&pay_info.text, PhoneOutcome::SuccessWith(coupon)).expect("the phone pays");
        let found = payment(stage.ask(&*connection, &query("T12345")));
        assert_eq!(payment(stage.told(&*connection).finding), found);
        assert_eq!(found.settled_amount, Fen::new(settled), "{kind:?}");
        assert_eq!((found.amount, found.payer_amount), (Fen::new(8_800), Some(Fen::new(7_920))));
    }
}

#[test]
fn a_closed_order_stays_closed_and_an_unknown_one_unknown() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[]));
    assert_eq!(stage.ask(&*connection, &query("T-none")), Finding::NotFound);
    let pay_info = stage.place(&*connection, &order("T12345", Scene::Pc));
    for asked in [close("T12345"), close("T12345"), query("T12345")] {
        assert_eq!(stage.ask(&*connection, &asked), Finding::Closed);
    }
    assert!(stage.phone(&pay_info.text, PhoneOutcome::Success).is_err());
    let other = refund("R1", "T12345", "4200000000202611180000000000", 1);
    assert_eq!(stage.ask(&*connection, &other), Finding::NotFound);
    let changed = Place { amount: Fen::new(1), ..order("T20000", Scene::Pc) };
    stage.place(&*connection, &order("T20000", Scene::Pc));
    let asked = Instruction::Place(Box::new(changed));
    assert!(matches!(stage.ask(&*connection, &asked), Finding::Ask { .. }));
}

#[test]
fn a_code_pays_at_once_or_with_a_password_and_can_be_undone() {
    for connection in [by_v2(&[]), by_v2(&SUB)] {
        let mut stage = Stage::new();
        let swipe = |stage: &mut Stage, number: &str, outcome| {
            let context = stage.context();
            let code = stage.counterpart.payment_code(&mut stage.documents, outcome, &context);
            let code = code.expect("memory does not fail").expect("it has codes");
            let place = Place {
                payment_code: Some(PaymentCode::new(code.clone())),
                ..order(number, Scene::Swipe)
            };
            (Instruction::Place(Box::new(place)), code)
        };
        let cancel = |number: &str| {
            let Instruction::Query(order) = query(number) else { panic!("a query") };
            Instruction::Cancel(Cancel { order, app_id: None })
        };
        let (paid, _) = swipe(&mut stage, "T-paid", ScanOutcome::Success);
        let found = payment(stage.ask(&*connection, &paid));
        assert_eq!(found.amount, Fen::new(8_800));
        assert_eq!(stage.ask(&*connection, &cancel("T-paid")), Finding::Cancelled);
        assert_eq!(stage.ask(&*connection, &query("T-paid")), Finding::Reversed(found));

        let (asked, code) = swipe(&mut stage, "T-typed", ScanOutcome::Password);
        assert_eq!(stage.ask(&*connection, &asked), Finding::Pending);
        assert_eq!(stage.ask(&*connection, &query("T-typed")), Finding::Pending);
        stage.phone(&code, PhoneOutcome::Success).expect("the phone pays");
        payment(stage.ask(&*connection, &query("T-typed")));

        let (asked, _) = swipe(&mut stage, "T-left", ScanOutcome::Password);
        assert_eq!(stage.ask(&*connection, &asked), Finding::Pending);
        assert_eq!(stage.ask(&*connection, &cancel("T-left")), Finding::Cancelled);
        assert_eq!(stage.ask(&*connection, &query("T-left")), Finding::Closed);

        let (asked, _) = swipe(&mut stage, "T-poor", ScanOutcome::Fail);
        assert!(matches!(stage.ask(&*connection, &asked), Finding::Refused { .. }));
        // One report has it that a number which was never used is undone too.
        assert_eq!(stage.ask(&*connection, &cancel("T-none")), Finding::Cancelled);
        assert_eq!(stage.ask(&*connection, &query("T-none")), Finding::NotFound);
    }
}

/// A refund can come to nothing after it was taken.
#[test]
fn a_refund_ends_as_the_fault_has_it() {
    for status in [RefundStatus::Processing, RefundStatus::Closed, RefundStatus::Abnormal] {
        let (mut stage, connection) = (Stage::new(), by_v2(&[]));
        stage.paid(&*connection, &order("T12345", Scene::Pc));
        let found = payment(stage.ask(&*connection, &query("T12345")));
        let before = stage.outgoing.len();
        stage.mode = FaultMode::Refund { status };
        let asked = refund("R1", "T12345", &found.payment_reference, 800);
        assert_eq!(refunded(stage.ask(&*connection, &asked)).status, RefundStatus::Processing);
        stage.mode = FaultMode::Honest;
        assert_eq!(refunded(stage.ask(&*connection, &query_refund("R1"))).status, status);
        match status {
            RefundStatus::Processing => assert_eq!(stage.outgoing.len(), before),
            // That a refund failed is believed of a query alone.
            _ => {
                let told = refunded(stage.told(&*connection).finding);
                assert_eq!(told.status, RefundStatus::Processing);
            }
        }
    }
}

#[test]
fn a_doubtful_answer_is_unknown_to_every_call() {
    let connection = by_v2(&[]);
    let faults = [
        FaultMode::BadSignature,
        FaultMode::Unsigned,
        FaultMode::Probe,
        FaultMode::Error { code: "SYSTEMERROR".to_owned() },
        FaultMode::Error { code: "BANKERROR".to_owned() },
        FaultMode::Error { code: "NEVER_LISTED".to_owned() },
    ];
    for mode in faults {
        let mut stage = Stage::new();
        stage.paid(&*connection, &order("T12345", Scene::Pc));
        let id = payment(stage.ask(&*connection, &query("T12345"))).payment_reference;
        refunded(stage.ask(&*connection, &refund("R1", "T12345", &id, 1)));
        stage.mode = mode.clone();
        for asked in [
            Instruction::Place(Box::new(order("T20000", Scene::Pc))),
            query("T12345"),
            close("T12345"),
            refund("R2", "T12345", &id, 1),
            query_refund("R1"),
        ] {
            let found = stage.ask(&*connection, &asked);
            assert!(matches!(found, Finding::Unknown { .. }), "{mode:?} {asked:?}: {found:?}");
        }
    }
}

#[test]
fn a_lie_about_the_amount_is_seen() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[]));
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    stage.mode = FaultMode::WrongAmount;
    assert_eq!(payment_or_contested(stage.ask(&*connection, &query("T12345"))), Fen::new(8_801));
    let told = stage.told(&*connection).finding;
    assert_eq!(payment_or_contested(told), Fen::new(8_801));
}

fn payment_or_contested(finding: Finding) -> Fen {
    match finding {
        Finding::Paid(payment) | Finding::Contested { payment, .. } => payment.amount,
        other => panic!("want a payment, found {other:?}"),
    }
}

#[test]
fn a_callback_without_its_proof_is_forged() {
    let connection = by_v2(&[]);
    for mode in [FaultMode::BadSignature, FaultMode::Unsigned, FaultMode::Probe] {
        let mut stage = Stage::new();
        stage.paid(&*connection, &order("T12345", Scene::Pc));
        let id = payment(stage.ask(&*connection, &query("T12345"))).payment_reference;
        stage.mode = mode.clone();
        let of_payment = stage.envelope();
        stage.mode = FaultMode::Honest;
        refunded(stage.ask(&*connection, &refund("R1", "T12345", &id, 800)));
        stage.mode = mode;
        for callback in [of_payment, stage.envelope()] {
            let read = connection.callback(&callback, stage.now);
            assert!(matches!(read, Err(CallbackFault::Forged { .. })), "{read:?}");
        }
    }
    let mut stage = Stage::new();
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    let honest = stage.envelope();
    let text = String::from_utf8(honest.body.clone()).expect("text");
    for (from, to) in [("8800", "8801"), ("T12345", "T12346"), ("SUCCESS", "SUCCESs")] {
        let body = text.replace(from, to).into_bytes();
        let read = connection.callback(&Request { body, ..honest.clone() }, stage.now);
        assert!(matches!(read, Err(CallbackFault::Forged { .. })), "{from}: {read:?}");
    }
    assert!(connection.callback(&honest, stage.now).is_ok());
}

#[test]
fn the_channel_repeats_until_it_reads_success() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[]));
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    let callback: OutgoingCallback = stage.outgoing.last().expect("a callback").clone();
    assert!(stage.counterpart.accepted(&callback, &connection.receipt(true)));
    let plain = |status, body: &str| Response { status, headers: vec![], body: body.into() };
    for refused in [
        connection.receipt(false),
        plain(200, ""),
        plain(204, ""),
        plain(200, "success"),
        plain(200, "<xml><return_code>FAIL</return_code></xml>"),
        plain(500, "<xml><return_code>SUCCESS</return_code></xml>"),
    ] {
        assert!(!stage.counterpart.accepted(&callback, &refused));
    }
}

/// The order's members as any client would send them, signed like this.
fn raw(members: Members, sign_type: SignType, path: &str) -> Request {
    let body = sign_type.signed(members, &key()).write();
    Request { method: Method::Post, url: path.to_owned(), headers: vec![], body }
}

fn ordering() -> Members {
    Members::default()
        .with("appid", APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", "593BEC0C930BF1AFEB40B4A08C8FB242")
        .with("body", "通宝")
        .with("out_trade_no", "T12345")
        .with("total_fee", "1")
        .with("spbill_create_ip", "203.0.113.7")
        .with("notify_url", "https://pay.example.com/notify")
        .with("trade_type", "NATIVE")
        .with("product_id", "1")
}

fn without(members: &Members, name: &str) -> Members {
    let kept = members.iter().filter(|(known, _)| *known != name);
    kept.fold(Members::default(), |kept, (name, text)| kept.with(name, text))
}

fn read(response: &Response) -> Members {
    Members::read(&response.body).unwrap_or_else(|why| panic!("{why}"))
}

/// A request that names no type is signed with MD5, and so is its answer, which says who asked.
#[test]
fn an_answer_is_signed_as_its_request_and_names_who_asked() {
    for (sign_type, members) in [
        (SignType::Md5, ordering()),
        (SignType::Md5, ordering().with("sign_type", "MD5")),
        (SignType::HmacSha256, ordering().with("sign_type", "HMAC-SHA256")),
    ] {
        let answer = read(&Stage::new().send(&raw(members, sign_type, "/pay/unifiedorder")));
        assert_eq!(answer.get("result_code"), Some("SUCCESS"));
        assert_eq!((answer.get("appid"), answer.get("mch_id")), (Some(APPID), Some(MCHID)));
        assert_eq!(answer.get(SIGN), Some(&*sign_type.sign(&answer, &key())));
    }
}

#[test]
fn the_gate_refuses_without_a_signature() {
    let good = raw(ordering(), SignType::Md5, "/pay/unifiedorder");
    let other_key = Secret::new("292006250b4c09247ec02edce69f6a2d".to_owned());
    let forged =
        Request { body: SignType::Md5.signed(ordering(), &other_key).write(), ..good.clone() };
    let hmac_unsaid = raw(ordering(), SignType::HmacSha256, "/pay/unifiedorder");
    let unsigned = Request { body: ordering().write(), ..good.clone() };
    let get = Request { method: Method::Get, ..good.clone() };
    let json = Request { body: b"{}".to_vec(), ..good.clone() };
    let of = |members| raw(members, SignType::Md5, "/pay/unifiedorder");
    for request in [
        forged,
        hmac_unsaid,
        unsigned,
        get,
        json,
        of(ordering().with("mch_id", "1900000002")),
        of(ordering().with("appid", "wx2222222222222222")),
        of(ordering().with("sign_type", "SHA1")),
        of(ordering().with("nonce_str", "x".repeat(33))),
        of(without(&ordering(), "nonce_str")),
        of(without(&ordering(), "mch_id")),
        of(without(&ordering(), "appid")),
    ] {
        let answer = read(&Stage::new().send(&request));
        assert_eq!(answer.get("return_code"), Some("FAIL"));
        assert_eq!((answer.get(SIGN), answer.get("result_code")), (None, None));
    }
    let unknown = Request { url: "/pay/unifiedorders".to_owned(), ..good.clone() };
    assert_eq!(Stage::new().send(&unknown).status, 404);
    assert_eq!(read(&Stage::new().send(&good)).get("return_code"), Some("SUCCESS"));
}

#[test]
fn a_field_that_breaks_its_rule_is_refused_in_the_words_of_v2() {
    let refused = |members: Members| {
        let answer = read(&Stage::new().send(&raw(members, SignType::Md5, "/pay/unifiedorder")));
        assert_eq!(answer.get(SIGN), Some(&*SignType::Md5.sign(&answer, &key())));
        answer.get("err_code").map(str::to_owned)
    };
    for name in [
        "body",
        "out_trade_no",
        "total_fee",
        "spbill_create_ip",
        "notify_url",
        "trade_type",
        "product_id",
    ] {
        assert_eq!(refused(without(&ordering(), name)).as_deref(), Some("LACK_PARAMS"), "{name}");
    }
    for (name, text) in [
        ("body", &*"币".repeat(43)),
        ("out_trade_no", "T23456789012345678901234567890123"),
        ("out_trade_no", "T 12345"),
        ("total_fee", "0"),
        ("total_fee", "-1"),
        ("total_fee", "+1"),
        ("total_fee", "1.00"),
        ("fee_type", "USD"),
        ("spbill_create_ip", "here"),
        ("notify_url", "https://pay.example.com/notify?x=1"),
        ("trade_type", "SCAN"),
        ("time_expire", "2026-11-18"),
        ("profit_sharing", "yes"),
    ] {
        let members = ordering().with(name, text);
        assert_eq!(refused(members).as_deref(), Some("PARAM_ERROR"), "{name} {text}");
    }
    let other = without(&ordering(), "product_id");
    for (trade_type, lacks) in [("JSAPI", "openid"), ("MWEB", "scene_info")] {
        let members = other.clone().with("trade_type", trade_type);
        assert_eq!(refused(members).as_deref(), Some("LACK_PARAMS"), "{lacks}");
    }
    let members = other.with("trade_type", "MWEB").with("scene_info", "Wap");
    assert_eq!(refused(members).as_deref(), Some("PARAM_ERROR"));
}

/// The phone opens what was signed with the key and the type of the order, for its app.
#[test]
fn the_phone_opens_only_what_the_merchant_signed() {
    for scene in [Scene::Public, Scene::App] {
        let (mut stage, connection) = (Stage::new(), by_v2(&[]));
        let text = stage.place(&*connection, &order("T12345", scene)).text;
        for (from, to) in [
            ("HMAC-SHA256", "MD5"),
            ("HMAC-SHA256", "RSA"),
            (APPID, "wx2222222222222222"),
            ("\"sign\":\"", "\"sign\":\"0"),
            ("\"paySign\":\"", "\"paySign\":\"0"),
            ("Sign=WXPay", "Sign=Other"),
        ] {
            let bent = text.replace(from, to);
            if bent != text {
                assert!(stage.phone(&bent, PhoneOutcome::Success).is_err(), "{from}");
            }
        }
        stage.phone(&text, PhoneOutcome::Success).expect("the phone pays");
    }
}

/// An order has up to 50 refunds, and an answer ten of them.
#[test]
fn refunds_are_listed_by_any_number_page_by_page() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[MD5]));
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    let id = payment(stage.ask(&*connection, &query("T12345"))).payment_reference;
    for number in 0..12 {
        stage.now = stage.now.plus_ms(7);
        refunded(stage.ask(&*connection, &refund(&format!("R{number}"), "T12345", &id, 1)));
    }
    let asking = ["appid", "mch_id", "nonce_str"].into_iter();
    let asking =
        asking.fold(Members::default(), |all, name| all.with_some(name, ordering().get(name)));
    for (asked, count, first) in [
        (asking.clone().with("out_trade_no", "T12345"), "10", "R0"),
        (asking.clone().with("transaction_id", &*id).with("offset", "10"), "2", "R10"),
        (asking.clone().with("out_refund_no", "R7"), "1", "R7"),
    ] {
        let answer = read(&stage.send(&raw(asked, SignType::Md5, "/pay/refundquery")));
        assert_eq!(answer.get("refund_count"), Some(count));
        assert_eq!(answer.get("out_refund_no_0"), Some(first));
    }
}

/// The bill of its day is made at nine the next morning.
#[test]
fn a_bill_is_the_answer_itself() {
    for connection in [by_v2(&[]), by_v2(&SUB)] {
        let mut stage = Stage::new();
        stage.paid(&*connection, &order("T12345", Scene::Pc));
        let id = payment(stage.ask(&*connection, &query("T12345"))).payment_reference;
        refunded(stage.ask(&*connection, &refund("R1", "T12345", &id, 800)));
        let find = |date: &str| {
            let date = date.parse().expect("a date");
            Instruction::FindBill(BillDay { kind: BillKind::Trade, date })
        };
        stage.later(24 * 3_600 - 68_800 + 60);
        let (day, before) = (find("2026-11-18"), find("2026-11-17"));
        assert_eq!(stage.ask(&*connection, &day), Finding::Bill(Bill::NotYet));
        stage.later(9 * 3_600);
        assert_eq!(stage.ask(&*connection, &before), Finding::Bill(Bill::Empty));
        let Finding::Bill(Bill::Rows(rows)) = stage.ask(&*connection, &day) else {
            panic!("a bill")
        };
        assert!(matches!(&rows[..], [BillRow::Payment(_), BillRow::Refund(_)]), "{rows:?}");
        stage.mode = FaultMode::BadSignature;
        assert!(matches!(stage.ask(&*connection, &day), Finding::Unknown { .. }));
    }
}

#[test]
fn the_checks_of_every_channel_hold() {
    let certificate = ("platform_cert_pem", &*KEYS.platform.certificate.pem);
    let both = [("apiv3_key", APIV3_KEY), certificate];
    let mut stage = Stage::new();
    let code = PaymentCode::new("134567890123456789".to_owned());
    for connection in [by_v2(&both), by_v2(&[&both[..], &SUB].concat())] {
        channel::checks::all(&channel::checks::Sample {
            about: Wxpay.about(),
            connection: &*connection,
            place: Place {
                payment_code: Wxpay.about().payment_codes.map(|_| code.clone()),
                ..order("T20261118-1", Scene::Pc)
            },
            refund: refund_of("R1", "T20261118-1", "4200000000202611180000000000", 800),
            context: stage.context(),
            receiver: Some(store()),
            counterpart: Some(&stage.counterpart),
        });
    }
}

/// The payer is the one who showed the code, and the code is this merchant's from then on.
#[test]
fn a_merchant_can_ask_whose_phone_shows_a_code() {
    let mut stage = Stage::new();
    let context = stage.context();
    let shown =
        stage.counterpart.payment_code(&mut stage.documents, ScanOutcome::Success, &context);
    let code = shown.expect("memory does not fail").expect("codes are shown");
    let ask = |stage: &mut Stage, members: Members, path| {
        read(&stage.send(&raw(members, SignType::Md5, path)))
    };
    let parties = ["body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url"];
    let parties = parties.iter().fold(ordering(), |members, name| without(&members, name));
    let asking = without(&without(&parties, "trade_type"), "product_id").with("auth_code", &*code);
    let answer = ask(&mut stage, asking.clone(), "/tools/authcodetoopenid");
    let openid = answer.get("openid").expect("an openid").to_owned();
    assert_eq!(openid.len(), 28);
    let without_address = ["notify_url", "trade_type", "product_id"];
    let charge = without_address.iter().fold(ordering(), |members, name| without(&members, name));
    let paid = ask(&mut stage, charge.with("auth_code", &*code), "/pay/micropay");
    assert_eq!((paid.get("result_code"), paid.get("openid")), (Some("SUCCESS"), Some(&*openid)));
    let again = ask(&mut stage, asking, "/tools/authcodetoopenid");
    assert_eq!(again.get("err_code"), Some("AUTHCODEEXPIRE"));
}
