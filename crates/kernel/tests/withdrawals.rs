//! A withdrawal from its request to its end.

mod support;

use kernel::{
    AttentionKind, Exit, MerchantId, NotificationKind, RequestWithdrawal, WithdrawalCommand,
    WithdrawalField, WithdrawalRefusal, WithdrawalState,
};
use ledger::Fen;
use support::script::{check, play};
use support::{DISABLED_MERCHANT, TestKernel, available, directory, withdraw};

fn request(request: RequestWithdrawal) -> WithdrawalCommand {
    WithdrawalCommand::Request(Box::new(request))
}

#[test]
fn it_is_held_until_an_operator_has_paid_it() {
    check(
        "
        fund 500 ->
        withdraw w1 300 -> withdrawal accepted !withdrawal_due by accepted; hold 300 merchant_available to settled_by_hand
        balances -> merchant_available 500 held 300, settled_by_hand 0, write_off -500
        withdraw w1 300 -> nothing
        withdraw w2 201 -> refused: the merchant has 200 fen available
        operator paid w1 -> withdrawal paid by paid; notification due +30s by queued; post_held 300 merchant_available to settled_by_hand; deliver
        operator paid w1 -> nothing
        operator paid w1 again -> refused: the withdrawal is paid
        operator unpaid w1 -> refused: the withdrawal is paid
        withdraw w1 300 -> nothing
        balances -> merchant_available 200, settled_by_hand 300, write_off -500
        ",
    );
}

#[test]
fn one_that_fails_gives_the_money_back() {
    check(
        "
        fund 500 ->
        withdraw w1 500 -> withdrawal accepted !withdrawal_due by accepted; hold 500 merchant_available to settled_by_hand
        operator unpaid w1 -> withdrawal failed by failed; notification due +30s by queued; release 500 merchant_available to settled_by_hand; deliver
        operator unpaid w1 -> nothing
        operator paid w1 -> refused: the withdrawal is failed
        withdraw w1 500 -> nothing
        withdraw w2 500 -> withdrawal accepted !withdrawal_due by accepted; hold 500 merchant_available to settled_by_hand
        ",
    );
}

#[test]
fn two_people_book_its_end_where_the_rule_wants_them() {
    check(
        "
        fund 500 ->
        withdraw w1 300 -> withdrawal accepted !withdrawal_due by accepted; hold 300 merchant_available to settled_by_hand
        propose ann paid w1 -> approval proposed +86400s !approval_pending by proposed
        approve ann -> refused: the proposer cannot approve: a second operator must
        approve bob -> approval approved by approved; withdrawal paid by paid; notification due +30s by queued; post_held 300 merchant_available to settled_by_hand; deliver
        withdraw w2 100 -> withdrawal accepted !withdrawal_due by accepted; hold 100 merchant_available to settled_by_hand
        propose ann unpaid w2 -> approval proposed +86400s !approval_pending by proposed
        operator paid w2 -> withdrawal paid by paid; notification due +30s by queued; post_held 100 merchant_available to settled_by_hand; deliver
        approve bob -> approval refused by refused
        ",
    );
}

#[test]
fn it_waits_for_an_operator_without_a_task_and_is_notified_of_once() {
    let mut kernel = TestKernel::new(directory());
    kernel.fund(10);
    play(&mut kernel, "withdraw w1 10");
    let row = kernel.withdrawal("w1").expect("a withdrawal").clone();
    let standing = kernel::Aggregate::standing(&row);
    let attention = standing.attention.clone().expect("an operator sees it");
    assert_eq!(attention.kind, AttentionKind::WithdrawalDue);
    assert_eq!(standing.holds, [(available(), Fen::new(10))]);
    assert_eq!(kernel::Aggregate::exits(&row), [Exit::BookPaid, Exit::BookFailed]);
    assert_eq!(kernel.due(row.id.subject()), None);
    assert!(kernel.notification().is_none());
    play(&mut kernel, "operator unpaid w1 closed");
    let row = kernel.withdrawal("w1").expect("a withdrawal").clone();
    assert!(matches!(&row.state, WithdrawalState::Failed { note, .. } if note == "closed"));
    assert_eq!(kernel::Aggregate::exits(&row), []);
    assert_eq!(kernel.notification().expect("one").kind, NotificationKind::Withdrawal);
    assert_eq!(kernel.stored.notifications.all().count(), 1);
}

/// Each line also breaks every later rule that can be broken together with it.
#[test]
fn refusals_come_in_their_order() {
    let mut kernel = TestKernel::new(directory());
    kernel.fund(100);
    play(&mut kernel, "withdraw w1 100");
    let again = |change: fn(&mut RequestWithdrawal)| {
        let mut request = withdraw("w1", 100);
        change(&mut request);
        request
    };
    let differs = |field| WithdrawalRefusal::Differs { field };
    let of =
        |merchant| RequestWithdrawal { merchant: MerchantId::new(merchant), ..withdraw("w2", 0) };
    for (asked, want) in [
        (again(|it| it.merchant = MerchantId::new("CM9")), differs(WithdrawalField::Merchant)),
        (again(|it| it.amount = Fen::new(99)), differs(WithdrawalField::Amount)),
        (again(|it| it.notify_url = None), differs(WithdrawalField::NotifyUrl)),
        (again(|it| it.remark = Some(String::new())), differs(WithdrawalField::Remark)),
        (of("CM9"), WithdrawalRefusal::UnknownMerchant),
        (of(DISABLED_MERCHANT), WithdrawalRefusal::MerchantDisabled),
        (withdraw("w2", 0), WithdrawalRefusal::Amount),
        (withdraw("w2", 1), WithdrawalRefusal::Insufficient { available: Fen::ZERO }),
    ] {
        assert_eq!(kernel.handle(request(asked)).map(drop), Err(want.into()));
    }
    let absent = WithdrawalCommand::BookFailed {
        tenant: support::tenant(),
        withdrawal: support::no_id(),
        note: String::new(),
    };
    assert_eq!(kernel.handle(absent).map(drop), Err(WithdrawalRefusal::NotFound.into()));
}
