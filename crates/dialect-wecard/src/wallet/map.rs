//! Wire to commands about gift cards, rows to wire. Pure.

use super::account_wire::wallet_id;
use super::listing::EXPIRED;
use super::wire::{
    BatchShown, Bought, BuyCards, CardShown, CreateBatch, ModifyBatch, RechargeClosed,
    RechargeShown, batch_id_text, card_id, sale,
};
use crate::auth::Caller;
use crate::faults::{ErrCode, Fault};
use crate::map::{View as OrderView, not_known, place_in, shown, unwritable};
use crate::wire::{UnifiedOrder, pay_type};
use crate::{BATCH_NAMESPACE, RECHARGE_NAMESPACE, content, details, pay_channel, time};
use kernel::{
    Card, CardBatch, CardBatchCommand, CardBatchModification, CardState, CardValidity,
    ChannelAnswer, CreateCardBatch, Key, MerchantId, Order, OrderRequest, OrderState, PlaceOrder,
    Recharge, RechargePurpose, View,
};
use ledger::{Fen, Id, Timestamp, kinds};
use serde::Serialize;
use std::sync::Arc;

/// What a repeat of a purchase must not change beyond what its order compares.
#[derive(Serialize)]
struct Content<'a> {
    order: &'a str,
    batch: i64,
    quantity: u32,
    owner: &'a str,
}

/// The command that a purchase is, at the price of its batch.
pub(super) fn buy(
    caller: &Caller,
    request: BuyCards<'_>,
    batch: &CardBatch,
) -> Result<kernel::BuyCards, Fault> {
    let BuyCards { order, quantity, owner, .. } = request;
    // More than an order can have is refused by the kernel for its quantity.
    let total = batch.price.get().checked_mul(i64::from(quantity)).unwrap_or(i64::MAX);
    let (merchant, total_amount) = (batch.merchant.as_str(), Fen::new(total));
    let order = UnifiedOrder { merchant, total_amount, ..order };
    let place = place_in(RECHARGE_NAMESPACE, caller, &order)?;
    let content =
        Content { order: &place.request.content, batch: batch.id.value(), quantity, owner: &owner };
    let content = content::digest_of(&content).map_err(unwritable)?;
    let request = Arc::new(OrderRequest { content, ..(*place.request).clone() });
    let order = PlaceOrder { request, ..place };
    Ok(kernel::BuyCards { order, batch: batch.id, quantity, owner })
}

/// The result of a purchase: what its order came to, or why that is not known yet.
pub(super) fn bought<'o>(
    order: &'o Order,
    answer: Option<&ChannelAnswer>,
    now: Timestamp,
) -> Result<Bought<'o>, Fault> {
    let view = OrderView::of(order, now);
    match &order.state {
        OrderState::Init => return Err(not_known(answer)),
        OrderState::Paying(_) if view.pay_info.is_none() => return Err(not_known(answer)),
        OrderState::Closing(_) => {
            let text = "another operation on the recharge is running";
            return Err(Fault::new(ErrCode::WalletOperateIsProcessing, text));
        }
        OrderState::Closed { .. } => {
            return Err(Fault::new(ErrCode::RechargeAlreadyExist, "the recharge is final"));
        }
        OrderState::Paying(_) | OrderState::Paid(_) | OrderState::Failed { .. } => {}
    }
    let number = &*order.terms.request.merchant_order_no;
    Ok(Bought {
        out_recharge_id: number,
        out_order_id: number,
        channel_order_id: order.terms.id.to_string(),
        third_pay_order_id: view.paid.map(|paid| &*paid.payment_reference),
        total_amount: order.terms.request.amount.get().to_string(),
        recharge_status: status(&view),
        pay_info_type: view.pay_info_type(),
        pay_info: view.pay_info.and_then(shown),
        pay_channel: pay_channel::word(&order.terms.channel),
        fail_reason: view.fail_reason,
        wallet_id: None,
    })
}

/// `RechargeStatus`, from what its order shows.
fn status(view: &OrderView<'_>) -> &'static str {
    match view.status {
        "INIT" | "PAYING" => "WAIT",
        "PAY_FAIL" => "FAIL",
        status => status,
    }
}

/// A recharge: the result of a query, and the content of a notification. The view has what belongs to
/// its order.
pub(crate) fn recharge<'o>(order: &'o Order, about: &View) -> Result<RechargeShown<'o>, Fault> {
    let tenant = &order.terms.tenant;
    let found = order.terms.request.recharge.and_then(|id| about.recharges.get(tenant, id));
    let recharge =
        found.ok_or_else(|| Fault::new(ErrCode::RechargeNotExist, "no such recharge"))?;
    let (batch, quantity) = match recharge.purpose {
        RechargePurpose::Cards { batch, quantity } => (Some(batch), Some(quantity)),
        RechargePurpose::Balance { .. } => (None, None),
    };
    let kept = details::read(order).map_err(unwritable)?;
    let view = OrderView::of(order, order.terms.placed_at);
    let (terms, request) = (&order.terms, &order.terms.request);
    Ok(RechargeShown {
        out_recharge_id: &request.merchant_order_no,
        out_order_id: &request.merchant_order_no,
        channel_order_id: terms.id.to_string(),
        third_pay_order_id: view.paid.map(|paid| &*paid.payment_reference),
        recharge_type: if batch.is_some() { "CARD" } else { "BALANCE" },
        total_amount: request.amount.get().to_string(),
        recharge_status: status(&view),
        fail_reason: view.fail_reason,
        pay_channel: pay_channel::word(&terms.channel),
        pay_type: pay_type(request.scene),
        time_finish: view.paid.map(|paid| time::write(paid.at)),
        attachment: kept.attachment.filter(|_| view.paid.is_some()),
        wallet_id: wallet_of(order, about).map(wallet_id),
        card_batch_id: batch.map(batch_id_text),
        card_quantity: quantity,
        card_list: cards(recharge, about),
        refunded_amount: Some(order.funds.refunded)
            .filter(|refunded| *refunded != Fen::ZERO)
            .map(|refunded| refunded.get().to_string()),
    })
}

/// The wallet that a recharge pays into.
pub(super) fn wallet_of(order: &Order, about: &View) -> Option<Id<kinds::Wallet>> {
    let id = order.terms.request.recharge?;
    match about.recharges.get(&order.terms.tenant, id)?.purpose {
        RechargePurpose::Balance { wallet, .. } => Some(wallet),
        RechargePurpose::Cards { .. } => None,
    }
}

/// The cards of a recharge, once they are issued.
fn cards(recharge: &Recharge, about: &View) -> Option<Vec<CardShown>> {
    let rows = recharge.cards().filter_map(|id| about.cards.get(&recharge.tenant, id));
    let shown: Vec<CardShown> = rows.map(card).collect();
    (!shown.is_empty()).then_some(shown)
}

/// The result of closing a recharge: how it ended, or why that is not known yet.
pub(super) fn closed<'o>(
    order: &'o Order,
    answer: Option<&ChannelAnswer>,
    now: Timestamp,
) -> Result<RechargeClosed<'o>, Fault> {
    crate::map::closed(order, answer, now)?;
    Ok(RechargeClosed {
        out_recharge_id: &order.terms.request.merchant_order_no,
        channel_order_id: order.terms.id.to_string(),
        recharge_status: status(&OrderView::of(order, now)),
    })
}

/// A card.
pub(super) fn card(row: &Card) -> CardShown {
    CardShown {
        card_id: card_id(row.id),
        card_no: row.number.clone(),
        card_batch_id: batch_id_text(row.batch),
        owner_id: row.owner.clone(),
        face_amount: row.face.get().to_string(),
        balance: row.balance().get().to_string(),
        card_status: card_status(row.state),
        begin_time: time::write(row.begins_at),
        end_time: time::write(row.ends_at),
        issue_time: time::write(row.made_at),
        wallet_id: row.bound_to.map(|bound| wallet_id(bound.wallet)),
        bind_time: row.bound_to.map(|bound| time::write(bound.at)),
    }
}

/// `CardStatus`.
pub(super) const fn card_status(state: CardState) -> &'static str {
    match state {
        CardState::Issued => "ISSUED",
        CardState::Transferring => "TRANSFERRING",
        CardState::Bound => "BOUND",
        CardState::UsedUp => "USED_UP",
        CardState::Frozen => "FROZEN",
        CardState::Void => "VOID",
        CardState::Expired => "EXPIRED",
    }
}

/// The command that creates a batch.
pub(super) fn create_batch(caller: &Caller, request: CreateBatch<'_>) -> CardBatchCommand {
    CardBatchCommand::Create(Box::new(CreateCardBatch {
        tenant: caller.tenant.clone(),
        namespace: Arc::from(BATCH_NAMESPACE),
        number: request.number.to_owned(),
        id: None,
        merchant: MerchantId::new(request.merchant),
        name: request.name.to_owned(),
        face: request.face,
        price: request.price,
        total: request.total,
        validity: request.validity,
        owner_max: request.owner_max,
        is_transferable: request.is_transferable,
        accepted_by: request.accepted_by,
        is_on_sale: false,
    }))
}

/// The command that changes a batch.
pub(super) fn modify_batch(caller: &Caller, request: &ModifyBatch) -> CardBatchCommand {
    let ModifyBatch { batch, state, total, ends_at } = *request;
    CardBatchCommand::Modify {
        tenant: caller.tenant.clone(),
        batch: Key::Id(batch),
        modification: CardBatchModification { state, total, ends_at },
    }
}

/// A batch.
pub(super) fn batch(row: &CardBatch, now: Timestamp) -> BatchShown<'_> {
    let (valid_type, begins_at, days) = match row.validity {
        CardValidity::Fixed { begins_at, .. } => ("FIXED", Some(begins_at), None),
        CardValidity::Relative { days } => ("RELATIVE", None, Some(days)),
    };
    let ends_at = row.validity.ends_at();
    BatchShown {
        card_batch_id: batch_id_text(row.id),
        out_batch_id: &row.number,
        batch_name: &row.name,
        channel_sub_merchant_id: row.merchant.as_str(),
        face_amount: row.face.get(),
        sale_price: row.price.get(),
        total_quantity: row.total,
        issued_quantity: row.issued,
        reserved_quantity: row.reserved,
        valid_type,
        begin_time: begins_at.map(time::write),
        end_time: ends_at.map(time::write),
        valid_days: days,
        purchase_limit: row.owner_max,
        transferable: row.is_transferable,
        batch_status: match ends_at.is_some_and(|ends_at| ends_at <= now) {
            true => EXPIRED,
            false => sale(row.state),
        },
        apply_merchant_list: row.accepted_by.iter().map(MerchantId::as_str).collect(),
        create_time: time::write(row.made_at),
    }
}
