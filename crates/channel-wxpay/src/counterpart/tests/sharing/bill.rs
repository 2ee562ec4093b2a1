//! The bill of shares and returns, as the codec reads it.

use super::returns::{given, return_of};
use super::*;
use channel::{Bill, BillDay, BillKind, BillRow, SharedDirection, SharedRow};

/// From the moment of the shares to the morning after, in seconds.
const UNTIL_MADE: i64 = 86_400;

fn find(date: &str) -> Instruction {
    let date = date.parse().expect("a date");
    Instruction::FindBill(BillDay { kind: BillKind::Sharing, date })
}

fn rows(stage: &mut Stage, connection: &dyn Connection) -> Vec<SharedRow> {
    let Finding::BillFile(file) = stage.ask(connection, &find("2026-11-18")) else {
        panic!("no file")
    };
    let found = stage.ask(connection, &Instruction::FetchBill(file));
    let Finding::Bill(Bill::Rows(rows)) = found else { panic!("no rows: {found:?}") };
    let shared = rows.into_iter().map(|row| match row {
        BillRow::Shared(row) => row,
        other => panic!("a row of another bill: {other:?}"),
    });
    shared.collect()
}

/// A stage on which 1000 fen were shared, 400 came back, an item failed, and the rest was released.
fn after_the_day(connection: &dyn Connection) -> Stage {
    let (mut stage, payment) = given(connection);
    stage.ask(connection, &return_of("U1", "S1", 400));
    stage.mode =
        FaultMode::Share { failed: FailedItems::All, reason: "ACCOUNT_ABNORMAL".to_owned() };
    stage.ask(connection, &sharing(&share("S2", &payment, 50)));
    stage.mode = FaultMode::Honest;
    stage.later(2);
    stage.ask(connection, &unfreeze("S3", &payment));
    stage.later(UNTIL_MADE);
    stage
}

#[test]
fn the_bill_of_a_day_has_its_shares_and_returns_and_not_the_released_rest() {
    for connection in [direct(), partner()] {
        let mut stage = after_the_day(&*connection);
        let rows = rows(&mut stage, &*connection);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (&*row.channel_no, row.direction, row.amount.get(), row.status))
            .collect();
        let want = [
            ("S1", SharedDirection::Given, 1_000, ShareStatus::Done),
            ("U1", SharedDirection::Returned, 400, ShareStatus::Done),
            ("S2", SharedDirection::Given, 50, ShareStatus::Failed),
        ];
        assert_eq!(seen, want);
        let empty = stage.ask(&*connection, &find("2026-11-17"));
        assert_eq!(empty, Finding::Bill(Bill::Empty));
        stage.mode = FaultMode::WrongAmount;
        assert_eq!(self::rows(&mut stage, &*connection)[0].amount, Fen::new(1_001));
    }
}

/// The rows name items and returns as the answers about them do.
#[test]
fn the_numbers_of_the_bill_are_those_of_the_answers() {
    let connection = direct();
    let (mut stage, payment) = given(&*connection);
    let shared = finished(&mut stage, &*connection, "S1", &payment);
    let Finding::ShareReturn(back) = stage.ask(&*connection, &return_of("U1", "S1", 400)) else {
        panic!("no return")
    };
    stage.later(UNTIL_MADE);
    let rows = rows(&mut stage, &*connection);
    let [given, returned] = &*rows else { panic!("{rows:?}") };
    assert_eq!(Some(&given.reference), shared.items[0].detail_reference.as_ref());
    assert_eq!(
        (given.at, returned.at),
        (shared.items[0].at.expect("a time"), back.at.expect("a time"))
    );
    assert_eq!(returned.reference, back.return_reference);
    for row in [given, returned] {
        assert_eq!(row.payment_reference, payment.payment_reference);
    }
}
