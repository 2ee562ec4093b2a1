//! Payees that the channel does not unbind.

use super::{Behind, Note, On};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::query::{self, Malformed};
use crate::routes::{Faults, TenantPath};
use crate::wire::ErrorBody;
use engine::Engine;
use http::StatusCode;
use kernel::PayeeCommand;
use ledger::{Id, kinds};
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new().routes(routes!(retry_unbinding)).routes(routes!(dismiss_payee))
}

/// A payee.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct PayeePath {
    /// The payee's id, 18 digits.
    payee: String,
}

impl Behind for Id<kinds::Payee> {
    type Segments = (String, String);

    fn read((tenant, payee): (String, String)) -> Result<(String, Self), Malformed> {
        Ok((tenant, query::payee_id("payee", &payee)?))
    }
}

/// Asks the channel now to unbind the payee, and begins the schedule anew.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/payees/{payee}/retry",
    tag = "shares", params(TenantPath, PayeePath),
    responses(
        (status = 204, description = "The channel was asked."),
        (status = 409, description = "The payee is not unbound, or is bound nowhere.",
            body = ErrorBody),
        Faults
    ))]
async fn retry_unbinding(on: On<Id<kinds::Payee>>) -> Result<StatusCode, Fault> {
    let (tenant, payee) = (on.tenant.clone(), on.row);
    on.run(PayeeCommand::RetryUnbinding { tenant, payee }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Records that somebody has looked into why the channel does not unbind the payee; it is not asked again.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/payees/{payee}/dismiss",
    tag = "shares", params(TenantPath, PayeePath), request_body = Note,
    responses(
        (status = 204, description = "It needs nobody any more."),
        (status = 409, description = "It needs nobody.", body = ErrorBody),
        Faults
    ))]
async fn dismiss_payee(
    on: On<Id<kinds::Payee>>,
    Wanted(note): Wanted<Note>,
) -> Result<StatusCode, Fault> {
    let (tenant, payee, note) = (on.tenant.clone(), on.row, note.read()?);
    on.run(PayeeCommand::Dismiss { tenant, payee, note }).await?;
    Ok(StatusCode::NO_CONTENT)
}
