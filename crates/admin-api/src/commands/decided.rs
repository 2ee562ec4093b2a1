//! What a command came to: it was carried out, or a second operator has to approve it first.

use super::{On, PATIENCE};
use crate::faults::Fault;
use crate::map;
use crate::operators::ManualRule;
use crate::wire::Approval;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kernel::{ApprovalCommand, Command, Manual, Proposal, Row};
use serde::Serialize;

/// The answer to a command.
pub(crate) enum Decided<T> {
    /// It was carried out, or had been before; this is the row.
    Done(T),
    /// It waits for a second operator.
    Pending(Box<Approval>),
}

impl<T: Serialize> IntoResponse for Decided<T> {
    fn into_response(self) -> Response {
        match self {
            Decided::Done(row) => Json(row).into_response(),
            Decided::Pending(approval) => (StatusCode::ACCEPTED, Json(approval)).into_response(),
        }
    }
}

impl<T> On<T> {
    /// Carries a command out and waits a while for the channel's answer, if it leads to a call. Where
    /// it moves money by hand and the rule wants a second person, it is only proposed: the approval is
    /// the answer then.
    pub(super) async fn run(
        &self,
        command: impl Into<Command>,
    ) -> Result<Option<Box<Approval>>, Fault> {
        let command = command.into();
        match (self.operator.manual_rule, command.manual()) {
            (ManualRule::TwoPeople, Some(manual)) => self.propose(manual).await,
            (ManualRule::TwoPeople, None) | (ManualRule::OnePerson, _) => {
                self.engine.handle_and_wait(self.operator.caller(), command, PATIENCE).await?;
                Ok(None)
            }
        }
    }

    async fn propose(&self, manual: Manual) -> Result<Option<Box<Approval>>, Fault> {
        let tenant = self.tenant.clone();
        let content = manual.content(&tenant, &self.operator.name);
        let digest = crypto::hash::sha256_hex(content.as_bytes());
        let proposal = Proposal { tenant, manual, digest };
        let command = ApprovalCommand::Propose(Box::new(proposal));
        let handled = self.engine.handle(self.operator.caller(), command).await?;
        Ok(match handled.reply.row {
            Some(Row::Approval(approval)) => Some(Box::new(map::approval(&approval))),
            // There was nothing left to do.
            Some(_) | None => None,
        })
    }
}
