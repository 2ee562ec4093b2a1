//! Stored state as JSON.

use crate::faults::{Fault, render};
use crate::query::{Malformed, ORDER_STATES};
use crate::{map, wire};
use engine::Failure;
use kernel::{
    ApprovalRefusal, DirectoryRefusal, NotificationRefusal, NotificationState, OrderField,
    OrderRefusal, OrderState, RefundRefusal, Refusal,
};
use ledger::{BookFault, Fen, Id, Timestamp, kinds};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::StoreFault;
use story::samples::{self, HIDDEN, Samples};

fn story_json(samples: &Samples, order: Id<kinds::Order>) -> Value {
    let story = map::story(&samples.story(order)).expect("an order's story");
    serde_json::to_value(story).expect("JSON")
}

#[test]
fn times_are_written_as_promised() {
    assert_eq!(wire::rfc3339(Timestamp::from_ms(1_795_000_000_007)), "2026-11-18T11:06:40.007Z");
    assert_eq!(wire::rfc3339(Timestamp::from_ms(0)), "1970-01-01T00:00:00.000Z");
}

#[test]
fn every_event_is_written_with_its_envelope() {
    let (samples, orders) = samples::whole();
    let mut seen = BTreeSet::new();
    for order in orders {
        let written = story_json(&samples, order)["events"].take();
        let written: Vec<Value> = written.as_array().expect("events").clone();
        let events = samples.story(order).events;
        assert_eq!(written.len(), events.len());
        for (written, event) in written.iter().zip(&events) {
            assert_eq!(written["change"], event.change.name());
            assert_eq!(written["id"], event.id.to_string());
            assert_eq!(written["subject"]["kind"], event.subject.kind.name());
            assert_eq!(written["sequence"], event.sequence);
            assert_eq!(written["caller"], event.caller.text());
            assert_eq!(written["call"].is_object(), event.call.is_some());
            seen.insert((event.subject.kind.name(), event.change.name()));
        }
    }
    let all: BTreeSet<_> =
        samples.events().map(|event| (event.subject.kind.name(), event.change.name())).collect();
    assert_eq!(seen, all);
    assert!(all.len() >= 15, "the samples show most kinds of events: {all:?}");
}

#[test]
fn a_paid_order_reads_as_promised() {
    let (samples, [order, ..]) = samples::whole();
    let json = story_json(&samples, order);
    assert_eq!(json["order"]["state"], "paid");
    assert_eq!(json["order"]["merchant_order_no"], "A-001");
    assert_eq!(json["order"]["amount_fen"], 8_800);
    assert_eq!(json["order"]["payer_amount_fen"], 8_000);
    assert_eq!(json["order"]["paid_at"], "2026-11-18T11:08:09.000Z");
    assert_eq!(json["order"]["payment_reference"], "420000089000");
    assert_eq!(json["order"]["payer"], json!({ "app_id": "wx8888", "user_id": "oUpF8u…" }));
    let paid = json["events"].as_array().expect("events").iter();
    let paid = paid.clone().find(|event| event["change"] == "paid").expect("an event");
    assert_eq!(paid["details"]["payer_amount_fen"], 8_000);
    assert_eq!(paid["details"]["paid_at"], "2026-11-18T11:08:09.000Z");
    assert_eq!(paid["call"]["operation"], Value::Null, "a callback");
    let first = &json["transfers"][0];
    assert_eq!(first["debit"], "channel_funds/main");
    assert_eq!(first["credit"], "merchant_pending/CM1");
    assert_eq!(first["root"], order.to_string());
    let notification = &json["notifications"][0];
    assert_eq!(notification["state"], "due");
    let outcome = |at: usize| notification["attempts"][at]["outcome"].clone();
    assert_eq!([0, 1, 2].map(outcome), ["rejected", "acknowledged", "no_answer"]);
    let task = &json["tasks"][0]["subject"];
    assert_eq!(*task, json!({ "kind": "notification", "id": notification["id"] }));
}

#[test]
fn a_failed_refund_reads_as_promised() {
    let (samples, [_, order, _]) = samples::whole();
    let json = story_json(&samples, order);
    assert_eq!(json["order"]["state"], "failed");
    assert_eq!(json["order"]["reason"], "expired");
    assert_eq!(json["refunds"][0]["state"], "failed");
    assert_eq!(json["refunds"][0]["cause"], "late_payment");
    assert_eq!(json["refunds"][0]["reason"], "NOT_ENOUGH: 余额不足");
    let phase = |at: usize| json["transfers"][at]["phase"].clone();
    assert_eq!([0, 1].map(phase), ["post", "hold"], "the money waits for a person");
    assert_eq!(json["transfers"][2], Value::Null);
    let needy = json["attention"].as_array().expect("rows");
    let kinds: Vec<_> = needy.iter().filter_map(|row| row["kind"].as_str()).collect();
    assert_eq!(kinds, ["contradiction", "refund_failed"]);
    let requests: Vec<_> = needy[1]["exits"].as_array().expect("commands").iter().collect();
    let refund = json["refunds"][0]["id"].as_str().expect("an id");
    let place = format!("POST /admin/v1/tenants/100001/orders/{order}/refunds/{refund}");
    assert_eq!(requests[1]["request"], format!("{place}/retry-under-new-number"));
}

#[test]
fn no_answer_shows_a_payer_or_a_cashier() {
    let (samples, orders) = samples::whole();
    for order in orders {
        let text = story_json(&samples, order).to_string();
        for hidden in HIDDEN {
            assert!(!text.contains(hidden), "{hidden} is in {text}");
        }
    }
}

#[test]
fn states_to_list_by_are_the_states_there_are() {
    let (samples, orders) = samples::whole();
    let state = |at: usize| samples.story(orders[at]).order().expect("an order").state.name();
    let names = [
        OrderState::Init.name(),
        "paying",
        OrderState::Closing(kernel::Closure::Asked).name(),
        state(0),
        state(1),
        state(2),
    ];
    assert_eq!(names, ORDER_STATES);
    let at = Timestamp::from_ms(0);
    let states = [
        NotificationState::Due { next_attempt_at: at },
        NotificationState::Delivered { at },
        NotificationState::GivenUp { at },
        NotificationState::Dismissed { at },
    ];
    assert_eq!(states.map(NotificationState::name), NotificationState::NAMES);
}

#[test]
fn every_fault_has_its_status_and_code() {
    let refused = |refusal: Refusal| Fault::Failure(Failure::Refused(refusal));
    let order = |refusal: OrderRefusal| refused(refusal.into());
    let directory = |refusal: DirectoryRefusal| refused(refusal.into());
    let approval = |refusal: ApprovalRefusal| refused(refusal.into());
    let malformed = Malformed { field: "limit".to_owned(), why: "want 1 to 200".to_owned() };
    let unreadable = StoreFault::Unreadable { table: "orders", why: "13800138000".to_owned() };
    for (fault, status, code, field) in [
        (Fault::Malformed(malformed), 400, "malformed", Some("limit")),
        (Fault::Unauthenticated, 401, "unauthenticated", None),
        (Fault::NotFound { what: "tenant" }, 404, "not_found", None),
        (Fault::Method, 405, "method_not_allowed", None),
        (order(OrderRefusal::UnknownMerchant), 404, "unknown_merchant", Some("merchant")),
        (order(OrderRefusal::MerchantDisabled), 409, "merchant_disabled", Some("merchant")),
        (order(OrderRefusal::NoRoute { has_channel: false }), 409, "no_route", None),
        (order(OrderRefusal::Amount), 400, "amount", Some("amount")),
        (order(OrderRefusal::Expiry), 400, "expiry", Some("expires_at")),
        (order(OrderRefusal::NotFound), 404, "order_not_found", Some("order")),
        (order(OrderRefusal::Final), 409, "order_final", None),
        (
            order(OrderRefusal::Differs { field: OrderField::Amount }),
            409,
            "differs",
            Some("amount"),
        ),
        (order(OrderRefusal::CallInFlight), 409, "call_in_flight", None),
        (order(OrderRefusal::State { state: "paid" }), 409, "state", None),
        (
            order(OrderRefusal::Contested { payment_reference: "4200".to_owned() }),
            409,
            "contested",
            None,
        ),
        (order(OrderRefusal::NotContested), 409, "not_contested", None),
        (order(OrderRefusal::StoredValue), 409, "stored_value", None),
        (order(OrderRefusal::NoAttention), 409, "no_attention", None),
        (refused(RefundRefusal::State { state: "done" }.into()), 409, "state", None),
        (refused(RefundRefusal::NoAttention.into()), 409, "no_attention", None),
        (approval(ApprovalRefusal::OwnProposal), 409, "own_proposal", None),
        (approval(ApprovalRefusal::State { state: "expired" }), 409, "state", None),
        (approval(ApprovalRefusal::Differs), 409, "differs", Some("digest")),
        (approval(ApprovalRefusal::NotOperator), 409, "not_operator", None),
        (approval(ApprovalRefusal::Spent), 409, "spent", None),
        (approval(ApprovalRefusal::OtherPayment), 409, "other_payment", None),
        (approval(ApprovalRefusal::NotFound), 404, "approval_not_found", Some("approval")),
        (refused(NotificationRefusal::State { state: "due" }.into()), 409, "state", None),
        (refused(RefundRefusal::NotFound.into()), 404, "refund_not_found", Some("refund")),
        (
            refused(NotificationRefusal::NotFound.into()),
            404,
            "notification_not_found",
            Some("notification"),
        ),
        (
            directory(DirectoryRefusal::NotFound { noun: "merchant" }),
            404,
            "not_found",
            Some("merchant"),
        ),
        (directory(DirectoryRefusal::Exists { noun: "tenant" }), 409, "exists", Some("tenant")),
        (
            directory(DirectoryRefusal::Taken { noun: "caller_key" }),
            409,
            "taken",
            Some("caller_key"),
        ),
        (directory(DirectoryRefusal::NoTenant), 404, "not_found", Some("tenant")),
        (
            directory(DirectoryRefusal::NoChannelAccount { name: "main".to_owned() }),
            409,
            "no_channel_account",
            Some("channel_accounts"),
        ),
        (refused(Refusal::Book(BookFault::NotPositive(Fen::ZERO))), 409, "book", None),
        (Fault::Failure(Failure::Overloaded), 503, "overloaded", None),
        (Fault::Failure(Failure::Busy), 503, "busy", None),
        (Fault::Failure(Failure::Stopping), 503, "stopping", None),
        (StoreFault::Overloaded("13800138000".to_owned()).into(), 503, "overloaded", None),
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
