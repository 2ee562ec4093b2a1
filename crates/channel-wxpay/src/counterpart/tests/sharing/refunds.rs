//! Refunds of orders whose money is shared.

use super::*;

fn back(
    stage: &mut Stage,
    connection: &dyn Connection,
    number: &str,
    id: &str,
    fen: i64,
) -> String {
    stage.ask(connection, &refund(number, "T12345", id, fen)).name().to_owned()
}

#[test]
fn a_frozen_order_is_refunded_from_its_frozen_money() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let id = &payment.payment_reference;
    assert_eq!(back(&mut stage, &*connection, "R1", id, 8_000), "refund");
    assert_eq!(left(&mut stage, &*connection, &payment), 800);
    let more = refusal(stage.ask(&*connection, &sharing(&share("S1", &payment, 801))));
    assert_eq!(more.0, "NOT_ENOUGH");
    assert_eq!(back(&mut stage, &*connection, "R2", id, 800), "refund");
    let none = refusal(stage.ask(&*connection, &sharing(&share("S1", &payment, 1))));
    assert_eq!(none.0, "NOT_ENOUGH");
}

/// More than the frozen rest waits for the release, and then for the merchant's own money.
#[test]
fn a_partly_shared_order_is_unfrozen_before_more_goes_back() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let id = &payment.payment_reference;
    stage.ask(&*connection, &sharing(&share("S1", &payment, 1_000)));
    stage.later(2);
    assert_eq!(back(&mut stage, &*connection, "R1", id, 7_801), "unfunded");
    assert_eq!(stage.ask(&*connection, &unfreeze("S2", &payment)).name(), "share");
    assert_eq!(back(&mut stage, &*connection, "R1", id, 7_801), "unfunded");
    assert_eq!(back(&mut stage, &*connection, "R1", id, 7_800), "refund");
    assert_eq!(balance(&mut stage, MCHID), 0);
    // Another order's money helps out.
    stage.paid(&*connection, &order("T67890", Scene::Pc));
    assert_eq!(back(&mut stage, &*connection, "R2", id, 1_000), "refund");
    assert_eq!(balance(&mut stage, MCHID), 7_800);
}

#[test]
fn frozen_money_of_another_order_pays_no_refund() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let id = &payment.payment_reference;
    let all = Share { releases_rest: true, ..share("S1", &payment, 1_000) };
    stage.ask(&*connection, &sharing(&all));
    stage.paid(&*connection, &Place { is_shared: true, ..order("T67890", Scene::Pc) });
    assert_eq!(back(&mut stage, &*connection, "R1", id, 8_800), "unfunded");
    assert_eq!(back(&mut stage, &*connection, "R2", id, 7_800), "refund");
}

#[test]
fn money_that_is_released_by_itself_pays_a_refund_once() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let id = &payment.payment_reference;
    stage.ask(&*connection, &sharing(&share("S1", &payment, 1_000)));
    stage.later(30 * 86_400);
    assert_eq!(back(&mut stage, &*connection, "R1", id, 8_800), "unfunded");
    assert_eq!(balance(&mut stage, MCHID), 0, "a refusal changes nothing");
    assert_eq!(back(&mut stage, &*connection, "R1", id, 7_800), "refund");
    assert_eq!(balance(&mut stage, MCHID), 0);
}
