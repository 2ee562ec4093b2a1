//! Bills: what the codec's checks say of the counterpart, and what it refuses.

use super::stage::*;
use crate::Wxpay;
use crate::counterpart::Trust;
use channel::{
    Bill, BillDay, BillKind, BillRow, Channel, Connection, FaultMode, Finding, Instruction, Method,
    Response, Scene,
};
use ledger::Fen;
use serde_json::Value;

/// The day of [`START`].
const DATE: &str = "2026-11-18";
/// From [`START`] to the moment at which the bill of its day is made.
const UNTIL_MADE: i64 = (24 + 9) * 3_600 - 68_800;

#[test]
fn the_checks_of_every_channel_hold() {
    let stage = Stage::with(Trust::Switching);
    for connection in [direct(), partner(), with_public_key()] {
        channel::checks::all(&channel::checks::Sample {
            about: Wxpay.about(),
            connection: &*connection,
            place: order("T12345", Scene::Pc),
            refund: refund_of("R@1", "T12345", "", 800),
            context: channel::CodecContext { now: START, nonce: "0".repeat(32) },
            receiver: Some(store()),
            counterpart: Some(&stage.counterpart),
        });
    }
}

fn day(kind: BillKind, date: &str) -> BillDay {
    BillDay { kind, date: date.parse().expect("a date") }
}

fn get(stage: &mut Stage, target: &str) -> Response {
    let request = signed(&KEYS.merchant, Method::Get, target, b"", stage.now);
    stage.send(&request)
}

/// Status and code.
fn refusal(response: &Response) -> (u16, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    (response.status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// Where the file of a bill is, as path and query.
fn target_of(response: &Response) -> String {
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    let url = body["download_url"].as_str().expect("an address");
    url.trim_start_matches("https://api.mch.weixin.qq.com").to_owned()
}

/// A stage on which one order was paid, in the morning after.
fn the_morning_after(connection: &dyn Connection) -> Stage {
    let mut stage = Stage::new();
    stage.paid(connection, &order("T12345", Scene::Pc));
    stage.later(UNTIL_MADE);
    stage
}

#[test]
fn the_file_is_as_the_channel_writes_it() {
    let mut stage = the_morning_after(&*direct());
    let found = get(&mut stage, &format!("/v3/bill/tradebill?bill_date={DATE}"));
    let target = target_of(&found);
    let file = get(&mut stage, &target);
    let text = String::from_utf8(file.body).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let [header, row, summary_header, summary] = &*lines else { panic!("{text}") };
    let golden = include_str!("../../../golden/trade_bill.csv");
    let golden: Vec<&str> = golden.lines().collect();
    assert_eq!((header, summary_header), (&golden[0], &golden[4]));
    let row: Vec<&str> = row.split(',').collect();
    let id = row[5];
    assert_eq!(id.len(), 29);
    assert_eq!(
        row,
        [
            "`2026-11-18 19:06:40",
            "`wx1111111111111111",
            "`1900000001",
            "`0",
            "`POS-7",
            id,
            "`T12345",
            row[7],
            "`NATIVE",
            "`SUCCESS",
            "`CMB_DEBIT",
            "`CNY",
            "`88.00",
            "`0.00",
            "`0",
            "`0",
            "`0.00",
            "`0.00",
            "`",
            "`",
            "`通宝测试商品",
            "`",
            "`0.00000",
            "`0.00%",
            "`88.00",
            "`0.00",
            "`",
        ]
    );
    assert_eq!(*summary, "`1,`88.00,`0.00,`0.00,`0.00,`88.00,`0.00");
    let found = get(&mut stage, &format!("/v3/bill/fundflowbill?bill_date={DATE}"));
    let target = target_of(&found);
    let text = String::from_utf8(get(&mut stage, &target).body).expect("text");
    let id = id.trim_start_matches('`');
    assert!(text.contains(&format!(
        "`2026-11-18 19:06:40,`{id},`{id},`交易,`交易,`收入,`88.00,`88.00,`system,`,`T12345\r\n"
    )));
    assert!(text.ends_with("`1,`1,`88.00,`0,`0.00\r\n"), "{text}");
}

#[test]
fn a_bill_comes_in_the_morning_after() {
    let (mut stage, connection) = (Stage::new(), direct());
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    stage.later(UNTIL_MADE - 1);
    let find = Instruction::FindBill(day(BillKind::Trade, DATE));
    assert_eq!(stage.ask(&*connection, &find), Finding::Bill(Bill::NotYet));
    stage.later(1);
    assert!(matches!(stage.ask(&*connection, &find), Finding::BillFile(_)));
    let empty = Instruction::FindBill(day(BillKind::Trade, "2026-11-17"));
    assert_eq!(stage.ask(&*connection, &empty), Finding::Bill(Bill::Empty));
}

#[test]
fn the_balance_goes_on_from_day_to_day() {
    let (mut stage, connection) = (the_morning_after(&*direct()), direct());
    stage.paid(&*connection, &order("T12346", Scene::Pc));
    stage.later(86_400);
    let find = Instruction::FindBill(day(BillKind::FundFlow, "2026-11-19"));
    let Finding::BillFile(file) = stage.ask(&*connection, &find) else { panic!("no file") };
    let fetched = stage.ask(&*connection, &Instruction::FetchBill(file));
    let Finding::Bill(Bill::Rows(rows)) = fetched else { panic!("no rows") };
    let [BillRow::Funds(row)] = &*rows else { panic!("{rows:?}") };
    assert_eq!((row.amount, row.balance), (Fen::new(8_800), Fen::new(17_600)));
}

#[test]
fn a_files_address_is_the_merchants_own_and_works_five_minutes() {
    let connection = direct();
    let mut stage = the_morning_after(&*connection);
    let found = get(&mut stage, &format!("/v3/bill/tradebill?bill_date={DATE}"));
    let target = target_of(&found);
    let unsigned = get(&mut stage, &target);
    assert_eq!((unsigned.status, unsigned.header("Wechatpay-Signature")), (200, None));
    let forged = signed(&KEYS.stranger, Method::Get, &target, b"", stage.now);
    assert_eq!(refusal(&stage.send(&forged)), (401, "SIGN_ERROR".to_owned()));
    stage.later(299);
    assert_eq!(get(&mut stage, &target).status, 200);
    stage.later(1);
    let late = get(&mut stage, &target);
    assert_eq!(refusal(&late), (404, "RESOURCE_NOT_EXISTS".to_owned()));
    let other = get(&mut stage, "/v3/billdownload/file?token=00");
    assert_eq!(refusal(&other), (404, "RESOURCE_NOT_EXISTS".to_owned()));
}

#[test]
fn what_breaks_its_rule_is_refused() {
    let mut stage = the_morning_after(&*direct());
    for (target, status, code) in [
        ("tradebill", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=20261118", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-11-8", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-11-31", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-11-19", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-08-18", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-08-19", 400, "NO_STATEMENT_EXIST"),
        ("tradebill?bill_date=2026-11-18&bill_type=REFUND", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-11-18&tar_type=ZIP", 400, "PARAM_ERROR"),
        ("tradebill?bill_date=2026-11-18&sub_mchid=1900000098", 403, "NO_AUTH"),
        ("tradebill?bill_date=2026-11-18&sub_mchid=1900000099", 400, "NO_STATEMENT_EXIST"),
        ("fundflowbill?bill_date=2026-11-18&account_type=FEES", 400, "PARAM_ERROR"),
        ("fundflowbill?bill_date=2026-11-17", 400, "NO_STATEMENT_EXIST"),
    ] {
        let response = get(&mut stage, &format!("/v3/bill/{target}"));
        assert_eq!(refusal(&response), (status, code.to_owned()), "{target}");
    }
    let target = format!("/v3/bill/tradebill?bill_date={DATE}");
    let forged = signed(&KEYS.stranger, Method::Get, &target, b"", stage.now);
    assert_eq!(refusal(&stage.send(&forged)), (401, "SIGN_ERROR".to_owned()));
}

/// What is packed is the same file, and the hash is that of the file.
#[test]
fn a_bill_can_be_packed() {
    let mut stage = the_morning_after(&*direct());
    let target = format!("/v3/bill/tradebill?bill_date={DATE}");
    let mut fetched = |target: &str| {
        let answer = get(&mut stage, target);
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let url = answer["download_url"].as_str().expect("an address").to_owned();
        let path = url.find("/v3/").and_then(|at| url.get(at..)).expect("a path").to_owned();
        (answer["hash_value"].clone(), get(&mut stage, &path).body)
    };
    let (hash, plain) = fetched(&target);
    let (same_hash, packed) = fetched(&format!("{target}&tar_type=GZIP"));
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&*packed);
    std::io::Read::read_to_end(&mut reader, &mut unpacked).expect("it unpacks");
    assert_eq!((unpacked, same_hash), (plain, hash));
}

#[test]
fn injected_faults_spoil_a_bill() {
    let connection = direct();
    let mut stage = the_morning_after(&*connection);
    let find = Instruction::FindBill(day(BillKind::Trade, DATE));
    stage.mode = FaultMode::WrongAmount;
    let Finding::BillFile(file) = stage.ask(&*connection, &find) else { panic!("no file") };
    let fetch = Instruction::FetchBill(file);
    let Finding::Bill(Bill::Rows(rows)) = stage.ask(&*connection, &fetch) else {
        panic!("no rows")
    };
    let [BillRow::Payment(row)] = &*rows else { panic!("{rows:?}") };
    assert_eq!(row.amount, Fen::new(8_801));
    stage.mode = FaultMode::BadSignature;
    assert_eq!(stage.ask(&*connection, &find).name(), "unknown");
    assert_eq!(stage.ask(&*connection, &fetch).name(), "unknown");
}
