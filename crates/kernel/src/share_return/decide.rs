//! What can be requested of the return of a share, and which call it needs next.

use super::hand::{self, DecideShareReturn};
use super::make::{MakeShareReturn, make};
use super::{ShareReturn, ShareReturnChange, ShareReturnRefusal, ShareReturnState};
use crate::aggregate::{Aggregate, AggregateCommand, Key, Reads};
use crate::approval::Manual;
use crate::command::{Refusal, Reply, Work};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::order::{CALL_MAX_MS, Order};
use crate::share::{ItemPlace, can_be_hurried, receiver};
use channel::{Instruction, PlacedShareReturn};
use ledger::{Id, kinds};

/// The words in the channel's records, where the caller gave none.
const DESCRIPTION: &str = "分账回退";

/// What can be requested of the return of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareReturnCommand {
    /// Make it. A repeat with the same content finds what was made.
    Make(Box<MakeShareReturn>),
    /// By an operator: call the channel about it now, and begin its schedule anew.
    RetryNow {
        /// The owner.
        tenant: TenantId,
        /// The return.
        share_return: Id<kinds::ShareReturn>,
        /// The order that it belongs to; the root of its story.
        order: Id<kinds::Order>,
    },
    /// By an operator: request the open item under a new number, after the channel has refused the one
    /// before.
    RetryUnderNewNumber {
        /// The owner.
        tenant: TenantId,
        /// The return.
        share_return: Id<kinds::ShareReturn>,
        /// The order that it belongs to; the root of its story.
        order: Id<kinds::Order>,
    },
    /// By an operator: what became of it, where the channel contradicts it or does not end it.
    Decide(DecideShareReturn),
}

impl AggregateCommand for ShareReturnCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            ShareReturnCommand::Make(make) => &make.tenant,
            ShareReturnCommand::RetryNow { tenant, .. }
            | ShareReturnCommand::RetryUnderNewNumber { tenant, .. } => tenant,
            ShareReturnCommand::Decide(decide) => &decide.tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            ShareReturnCommand::Make(_) => "make_share_return",
            ShareReturnCommand::RetryNow { .. } => "retry_share_return",
            ShareReturnCommand::RetryUnderNewNumber { .. } => "retry_share_return_under_new_number",
            ShareReturnCommand::Decide(decide) => decide.name(),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let tenant = self.tenant();
        match self {
            ShareReturnCommand::Make(make) => {
                reads.share_returns.push((tenant.clone(), make.key()));
                reads.shares.push((tenant.clone(), Key::Id(make.share)));
                reads.orders.push((tenant.clone(), Key::Id(make.order)));
                let earlier = make.earlier.iter().map(|id| (tenant.clone(), Key::Id(*id)));
                reads.share_returns.extend(earlier);
                let accounts = make.accounts.iter().map(|it| (tenant.clone(), it.clone()));
                reads.balances.extend(accounts);
            }
            ShareReturnCommand::RetryNow { share_return, order, .. }
            | ShareReturnCommand::RetryUnderNewNumber { share_return, order, .. }
            | ShareReturnCommand::Decide(DecideShareReturn { share_return, order, .. }) => {
                reads.share_returns.push((tenant.clone(), Key::Id(*share_return)));
                reads.orders.push((tenant.clone(), Key::Id(*order)));
            }
        }
    }

    fn manual(&self) -> Option<Manual> {
        match self {
            ShareReturnCommand::Decide(decide) => Some(decide.manual()),
            // The channel moves the money, and it knows the numbers.
            ShareReturnCommand::Make(_)
            | ShareReturnCommand::RetryNow { .. }
            | ShareReturnCommand::RetryUnderNewNumber { .. } => None,
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &ShareReturnCommand,
) -> Result<Reply, Refusal> {
    match command {
        ShareReturnCommand::Make(command) => make(deciding, command),
        ShareReturnCommand::RetryNow { tenant, share_return, .. } => {
            let row = deciding.row::<ShareReturn>(tenant, *share_return);
            let row = row.ok_or(ShareReturnRefusal::NotFound)?;
            match row.state {
                ShareReturnState::Ended { .. } => return Err(ShareReturnRefusal::Ended.into()),
                // A new number waits until no call about the one before can bring an answer.
                ShareReturnState::Running { tries: 0, .. } => {
                    return Ok(Reply::about(row.id.subject()));
                }
                ShareReturnState::Running { .. } => {}
            }
            if can_be_hurried(row.next_poll_at, deciding.now()) {
                deciding.record(&row, ShareReturnChange::PollRequested);
            }
            Ok(Reply::about(row.id.subject()))
        }
        ShareReturnCommand::RetryUnderNewNumber { tenant, share_return, .. } => {
            let row = deciding.row::<ShareReturn>(tenant, *share_return);
            let row = row.ok_or(ShareReturnRefusal::NotFound)?;
            hand::renew_number(deciding, &row)?;
            Ok(Reply::about(row.id.subject()))
        }
        ShareReturnCommand::Decide(decide) => {
            let (row, order) = super::with_order(deciding, &decide.tenant, decide.share_return)?;
            hand::decide(deciding, &row, &order, &decide.end)?;
            Ok(Reply::about(row.id.subject()))
        }
    }
}

/// A due task: the next call.
pub(super) fn run_task(deciding: &mut Deciding<'_>, row: &ShareReturn, order: &Order) {
    // A return that has ended has no task; a claim may have come before its end was committed.
    if row.next_poll_at.is_some() {
        begin_next(deciding, row, order);
    }
}

/// Begins the call that a return needs next: an item is requested first, and then queried.
pub(super) fn begin_next(deciding: &mut Deciding<'_>, row: &ShareReturn, order: &Order) {
    let ShareReturnState::Running { tries, .. } = &row.state else { return };
    let Some((at, _)) = row.open_item() else { return };
    if *tries == 0 {
        request(deciding, row, order, 1);
        return;
    }
    let placed = PlacedShareReturn {
        channel_return_no: row.item_no(at),
        channel_share_no: row.channel_share_no.clone(),
    };
    begin(deciding, row, order, row.state.clone(), Instruction::QueryShareReturn(placed));
}

/// Requests the first open item; the instruction is the same in every repeat.
pub(super) fn request(deciding: &mut Deciding<'_>, row: &ShareReturn, order: &Order, tries: u32) {
    let Some((at, item)) = row.open_item() else { return };
    let ItemPlace::Channel(kind) = item.place else { return };
    let instruction = Instruction::ReturnShare(Box::new(channel::ShareReturn {
        channel_return_no: row.item_no(at),
        channel_share_no: row.channel_share_no.clone(),
        receiver: receiver(item.payee, kind),
        amount: item.amount,
        description: row.remark.clone().unwrap_or_else(|| DESCRIPTION.to_owned()),
    }));
    let state = ShareReturnState::Running { tries, refused: None };
    begin(deciding, row, order, state, instruction);
}

fn begin(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    order: &Order,
    state: ShareReturnState,
    instruction: Instruction,
) {
    let until = deciding.now().plus_ms(CALL_MAX_MS);
    let operation = instruction.operation();
    deciding.record(row, ShareReturnChange::CallBegun { operation, until, state });
    deciding.work(Work::Ask {
        tenant: row.tenant.clone(),
        subject: row.id.subject(),
        root: row.root(),
        channel: order.terms.channel.clone(),
        channel_account: order.terms.channel_account.clone(),
        channel_identity: order.terms.channel_identity.clone(),
        instruction,
        payees: row.items.iter().map(|item| item.payee).collect(),
    });
}
