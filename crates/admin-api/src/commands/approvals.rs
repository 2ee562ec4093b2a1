//! Approvals: what one operator proposed, and what a second one decides.

use super::{Note, PATIENCE};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::map;
use crate::operators::MayOperate;
use crate::query;
use crate::routes::{Answer, Asked, Faults, PageQuery, Segments, known};
use crate::wire::{Approval, ApprovalPage, ErrorBody};
use axum::Json;
use axum::extract::State;
use engine::Engine;
use kernel::{ApprovalCommand, Caller, Row};
use ledger::{Id, kinds};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use store::OneApproval;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(approvals))
        .routes(routes!(approval))
        .routes(routes!(approve))
        .routes(routes!(reject))
}

/// Which approvals.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters")]
struct ApprovalQuery {
    /// Only of this tenant.
    tenant: Option<String>,
    /// Only in this state: proposed, approved, refused, rejected or expired.
    state: Option<String>,
}

/// An approval.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct ApprovalPath {
    /// The approval's id, 18 digits.
    approval: String,
}

/// What an approver saw.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The digest of the approval as it was shown, so that nothing else is approved.
    digest: String,
}

/// Manual commands that were proposed, of every tenant, newest first.
#[utoipa::path(get, path = "/admin/v1/approvals", tag = "approvals",
    params(ApprovalQuery, PageQuery),
    responses((status = 200, description = "A page of approvals.", body = ApprovalPage), Faults))]
async fn approvals(State(engine): State<Arc<Engine>>, Asked(pairs): Asked) -> Answer<ApprovalPage> {
    let question = query::approvals(&pairs)?;
    if let Some(tenant) = &question.tenant {
        known(&engine, tenant.as_str())?;
    }
    let limit = question.limit;
    Ok(Json(map::approvals(&engine.ask(question).await?, limit)))
}

/// A manual command that was proposed.
#[utoipa::path(get, path = "/admin/v1/approvals/{approval}", tag = "approvals",
    params(ApprovalPath),
    responses((status = 200, description = "The approval.", body = Approval), Faults))]
async fn approval(
    State(engine): State<Arc<Engine>>,
    Segments(id): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<Approval> {
    query::none(&pairs)?;
    Ok(Json(map::approval(&one(&engine, query::approval_id(&id)?).await?)))
}

async fn one(engine: &Engine, id: Id<kinds::Approval>) -> Result<kernel::Approval, Fault> {
    let found = engine.ask(OneApproval { id }).await?;
    found.map(|approval| *approval).ok_or(Fault::NotFound { what: "approval" })
}

/// Carries out what another operator proposed, in one commit with the approval. Where it is refused,
/// because the order or refund moved on, the approval ends in `refused` and nothing moves. A repeat
/// answers the same.
#[utoipa::path(post, path = "/admin/v1/approvals/{approval}/approve", tag = "approvals",
    params(ApprovalPath), request_body = Seen,
    responses(
        (status = 200, description = "The approval: `approved`, or `refused` with the reason.",
            body = Approval),
        (status = 409, description = "The operator proposed it, the digest is another's, or it was \
            rejected or has expired.", body = ErrorBody),
        Faults
    ))]
async fn approve(
    State(engine): State<Arc<Engine>>,
    MayOperate(operator): MayOperate,
    Segments(id): Segments<String>,
    Asked(pairs): Asked,
    Wanted(Seen { digest }): Wanted<Seen>,
) -> Answer<Approval> {
    query::none(&pairs)?;
    let kernel::Approval { tenant, id, root, command, .. } =
        one(&engine, query::approval_id(&id)?).await?;
    let row = command.row();
    let approve = ApprovalCommand::Approve { tenant, approval: id, root, row, digest };
    decide(&engine, operator.caller(), approve, PATIENCE).await
}

/// Ends a proposal without carrying it out. The proposer may withdraw it so.
#[utoipa::path(post, path = "/admin/v1/approvals/{approval}/reject", tag = "approvals",
    params(ApprovalPath), request_body = Note,
    responses(
        (status = 200, description = "The approval, which is rejected.", body = Approval),
        (status = 409, description = "It has ended in another way.", body = ErrorBody),
        Faults
    ))]
async fn reject(
    State(engine): State<Arc<Engine>>,
    MayOperate(operator): MayOperate,
    Segments(id): Segments<String>,
    Asked(pairs): Asked,
    Wanted(note): Wanted<Note>,
) -> Answer<Approval> {
    query::none(&pairs)?;
    let note = note.read()?;
    let kernel::Approval { tenant, id, .. } = one(&engine, query::approval_id(&id)?).await?;
    let reject = ApprovalCommand::Reject { tenant, approval: id, note };
    decide(&engine, operator.caller(), reject, Duration::ZERO).await
}

/// The approval as the decision left it; a call that it leads to gets a while.
async fn decide(
    engine: &Engine,
    caller: Caller,
    command: ApprovalCommand,
    patience: Duration,
) -> Answer<Approval> {
    let handled = engine.handle(caller, command).await?;
    let Some(Row::Approval(approval)) = handled.reply.row else {
        return Err(Fault::NotFound { what: "approval" });
    };
    if let Some(completion) = handled.completion {
        // What the channel answers is in the order's story; the approval is decided either way.
        tokio::time::timeout(patience, completion).await.ok();
    }
    Ok(Json(map::approval(&approval)))
}
