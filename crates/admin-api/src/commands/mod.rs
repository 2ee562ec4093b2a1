//! What an operator decides about rows that need a person.
//!
//! Every command is idempotent by its own content: a repeat of what was decided already answers the row
//! as it stands. A command that leads to a call waits for the channel's answer for a while.
//!
//! Where the rule of two people holds, commands that move money by hand are proposed and wait for the
//! approval of a second operator.
//!
//! - `decided`: carried out at once, or proposed. `approvals`: what was proposed.
//! - `exits`: the commands that can end what needs a person, with their paths.
//! - `orders`, `refunds`, `shares`, `payees`, `agreements`, `withdrawals`, `others`: the paths of each.

mod agreements;
mod approvals;
mod decided;
mod exits;
mod orders;
mod others;
mod payees;
mod refunds;
mod shares;
mod withdrawals;

pub use exits::{Exit, exits};

use crate::faults::Fault;
use crate::operators::{MayOperate, Operator};
use crate::query::{self, Malformed};
use crate::routes::{Asked, Segments, known};
use axum::extract::FromRequestParts;
use engine::Engine;
use http::request::Parts;
use kernel::TenantId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// How long a command waits for the channel's answer.
const PATIENCE: Duration = Duration::from_secs(12);
/// Characters of a note for people.
const NOTE_LEN_MAX: usize = 200;
/// Characters of a number at a channel or bank.
const REFERENCE_LEN_MAX: usize = 64;

/// The routes.
pub(crate) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .merge(orders::described())
        .merge(refunds::described())
        .merge(shares::described())
        .merge(others::described())
        .merge(payees::described())
        .merge(agreements::described())
        .merge(withdrawals::described())
        .merge(approvals::described())
}

/// Why something is decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Why, for people: 1 to 200 characters on one line.
    note: String,
}

/// Money that was moved outside the channel's interface.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByHand {
    /// Why, for people: 1 to 200 characters on one line.
    note: String,
    /// The number of that movement where it was made, such as the bank's: 1 to 64 characters.
    outside_reference: String,
}

/// A payment that contradicts its order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContestedReference {
    /// The channel's number of the payment, so that nobody decides about another than they saw.
    payment_reference: String,
}

impl Note {
    fn read(self) -> Result<String, Malformed> {
        line("note", self.note, NOTE_LEN_MAX)
    }
}

impl ContestedReference {
    fn read(self) -> Result<String, Malformed> {
        line("payment_reference", self.payment_reference, REFERENCE_LEN_MAX)
    }
}

impl ByHand {
    /// Note and number.
    fn read(self) -> Result<(String, String), Malformed> {
        let note = line("note", self.note, NOTE_LEN_MAX)?;
        Ok((note, line("outside_reference", self.outside_reference, REFERENCE_LEN_MAX)?))
    }
}

/// A text on one line that is not empty.
fn line(field: &str, text: String, len_max: usize) -> Result<String, Malformed> {
    let is_one_line = !text.chars().any(char::is_control) && !text.trim().is_empty();
    if is_one_line && text.chars().count() <= len_max {
        return Ok(text);
    }
    let why = format!("want 1 to {len_max} characters on one line");
    Err(Malformed { field: field.to_owned(), why })
}

/// What every command has: who decides, and about which row of which tenant.
pub(crate) struct On<T> {
    engine: Arc<Engine>,
    operator: Operator,
    tenant: TenantId,
    /// The segments of the path behind the tenant.
    row: T,
}

impl<T: Behind + Send> FromRequestParts<Arc<Engine>> for On<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, engine: &Arc<Engine>) -> Result<Self, Fault> {
        let MayOperate(operator) = MayOperate::from_request_parts(parts, engine).await?;
        let Asked(pairs) = Asked::from_request_parts(parts, engine).await?;
        query::none(&pairs)?;
        let Segments(segments) = Segments::<T::Segments>::from_request_parts(parts, engine).await?;
        let (tenant, row) = T::read(segments)?;
        let tenant = known(engine, &tenant)?;
        Ok(On { engine: engine.clone(), operator, tenant, row })
    }
}

/// What a path names behind the tenant.
pub(crate) trait Behind: Sized {
    /// All segments of the path that vary.
    type Segments: DeserializeOwned + Send;

    /// The tenant's segment, and what the others name.
    fn read(segments: Self::Segments) -> Result<(String, Self), Malformed>;
}
