//! Commands about orders, and what a channel says about them.

use crate::START;
use crate::directory::{CHANNEL, IDENTITY, PARTNERS, channel_account, merchant, tenant};
use channel::{
    Finding, Operation, PayForm, PayInfo, Payer, Payment, RefundStatus, Refunded, Scene,
};
use kernel::{
    Aggregate, AllocatePeriod, AllocationTerms, Attempt, CallRecord, Command, DecideRefund,
    Delivery, Key, MerchantId, Notification, NotificationCommand, Order, OrderCommand,
    OrderRequest, OrderShares, PlaceOrder, RecordFinding, Refund, RefundDecision, RefundRequest,
    RequestRefund, Splits, TenantId,
};
use ledger::{Currency, Fen, Timestamp};
use std::sync::Arc;

/// Every order's amount.
pub const PRICE: Fen = Fen::new(1999);
/// The namespace of the merchants' numbers.
pub const NAMESPACE: &str = "wecard";
/// The namespace of the merchants' numbers of refunds.
pub const REFUND_NAMESPACE: &str = "wecard.refund";

/// What a merchant requests under this number.
pub fn order_request(number: &str) -> OrderRequest {
    OrderRequest {
        merchant: merchant(),
        namespace: Arc::from(NAMESPACE),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: PRICE,
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        subject: "茶 \"two\" \\ 'x'\n\u{1f375}".to_owned(),
        payer: Payer {
            app_id: Some("wx0001".to_owned()),
            user_id: Some(String::new()),
            client_ip: None,
            device_id: None,
        },
        goods_tag: None,
        notify_url: Some("https://shop.example/told?a=1&b=2".to_owned()),
        front_url: None,
        splits: kernel::Splits::default(),
        recharge: None,
        wallet: None,
        details: r#"{"Attach":"\u0000 is not text"}"#.to_owned(),
        content: "digest".to_owned(),
    }
}

/// The same, of which two other merchants get a part: one waits for the next day, one is frozen.
pub fn divided_request(number: &str) -> OrderRequest {
    let part = |merchant: &str, period, is_frozen| AllocationTerms {
        merchant: MerchantId::new(merchant),
        amount: Fen::new(300),
        period,
        is_frozen,
    };
    let allocations = vec![
        part(PARTNERS[0], AllocatePeriod::D1, false),
        part(PARTNERS[1], AllocatePeriod::D0, true),
    ];
    let splits = Splits { allocations, ..Splits::default() };
    OrderRequest { splits, ..order_request(number) }
}

/// Places an order of the one tenant.
pub fn place(number: &str) -> Command {
    place_for(&tenant(), order_request(number))
}

/// Places an order.
pub fn place_for(tenant: &TenantId, request: OrderRequest) -> Command {
    PlaceOrder {
        tenant: tenant.clone(),
        channel: CHANNEL.to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
        payment_code: None,
        agreement: None,
    }
    .into()
}

/// Closes an order.
pub fn close(order: &Order) -> Command {
    let tenant = order.terms.tenant.clone();
    OrderCommand::Close { tenant, order: Key::Id(order.terms.id) }.into()
}

/// How we know: the answer to a call, or a callback where nothing was asked.
pub fn call(asked: Option<Operation>) -> CallRecord {
    CallRecord {
        operation: asked,
        at: START.plus_ms(5),
        took_ms: 87,
        status: asked.map(|_| 200),
        channel_trace: Some("08F78BB5AF0610D302".to_owned()),
        summary: "said \"so\"".to_owned(),
    }
}

/// Records a finding about an order. `asked` is the call that it answers, or none for a callback.
pub fn found(order: &Order, finding: Finding, asked: Option<Operation>) -> Command {
    Command::RecordFinding(RecordFinding {
        tenant: order.terms.tenant.clone(),
        subject: order.terms.id.subject(),
        root: order.root(),
        channel_account: order.terms.channel_account.clone(),
        channel_identity: order.terms.channel_identity.clone(),
        finding,
        call: call(asked),
    })
}

/// Records a finding about a refund: the answer to its request.
pub fn found_of_refund(refund: &Refund, finding: Finding) -> Command {
    Command::RecordFinding(RecordFinding {
        tenant: refund.tenant.clone(),
        subject: refund.id.subject(),
        root: refund.root(),
        channel_account: channel_account(&refund.tenant),
        channel_identity: Arc::from(IDENTITY),
        finding,
        call: call(Some(Operation::Refund)),
    })
}

/// A merchant requests a refund of an order under this number.
pub fn request_refund(order: &Order, number: &str, fen: i64) -> Command {
    let request = RefundRequest {
        namespace: Arc::from(REFUND_NAMESPACE),
        merchant_refund_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        reason: Some("too \"sweet\" \u{1f375}".to_owned()),
        notify_url: Some("https://shop.example/refunded".to_owned()),
        details: "{}".to_owned(),
        is_to_balance: false,
    };
    RequestRefund {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        amount: Fen::new(fen),
        back: None,
        returns: None,
        shares: OrderShares::default(),
        request: Arc::new(request),
    }
    .into()
}

/// What an operator decides about a refund.
pub fn decided(refund: &Refund, decision: RefundDecision) -> Command {
    let (tenant, order) = (refund.tenant.clone(), refund.order);
    DecideRefund { tenant, refund: refund.id, order, decision }.into()
}

/// An operator gave the money back elsewhere.
pub fn settle_by_hand() -> RefundDecision {
    let (note, outside_reference) = ("by \"bank\"".to_owned(), "B-1".to_owned());
    RefundDecision::SettleByHand { note, outside_reference }
}

/// An operator keeps the money.
pub fn write_off() -> RefundDecision {
    RefundDecision::WriteOff { note: "the payer \u{1f375} waives it".to_owned() }
}

/// The payer can pay.
pub fn payable(order: &Order) -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::Jsapi,
        text: r#"{"package":"prepay_id=wx2016"}"#.to_owned(),
        valid_until: order.terms.placed_at.plus_seconds(7200),
    })
}

/// The payer paid the order.
pub fn paid(order: &Order) -> Finding {
    paid_as(order, "wx1")
}

/// The payer paid the order, under this number of the channel.
pub fn paid_as(order: &Order, payment_reference: &str) -> Finding {
    Finding::Paid(Payment {
        channel_order_no: order.terms.channel_order_no.clone(),
        payment_reference: payment_reference.to_owned(),
        amount: order.terms.request.amount,
        settled_amount: order.terms.request.amount,
        currency: order.terms.request.currency,
        payer_amount: Some(Fen::new(1900)),
        at: order.terms.placed_at.plus_ms(900),
    })
}

/// The same with a coupon of 300 fen that the merchant bears.
pub fn paid_with_coupon(order: &Order, payment_reference: &str) -> Finding {
    match paid_as(order, payment_reference) {
        Finding::Paid(payment) => Finding::Paid(Payment {
            settled_amount: Fen::new(payment.amount.get() - 300),
            ..payment
        }),
        other => other,
    }
}

/// What the channel says of a refund that stands there.
pub fn refunded(refund: &Refund, status: RefundStatus) -> Finding {
    Finding::Refund(Refunded {
        channel_refund_no: refund.current_channel_refund_no(),
        refund_reference: "wxr1".to_owned(),
        amount: refund.amount,
        settled_amount: Some(refund.settled_amount),
        status,
        at: None,
    })
}

/// Records an attempt to deliver a notification.
pub fn attempt(row: &Notification, at: Timestamp, delivery: Delivery) -> Command {
    NotificationCommand::RecordAttempt {
        tenant: row.tenant.clone(),
        notification: row.id,
        attempt: Attempt { at, took_ms: 12, delivery },
    }
    .into()
}

/// Sends a notification again.
pub fn replay(row: &Notification) -> Command {
    NotificationCommand::Replay { tenant: row.tenant.clone(), notification: row.id }.into()
}
