//! Agreements by which payers are debited (签约代扣): the endpoints under `/cloudpay/v1/agreement/out`.
//!
//! - `wire`: requests and results, and the member of an order that names its agreement; `map`: to
//!   commands and back.

mod map;
mod wire;

pub(crate) use map::shown;
pub(crate) use wire::{
    AGREEMENT_INFO, AGREEMENT_SIGN_INFO, AgreementName, AgreementShown, of_order,
};

use crate::auth::Caller;
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::pay_channel;
use crate::routes::{Api, CALL_PATIENCE, Shared, answer, success, wrong_method};
use crate::wire::UnifiedOrder;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use engine::agreement_context;
use kernel::{Agreement, AgreementCommand, AgreementState, ChannelAnswer, Reads, Row, TenantId};
use map::of_agreement;
use std::sync::Arc;
use wire::{Sign, Terminate};

const BASE: &str = "/cloudpay/v1/agreement/out";
const RETRY: &str = "retry with the same OutAgreementId";

/// The routes, with their full paths.
pub(crate) fn router() -> Router<Arc<Api>> {
    let paths = [
        ("sign", post(sign)),
        ("query", post(query)),
        ("terminate", post(terminate)),
        ("notice", post(announce_debit)),
    ];
    paths.into_iter().fold(Router::new(), |router, (name, method)| {
        router.route(&format!("{BASE}/{name}"), method.fallback(wrong_method))
    })
}

async fn sign(State(api): Shared, request: Request) -> Response {
    answer(signed(&api, request).await.map_err(|fault| of_agreement(fault).advising(RETRY)))
}

async fn query(State(api): Shared, request: Request) -> Response {
    answer(queried(&api, request).await.map_err(of_agreement))
}

async fn terminate(State(api): Shared, request: Request) -> Response {
    answer(terminated(&api, request).await.map_err(of_agreement))
}

async fn announce_debit(State(api): Shared, request: Request) -> Response {
    answer(announced(&api, request).await.map_err(of_agreement))
}

async fn signed(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) =
        api.admit(&received, |caller, body| map::sign(caller, &Sign::read(body)?))?;
    let command = AgreementCommand::Sign(Box::new(command));
    let (row, channel_answer) = handle_and_wait(api, &caller, command).await?;
    Ok(success(map::signed(&row, channel_answer.as_ref(), api.engine.now())?))
}

async fn queried(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(AgreementName::read(body)?))?;
    let row = api.agreement(&caller.tenant, &name).await?;
    let channel_agreement_id = channel_agreement_id(api, &row);
    Ok(success(AgreementShown { channel_agreement_id, ..shown(&row) }))
}

async fn terminated(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, Terminate { name, reason }) =
        api.admit(&received, |_, body| Ok(Terminate::read(body)?))?;
    let agreement = api.agreement(&caller.tenant, &name).await?.terms.id.into();
    let tenant = caller.tenant.clone();
    let command = AgreementCommand::Terminate { tenant, agreement, reason };
    let (row, _) = handle_and_wait(api, &caller, command).await?;
    Ok(success(map::stands(&row)))
}

/// Announces a debit where nothing has to be announced. A channel that wants that is not told here.
async fn announced(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(wire::debit_to_announce(body)?))?;
    let row = api.agreement(&caller.tenant, &name).await?;
    if row.state != AgreementState::Signed {
        let text = format!("the agreement is {}", row.state.name());
        return Err(Fault::new(ErrCode::AgreementNotSigned, text));
    }
    let word = pay_channel::word(&row.terms.channel);
    if pay_channel::row(&word).is_none_or(|row| row.announces_debits) {
        let text = format!("AgreementId: debits at {word} are not announced here");
        return Err(Fault::new(ErrCode::InvalidParameter, text));
    }
    Ok(success(map::stands(&row)))
}

/// Carries a command about an agreement out and waits for the channel.
async fn handle_and_wait(
    api: &Api,
    caller: &Caller,
    command: AgreementCommand,
) -> Result<(Agreement, Option<ChannelAnswer>), Fault> {
    let reply = api.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await?;
    match reply.row {
        Some(Row::Agreement(row)) => Ok((row, reply.answer)),
        Some(_) | None => Err(Fault::unknown()),
    }
}

/// The channel's number of it, masked: who has it whole could debit.
fn channel_agreement_id(api: &Api, row: &Agreement) -> Option<String> {
    let contract = row.contract.as_ref()?;
    let context = agreement_context(&row.terms.tenant, &row.key());
    match api.engine.secrets().unseal(&context, &contract.reference) {
        Ok(reference) => Some(map::masked(reference.expose())),
        Err(fault) => {
            tracing::error!(%fault, agreement = %row.terms.id, "its number was not opened");
            None
        }
    }
}

impl Api {
    /// The agreement that a request names.
    async fn agreement(&self, tenant: &TenantId, name: &AgreementName) -> Result<Agreement, Fault> {
        let key = name.key();
        let agreements = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { agreements, ..Reads::default() }).await?;
        let found = view.agreements.find(tenant, &key).cloned();
        let no_such = || Fault::new(ErrCode::AgreementNotExist, "no such agreement");
        let row = found.ok_or_else(no_such)?;
        match name {
            AgreementName::Both(_, id) if row.terms.id != *id => {
                let text = "AgreementId: is not the id of the agreement that OutAgreementId names";
                Err(Fault::new(ErrCode::InvalidParameter, text))
            }
            AgreementName::Out(_) | AgreementName::Own(_) | AgreementName::Both(..) => Ok(row),
        }
    }

    /// That both names of an order's agreement mean the same one.
    pub(crate) async fn check_agreement(
        &self,
        tenant: &TenantId,
        order: &UnifiedOrder<'_>,
    ) -> Result<(), Fault> {
        match &order.agreement {
            Some(name @ AgreementName::Both(..)) => {
                let inside = |fault: Fault| fault.inside(AGREEMENT_INFO);
                self.agreement(tenant, name).await.map(drop).map_err(inside)
            }
            Some(_) | None => Ok(()),
        }
    }
}
