//! Orders: a payment that contradicts its order, and an order that cannot be closed.

use super::decided::Decided;
use super::{Behind, ByHand, ContestedReference, Note, On};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::map;
use crate::query::{self, Malformed};
use crate::routes::{Faults, OrderPath, TenantPath};
use crate::wire::{Approval, ErrorBody, Order};
use engine::Engine;
use kernel::{Key, OrderCommand, TenantId};
use ledger::{Id, kinds};
use std::sync::Arc;
use store::OneOrder;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(poll_order))
        .routes(routes!(apply_payment))
        .routes(routes!(give_payment_back))
        .routes(routes!(settle_payment_by_hand))
        .routes(routes!(write_payment_off))
        .routes(routes!(close_order_for_good))
}

impl Behind for Id<kinds::Order> {
    type Segments = (String, String);

    fn read((tenant, order): (String, String)) -> Result<(String, Self), Malformed> {
        Ok((tenant, query::order_id(&order)?))
    }
}

type OnOrder = On<Id<kinds::Order>>;

impl OnOrder {
    /// Carries out the command that is made for the order, and shows the order; or proposes it.
    async fn order(
        self,
        command: impl FnOnce(TenantId, Key<kinds::Order>) -> OrderCommand,
    ) -> Result<Decided<Order>, Fault> {
        let key: Key<kinds::Order> = self.row.into();
        if let Some(approval) = self.run(command(self.tenant.clone(), key.clone())).await? {
            return Ok(Decided::Pending(approval));
        }
        let one = OneOrder { tenant: self.tenant.clone(), key };
        let order = self.engine.ask(one).await?.ok_or(Fault::NotFound { what: "order" })?;
        Ok(Decided::Done(map::order(&order)))
    }
}

/// Polls the channel now, and begins the order's schedule anew.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/poll-now",
    tag = "orders", params(TenantPath, OrderPath),
    responses(
        (status = 200, description = "The order.", body = Order),
        (status = 409, description = "The order is paid.", body = ErrorBody),
        Faults
    ))]
async fn poll_order(on: OnOrder) -> Result<Decided<Order>, Fault> {
    on.order(|tenant, order| OrderCommand::PollNow { tenant, order }).await
}

/// Takes the contested payment for the order's payment, with its real amount.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/apply-payment",
    tag = "orders", params(TenantPath, OrderPath), request_body = ContestedReference,
    responses(
        (status = 200, description = "The order, which is paid.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "There is no such contested payment, or the order is final.",
            body = ErrorBody),
        Faults
    ))]
async fn apply_payment(
    on: OnOrder,
    Wanted(payment): Wanted<ContestedReference>,
) -> Result<Decided<Order>, Fault> {
    let payment_reference = payment.read()?;
    on.order(|tenant, order| OrderCommand::ApplyPayment { tenant, order, payment_reference }).await
}

/// Refunds the contested payment. An open order fails.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/give-back",
    tag = "orders", params(TenantPath, OrderPath), request_body = ContestedReference,
    responses(
        (status = 200, description = "The order; its story has the refund.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "There is no such contested payment.", body = ErrorBody),
        Faults
    ))]
async fn give_payment_back(
    on: OnOrder,
    Wanted(payment): Wanted<ContestedReference>,
) -> Result<Decided<Order>, Fault> {
    let payment_reference = payment.read()?;
    on.order(|tenant, order| OrderCommand::GiveBack { tenant, order, payment_reference }).await
}

/// Books that somebody gave the contested payment back outside the channel's interface. An open order
/// fails.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/settle-by-hand",
    tag = "orders", params(TenantPath, OrderPath), request_body = ByHand,
    responses(
        (status = 200, description = "The order.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "There is no contested payment.", body = ErrorBody),
        Faults
    ))]
async fn settle_payment_by_hand(
    on: OnOrder,
    Wanted(by_hand): Wanted<ByHand>,
) -> Result<Decided<Order>, Fault> {
    let (note, outside_reference) = by_hand.read()?;
    on.order(|tenant, order| OrderCommand::SettleByHand { tenant, order, note, outside_reference })
        .await
}

/// Keeps the contested payment: it is not given back, and an open order fails. Without one, the
/// contradiction was looked into and is over.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/write-off",
    tag = "orders", params(TenantPath, OrderPath), request_body = Note,
    responses(
        (status = 200, description = "The order.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "Nothing about the order needs a person.", body = ErrorBody),
        Faults
    ))]
async fn write_payment_off(
    on: OnOrder,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Order>, Fault> {
    let note = note.read()?;
    on.order(|tenant, order| OrderCommand::WriteOff { tenant, order, note }).await
}

/// Ends an order that cannot be closed at the channel. Money that still comes goes back.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/close-for-good",
    tag = "orders", params(TenantPath, OrderPath), request_body = Note,
    responses(
        (status = 200, description = "The order, which has ended.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "The order is final, needs no person, or has a contested \
            payment that comes first.", body = ErrorBody),
        Faults
    ))]
async fn close_order_for_good(
    on: OnOrder,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Order>, Fault> {
    let note = note.read()?;
    on.order(|tenant, order| OrderCommand::CloseForGood { tenant, order, note }).await
}
