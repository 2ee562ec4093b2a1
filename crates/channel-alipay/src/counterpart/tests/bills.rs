//! Bills, from what happened to the codec's rows.

use super::*;
use channel::{Bill, BillDay, BillKind, BillRow};
use ledger::Fen;

const DAY_SECONDS: i64 = 86_400;

fn bill(stage: &mut Stage) -> Finding {
    let date = "2023-04-19".parse().expect("a date");
    match stage.ask(&Instruction::FindBill(BillDay { kind: BillKind::Trade, date })) {
        Finding::BillFile(file) => stage.ask(&Instruction::FetchBill(file)),
        found => found,
    }
}

#[test]
fn a_day_has_its_payments_and_refunds() {
    let mut stage = Stage::new();
    let subject = "杂粮煎饼,豆浆\n油条".to_owned();
    let place = Place { scene: Scene::Pc, subject, ..codec::place() };
    let placed = stage.ask(&Instruction::Place(Box::new(place)));
    let Finding::Placed(pay_info) = placed else { panic!("placed wanted: {placed:?}") };
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("it is paid");
    let paid = stage.ask(&codec::query());
    let Finding::Paid(paid) = paid else { panic!("paid wanted: {paid:?}") };
    let refund = channel::Refund { payment_reference: paid.payment_reference, ..codec::refund() };
    stage.now = stage.now.plus_seconds(60);
    stage.ask(&Instruction::Refund(Box::new(refund)));

    assert!(matches!(bill(&mut stage), Finding::Unknown { .. }), "the day is not over");
    stage.now = NOW.plus_seconds(DAY_SECONDS - 3 * 3_600);
    assert_eq!(bill(&mut stage), Finding::Bill(Bill::NotYet));
    stage.now = NOW.plus_seconds(DAY_SECONDS);
    let found = bill(&mut stage);
    let Finding::Bill(Bill::Rows(rows)) = &found else { panic!("rows wanted: {found:?}") };
    let [BillRow::Payment(payment), BillRow::Refund(refund)] = &**rows else { panic!("{rows:?}") };
    assert_eq!((payment.amount, payment.at), (Fen::new(1000), NOW));
    assert_eq!((refund.amount, &*refund.channel_refund_no), (Fen::new(300), codec::REFUND_NUMBER));

    stage.now = stage.now.plus_seconds(DAY_SECONDS + 3_600);
    let date = "2023-04-20".parse().expect("a date");
    let next = stage.ask(&Instruction::FindBill(BillDay { kind: BillKind::Trade, date }));
    assert_eq!(next, Finding::Bill(Bill::Empty));
}

#[test]
fn an_address_works_for_half_a_minute() {
    let mut stage = Stage::new();
    let text = stage.place(Scene::Pc);
    stage.phone(&text, PhoneOutcome::Success).expect("it is paid");
    stage.now = NOW.plus_seconds(DAY_SECONDS);
    let date = "2023-04-19".parse().expect("a date");
    let found = stage.ask(&Instruction::FindBill(BillDay { kind: BillKind::Trade, date }));
    let Finding::BillFile(file) = found else { panic!("a file wanted: {found:?}") };
    let fetch = Instruction::FetchBill(file);
    stage.mode = FaultMode::BadSignature;
    assert!(matches!(stage.ask(&fetch), Finding::Unknown { .. }), "a damaged file is read");
    stage.mode = FaultMode::Honest;
    assert!(matches!(stage.ask(&fetch), Finding::Bill(Bill::Rows(_))));
    stage.now = stage.now.plus_seconds(30);
    assert!(matches!(stage.ask(&fetch), Finding::Unknown { .. }), "it still works");
}
