//! What can be requested of a share, and which call it needs next.

use super::hand::{self, DecideShare};
use super::make::{MakeShare, make};
use super::{ItemOutcome, ItemPlace, Share, ShareChange, ShareItem, ShareRefusal, ShareState};
use crate::aggregate::{Aggregate, AggregateCommand, Key, Reads};
use crate::approval::Manual;
use crate::command::{Refusal, Reply, Work};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::order::{CALL_MAX_MS, Order, OrderState};
use channel::{Instruction, PlacedShare, Receiver, ReceiverKind, SharedPayment, Unfreeze};
use ledger::{Id, Timestamp, kinds};

/// The words that a receiver sees, and the channel's records have.
const DESCRIPTION: &str = "分账";

/// What can be requested of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareCommand {
    /// Make it. A repeat with the same content finds what was made.
    Make(Box<MakeShare>),
    /// By an operator: call the channel about it now, and begin its schedule anew.
    RetryNow {
        /// The owner.
        tenant: TenantId,
        /// The share.
        share: Id<kinds::Share>,
        /// The order that it belongs to; the root of its story.
        order: Id<kinds::Order>,
    },
    /// By an operator: request it under a new number, after the channel has refused the one before.
    RetryUnderNewNumber {
        /// The owner.
        tenant: TenantId,
        /// The share.
        share: Id<kinds::Share>,
        /// The order that it belongs to; the root of its story.
        order: Id<kinds::Order>,
    },
    /// By an operator: what became of it, where the channel contradicts it or does not end it.
    Decide(DecideShare),
}

impl AggregateCommand for ShareCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            ShareCommand::Make(make) => &make.tenant,
            ShareCommand::RetryNow { tenant, .. }
            | ShareCommand::RetryUnderNewNumber { tenant, .. } => tenant,
            ShareCommand::Decide(decide) => &decide.tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            ShareCommand::Make(_) => "make_share",
            ShareCommand::RetryNow { .. } => "retry_share",
            ShareCommand::RetryUnderNewNumber { .. } => "retry_share_under_new_number",
            ShareCommand::Decide(decide) => decide.name(),
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let tenant = self.tenant();
        match self {
            ShareCommand::Make(make) => {
                reads.shares.push((tenant.clone(), make.key()));
                reads.orders.push((tenant.clone(), Key::Id(make.order)));
                reads.balances.push((tenant.clone(), super::pending(&make.merchant)));
                let payees = make.items.iter().map(|item| (tenant.clone(), Key::Id(item.payee)));
                reads.payees.extend(payees);
            }
            ShareCommand::RetryNow { share, order, .. }
            | ShareCommand::RetryUnderNewNumber { share, order, .. }
            | ShareCommand::Decide(DecideShare { share, order, .. }) => {
                reads.shares.push((tenant.clone(), Key::Id(*share)));
                reads.orders.push((tenant.clone(), Key::Id(*order)));
            }
        }
    }

    fn manual(&self) -> Option<Manual> {
        match self {
            ShareCommand::Decide(decide) => Some(decide.manual()),
            // The channel moves the money, and it knows the numbers.
            ShareCommand::Make(_)
            | ShareCommand::RetryNow { .. }
            | ShareCommand::RetryUnderNewNumber { .. } => None,
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &ShareCommand,
) -> Result<Reply, Refusal> {
    match command {
        ShareCommand::Make(order) => make(deciding, order),
        ShareCommand::RetryNow { tenant, share, .. } => {
            let share = deciding.row::<Share>(tenant, *share).ok_or(ShareRefusal::NotFound)?;
            match share.state {
                ShareState::Ended { .. } => return Err(ShareRefusal::Ended.into()),
                // A new number waits until no call about the one before can bring an answer.
                ShareState::Waiting if share.attempt > 1 => {
                    return Ok(Reply::about(share.id.subject()));
                }
                ShareState::Waiting
                | ShareState::Requesting { .. }
                | ShareState::Processing
                | ShareState::Releasing => {}
            }
            if can_be_hurried(share.next_poll_at, deciding.now()) {
                deciding.record(&share, ShareChange::PollRequested);
            }
            Ok(Reply::about(share.id.subject()))
        }
        ShareCommand::RetryUnderNewNumber { tenant, share, .. } => {
            let share = deciding.row::<Share>(tenant, *share).ok_or(ShareRefusal::NotFound)?;
            hand::renew_number(deciding, &share)?;
            Ok(Reply::about(share.id.subject()))
        }
        ShareCommand::Decide(decide) => {
            let (share, order) = super::with_order(deciding, &decide.tenant, decide.share)?;
            hand::decide(deciding, &share, &order, &decide.end)?;
            Ok(Reply::about(share.id.subject()))
        }
    }
}

/// True when a next call may begin now: none is under way, since a call puts the next one off until it
/// has certainly ended. Two calls at once could take each other's answers for their own.
pub(crate) fn can_be_hurried(next_poll_at: Option<Timestamp>, now: Timestamp) -> bool {
    next_poll_at.is_none_or(|due| due > now.plus_ms(CALL_MAX_MS))
}

/// A due task: the next call.
pub(super) fn run_task(deciding: &mut Deciding<'_>, share: &Share, order: &Order) {
    // A share that has ended has no task; a claim may have come before its end was committed.
    if share.next_poll_at.is_some() {
        begin_next(deciding, share, order);
    }
}

/// Begins the call that a share needs next, as it stands here.
pub(super) fn begin_next(deciding: &mut Deciding<'_>, share: &Share, order: &Order) {
    let unbound = share.items.iter().find_map(unbound);
    let (state, instruction) = match (&share.state, unbound) {
        // One that a person ended is asked about again: the channel may have done it after all.
        (state @ ShareState::Ended { .. }, _) => (state.clone(), querying(share, order)),
        (ShareState::Waiting, Some(receiver)) => {
            (ShareState::Waiting, Instruction::BindReceiver(receiver))
        }
        (ShareState::Waiting, None) => {
            (ShareState::Requesting { tries: 1, refused: None }, requesting(share, order))
        }
        (state @ (ShareState::Requesting { .. } | ShareState::Processing), _) => {
            (state.clone(), querying(share, order))
        }
        (ShareState::Releasing, _) => {
            (ShareState::Releasing, Instruction::QueryUnshared(payment(order)))
        }
    };
    begin(deciding, share, order, state, instruction);
}

/// The instruction that asks what became of the share.
fn querying(share: &Share, order: &Order) -> Instruction {
    let channel_share_no = share.current_channel_share_no();
    Instruction::QueryShare(PlacedShare { channel_share_no, payment: payment(order) })
}

/// The receiver of an item that the channel has not bound yet.
fn unbound(item: &ShareItem) -> Option<Receiver> {
    match (&item.outcome, &item.place) {
        (ItemOutcome::Open { is_bound: false }, ItemPlace::Channel(kind)) => {
            Some(receiver(item.payee, *kind))
        }
        _ => None,
    }
}

/// A receiver as instructions name it: by its payee.
pub(crate) fn receiver(payee: Id<kinds::Payee>, kind: ReceiverKind) -> Receiver {
    Receiver { kind, account: payee.to_string(), name: None }
}

/// The instruction that requests the share; the same in every repeat of the same number.
pub(super) fn requesting(share: &Share, order: &Order) -> Instruction {
    let (channel_share_no, payment) = (share.current_channel_share_no(), payment(order));
    if share.items.is_empty() {
        let description = DESCRIPTION.to_owned();
        return Instruction::Unfreeze(Box::new(Unfreeze {
            channel_share_no,
            payment,
            description,
        }));
    }
    let items = share.items.iter().filter_map(|item| match (&item.outcome, &item.place) {
        (ItemOutcome::Open { .. }, ItemPlace::Channel(kind)) => Some(channel::ShareItem {
            receiver: receiver(item.payee, *kind),
            amount: item.amount,
            description: DESCRIPTION.to_owned(),
        }),
        _ => None,
    });
    let (items, releases_rest) = (items.collect(), share.releases_rest);
    Instruction::Share(Box::new(channel::Share { channel_share_no, payment, items, releases_rest }))
}

/// The payment whose money is shared.
pub(crate) fn payment(order: &Order) -> SharedPayment {
    let payment_reference = match &order.state {
        OrderState::Paid(paid) => paid.payment_reference.clone(),
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => panic!("order {} is shared and not paid", order.terms.id),
    };
    SharedPayment { channel_order_no: order.terms.channel_order_no.clone(), payment_reference }
}

/// Begins a call about a share.
pub(super) fn begin(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    state: ShareState,
    instruction: Instruction,
) {
    let until = deciding.now().plus_ms(CALL_MAX_MS);
    let operation = instruction.operation();
    deciding.record(share, ShareChange::CallBegun { operation, until, state });
    deciding.work(Work::Ask {
        tenant: share.tenant.clone(),
        subject: share.id.subject(),
        root: share.root(),
        channel: order.terms.channel.clone(),
        channel_account: order.terms.channel_account.clone(),
        channel_identity: order.terms.channel_identity.clone(),
        instruction,
        payees: share.payees(),
    });
}
