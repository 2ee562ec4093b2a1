//! Withdrawals that are paid by hand.

use super::decided::Decided;
use super::{Behind, ByHand, Note, On};
use crate::directory::body::Wanted;
use crate::faults::Fault;
use crate::map;
use crate::query::{self, Malformed};
use crate::routes::{Faults, TenantPath};
use crate::settlement::WithdrawalPath;
use crate::wire::{Approval, ErrorBody, Withdrawal};
use engine::Engine;
use kernel::{Key, WithdrawalCommand};
use ledger::{Id, kinds};
use std::sync::Arc;
use store::OneWithdrawal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(book_withdrawal_paid))
        .routes(routes!(book_withdrawal_failed))
}

impl Behind for Id<kinds::Withdrawal> {
    type Segments = (String, String);

    fn read((tenant, withdrawal): (String, String)) -> Result<(String, Self), Malformed> {
        Ok((tenant, query::withdrawal_id(&withdrawal)?))
    }
}

type OnWithdrawal = On<Id<kinds::Withdrawal>>;

impl OnWithdrawal {
    /// Carries out the command, and shows the withdrawal; or proposes it.
    async fn withdrawal(self, command: WithdrawalCommand) -> Result<Decided<Withdrawal>, Fault> {
        if let Some(approval) = self.run(command).await? {
            return Ok(Decided::Pending(approval));
        }
        let one = OneWithdrawal { tenant: self.tenant.clone(), key: Key::Id(self.row) };
        let found = self.engine.ask(one).await?.ok_or(Fault::NotFound { what: "withdrawal" })?;
        Ok(Decided::Done(map::withdrawal(&found)))
    }
}

/// Books that a withdrawal was paid outside: the money leaves what the merchant has, and the merchant is
/// notified.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/withdrawals/{withdrawal}/book-paid",
    tag = "settlement", params(TenantPath, WithdrawalPath), request_body = ByHand,
    responses(
        (status = 200, description = "The withdrawal, which is paid.", body = Withdrawal),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "It has ended in another way.", body = ErrorBody),
        Faults
    ))]
async fn book_withdrawal_paid(
    on: OnWithdrawal,
    Wanted(by_hand): Wanted<ByHand>,
) -> Result<Decided<Withdrawal>, Fault> {
    let (note, outside_reference) = by_hand.read()?;
    let (tenant, withdrawal) = (on.tenant.clone(), on.row);
    on.withdrawal(WithdrawalCommand::BookPaid { tenant, withdrawal, note, outside_reference }).await
}

/// Books that a withdrawal was not paid and will not be: the merchant has the money available again, and
/// is notified with the note as the reason.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/withdrawals/{withdrawal}/book-failed",
    tag = "settlement", params(TenantPath, WithdrawalPath), request_body = Note,
    responses(
        (status = 200, description = "The withdrawal, which has failed.", body = Withdrawal),
        (status = 202, description = "It waits for a second operator's approval.",
            body = Approval),
        (status = 409, description = "It has ended in another way.", body = ErrorBody),
        Faults
    ))]
async fn book_withdrawal_failed(
    on: OnWithdrawal,
    Wanted(note): Wanted<Note>,
) -> Result<Decided<Withdrawal>, Fault> {
    let (tenant, withdrawal, note) = (on.tenant.clone(), on.row, note.read()?);
    on.withdrawal(WithdrawalCommand::BookFailed { tenant, withdrawal, note }).await
}
