//! Codec to counterpart and back, for every call, scene, mode and key.

use super::stage::*;
use crate::counterpart::Trust;
use crate::counterpart::refusal::status_of;
use channel::{
    CallbackFault, Connection, Counterpart, Coupon, CouponKind, FaultMode, FetchedKeys, Finding,
    Instruction, OutgoingCallback, PayForm, Payment, PhoneOutcome, RefundStatus, Refunded,
    Response, Scene, Unproven,
};
use ledger::{Currency, Fen};
use serde_json::{Value, json};

const SCENES: [(Scene, PayForm); 5] = [
    (Scene::MiniProgram, PayForm::Jsapi),
    (Scene::Public, PayForm::Jsapi),
    (Scene::Pc, PayForm::QrCode),
    (Scene::H5, PayForm::JumpUrl),
    (Scene::App, PayForm::AppSdk),
];

fn payment(finding: Finding) -> Payment {
    match finding {
        Finding::Paid(payment) => payment,
        other => panic!("want paid, found {other:?}"),
    }
}

/// An order's whole life, through one connection.
fn life(connection: &dyn Connection, scene: Scene, form: PayForm) {
    let mut stage = Stage::new();
    let place = order("T20261118-1", scene);
    let pay_info = stage.place(connection, &place);
    assert_eq!(pay_info.form, form);
    assert_eq!(stage.ask(connection, &query(&place.channel_order_no)), Finding::Pending);

    stage.later(60);
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("the phone pays");
    let found = payment(stage.ask(connection, &query(&place.channel_order_no)));
    assert_eq!(found.channel_order_no, place.channel_order_no);
    assert_eq!((found.amount, found.payer_amount), (Fen::new(8_800), Some(Fen::new(8_800))));
    assert_eq!((found.currency, found.at), (Currency::Cny, stage.now));
    assert_eq!(found.payment_reference.len(), 28);
    let told = stage.told(connection);
    assert_eq!(
        (told.channel_order_no, told.callback_id.len()),
        (place.channel_order_no.clone(), 36)
    );
    assert_eq!(payment(told.finding), found);

    let placed_again = stage.ask(connection, &Instruction::Place(Box::new(place.clone())));
    assert_eq!(placed_again, Finding::Ask { code: "ORDER_PAID".to_owned() });
    let closed = stage.ask(connection, &close(&place.channel_order_no));
    assert_eq!(closed, Finding::Ask { code: "ORDER_PAID".to_owned() });

    let asked = refund("R@1", &place.channel_order_no, &found.payment_reference, 800);
    let Finding::Refund(first) = stage.ask(connection, &asked) else { panic!("no refund") };
    assert_eq!((first.status, first.amount), (RefundStatus::Processing, Fen::new(800)));
    let told = stage.told(connection);
    let Finding::Refund(told) = told.finding else { panic!("no refund told") };
    assert_eq!((told.status, told.amount), (RefundStatus::Done, Fen::new(800)));
    let again = query_refund("R@1");
    // The callback does not state what was settled.
    let told = Refunded { settled_amount: Some(told.amount), ..told };
    assert_eq!(stage.ask(connection, &again), Finding::Refund(told));
    assert_eq!(payment(stage.ask(connection, &query(&place.channel_order_no))), found);
    let unknown = query_refund("R2");
    assert_eq!(stage.ask(connection, &unknown), Finding::NotFound);
}

/// Of 8,800 fen a coupon pays 880; two refunds, of 3,333 and the rest, give all of it back.
#[test]
fn what_coupons_pay_is_settled_by_their_kind() {
    for (kind, settled, parts) in
        [(CouponKind::NoCash, 7_920, [3_000, 4_920]), (CouponKind::Cash, 8_800, [3_333, 5_467])]
    {
        let (mut stage, connection) = (Stage::new(), direct());
        let place = Instruction::Place(Box::new(order("T12345", Scene::Pc)));
        let Finding::Placed(pay_info) = stage.ask(&*connection, &place) else { panic!("placed") };
        let coupon = |fen| PhoneOutcome::SuccessWith(Coupon { amount: Fen::new(fen), kind });
        assert!(stage.phone(&pay_info.text, coupon(8_801)).is_err(), "more than the order");
        stage.phone(&pay_info.text, coupon(880)).expect("the phone pays");
        let told = stage.told(&*connection);
        let found = payment(stage.ask(&*connection, &query("T12345")));
        assert_eq!(told.finding, Finding::Paid(found.clone()));
        assert_eq!(found.settled_amount, Fen::new(settled), "{kind:?}");
        assert_eq!((found.amount, found.payer_amount), (Fen::new(8_800), Some(Fen::new(7_920))));
        for (number, fen, want) in [("R1", 3_333, parts[0]), ("R2", 5_467, parts[1])] {
            let asked = refund(number, "T12345", &found.payment_reference, fen);
            let Finding::Refund(taken) = stage.ask(&*connection, &asked) else { panic!("taken") };
            assert_eq!(taken.settled_amount, Some(Fen::new(want)), "{kind:?} {number}");
        }
        assert_eq!(parts.iter().sum::<i64>(), settled);
    }
}

#[test]
fn an_order_lives_in_every_scene_and_mode() {
    for (scene, form) in SCENES {
        life(&*direct(), scene, form);
        life(&*partner(), scene, form);
    }
}

#[test]
fn a_closed_order_stays_closed_and_an_unknown_one_unknown() {
    let (mut stage, connection) = (Stage::new(), direct());
    assert_eq!(stage.ask(&*connection, &query("T-none")), Finding::NotFound);
    assert_eq!(stage.ask(&*connection, &close("T-none")), Finding::Closed);
    let pay_info = stage.place(&*connection, &order("T12345", Scene::Pc));
    assert_eq!(stage.ask(&*connection, &close("T12345")), Finding::Closed);
    assert_eq!(stage.ask(&*connection, &close("T12345")), Finding::Closed);
    assert_eq!(stage.ask(&*connection, &query("T12345")), Finding::Closed);
    assert!(stage.phone(&pay_info.text, PhoneOutcome::Success).is_err());
    assert_eq!(stage.ask(&*partner(), &query("T12345")), Finding::NotFound);
}

#[test]
fn an_order_that_nobody_pays_ends_by_itself() {
    let (mut stage, connection) = (Stage::new(), direct());
    stage.place(&*connection, &order("T12345", Scene::Pc));
    stage.later(10_799);
    assert_eq!(stage.ask(&*connection, &query("T12345")), Finding::Pending);
    stage.later(1);
    assert_eq!(stage.ask(&*connection, &query("T12345")), Finding::Closed);
    let place = Instruction::Place(Box::new(order("T12345", Scene::Pc)));
    let Finding::Refused { code, .. } = stage.ask(&*connection, &place) else {
        panic!("an ended order cannot be placed again")
    };
    assert_eq!(code, "ORDER_CLOSED");
}

#[test]
fn a_repeat_is_recognised() {
    let (mut stage, connection) = (Stage::new(), direct());
    let place = order("T12345", Scene::Pc);
    let first = stage.place(&*connection, &place).text;
    let renewed = stage.place(&*connection, &place).text;
    assert_ne!(renewed, first);
    assert!(stage.phone(&first, PhoneOutcome::Success).is_err());

    let changes = [
        ("INVALID_REQUEST", channel::Place { amount: Fen::new(8_801), ..place.clone() }),
        ("OUT_TRADE_NO_USED", channel::Place { scene: Scene::App, ..place.clone() }),
    ];
    for (code, changed) in changes {
        let found = stage.ask(&*connection, &Instruction::Place(Box::new(changed)));
        assert_eq!(found, Finding::Ask { code: code.to_owned() });
    }
    stage.phone(&renewed, PhoneOutcome::Success).expect("the phone pays");
}

#[test]
fn keys_are_fetched_without_any_key() {
    let mut stage = Stage::new();
    let Finding::Keys(FetchedKeys { keys, .. }) =
        stage.ask(&*with_fetched(&[]), &Instruction::FetchKeys { named: None })
    else {
        panic!("no keys")
    };
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].serial, KEYS.platform.certificate.serial);
    let connection = with_fetched(&keys);
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    connection.callback(&stage.envelope(), stage.now).expect("the callback is believed");
}

#[test]
fn each_merchant_knows_the_channel_by_what_it_trusts() {
    let (mut stage, connection) = (Stage::with(Trust::PublicKey), with_public_key());
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    connection.callback(&stage.envelope(), stage.now).expect("the callback is believed");
    let unknown = direct().callback(&stage.envelope(), stage.now);
    assert!(matches!(unknown, Err(CallbackFault::NoKey { why }) if why.contains(PUBLIC_KEY_ID)));

    let (mut stage, connection) = (Stage::with(Trust::Switching), direct());
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    let serials: std::collections::BTreeSet<String> = (0..32)
        .filter_map(|_| stage.envelope().header("Wechatpay-Serial").map(str::to_owned))
        .collect();
    assert_eq!(serials.len(), 2);
}

#[test]
fn each_fault_mode_is_seen_by_the_codec() {
    let (mut stage, connection) = (Stage::new(), direct());
    stage.paid(&*connection, &order("T12345", Scene::Pc));

    stage.mode = FaultMode::BadSignature;
    assert!(matches!(stage.ask(&*connection, &query("T12345")), Finding::Unknown { .. }));
    let forged = connection.callback(&stage.envelope(), stage.now);
    assert!(matches!(forged, Err(CallbackFault::Forged { .. })));

    stage.mode = FaultMode::WrongAmount;
    let found = payment(stage.ask(&*connection, &query("T12345")));
    assert_eq!(found.amount, Fen::new(8_801));
    let told = stage.told(&*connection);
    assert_eq!(payment(told.finding).amount, Fen::new(8_801));
    let asked = refund("R1", "T12345", &found.payment_reference, 800);
    let Finding::Refund(refunded) = stage.ask(&*connection, &asked) else { panic!("no refund") };
    assert_eq!(refunded.amount, Fen::new(801));

    let place = Instruction::Place(Box::new(order("T99999", Scene::Pc)));
    let mut mode = |code: &str| {
        stage.mode = FaultMode::Error { code: code.to_owned() };
        stage.ask(&*connection, &place)
    };
    assert!(matches!(mode("SYSTEM_ERROR"), Finding::Unknown { .. }));
    assert!(matches!(mode("FREQUENCY_LIMITED"), Finding::Later { .. }));
    assert!(matches!(mode("INVALID_REQUEST"), Finding::Refused { .. }));
    // The gate does not sign, and is believed about the request alone.
    assert!(matches!(mode("PARAM_ERROR"), Finding::Unproven(Unproven::Refused { .. })));
    assert!(matches!(mode("NO_AUTH"), Finding::AccountFault { .. }));
    stage.mode = FaultMode::Honest;
    assert_eq!(stage.ask(&*connection, &query("T99999")), Finding::NotFound);
}

#[test]
fn codes_have_their_statuses() {
    for (code, status) in [
        ("USERPAYING", 202),
        ("PARAM_ERROR", 400),
        ("APPID_MCHID_NOT_MATCH", 400),
        ("ORDERPAID", 400),
        ("SIGN_ERROR", 401),
        ("RULELIMIT", 403),
        ("RULE_LIMIT", 403),
        ("OUT_TRADE_NO_USED", 403),
        ("ORDERNOTEXIST", 404),
        ("ORDER_NOT_EXIST", 404),
        ("RATELIMIT_EXCEEDED", 429),
        ("SYSTEMERROR", 500),
        ("OPENID_MISMATCH", 500),
    ] {
        assert_eq!(status_of(code), status, "{code}");
    }
}

#[test]
fn refunds_stay_within_the_payment() {
    let (mut stage, connection) = (Stage::new(), direct());
    stage.place(&*connection, &order("T-open", Scene::Pc));
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    let found = payment(stage.ask(&*connection, &query("T12345")));
    let id = found.payment_reference;
    let mut refused = |asked: Instruction| match stage.ask(&*connection, &asked) {
        Finding::Refund(_) => None,
        Finding::Refused { code, .. } => Some(code),
        Finding::NotFound => Some("RESOURCE_NOT_EXISTS".to_owned()),
        // What the gate refuses is not signed.
        Finding::Unproven(Unproven::Refused { code, .. }) => Some(code),
        Finding::Ask { code } => Some(code),
        other => panic!("want a refund or a refusal, found {other:?}"),
    };
    assert_eq!(refused(refund("R1", "T12345", &id, 8_000)), None);
    // A repeat takes no more; another content under the number is not a repeat.
    assert_eq!(refused(refund("R1", "T12345", &id, 8_000)), None);
    assert_eq!(refused(refund("R1", "T12345", &id, 7_999)).as_deref(), Some("INVALID_REQUEST"));
    assert_eq!(refused(refund("R2", "T12345", &id, 801)).as_deref(), Some("INVALID_REQUEST"));
    assert_eq!(refused(refund("R2", "T12345", &id, 800)), None);
    assert_eq!(refused(refund("R3", "T12345", &id, 1)).as_deref(), Some("INVALID_REQUEST"));
    let nothing = refund("R4", "T12345", "4200000000000000000000000000", 1);
    assert_eq!(refused(nothing).as_deref(), Some("RESOURCE_NOT_EXISTS"));
    assert_eq!(stage.outgoing.len(), 3);
    stage.later(366 * 86_400);
    let late = stage.ask(&*connection, &refund("R5", "T12345", &id, 1));
    assert!(matches!(late, Finding::Refused { .. }));
}

#[test]
fn a_refund_can_end_without_the_money_back() {
    for (state, refundable_again) in [(RefundStatus::Closed, true), (RefundStatus::Abnormal, false)]
    {
        let (mut stage, connection) = (Stage::new(), direct());
        stage.paid(&*connection, &order("T12345", Scene::Pc));
        let found = payment(stage.ask(&*connection, &query("T12345")));
        let asked = refund("R1", "T12345", &found.payment_reference, 8_800);
        stage.mode = FaultMode::Refund { status: state };
        let Finding::Refund(first) = stage.ask(&*connection, &asked) else { panic!("no refund") };
        assert_eq!(first.status, RefundStatus::Processing);
        stage.mode = FaultMode::Honest;
        let told = stage.told(&*connection);
        let Finding::Refund(told) = told.finding else { panic!("no refund told") };
        assert_eq!((told.status, told.at, told.amount), (state, None, Fen::new(8_800)));
        let told = Refunded { settled_amount: Some(told.amount), ..told };
        let looked = query_refund("R1");
        for again in [looked, asked] {
            assert_eq!(stage.ask(&*connection, &again), Finding::Refund(told.clone()));
        }
        let other = refund("R2", "T12345", &found.payment_reference, 8_800);
        let taken = matches!(stage.ask(&*connection, &other), Finding::Refund(_));
        assert_eq!(taken, refundable_again, "{state:?}");
    }
}

#[test]
fn placed_orders_are_listed_newest_last() {
    let (mut stage, connection) = (Stage::new(), direct());
    for number in ["T-second", "T-first", "T-third"] {
        stage.place(&*connection, &order(number, Scene::Pc));
        stage.now = stage.now.plus_ms(7);
    }
    let listed = stage.counterpart.transactions(&stage.documents, 2).expect("memory does not fail");
    let listed: Vec<Value> =
        listed.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["out_trade_no"], "T-first");
    assert_eq!(listed[1]["out_trade_no"], "T-third");
    assert_eq!(listed[1]["trade_state"], "NOTPAY");
    assert_eq!(listed[1]["time_expire"], "2026-11-18T22:06:40+08:00");
}

#[test]
fn the_channel_repeats_for_a_day_and_four_minutes() {
    let stage = Stage::new();
    let [id, url, text] = ["", "", ""].map(str::to_owned);
    let callback = OutgoingCallback { id, url, text };
    assert_eq!(stage.counterpart.schedule_seconds().iter().sum::<i64>(), 24 * 3_600 + 240);
    for (status, want) in [(200, true), (204, true), (202, false), (302, false), (500, false)] {
        let response = Response { status, headers: vec![], body: vec![] };
        assert_eq!(stage.counterpart.accepted(&callback, &response), want, "{status}");
    }
}

#[test]
fn a_callback_of_a_vanished_merchant_goes_out_empty() {
    let mut stage = Stage::new();
    stage.outgoing.push(OutgoingCallback {
        id: "1".to_owned(),
        url: "http://127.0.0.1/".to_owned(),
        text: "{}".to_owned(),
    });
    assert!(stage.envelope().body.is_empty());
}

#[test]
fn a_paid_order_reads_so() {
    let (mut stage, connection) = (Stage::new(), partner());
    stage.paid(&*connection, &order("T12345", Scene::MiniProgram));
    let target = format!(
        "/v3/pay/partner/transactions/out-trade-no/T12345?sp_mchid={MCHID}&sub_mchid={SUB_MCHID}"
    );
    let asked = signed(&KEYS.merchant, channel::Method::Get, &target, b"", stage.now);
    let response = stage.send(&asked);
    let read: Value = serde_json::from_slice(&response.body).expect("JSON");
    let want = json!({
        "sp_appid": APPID,
        "sp_mchid": MCHID,
        "sub_appid": SUB_APPID,
        "sub_mchid": SUB_MCHID,
        "out_trade_no": "T12345",
        "transaction_id": read["transaction_id"],
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "CMB_DEBIT",
        "attach": "",
        "success_time": "2026-11-18T19:06:40+08:00",
        "payer": { "sub_openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": {
            "total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY",
        },
        "scene_info": { "device_id": "POS-7" },
        "promotion_detail": [],
    });
    assert_eq!(read, want);
    let by_id = format!(
        "/v3/pay/partner/transactions/id/{}?sp_mchid={MCHID}&sub_mchid={SUB_MCHID}",
        read["transaction_id"].as_str().expect("an id")
    );
    let asked = signed(&KEYS.merchant, channel::Method::Get, &by_id, b"", stage.now);
    assert_eq!(stage.send(&asked).body, response.body);
}
