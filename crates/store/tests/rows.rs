//! What is written reads back, whatever it is.

mod any;

use any::{
    any_attempt, any_caller, any_change, any_key, any_notification, any_notification_state,
    any_order, any_refund, any_transfer,
};
use kernel::{Event, TenantId};
use ledger::{Id, Timestamp};
use proptest::prelude::*;
use store::StoreFault;
use store::rows::{Table, Value, event, key, notification, order, refund, transfer};

/// The cells as a database gives them back: its own text, the table's width.
fn stored(table: &Table, cells: Vec<Value<'_>>) -> Vec<Value<'static>> {
    assert_eq!(cells.len(), table.columns.len(), "{}", table.name);
    let owned = |cell| match cell {
        Value::Int(number) => Value::Int(number),
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Null => Value::Null,
    };
    cells.into_iter().map(owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn events_read_back(
        change in any_change(),
        caller in any_caller(),
        id in 1i64..,
        order in proptest::option::of(1i64..),
        at: i64,
    ) {
        let event = Event {
            id: Id::from_value(id),
            tenant: TenantId::new("t"),
            order: order.map(Id::from_value),
            at: Timestamp::from_ms(at),
            caller,
            change,
        };
        let cells = stored(&event::EVENTS, event::row(&event)?);
        prop_assert_eq!(event::read(&cells), Ok(event));
    }

    #[test]
    fn orders_read_back(order in any_order()) {
        let cells = stored(&order::ORDERS, order::row(&order));
        prop_assert_eq!(&cells[order::TERMS_LEN..], &order::mutable(&order)[..]);
        prop_assert_eq!(order::ORDERS.columns[order::TERMS_LEN], "version");
        prop_assert_eq!(order::read(&cells), Ok(order));
    }

    #[test]
    fn refunds_read_back(refund in any_refund()) {
        let cells = stored(&refund::REFUNDS, refund::row(&refund));
        prop_assert_eq!(&cells[refund::FIXED_LEN..], &refund::mutable(&refund)[..]);
        prop_assert_eq!(refund::read(&cells), Ok(refund));
    }

    #[test]
    fn notifications_read_back(notification in any_notification()) {
        let cells = stored(&notification::NOTIFICATIONS, notification::row(&notification));
        prop_assert_eq!(&cells[notification::FIXED_LEN..], &notification::mutable(&notification)[..]);
        prop_assert_eq!(notification::read(&cells), Ok(notification));
    }

    #[test]
    fn attempts_read_back(attempt in any_attempt(), state in any_notification_state(), attempt_no: u32) {
        let tenant = TenantId::new("t");
        let notification = Id::from_value(5);
        let new =
            notification::NewAttempt { tenant: &tenant, notification, attempt_no, attempt: &attempt, state };
        let cells = stored(&notification::ATTEMPTS, notification::attempt_row(&new));
        let want = store::AttemptRow { attempt_no, attempt: attempt.clone(), state };
        prop_assert_eq!(notification::read_attempt(&cells), Ok(want));
    }

    #[test]
    fn transfers_read_back(transfer in any_transfer()) {
        let tenant = TenantId::new("t");
        let cells = stored(&transfer::TRANSFERS, transfer::row(&tenant, &transfer));
        prop_assert_eq!(transfer::read(&cells), Ok(transfer));
    }

    #[test]
    fn keys_read_back(key in any_key(), account: String) {
        let (tenant, stored_by) = (TenantId::new("t"), Id::from_value(3));
        let cells = stored(&key::KEYS, key::row(&tenant, stored_by, &account, &key));
        prop_assert_eq!(key::read(&cells), Ok((stored_by, account.into(), key)));
    }

    /// Whatever one cell becomes, reading answers: with a value or with a fault that names the table.
    #[test]
    fn damaged_orders_are_named(order in any_order(), at in 0usize..37, text: String, number: i64) {
        for damage in [Value::Null, Value::Int(number), Value::Text(text.into())] {
            let mut cells = stored(&order::ORDERS, order::row(&order));
            let at = at % cells.len();
            cells[at] = damage;
            if let Err(fault) = order::read(&cells) {
                let named = matches!(fault, StoreFault::Unreadable { table: "orders", .. });
                prop_assert!(named, "{}", fault);
            }
        }
    }
}

#[test]
fn faults_name_table_column_and_row() {
    let row = |kind: &'static str, body: &'static str| {
        let text = |text: &'static str| Value::Text(text.into());
        let [order, id, at] = [Value::Int(0), Value::Int(7), Value::Int(0)];
        [text("t"), order, id, at, text("clock"), text(kind), text(body)]
    };
    for (kind, body, want) in [
        ("order_eaten", "{}", "kind order_eaten: unknown kind \"order_eaten\""),
        ("order_paid", "{", "kind order_paid: no such JSON at column 1"),
        ("order_closing", r#"{"closure":"x"}"#, "kind order_closing: unknown closure \"x\""),
    ] {
        let fault = event::read(&row(kind, body)).expect_err("it is damaged").to_string();
        let want = format!("unreadable row in events: body: of event 000000000000000007, {want}");
        assert_eq!(fault, want);
    }
    let fault = order::read(&[Value::Int(1)]).expect_err("it is damaged").to_string();
    assert_eq!(fault, "unreadable row in orders: tenant: a number, want text");
}
