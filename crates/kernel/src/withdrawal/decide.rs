//! How a withdrawal is accepted, and how its end is booked.

use super::{
    Payout, Withdrawal, WithdrawalChange, WithdrawalField, WithdrawalRefusal, WithdrawalState,
    available,
};
use crate::aggregate::{AggregateCommand, Key, Reads};
use crate::approval::{Manual, ManualCommand, ManualRoot};
use crate::command::Reply;
use crate::deciding::{Deciding, Movement};
use crate::directory::{MerchantId, TenantId};
use crate::notification::{NotificationKind, Notified, queue};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, kinds};
use std::sync::Arc;

/// What can be requested of a withdrawal. A repeat answers the same and moves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawalCommand {
    /// By a merchant's system: pay out available money.
    Request(Box<RequestWithdrawal>),
    /// By an operator: the merchant has the money at its bank.
    BookPaid {
        /// The owner.
        tenant: TenantId,
        /// The withdrawal.
        withdrawal: Id<kinds::Withdrawal>,
        /// What was seen, for people.
        note: String,
        /// The number of the payout, where it was made.
        outside_reference: String,
    },
    /// By an operator: it was not paid out and will not be.
    BookFailed {
        /// The owner.
        tenant: TenantId,
        /// The withdrawal.
        withdrawal: Id<kinds::Withdrawal>,
        /// Why, for people; the merchant reads it too.
        note: String,
    },
}

/// A request to pay out available money of a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestWithdrawal {
    /// The owner.
    pub tenant: TenantId,
    /// The merchant whose money it is.
    pub merchant: MerchantId,
    /// The namespace of the caller's number.
    pub namespace: Arc<str>,
    /// The caller's number.
    pub withdrawal_no: String,
    /// The dialect in which it is requested.
    pub dialect: Arc<str>,
    /// How much.
    pub amount: Fen,
    /// Where its end is notified of.
    pub notify_url: Option<String>,
    /// What the caller notes, for people.
    pub remark: Option<String>,
}

impl AggregateCommand for WithdrawalCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            WithdrawalCommand::Request(request) => &request.tenant,
            WithdrawalCommand::BookPaid { tenant, .. }
            | WithdrawalCommand::BookFailed { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            WithdrawalCommand::Request(_) => "request_withdrawal",
            WithdrawalCommand::BookPaid { .. } => "book_withdrawal_paid",
            WithdrawalCommand::BookFailed { .. } => "book_withdrawal_failed",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let tenant = self.tenant().clone();
        match self {
            WithdrawalCommand::Request(request) => {
                let key = Withdrawal::key(&request.namespace, &request.withdrawal_no);
                reads.withdrawals.push((tenant.clone(), Key::Number(key)));
                reads.balances.push((tenant, available(&request.merchant)));
            }
            // What is held is released or posted: neither lowers what is available.
            WithdrawalCommand::BookPaid { withdrawal, .. }
            | WithdrawalCommand::BookFailed { withdrawal, .. } => {
                reads.withdrawals.push((tenant, Key::Id(*withdrawal)));
            }
        }
    }

    fn manual(&self) -> Option<Manual> {
        let (withdrawal, command) = match self.clone() {
            // The floor of the account guards it.
            WithdrawalCommand::Request(_) => return None,
            WithdrawalCommand::BookPaid { withdrawal, note, outside_reference, .. } => {
                (withdrawal, ManualCommand::BookPaid { withdrawal, note, outside_reference })
            }
            WithdrawalCommand::BookFailed { withdrawal, note, .. } => {
                (withdrawal, ManualCommand::BookFailed { withdrawal, note })
            }
        };
        Some(Manual { root: ManualRoot::Withdrawal(withdrawal), command })
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &WithdrawalCommand,
) -> Result<Reply, WithdrawalRefusal> {
    match command {
        WithdrawalCommand::Request(request) => accept(deciding, request),
        WithdrawalCommand::BookPaid { tenant, withdrawal, note, outside_reference } => {
            let known = find(deciding, tenant, *withdrawal)?;
            book_paid(deciding, &known, note, outside_reference)
        }
        WithdrawalCommand::BookFailed { tenant, withdrawal, note } => {
            let known = find(deciding, tenant, *withdrawal)?;
            book_failed(deciding, &known, note)
        }
    }
}

fn find(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Withdrawal>,
) -> Result<Withdrawal, WithdrawalRefusal> {
    deciding.row::<Withdrawal>(tenant, id).ok_or(WithdrawalRefusal::NotFound)
}

fn accept(
    deciding: &mut Deciding<'_>,
    request: &RequestWithdrawal,
) -> Result<Reply, WithdrawalRefusal> {
    let key = Withdrawal::key(&request.namespace, &request.withdrawal_no);
    if let Some(known) = deciding.view().withdrawals.find(&request.tenant, &Key::Number(key)) {
        check_same(known, request)?;
        return Ok(Reply::about(known.id.subject()));
    }
    check_merchant(deciding, request)?;
    check_amount(deciding, request)?;
    let withdrawal = Withdrawal {
        tenant: request.tenant.clone(),
        id: deciding.id(),
        merchant: request.merchant.clone(),
        namespace: request.namespace.clone(),
        withdrawal_no: request.withdrawal_no.clone(),
        dialect: request.dialect.clone(),
        amount: request.amount,
        notify_url: request.notify_url.clone(),
        remark: request.remark.clone(),
        payout: Payout::ByHand,
        made_at: deciding.now(),
        version: 1,
        state: WithdrawalState::Accepted,
    };
    let whole = Box::new(withdrawal.clone());
    deciding.record(&withdrawal, WithdrawalChange::Accepted(whole));
    deciding.transfer(&withdrawal, movement(&withdrawal, Phase::Hold));
    Ok(Reply::about(withdrawal.id.subject()))
}

/// A repeat must request the same.
fn check_same(known: &Withdrawal, request: &RequestWithdrawal) -> Result<(), WithdrawalRefusal> {
    let differences = [
        (WithdrawalField::Merchant, known.merchant != request.merchant),
        (WithdrawalField::Amount, known.amount != request.amount),
        (WithdrawalField::NotifyUrl, known.notify_url != request.notify_url),
        (WithdrawalField::Remark, known.remark != request.remark),
    ];
    match differences.into_iter().find(|(_, differs)| *differs) {
        Some((field, _)) => Err(WithdrawalRefusal::Differs { field }),
        None => Ok(()),
    }
}

fn check_merchant(
    deciding: &Deciding<'_>,
    request: &RequestWithdrawal,
) -> Result<(), WithdrawalRefusal> {
    match deciding.view().directory.merchant(&request.tenant, &request.merchant) {
        None => Err(WithdrawalRefusal::UnknownMerchant),
        Some(merchant) if !merchant.is_enabled => Err(WithdrawalRefusal::MerchantDisabled),
        Some(_) => Ok(()),
    }
}

/// The book would refuse it as well; here the refusal says what there is.
fn check_amount(
    deciding: &Deciding<'_>,
    request: &RequestWithdrawal,
) -> Result<(), WithdrawalRefusal> {
    if !request.amount.is_positive() {
        return Err(WithdrawalRefusal::Amount);
    }
    let key = (request.tenant.clone(), available(&request.merchant));
    let balance = deciding.view().balances.get(&key).copied().unwrap_or_default();
    let available = balance.available().unwrap_or(Fen::ZERO);
    match request.amount <= available {
        true => Ok(()),
        false => Err(WithdrawalRefusal::Insufficient { available }),
    }
}

fn book_paid(
    deciding: &mut Deciding<'_>,
    withdrawal: &Withdrawal,
    note: &str,
    outside_reference: &str,
) -> Result<Reply, WithdrawalRefusal> {
    match &withdrawal.state {
        WithdrawalState::Accepted => {
            let (note, outside_reference) = (note.to_owned(), outside_reference.to_owned());
            let change = WithdrawalChange::Paid { outside_reference, note };
            end(deciding, withdrawal, change, Phase::PostHeld);
        }
        WithdrawalState::Paid { note: known, outside_reference: reference, .. }
            if known == note && reference == outside_reference => {}
        WithdrawalState::Paid { .. } | WithdrawalState::Failed { .. } => {
            return Err(state(withdrawal));
        }
    }
    Ok(Reply::about(withdrawal.id.subject()))
}

fn book_failed(
    deciding: &mut Deciding<'_>,
    withdrawal: &Withdrawal,
    note: &str,
) -> Result<Reply, WithdrawalRefusal> {
    match &withdrawal.state {
        WithdrawalState::Accepted => {
            let change = WithdrawalChange::Failed { note: note.to_owned() };
            end(deciding, withdrawal, change, Phase::Release);
        }
        WithdrawalState::Failed { note: known, .. } if known == note => {}
        WithdrawalState::Paid { .. } | WithdrawalState::Failed { .. } => {
            return Err(state(withdrawal));
        }
    }
    Ok(Reply::about(withdrawal.id.subject()))
}

/// Books the end of a payout, and notifies the merchant of it.
fn end(
    deciding: &mut Deciding<'_>,
    withdrawal: &Withdrawal,
    change: WithdrawalChange,
    phase: Phase,
) {
    deciding.record(withdrawal, change);
    deciding.transfer(withdrawal, movement(withdrawal, phase));
    if let Some(url) = &withdrawal.notify_url {
        let notified = Notified {
            kind: NotificationKind::Withdrawal,
            about_no: &withdrawal.withdrawal_no,
            dialect: &withdrawal.dialect,
            url,
        };
        queue(deciding, withdrawal, notified);
    }
}

/// From what the merchant has available to where it was paid by hand.
fn movement(withdrawal: &Withdrawal, phase: Phase) -> Movement {
    Movement {
        phase,
        debit: withdrawal.source(),
        credit: match withdrawal.payout {
            Payout::ByHand => Account::new(AccountKind::SettledByHand, withdrawal.tenant.as_str()),
        },
        amount: withdrawal.amount,
        reason: Reason::Withdrawal,
    }
}

fn state(withdrawal: &Withdrawal) -> WithdrawalRefusal {
    WithdrawalRefusal::State { state: withdrawal.state.name() }
}
