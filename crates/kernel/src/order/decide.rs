//! What the merchant and the clock want of an order.

use super::{
    CALL_MAX_MS, Closure, DEFAULT_LIFE_SECONDS, InFlightCall, Order, OrderChange, OrderField,
    OrderRefusal, OrderRequest, OrderState, Terms, new_channel_order_no,
};
use crate::aggregate::{Aggregate, AggregateCommand, Key, NaturalKey, Reads};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::{MerchantRoutes, Route, TenantId};
use channel::{Instruction, Operation};
use ledger::{Timestamp, kinds};
use std::sync::Arc;

const SECONDS_PER_DAY: i64 = 24 * 3600;

/// What can be requested of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderCommand {
    /// Place an order, or show again what was placed.
    Place(Box<PlaceOrder>),
    /// Close an unpaid order.
    Close {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
    },
}

/// A new order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The owner.
    pub tenant: TenantId,
    /// The channel's name.
    pub channel: String,
    /// What the caller requests.
    pub request: Arc<OrderRequest>,
    /// From when on it must not be payable; `None` for the default of 30 minutes.
    pub expires_at: Option<Timestamp>,
}

impl PlaceOrder {
    fn key(&self) -> NaturalKey {
        NaturalKey {
            namespace: self.request.namespace.clone(),
            number: self.request.merchant_order_no.clone(),
        }
    }
}

impl AggregateCommand for OrderCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            OrderCommand::Place(place) => &place.tenant,
            OrderCommand::Close { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            OrderCommand::Place(_) => "place_order",
            OrderCommand::Close { .. } => "close_order",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.orders.push(match self {
            OrderCommand::Place(place) => (place.tenant.clone(), Key::Number(place.key())),
            OrderCommand::Close { tenant, order } => (tenant.clone(), order.clone()),
        });
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &OrderCommand,
) -> Result<Reply, OrderRefusal> {
    match command {
        OrderCommand::Place(place) => self::place(deciding, place),
        OrderCommand::Close { tenant, order } => close(deciding, tenant, order),
    }
}

/// Places an order, or answers a repeat of it.
fn place(deciding: &mut Deciding<'_>, place: &PlaceOrder) -> Result<Reply, OrderRefusal> {
    let view = deciding.view();
    let merchant = view
        .directory
        .merchant(&place.tenant, &place.request.merchant)
        .ok_or(OrderRefusal::UnknownMerchant)?;
    if let Some(order) = view.orders.find(&place.tenant, &Key::Number(place.key())) {
        return repeat(deciding, order, place);
    }
    let (route, expires_at) = check_new(deciding.now(), merchant, place)?;
    let order = new_order(deciding, place, route, expires_at);
    deciding.record(&order, OrderChange::Placed(Box::new(order.clone())));
    deciding.work(order.ask(order.place_instruction()));
    Ok(Reply::about(order.id().subject()))
}

/// What a new order must fulfil.
fn check_new<'m>(
    now: Timestamp,
    merchant: &'m MerchantRoutes,
    place: &PlaceOrder,
) -> Result<(&'m Route, Timestamp), OrderRefusal> {
    if !merchant.is_enabled {
        return Err(OrderRefusal::MerchantDisabled);
    }
    let request = &place.request;
    let route = merchant.route(&place.channel, request.scene).ok_or(OrderRefusal::NoRoute)?;
    if !request.amount.is_positive() {
        return Err(OrderRefusal::Amount);
    }
    let expires_at = place.expires_at.unwrap_or(now.plus_seconds(DEFAULT_LIFE_SECONDS));
    if expires_at <= now {
        return Err(OrderRefusal::Expiry);
    }
    if expires_at > now.plus_seconds(route.order_life_seconds_max) {
        let days_max = route.order_life_seconds_max / SECONDS_PER_DAY;
        return Err(OrderRefusal::ExpiryTooFar { days_max });
    }
    Ok((route, expires_at))
}

/// The new order, with its first call in flight.
fn new_order(
    deciding: &mut Deciding<'_>,
    place: &PlaceOrder,
    route: &Route,
    expires_at: Timestamp,
) -> Order {
    let now = deciding.now();
    let id = deciding.id();
    let terms = Terms {
        tenant: place.tenant.clone(),
        id,
        channel_order_no: new_channel_order_no(deciding, id),
        request: place.request.clone(),
        channel: route.channel.clone(),
        channel_account: route.channel_account.clone(),
        callback_url: route.callback_url.clone(),
        placed_at: now,
        expires_at,
    };
    let until = now.plus_ms(CALL_MAX_MS);
    Order::new(Arc::new(terms), InFlightCall { operation: Operation::Place, until })
}

/// The same number again: the stored order decides.
fn repeat(
    deciding: &mut Deciding<'_>,
    order: &Order,
    place: &PlaceOrder,
) -> Result<Reply, OrderRefusal> {
    let now = deciding.now();
    if order.state.is_final() {
        return Err(OrderRefusal::Final);
    }
    if let Some(field) = difference(&order.terms, place) {
        return Err(OrderRefusal::Differs { field });
    }
    // An overdue order is closed by its task; until the channel has confirmed that, nothing is placed.
    if order.is_in_flight(now) || order.is_overdue(now) {
        return Err(OrderRefusal::CallInFlight);
    }
    match &order.state {
        OrderState::Paying(pay_info) if pay_info.is_usable(now) => {
            deciding.record(order, OrderChange::Repeated);
        }
        OrderState::Init | OrderState::Paying(_) => {
            deciding.record(order, OrderChange::Repeated);
            begin(deciding, order, order.place_instruction());
        }
        OrderState::Closing(_) => return Err(OrderRefusal::CallInFlight),
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            return Err(OrderRefusal::Final);
        }
    }
    Ok(Reply::about(order.id().subject()))
}

fn difference(terms: &Terms, place: &PlaceOrder) -> Option<OrderField> {
    let (known, request) = (&terms.request, &place.request);
    [
        (OrderField::Merchant, known.merchant == request.merchant),
        (OrderField::Amount, known.amount == request.amount),
        (OrderField::Currency, known.currency == request.currency),
        (OrderField::Scene, known.scene == request.scene),
        (OrderField::Channel, *terms.channel == *place.channel),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}

/// Closes an order at the merchant's request. A closed or failed order is left as it is.
fn close(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    key: &Key<kinds::Order>,
) -> Result<Reply, OrderRefusal> {
    let order = deciding.view().orders.find(tenant, key).ok_or(OrderRefusal::NotFound)?;
    match &order.state {
        OrderState::Paid(_) => {
            return Err(OrderRefusal::State { state: order.state.name() });
        }
        OrderState::Closed { .. } | OrderState::Failed { .. } => {
            deciding.record(order, OrderChange::Repeated);
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)
            if order.is_in_flight(deciding.now()) =>
        {
            return Err(OrderRefusal::CallInFlight);
        }
        OrderState::Init | OrderState::Paying(_) => {
            begin_closing(deciding, order, Closure::Asked);
        }
        OrderState::Closing(_) => begin(deciding, order, order.close_instruction()),
    }
    Ok(Reply::about(order.id().subject()))
}

/// A due task: the next thing that the order needs.
pub(super) fn run_task(deciding: &mut Deciding<'_>, order: &Order) {
    let now = deciding.now();
    match &order.state {
        // A final order has no task; a claim may have come before its end was committed.
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {}
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)
            if order.is_in_flight(now) => {}
        OrderState::Init | OrderState::Paying(_) if order.is_overdue(now) => {
            begin_closing(deciding, order, Closure::Expired);
        }
        OrderState::Init => begin(deciding, order, order.place_instruction()),
        OrderState::Paying(_) => begin(deciding, order, order.query_instruction()),
        OrderState::Closing(_) if queries_before_closing(order) => {
            begin(deciding, order, order.query_instruction());
        }
        OrderState::Closing(_) => begin(deciding, order, order.close_instruction()),
    }
}

/// Every second attempt to close is a query: a channel that does not close an order may report, when
/// it is queried, that the order is paid.
const fn queries_before_closing(order: &Order) -> bool {
    order.polls % 2 == 1
}

/// Closes an order at the channel; it ends when the channel has confirmed that.
pub(super) fn begin_closing(deciding: &mut Deciding<'_>, order: &Order, closure: Closure) {
    deciding.record(order, OrderChange::Closing(closure));
    begin(deciding, order, order.close_instruction());
}

/// Gives the order to a call: no other call about it begins until this one has ended.
pub(super) fn begin(deciding: &mut Deciding<'_>, order: &Order, instruction: Instruction) {
    let until = deciding.now().plus_ms(CALL_MAX_MS);
    let operation = instruction.operation();
    deciding.record(order, OrderChange::CallBegun(InFlightCall { operation, until }));
    deciding.work(order.ask(instruction));
}
