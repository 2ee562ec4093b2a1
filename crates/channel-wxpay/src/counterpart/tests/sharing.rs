//! Profit sharing: limits, repeats, failures, refunds of shared orders.

mod bill;
mod callbacks;
mod refunds;
mod returns;

use super::stage::*;
use channel::{
    Connection, FailedItems, FaultMode, Finding, Instruction, Place, PlacedShare, Receiver,
    ReceiverKind, Scene, Share, ShareItem, ShareStatus, Shared, SharedPayment, Unfreeze,
};
use ledger::Fen;
use serde_json::json;

/// A stage with a paid order of 8800 fen that is shared, a minute old, and a bound store.
fn shared(connection: &dyn Connection) -> (Stage, SharedPayment) {
    let mut stage = Stage::new();
    let place = Place { is_shared: true, ..order("T12345", Scene::Pc) };
    stage.paid(connection, &place);
    let Finding::Paid(payment) = stage.ask(connection, &query("T12345")) else { panic!("paid") };
    bind(&mut stage, connection, store());
    stage.later(60);
    let channel_order_no = payment.channel_order_no;
    (stage, SharedPayment { channel_order_no, payment_reference: payment.payment_reference })
}

fn bind(stage: &mut Stage, connection: &dyn Connection, receiver: Receiver) {
    let bound = stage.ask(connection, &Instruction::BindReceiver(receiver));
    assert_eq!(bound, Finding::Receiver);
}

fn item(receiver: Receiver, fen: i64) -> ShareItem {
    ShareItem { receiver, amount: Fen::new(fen), description: "分账".to_owned() }
}

/// A share of so much with the store.
fn share(number: &str, payment: &SharedPayment, fen: i64) -> Share {
    Share {
        channel_share_no: number.to_owned(),
        payment: payment.clone(),
        items: vec![item(store(), fen)],
        releases_rest: false,
    }
}

fn sharing(share: &Share) -> Instruction {
    Instruction::Share(Box::new(share.clone()))
}

fn unfreeze(number: &str, payment: &SharedPayment) -> Instruction {
    Instruction::Unfreeze(Box::new(Unfreeze {
        channel_share_no: number.to_owned(),
        payment: payment.clone(),
        description: "解冻".to_owned(),
    }))
}

/// A share as it stands two seconds later.
fn finished(
    stage: &mut Stage,
    connection: &dyn Connection,
    number: &str,
    payment: &SharedPayment,
) -> Shared {
    stage.later(2);
    let channel_share_no = number.to_owned();
    let placed = PlacedShare { channel_share_no, payment: payment.clone() };
    match stage.ask(connection, &Instruction::QueryShare(placed)) {
        Finding::Share(shared) if shared.is_finished => shared,
        other => panic!("want a finished share, found {other:?}"),
    }
}

fn left(stage: &mut Stage, connection: &dyn Connection, payment: &SharedPayment) -> i64 {
    match stage.ask(connection, &Instruction::QueryUnshared(payment.clone())) {
        Finding::Unshared { amount } => amount.get(),
        other => panic!("want what is left, found {other:?}"),
    }
}

fn balance(stage: &mut Stage, account: &str) -> i64 {
    let shown = stage.switch("balance", json!({ "account": account })).expect("it is shown");
    shown["balance"].as_i64().expect("fen")
}

/// Code and text of a refusal, or another finding's name.
fn refusal(finding: Finding) -> (String, String) {
    match finding {
        Finding::Refused { code, text } | Finding::Later { code, text } => (code, text),
        other => (other.name().to_owned(), String::new()),
    }
}

/// For a merchant and for a service provider, whose merchant's money it is.
#[test]
fn a_share_goes_to_receivers_and_the_rest_to_the_merchant() {
    for (connection, payee) in [(direct(), MCHID), (partner(), SUB_MCHID), (direct(), MCHID)] {
        let (mut stage, payment) = shared(&*connection);
        assert_eq!(left(&mut stage, &*connection, &payment), 8_800);
        let asked = Share { releases_rest: true, ..share("S1", &payment, 1_000) };
        let Finding::Share(taken) = stage.ask(&*connection, &sharing(&asked)) else {
            panic!("no share taken")
        };
        assert_eq!((taken.is_finished, taken.items[0].status), (false, ShareStatus::Processing));
        let done = finished(&mut stage, &*connection, "S1", &payment);
        assert_eq!((done.items.len(), done.items[0].status), (1, ShareStatus::Done));
        assert!(done.items[0].at.is_some());
        assert_eq!(balance(&mut stage, &store().account), 1_000);
        assert_eq!(balance(&mut stage, payee), 7_800);
        assert_eq!(left(&mut stage, &*connection, &payment), 0);
    }
}

#[test]
fn a_person_within_the_sub_merchants_app_is_shared_with() {
    let connection = partner();
    let (mut stage, payment) = shared(&*connection);
    let account = "oSubClerk".to_owned();
    let clerk = Receiver { kind: ReceiverKind::SubPerson, account, name: None };
    bind(&mut stage, &*connection, clerk.clone());
    let asked = Share { items: vec![item(clerk, 10)], ..share("S1", &payment, 1) };
    assert_eq!(stage.ask(&*connection, &sharing(&asked)).name(), "share");
    let done = finished(&mut stage, &*connection, "S1", &payment);
    assert_eq!(
        (done.items[0].kind, balance(&mut stage, "oSubClerk")),
        (ReceiverKind::SubPerson, 10)
    );
}

#[test]
fn a_repeat_is_known_by_its_content() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let asked = share("S1", &payment, 1_000);
    for _ in 0..2 {
        assert_eq!(stage.ask(&*connection, &sharing(&asked)).name(), "share");
        stage.later(2);
    }
    assert_eq!(balance(&mut stage, &store().account), 1_000);
    let other = stage.ask(&*connection, &sharing(&share("S1", &payment, 1_001)));
    assert_eq!(other.name(), "ask");
    assert_eq!(left(&mut stage, &*connection, &payment), 7_800);
}

/// The trap of the channel: it says success and releases nothing.
#[test]
fn an_unfreeze_under_a_used_number_releases_nothing() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    stage.ask(&*connection, &sharing(&share("S1", &payment, 1_000)));
    stage.later(2);
    assert_eq!(stage.ask(&*connection, &unfreeze("S1", &payment)).name(), "share");
    assert_eq!(left(&mut stage, &*connection, &payment), 7_800);
    assert_eq!(stage.ask(&*connection, &unfreeze("S2", &payment)).name(), "share");
    let rest = finished(&mut stage, &*connection, "S2", &payment);
    assert_eq!((rest.items.len(), balance(&mut stage, MCHID)), (0, 7_800));
    assert_eq!(left(&mut stage, &*connection, &payment), 0);
    let late = refusal(stage.ask(&*connection, &sharing(&share("S3", &payment, 1))));
    assert_eq!(late.1, "订单已完结分账");
}

#[test]
fn an_order_is_shared_within_its_limits() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let mut ask = |asked: &Share| refusal(stage.ask(&*connection, &sharing(asked)));
    let stranger = Receiver { account: "1900000056".to_owned(), ..store() };
    let unbound = Share { items: vec![item(stranger, 1)], ..share("S1", &payment, 1) };
    assert_eq!(ask(&unbound).1, "分账接收方关系不存在，请检查后再试");
    // 30 % of 8800 fen.
    assert_eq!(ask(&share("S1", &payment, 2_641)).0, "RULE_LIMIT");
    assert_eq!(ask(&share("S1", &payment, 8_801)).0, "NOT_ENOUGH");
    assert_eq!(ask(&share("S1", &payment, 2_640)).0, "share");
    assert_eq!(ask(&share("S2", &payment, 1)).0, "FREQUENCY_LIMITED");
    stage.later(2);
    let mut ask = |asked: &Share| refusal(stage.ask(&*connection, &sharing(asked)));
    assert_eq!(ask(&share("S2", &payment, 1)).0, "RULE_LIMIT", "all shares count together");
    let all = json!({ "mchid": MCHID, "max_ratio": 10_000 });
    assert_eq!(stage.switch("max_ratio", all.clone()), Ok(all));
    for number in 2..=50 {
        let asked = share(&format!("S{number}"), &payment, 1);
        assert_eq!(stage.ask(&*connection, &sharing(&asked)).name(), "share", "{number}");
        stage.later(2);
    }
    let last = refusal(stage.ask(&*connection, &sharing(&share("S51", &payment, 1))));
    assert_eq!(last.1, "订单分账次数已达上限");
}

#[test]
fn an_order_is_shared_when_it_is_marked_and_old_enough() {
    let connection = direct();
    let mut stage = Stage::new();
    for (number, is_shared, want) in
        [("T00001", true, "订单处理中，请稍后重试"), ("T00002", false, "非分账订单不支持分账")]
    {
        stage.paid(&*connection, &Place { is_shared, ..order(number, Scene::Pc) });
        let Finding::Paid(paid) = stage.ask(&*connection, &query(number)) else { panic!("paid") };
        bind(&mut stage, &*connection, store());
        let payment_reference = paid.payment_reference;
        let payment = SharedPayment { channel_order_no: number.to_owned(), payment_reference };
        let asked = sharing(&share(number, &payment, 1));
        assert_eq!(refusal(stage.ask(&*connection, &asked)).1, want);
        stage.later(60);
        let later = stage.ask(&*connection, &asked);
        assert_eq!(later.name(), if is_shared { "share" } else { "refused" });
    }
}

#[test]
fn items_fail_one_by_one_and_stay_frozen() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let other = Receiver { account: "1900000056".to_owned(), ..store() };
    bind(&mut stage, &*connection, Receiver { name: Some("乙".to_owned()), ..other.clone() });
    let items = vec![item(store(), 100), item(other, 200)];
    let asked = Share { items, ..share("S1", &payment, 1) };
    let reason = "RECEIVER_HIGH_RISK".to_owned();
    stage.mode = FaultMode::Share { failed: FailedItems::First, reason };
    assert_eq!(stage.ask(&*connection, &sharing(&asked)).name(), "share");
    stage.mode = FaultMode::Honest;
    let done = finished(&mut stage, &*connection, "S1", &payment);
    let end = |item: &channel::SharedItem| (item.status, item.fail_reason.clone());
    let ends: Vec<_> = done.items.iter().map(end).collect();
    let want =
        [(ShareStatus::Failed, Some("RECEIVER_HIGH_RISK".to_owned())), (ShareStatus::Done, None)];
    assert_eq!(ends, want);
    assert_eq!(left(&mut stage, &*connection, &payment), 8_600);
    assert_eq!(balance(&mut stage, &store().account), 0);
}

#[test]
fn a_receiver_that_was_removed_fails_as_an_item() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    for _ in 0..2 {
        let gone = stage.ask(&*connection, &Instruction::UnbindReceiver(store()));
        assert_eq!(gone, Finding::Receiver);
    }
    stage.ask(&*connection, &sharing(&share("S1", &payment, 100)));
    let done = finished(&mut stage, &*connection, "S1", &payment);
    assert_eq!(done.items[0].fail_reason.as_deref(), Some("NO_RELATION"));
    bind(&mut stage, &*connection, store());
    stage.ask(&*connection, &sharing(&share("S2", &payment, 100)));
    let done = finished(&mut stage, &*connection, "S2", &payment);
    assert_eq!(done.items[0].status, ShareStatus::Done);
}

#[test]
fn another_name_of_a_known_account_is_refused() {
    let connection = direct();
    let (mut stage, _) = shared(&*connection);
    let other = Receiver { name: Some("别的公司".to_owned()), ..store() };
    let refused = refusal(stage.ask(&*connection, &Instruction::BindReceiver(other)));
    assert_eq!(refused.0, "PARAM_ERROR");
    bind(&mut stage, &*connection, store());
}

#[test]
fn what_was_not_shared_is_released_after_thirty_days() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    stage.later(30 * 86_400 - 61);
    assert_eq!(left(&mut stage, &*connection, &payment), 8_800);
    stage.later(1);
    assert_eq!(left(&mut stage, &*connection, &payment), 0);
    assert_eq!(balance(&mut stage, MCHID), 8_800);
    assert_eq!(left(&mut stage, &*connection, &payment), 0);
    assert_eq!(balance(&mut stage, MCHID), 8_800, "released twice");
}

#[test]
fn a_wrong_amount_is_told() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    stage.mode = FaultMode::WrongAmount;
    let told = stage.ask(&*connection, &sharing(&share("S1", &payment, 100)));
    assert_eq!(told.name(), "mismatch");
}

#[test]
fn balances_are_listed() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    stage.ask(&*connection, &sharing(&share("S1", &payment, 100)));
    let all = stage.switch("balance", json!({})).expect("it is shown");
    assert_eq!(all["balances"][&store().account], 100);
    let too_much = json!({ "account": store().account, "take_out": 101 });
    assert!(stage.switch("balance", too_much).is_err());
    let unknown = stage.switch("max_ratio", json!({ "mchid": "1" }));
    assert!(unknown.is_err());
    assert!(stage.switch("max_ratio", json!({ "mchid": SUB_MCHID, "max_ratio": 99 })).is_err());
}
