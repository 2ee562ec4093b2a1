//! Creating, changing and disabling tenants.

use super::{Tenant, TenantChange};
use crate::aggregate::{AggregateCommand, Reads};
use crate::command::{DirectoryRefusal, Put, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::put::{self, Found, PutOutcome};
use std::sync::Arc;

/// What can be requested of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantCommand {
    /// Create or change it.
    Put {
        /// Its id.
        tenant: TenantId,
        /// Its name, for people.
        name: Arc<str>,
        /// False when its callers are to be refused.
        is_enabled: bool,
        /// Whether it may or must be there.
        put: Put,
    },
}

impl AggregateCommand for TenantCommand {
    fn tenant(&self) -> &TenantId {
        let TenantCommand::Put { tenant, .. } = self;
        tenant
    }

    fn name(&self) -> &'static str {
        "put_tenant"
    }

    fn reads(&self, reads: &mut Reads) {
        put::read_tenant(self.tenant(), reads);
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &TenantCommand,
) -> Result<Reply, DirectoryRefusal> {
    let TenantCommand::Put { tenant, name, is_enabled, put } = command;
    let found = deciding.view().tenants.find(tenant, &put::tenant_key(tenant));
    let standing = found.map(|row| Found {
        version: row.version,
        has_same_content: row.name == *name && row.is_enabled == *is_enabled,
    });
    let outcome = put::check(*put, "tenant", standing)?;
    let row = match found {
        Some(row) => Tenant { name: name.clone(), is_enabled: *is_enabled, ..row.clone() },
        None => Tenant {
            tenant: tenant.clone(),
            id: deciding.id(),
            made_at: deciding.now(),
            version: 1,
            name: name.clone(),
            is_enabled: *is_enabled,
        },
    };
    match outcome {
        PutOutcome::Create => deciding.record(&row, TenantChange::Created(Box::new(row.clone()))),
        PutOutcome::Change => deciding.record(&row, TenantChange::Changed(Box::new(row.clone()))),
        PutOutcome::Nothing => {}
    }
    Ok(Reply::about(row.id.subject()))
}
