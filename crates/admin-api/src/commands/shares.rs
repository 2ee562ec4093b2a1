//! Shares and their returns that the channel does not end.

use super::decided::Decided;
use super::{Behind, On};
use crate::faults::Fault;
use crate::map;
use crate::query::{self, Malformed};
use crate::routes::{Faults, OrderPath, TenantPath};
use crate::wire::{ErrorBody, Order};
use engine::Engine;
use kernel::{Command, Key, ShareCommand, ShareReturnCommand, TenantId};
use ledger::{Id, kinds};
use std::sync::Arc;
use store::OneOrder;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new().routes(routes!(retry_share)).routes(routes!(retry_share_return))
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
