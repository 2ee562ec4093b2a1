//! Putting rows of the directory: creating, changing, or applying a declaration again.

use crate::aggregate::{Key, Reads};
use crate::command::{DirectoryRefusal, Put};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::tenant::Tenant;
use ledger::kinds;

/// What putting a row comes to.
pub(crate) enum PutOutcome {
    /// A new row.
    Create,
    /// Another content.
    Change,
    /// The row is there as it should be.
    Nothing,
}

/// A row that a put finds.
pub(crate) struct Found {
    /// Its version.
    pub(crate) version: i64,
    /// Whether its content is what is put.
    pub(crate) has_same_content: bool,
}

/// Checks a put against what is there: nothing, or a row with the same content or another.
pub(crate) fn check(
    put: Put,
    noun: &'static str,
    found: Option<Found>,
) -> Result<PutOutcome, DirectoryRefusal> {
    match (put, found) {
        (Put::Create | Put::Apply | Put::Read { version: None }, None) => Ok(PutOutcome::Create),
        (Put::Change, None) => Err(DirectoryRefusal::NotFound { noun }),
        (Put::Read { version: Some(_) }, None) => Err(DirectoryRefusal::Changed { noun }),
        (Put::Read { version }, Some(found)) if version != Some(found.version) => {
            Err(DirectoryRefusal::Changed { noun })
        }
        (
            Put::Create | Put::Change | Put::Apply | Put::Read { .. },
            Some(Found { has_same_content: true, .. }),
        ) => Ok(PutOutcome::Nothing),
        (Put::Create, Some(_)) => Err(DirectoryRefusal::Exists { noun }),
        (Put::Change | Put::Apply | Put::Read { .. }, Some(_)) => Ok(PutOutcome::Change),
    }
}

/// The key of a tenant's own row.
pub(crate) fn tenant_key(tenant: &TenantId) -> Key<kinds::Tenant> {
    Key::Number(Tenant::key(tenant))
}

/// Adds the tenant's own row to what must be read.
pub(crate) fn read_tenant(tenant: &TenantId, reads: &mut Reads) {
    reads.tenants.push((tenant.clone(), tenant_key(tenant)));
}

/// Everything of a tenant hangs on the tenant's own row.
pub(crate) fn check_tenant(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
) -> Result<(), DirectoryRefusal> {
    let found = deciding.view().tenants.find(tenant, &tenant_key(tenant));
    found.map(|_| ()).ok_or(DirectoryRefusal::NoTenant)
}
