//! The endpoints.

use crate::auth::{self, Caller};
use crate::envelope::{self, Received, bad_body};
use crate::faults::{ErrCode, Fault};
use crate::json::{Object, read_object};
use crate::keys::KeyRing;
use crate::wire::{OrderName, UnifiedOrder};
use crate::{Mode, map};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use engine::Engine;
use http::{HeaderValue, StatusCode, header};
use kernel::{ChannelAnswer, Command, Order, OrderKey, Reply, TenantId};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use store::{Page, Query};

/// How long placing and closing wait for the channel. Merchants' clients commonly give up at 15 s.
const CALL_PATIENCE: Duration = Duration::from_secs(12);
/// How long a query waits for the channel to say what became of an order that is past its time.
const QUERY_PATIENCE: Duration = Duration::from_secs(5);

/// What the endpoints work with.
pub(crate) struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) mode: Mode,
}

type Shared = State<Arc<Api>>;

/// The routes, with their full paths.
pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/cloudpay/v1/pay/c2b/unified_order", post(unified_order).fallback(wrong_method))
        .route("/cloudpay/v1/pay/query_order", post(query_order).fallback(wrong_method))
        .route("/cloudpay/v1/pay/close_order", post(close_order).fallback(wrong_method))
        .route("/cloudpay", axum::routing::any(unknown_path))
        .route("/cloudpay/", axum::routing::any(unknown_path))
        .route("/cloudpay/{*rest}", axum::routing::any(unknown_path))
        .with_state(Arc::new(api))
}

async fn unified_order(State(api): Shared, request: Request) -> Response {
    answer(place(&api, request).await)
}

async fn query_order(State(api): Shared, request: Request) -> Response {
    answer(query(&api, request).await)
}

async fn close_order(State(api): Shared, request: Request) -> Response {
    answer(close(&api, request).await)
}

async fn wrong_method() -> Response {
    let fault = Fault::new(ErrCode::InvalidParameter, "method: want POST");
    let mut response = envelope::failure(StatusCode::METHOD_NOT_ALLOWED, &fault);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn unknown_path() -> Response {
    let fault = Fault::new(ErrCode::InvalidParameter, "path: no such endpoint");
    envelope::failure(StatusCode::NOT_FOUND, &fault)
}

async fn place(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, request) =
        api.admit(&received, |caller, body| map::place(caller, &UnifiedOrder::read(body)?))?;
    let (order, answer) =
        api.handle_and_wait(&caller, Command::PlaceOrder(Box::new(request))).await?;
    Ok(success(map::placed(&order, answer.as_ref(), api.engine.now())?))
}

async fn query(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(OrderName::read(body)?))?;
    let mut order = api.named(&caller.tenant, name).await?;
    if order.is_overdue(api.engine.now()) {
        // Whatever this comes to, the order as it then stands is the answer.
        api.engine.refresh_order(caller.business(), &order, QUERY_PATIENCE).await;
        order = api.order(&caller.tenant, OrderKey::Id(order.terms.id)).await?;
    }
    Ok(success(map::queried(&order, api.engine.now())?))
}

async fn close(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(OrderName::read(body)?))?;
    let tenant = caller.tenant.clone();
    let order = match name {
        OrderName::Out(number) => OrderKey::MerchantOrderNo(number),
        OrderName::Own(id) => OrderKey::Id(id),
        both @ OrderName::Both(..) => OrderKey::Id(api.named(&tenant, both).await?.terms.id),
    };
    let (order, answer) =
        api.handle_and_wait(&caller, Command::CloseOrder { tenant, order }).await?;
    Ok(success(map::closed(&order, answer.as_ref(), api.engine.now())?))
}

fn success<T: Serialize>(result: T) -> Response {
    envelope::success(&result)
}

/// Business faults travel under status 200 as well.
fn answer(outcome: Result<Response, Fault>) -> Response {
    outcome.unwrap_or_else(|fault| envelope::failure(StatusCode::OK, &fault))
}

impl Api {
    /// Syntax first, then the caller, then what the body asks for.
    fn admit<T>(
        &self,
        received: &Received,
        read: impl FnOnce(&Caller, &Object<'_>) -> Result<T, Fault>,
    ) -> Result<(Caller, T), Fault> {
        let body = read_object(&received.body).map_err(bad_body)?;
        let caller = auth::authenticate(&self.keys, self.mode, received, self.engine.now())?;
        let asked = read(&caller, &body)?;
        Ok((caller, asked))
    }

    /// Carries a command out and waits for the channel.
    async fn handle_and_wait(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<(Box<Order>, Option<ChannelAnswer>), Fault> {
        match self.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await? {
            Reply::Order { order, answer } => Ok((order, answer)),
            Reply::Done => Err(Fault::unknown()),
        }
    }

    /// The order that a request names.
    async fn named(&self, tenant: &TenantId, name: OrderName) -> Result<Box<Order>, Fault> {
        match name {
            OrderName::Out(number) => self.order(tenant, OrderKey::MerchantOrderNo(number)).await,
            OrderName::Own(id) => self.order(tenant, OrderKey::Id(id)).await,
            OrderName::Both(number, id) => {
                let order = self.order(tenant, OrderKey::MerchantOrderNo(number)).await?;
                if order.terms.id == id {
                    return Ok(order);
                }
                let text = "ChannelOrderId: is not the id of the order that OutOrderId names";
                Err(Fault::new(ErrCode::InvalidParameter, text))
            }
        }
    }

    async fn order(&self, tenant: &TenantId, key: OrderKey) -> Result<Box<Order>, Fault> {
        let query = Query::Order { tenant: tenant.clone(), key };
        match self.engine.search(&query).await? {
            Page::Order(Some(order)) => Ok(order),
            Page::Order(None)
            | Page::Orders(_)
            | Page::Story(_)
            | Page::Tenants(_)
            | Page::Accounts(_)
            | Page::Transfers(_)
            | Page::Notifications(_)
            | Page::Keys(_)
            | Page::Tasks(_)
            | Page::Events(_)
            | Page::LastId(_)
            | Page::Pong
            | Page::Audit(_) => Err(Fault::new(ErrCode::OrderNotExist, "no such order")),
        }
    }
}

impl Caller {
    fn business(&self) -> kernel::Caller {
        kernel::Caller::Business(self.secret_id.clone())
    }
}
