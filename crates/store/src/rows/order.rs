//! Orders: what was agreed, and where they stand. An engine may keep the two in one table or in two.

use super::cells::{Cells, Table, Value};
use super::change::{StateBody, UnappliedBody};
use crate::StoreFault;
use channel::{Operation, Payer, Scene};
use kernel::{InFlightCall, MerchantId, Order, OrderState, TenantId, Terms};
use ledger::{Currency, Timestamp};
use std::sync::Arc;

/// A whole order: its terms, then what can change.
pub const ORDERS: Table = Table {
    name: "orders",
    columns: &[
        "tenant",
        "id",
        "merchant_order_no",
        "placed_at",
        "dialect",
        "merchant",
        "amount",
        "currency",
        "scene",
        "channel",
        "channel_account",
        "subject",
        "payer_app_id",
        "payer_user_id",
        "payer_client_ip",
        "payer_device_id",
        "goods_tag",
        "notify_url",
        "front_url",
        "callback_url",
        "details",
        "expires_at",
        "version",
        "state",
        "pay_form",
        "pay_text",
        "pay_valid_until",
        "closure",
        "paid_at",
        "payment_reference",
        "payer_amount",
        "ended_at",
        "reason",
        "in_flight_operation",
        "in_flight_until",
        "polls",
        "unapplied",
    ],
};

/// How many leading columns hold the terms; an update writes only the columns behind them.
pub const TERMS_LEN: usize = 22;

/// The cells of a whole order.
pub fn row(order: &Order) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(ORDERS.columns.len());
    terms(&order.terms, &mut cells);
    standing_into(order, &mut cells);
    cells
}

/// The cells of what can change: the columns of [`ORDERS`] from [`TERMS_LEN`] on.
pub fn mutable(order: &Order) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(ORDERS.columns.len() - TERMS_LEN);
    standing_into(order, &mut cells);
    cells
}

fn terms<'a>(terms: &'a Terms, cells: &mut Vec<Value<'a>>) {
    let payer = &terms.payer;
    cells.extend([
        Value::text(terms.tenant.as_str()),
        Value::Int(terms.id.value()),
        Value::text(&terms.merchant_order_no),
        Value::Int(terms.placed_at.ms()),
        Value::text(&terms.dialect),
        Value::text(terms.merchant.as_str()),
        Value::Int(terms.amount.get()),
        Value::text(terms.currency.code()),
        Value::text(terms.scene.name()),
        Value::text(&terms.channel),
        Value::text(&terms.channel_account),
        Value::text(&terms.subject),
        Value::optional(payer.app_id.as_deref()),
        Value::optional(payer.user_id.as_deref()),
        Value::optional(payer.client_ip.as_deref()),
        Value::optional(payer.device_id.as_deref()),
        Value::optional(terms.goods_tag.as_deref()),
        Value::optional(terms.notify_url.as_deref()),
        Value::optional(terms.front_url.as_deref()),
        Value::text(&terms.callback_url),
        Value::text(&terms.details),
        Value::Int(terms.expires_at.ms()),
    ]);
}

fn standing_into<'a>(order: &'a Order, cells: &mut Vec<Value<'a>>) {
    cells.push(Value::Int(order.version));
    state_into(&order.state, cells);
    cells.extend([
        Value::optional(order.in_flight.map(|in_flight| in_flight.operation.name())),
        Value::number(order.in_flight.map(|in_flight| in_flight.until.ms())),
        Value::Int(i64::from(order.polls)),
        unapplied(order),
    ]);
}

fn state_into<'a>(state: &'a OrderState, cells: &mut Vec<Value<'a>>) {
    let body = StateBody::of(state);
    cells.extend([
        Value::text(state.name()),
        Value::optional(body.pay_form),
        body.pay_text.map_or(Value::Null, Value::Text),
        Value::number(body.pay_valid_until),
        Value::optional(body.closure),
        Value::number(body.paid_at),
        body.payment_reference.map_or(Value::Null, Value::Text),
        Value::number(body.payer_amount),
        Value::number(body.ended_at),
        body.reason.map_or(Value::Null, Value::Text),
    ]);
}

/// The text of no unapplied payments, which is what nearly every order has.
const NO_UNAPPLIED: &str = "[]";

fn unapplied(order: &Order) -> Value<'_> {
    if order.unapplied.is_empty() {
        return Value::text(NO_UNAPPLIED);
    }
    Value::owned(UnappliedBody::list_text(&order.unapplied))
}

/// Reads the cells of a whole order.
///
/// # Errors
/// When a cell holds what no order can have.
pub fn read(cells: &[Value<'_>]) -> Result<Order, StoreFault> {
    let mut cells = Cells::new(&ORDERS, cells);
    let terms = Arc::new(read_terms(&mut cells)?);
    let version = cells.int()?;
    let state = read_state(&mut cells)?;
    let operation = cells.optional_word(Operation::from_name)?;
    let until = cells.optional_time()?;
    let in_flight = match (operation, until) {
        (Some(operation), Some(until)) => Some(InFlightCall { operation, until }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(cells.fault("half of a running call")),
    };
    let polls = cells.count()?;
    let text = cells.text()?;
    let unapplied = match text {
        NO_UNAPPLIED => vec![],
        text => UnappliedBody::read_list(text).map_err(|why| cells.fault(&why))?,
    };
    Ok(Order { terms, version, state, in_flight, polls, unapplied })
}

fn read_terms(cells: &mut Cells<'_, '_>) -> Result<Terms, StoreFault> {
    let tenant = TenantId::new(cells.text()?);
    let id = cells.id()?;
    let merchant_order_no = cells.text()?.to_owned();
    let placed_at = cells.time()?;
    Ok(Terms {
        tenant,
        id,
        merchant_order_no,
        placed_at,
        dialect: Arc::from(cells.text()?),
        merchant: MerchantId::new(cells.text()?),
        amount: cells.fen()?,
        currency: cells.word(Currency::from_code)?,
        scene: cells.word(Scene::from_name)?,
        channel: Arc::from(cells.text()?),
        channel_account: Arc::from(cells.text()?),
        subject: cells.text()?.to_owned(),
        payer: Payer {
            app_id: cells.optional_text()?.map(str::to_owned),
            user_id: cells.optional_text()?.map(str::to_owned),
            client_ip: cells.optional_text()?.map(str::to_owned),
            device_id: cells.optional_text()?.map(str::to_owned),
        },
        goods_tag: cells.optional_text()?.map(str::to_owned),
        notify_url: cells.optional_text()?.map(str::to_owned),
        front_url: cells.optional_text()?.map(str::to_owned),
        callback_url: Arc::from(cells.text()?),
        details: cells.text()?.to_owned(),
        expires_at: Timestamp::from_ms(cells.int()?),
    })
}

fn read_state(cells: &mut Cells<'_, '_>) -> Result<OrderState, StoreFault> {
    let name = cells.text()?;
    let body = StateBody {
        pay_form: cells.optional_text()?,
        pay_text: cells.optional_text()?.map(Into::into),
        pay_valid_until: cells.optional_int()?,
        closure: cells.optional_text()?,
        paid_at: cells.optional_int()?,
        payment_reference: cells.optional_text()?.map(Into::into),
        payer_amount: cells.optional_int()?,
        ended_at: cells.optional_int()?,
        reason: cells.optional_text()?.map(Into::into),
    };
    body.read(name).ok_or_else(|| StoreFault::Unreadable {
        table: ORDERS.name,
        why: format!("state: {name:?} with columns that are not its own"),
    })
}
