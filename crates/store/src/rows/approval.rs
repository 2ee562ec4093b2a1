//! Approvals.

use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{
    Approval, ApprovalChange, ApprovalState, ConcernedPayment, HandEnd, ManualCommand, TenantId,
};
use ledger::{Fen, Subject, SubjectKind, Timestamp, kinds};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

impl Stored for Approval {
    const TABLE: &'static RowTable = &RowTable {
        name: "approvals",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("root_kind"),
            int("root_id"),
            nullable(text("row_kind")),
            nullable(int("row_id")),
            text("command"),
            nullable(text("contested_reference")),
            nullable(text("note")),
            nullable(text("outside_reference")),
            nullable(text("done_items")),
            nullable(text("payment_reference")),
            nullable(int("amount")),
            text("digest"),
            text("proposer"),
        ],
        narrow_len: 15,
        mutable: &[
            int("proposed_at"),
            int("expires_at"),
            text("state"),
            nullable(int("decided_at")),
            nullable(text("decided_by")),
            nullable(text("reason")),
        ],
        number: Some(NumberColumns { namespace: None, number: "digest" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let (command, payment) = (&self.command, self.payment.as_ref());
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(self.root.kind.name()),
            Value::Int(self.root.value),
            Value::optional(command.row().map(|row| row.kind.name())),
            Value::number(command.row().map(|row| row.value)),
            Value::text(command.name()),
            Value::optional(command.payment_reference()),
            Value::optional(command.note()),
            Value::optional(command.outside_reference()),
            command.done_items().map_or(Value::Null, Value::owned),
            Value::optional(payment.map(|payment| &*payment.payment_reference)),
            Value::number(payment.map(|payment| payment.amount.get())),
            Value::text(&self.digest),
            Value::text(&self.proposer),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::Int(self.proposed_at.ms()),
            Value::Int(self.expires_at.ms()),
            Value::text(self.state.name()),
            Value::number(state.decided_at),
            Value::optional(state.decided_by),
            Value::optional(state.reason),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Approval, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let root = cells.subject()?;
        let kind = cells.optional_word(SubjectKind::from_name)?;
        let row = match (kind, cells.optional_int()?) {
            (Some(kind), Some(value)) => Some(Subject { kind, value }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(cells.fault("a part of a row")),
        };
        let name = cells.text()?;
        let command = CommandCells {
            root,
            row,
            payment_reference: cells.optional_text()?,
            note: cells.optional_text()?,
            outside_reference: cells.optional_text()?,
            done_items: cells.optional_text()?,
        };
        let misfit =
            || cells.misfit(format!("command: {name:?} with columns that are not its own"));
        let command = command.read(name).ok_or_else(misfit)?;
        let payment = match (cells.optional_string()?, cells.optional_int()?) {
            (Some(payment_reference), Some(amount)) => {
                Some(ConcernedPayment { payment_reference, amount: Fen::new(amount) })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(cells.fault("a part of a payment")),
        };
        let digest = cells.text()?.to_owned();
        let proposer = cells.shared()?;
        let version = cells.standing()?.version;
        let (proposed_at, expires_at) = (cells.time()?, cells.time()?);
        let name = cells.text()?;
        let state = StateCells {
            decided_at: cells.optional_int()?,
            decided_by: cells.optional_text()?,
            reason: cells.optional_text()?,
        };
        let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
        let state = state.read(name).ok_or_else(misfit)?;
        Ok(Approval {
            tenant,
            id,
            root,
            command,
            payment,
            digest,
            proposer,
            version,
            proposed_at,
            expires_at,
            state,
        })
    }

    fn encode(change: &ApprovalChange, _at: Timestamp) -> Body<'_, Approval> {
        match change {
            ApprovalChange::Proposed(approval) => Body::Whole(approval),
            ApprovalChange::ProposedAgain { expires_at } => {
                json(&AgainBody { expires_at: expires_at.ms() })
            }
            ApprovalChange::Approved { by } => json(&ByBody { by: Cow::Borrowed(by) }),
            ApprovalChange::Refused { by, reason: why }
            | ApprovalChange::Rejected { by, note: why } => {
                json(&WhyBody { by: Cow::Borrowed(by), why: Cow::Borrowed(why) })
            }
            ApprovalChange::Expired => json(&Empty {}),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Approval, String>,
    ) -> Result<ApprovalChange, String> {
        Ok(match name {
            "proposed" => ApprovalChange::Proposed(Box::new(whole(body)?)),
            "proposed_again" => {
                let expires_at = Timestamp::from_ms(parse::<AgainBody>(body)?.expires_at);
                ApprovalChange::ProposedAgain { expires_at }
            }
            "approved" => {
                ApprovalChange::Approved { by: Arc::from(&*parse::<ByBody<'_>>(body)?.by) }
            }
            "refused" => {
                let WhyBody { by, why } = parse(body)?;
                ApprovalChange::Refused { by: Arc::from(&*by), reason: why.into_owned() }
            }
            "rejected" => {
                let WhyBody { by, why } = parse(body)?;
                ApprovalChange::Rejected { by: Arc::from(&*by), note: why.into_owned() }
            }
            "expired" => parse::<Empty>(body).map(|_| ApprovalChange::Expired)?,
            name => unknown(name)?,
        })
    }
}

/// The cells of a manual command; those of other commands are empty.
struct CommandCells<'a> {
    root: Subject,
    row: Option<Subject>,
    payment_reference: Option<&'a str>,
    note: Option<&'a str>,
    outside_reference: Option<&'a str>,
    done_items: Option<&'a str>,
}

impl CommandCells<'_> {
    /// The command of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<ManualCommand> {
        let order = self.root.id::<kinds::Order>();
        if let (Some(order), Some(row)) = (order, self.row) {
            if let Some(share) = row.id::<kinds::Share>() {
                let end = self
                    .end(name, ["accept_share", "end_share_by_hand", "end_share_contradiction"])?;
                return Some(ManualCommand::EndShare { order, share, end });
            }
            if let Some(share_return) = row.id::<kinds::ShareReturn>() {
                let end = self.end(
                    name,
                    [
                        "accept_share_return",
                        "end_share_return_by_hand",
                        "end_share_return_contradiction",
                    ],
                )?;
                return Some(ManualCommand::EndShareReturn { order, share_return, end });
            }
        }
        if self.done_items.is_some() {
            return None;
        }
        let refund = match self.row {
            Some(row) => Some(row.id::<kinds::Refund>()?),
            None => None,
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (note, outside) = (owned(self.note), owned(self.outside_reference));
        if let Some(withdrawal) = self.root.id::<kinds::Withdrawal>() {
            return match (name, refund, self.payment_reference, note, outside) {
                ("book_withdrawal_paid", None, None, Some(note), Some(outside_reference)) => {
                    Some(ManualCommand::BookPaid { withdrawal, note, outside_reference })
                }
                ("book_withdrawal_failed", None, None, Some(note), None) => {
                    Some(ManualCommand::BookFailed { withdrawal, note })
                }
                (_, _, _, _, _) => None,
            };
        }
        let order = order?;
        match (name, refund, owned(self.payment_reference), note, outside) {
            ("apply_payment", None, Some(payment_reference), None, None) => {
                Some(ManualCommand::ApplyPayment { payment_reference })
            }
            ("give_back", None, Some(payment_reference), None, None) => {
                Some(ManualCommand::GiveBack { payment_reference })
            }
            ("settle_by_hand", None, None, Some(note), Some(outside_reference)) => {
                Some(ManualCommand::SettleByHand { note, outside_reference })
            }
            ("write_off", None, None, Some(note), None) => Some(ManualCommand::WriteOff { note }),
            ("close_for_good", None, None, Some(note), None) => {
                Some(ManualCommand::CloseForGood { note })
            }
            ("settle_refund_by_hand", Some(refund), None, Some(note), Some(outside_reference)) => {
                Some(ManualCommand::SettleRefundByHand { order, refund, note, outside_reference })
            }
            ("write_refund_off", Some(refund), None, Some(note), None) => {
                Some(ManualCommand::WriteRefundOff { order, refund, note })
            }
            (_, _, _, _, _) => None,
        }
    }

    /// How a command of these names ends a share, or the return of one: as the channel describes it, by
    /// hand, or what contradicts it.
    fn end(&self, name: &str, [accept, by_hand, contradiction]: [&str; 3]) -> Option<HandEnd> {
        let note = self.note?.to_owned();
        match (self.payment_reference, self.outside_reference, self.done_items) {
            (None, None, None) if name == accept => Some(HandEnd::Accept { note }),
            (None, None, None) if name == contradiction => Some(HandEnd::EndContradiction { note }),
            (None, Some(outside), Some(done)) if name == by_hand => {
                let (done, is_released) = ManualCommand::read_done_items(done)?;
                let outside_reference = outside.to_owned();
                Some(HandEnd::ByHand { done, is_released, note, outside_reference })
            }
            (_, _, _) => None,
        }
    }
}

/// The cells of an approval's state; those of other states are empty.
struct StateCells<'a> {
    decided_at: Option<i64>,
    decided_by: Option<&'a str>,
    reason: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a ApprovalState) -> StateCells<'a> {
        let (at, decided_by, reason) = match state {
            ApprovalState::Proposed => (None, None, None),
            ApprovalState::Approved { at, by } => (Some(at), Some(&**by), None),
            ApprovalState::Refused { at, by, reason } => (Some(at), Some(&**by), Some(&**reason)),
            ApprovalState::Rejected { at, by, note } => (Some(at), Some(&**by), Some(&**note)),
            ApprovalState::Expired { at } => (Some(at), None, None),
        };
        StateCells { decided_at: at.map(|at| at.ms()), decided_by, reason }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<ApprovalState> {
        let at = self.decided_at.map(Timestamp::from_ms);
        let by = self.decided_by.map(Arc::from);
        match (name, at, by, self.reason.map(str::to_owned)) {
            ("proposed", None, None, None) => Some(ApprovalState::Proposed),
            ("approved", Some(at), Some(by), None) => Some(ApprovalState::Approved { at, by }),
            ("refused", Some(at), Some(by), Some(reason)) => {
                Some(ApprovalState::Refused { at, by, reason })
            }
            ("rejected", Some(at), Some(by), Some(note)) => {
                Some(ApprovalState::Rejected { at, by, note })
            }
            ("expired", Some(at), None, None) => Some(ApprovalState::Expired { at }),
            (_, _, _, _) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct AgainBody {
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct ByBody<'a> {
    #[serde(borrow)]
    by: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct WhyBody<'a> {
    #[serde(borrow)]
    by: Cow<'a, str>,
    #[serde(borrow)]
    why: Cow<'a, str>,
}
