//! Money that comes, and an order whose payment failed.

use crate::counterpart::records::{self, Entry, Order, Paid, State};
use crate::counterpart::sharing::funds;
use crate::counterpart::{callback, coupon, identifiers};
use crate::wire::PayerIds;
use channel::{CodecContext, Coupon, DocumentFault, DocumentStore, OutgoingCallback, PhoneFault};

/// What the payer's bank is.
const BANK: &str = "CMB_DEBIT";

/// The person pays, with a coupon or without; what the phone shows then.
pub(super) fn by_phone(
    documents: &mut dyn DocumentStore,
    order: Order,
    coupon: Option<Coupon>,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let order = match coupon {
        Some(coupon) => coupon::redeem(order, coupon, context)?,
        None => order,
    };
    let (order, outgoing) = succeed(documents, order, context)?;
    Ok((format!("支付成功 {} 分", order.payer_total()), outgoing))
}

/// Books the payment of an order. An order with an address has a callback.
pub(super) fn succeed(
    documents: &mut dyn DocumentStore,
    order: Order,
    context: &CodecContext,
) -> Result<(Order, Vec<OutgoingCallback>), DocumentFault> {
    let paid = Paid {
        transaction_id: identifiers::transaction_id(context),
        at_ms: context.now.ms(),
        payer: payer(&order, context),
        bank_type: BANK.to_owned(),
        refunded: 0,
        refund_count: 0,
        frozen: funds::receive(documents, &order)?,
    };
    let key = order.key();
    documents.put(&records::transaction_key(&paid.transaction_id), &key)?;
    let entry = Entry::Paid { at_ms: paid.at_ms, order_key: key };
    records::journal(documents, order.mchid(), &paid.transaction_id, &entry)?;
    let order = put(documents, order, State::Paid(paid))?;
    let content = order.transaction(context.now);
    let url = order.notify_url.clone().into_iter();
    let to = (order.mchid(), order.v2);
    let outgoing = url
        .map(|url| callback::paid(to, &content, order.contract_id.as_deref(), url, context))
        .collect();
    Ok((order, outgoing))
}

/// Writes an order in its new state.
pub(super) fn put(
    documents: &mut dyn DocumentStore,
    order: Order,
    state: State,
) -> Result<Order, DocumentFault> {
    let order = Order { state, ..order };
    records::write(documents, &order.key(), &order)?;
    Ok(order)
}

/// The payer whom the order names, else somebody who picked up the phone.
fn payer(order: &Order, context: &CodecContext) -> PayerIds {
    let somebody = || Some(identifiers::openid(context));
    match (&order.payer, order.parties.sp_mchid.is_some()) {
        (Some(payer), _) => payer.clone(),
        (None, false) => PayerIds { openid: somebody(), ..PayerIds::default() },
        (None, true) => PayerIds { sp_openid: somebody(), ..PayerIds::default() },
    }
}
