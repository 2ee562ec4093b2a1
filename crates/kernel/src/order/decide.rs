//! What the merchant and the clock want of an order.

use super::{
    CALL_MAX_MS, Closure, DEFAULT_LIFE_SECONDS, InFlightCall, Order, OrderKey, OrderState,
    PlaceOrder, Terms,
};
use crate::command::{Deciding, Decision, Field, Refusal, Reply, Work};
use crate::event::Change;
use crate::merchant::{Route, TenantId};
use crate::task::{Task, TaskChange, TaskKind};
use channel::Instruction;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// Places an order, or answers a repeat of it.
pub(crate) fn place(
    deciding: &mut Deciding<'_>,
    request: &PlaceOrder,
) -> Result<Decision, Refusal> {
    let merchant = deciding
        .view
        .directory
        .merchant(&request.tenant, &request.merchant)
        .ok_or(Refusal::UnknownMerchant)?;
    let key = OrderKey::MerchantOrderNo(request.merchant_order_no.clone());
    if let Some(order) = deciding.view.order(&request.tenant, &key).cloned() {
        return repeat(deciding, &order, request);
    }
    let route = merchant.route(&request.channel, request.scene).ok_or(Refusal::NoRoute)?.clone();
    let now = deciding.stamp.now();
    let expires_at = request.expires_at.unwrap_or(now.plus_seconds(DEFAULT_LIFE_SECONDS));
    if !request.amount.is_positive() {
        return Err(Refusal::Amount);
    }
    if expires_at <= now {
        return Err(Refusal::Expiry);
    }
    let order = new_order(deciding, request, &route, expires_at);
    let mut decision = Decision::new(reply(&order));
    let change = Change::OrderPlaced(Box::new(order.clone()));
    decision.events.push(deciding.event(&request.tenant, Some(order.terms.id), change));
    decision.tasks.push(order.wake_at(now.plus_ms(CALL_MAX_MS)));
    decision.work.push(order.ask(order.place_instruction()));
    Ok(decision)
}

/// The new order, busy with its first call.
fn new_order(
    deciding: &mut Deciding<'_>,
    request: &PlaceOrder,
    route: &Route,
    expires_at: Timestamp,
) -> Order {
    let now = deciding.stamp.now();
    let terms = Terms {
        tenant: request.tenant.clone(),
        id: deciding.stamp.id(),
        merchant: request.merchant.clone(),
        merchant_order_no: request.merchant_order_no.clone(),
        dialect: request.dialect.clone(),
        amount: request.amount,
        currency: request.currency,
        scene: request.scene,
        channel: route.channel.clone(),
        channel_account: route.channel_account.clone(),
        subject: request.subject.clone(),
        payer: request.payer.clone(),
        goods_tag: request.goods_tag.clone(),
        notify_url: request.notify_url.clone(),
        front_url: request.front_url.clone(),
        callback_url: route.callback_url.clone(),
        details: request.details.clone(),
        placed_at: now,
        expires_at,
    };
    Order {
        terms: Arc::new(terms),
        version: 1,
        state: OrderState::Init,
        in_flight: Some(InFlightCall {
            operation: channel::Operation::Place,
            until: now.plus_ms(CALL_MAX_MS),
        }),
        polls: 0,
        unapplied: vec![],
    }
}

/// The same number again: the stored order decides.
fn repeat(
    deciding: &mut Deciding<'_>,
    order: &Order,
    request: &PlaceOrder,
) -> Result<Decision, Refusal> {
    let now = deciding.stamp.now();
    if order.state.is_final() {
        return Err(Refusal::OrderFinal);
    }
    if let Some(field) = difference(&order.terms, request) {
        return Err(Refusal::Differs { field });
    }
    if order.is_in_flight(now) || order.is_overdue(now) {
        return Err(Refusal::CallInFlight);
    }
    let mut decision = Decision::new(reply(order));
    let tenant = &order.terms.tenant;
    decision.events.push(deciding.event(tenant, Some(order.terms.id), Change::OrderRepeated));
    match &order.state {
        OrderState::Paying(pay_info) if now < pay_info.valid_until => {}
        OrderState::Init | OrderState::Paying(_) => {
            begin(deciding, &mut decision, order, order.place_instruction());
        }
        OrderState::Closing(_) => return Err(Refusal::CallInFlight),
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            return Err(Refusal::OrderFinal);
        }
    }
    Ok(decision)
}

fn difference(terms: &Terms, request: &PlaceOrder) -> Option<Field> {
    [
        (Field::Merchant, terms.merchant == request.merchant),
        (Field::Amount, terms.amount == request.amount),
        (Field::Currency, terms.currency == request.currency),
        (Field::Scene, terms.scene == request.scene),
        (Field::Channel, *terms.channel == *request.channel),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}

/// Closes an order on the merchant's request. A closed or failed order is left as it is.
pub(crate) fn close(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    key: &OrderKey,
) -> Result<Decision, Refusal> {
    let order = deciding.order(tenant, key)?;
    let mut decision = Decision::new(reply(&order));
    match &order.state {
        OrderState::Paid(_) => Err(Refusal::State { state: order.state.name() }),
        OrderState::Closed { .. } | OrderState::Failed { .. } => {
            let id = Some(order.terms.id);
            decision.events.push(deciding.event(tenant, id, Change::OrderRepeated));
            Ok(decision)
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)
            if order.is_in_flight(deciding.stamp.now()) =>
        {
            Err(Refusal::CallInFlight)
        }
        OrderState::Init | OrderState::Paying(_) => {
            begin_closing(deciding, &mut decision, &order, Closure::Asked);
            Ok(decision)
        }
        OrderState::Closing(_) => {
            begin(deciding, &mut decision, &order, order.close_instruction());
            Ok(decision)
        }
    }
}

/// A due task: whatever the order needs next.
pub(crate) fn run_task(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Order>,
) -> Result<Decision, Refusal> {
    let now = deciding.stamp.now();
    let order = deciding.order(tenant, &OrderKey::Id(id))?;
    let mut decision = Decision::new(reply(&order));
    match &order.state {
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            decision.tasks.push(TaskChange { task: order.task(), due: None });
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)
            if order.is_in_flight(now) =>
        {
            let until = order.in_flight.map_or(now, |in_flight| in_flight.until);
            decision.tasks.push(order.wake_at(until));
        }
        OrderState::Init | OrderState::Paying(_) if order.is_overdue(now) => {
            begin_closing(deciding, &mut decision, &order, Closure::Expired);
        }
        OrderState::Init => begin(deciding, &mut decision, &order, order.place_instruction()),
        OrderState::Paying(_) => begin(deciding, &mut decision, &order, order.query_instruction()),
        // A channel that does not close it may say, when asked, that it is paid.
        OrderState::Closing(_) if order.polls % 2 == 1 => {
            begin(deciding, &mut decision, &order, order.query_instruction());
        }
        OrderState::Closing(_) => begin(deciding, &mut decision, &order, order.close_instruction()),
    }
    Ok(decision)
}

/// Closes an order at the channel; it ends when the channel has said that it did.
pub(super) fn begin_closing(
    deciding: &mut Deciding<'_>,
    decision: &mut Decision,
    order: &Order,
    closure: Closure,
) {
    let change = Change::OrderClosing(closure);
    let event = deciding.event(&order.terms.tenant, Some(order.terms.id), change);
    decision.events.push(event);
    begin(deciding, decision, order, order.close_instruction());
}

/// Gives the order to a call: nobody else asks the channel about it until the call has ended.
pub(super) fn begin(
    deciding: &mut Deciding<'_>,
    decision: &mut Decision,
    order: &Order,
    instruction: Instruction,
) {
    let until = deciding.stamp.now().plus_ms(CALL_MAX_MS);
    let change = Change::CallBegun(InFlightCall { operation: instruction.operation(), until });
    let event = deciding.event(&order.terms.tenant, Some(order.terms.id), change);
    decision.events.push(event);
    decision.tasks.push(order.wake_at(until));
    decision.work.push(order.ask(instruction));
}

fn reply(order: &Order) -> Reply {
    Reply::Order { order: Box::new(order.clone()), answer: None }
}

impl Order {
    /// Its task.
    pub fn task(&self) -> Task {
        Task {
            tenant: self.terms.tenant.clone(),
            kind: TaskKind::Order,
            subject: self.terms.id.value(),
        }
    }

    pub(super) fn wake_at(&self, due: Timestamp) -> TaskChange {
        TaskChange { task: self.task(), due: Some(due) }
    }

    pub(super) fn ask(&self, instruction: Instruction) -> Work {
        Work::Ask {
            tenant: self.terms.tenant.clone(),
            order: self.terms.id,
            refund: None,
            channel: self.terms.channel.clone(),
            channel_account: self.terms.channel_account.clone(),
            instruction,
        }
    }

    pub(super) fn place_instruction(&self) -> Instruction {
        Instruction::Place(Box::new(self.placing()))
    }

    pub(super) fn query_instruction(&self) -> Instruction {
        Instruction::Query { channel_order_no: self.channel_order_no() }
    }

    pub(super) fn close_instruction(&self) -> Instruction {
        Instruction::Close { channel_order_no: self.channel_order_no() }
    }
}
