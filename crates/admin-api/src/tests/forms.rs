//! Stored state as JSON.

use super::fixture::{self, OPEN_ID, PAY_TEXT};
use crate::faults::{Fault, render};
use crate::query::{Malformed, NOTIFICATION_STATES, ORDER_STATES};
use crate::{map, wire};
use engine::Failure;
use kernel::command::Field;
use kernel::{NotificationState, OrderState, Refusal};
use ledger::{BookFault, Fen, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::StoreFault;

fn story_json(fixture: &fixture::StoryFixture, order: ledger::Id<ledger::kinds::Order>) -> Value {
    serde_json::to_value(map::story(&fixture.story(order))).expect("JSON")
}

#[test]
fn times_amounts_and_payers_are_written_as_promised() {
    assert_eq!(wire::rfc3339(Timestamp::from_ms(1_795_000_000_007)), "2026-11-18T11:06:40.007Z");
    assert_eq!(wire::rfc3339(Timestamp::from_ms(0)), "1970-01-01T00:00:00.000Z");
    assert_eq!(wire::yuan(Fen::new(-1)), "-0.01");
    for (id, want) in
        [("", "…"), ("oUpF8u", "…"), ("oUpF8uM", "oUpF8u…"), ("微信支付用户甲", "微信支付用户…")]
    {
        assert_eq!(wire::masked(id), want);
    }
}

#[test]
fn every_kind_of_event_is_named_as_in_the_log() {
    let (fixture, orders) = fixture::whole();
    let mut seen = BTreeSet::new();
    for order in orders {
        let events = story_json(&fixture, order)["events"].take();
        let written: Vec<Value> = events.as_array().expect("events").clone();
        let story = fixture.story(order);
        assert_eq!(written.len(), story.events.len());
        for (written, event) in written.iter().zip(&story.events) {
            assert_eq!(written["kind"], event.change.name());
            assert_eq!(written["id"], event.id.to_string());
            assert_eq!(written["caller"], event.caller.text());
            seen.insert(event.change.name());
        }
    }
    let all: BTreeSet<_> = fixture.events().iter().map(|event| event.change.name()).collect();
    let outside: Vec<_> = all.difference(&seen).collect();
    assert_eq!(outside, [&"keys_stored"], "fetched keys belong to no order");
    assert_eq!(all.len(), 17, "the scenes show every kind of event");
}

#[test]
fn a_paid_order_reads_as_promised() {
    let (fixture, [order, ..]) = fixture::whole();
    let json = story_json(&fixture, order);
    assert_eq!(json["order"]["state"], "paid");
    assert_eq!(json["order"]["amount_fen"], 8_800);
    assert_eq!(json["order"]["payer_amount_fen"], 8_000);
    assert_eq!(json["order"]["paid_at"], "2026-11-18T11:08:09.000Z");
    assert_eq!(json["order"]["payer"], json!({ "app_id": "wx8888", "user_id": "oUpF8u…" }));
    let first = &json["transfers"][0];
    assert_eq!(first["debit"], "channel_funds/main");
    assert_eq!(first["credit"], "merchant_pending/CM1");
    let notification = &json["notifications"][0];
    assert_eq!(notification["state"], "due");
    let outcomes: Vec<_> =
        (0..3).map(|at| notification["attempts"][at]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["rejected", "acknowledged", "no_answer"]);
    assert_eq!(json["tasks"][0]["kind"], "notification");
    assert_eq!(json["tasks"][0]["subject"], notification["id"]);
}

#[test]
fn a_failed_refund_reads_as_promised() {
    let (fixture, [_, order, _]) = fixture::whole();
    let json = story_json(&fixture, order);
    assert_eq!(json["order"]["state"], "failed");
    assert_eq!(json["order"]["reason"], "expired");
    assert_eq!(json["refunds"][0]["state"], "failed");
    assert_eq!(json["refunds"][0]["reason"], "NOT_ENOUGH: 余额不足");
    let phases: Vec<_> = (0..3).map(|at| json["transfers"][at]["phase"].clone()).collect();
    assert_eq!(phases, ["post", "hold", "release"]);
}

#[test]
fn no_answer_shows_a_payer_or_a_cashier() {
    let (fixture, orders) = fixture::whole();
    for order in orders {
        let text = story_json(&fixture, order).to_string();
        for hidden in [OPEN_ID, PAY_TEXT, "203.0.113.77", "13800138000"] {
            assert!(!text.contains(hidden), "{hidden} is in {text}");
        }
    }
}

#[test]
fn states_to_list_by_are_the_states_there_are() {
    let (fixture, orders) = fixture::whole();
    let order = |at: usize| fixture.story(orders[at]).order.state.name();
    let at = Timestamp::from_ms(0);
    let names = [
        OrderState::Init.name(),
        "paying",
        OrderState::Closing(kernel::Closure::Asked).name(),
        order(0),
        order(1),
        order(2),
    ];
    assert_eq!(names, ORDER_STATES);
    let notification_states = [
        NotificationState::Due,
        NotificationState::Delivered { at },
        NotificationState::GivenUp { at },
    ];
    assert_eq!(notification_states.map(NotificationState::name), NOTIFICATION_STATES);
}

#[test]
fn every_fault_has_its_status_and_code() {
    let refused = |refusal| Fault::Failure(Failure::Refused(refusal));
    let malformed = Malformed { field: "limit".to_owned(), why: "want 1 to 200".to_owned() };
    let unreadable = StoreFault::Unreadable { table: "orders", why: "13800138000".to_owned() };
    for (fault, status, code, field) in [
        (Fault::Malformed(malformed), 400, "malformed", Some("limit")),
        (Fault::Unauthenticated, 401, "unauthenticated", None),
        (Fault::NotFound { what: "tenant" }, 404, "not_found", None),
        (Fault::Method, 405, "method_not_allowed", None),
        (refused(Refusal::UnknownMerchant), 404, "unknown_merchant", Some("merchant")),
        (refused(Refusal::NoRoute), 409, "no_route", None),
        (refused(Refusal::Amount), 400, "amount", Some("amount")),
        (refused(Refusal::Expiry), 400, "expiry", Some("expires_at")),
        (refused(Refusal::OrderNotFound), 404, "order_not_found", Some("order")),
        (refused(Refusal::RefundNotFound), 404, "refund_not_found", Some("refund")),
        (
            refused(Refusal::NotificationNotFound),
            404,
            "notification_not_found",
            Some("notification"),
        ),
        (refused(Refusal::OrderFinal), 409, "order_final", None),
        (refused(Refusal::Differs { field: Field::Amount }), 409, "differs", Some("amount")),
        (refused(Refusal::CallInFlight), 409, "call_in_flight", None),
        (refused(Refusal::State { state: "paid" }), 409, "state", None),
        (refused(Refusal::Book(BookFault::NotPositive(Fen::ZERO))), 409, "book", None),
        (Fault::Failure(Failure::Overloaded), 503, "overloaded", None),
        (Fault::Failure(Failure::Stopping), 503, "stopping", None),
        (StoreFault::Unavailable("13800138000".to_owned()).into(), 503, "store", None),
        (StoreFault::Failed("13800138000".to_owned()).into(), 503, "store", None),
        (unreadable.into(), 500, "unreadable", None),
    ] {
        let (found, error) = render(&fault);
        assert_eq!(found.as_u16(), status);
        assert_eq!((error.code, error.field.as_deref()), (code, field));
        assert!(!error.message.is_empty() && !error.message.contains("13800138000"));
    }
}
