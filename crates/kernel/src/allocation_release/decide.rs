//! How frozen allocations are released.

use super::{
    AllocationPart, AllocationRelease, AllocationReleaseChange, AllocationReleaseRefusal,
    by_merchant,
};
use crate::aggregate::{Aggregate, AggregateCommand, Key, NaturalKey, Reads};
use crate::allocation::{self, Allocation, AllocationState};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::order::{Order, OrderState};
use ledger::kinds;
use std::sync::Arc;

/// What can be requested of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllocationReleaseCommand {
    /// Release frozen money of an order's merchants: all parts or none. A repeat of the same number with
    /// the same content answers the same and moves nothing.
    Release(Box<ReleaseAllocations>),
}

/// A release to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseAllocations {
    /// The owner.
    pub tenant: TenantId,
    /// Whose numbering the release's number belongs to.
    pub namespace: Arc<str>,
    /// The caller's number of the release.
    pub number: String,
    /// The order whose allocations are released.
    pub order: Key<kinds::Order>,
    /// Whose frozen money is released, and how much; a merchant once.
    pub parts: Vec<AllocationPart>,
}

impl ReleaseAllocations {
    fn key(&self) -> Key<kinds::AllocationRelease> {
        Key::Number(NaturalKey { namespace: self.namespace.clone(), number: self.number.clone() })
    }
}

impl AggregateCommand for AllocationReleaseCommand {
    fn tenant(&self) -> &TenantId {
        let AllocationReleaseCommand::Release(release) = self;
        &release.tenant
    }

    fn name(&self) -> &'static str {
        "release_allocations"
    }

    fn reads(&self, reads: &mut Reads) {
        let AllocationReleaseCommand::Release(release) = self;
        let tenant = &release.tenant;
        reads.allocation_releases.push((tenant.clone(), release.key()));
        reads.orders.push((tenant.clone(), release.order.clone()));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &AllocationReleaseCommand,
) -> Result<Reply, AllocationReleaseRefusal> {
    let AllocationReleaseCommand::Release(wanted) = command;
    let view = deciding.view();
    let order = view.orders.find(&wanted.tenant, &wanted.order);
    let order = order.ok_or(AllocationReleaseRefusal::NotFound)?;
    if let Some(made) = view.allocation_releases.find(&wanted.tenant, &wanted.key()) {
        let by_merchant = |parts: &[AllocationPart]| by_merchant(parts.iter().cloned());
        let is_same = by_merchant(&made.parts) == by_merchant(&wanted.parts);
        return match made.order == order.terms.id && is_same {
            true => Ok(Reply::about(made.id.subject())),
            false => Err(AllocationReleaseRefusal::Differs),
        };
    }
    let allocations = check_new(deciding, order, wanted)?;
    let release = AllocationRelease {
        tenant: wanted.tenant.clone(),
        id: deciding.id(),
        order: order.terms.id,
        namespace: wanted.namespace.clone(),
        number: wanted.number.clone(),
        parts: wanted.parts.clone(),
        made_at: deciding.now(),
        version: 1,
    };
    deciding.record(&release, AllocationReleaseChange::Made(Box::new(release.clone())));
    for (allocation, part) in allocations.iter().zip(&release.parts) {
        allocation::release(deciding, allocation, &release, part.amount);
    }
    Ok(Reply::about(release.id().subject()))
}

/// What a new release must fulfil; the allocations of its parts.
fn check_new(
    deciding: &Deciding<'_>,
    order: &Order,
    wanted: &ReleaseAllocations,
) -> Result<Vec<Allocation>, AllocationReleaseRefusal> {
    let OrderState::Paid(_) = order.state else {
        return Err(AllocationReleaseRefusal::State { state: order.state.name() });
    };
    if wanted.parts.is_empty() {
        return Err(AllocationReleaseRefusal::NoParts);
    }
    let parts = wanted.parts.iter().enumerate();
    parts.map(|(at, part)| check_part(deciding, order, wanted, at, part)).collect()
}

fn check_part(
    deciding: &Deciding<'_>,
    order: &Order,
    wanted: &ReleaseAllocations,
    at: usize,
    part: &AllocationPart,
) -> Result<Allocation, AllocationReleaseRefusal> {
    let key = Allocation::key(order.terms.id, &part.merchant);
    let found = deciding.view().allocations.find(&order.terms.tenant, &key);
    let found = found.ok_or(AllocationReleaseRefusal::NotAllocated { at })?;
    if wanted.parts.iter().take(at).any(|before| before.merchant == part.merchant) {
        return Err(AllocationReleaseRefusal::Twice { at });
    }
    if !part.amount.is_positive() {
        return Err(AllocationReleaseRefusal::Amount { at });
    }
    if let AllocationState::Waiting { .. } = found.state {
        return Err(AllocationReleaseRefusal::Waiting { at });
    }
    let frozen = found.funds().frozen;
    if part.amount > frozen {
        return Err(AllocationReleaseRefusal::NotFrozen { at, frozen });
    }
    Ok(found.clone())
}
