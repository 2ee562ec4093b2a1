//! Agreements between the codec and the counterpart, and against calls that no codec of ours makes.

use super::*;
use crate::tests::agreements::{
    self as codec_of, AGREEMENT_NUMBER, TEMPLATES, debiting, monthly, query_agreement, renting,
    signing, terminate,
};
use channel::{
    AgreementAct, AgreementFound, AgreementStatus, Callback, PeriodRule, PeriodUnit, PlacedOrder,
    SignAgreement, Validity,
};
use ledger::Fen;

impl Stage {
    fn ask_agreement(&mut self, asked: &Instruction) -> Finding {
        self.ask_by(&*codec_of::account(), asked)
    }

    /// What the payer opens to sign.
    fn page(&mut self, asked: &SignAgreement) -> String {
        match self.ask_agreement(&Instruction::SignAgreement(Box::new(asked.clone()))) {
            Finding::Placed(page) => page.text,
            other => panic!("a page wanted: {other:?}"),
        }
    }

    /// An agreement that was signed: the channel's number of it.
    fn sign(&mut self, asked: &SignAgreement) -> String {
        let page = self.page(asked);
        self.phone(&page, PhoneOutcome::Success).expect("it is signed");
        let found = self.told_of_agreement();
        assert_eq!(found.status, AgreementStatus::Signed);
        found.agreement_reference.expect("it was signed").expose().to_owned()
    }

    fn told_of_agreement(&mut self) -> AgreementFound {
        let callback = self.outgoing.pop().expect("a callback");
        match self.read_callback(&callback) {
            Ok(Callback::Agreement(told)) => match told.finding {
                Finding::Agreement(found) => *found,
                other => panic!("an agreement wanted: {other:?}"),
            },
            other => panic!("an agreement's callback wanted: {other:?}"),
        }
    }

    fn read_callback(&mut self, callback: &OutgoingCallback) -> Result<Callback, CallbackFault> {
        let context = self.context();
        let request = self.counterpart.envelope(&self.documents, callback, &self.mode, &context);
        codec_of::account().callback(&request.expect("memory does not fail"), self.now)
    }

    fn act(&mut self, number: &str, act: AgreementAct) -> Result<String, PhoneFault> {
        let context = self.context();
        let done = self.counterpart.act_on_agreement(&mut self.documents, number, act, &context);
        let (text, outgoing) = done?;
        self.outgoing.extend(outgoing);
        Ok(text)
    }

    fn standing(&mut self, reference: Option<&str>) -> AgreementFound {
        match self.ask_agreement(&query_agreement(reference)) {
            Finding::Agreement(found) => *found,
            other => panic!("an agreement wanted: {other:?}"),
        }
    }

    fn debit(&mut self, place: Place) -> Finding {
        let (placed_at, expires_at) = (self.now, self.now.plus_seconds(1800));
        self.ask_agreement(&Instruction::Place(Box::new(Place { placed_at, expires_at, ..place })))
    }

    fn query_debit(&mut self) -> Finding {
        let Instruction::Query(placed) = codec::query() else { unreachable!("it queries") };
        self.ask_agreement(&Instruction::Query(PlacedOrder { is_debit: true, ..placed }))
    }
}

fn by_club(reference: &str) -> Place {
    debiting(reference, "club")
}

fn day(text: &str) -> Timestamp {
    crate::wire::read_time(&format!("{text} 12:00:00")).expect("a day")
}

#[test]
fn an_agreement_lives_its_life_in_every_scene() {
    for scene in [Scene::MiniProgram, Scene::Public, Scene::H5, Scene::App, Scene::Pc] {
        let mut stage = Stage::new();
        let asked = SignAgreement { scene, ..signing() };
        let page = stage.page(&asked);
        for outcome in [PhoneOutcome::Cancel, PhoneOutcome::Fail] {
            stage.phone(&page, outcome).expect("it opens");
            assert_eq!(stage.ask_agreement(&query_agreement(None)), Finding::NotFound);
        }
        assert!(stage.outgoing.is_empty(), "nothing is told of a payer who does not sign");
        let reference = stage.sign(&asked);
        assert!(stage.phone(&page, PhoneOutcome::Success).is_err(), "signed twice");
        for known in [None, Some(&*reference)] {
            let found = stage.standing(known);
            assert_eq!((found.status, found.valid_until), (AgreementStatus::Signed, None));
            assert_eq!(found.payer_account.as_deref(), Some("159****5620"));
        }
        let ended = stage.ask_agreement(&terminate(Some(&reference)));
        assert!(matches!(ended, Finding::Agreement(_)), "{ended:?}");
        let told = stage.told_of_agreement();
        assert_eq!((told.status, told.terminated_at), (AgreementStatus::Terminated, Some(NOW)));
        for asked in [
            query_agreement(None),
            query_agreement(Some(&reference)),
            terminate(None),
            terminate(Some(&reference)),
        ] {
            assert_eq!(stage.ask_agreement(&asked), Finding::NotFound);
        }
        let refused = stage.debit(by_club(&reference));
        assert!(refused.describe().contains("ACQ.AGREEMENT_STATUS_NOT_NORMAL"), "{refused:?}");
    }
}

#[test]
fn a_debit_is_paid_once_under_its_number() {
    let mut stage = Stage::new();
    let reference = stage.sign(&signing());
    assert_eq!(stage.query_debit(), Finding::NotFound);
    let Finding::Paid(paid) = stage.debit(by_club(&reference)) else { panic!("paid wanted") };
    assert_eq!(stage.debit(by_club(&reference)).name(), "ask", "the same again");
    assert_eq!(stage.query_debit(), Finding::Paid(paid.clone()));
    assert_eq!(stage.outgoing.len(), 1, "one debit");
    let callback = stage.outgoing[0].clone();
    assert!(callback.text.contains(AGREEMENT_NUMBER), "it names the agreement");
    assert_eq!(stage.told(), Finding::Paid(paid));
}

/// A lost request debits nothing, and a lost answer hides a debit: both end the same way when the order is
/// placed again.
#[test]
fn lost_on_the_way_there_or_back() {
    for is_answer_lost in [false, true] {
        let mut stage = Stage::new();
        let reference = stage.sign(&signing());
        let placing = Instruction::Place(Box::new(by_club(&reference)));
        if is_answer_lost {
            stage.ask_agreement(&placing);
            assert!(matches!(stage.query_debit(), Finding::Paid(_)));
        } else {
            assert_eq!(stage.query_debit(), Finding::NotFound);
            assert!(matches!(stage.ask_agreement(&placing), Finding::Paid(_)));
        }
        assert_eq!(stage.ask_agreement(&placing).name(), "ask");
        assert_eq!(stage.outgoing.len(), 1, "one debit");
    }
}

/// What is not signed, or signed wrongly, is not believed; the work was done.
#[test]
fn answers_without_a_good_signature_are_unknown() {
    for mode in [FaultMode::BadSignature, FaultMode::Unsigned, FaultMode::Probe] {
        let mut stage = Stage::new();
        let reference = stage.sign(&signing());
        stage.mode = mode.clone();
        for asked in [
            Instruction::Place(Box::new(by_club(&reference))),
            query_agreement(Some(&reference)),
            terminate(Some(&reference)),
        ] {
            let found = stage.ask_agreement(&asked);
            assert!(matches!(found, Finding::Unknown { .. }), "{mode:?} {found:?}");
        }
        while let Some(callback) = stage.outgoing.pop() {
            let read = stage.read_callback(&callback);
            assert!(matches!(read, Err(CallbackFault::Forged { .. })), "{mode:?} {read:?}");
        }
        stage.mode = FaultMode::Honest;
        assert!(matches!(stage.query_debit(), Finding::Paid(_)));
        assert_eq!(stage.ask_agreement(&query_agreement(Some(&reference))), Finding::NotFound);
    }
}

#[test]
fn injected_codes_change_nothing() {
    for (code, debited, queried, terminated) in [
        ("ACQ.SYSTEM_ERROR", "unknown", "unknown", "unknown"),
        ("20000", "unknown", "unknown", "unknown"),
        ("40005", "later", "later", "later"),
        ("ACQ.BUYER_BALANCE_NOT_ENOUGH", "refused", "unknown", "refused"),
    ] {
        let mut stage = Stage::new();
        let reference = stage.sign(&signing());
        stage.mode = FaultMode::Error { code: code.to_owned() };
        assert_eq!(stage.debit(by_club(&reference)).name(), debited, "{code}");
        let asked = query_agreement(Some(&reference));
        assert_eq!(stage.ask_agreement(&asked).name(), queried, "{code}");
        let asked = terminate(Some(&reference));
        assert_eq!(stage.ask_agreement(&asked).name(), terminated, "{code}");
        stage.mode = FaultMode::Honest;
        assert_eq!(stage.query_debit(), Finding::NotFound, "{code}");
        assert_eq!(stage.standing(Some(&reference)).status, AgreementStatus::Signed);
    }
}

#[test]
fn a_debit_that_waits_is_paid_or_cancelled() {
    for is_cancelled in [false, true] {
        let mut stage = Stage::new();
        let reference = stage.sign(&signing());
        stage.mode = FaultMode::Error { code: "10003".to_owned() };
        assert_eq!(stage.debit(by_club(&reference)), Finding::Pending);
        assert_eq!(stage.debit(by_club(&reference)), Finding::Pending, "the same again");
        stage.mode = FaultMode::Honest;
        assert_eq!(stage.query_debit(), Finding::Pending);
        let trades = stage.counterpart.transactions(&stage.documents, 1).expect("memory");
        let trade: Value = serde_json::from_str(&trades[0]).expect("JSON");
        let pay_info = json!({ "tradeNO": trade["trade_no"] }).to_string();
        if is_cancelled {
            let number = json!({ "out_trade_no": NUMBER });
            let answer = stage.call("alipay.trade.cancel", &number, &[]);
            assert_eq!(answer["action"], "close");
        }
        assert_eq!(stage.phone(&pay_info, PhoneOutcome::Success).is_err(), is_cancelled);
        let wanted = if is_cancelled { "closed" } else { "paid" };
        assert_eq!(stage.query_debit().name(), wanted);
    }
}

#[test]
fn a_payer_ends_an_agreement_and_the_channel_pauses_it() {
    let mut stage = Stage::new();
    let reference = stage.sign(&signing());
    stage.act(AGREEMENT_NUMBER, AgreementAct::Pause).expect("it stands");
    assert_eq!(stage.standing(None).status, AgreementStatus::Paused);
    let refused = stage.debit(by_club(&reference));
    assert!(refused.describe().contains("ACQ.AGREEMENT_STATUS_NOT_NORMAL"), "{refused:?}");
    stage.act(&reference, AgreementAct::Resume).expect("it stands");
    assert!(matches!(stage.debit(by_club(&reference)), Finding::Paid(_)));
    stage.outgoing.clear();
    stage.now = stage.now.plus_seconds(60);
    stage.act(&reference, AgreementAct::Terminate).expect("it stands");
    let told = stage.told_of_agreement();
    let (at, by) = (told.reported_at, told.terminated_by);
    assert_eq!((told.status, at, by), (AgreementStatus::Terminated, Some(stage.now), None));
    assert!(stage.act(&reference, AgreementAct::Resume).is_err(), "it has ended");
    assert_eq!(stage.act("none", AgreementAct::Terminate), Err(PhoneFault::NotMine));
}

#[test]
fn a_plan_allows_one_debit_a_period_within_its_limits() {
    let mut stage = Stage::new();
    let period = PeriodRule { total_amount: Some(Fen::new(2_500)), payments: Some(2), ..monthly() };
    let asked = SignAgreement { period: Some(period), ..renting() };
    let reference = stage.sign(&asked);
    let mut orders = 0;
    let mut debit = |stage: &mut Stage, amount: i64| {
        orders += 1;
        let channel_order_no = format!("rent{orders}");
        let amount = Fen::new(amount);
        stage.debit(Place { channel_order_no, amount, ..debiting(&reference, "rent") }).describe()
    };
    for (at, amount, wanted) in [
        ("2023-04-24", 1_000, "ACQ.CYCLE_PAY_DATE_NOT_MATCH"),
        ("2023-04-25", 9_901, "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED"),
        ("2023-04-25", 2_501, "ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED"),
        ("2023-04-25", 1_000, "paid"),
        ("2023-04-28", 1_000, "ACQ.CYCLE_PAY_DATE_NOT_MATCH"),
        ("2023-05-28", 1_000, "paid"),
        ("2023-06-28", 1, "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED"),
    ] {
        stage.now = day(at);
        let found = debit(&mut stage, amount);
        assert!(found.contains(wanted), "{at} {amount}: {found}");
    }
    let mut asked = codec_of::placed_agreement(Some(&reference));
    asked.template = Some("rent".to_owned());
    let Finding::Agreement(found) = stage.ask_agreement(&Instruction::QueryAgreement(asked)) else {
        panic!("an agreement wanted")
    };
    assert_eq!(found.next_debit_at, crate::wire::read_time("2023-06-28 00:00:00"));
    // The day has passed: nothing more is debited.
    stage.now = day("2023-06-29");
    assert!(debit(&mut stage, 1).contains("refused"));
}

#[test]
fn an_agreement_ends_by_its_own_time() {
    for (validity, last) in
        [(Validity::Days(7), "2023-04-26 09:23:15"), (Validity::Months(1), "2023-05-19 09:23:15")]
    {
        let mut stage = Stage::new();
        let reference = stage.sign(&SignAgreement { validity: Some(validity), ..signing() });
        let ends_at = stage.standing(None).valid_until.expect("it ends");
        stage.now = crate::wire::read_time(last).expect("a time");
        assert_eq!(ends_at, stage.now.plus_seconds(1));
        assert!(matches!(stage.debit(by_club(&reference)), Finding::Paid(_)));
        stage.now = ends_at;
        assert_eq!(stage.ask_agreement(&query_agreement(None)), Finding::NotFound);
    }
}

#[test]
fn a_page_is_signed_in_its_time_and_as_it_was_made() {
    let mut stage = Stage::new();
    let page = stage.page(&signing());
    let bent = page.replace("INDUSTRY", "INDUSTRX");
    assert_ne!(bent, page);
    assert!(matches!(stage.phone(&bent, PhoneOutcome::Success), Err(PhoneFault::Refused(_))));
    stage.now = signing().expires_at;
    assert!(matches!(stage.phone(&page, PhoneOutcome::Success), Err(PhoneFault::Refused(_))));
    let renewed =
        stage.page(&SignAgreement { expires_at: stage.now.plus_seconds(60), ..signing() });
    stage.phone(&renewed, PhoneOutcome::Success).expect("it is signed");
    for text in ["alipays://platformapi/startapp?appId=20000067", "{\"signStr\":\"a=1\"}"] {
        assert_eq!(stage.phone(text, PhoneOutcome::Success), Err(PhoneFault::NotMine), "{text}");
    }
}

#[test]
fn fields_of_a_page_are_checked() {
    let good = json!({
        "personal_product_code": "GENERAL_WITHHOLDING_P", "product_code": "GENERAL_WITHHOLDING",
        "access_params": { "channel": "ALIPAYAPP" }, "sign_scene": "INDUSTRY|CLUB",
        "external_agreement_no": AGREEMENT_NUMBER,
    });
    let rule = json!({
        "period_type": "DAY", "period": 7, "execute_time": "2023-04-20", "single_amount": "1.00",
    });
    let mut cycle = good.clone();
    cycle["personal_product_code"] = json!("CYCLE_PAY_AUTH_P");
    cycle["product_code"] = Value::Null;
    cycle["period_rule_params"] = rule;
    let opened = |content: &Value| {
        let request = signed("alipay.user.agreement.page.sign", content, &[], NOW);
        let mut stage = Stage::new();
        let link = format!("{}&{}", request.url, String::from_utf8_lossy(&request.body));
        let browsed = stage.send(&request).status;
        let shown = stage.phone(&format!("https://sandbox{link}"), PhoneOutcome::Success);
        assert_eq!(browsed == 302, shown.is_ok(), "{content}");
        shown
    };
    for content in [&good, &cycle] {
        opened(content).expect("good fields");
    }
    for (content, name, value) in [
        (&good, "personal_product_code", json!("NO_SUCH_P")),
        (&good, "personal_product_code", json!("GENERAL_WITHHOLDING")),
        (&good, "product_code", json!("CYCLE_PAY_AUTH")),
        (&good, "access_params", json!({ "channel": "PHONE" })),
        (&good, "access_params", Value::Null),
        (&good, "sign_scene", Value::Null),
        (&good, "sign_scene", json!("CLUB")),
        (&good, "sign_scene", json!("DEFAULT|DEFAULT")),
        (&good, "external_agreement_no", json!("A_1")),
        (&good, "external_agreement_no", json!("A".repeat(33))),
        (&good, "external_logon_id", json!("长".repeat(101))),
        (&good, "sign_validity_period", json!("2y")),
        (&good, "sign_validity_period", json!("0d")),
        (&good, "effect_time", json!(86_401)),
        (&good, "effect_time", json!(0)),
        (&cycle, "period_rule_params", Value::Null),
        (&cycle, "period_rule_params.period", json!(6)),
        (&cycle, "period_rule_params.period_type", json!("WEEK")),
        (&cycle, "period_rule_params.execute_time", json!("2023-04-18")),
        (&cycle, "period_rule_params.execute_time", json!("soon")),
        (&cycle, "period_rule_params.single_amount", json!("0.00")),
        (&cycle, "period_rule_params.total_payments", json!(0)),
    ] {
        let mut content = content.clone();
        match name.split_once('.') {
            Some((outer, inner)) => content[outer][inner] = value,
            None => content[name] = value,
        }
        assert!(matches!(opened(&content), Err(PhoneFault::Refused(_))), "{content}");
    }
    let mut monthly = cycle.clone();
    monthly["period_rule_params"]["period_type"] = json!("MONTH");
    monthly["period_rule_params"]["execute_time"] = json!("2023-04-29");
    assert!(opened(&monthly).is_err(), "after the 28th");
}

#[test]
fn fields_of_a_debit_are_checked() {
    let mut stage = Stage::new();
    let reference = stage.sign(&signing());
    let good = json!({
        "out_trade_no": NUMBER, "total_amount": "10.00", "subject": "会费",
        "product_code": "GENERAL_WITHHOLDING", "agreement_params": { "agreement_no": reference },
    });
    for (name, value, wanted) in [
        ("agreement_params", json!({ "agreement_no": "2023" }), "ACQ.AGREEMENT_NOT_EXIST"),
        ("agreement_params", json!({}), "ACQ.INVALID_PARAMETER"),
        ("product_code", json!("CYCLE_PAY_AUTH"), "ACQ.MERCHANT_AGREEMENT_NOT_EXIST"),
        ("auth_code", json!("281234567890123456"), "ACQ.INVALID_PARAMETER"),
        ("scene", json!("bar_code"), "ACQ.INVALID_PARAMETER"),
    ] {
        let mut content = good.clone();
        content[name] = value;
        let answer = stage.call("alipay.trade.pay", &content, &[]);
        assert_eq!(answer["sub_code"], wanted, "{content}");
    }
    // Another merchant's agreement is none.
    let acting = [("app_auth_token", codec::ACTING[0].1)];
    let answer = stage.call("alipay.trade.pay", &good, &acting);
    assert_eq!(answer["sub_code"], "ACQ.AGREEMENT_NOT_EXIST");
    let number = json!({ "agreement_no": reference });
    for method in ["query", "unsign"] {
        let method = format!("alipay.user.agreement.{method}");
        let answer = stage.call(&method, &number, &acting);
        assert_eq!(answer["sub_code"], "USER_AGREEMENT_NOT_EXIST");
        let answer = stage.call(&method, &json!({ "external_agreement_no": "A1" }), &[]);
        assert_eq!(answer["sub_code"], "INVALID_PARAMETER");
    }
    assert_eq!(stage.call("alipay.trade.pay", &good, &[])["code"], "10000");
}

#[test]
fn the_checks_of_every_channel_hold_with_agreements() {
    let counterpart = counterpart();
    channel::checks::all(&channel::checks::Sample {
        about: Alipay.about(),
        connection: &*codec::connection_and(&[("agreements", "club=INDUSTRY|CLUB")]),
        place: codec::place(),
        refund: codec::refund(),
        context: codec::context(),
        receiver: None,
        counterpart: Some(&counterpart),
    });
    assert!(TEMPLATES.1.contains("club"));
    let day = PeriodRule { unit: PeriodUnit::Day, every: 30, ..monthly() };
    let mut stage = Stage::new();
    stage.sign(&SignAgreement { period: Some(day), ..renting() });
}
