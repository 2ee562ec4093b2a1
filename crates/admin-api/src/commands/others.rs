//! Channel accounts that the channel refuses or that got a callback about nothing, and notifications
//! that were given up.

use super::{Behind, Note, On};
use crate::directory::body::Wanted;
use crate::directory::channel_accounts::{self, ChannelAccountPath, ChannelAccountShown};
use crate::query::{self, Malformed};
use crate::routes::{Answer, Faults, NotificationPath, TenantPath, one_notification};
use crate::wire::{ErrorBody, Notification};
use engine::Engine;
use kernel::{ChannelAccountCommand, NotificationCommand};
use ledger::{Id, kinds};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(resume_channel_account))
        .routes(routes!(dismiss_mismatch))
        .routes(routes!(dismiss_notification))
}

/// A channel account's name.
pub(super) struct AccountName(Arc<str>);

impl Behind for AccountName {
    type Segments = (String, String);

    fn read((tenant, name): (String, String)) -> Result<(String, Self), Malformed> {
        Ok((tenant, AccountName(Arc::from(name))))
    }
}

impl On<AccountName> {
    async fn account(self, command: ChannelAccountCommand) -> Answer<ChannelAccountShown> {
        self.run(command).await?;
        channel_accounts::shown(&self.engine, &self.tenant, &self.row.0).await
    }
}

/// Calls an account's channel again, which refused it: somebody has mended it. If it still refuses, the
/// account needs a person again.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/channel-accounts/{name}/resume",
    tag = "directory", params(TenantPath, ChannelAccountPath),
    responses((status = 200, description = "As it is now.", body = ChannelAccountShown), Faults))]
async fn resume_channel_account(on: On<AccountName>) -> Answer<ChannelAccountShown> {
    let (tenant, name) = (on.tenant.clone(), on.row.0.clone());
    on.account(ChannelAccountCommand::Resume { tenant, name }).await
}

/// Records that somebody has looked into a callback about nothing that is known here.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/channel-accounts/{name}/dismiss-mismatch",
    tag = "directory", params(TenantPath, ChannelAccountPath), request_body = Note,
    responses((status = 200, description = "As it is now.", body = ChannelAccountShown), Faults))]
async fn dismiss_mismatch(
    on: On<AccountName>,
    Wanted(note): Wanted<Note>,
) -> Answer<ChannelAccountShown> {
    let (tenant, name, note) = (on.tenant.clone(), on.row.0.clone(), note.read()?);
    on.account(ChannelAccountCommand::DismissMismatch { tenant, name, note }).await
}

impl Behind for Id<kinds::Notification> {
    type Segments = (String, String);

    fn read((tenant, notification): (String, String)) -> Result<(String, Self), Malformed> {
        Ok((tenant, query::notification_id(&notification)?))
    }
}

/// Records that a notification which was given up needs nobody any more. It can still be replayed.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/notifications/{notification}/dismiss",
    tag = "notifications", params(TenantPath, NotificationPath), request_body = Note,
    responses(
        (status = 200, description = "The notification.", body = Notification),
        (status = 409, description = "It is not given up.", body = ErrorBody),
        Faults
    ))]
async fn dismiss_notification(
    on: On<Id<kinds::Notification>>,
    Wanted(note): Wanted<Note>,
) -> Answer<Notification> {
    let (tenant, notification, note) = (on.tenant.clone(), on.row, note.read()?);
    on.run(NotificationCommand::Dismiss { tenant, notification, note }).await?;
    one_notification(&on.engine, on.tenant, notification).await
}
