//! Creating batches of gift cards, and changing their sale.

use super::{
    BATCH_CARDS_MAX, CardBatch, CardBatchChange, CardBatchField, CardBatchRefusal, CardBatchState,
    CardValidity, VALID_DAYS_MAX,
};
use crate::aggregate::{AggregateCommand, Key, NaturalKey, Reads};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use ledger::{Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// What can be requested of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardBatchCommand {
    /// Create it. A repeat with the same content finds what was created.
    Create(Box<CreateCardBatch>),
    /// Change its sale. What is so already is left as it is.
    Modify {
        /// The owner.
        tenant: TenantId,
        /// The batch.
        batch: Key<kinds::CardBatch>,
        /// What shall be different.
        modification: CardBatchModification,
    },
}

/// What of a batch can be changed; everything or nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardBatchModification {
    /// Whether it is sold.
    pub state: Option<CardBatchState>,
    /// How many cards it has in all; never fewer than before.
    pub total: Option<i64>,
    /// Until when its cards can be spent; never earlier than before.
    pub ends_at: Option<Timestamp>,
}

/// A new batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateCardBatch {
    /// The owner.
    pub tenant: TenantId,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// Its id, where its creator chooses it: a batch that comes from another system keeps the id that is
    /// written into merchants' programs. Below all ids that are drawn.
    pub id: Option<Id<kinds::CardBatch>>,
    /// The merchant that sells the cards.
    pub merchant: MerchantId,
    /// Its name, for people.
    pub name: String,
    /// What a new card is worth.
    pub face: Fen,
    /// What a card costs.
    pub price: Fen,
    /// How many cards it has.
    pub total: i64,
    /// How long its cards can be spent.
    pub validity: CardValidity,
    /// How many cards one owner may have bought; 0 for any number.
    pub owner_max: u32,
    /// True when an owner may give a card away.
    pub is_transferable: bool,
    /// The merchants at which the cards are spent; none for the selling merchant alone.
    pub accepted_by: Vec<MerchantId>,
    /// True when it is on sale at once.
    pub is_on_sale: bool,
}

impl CreateCardBatch {
    fn key(&self) -> Key<kinds::CardBatch> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Key::Number(NaturalKey { namespace, number })
    }

    fn state(&self) -> CardBatchState {
        match self.is_on_sale {
            true => CardBatchState::OnSale,
            false => CardBatchState::Init,
        }
    }
}

impl AggregateCommand for CardBatchCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            CardBatchCommand::Create(create) => &create.tenant,
            CardBatchCommand::Modify { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            CardBatchCommand::Create(_) => "create_card_batch",
            CardBatchCommand::Modify { .. } => "modify_card_batch",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let tenant = self.tenant();
        match self {
            CardBatchCommand::Create(create) => {
                reads.card_batches.push((tenant.clone(), create.key()));
                reads.card_batches.extend(create.id.map(|id| (tenant.clone(), Key::Id(id))));
            }
            CardBatchCommand::Modify { batch, .. } => {
                reads.card_batches.push((tenant.clone(), batch.clone()));
            }
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &CardBatchCommand,
) -> Result<Reply, CardBatchRefusal> {
    match command {
        CardBatchCommand::Create(create) => self::create(deciding, create),
        CardBatchCommand::Modify { tenant, batch, modification } => {
            let found = deciding.view().card_batches.find(tenant, batch);
            modify(deciding, found.ok_or(CardBatchRefusal::NotFound)?, modification)
        }
    }
}

fn create(
    deciding: &mut Deciding<'_>,
    create: &CreateCardBatch,
) -> Result<Reply, CardBatchRefusal> {
    let known = deciding.view().card_batches.find(&create.tenant, &create.key());
    if let Some(batch) = known {
        return match has_content(batch, create) {
            true => Ok(Reply::about(batch.id.subject())),
            false => Err(CardBatchRefusal::Differs),
        };
    }
    check(deciding, create)?;
    let batch = CardBatch {
        tenant: create.tenant.clone(),
        id: create.id.unwrap_or_else(|| deciding.id()),
        namespace: create.namespace.clone(),
        number: create.number.clone(),
        merchant: create.merchant.clone(),
        name: create.name.clone(),
        face: create.face,
        price: create.price,
        owner_max: create.owner_max,
        is_transferable: create.is_transferable,
        accepted_by: create.accepted_by.clone(),
        made_at: deciding.now(),
        version: 1,
        state: create.state(),
        validity: create.validity,
        total: create.total,
        issued: 0,
        reserved: 0,
    };
    deciding.record(&batch, CardBatchChange::Created(Box::new(batch.clone())));
    Ok(Reply::about(batch.id.subject()))
}

/// Whether a batch is what was requested. What was changed since does not count: more cards, and a later end.
fn has_content(batch: &CardBatch, create: &CreateCardBatch) -> bool {
    let is_valid_as_long = match (batch.validity, create.validity) {
        (
            CardValidity::Fixed { begins_at: one, ends_at: other },
            CardValidity::Fixed { begins_at, ends_at },
        ) => one == begins_at && ends_at <= other,
        (CardValidity::Relative { days: one }, CardValidity::Relative { days }) => one == days,
        (_, _) => false,
    };
    create.id.is_none_or(|id| id == batch.id)
        && batch.merchant == create.merchant
        && batch.name == create.name
        && create.total <= batch.total
        && (batch.face, batch.price) == (create.face, create.price)
        && batch.owner_max == create.owner_max
        && batch.is_transferable == create.is_transferable
        && batch.accepted_by == create.accepted_by
        && is_valid_as_long
}

/// What a new batch must fulfil.
fn check(deciding: &Deciding<'_>, create: &CreateCardBatch) -> Result<(), CardBatchRefusal> {
    let refused = |field, why| Err(CardBatchRefusal::Member { field, why });
    let CreateCardBatch { tenant, id, merchant, face, price, total, validity, .. } = create;
    let directory = &deciding.view().directory;
    let is_taken = |id| deciding.row::<CardBatch>(tenant, id).is_some();
    if id.is_some_and(is_taken) {
        return refused(CardBatchField::Id, "another card batch has it");
    }
    if directory.merchant(tenant, merchant).is_none() {
        return refused(CardBatchField::Merchant, "unknown merchant");
    }
    if !face.is_positive() {
        return refused(CardBatchField::Face, "must be above zero");
    }
    if !price.is_positive() {
        return refused(CardBatchField::Price, "must be above zero");
    }
    if !(1..=BATCH_CARDS_MAX).contains(total) {
        return refused(CardBatchField::Total, "must be 1 to 10000000");
    }
    if face.get().checked_mul(*total).is_none() || price.get().checked_mul(*total).is_none() {
        return refused(
            CardBatchField::Total,
            "all cards together are worth more than can be booked",
        );
    }
    match *validity {
        CardValidity::Fixed { begins_at, ends_at } if ends_at <= begins_at => {
            return refused(CardBatchField::EndsAt, "must lie after the beginning");
        }
        CardValidity::Fixed { ends_at, .. } if ends_at <= deciding.now() => {
            return refused(CardBatchField::EndsAt, "lies in the past");
        }
        CardValidity::Relative { days } if !(1..=VALID_DAYS_MAX).contains(&days) => {
            return refused(CardBatchField::Days, "must be 1 to 7300");
        }
        CardValidity::Fixed { .. } | CardValidity::Relative { .. } => {}
    }
    let is_unknown = |merchant| directory.merchant(tenant, merchant).is_none();
    match create.accepted_by.iter().any(is_unknown) {
        true => refused(CardBatchField::AcceptedBy, "unknown merchant"),
        false => Ok(()),
    }
}

fn modify(
    deciding: &mut Deciding<'_>,
    batch: &CardBatch,
    modification: &CardBatchModification,
) -> Result<Reply, CardBatchRefusal> {
    let CardBatchModification { state, total, ends_at } = *modification;
    let refused = |field, why| CardBatchRefusal::Member { field, why };
    let mut changes = vec![];
    if let Some(total) = total.filter(|total| *total != batch.total) {
        if !(batch.total..=BATCH_CARDS_MAX).contains(&total) {
            let why = "must not be less than before, nor above 10000000";
            return Err(refused(CardBatchField::Total, why));
        }
        if batch.face.get().checked_mul(total).is_none() {
            let why = "all cards together are worth more than can be booked";
            return Err(refused(CardBatchField::Total, why));
        }
        changes.push(CardBatchChange::TotalRaised { total });
    }
    if let Some(ends_at) = ends_at.filter(|ends_at| Some(*ends_at) != batch.validity.ends_at()) {
        match batch.validity {
            CardValidity::Fixed { ends_at: before, .. } if before <= deciding.now() => {
                let why = "the cards of this batch have expired";
                return Err(refused(CardBatchField::EndsAt, why));
            }
            CardValidity::Fixed { ends_at: before, .. } if ends_at > before => {
                changes.push(CardBatchChange::Extended { ends_at });
            }
            CardValidity::Fixed { .. } => {
                let why = "must not be earlier than before";
                return Err(refused(CardBatchField::EndsAt, why));
            }
            CardValidity::Relative { .. } => {
                let why = "the cards of this batch are valid for some days each";
                return Err(refused(CardBatchField::EndsAt, why));
            }
        }
    }
    if let Some(state) = state.filter(|state| *state != batch.state) {
        if !batch.state.may_become(state) {
            let why = "the batch cannot go there from its present state";
            return Err(refused(CardBatchField::State, why));
        }
        changes.push(CardBatchChange::StateChanged(state));
    }
    changes.into_iter().for_each(|change| deciding.record(batch, change));
    Ok(Reply::about(batch.id.subject()))
}
