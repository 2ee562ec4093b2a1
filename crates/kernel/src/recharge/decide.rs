//! What can be requested of a recharge.

use super::buy::{BuyCards, buy};
use super::pay_in::{RechargeWallet, pay_in};
use crate::aggregate::{AggregateCommand, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;

/// What can be requested of a recharge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RechargeCommand {
    /// Buy gift cards: place an order for them, or repeat that.
    BuyCards(Box<BuyCards>),
    /// Pay into a wallet: place an order for it, or repeat that.
    PayIn(Box<RechargeWallet>),
}

impl AggregateCommand for RechargeCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            RechargeCommand::BuyCards(buy) => &buy.order.tenant,
            RechargeCommand::PayIn(recharge) => &recharge.order.tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            RechargeCommand::BuyCards(_) => "buy_cards",
            RechargeCommand::PayIn(_) => "recharge_wallet",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        match self {
            RechargeCommand::BuyCards(buy) => buy.reads(reads),
            RechargeCommand::PayIn(recharge) => recharge.reads(reads),
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &RechargeCommand,
) -> Result<Reply, Refusal> {
    match command {
        RechargeCommand::BuyCards(order) => buy(deciding, order),
        RechargeCommand::PayIn(recharge) => pay_in(deciding, recharge),
    }
}
