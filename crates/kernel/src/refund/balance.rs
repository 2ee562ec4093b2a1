//! A payment into a wallet that a merchant gives back, all of it or a part: it leaves the wallet first.

use super::decide::{new, open};
use super::request::{
    check_order, order_of, paid, reads_of, repeat, requested_before, settled_part,
};
use super::{
    Refund, RefundPart, RefundRefusal, RefundRequest, RefundSource, RefundState, RequestRefund,
    money,
};
use crate::aggregate::{Key, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::order::Order;
use crate::recharge::{Recharge, RechargePurpose};
use crate::wallet::Wallet;
use channel::RefundCause;
use ledger::{Fen, Id, kinds};
use std::sync::Arc;

/// A part of a payment into a wallet that a merchant gives back. A repeat is answered with the refund as it
/// stands; one that has failed runs again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundBalance {
    /// The owner.
    pub tenant: TenantId,
    /// The order that paid into the wallet.
    pub order: Id<kinds::Order>,
    /// The merchant whose wallet it is.
    pub merchant: MerchantId,
    /// How much of the payment.
    pub amount: Fen,
    /// What the merchant requests.
    pub request: Arc<RefundRequest>,
}

impl RefundBalance {
    pub(super) fn reads(&self, reads: &mut Reads) {
        let Self { tenant, order, merchant, request, .. } = self;
        // With the order come its recharge, the wallet and what is in it.
        reads_of(tenant, *order, merchant, request, reads);
    }

    /// The refund of money that it is.
    fn of_money(&self) -> RequestRefund {
        let Self { tenant, order, merchant, request, .. } = self;
        RequestRefund::of_stored_value(tenant, *order, merchant, self.amount, request)
    }
}

/// Gives money back that was paid into a wallet, or answers a repeat of that.
pub(super) fn request(
    deciding: &mut Deciding<'_>,
    command: &RefundBalance,
) -> Result<Reply, Refusal> {
    let order = order_of(deciding, &command.tenant, command.order, &command.merchant)?;
    let wallet = wallet(deciding, &order).ok_or(RefundRefusal::NoWallet)?;
    let known = deciding.view().refunds.find(&command.tenant, &Key::Number(command.request.key()));
    let refund = match known {
        Some(known) => again(deciding, known, &order, &wallet, command)?,
        None => {
            let refund = new_refund(deciding, &order, &wallet, command)?;
            open(deciding, &refund);
            refund.id
        }
    };
    Ok(Reply::about(refund.subject()))
}

/// The wallet that an order pays into.
fn wallet(deciding: &Deciding<'_>, order: &Order) -> Option<Wallet> {
    let tenant = &order.terms.tenant;
    let recharge = deciding.row::<Recharge>(tenant, order.terms.request.recharge?)?;
    match recharge.purpose {
        RechargePurpose::Balance { wallet, .. } => deciding.row(tenant, wallet),
        RechargePurpose::Cards { .. } => None,
    }
}

/// The same number again: only a refund that has failed runs again, and takes from the wallet again.
fn again(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    wallet: &Wallet,
    command: &RefundBalance,
) -> Result<Id<kinds::Refund>, Refusal> {
    if refund.order != command.order {
        return Err(RefundRefusal::OtherOrder.into());
    }
    if refund.amount != command.amount {
        return Err(RefundRefusal::OtherAmount.into());
    }
    if matches!(refund.state, RefundState::Failed { .. }) {
        check_order(deciding.now(), order, command.amount)?;
        check_wallet(deciding, refund, order, wallet)?;
    }
    repeat(deciding, refund, order, &command.of_money())
}

/// A new refund of a part of what was paid in.
fn new_refund(
    deciding: &mut Deciding<'_>,
    order: &Order,
    wallet: &Wallet,
    command: &RefundBalance,
) -> Result<Refund, RefundRefusal> {
    let amount = command.amount;
    check_order(deciding.now(), order, amount)?;
    let (paid, before) = (paid(order)?, requested_before(order));
    let refund = new(deciding, order, paid.into(), RefundCause::Requested);
    let refund = Refund {
        amount,
        settled_amount: settled_part(amount, before, paid),
        request: Some(command.request.clone()),
        parts: vec![RefundPart { source: RefundSource::Wallet(wallet.id), amount }],
        ..refund
    };
    check_wallet(deciding, &refund, order, wallet)?;
    Ok(refund)
}

/// That the wallet may be used, and has what the refund takes from it.
fn check_wallet(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    wallet: &Wallet,
) -> Result<(), RefundRefusal> {
    wallet.check_usable()?;
    deciding.rest_on(wallet);
    match money::is_there(deciding.view(), refund, order) {
        true => Ok(()),
        false => Err(RefundRefusal::BalanceTooLow),
    }
}
