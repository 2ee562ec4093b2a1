//! Every row and event reads back as it was written.
#![expect(clippy::disallowed_methods, reason = "any value is an id")]

mod any;

use any::{
    any_agreement, any_allocation, any_allocation_release, any_approval, any_call, any_caller,
    any_caller_key, any_card, any_card_batch, any_card_binding, any_card_quota, any_card_transfer,
    any_channel_account, any_happening, any_merchant, any_notification, any_order, any_payee,
    any_recharge, any_refund, any_share, any_share_return, any_tenant, any_transfer, any_wallet,
    any_wallet_freeze, any_wallet_payment, any_withdrawal,
};
use channel::{Operation, PayForm};
use kernel::{
    AggregateChange as _, Attempt, CallRecord, Caller, Change, Delivery, Event, InFlightCall,
    KnownPayInfo, NotificationChange, NotificationState, Order, OrderChange, TenantId,
};
use ledger::{Id, Subject, SubjectKind, Timestamp, kinds};
use proptest::option::of;
use proptest::prelude::*;
use store::rows::{
    KEY_LEN, STANDING, Stored, Value, cells, event, merged, mutable_cells, parts, read, task,
    transfer,
};
use store::{CardFlowKind, StoreFault};

/// The cells as a database gives them back, with texts of its own.
fn stored(cells: Vec<Value<'_>>) -> Vec<Value<'static>> {
    cells.into_iter().map(Value::into_owned).collect()
}

/// A row reads back, and its parts are what the statements of a database expect.
fn check_row<A: Stored>(row: &A) -> Result<(), TestCaseError> {
    let (table, all) = (A::TABLE, stored(cells(row)));
    prop_assert_eq!(all.len(), table.columns().len(), "{}", table.name);
    let fixed_len = table.fixed.len();
    prop_assert_eq!(&all[fixed_len..], &mutable_cells(row)[..]);
    prop_assert_eq!(table.mutable_columns().len(), STANDING.len() + table.mutable.len());
    let parts = parts(row);
    prop_assert_eq!(parts.own.len(), table.own_columns().len());
    prop_assert_eq!(&parts.own[..KEY_LEN], &all[..KEY_LEN]);
    if table.terms.is_some() {
        prop_assert_eq!(parts.terms.len(), table.terms_columns().len());
        prop_assert_eq!(&parts.terms[..KEY_LEN], &all[..KEY_LEN]);
    } else {
        prop_assert!(parts.terms.is_empty());
    }
    for (cell, column) in all.iter().zip(table.columns()) {
        prop_assert!(*cell != Value::Null || column.is_nullable, "{} is empty", column.name);
    }
    prop_assert_eq!(&read::<A>(&all), &Ok(row.clone()));
    prop_assert_eq!(&merged(row, row), &Ok(row.clone()));
    Ok(())
}

/// With any content in one cell, reading returns a value or a fault that names the table.
fn check_damaged<A: Stored>(
    row: &A,
    at: usize,
    damage: Value<'static>,
) -> Result<(), TestCaseError> {
    let mut cells = stored(cells(row));
    let at = at % cells.len();
    cells[at] = damage;
    if let Err(fault) = read::<A>(&cells) {
        let StoreFault::Unreadable { table, .. } = &fault else {
            return Err(TestCaseError::fail(fault.to_string()));
        };
        prop_assert_eq!(*table, A::TABLE.name);
    }
    Ok(())
}

fn any_cell() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Int),
        any::<String>().prop_map(Value::owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// A card's flows are found by the names of their changes, and read by their kinds.
    #[test]
    fn a_flow_of_a_card_has_the_name_of_its_changes((_, change) in any_happening()) {
        if let Change::Card(change) = &change {
            let named = CardFlowKind::ALL.into_iter().find(|kind| kind.change() == change.name());
            prop_assert_eq!(CardFlowKind::of(change), named);
        }
    }

    #[test]
    fn events_read_back(
        (row, change) in any_happening(),
        caller in any_caller(),
        call in of(any_call()),
        (id, root, at) in any::<(i64, i64, i64)>(),
        other_sequence in of(any::<i64>()),
    ) {
        let event = Event {
            id: Id::from_value(id),
            tenant: TenantId::new("t"),
            subject: row.subject(),
            root: Id::from_value(root),
            sequence: other_sequence.unwrap_or(row.version()),
            at: Timestamp::from_ms(at),
            caller,
            call,
            change,
        };
        let cells = stored(event::row(&event));
        prop_assert_eq!(cells.len(), event::EVENTS.columns.len());
        let subjects = event::Subjects::from([(row.subject(), row)]);
        prop_assert_eq!(event::read(&cells, &subjects), Ok(event));
    }

    /// Bodies of earlier builds say more than today's.
    #[test]
    fn earlier_bodies_are_read(order in any_order(), at in any::<i64>()) {
        let at = Timestamp::from_ms(at);
        let (form, valid_until) = (PayForm::Jsapi, Timestamp::from_ms(5));
        let until = Timestamp::from_ms(7);
        let first_call = InFlightCall { operation: Operation::Place, until };
        let placed = Order::new(order.terms.clone(), first_call);
        let delivery = Delivery::Acknowledged { status: 200 };
        let attempt = Attempt { at: Timestamp::from_ms(1), took_ms: 3, delivery };
        let state = NotificationState::Delivered { at: Timestamp::from_ms(4) };
        let bodies: [(&str, Change); 3] = [
            (
                r#"{"form":"jsapi","text":"{}","valid_until":5}"#,
                OrderChange::PayInfoReceived(KnownPayInfo { form, text: None, valid_until }).into(),
            ),
            (
                r#"{"version":1,"next_poll_at":7,"held":0,"state":"init","in_flight_operation":"place","in_flight_until":7,"polls":0,"unapplied":"[]"}"#,
                OrderChange::Placed(Box::new(placed)).into(),
            ),
            (
                r#"{"at":1,"took_ms":3,"outcome":"acknowledged","status":200,"state":"delivered","ended_at":4}"#,
                NotificationChange::Attempted { attempt, state }.into(),
            ),
        ];
        for (body, change) in bodies {
            let subject = match &change {
                Change::Notification(_) => Id::<kinds::Notification>::from_value(9).subject(),
                _ => order.terms.id.subject(),
            };
            let call = CallRecord {
                operation: None,
                at: Timestamp::from_ms(2),
                took_ms: 0,
                status: None,
                channel_trace: None,
                summary: "paid 1000 fen as 42".to_owned(),
            };
            let event = Event {
                id: Id::from_value(1),
                tenant: TenantId::new("t"),
                subject,
                root: Id::from_value(2),
                sequence: 1,
                at,
                caller: Caller::Clock,
                call: Some(call),
                change,
            };
            let mut cells = stored(event::row(&event));
            let call = r#"{"at":2,"took_ms":0,"summary":"paid 1000 fen as 42"}"#;
            let first_text = cells.len() - 2;
            cells[first_text..].clone_from_slice(&[Value::text(call), Value::text(body)]);
            let subjects = event::Subjects::from([(order.terms.id.subject(), order.clone().into())]);
            prop_assert_eq!(event::read(&cells, &subjects), Ok(event));
        }
    }

    #[test]
    fn orders_read_back(row in any_order(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn payees_read_back(row in any_payee(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn shares_read_back(row in any_share(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn returns_of_shares_read_back(row in any_share_return(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn refunds_read_back(row in any_refund(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn notifications_read_back(row in any_notification(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn approvals_read_back(row in any_approval(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn allocations_read_back(row in any_allocation(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn allocation_releases_read_back(
        row in any_allocation_release(),
        at: usize,
        damage in any_cell(),
    ) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn withdrawals_read_back(row in any_withdrawal(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn card_batches_read_back(row in any_card_batch(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn card_quotas_read_back(row in any_card_quota(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn recharges_read_back(row in any_recharge(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn cards_read_back(row in any_card(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn card_transfers_read_back(row in any_card_transfer(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn card_bindings_read_back(row in any_card_binding(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn wallets_read_back(row in any_wallet(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn wallet_payments_read_back(row in any_wallet_payment(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn wallet_freezes_read_back(row in any_wallet_freeze(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn agreements_read_back(row in any_agreement(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn tenants_read_back(row in any_tenant(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn merchants_read_back(row in any_merchant(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn caller_keys_read_back(row in any_caller_key(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn channel_accounts_read_back(row in any_channel_account(), at: usize, damage in any_cell()) {
        check_row(&row)?;
        check_damaged(&row, at, damage)?;
    }

    #[test]
    fn transfers_read_back(row in any_transfer()) {
        let tenant = TenantId::new("t");
        let cells = stored(transfer::row(&tenant, &row));
        prop_assert_eq!(cells.len(), transfer::TRANSFERS.columns.len());
        prop_assert_eq!(transfer::read(&cells), Ok(row));
    }

    #[test]
    fn tasks_read_back(kind in 0usize..SubjectKind::ALL.len(), value: i64, root: i64, due: i64) {
        let subject = Subject { kind: SubjectKind::ALL[kind], value };
        let task = kernel::Task { tenant: TenantId::new("t"), subject, root: Id::from_value(root) };
        let due = Timestamp::from_ms(due);
        let cells = stored(task::row(&task, due).to_vec());
        prop_assert_eq!(cells.len(), task::TASKS.columns.len());
        prop_assert_eq!(&cells[..task::KEY_LEN], &task::key(&task)[..]);
        prop_assert_eq!(task::read(&cells), Ok((task, due)));
    }
}

#[test]
fn faults_name_table_column_and_row() {
    let row = |change: &'static str, body: &'static str| {
        let (text, int) = (Value::text, Value::Int);
        [
            text("t"),
            int(3),
            int(7),
            text("order"),
            int(3),
            int(1),
            int(0),
            text("clock"),
            text(change),
            Value::Null,
            text(body),
        ]
    };
    for (change, body, want) in [
        ("eaten", "{}", "unknown change \"eaten\""),
        ("paid", "{", "no such JSON at column 1"),
        ("closing", r#"{"closure":"x"}"#, "unknown closure \"x\""),
        ("placed", "{}", "the row of its order is missing"),
    ] {
        let fault = event::read(&row(change, body), &event::Subjects::new());
        let fault = fault.expect_err("it is damaged").to_string();
        let want = format!(
            "unreadable row in events: body: of event 000000000000000007, {change} of \
             order 000000000000000003: {want}"
        );
        assert_eq!(fault, want);
    }
    let fault = read::<kernel::Order>(&[Value::Int(1)]).expect_err("it is damaged").to_string();
    assert_eq!(fault, "unreadable row in orders: tenant: a number, want text");
}
