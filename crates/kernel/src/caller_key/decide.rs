//! Creating, changing and disabling callers' keys.

use super::{CallerKey, CallerKeyChange, CallerProof};
use crate::aggregate::{AggregateCommand, Key, Reads};
use crate::command::{DirectoryRefusal, Put, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::put::{self, Found, PutOutcome};
use std::sync::Arc;

/// What can be requested of a caller's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKeyCommand {
    /// Create or change it.
    Put {
        /// The owner.
        tenant: TenantId,
        /// Its id on the wire.
        key_id: Arc<str>,
        /// What proves the caller.
        proof: CallerProof,
        /// False when it is not to be accepted any more.
        is_enabled: bool,
        /// Whether it may or must be there.
        put: Put,
    },
}

impl AggregateCommand for CallerKeyCommand {
    fn tenant(&self) -> &TenantId {
        let CallerKeyCommand::Put { tenant, .. } = self;
        tenant
    }

    fn name(&self) -> &'static str {
        "put_caller_key"
    }

    fn reads(&self, reads: &mut Reads) {
        let CallerKeyCommand::Put { tenant, key_id, .. } = self;
        put::read_tenant(tenant, reads);
        reads.caller_keys.push((tenant.clone(), Key::Number(CallerKey::key(key_id))));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &CallerKeyCommand,
) -> Result<Reply, DirectoryRefusal> {
    let CallerKeyCommand::Put { tenant, key_id, proof, is_enabled, put } = command;
    let view = deciding.view();
    let found = view.caller_keys.find(tenant, &Key::Number(CallerKey::key(key_id)));
    let standing = found.map(|row| Found {
        version: row.version,
        has_same_content: row.proof == *proof && row.is_enabled == *is_enabled,
    });
    let outcome = put::check(*put, "caller_key", standing)?;
    put::check_tenant(deciding, tenant)?;
    // Callers name their key and not their tenant, so a key's id must be unique in the installation.
    if view.directory.caller_keys.get(key_id).is_some_and(|owner| owner != tenant) {
        return Err(DirectoryRefusal::Taken { noun: "caller_key" });
    }
    let row = CallerKey {
        tenant: tenant.clone(),
        id: found.map_or_else(|| deciding.id(), |row| row.id),
        key_id: key_id.clone(),
        made_at: found.map_or(deciding.now(), |row| row.made_at),
        version: found.map_or(1, |row| row.version),
        proof: proof.clone(),
        is_enabled: *is_enabled,
    };
    match outcome {
        PutOutcome::Create => {
            deciding.record(&row, CallerKeyChange::Created(Box::new(row.clone())))
        }
        PutOutcome::Change => {
            deciding.record(&row, CallerKeyChange::Changed(Box::new(row.clone())))
        }
        PutOutcome::Nothing => {}
    }
    Ok(Reply::about(row.id.subject()))
}
