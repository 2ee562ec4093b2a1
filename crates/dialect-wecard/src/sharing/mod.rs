//! Payees, shares and their returns (智能分账): the endpoints under `/cloudpay/v1/settle`.

pub(crate) mod map;
pub(crate) mod wire;

use crate::auth::Caller;
use crate::envelope::{self, Received};
use crate::faults::{ErrCode, Fault};
use crate::routes::{Api, Shared, answer, by_number, wrong_method};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use engine::Failure;
use kernel::{
    Command, Key, NaturalKey, Payee, PayeeCommand, PayeeRefusal, Reads, Refusal, Row, Share,
    ShareCommand, ShareReturn, ShareReturnCommand, TenantId,
};
use ledger::kinds;
use std::sync::Arc;
use wire::{CreatePayee, MakeReturn, MakeShare, ShareName};
pub(crate) use wire::{ReturnItem, ReturnShown, ShareShown, payee_id, read_payee_id};

const PAYEE: &str = "/cloudpay/v1/settle/payee";
const PROFIT: &str = "/cloudpay/v1/settle/profit";

/// The routes, with their full paths.
pub(crate) fn routes() -> Router<Arc<Api>> {
    let paths = [
        (format!("{PAYEE}/create"), post(create_payee)),
        (format!("{PAYEE}/query"), post(query_payee)),
        (format!("{PAYEE}/unbind"), post(unbind_payee)),
        (format!("{PROFIT}/profit-manual-create"), post(make_share)),
        (format!("{PROFIT}/profit-manual-query"), post(query_share)),
        (format!("{PROFIT}/profit-refund-create"), post(make_return)),
        (format!("{PROFIT}/profit-refund-query"), post(query_return)),
    ];
    paths.into_iter().fold(Router::new(), |router, (path, method)| {
        router.route(&path, method.fallback(wrong_method))
    })
}

async fn create_payee(State(api): Shared, request: Request) -> Response {
    answer(payee_created(&api, request).await)
}

async fn query_payee(State(api): Shared, request: Request) -> Response {
    answer(payee_queried(&api, request).await)
}

async fn unbind_payee(State(api): Shared, request: Request) -> Response {
    answer(payee_unbound(&api, request).await)
}

async fn make_share(State(api): Shared, request: Request) -> Response {
    answer(share_made(&api, request).await)
}

async fn query_share(State(api): Shared, request: Request) -> Response {
    answer(share_queried(&api, request).await)
}

async fn make_return(State(api): Shared, request: Request) -> Response {
    answer(return_made(&api, request).await)
}

async fn query_return(State(api): Shared, request: Request) -> Response {
    answer(return_queried(&api, request).await)
}

async fn payee_created(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, body) = api.prove(&received)?;
    let request = CreatePayee::read(&body)?;
    let row = match create(api, &caller, &request).await {
        // The same request came at the same time and was sealed otherwise: it is compared once more.
        Err(Failed::Handling(Failure::Refused(Refusal::Payee(PayeeRefusal::Differs)))) => {
            create(api, &caller, &request).await
        }
        outcome => outcome,
    };
    match row? {
        Row::Payee(row) => Ok(envelope::success(&map::payee(&row))),
        _ => Err(Fault::unknown()),
    }
}

/// Why a payee was not created.
enum Failed {
    Handling(Failure),
    Other(Fault),
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Fault {
        match failed {
            Failed::Handling(failure) => failure.into(),
            Failed::Other(fault) => fault,
        }
    }
}

async fn create(api: &Api, caller: &Caller, request: &CreatePayee<'_>) -> Result<Row, Failed> {
    let key = Key::Number(NaturalKey::new(wire::PAYEES, request.number));
    let stored = api.payee(&caller.tenant, key).await.map_err(Failed::Other)?;
    let secrets = api.engine.secrets();
    let create = map::create_payee(&caller.tenant, request, stored.as_ref(), secrets);
    let create = create.map_err(|fault| {
        tracing::error!(%fault, "a payee's account was not sealed");
        Failed::Other(Fault::new(ErrCode::SystemError, "internal error"))
    })?;
    let command = PayeeCommand::Create(Box::new(create));
    let handled = api.engine.handle(caller.business(), command).await.map_err(Failed::Handling)?;
    handled.reply.row.ok_or_else(|| Failed::Other(Fault::unknown()))
}

async fn payee_queried(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, key) = api.admit(&received, |_, body| Ok(wire::payee_key(body)?))?;
    let row = api.payee(&caller.tenant, key).await?.ok_or_else(no_payee)?;
    Ok(envelope::success(&map::payee(&row)))
}

async fn payee_unbound(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, payee) = api.admit(&received, |_, body| Ok(wire::payee_key(body)?))?;
    let command = PayeeCommand::Unbind { tenant: caller.tenant.clone(), payee };
    match api.decide(&caller, command).await? {
        Row::Payee(row) => Ok(envelope::success(&map::payee(&row))),
        _ => Err(Fault::unknown()),
    }
}

async fn share_made(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, body) = api.prove(&received)?;
    let request = MakeShare::read(&body)?;
    let order = api.order(&caller.tenant, by_number(request.out_order_id.to_owned())).await?;
    let command = ShareCommand::Make(Box::new(map::make_share(&order, &request)?));
    match api.decide(&caller, command).await? {
        Row::Share(row) => Ok(envelope::success(&map::share(&row))),
        _ => Err(Fault::unknown()),
    }
}

async fn share_queried(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(ShareName::read(body)?))?;
    let row = api.share(&caller.tenant, &name).await?;
    Ok(envelope::success(&map::share(&row)))
}

async fn return_made(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, body) = api.prove(&received)?;
    let request = MakeReturn::read(&body)?;
    let share = api.share(&caller.tenant, &request.share).await?;
    let command = ShareReturnCommand::Make(Box::new(map::make_return(&share, &request)?));
    match api.decide(&caller, command).await? {
        Row::ShareReturn(row) => Ok(envelope::success(&map::share_return(&row))),
        _ => Err(Fault::unknown()),
    }
}

async fn return_queried(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, number) = api.admit(&received, |_, body| Ok(wire::return_number(body)?))?;
    let key = Key::Number(NaturalKey::new(wire::RETURNS, number));
    let wanted = vec![(caller.tenant.clone(), key.clone())];
    let view = api.engine.rows(&Reads { share_returns: wanted, ..Reads::default() }).await?;
    let found: Option<&ShareReturn> = view.share_returns.find(&caller.tenant, &key);
    let row = found.ok_or_else(|| not_found("OutProfitRefundId: no such return"))?;
    Ok(envelope::success(&map::share_return(row)))
}

fn no_payee() -> Fault {
    Fault::new(ErrCode::PayeeNotExist, "no such payee")
}

fn not_found(text: &str) -> Fault {
    Fault::new(ErrCode::InvalidParameter, text)
}

impl Api {
    /// Carries a command out, without waiting for a channel.
    async fn decide(&self, caller: &Caller, command: impl Into<Command>) -> Result<Row, Fault> {
        let handled = self.engine.handle(caller.business(), command).await?;
        handled.reply.row.ok_or_else(Fault::unknown)
    }

    async fn payee(
        &self,
        tenant: &TenantId,
        key: Key<kinds::Payee>,
    ) -> Result<Option<Payee>, Fault> {
        let wanted = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { payees: wanted, ..Reads::default() }).await?;
        Ok(view.payees.find(tenant, &key).cloned())
    }

    async fn share(&self, tenant: &TenantId, name: &ShareName) -> Result<Share, Fault> {
        let key = Key::Number(name.key());
        let wanted = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { shares: wanted, ..Reads::default() }).await?;
        let found = view.shares.find(tenant, &key).cloned();
        found.ok_or_else(|| not_found(&format!("{}: no such share", name.member())))
    }
}
