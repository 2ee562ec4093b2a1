//! Shared money that comes back.

use super::*;
use channel::{PlacedShareReturn, ShareReturn, ShareReturned};

pub(super) fn return_of(number: &str, share: &str, fen: i64) -> Instruction {
    Instruction::ReturnShare(Box::new(ShareReturn {
        channel_return_no: number.to_owned(),
        channel_share_no: share.to_owned(),
        receiver: store(),
        amount: Fen::new(fen),
        description: "回退".to_owned(),
    }))
}

fn returned(finding: Finding) -> ShareReturned {
    match finding {
        Finding::ShareReturn(returned) => returned,
        other => panic!("want a return, found {other:?}"),
    }
}

/// A stage on which the store got 1000 fen.
pub(super) fn given(connection: &dyn Connection) -> (Stage, SharedPayment) {
    let (mut stage, payment) = shared(connection);
    stage.ask(connection, &sharing(&share("S1", &payment, 1_000)));
    stage.later(2);
    (stage, payment)
}

#[test]
fn a_return_comes_back_once_and_cannot_be_shared_again() {
    let connection = partner();
    let (mut stage, payment) = given(&*connection);
    let asked = return_of("U1", "S1", 400);
    let placed =
        PlacedShareReturn { channel_return_no: "U1".to_owned(), channel_share_no: "S1".to_owned() };
    for ask in [&asked, &asked, &Instruction::QueryShareReturn(placed)] {
        let back = returned(stage.ask(&*connection, ask));
        assert_eq!((back.status, back.amount), (ShareStatus::Done, Fen::new(400)));
    }
    assert_eq!(balance(&mut stage, &store().account), 600);
    assert_eq!(balance(&mut stage, SUB_MCHID), 400);
    assert_eq!(left(&mut stage, &*connection, &payment), 7_800);
    let other = stage.ask(&*connection, &return_of("U1", "S1", 401));
    assert_eq!(other.name(), "ask");
}

#[test]
fn a_return_stays_within_what_was_given() {
    let connection = direct();
    let (mut stage, payment) = given(&*connection);
    let mut ask = |asked: &Instruction| refusal(stage.ask(&*connection, asked));
    assert_eq!(ask(&return_of("U1", "S1", 1_001)).1, "回退金额超过可回退金额");
    assert_eq!(ask(&return_of("U1", "S9", 1)).1, "分账单不存在");
    assert_eq!(ask(&return_of("U1", "S1", 1_000)).0, "share_return");
    assert_eq!(ask(&return_of("U2", "S1", 1)).1, "回退金额超过可回退金额");
    stage.ask(&*connection, &sharing(&share("S2", &payment, 100)));
    let early = refusal(stage.ask(&*connection, &return_of("U3", "S2", 1)));
    assert_eq!(early.1, "分账单处理中，请稍后重试");
    stage.later(180 * 86_400 + 1);
    let late = refusal(stage.ask(&*connection, &return_of("U3", "S2", 1)));
    assert_eq!(late.1, "分账单已超过可回退的最大期限");
}

#[test]
fn a_share_is_given_back_fifty_times() {
    let connection = direct();
    let (mut stage, _) = given(&*connection);
    for number in 1..=50 {
        let back = stage.ask(&*connection, &return_of(&format!("U{number}"), "S1", 1));
        assert_eq!(returned(back).status, ShareStatus::Done);
    }
    let last = refusal(stage.ask(&*connection, &return_of("U51", "S1", 1)));
    assert_eq!(last.1, "分账单回退次数已达上限");
}

#[test]
fn a_receiver_without_money_gives_nothing_back() {
    let connection = direct();
    let (mut stage, _) = given(&*connection);
    let spent = json!({ "account": store().account, "take_out": 700 });
    assert_eq!(stage.switch("balance", spent).expect("it is there")["balance"], 300);
    let failed = returned(stage.ask(&*connection, &return_of("U1", "S1", 301)));
    let reason = failed.fail_reason.as_deref();
    assert_eq!((failed.status, reason), (ShareStatus::Failed, Some("BALANCE_NOT_ENOUGH")));
    assert_eq!(balance(&mut stage, &store().account), 300);
    let reason = "PAYER_ACCOUNT_ABNORMAL".to_owned();
    stage.mode = FaultMode::Share { failed: FailedItems::All, reason };
    let failed = returned(stage.ask(&*connection, &return_of("U2", "S1", 300)));
    assert_eq!(failed.fail_reason.as_deref(), Some("PAYER_ACCOUNT_ABNORMAL"));
    stage.mode = FaultMode::Honest;
    let done = returned(stage.ask(&*connection, &return_of("U3", "S1", 300)));
    assert_eq!(done.status, ShareStatus::Done);
}

#[test]
fn an_item_that_failed_gives_nothing_back() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let reason = "ACCOUNT_ABNORMAL".to_owned();
    stage.mode = FaultMode::Share { failed: FailedItems::All, reason };
    stage.ask(&*connection, &sharing(&share("S1", &payment, 1_000)));
    stage.mode = FaultMode::Honest;
    stage.later(2);
    let refused = refusal(stage.ask(&*connection, &return_of("U1", "S1", 1)));
    assert_eq!(refused.1, "回退方不是该分账单分账成功的商户");
}
