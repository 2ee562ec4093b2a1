//! How money is paid into a wallet: an order is placed, and the wallet is opened where there is none.

use super::{Recharge, RechargeChange, RechargePurpose, RechargeRefusal, RechargeState};
use crate::aggregate::{Aggregate, Key, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::order::{self, OrderRequest, PlaceOrder};
use crate::wallet::{self, OpenWallet, Wallet};
use ledger::Fen;
use std::sync::Arc;

/// A payment into a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RechargeWallet {
    /// The order that pays for it. Its merchant is the wallet's, its amount is what is paid in.
    pub order: PlaceOrder,
    /// Whose wallet, as the caller names them.
    pub owner: String,
    /// What the merchant adds.
    pub bonus: Fen,
}

impl RechargeWallet {
    pub(super) fn reads(&self, reads: &mut Reads) {
        let (tenant, merchant) = (&self.order.tenant, &self.order.request.merchant);
        reads.orders.push((tenant.clone(), Key::Number(self.order.key())));
        reads.wallets.push((tenant.clone(), Wallet::key(merchant, &self.owner)));
    }
}

pub(super) fn pay_in(
    deciding: &mut Deciding<'_>,
    command: &RechargeWallet,
) -> Result<Reply, Refusal> {
    let (place, tenant) = (&command.order, &command.order.tenant);
    let known = deciding.view().orders.find(tenant, &Key::Number(place.key()));
    if let Some(order) = known {
        return Ok(order::repeat(deciding, order, place)?);
    }
    if command.bonus < Fen::ZERO {
        return Err(RechargeRefusal::Bonus.into());
    }
    let (merchant, owner) = (place.request.merchant.clone(), command.owner.clone());
    let open = OpenWallet { tenant: tenant.clone(), merchant, owner };
    let wallet = wallet::find_or_open(deciding, &open)?;
    wallet.check_usable()?;
    deciding.rest_on(&wallet);
    let recharge = deciding.id();
    let request = OrderRequest { recharge: Some(recharge), ..(*place.request).clone() };
    let place = PlaceOrder { request: Arc::new(request), ..place.clone() };
    let order = order::place_new(deciding, &place)?;
    let recharge = Recharge {
        tenant: tenant.clone(),
        id: recharge,
        order: order.terms.id,
        purpose: RechargePurpose::Balance { wallet: wallet.id, bonus: command.bonus },
        owner: open.owner,
        made_at: deciding.now(),
        version: 1,
        state: RechargeState::Open,
        bonus_missing: Fen::ZERO,
        next_poll_at: None,
    };
    deciding.record(&recharge, RechargeChange::Made(Box::new(recharge.clone())));
    Ok(Reply::about(order.id().subject()))
}
