//! A tenant (主体): the owner of merchants, keys, channel accounts and everything that follows from
//! them.

mod change;
mod decide;

pub use change::TenantChange;
pub use decide::TenantCommand;

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its own id (主体标识, ocode).
    pub tenant: TenantId,
    /// The id of its row.
    pub id: Id<kinds::Tenant>,
    /// When it was created.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Its name, for people.
    pub name: Arc<str>,
    /// False when its callers are refused.
    pub is_enabled: bool,
}

impl Tenant {
    pub(crate) fn key(tenant: &TenantId) -> NaturalKey {
        NaturalKey::new("tenant", tenant.as_str())
    }
}

impl Aggregate for Tenant {
    type Kind = kinds::Tenant;
    type Change = TenantChange;
    type Command = TenantCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Tenant> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(Tenant::key(&self.tenant))
    }

    fn evolve(before: Option<&Tenant>, event: &Event, change: &TenantChange) -> Tenant {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &TenantCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
