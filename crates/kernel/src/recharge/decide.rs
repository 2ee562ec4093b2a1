//! What can be requested of a recharge.

use super::buy::{BuyCards, buy};
use crate::aggregate::{AggregateCommand, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;

/// What can be requested of a recharge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RechargeCommand {
    /// Buy gift cards: place an order for them, or repeat that.
    BuyCards(Box<BuyCards>),
}

impl AggregateCommand for RechargeCommand {
    fn tenant(&self) -> &TenantId {
        let RechargeCommand::BuyCards(buy) = self;
        &buy.order.tenant
    }

    fn name(&self) -> &'static str {
        "buy_cards"
    }

    fn reads(&self, reads: &mut Reads) {
        let RechargeCommand::BuyCards(buy) = self;
        buy.reads(reads);
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &RechargeCommand,
) -> Result<Reply, Refusal> {
    let RechargeCommand::BuyCards(order) = command;
    buy(deciding, order)
}
