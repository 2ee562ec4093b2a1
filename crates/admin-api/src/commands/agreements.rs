//! Agreements that need a person.

use super::{Behind, Note, On};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::query::{self, Malformed};
use crate::routes::{Faults, TenantPath};
use crate::wire::ErrorBody;
use engine::Engine;
use http::StatusCode;
use kernel::AgreementCommand;
use ledger::{Id, kinds};
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new().routes(routes!(retry_agreement)).routes(routes!(dismiss_agreement))
}

/// An agreement.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct AgreementPath {
    /// The agreement's id, 18 digits.
    agreement: String,
}

impl Behind for Id<kinds::Agreement> {
    type Segments = (String, String);

    fn read((tenant, agreement): (String, String)) -> Result<(String, Self), Malformed> {
        Ok((tenant, query::agreement_id("agreement", &agreement)?))
    }
}

/// Asks the channel now about the agreement, and begins its schedule anew.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/agreements/{agreement}/retry",
    tag = "agreements", params(TenantPath, AgreementPath),
    responses(
        (status = 204, description = "The channel is asked."),
        (status = 409, description = "The agreement has ended.", body = ErrorBody),
        Faults
    ))]
async fn retry_agreement(on: On<Id<kinds::Agreement>>) -> Result<StatusCode, Fault> {
    let (tenant, agreement) = (on.tenant.clone(), on.row);
    on.run(AgreementCommand::PollNow { tenant, agreement }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Records that somebody has looked into what the agreement needs a person for. One of which the channel
/// tells nothing clear is taken as ended, or as never signed.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/agreements/{agreement}/dismiss",
    tag = "agreements", params(TenantPath, AgreementPath), request_body = Note,
    responses(
        (status = 204, description = "It needs nobody any more."),
        (status = 409, description = "It needs nobody.", body = ErrorBody),
        Faults
    ))]
async fn dismiss_agreement(
    on: On<Id<kinds::Agreement>>,
    Wanted(note): Wanted<Note>,
) -> Result<StatusCode, Fault> {
    let (tenant, agreement, note) = (on.tenant.clone(), on.row, note.read()?);
    on.run(AgreementCommand::Dismiss { tenant, agreement, note }).await?;
    Ok(StatusCode::NO_CONTENT)
}
