//! Agreements and debits by the older interface, between its codec and the counterpart.

use super::stage::*;
use crate::Wxpay;
use crate::v2::sign::SignType;
use crate::v2::xml::Members;
use channel::{
    AgreementAct, AgreementFound, AgreementReference, AgreementStatus, Callback, CallbackFault,
    Channel as _, Connection, Counterpart as _, DebitAgreement, EncodeFault, FaultMode, Finding,
    Instruction, Method, OutgoingCallback, PayForm, PayInfo, Payer, PhoneFault, PhoneOutcome,
    Place, PlacedAgreement, PlacedOrder, Request, Response, Scene, SignAgreement, Step,
    TerminateAgreement, TerminatedBy,
};
use crypto::Secret;
use ledger::Fen;

const NUMBER: &str = "A20261118001";
const PLANS: (&str, &str) = ("agreements", "club=12535");
const MD5: (&str, &str) = ("sign_type", "MD5");
const SUB: [(&str, &str); 2] = [("sub_mchid", SUB_MCHID), ("sub_appid", SUB_APPID)];
const SCENES: [(Scene, PayForm); 4] = [
    (Scene::MiniProgram, PayForm::Jsapi),
    (Scene::Public, PayForm::JumpUrl),
    (Scene::H5, PayForm::JumpUrl),
    (Scene::App, PayForm::AppSdk),
];

/// Everybody who speaks v2: with either signature, for itself and for another.
fn all() -> Vec<Box<dyn Connection>> {
    let sub = [SUB[0], SUB[1], PLANS];
    vec![by_v2(&[PLANS]), by_v2(&[PLANS, MD5]), by_v2(&sub), by_v2(&[SUB[0], PLANS, MD5])]
}

fn signing(scene: Scene) -> SignAgreement {
    SignAgreement {
        channel_agreement_no: NUMBER.to_owned(),
        template: None,
        scene,
        display_name: "茶友 17".to_owned(),
        period: None,
        validity: None,
        payer: Payer { client_ip: Some("203.0.113.7".to_owned()), ..Payer::default() },
        placed_at: START,
        expires_at: START.plus_seconds(1800),
        callback_url: "http://127.0.0.1:8080/notify".to_owned(),
        front_url: None,
    }
}

fn placed(reference: Option<&str>) -> PlacedAgreement {
    PlacedAgreement {
        channel_agreement_no: NUMBER.to_owned(),
        template: None,
        agreement_reference: reference.map(|text| AgreementReference::new(text.to_owned())),
        placed_at: START,
        was_signed: reference.is_some(),
    }
}

fn querying(reference: Option<&str>) -> Instruction {
    Instruction::QueryAgreement(placed(reference))
}

fn ending(reference: Option<&str>) -> Instruction {
    Instruction::TerminateAgreement(Box::new(TerminateAgreement {
        agreement: placed(reference),
        reason: "退会".to_owned(),
        callback_url: "http://127.0.0.1:8080/notify".to_owned(),
    }))
}

fn debiting(number: &str, reference: &str) -> Place {
    Place {
        agreement: Some(DebitAgreement {
            channel_agreement_no: NUMBER.to_owned(),
            agreement_reference: AgreementReference::new(reference.to_owned()),
            template: None,
        }),
        ..order(number, Scene::Authorize)
    }
}

fn query_debit(number: &str) -> Instruction {
    let Instruction::Query(placed) = query(number) else { unreachable!("it queries") };
    Instruction::Query(PlacedOrder { is_debit: true, ..placed })
}

impl Stage {
    /// What an instruction comes to, whether or not it is sent.
    fn find(&mut self, connection: &dyn Connection, asked: &Instruction) -> Finding {
        let context = self.context();
        match connection.encode(asked, &context).expect("the instruction is supported") {
            Step::Answer(finding) => finding,
            Step::Send(request) => {
                let response = self.send(&request);
                connection.decode(asked, &response, &context)
            }
        }
    }

    fn page(&mut self, connection: &dyn Connection, asked: &SignAgreement) -> PayInfo {
        match self.find(connection, &Instruction::SignAgreement(Box::new(asked.clone()))) {
            Finding::Placed(page) => page,
            other => panic!("a page wanted: {other:?}"),
        }
    }

    fn callback(&mut self, connection: &dyn Connection) -> Result<Callback, CallbackFault> {
        let (envelope, now) = (self.envelope(), self.now);
        self.outgoing.pop();
        connection.callback(&envelope, now)
    }

    fn told_of(&mut self, connection: &dyn Connection) -> AgreementFound {
        match self.callback(connection) {
            Ok(Callback::Agreement(told)) => match told.finding {
                Finding::Agreement(found) => *found,
                other => panic!("an agreement wanted: {other:?}"),
            },
            other => panic!("an agreement's callback wanted: {other:?}"),
        }
    }

    /// An agreement that was signed: the channel's number of it.
    fn sign(&mut self, connection: &dyn Connection, asked: &SignAgreement) -> String {
        let page = self.page(connection, asked);
        self.phone(&page.text, PhoneOutcome::Success).expect("it is signed");
        let found = self.told_of(connection);
        assert_eq!((found.status, found.signed_at), (AgreementStatus::Signed, Some(self.now)));
        found.agreement_reference.expect("it was signed").expose().to_owned()
    }

    fn standing(&mut self, connection: &dyn Connection, reference: Option<&str>) -> AgreementFound {
        match self.ask(connection, &querying(reference)) {
            Finding::Agreement(found) => *found,
            other => panic!("an agreement wanted: {other:?}"),
        }
    }

    fn debit(&mut self, connection: &dyn Connection, place: Place) -> Finding {
        self.ask(connection, &Instruction::Place(Box::new(place)))
    }

    fn act(&mut self, number: &str, act: AgreementAct) -> Result<String, PhoneFault> {
        let context = self.context();
        let Stage { counterpart, documents, .. } = self;
        let (text, more) = counterpart.act_on_agreement(documents, number, act, &context)?;
        self.outgoing.extend(more);
        Ok(text)
    }
}

#[test]
fn an_agreement_lives_its_life_in_every_scene_and_mode() {
    for connection in all() {
        for (scene, form) in SCENES {
            let (mut stage, connection) = (Stage::new(), &*connection);
            assert_eq!(stage.ask(connection, &querying(None)), Finding::NotFound);
            let page = stage.page(connection, &signing(scene));
            assert_eq!((page.form, page.valid_until), (form, signing(scene).expires_at));
            stage.phone(&page.text, PhoneOutcome::Cancel).expect("it opens");
            assert!(stage.outgoing.is_empty(), "nothing is told of a payer who does not sign");
            let reference = stage.sign(connection, &signing(scene));
            assert!(stage.phone(&page.text, PhoneOutcome::Success).is_err(), "signed twice");
            for known in [None, Some(&*reference)] {
                let found = stage.standing(connection, known);
                assert_eq!((found.status, found.signed_at), (AgreementStatus::Signed, Some(START)));
            }
            stage.later(60);
            let ended = stage.ask(connection, &ending(Some(&reference)));
            assert!(matches!(ended, Finding::Agreement(_)), "{ended:?}");
            let told = stage.told_of(connection);
            assert_eq!(told.terminated_by, Some(TerminatedBy::MerchantApi));
            assert_eq!((told.terminated_at, told.reported_at), (Some(stage.now), Some(stage.now)));
            let again = stage.ask(connection, &ending(None));
            assert!(matches!(again, Finding::Agreement(_)), "{again:?}");
            assert!(stage.outgoing.is_empty(), "it ends once");
            let found = stage.standing(connection, Some(&reference));
            assert_eq!(found.status, AgreementStatus::Terminated);
            assert_eq!(found.termination_reason.as_deref(), Some("退会"));
            let refused = stage.debit(connection, debiting("T12345", &reference));
            assert!(refused.describe().contains("CONTRACT_NOT_EXIST"), "{refused:?}");
        }
    }
}

#[test]
fn a_debit_is_accepted_first_and_paid_once() {
    for connection in all() {
        let (mut stage, connection) = (Stage::new(), &*connection);
        let reference = stage.sign(connection, &signing(Scene::Public));
        assert_eq!(stage.ask(connection, &query_debit("T12345")), Finding::NotFound);
        let asked = Instruction::Place(Box::new(debiting("T12345", &reference)));
        assert_eq!(stage.ask(connection, &asked), Finding::Pending);
        let Finding::Paid(paid) = stage.ask(connection, &query_debit("T12345")) else {
            panic!("paid wanted")
        };
        assert_eq!(paid.amount, Fen::new(8_800));
        let Ok(Callback::Order(told)) = stage.callback(connection) else {
            panic!("an order's callback wanted")
        };
        assert_eq!(told.finding, Finding::Paid(paid.clone()));
        assert_eq!(stage.ask(connection, &asked).name(), "ask", "the same again");
        assert!(stage.outgoing.is_empty(), "one debit");
        let back = refund("R1", "T12345", &paid.payment_reference, 800);
        assert!(matches!(stage.ask(connection, &back), Finding::Refund(_)));
        let changed = Place { amount: Fen::new(1), ..debiting("T12345", &reference) };
        assert_eq!(stage.debit(connection, changed).name(), "ask");
    }
}

/// A lost request debits nothing, and a lost answer hides a debit: the same number ends both.
#[test]
fn lost_on_the_way_there_or_back() {
    for is_answer_lost in [false, true] {
        let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
        let reference = stage.sign(&*connection, &signing(Scene::Public));
        let asked = Instruction::Place(Box::new(debiting("T12345", &reference)));
        if is_answer_lost {
            stage.ask(&*connection, &asked);
        } else {
            assert_eq!(stage.ask(&*connection, &query_debit("T12345")), Finding::NotFound);
            assert_eq!(stage.ask(&*connection, &asked), Finding::Pending);
        }
        assert_eq!(stage.ask(&*connection, &asked).name(), "ask");
        assert!(matches!(stage.ask(&*connection, &query_debit("T12345")), Finding::Paid(_)));
        assert_eq!(stage.outgoing.len(), 1, "one debit");
    }
}

#[test]
fn a_debit_that_waits_is_ended_on_the_phone() {
    for (outcome, wanted, told) in
        [(PhoneOutcome::Success, "paid", "paid"), (PhoneOutcome::Fail, "failed", "ask")]
    {
        let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
        let reference = stage.sign(&*connection, &signing(Scene::Public));
        let asked = Instruction::Place(Box::new(debiting("T12345", &reference)));
        stage.mode = FaultMode::Error { code: "ACCEPT".to_owned() };
        assert_eq!(stage.ask(&*connection, &asked), Finding::Pending);
        stage.mode = FaultMode::Honest;
        assert_eq!(stage.ask(&*connection, &asked), Finding::Pending, "accepted before");
        assert_eq!(stage.ask(&*connection, &query_debit("T12345")), Finding::Pending);
        let number = format!(r#"{{"mch_id":"{MCHID}","out_trade_no":"T12345"}}"#);
        stage.phone(&number, PhoneOutcome::Cancel).expect("it waits");
        stage.phone(&number, outcome).expect("it waits");
        assert!(stage.phone(&number, outcome).is_err(), "it has ended");
        assert_eq!(stage.ask(&*connection, &query_debit("T12345")).name(), wanted);
        let Ok(Callback::Order(callback)) = stage.callback(&*connection) else {
            panic!("an order's callback wanted")
        };
        assert_eq!(callback.finding.name(), told);
    }
}

#[test]
fn an_accepted_debit_can_fail() {
    for connection in all() {
        let (mut stage, connection) = (Stage::new(), &*connection);
        let reference = stage.sign(connection, &signing(Scene::Public));
        stage.mode = FaultMode::Error { code: "NOTENOUGH".to_owned() };
        let asked = Instruction::Place(Box::new(debiting("T12345", &reference)));
        assert_eq!(stage.ask(connection, &asked), Finding::Pending);
        stage.mode = FaultMode::Honest;
        let Finding::Failed { code, .. } = stage.ask(connection, &query_debit("T12345")) else {
            panic!("failed wanted")
        };
        assert_eq!(code, "PAY_FAIL");
        let Ok(Callback::Order(told)) = stage.callback(connection) else {
            panic!("an order's callback wanted")
        };
        assert_eq!(told.finding, Finding::Ask { code: "NOTENOUGH".to_owned() });
    }
}

#[test]
fn injected_codes_change_nothing() {
    for (code, debited, queried) in [
        ("SYSTEMERROR", "unknown", "unknown"),
        ("BIZERR_NEED_RETRY", "unknown", "unknown"),
        ("RULELIMIT", "refused", "unknown"),
        ("INVALID_REQUEST", "refused", "unknown"),
        ("FREQUENCY_LIMITED", "later", "later"),
        ("NOAUTH", "account_fault", "account_fault"),
    ] {
        let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
        let reference = stage.sign(&*connection, &signing(Scene::Public));
        stage.mode = FaultMode::Error { code: code.to_owned() };
        let found = stage.debit(&*connection, debiting("T12345", &reference));
        assert_eq!(found.name(), debited, "{code}");
        let found = stage.ask(&*connection, &querying(Some(&reference)));
        assert_eq!(found.name(), queried, "{code}");
        stage.mode = FaultMode::Honest;
        assert_eq!(stage.ask(&*connection, &query_debit("T12345")), Finding::NotFound);
        let found = stage.standing(&*connection, Some(&reference));
        assert_eq!(found.status, AgreementStatus::Signed);
    }
}

/// What is not signed, or signed wrongly, is not believed; the work was done. The address of a page
/// alone needs no signature, and one that is there must hold.
#[test]
fn answers_without_a_good_signature_are_unknown() {
    for (mode, page) in [
        (FaultMode::BadSignature, "unknown"),
        (FaultMode::Probe, "unknown"),
        (FaultMode::Unsigned, "placed"),
    ] {
        let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
        let reference = stage.sign(&*connection, &signing(Scene::Public));
        stage.mode = mode.clone();
        for asked in [
            Instruction::Place(Box::new(debiting("T12345", &reference))),
            querying(Some(&reference)),
            ending(Some(&reference)),
        ] {
            let found = stage.ask(&*connection, &asked);
            assert!(matches!(found, Finding::Unknown { .. }), "{mode:?} {found:?}");
        }
        while !stage.outgoing.is_empty() {
            let read = stage.callback(&*connection);
            assert!(matches!(read, Err(CallbackFault::Forged { .. })), "{mode:?} {read:?}");
        }
        for scene in [Scene::H5, Scene::App] {
            let asked = Instruction::SignAgreement(Box::new(signing(scene)));
            assert_eq!(stage.ask(&*connection, &asked).name(), page, "{mode:?}");
        }
        stage.mode = FaultMode::Honest;
        assert!(matches!(stage.ask(&*connection, &query_debit("T12345")), Finding::Paid(_)));
        let found = stage.standing(&*connection, Some(&reference));
        assert_eq!(found.status, AgreementStatus::Terminated);
    }
}

#[test]
fn a_payer_ends_an_agreement() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
    let reference = stage.sign(&*connection, &signing(Scene::Public));
    assert!(matches!(stage.act(NUMBER, AgreementAct::Pause), Err(PhoneFault::Refused(_))));
    stage.later(60);
    stage.act(NUMBER, AgreementAct::Terminate).expect("it stands");
    let told = stage.told_of(&*connection);
    let (by, at) = (told.terminated_by, told.reported_at);
    assert_eq!((by, at), (Some(TerminatedBy::User), Some(stage.now)));
    assert!(stage.act(&reference, AgreementAct::Terminate).is_err(), "it has ended");
    assert_eq!(stage.act("none", AgreementAct::Terminate), Err(PhoneFault::NotMine));
    let found = stage.standing(&*connection, None);
    assert_eq!((found.status, found.terminated_by), (AgreementStatus::Terminated, by));
}

/// The same word stands for what was never signed and for what has ended.
#[test]
fn a_state_is_read_by_what_is_known() {
    let connection = by_v2(&[PLANS]);
    let read = |was_signed: bool, members: &[(&str, &str)]| {
        let base = [
            ("return_code", "SUCCESS"),
            ("result_code", "SUCCESS"),
            ("mch_id", MCHID),
            ("contract_code", NUMBER),
        ];
        let all = base.iter().chain(members);
        let answer = all.fold(Members::default(), |all, (name, text)| all.with(name, *text));
        let answer = SignType::Md5.signed(answer, &Secret::new(API_V2_KEY.to_owned()));
        let response = Response { status: 200, headers: vec![], body: answer.write() };
        let asked = Instruction::QueryAgreement(PlacedAgreement { was_signed, ..placed(None) });
        let context = Stage::new().context();
        match connection.decode(&asked, &response, &context) {
            Finding::Agreement(found) => found.status.name(),
            other => other.name(),
        }
    };
    let id = ("contract_id", "201811180000000001");
    let ended = ("contract_terminated_time", "2026-11-18 19:00:00");
    for (was_signed, members, wanted) in [
        (false, vec![("contract_state", "0"), id], "signed"),
        (false, vec![("contract_state", "0")], "unknown"),
        (false, vec![("contract_state", "1")], "signing"),
        (true, vec![("contract_state", "1"), id], "terminated"),
        (false, vec![("contract_state", "1"), ended], "terminated"),
        (false, vec![("contract_state", "9")], "signing"),
        (false, vec![("contract_state", "2")], "unknown"),
        (false, vec![], "unknown"),
        (false, vec![("mch_id", "1900000002")], "mismatch"),
        (false, vec![("contract_code", "A2")], "mismatch"),
    ] {
        assert_eq!(read(was_signed, &members), wanted, "{was_signed} {members:?}");
    }
}

#[test]
fn what_cannot_be_signed_is_named() {
    let connection = by_v2(&[("agreements", "club=12535;rent=12536")]);
    let good = || SignAgreement { template: Some("club".to_owned()), ..signing(Scene::Public) };
    let nowhere = Payer::default();
    for (asked, field) in [
        (SignAgreement { template: None, ..good() }, "template"),
        (SignAgreement { template: Some("none".to_owned()), ..good() }, "template"),
        (SignAgreement { channel_agreement_no: "A_1".to_owned(), ..good() }, "number"),
        (SignAgreement { channel_agreement_no: "A".repeat(33), ..good() }, "number"),
        (SignAgreement { display_name: "茶🍵".to_owned(), ..good() }, "display_name"),
        (SignAgreement { display_name: String::new(), ..good() }, "display_name"),
        (SignAgreement { display_name: "长".repeat(129), ..good() }, "display_name"),
        (SignAgreement { scene: Scene::Pc, ..good() }, "scene"),
        (SignAgreement { validity: Some(channel::Validity::Days(30)), ..good() }, "validity"),
        (SignAgreement { scene: Scene::H5, payer: nowhere, ..good() }, "payer.client_ip"),
    ] {
        let asked = Instruction::SignAgreement(Box::new(asked));
        let found = connection.encode(&asked, &Stage::new().context());
        let Err(EncodeFault::Unsupported { field: found, .. }) = found else {
            panic!("{field}: {found:?}")
        };
        assert_eq!(found, field);
    }
    let context = Stage::new().context();
    for (connection, field) in [(direct(), "agreement"), (by_v2(&[]), "agreement")] {
        assert_eq!(connection.agreements(), None);
        let asked = Instruction::SignAgreement(Box::new(signing(Scene::Public)));
        let found = connection.encode(&asked, &context);
        assert!(
            matches!(found, Err(EncodeFault::Unsupported { field: named, .. }) if named == field),
            "{found:?}"
        );
        let placing = Instruction::Place(Box::new(debiting("T12345", "1")));
        let found = connection.encode(&placing, &context);
        assert!(matches!(found, Err(EncodeFault::Unsupported { field: "scene", .. })), "{found:?}");
    }
    let gone = by_v2(&[("agreements", "other=1;more=2")]);
    for asked in [querying(None), ending(None)] {
        let found = gone.encode(&asked, &context);
        assert!(matches!(found, Err(EncodeFault::Account { name: "agreements", .. })), "{found:?}");
    }
}

#[test]
fn pages_are_checked_and_cannot_be_bent() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[("agreements", "club=12535;no=1")]));
    let asked = |template: &str| SignAgreement {
        template: Some(template.to_owned()),
        ..signing(Scene::Public)
    };
    let page = stage.page(&*connection, &asked("club")).text;
    let bent = page.replace(NUMBER, "A20261118002");
    assert_ne!(bent, page);
    assert!(matches!(stage.phone(&bent, PhoneOutcome::Success), Err(PhoneFault::Refused(_))));
    let other = stage.page(&*connection, &asked("no")).text;
    assert!(matches!(stage.phone(&other, PhoneOutcome::Success), Err(PhoneFault::Refused(_))));
    for (link, status) in [(&page, 302), (&bent, 200)] {
        let request =
            Request { method: Method::Get, url: link.clone(), headers: vec![], body: vec![] };
        assert_eq!(stage.send(&request).status, status);
    }
    // Each agreement has a serial number of its own.
    stage.phone(&page, PhoneOutcome::Success).expect("it is signed");
    let again = SignAgreement { channel_agreement_no: "A2".to_owned(), ..asked("club") };
    let same_serial = stage.page(&*connection, &again).text;
    assert!(stage.phone(&same_serial, PhoneOutcome::Success).is_err());
    let later = SignAgreement { placed_at: START.plus_ms(1), ..again };
    let page = stage.page(&*connection, &later).text;
    stage.phone(&page, PhoneOutcome::Success).expect("it is signed");
}

#[test]
fn debits_stay_within_their_rules() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
    let reference = stage.sign(&*connection, &signing(Scene::Public));
    let dear = Place { amount: Fen::new(50_001), ..debiting("T1", &reference) };
    let place = |number: &str| Place { channel_order_no: number.to_owned(), ..dear.clone() };
    let refused = stage.debit(&*connection, place("T11111"));
    assert!(refused.describe().contains("RULELIMIT"), "{refused:?}");
    let unknown = stage.debit(&*connection, debiting("T22222", "201811180000000009"));
    assert!(unknown.describe().contains("CONTRACT_NOT_EXIST"), "{unknown:?}");
    stage.place(&*connection, &order("T33333", Scene::Pc));
    let found = stage.ask(&*connection, &query_debit("T33333"));
    assert!(matches!(found, Finding::Unknown { .. }), "another kind of order: {found:?}");
    let shown = format!("{:?}", debiting("T44444", &reference));
    assert!(!shown.contains(&reference), "it is a secret");
}

#[test]
fn a_callback_names_its_merchant() {
    let (mut stage, connection) = (Stage::new(), by_v2(&[PLANS]));
    let page = stage.page(&*connection, &signing(Scene::Public)).text;
    stage.phone(&page, PhoneOutcome::Success).expect("it is signed");
    let callback = stage.outgoing.pop().expect("a callback");
    let bent = |name: &str, text: &str| {
        let mut plain: serde_json::Value = serde_json::from_str(&callback.text).expect("JSON");
        plain["content"][name] = serde_json::json!(text);
        OutgoingCallback { text: plain.to_string(), ..callback.clone() }
    };
    stage.outgoing.push(bent("mch_id", "1900000002"));
    let Ok(Callback::Agreement(told)) = stage.callback(&*connection) else {
        panic!("an agreement's callback wanted")
    };
    assert!(matches!(told.finding, Finding::Mismatch { .. }), "{told:?}");
    stage.outgoing.push(bent("change_type", "PAUSE"));
    let Ok(Callback::Agreement(told)) = stage.callback(&*connection) else {
        panic!("an agreement's callback wanted")
    };
    assert!(matches!(told.finding, Finding::Unknown { .. }), "{told:?}");
    for name in ["contract_code", "contract_id"] {
        stage.outgoing.push(bent(name, ""));
        let read = stage.callback(&*connection);
        assert!(matches!(read, Err(CallbackFault::Unreadable { .. })), "{name} {read:?}");
    }
}

#[test]
fn plans_want_the_older_interface() {
    let mut settings = channel::Settings::new();
    for (name, text) in [
        ("mchid", MCHID),
        ("appid", APPID),
        ("api_v2_key", API_V2_KEY),
        ("private_key_pem", &*KEYS.merchant.private_pem),
        ("certificate_pem", &*KEYS.merchant.certificate.pem),
        ("agreements", "club=12535"),
    ] {
        settings.insert(name.to_owned(), text.to_owned());
    }
    let fault = Wxpay.open(&settings, &[]).err().map(|fault| fault.name);
    assert_eq!(fault.as_deref(), Some("agreements"));
    settings.insert("api".to_owned(), "v2".to_owned());
    assert!(Wxpay.open(&settings, &[]).is_ok());
}

#[test]
fn the_checks_of_every_channel_hold_with_agreements() {
    let certificate = ("platform_cert_pem", &*KEYS.platform.certificate.pem);
    let both = [("apiv3_key", APIV3_KEY), certificate, PLANS];
    let mut stage = Stage::new();
    let code = channel::PaymentCode::new("134567890123456789".to_owned());
    for connection in [by_v2(&both), by_v2(&[&both[..], &SUB].concat())] {
        channel::checks::all(&channel::checks::Sample {
            about: Wxpay.about(),
            connection: &*connection,
            place: Place { payment_code: Some(code.clone()), ..order("T20261118-1", Scene::Pc) },
            refund: refund_of("R1", "T20261118-1", "4200000000202611180000000000", 800),
            context: stage.context(),
            receiver: Some(store()),
            counterpart: Some(&stage.counterpart),
        });
    }
}
