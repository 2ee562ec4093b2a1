//! The endpoints.

use crate::auth::{self, Caller};
use crate::envelope::{self, Received};
use crate::faults::{ErrCode, Fault};
use crate::json::Object;
use crate::wire::{OrderName, Unfreeze, UnifiedOrder};
use crate::{
    Mode, NAMESPACE, UNFREEZE_NAMESPACE, account, agreement, bill, encoding, map, refund, sharing,
    wallet,
};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use crypto::rsa::Signer;
use dialect::{Budgets, Peer};
use engine::Engine;
use http::{HeaderValue, StatusCode, header};
use kernel::{
    Allocation, AllocationReleaseCommand, ChannelAnswer, Command, Key, MerchantId, NaturalKey,
    Order, OrderCommand, OrderShares, Reads, Refund, ReleaseAllocations, RequestRefund, Row, Share,
    TenantId,
};
use ledger::kinds;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use store::{AllocationsOf, OneOrder, OneRefund, StoryOf};

/// How long placing and closing wait for the channel. Merchants' clients commonly give up at 15 s.
pub(crate) const CALL_PATIENCE: Duration = Duration::from_secs(12);
/// How long a query waits for the channel to settle an order that is past its time.
pub(crate) const QUERY_PATIENCE: Duration = Duration::from_secs(5);

/// What the endpoints work with.
pub(crate) struct Api {
    pub(crate) engine: Arc<Engine>,
    /// The platform's own key: what callers encrypt is opened with it.
    pub(crate) platform: Arc<Signer>,
    pub(crate) mode: Mode,
    pub(crate) budgets: Arc<Budgets>,
}

pub(crate) type Shared = State<Arc<Api>>;

/// The routes, with their full paths.
pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/cloudpay/v1/pay/c2b/unified_order", post(unified_order).fallback(wrong_method))
        .route("/cloudpay/v1/pay/query_order", post(query_order).fallback(wrong_method))
        .route("/cloudpay/v1/pay/close_order", post(close_order).fallback(wrong_method))
        .merge(sharing::routes())
        .route(
            "/cloudpay/v1/account/out/query_allocate",
            post(query_allocate).fallback(wrong_method),
        )
        .route(
            "/cloudpay/v1/account/out/unfreeze_allocate",
            post(unfreeze_allocate).fallback(wrong_method),
        )
        .route("/cloudpay/v1/refundOrder/apply", post(refund_apply).fallback(wrong_method))
        .route("/cloudpay/v1/refundOrder/query", post(refund_query).fallback(wrong_method))
        .merge(account::router())
        .merge(agreement::router())
        .merge(wallet::router())
        .merge(bill::router())
        .route("/cloudpay", axum::routing::any(unknown_path))
        .route("/cloudpay/", axum::routing::any(unknown_path))
        .route("/cloudpay/{*rest}", axum::routing::any(unknown_path))
        .with_state(Arc::new(api))
}

/// How a caller finds out what became of an order, a release or a refund.
const RETRY_ORDER: &str = "retry with the same OutOrderId";
const RETRY_RELEASE: &str = "retry with the same OutUnfreezeId";
pub(crate) const QUERY_REFUND: &str = "query the refund with the same OutRefundId";

async fn unified_order(State(api): Shared, request: Request) -> Response {
    answer(place(&api, request).await.map_err(|fault| fault.advising(RETRY_ORDER)))
}

async fn query_order(State(api): Shared, request: Request) -> Response {
    answer(query(&api, request).await)
}

async fn close_order(State(api): Shared, request: Request) -> Response {
    answer(close(&api, request).await.map_err(|fault| fault.advising(RETRY_ORDER)))
}

async fn query_allocate(State(api): Shared, request: Request) -> Response {
    answer(allocated(&api, request).await)
}

async fn unfreeze_allocate(State(api): Shared, request: Request) -> Response {
    answer(unfreeze(&api, request).await.map_err(|fault| fault.advising(RETRY_RELEASE)))
}

async fn refund_apply(State(api): Shared, request: Request) -> Response {
    answer(apply(&api, request).await.map_err(|fault| fault.advising(QUERY_REFUND)))
}

async fn refund_query(State(api): Shared, request: Request) -> Response {
    answer(query_refund(&api, request).await)
}

pub(crate) async fn wrong_method() -> Response {
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
    let (caller, body) = api.prove(&received)?;
    let order = UnifiedOrder::read(&body)?;
    let place = api.with_wallet(&order, map::place(&caller, &order)?).await?;
    api.check_agreement(&caller.tenant, &order).await?;
    let (order, channel_answer) = api.handle_and_wait(&caller, place.into()).await?;
    Ok(success(map::placed(&order, channel_answer.as_ref(), api.engine.now())?))
}

async fn query(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(OrderName::read(body)?))?;
    let mut order = api.named(&caller.tenant, name).await?;
    if order.is_overdue(api.engine.now()) {
        // The order as it stands afterwards is the answer, also when the channel has not answered.
        api.engine.refresh_order(caller.business(), &order, QUERY_PATIENCE).await;
        order = api.order(&caller.tenant, order.terms.id.into()).await?;
    }
    let allocations = api.allocations(&order).await?;
    let rows: Vec<_> = allocations.iter().collect();
    let share = api.listed_share(&order).await?;
    Ok(success(map::queried(&order, &rows, share.as_ref(), api.engine.now())?))
}

async fn close(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(OrderName::read(body)?))?;
    let tenant = caller.tenant.clone();
    let order = match name {
        OrderName::Out(number) => by_number(number),
        OrderName::Own(id) => id.into(),
        both @ OrderName::Both(..) => api.named(&tenant, both).await?.terms.id.into(),
    };
    let command = OrderCommand::Close { tenant, order };
    let (order, channel_answer) = api.handle_and_wait(&caller, command.into()).await?;
    Ok(success(map::closed(&order, channel_answer.as_ref(), api.engine.now())?))
}

async fn allocated(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(OrderName::read(body)?))?;
    let order = api.named(&caller.tenant, name).await?;
    let allocations = api.allocations(&order).await?;
    let rows: Vec<_> = allocations.iter().collect();
    Ok(success(map::allocated(&order, &rows)))
}

async fn unfreeze(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, wanted) = api.admit(&received, |_, body| Ok(Unfreeze::read(body)?))?;
    let tenant = caller.tenant.clone();
    let order = match wanted.order {
        OrderName::Out(number) => by_number(number),
        OrderName::Own(id) => id.into(),
        both @ OrderName::Both(..) => api.named(&tenant, both).await?.terms.id.into(),
    };
    let command = AllocationReleaseCommand::Release(Box::new(ReleaseAllocations {
        tenant: tenant.clone(),
        namespace: Arc::from(UNFREEZE_NAMESPACE),
        number: wanted.out_unfreeze_id,
        order,
        parts: wanted.parts,
    }));
    let reply = api
        .engine
        .handle_and_wait(caller.business(), Command::from(command), CALL_PATIENCE)
        .await?;
    let Some(Row::AllocationRelease(release)) = reply.row else { return Err(Fault::unknown()) };
    let order = api.order(&tenant, release.order.into()).await?;
    let allocations = api.allocations(&order).await?;
    let rows: Vec<_> = allocations.iter().collect();
    Ok(success(map::unfrozen(&release, &order, &rows)))
}

async fn apply(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| refund::Asked::read(body))?;
    let order = api.named(&caller.tenant, asked.order).await?;
    asked.wallet.as_ref().map_or(Ok(()), |wallet| wallet.check(&order))?;
    let name = refund::Name::Out(asked.request.merchant_refund_no.clone());
    let command = RequestRefund {
        tenant: caller.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        amount: asked.amount,
        back: asked.back,
        returns: asked.returns,
        shares: api.shares(&order).await?,
        request: Arc::new(asked.request),
    };
    let command: Command = command.into();
    let reply = api.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await?;
    let refund = match reply.row {
        Some(Row::Refund(refund)) => refund,
        // The answer was about what the refund waits for.
        Some(_) => api.refund(&caller.tenant, name).await?,
        None => return Err(Fault::unknown()),
    };
    let request = refund.request.as_deref().ok_or_else(Fault::unknown)?;
    Ok(success(refund::applied(&refund, request)))
}

async fn query_refund(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(refund::Name::read(body)?))?;
    let refund = api.refund(&caller.tenant, name).await?;
    let request = refund.request.as_deref().ok_or_else(no_such_refund)?;
    Ok(success(refund::shown(&refund, request)))
}

/// Also of one that no merchant requested: it has no name here.
pub(crate) fn no_such_refund() -> Fault {
    Fault::new(ErrCode::RefundNotExist, "no such refund")
}

pub(crate) fn success<T: Serialize>(result: T) -> Response {
    envelope::success(&result)
}

/// Business faults travel under status 200 as well.
pub(crate) fn answer(outcome: Result<Response, Fault>) -> Response {
    outcome.unwrap_or_else(|fault| envelope::failure(StatusCode::OK, &fault))
}

impl Api {
    /// Syntax first, then the caller and how often it calls, then what the body asks for.
    pub(crate) fn admit<T>(
        &self,
        received: &Received,
        read: impl FnOnce(&Caller, &Object<'_>) -> Result<T, Fault>,
    ) -> Result<(Caller, T), Fault> {
        let (caller, body) = self.prove(received)?;
        let asked = read(&caller, &body)?;
        Ok((caller, asked))
    }

    /// Syntax, then the caller and how often it calls.
    pub(crate) fn prove<'r>(&self, received: &'r Received) -> Result<(Caller, Object<'r>), Fault> {
        let body = encoding::read(received)?;
        let caller = auth::authenticate(&*self.engine, self.mode, received, self.engine.now())
            .map_err(|fault| self.unproven(received, fault))?;
        self.budgets.draw_call(&caller.tenant, &caller.secret_id)?;
        Ok((caller, body))
    }

    /// That a tenant has this merchant.
    pub(crate) fn known_merchant(
        &self,
        tenant: &TenantId,
        merchant: &MerchantId,
    ) -> Result<(), Fault> {
        match self.engine.directory().merchant(tenant, merchant) {
            Some(_) => Ok(()),
            None => {
                let text = "ChannelSubMerchantId: no such merchant";
                Err(Fault::new(ErrCode::InvalidParameter, text))
            }
        }
    }

    /// What a request without a valid proof is told. An address that has failed too often is told no
    /// more than that, so that it cannot find out by trying which SecretIds there are. A caller who
    /// proves itself is never refused for what others at its address sent.
    fn unproven(&self, received: &Received, fault: Fault) -> Fault {
        self.unproven_of(received.peer(), fault)
    }

    /// The same, by the address alone.
    pub(crate) fn unproven_of(&self, peer: Option<Peer>, fault: Fault) -> Fault {
        self.budgets.draw_failure(peer).err().map_or(fault, Fault::from)
    }

    /// Carries a command about an order out and waits for the channel.
    pub(crate) async fn handle_and_wait(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<(Order, Option<ChannelAnswer>), Fault> {
        let reply = self.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await?;
        match reply.row {
            Some(Row::Order(order)) => Ok((order, reply.answer)),
            Some(_) | None => Err(Fault::unknown()),
        }
    }

    /// The order that a request names.
    async fn named(&self, tenant: &TenantId, name: OrderName) -> Result<Order, Fault> {
        match name {
            OrderName::Out(number) => self.order(tenant, by_number(number)).await,
            OrderName::Own(id) => self.order(tenant, id.into()).await,
            OrderName::Both(number, id) => {
                let order = self.order(tenant, by_number(number)).await?;
                if order.terms.id == id {
                    return Ok(order);
                }
                let text = "ChannelOrderId: is not the id of the order that OutOrderId names";
                Err(Fault::new(ErrCode::InvalidParameter, text))
            }
        }
    }

    /// The allocations of an order.
    async fn allocations(&self, order: &Order) -> Result<Vec<Allocation>, Fault> {
        let numbers: Vec<NaturalKey> = order.allocation_numbers().collect();
        if numbers.is_empty() {
            return Ok(vec![]);
        }
        let tenant = order.terms.tenant.clone();
        Ok(self.engine.ask(AllocationsOf { tenant, numbers }).await?)
    }

    /// The share that the order's list became, once it is paid.
    async fn listed_share(&self, order: &Order) -> Result<Option<Share>, Fault> {
        let Some(number) = order.listed_share() else { return Ok(None) };
        let shares = vec![(order.terms.tenant.clone(), Key::Number(number))];
        let view = self.engine.rows(&Reads { shares, ..Reads::default() }).await?;
        Ok(view.listed_share_of(order).cloned())
    }

    /// What an order has shared: a refund of it must see that.
    async fn shares(&self, order: &Order) -> Result<OrderShares, Fault> {
        if order.sharing.shares == 0 {
            return Ok(OrderShares::default());
        }
        let (tenant, root) = (order.terms.tenant.clone(), order.terms.id.subject().root());
        let story = self.engine.ask(StoryOf { tenant, root }).await?;
        Ok(story.map_or_else(OrderShares::default, |story| OrderShares::of(story.shares())))
    }

    /// The refund that a request names.
    pub(crate) async fn refund(
        &self,
        tenant: &TenantId,
        name: refund::Name,
    ) -> Result<Refund, Fault> {
        let (key, id) = name.key();
        let found = self.engine.ask(OneRefund { tenant: tenant.clone(), key }).await?;
        let refund = found.ok_or_else(no_such_refund)?;
        if id.is_none_or(|id| refund.id == id) {
            return Ok(*refund);
        }
        let text = "ChannelRefundId: is not the id of the refund that OutRefundId names";
        Err(Fault::new(ErrCode::InvalidParameter, text))
    }

    pub(crate) async fn order(
        &self,
        tenant: &TenantId,
        key: Key<kinds::Order>,
    ) -> Result<Order, Fault> {
        let found = self.engine.ask(OneOrder { tenant: tenant.clone(), key }).await?;
        found.map(|order| *order).ok_or_else(|| Fault::new(ErrCode::OrderNotExist, "no such order"))
    }
}

/// An order by its OutOrderId: numbers of this API are a namespace of their own.
pub(crate) fn by_number(out_order_id: String) -> Key<kinds::Order> {
    Key::Number(NaturalKey::new(NAMESPACE, out_order_id))
}

impl Caller {
    pub(crate) fn business(&self) -> kernel::Caller {
        kernel::Caller::Business(self.secret_id.clone())
    }
}
