//! Refunds that the channel refused, closed, or does not carry out.

use super::decided::Decided;
use super::{Behind, ByHand, Note, On};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::map;
use crate::query::{self, Malformed};
use crate::routes::{Faults, OrderPath, TenantPath};
use crate::wire::{Approval, ErrorBody, Refund};
use engine::Engine;
use kernel::{DecideRefund, RefundDecision};
use ledger::{Id, kinds};
use std::sync::Arc;
use store::StoryOf;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(retry_refund))
        .routes(routes!(retry_refund_under_new_number))
        .routes(routes!(settle_refund_by_hand))
        .routes(routes!(write_refund_off))
}

/// A refund of an order.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct RefundPath {
    /// The refund's id, 18 digits.
    refund: String,
}

/// A refund, as a path names it.
pub(super) struct Named {
    order: Id<kinds::Order>,
    refund: Id<kinds::Refund>,
}

impl Behind for Named {
    type Segments = (String, String, String);

    fn read((tenant, order, refund): Self::Segments) -> Result<(String, Self), Malformed> {
        let (order, refund) = (query::order_id(&order)?, query::refund_id(&refund)?);
        Ok((tenant, Named { order, refund }))
    }
}

type OnRefund = On<Named>;

impl OnRefund {
    /// Carries out what is decided, and shows the refund; or proposes it.
    async fn refund(self, decision: RefundDecision) -> Result<Decided<Refund>, Fault> {
        let Named { order, refund } = self.row;
        let tenant = self.tenant.clone();
        match self.run(DecideRefund { tenant, refund, order, decision }).await? {
            Some(approval) => Ok(Decided::Pending(approval)),
            None => Ok(Decided::Done(self.shown().await?)),
        }
    }

    async fn shown(&self) -> Result<Refund, Fault> {
        let Named { order, refund } = self.row;
        let of = StoryOf { tenant: self.tenant.clone(), root: order.subject().root() };
        let story = self.engine.ask(of).await?.ok_or(Fault::NotFound { what: "order" })?;
        let found = story.refunds().find(|row| row.id == refund);
        Ok(map::refund(found.ok_or(Fault::NotFound { what: "refund" })?))
    }
}

/// Asks the channel again now. A refund that it refused is requested again, with the same number.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/refunds/{refund}/retry",
    tag = "refunds", params(TenantPath, OrderPath, RefundPath),
    responses(
        (status = 200, description = "The refund.", body = Refund),
        (status = 409, description = "The refund has ended.", body = ErrorBody),
        Faults
    ))]
async fn retry_refund(on: OnRefund) -> Result<Decided<Refund>, Fault> {
    on.refund(RefundDecision::RetryNow).await
}

/// Requests the refund under a new number: the channel has closed or refused the one before.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/refunds/{refund}/retry-under-new-number",
    tag = "refunds", params(TenantPath, OrderPath, RefundPath),
    responses(
        (status = 200, description = "The refund, with its new number.", body = Refund),
        (status = 409, description = "The number before is not known to have failed.",
            body = ErrorBody),
        Faults
    ))]
async fn retry_refund_under_new_number(on: OnRefund) -> Result<Decided<Refund>, Fault> {
    on.refund(RefundDecision::RetryUnderNewNumber).await
}

/// Books that somebody gave the money back outside the channel's interface.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/refunds/{refund}/settle-by-hand",
    tag = "refunds", params(TenantPath, OrderPath, RefundPath), request_body = ByHand,
    responses(
        (status = 200, description = "The refund, which has ended.", body = Refund),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "The refund has ended, or needs no person.",
            body = ErrorBody),
        Faults
    ))]
async fn settle_refund_by_hand(
    on: OnRefund,
    Wanted(by_hand): Wanted<ByHand>,
) -> Result<Decided<Refund>, Fault> {
    let (note, outside_reference) = by_hand.read()?;
    on.refund(RefundDecision::SettleByHand { note, outside_reference }).await
}

/// Books that the money is not given back. Of a refund that is done: what contradicted was looked into.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/refunds/{refund}/write-off",
    tag = "refunds", params(TenantPath, OrderPath, RefundPath), request_body = Note,
    responses(
        (status = 200, description = "The refund, which has ended.", body = Refund),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "The refund has ended, or needs no person.",
            body = ErrorBody),
        Faults
    ))]
async fn write_refund_off(
    on: OnRefund,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Refund>, Fault> {
    let note = note.read()?;
    on.refund(RefundDecision::WriteOff { note }).await
}
