//! Any value that a row can hold. Strategies are boxed because a test thread has a small stack.

use channel::{Operation, PayForm, PayInfo, Payer, PlatformKey, Scene};
use kernel::{
    Attempt, CallRecord, Caller, Change, Closure, Delivery, InFlightCall, MerchantId, Notification,
    NotificationKind, NotificationState, Order, OrderState, Paid, Refund, RefundState, TenantId,
    Terms, UnappliedPayment,
};
use ledger::{Account, AccountKind, Currency, Fen, Id, Phase, Reason, Timestamp, Transfer};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

fn text() -> BoxedStrategy<String> {
    prop_oneof![any::<String>(), "[\"\\\\\n\u{0}{}茶🍵]{0,6}"].boxed()
}

fn name() -> BoxedStrategy<Arc<str>> {
    text().prop_map(Arc::from).boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    any::<i64>().prop_map(Timestamp::from_ms).boxed()
}

fn fen() -> BoxedStrategy<Fen> {
    any::<i64>().prop_map(Fen::new).boxed()
}

fn id<K: ledger::Kind + 'static>() -> BoxedStrategy<Id<K>> {
    any::<i64>().prop_map(Id::from_value).boxed()
}

fn tenant() -> BoxedStrategy<TenantId> {
    text().prop_map(|text| TenantId::new(&text)).boxed()
}

fn operation() -> BoxedStrategy<Operation> {
    select(Operation::ALL.to_vec()).boxed()
}

fn closure() -> BoxedStrategy<Closure> {
    select(vec![Closure::Expired, Closure::Asked]).boxed()
}

pub(crate) fn any_caller() -> BoxedStrategy<Caller> {
    prop_oneof![
        name().prop_map(Caller::Business),
        name().prop_map(Caller::Channel),
        Just(Caller::Clock),
        name().prop_map(Caller::Operator),
    ]
    .boxed()
}

fn in_flight() -> BoxedStrategy<InFlightCall> {
    (operation(), time()).prop_map(|(operation, until)| InFlightCall { operation, until }).boxed()
}

fn call() -> BoxedStrategy<CallRecord> {
    (of(operation()), time(), any::<i64>(), any::<Option<u16>>(), of(text()), text())
        .prop_map(|(operation, at, took_ms, status, channel_trace, summary)| CallRecord {
            operation,
            at,
            took_ms,
            status,
            channel_trace,
            summary,
        })
        .boxed()
}

fn pay_info() -> BoxedStrategy<PayInfo> {
    (select(PayForm::ALL.to_vec()), text(), time())
        .prop_map(|(form, text, valid_until)| PayInfo { form, text, valid_until })
        .boxed()
}

fn paid() -> BoxedStrategy<Paid> {
    (time(), text(), fen())
        .prop_map(|(at, payment_reference, payer_amount)| Paid {
            at,
            payment_reference,
            payer_amount,
        })
        .boxed()
}

fn payer() -> BoxedStrategy<Payer> {
    (of(text()), of(text()), of(text()), of(text()))
        .prop_map(|(app_id, user_id, client_ip, device_id)| Payer {
            app_id,
            user_id,
            client_ip,
            device_id,
        })
        .boxed()
}

fn terms() -> BoxedStrategy<Arc<Terms>> {
    let who = (tenant(), id(), text(), text(), name(), name(), name());
    let what = (fen(), select(Scene::ALL.to_vec()), text(), payer(), name(), text());
    let options = (of(text()), of(text()), of(text()), time(), time());
    (who, what, options)
        .prop_map(|(who, what, options)| {
            let (tenant, id, merchant, merchant_order_no, dialect, channel, channel_account) = who;
            let (amount, scene, subject, payer, callback_url, details) = what;
            let (goods_tag, notify_url, front_url, placed_at, expires_at) = options;
            Arc::new(Terms {
                tenant,
                id,
                dialect,
                merchant: MerchantId::new(&merchant),
                merchant_order_no,
                amount,
                currency: Currency::Cny,
                scene,
                channel,
                channel_account,
                subject,
                payer,
                goods_tag,
                notify_url,
                front_url,
                callback_url,
                details,
                placed_at,
                expires_at,
            })
        })
        .boxed()
}

fn order_state() -> BoxedStrategy<OrderState> {
    prop_oneof![
        Just(OrderState::Init),
        pay_info().prop_map(OrderState::Paying),
        closure().prop_map(OrderState::Closing),
        paid().prop_map(OrderState::Paid),
        (time(), text()).prop_map(|(at, reason)| OrderState::Failed { at, reason }),
        time().prop_map(|at| OrderState::Closed { at }),
    ]
    .boxed()
}

fn unapplied() -> BoxedStrategy<UnappliedPayment> {
    (text(), fen(), id())
        .prop_map(|(payment_reference, amount, refund)| UnappliedPayment {
            payment_reference,
            amount,
            refund,
        })
        .boxed()
}

pub(crate) fn any_order() -> BoxedStrategy<Order> {
    (terms(), any::<i64>(), order_state(), of(in_flight()), any::<u32>(), vec(unapplied(), 0..3))
        .prop_map(|(terms, version, state, in_flight, polls, unapplied)| Order {
            terms,
            version,
            state,
            in_flight,
            polls,
            unapplied,
        })
        .boxed()
}

fn state() -> BoxedStrategy<RefundState> {
    prop_oneof![
        Just(RefundState::Requesting),
        Just(RefundState::Processing),
        (time(), text())
            .prop_map(|(at, refund_reference)| RefundState::Done { at, refund_reference }),
        (time(), text()).prop_map(|(at, reason)| RefundState::Failed { at, reason }),
    ]
    .boxed()
}

pub(crate) fn any_refund() -> BoxedStrategy<Refund> {
    let what = (text(), fen(), time(), any::<i64>(), state(), any::<u32>());
    (tenant(), id(), id(), what)
        .prop_map(|(tenant, id, order, what)| {
            let (payment_reference, amount, made_at, version, state, polls) = what;
            Refund { tenant, id, order, payment_reference, amount, made_at, version, state, polls }
        })
        .boxed()
}

pub(crate) fn any_notification_state() -> BoxedStrategy<NotificationState> {
    prop_oneof![
        Just(NotificationState::Due),
        time().prop_map(|at| NotificationState::Delivered { at }),
        time().prop_map(|at| NotificationState::GivenUp { at }),
    ]
    .boxed()
}

pub(crate) fn any_notification() -> BoxedStrategy<Notification> {
    let counts = (any::<i64>(), any::<u32>(), any::<u32>());
    (tenant(), id(), id(), text(), time(), any_notification_state(), counts)
        .prop_map(|(tenant, id, order, url, made_at, state, (version, attempts, step))| {
            Notification {
                tenant,
                id,
                order,
                kind: NotificationKind::Pay,
                url,
                made_at,
                version,
                state,
                attempts,
                step,
            }
        })
        .boxed()
}

pub(crate) fn any_attempt() -> BoxedStrategy<Attempt> {
    let delivery = prop_oneof![
        any::<u16>().prop_map(|status| Delivery::Acknowledged { status }),
        (any::<u16>(), text()).prop_map(|(status, excerpt)| Delivery::Rejected { status, excerpt }),
        text().prop_map(|why| Delivery::NoAnswer { why }),
    ];
    (time(), any::<i64>(), delivery)
        .prop_map(|(at, took_ms, delivery)| Attempt { at, took_ms, delivery })
        .boxed()
}

pub(crate) fn any_key() -> BoxedStrategy<PlatformKey> {
    (text(), text(), time(), time())
        .prop_map(|(serial, pem, valid_from, valid_until)| PlatformKey {
            serial,
            pem,
            valid_from,
            valid_until,
        })
        .boxed()
}

pub(crate) fn any_transfer() -> BoxedStrategy<Transfer> {
    let account = || {
        (select(AccountKind::ALL.to_vec()), text())
            .prop_map(|(kind, owner)| Account::new(kind, owner))
    };
    let words = (select(Phase::ALL.to_vec()), select(Reason::ALL.to_vec()));
    (id(), words, account(), account(), fen(), id(), time())
        .prop_map(|(id, (phase, reason), debit, credit, amount, order, at)| Transfer {
            id,
            phase,
            debit,
            credit,
            amount,
            reason,
            order,
            at,
        })
        .boxed()
}

/// Every kind of change.
pub(crate) fn any_change() -> BoxedStrategy<Change> {
    let of_order = prop_oneof![
        any_order().prop_map(|order| Change::OrderPlaced(Box::new(order))),
        Just(Change::OrderRepeated),
        in_flight().prop_map(Change::CallBegun),
        call().prop_map(|call| Change::CallEnded { call }),
        (text(), call()).prop_map(|(why, call)| Change::MismatchRecorded { why, call }),
        (pay_info(), call())
            .prop_map(|(pay_info, call)| Change::PayInfoReceived { pay_info, call }),
        (paid(), call()).prop_map(|(paid, call)| Change::OrderPaid { paid, call }),
        closure().prop_map(Change::OrderClosing),
        call().prop_map(|call| Change::OrderClosed { call }),
        (text(), call()).prop_map(|(reason, call)| Change::OrderFailed { reason, call }),
    ];
    let of_refund = prop_oneof![
        (any_refund(), call()).prop_map(|(refund, call)| Change::UnappliedReceived {
            refund: Box::new(refund),
            call
        }),
        (id(), operation())
            .prop_map(|(refund, operation)| Change::RefundCallBegun { refund, operation }),
        (id(), state(), call()).prop_map(|(refund, state, call)| Change::RefundMoved {
            refund,
            state,
            call
        }),
    ];
    let of_notification = prop_oneof![
        any_notification()
            .prop_map(|notification| Change::NotificationQueued(Box::new(notification))),
        (id(), any_attempt(), any_notification_state()).prop_map(
            |(notification, attempt, state)| {
                Change::NotificationAttempted { notification, attempt, state }
            }
        ),
        id().prop_map(|notification| Change::NotificationReplayed { notification }),
    ];
    let of_keys = (name(), vec(any_key(), 0..3))
        .prop_map(|(channel_account, keys)| Change::KeysStored { channel_account, keys });
    prop_oneof![10 => of_order, 3 => of_refund, 3 => of_notification, 1 => of_keys].boxed()
}
