//! A merchant (商户) of a tenant: who collects, and through which channel accounts.

mod change;
mod decide;
mod sharing;

pub use change::MerchantChange;
pub use decide::MerchantCommand;
pub use sharing::{MerchantSharing, ShareTemplate, TemplateFault};

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// A merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// The owner.
    pub tenant: TenantId,
    /// The id of its row.
    pub id: Id<kinds::Merchant>,
    /// Its id on the wire, `CM…`; unique within the tenant.
    pub merchant: MerchantId,
    /// When it was created.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Its name, for people.
    pub name: Arc<str>,
    /// The channel accounts that it collects through, by name; the first that fits is taken.
    pub channel_accounts: Vec<Arc<str>>,
    /// How its payments are shared.
    pub sharing: MerchantSharing,
    /// False when it may not collect.
    pub is_enabled: bool,
}

impl Merchant {
    pub(crate) fn key(merchant: &MerchantId) -> NaturalKey {
        NaturalKey::new("merchant", merchant.as_str())
    }
}

impl Aggregate for Merchant {
    type Kind = kinds::Merchant;
    type Change = MerchantChange;
    type Command = MerchantCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Merchant> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(Merchant::key(&self.merchant))
    }

    fn evolve(before: Option<&Merchant>, event: &Event, change: &MerchantChange) -> Merchant {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &MerchantCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
