//! Shares and their returns that the channel does not end.

use super::decided::Decided;
use super::{Behind, ByHand, Note, On};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::map;
use crate::query::{self, Malformed};
use crate::routes::{Faults, OrderPath, TenantPath};
use crate::wire::{Approval, ErrorBody, Order};
use engine::Engine;
use kernel::{
    Command, DecideShare, DecideShareReturn, HandEnd, Key, ShareCommand, ShareReturnCommand,
    TenantId,
};
use ledger::{Id, kinds};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::OneOrder;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(retry_share))
        .routes(routes!(retry_share_under_new_number))
        .routes(routes!(accept_share))
        .routes(routes!(end_share_by_hand))
        .routes(routes!(dismiss_share_contradiction))
        .routes(routes!(retry_share_return))
        .routes(routes!(retry_share_return_under_new_number))
        .routes(routes!(accept_share_return))
        .routes(routes!(end_share_return_by_hand))
        .routes(routes!(dismiss_share_return_contradiction))
}

/// A share of an order.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct SharePath {
    /// The share's id, 18 digits.
    share: String,
}

/// The return of a share.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct ShareReturnPath {
    /// The return's id, 18 digits.
    share_return: String,
}

/// A share, as a path names it.
pub(super) struct NamedShare {
    order: Id<kinds::Order>,
    share: Id<kinds::Share>,
}

impl Behind for NamedShare {
    type Segments = (String, String, String);

    fn read((tenant, order, share): Self::Segments) -> Result<(String, Self), Malformed> {
        let (order, share) = (query::order_id(&order)?, query::share_id(&share)?);
        Ok((tenant, NamedShare { order, share }))
    }
}

/// The return of a share, as a path names it.
pub(super) struct NamedReturn {
    order: Id<kinds::Order>,
    share_return: Id<kinds::ShareReturn>,
}

impl Behind for NamedReturn {
    type Segments = (String, String, String);

    fn read((tenant, order, row): Self::Segments) -> Result<(String, Self), Malformed> {
        let (order, share_return) = (query::order_id(&order)?, query::share_return_id(&row)?);
        Ok((tenant, NamedReturn { order, share_return }))
    }
}

/// How a share ends, as somebody saw it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShareByHand {
    /// The ids of the payees whose items are done: paid outside the channel's interface. Those of other
    /// payees that are not final are not done.
    done: Vec<String>,
    /// True where what was not shared of the order is released at the channel.
    #[serde(default)]
    is_released: bool,
    /// Why, for people: 1 to 200 characters on one line.
    note: String,
    /// The number of that movement where it was made, such as the bank's: 1 to 64 characters.
    outside_reference: String,
}

/// How the return of a share ends, as somebody saw it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReturnByHand {
    /// The ids of the payees whose items are done: given back outside the channel's interface. Those of
    /// other payees that are not final are not done.
    done: Vec<String>,
    /// Why, for people: 1 to 200 characters on one line.
    note: String,
    /// The number of that movement where it was made, such as the bank's: 1 to 64 characters.
    outside_reference: String,
}

impl ShareByHand {
    fn read(self) -> Result<HandEnd, Malformed> {
        let ShareByHand { done, is_released, note, outside_reference } = self;
        let (note, outside_reference) = ByHand { note, outside_reference }.read()?;
        Ok(HandEnd::ByHand { done: payees(&done)?, is_released, note, outside_reference })
    }
}

impl ReturnByHand {
    fn read(self) -> Result<HandEnd, Malformed> {
        let ReturnByHand { done, note, outside_reference } = self;
        ShareByHand { done, is_released: false, note, outside_reference }.read()
    }
}

/// Payees in order, each once.
fn payees(ids: &[String]) -> Result<Vec<Id<kinds::Payee>>, Malformed> {
    let read =
        ids.iter().map(|id| query::payee_id("done", id)).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(read.into_iter().collect())
}

impl On<NamedShare> {
    async fn end(self, end: HandEnd) -> Result<Decided<Order>, Fault> {
        let (tenant, NamedShare { order, share }) = (self.owner(), &self.row);
        let (order, share) = (*order, *share);
        self.of_order(order, DecideShare { tenant, share, order, end }).await
    }
}

impl On<NamedReturn> {
    async fn end(self, end: HandEnd) -> Result<Decided<Order>, Fault> {
        let (tenant, NamedReturn { order, share_return }) = (self.owner(), &self.row);
        let (order, share_return) = (*order, *share_return);
        self.of_order(order, DecideShareReturn { tenant, share_return, order, end }).await
    }
}

impl<T> On<T> {
    /// Carries a command out and shows the order that it belongs to.
    async fn of_order(
        self,
        order: Id<kinds::Order>,
        command: impl Into<Command>,
    ) -> Result<Decided<Order>, Fault> {
        if let Some(approval) = self.run(command).await? {
            return Ok(Decided::Pending(approval));
        }
        let one = OneOrder { tenant: self.tenant.clone(), key: Key::Id(order) };
        let found = self.engine.ask(one).await?.ok_or(Fault::NotFound { what: "order" })?;
        Ok(Decided::Done(map::order(&found)))
    }

    fn owner(&self) -> TenantId {
        self.tenant.clone()
    }
}

/// Calls the channel about the share now, and begins its schedule anew.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/shares/{share}/retry",
    tag = "shares", params(TenantPath, OrderPath, SharePath),
    responses(
        (status = 200, description = "The order; its story has the share.", body = Order),
        (status = 409, description = "The share has ended.", body = ErrorBody),
        Faults
    ))]
async fn retry_share(on: On<NamedShare>) -> Result<Decided<Order>, Fault> {
    let (tenant, NamedShare { order, share }) = (on.owner(), &on.row);
    let (order, share) = (*order, *share);
    on.of_order(order, ShareCommand::RetryNow { tenant, share, order }).await
}

/// Calls the channel about the return of a share now, and begins its schedule anew.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/share-returns/{share_return}/retry",
    tag = "shares", params(TenantPath, OrderPath, ShareReturnPath),
    responses(
        (status = 200, description = "The order; its story has the return.", body = Order),
        (status = 409, description = "The return has ended.", body = ErrorBody),
        Faults
    ))]
async fn retry_share_return(on: On<NamedReturn>) -> Result<Decided<Order>, Fault> {
    let (tenant, NamedReturn { order, share_return }) = (on.owner(), &on.row);
    let (order, share_return) = (*order, *share_return);
    on.of_order(order, ShareReturnCommand::RetryNow { tenant, share_return, order }).await
}

/// Requests the share under a new number: the channel has refused the one before. It is requested after the
/// half minute in which a call about the number before may still end.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/shares/{share}/retry-under-new-number",
    tag = "shares", params(TenantPath, OrderPath, SharePath),
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 409, description = "The number before is not known to be refused, or nothing needs \
            a person.", body = ErrorBody),
        Faults
    ))]
async fn retry_share_under_new_number(on: On<NamedShare>) -> Result<Decided<Order>, Fault> {
    let (tenant, NamedShare { order, share }) = (on.owner(), &on.row);
    let (order, share) = (*order, *share);
    on.of_order(order, ShareCommand::RetryUnderNewNumber { tenant, share, order }).await
}

/// Books the share as the channel describes it, other than was requested.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/shares/{share}/accept",
    tag = "shares", params(TenantPath, OrderPath, SharePath), request_body = Note,
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "What the channel describes cannot be booked.",
            body = ErrorBody),
        Faults
    ))]
async fn accept_share(
    on: On<NamedShare>,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Order>, Fault> {
    let note = note.read()?;
    on.end(HandEnd::Accept { note }).await
}

/// Ends the share item by item, as somebody saw it; what is done was done outside the channel.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/shares/{share}/end-by-hand",
    tag = "shares", params(TenantPath, OrderPath, SharePath), request_body = ShareByHand,
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "It has ended, or needs no person.", body = ErrorBody),
        Faults
    ))]
async fn end_share_by_hand(
    on: On<NamedShare>,
    Wanted(by_hand): Wanted<ShareByHand>,
) -> Result<Decided<Order>, Fault> {
    let end = by_hand.read()?;
    on.end(end).await
}

/// Ends what contradicted the share after its end; no money moves.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/shares/{share}/dismiss-contradiction",
    tag = "shares", params(TenantPath, OrderPath, SharePath), request_body = Note,
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "It has not ended, or nothing contradicts it.",
            body = ErrorBody),
        Faults
    ))]
async fn dismiss_share_contradiction(
    on: On<NamedShare>,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Order>, Fault> {
    let note = note.read()?;
    on.end(HandEnd::EndContradiction { note }).await
}

/// Requests the return of a share under a new number: the channel has refused the one before. It is requested after the
/// half minute in which a call about the number before may still end.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/share-returns/{share_return}/retry-under-new-number",
    tag = "shares", params(TenantPath, OrderPath, ShareReturnPath),
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 409, description = "The number before is not known to be refused, or nothing needs \
            a person.", body = ErrorBody),
        Faults
    ))]
async fn retry_share_return_under_new_number(on: On<NamedReturn>) -> Result<Decided<Order>, Fault> {
    let (tenant, NamedReturn { order, share_return }) = (on.owner(), &on.row);
    let (order, share_return) = (*order, *share_return);
    on.of_order(order, ShareReturnCommand::RetryUnderNewNumber { tenant, share_return, order })
        .await
}

/// Books the return of a share as the channel describes it, other than was requested.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/share-returns/{share_return}/accept",
    tag = "shares", params(TenantPath, OrderPath, ShareReturnPath), request_body = Note,
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "What the channel describes cannot be booked.",
            body = ErrorBody),
        Faults
    ))]
async fn accept_share_return(
    on: On<NamedReturn>,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Order>, Fault> {
    let note = note.read()?;
    on.end(HandEnd::Accept { note }).await
}

/// Ends the return of a share item by item, as somebody saw it; what is done was done outside the channel.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/orders/{order}/share-returns/{share_return}/end-by-hand",
    tag = "shares", params(TenantPath, OrderPath, ShareReturnPath), request_body = ReturnByHand,
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "It has ended, or needs no person.", body = ErrorBody),
        Faults
    ))]
async fn end_share_return_by_hand(
    on: On<NamedReturn>,
    Wanted(by_hand): Wanted<ReturnByHand>,
) -> Result<Decided<Order>, Fault> {
    let end = by_hand.read()?;
    on.end(end).await
}

/// Ends what contradicted the return of a share after its end; no money moves.
#[utoipa::path(post,
    path = "/admin/v1/tenants/{tenant}/orders/{order}/share-returns/{share_return}/dismiss-contradiction",
    tag = "shares", params(TenantPath, OrderPath, ShareReturnPath), request_body = Note,
    responses(
        (status = 200, description = "The order; its story has what was decided.", body = Order),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "It has not ended, or nothing contradicts it.",
            body = ErrorBody),
        Faults
    ))]
async fn dismiss_share_return_contradiction(
    on: On<NamedReturn>,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Order>, Fault> {
    let note = note.read()?;
    on.end(HandEnd::EndContradiction { note }).await
}
