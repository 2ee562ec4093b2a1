//! How many cards of a batch one owner has bought, where the batch limits that. Purchases that are not
//! paid yet count.

mod change;
mod decide;

pub use change::CardQuotaChange;
pub use decide::CardQuotaCommand;

use crate::aggregate::{Aggregate, Key, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use ledger::{Id, kinds};

/// The namespace of quotas: by batch and owner.
const NAMESPACE: &str = "card_quota";

/// What one owner has bought of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardQuota {
    /// The owner of the batch.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::CardQuota>,
    /// The batch.
    pub batch: Id<kinds::CardBatch>,
    /// Who buys, as the caller names them.
    pub owner: String,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// How many cards, without what was put back.
    pub taken: u32,
}

impl CardQuota {
    /// The key of what an owner has bought of a batch.
    pub(crate) fn key(batch: Id<kinds::CardBatch>, owner: &str) -> Key<kinds::CardQuota> {
        Key::Number(CardQuota::number(batch, owner))
    }

    fn number(batch: Id<kinds::CardBatch>, owner: &str) -> NaturalKey {
        NaturalKey::new(NAMESPACE, format!("{batch}/{owner}"))
    }
}

/// Takes cards from an owner's quota of a batch.
pub(crate) fn take(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    batch: Id<kinds::CardBatch>,
    owner: &str,
    cards: u32,
) {
    let key = CardQuota::key(batch, owner);
    match deciding.view().card_quotas.find(tenant, &key) {
        Some(quota) => deciding.record(quota, CardQuotaChange::Taken { cards }),
        None => {
            let (tenant, owner) = (tenant.clone(), owner.to_owned());
            let id = deciding.id();
            let quota = CardQuota { tenant, id, batch, owner, version: 1, taken: cards };
            deciding.record(&quota, CardQuotaChange::Begun(Box::new(quota.clone())));
        }
    }
}

/// Puts cards back into an owner's quota of a batch, where there is one.
pub(crate) fn put_back(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    batch: Id<kinds::CardBatch>,
    owner: &str,
    cards: u32,
) {
    if let Some(quota) = deciding.view().card_quotas.find(tenant, &CardQuota::key(batch, owner)) {
        deciding.record(quota, CardQuotaChange::PutBack { cards });
    }
}

/// Takes cards again that were put back, where there is a quota. They were the owner's before: the limit
/// does not count.
pub(crate) fn take_again(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    batch: Id<kinds::CardBatch>,
    owner: &str,
    cards: u32,
) {
    if let Some(quota) = deciding.view().card_quotas.find(tenant, &CardQuota::key(batch, owner)) {
        deciding.record(quota, CardQuotaChange::Taken { cards });
    }
}

impl Aggregate for CardQuota {
    type Kind = kinds::CardQuota;
    type Change = CardQuotaChange;
    type Command = CardQuotaCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::CardQuota> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.batch.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(CardQuota::number(self.batch, &self.owner))
    }

    fn evolve(before: Option<&CardQuota>, event: &Event, change: &CardQuotaChange) -> CardQuota {
        change::evolve(before, event, change)
    }

    fn decide(_: &mut Deciding<'_>, command: &CardQuotaCommand) -> Result<Reply, Refusal> {
        match *command {}
    }
}
