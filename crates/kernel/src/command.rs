//! Decisions: what a command leads to, what its caller gets back, and how it is refused.

use crate::aggregate::{Command, Row, View, decide_own};
use crate::agreement::AgreementRefusal;
use crate::allocation::AllocationRefusal;
use crate::allocation_release::AllocationReleaseRefusal;
use crate::approval::ApprovalRefusal;
use crate::card::CardRefusal;
use crate::card_batch::CardBatchRefusal;
use crate::card_binding::CardBindingRefusal;
use crate::card_transfer::CardTransferRefusal;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::{CallRecord, Caller, Event};
use crate::notification::NotificationRefusal;
use crate::order::OrderRefusal;
use crate::payee::PayeeRefusal;
use crate::recharge::RechargeRefusal;
use crate::refund::RefundRefusal;
use crate::share::ShareRefusal;
use crate::share_return::ShareReturnRefusal;
use crate::wallet::WalletRefusal;
use crate::wallet_freeze::WalletFreezeRefusal;
use crate::withdrawal::WithdrawalRefusal;
use channel::{Finding, Instruction};
use ledger::{Account, BookFault, Id, Stamp, Subject, Transfer, kinds};
use std::sync::Arc;

/// What a channel said about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFinding {
    /// The owner.
    pub tenant: TenantId,
    /// The row: an order, a refund …
    pub subject: Subject,
    /// The story that the row belongs to.
    pub root: Id<kinds::Root>,
    /// The channel account that said it; another than the row's changes nothing.
    pub channel_account: Arc<str>,
    /// Who that account is at the channel now; another than when the row was made changes nothing.
    pub channel_identity: Arc<str>,
    /// What it said.
    pub finding: Finding,
    /// How we know.
    pub call: CallRecord,
}

/// What to do once the commit stands. Should the process die first, the task committed with it is
/// due later and leads to the same work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Ask a channel and record what it says.
    Ask {
        /// The owner.
        tenant: TenantId,
        /// The row that it is about.
        subject: Subject,
        /// The story that the row belongs to.
        root: Id<kinds::Root>,
        /// The channel's name.
        channel: Arc<str>,
        /// The channel account.
        channel_account: Arc<str>,
        /// Who the account was at the channel when the row was made; nobody else is asked.
        channel_identity: Arc<str>,
        /// What to ask. It names a receiver by its payee's id: the account is put in right before the
        /// call, and taken out of the answer.
        instruction: Instruction,
        /// The payees whose accounts the instruction or its answer can name.
        payees: Vec<Id<kinds::Payee>>,
    },
    /// Deliver a notification and record how it went.
    Deliver {
        /// The owner.
        tenant: TenantId,
        /// The notification.
        notification: Id<kinds::Notification>,
    },
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Money that moves.
    pub transfers: Vec<Transfer>,
    /// What to do right after the commit.
    pub work: Vec<Work>,
    /// Rows that it rests on, whether it changes them or not: where one has changed since it was loaded, the
    /// decision is made again.
    pub rests_on: Vec<Subject>,
    /// Accounts whose balances it rests on in the same way.
    pub rests_on_balances: Vec<Account>,
    /// What the caller gets back.
    pub reply: Reply,
}

impl Decision {
    /// Takes in the next decision of the same batch, whose reply stands for both.
    pub fn absorb(&mut self, next: Decision) {
        let Decision { events, transfers, work, rests_on, rests_on_balances, reply } = next;
        self.events.extend(events);
        self.transfers.extend(transfers);
        self.work.extend(work);
        self.rests_on.extend(rests_on);
        self.rests_on_balances.extend(rests_on_balances);
        self.reply = reply;
    }
}

/// Why a row is not further than it is, where the caller should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelAnswer {
    /// The channel did not take the request now; the same request may pass later.
    Later {
        /// The channel's code.
        code: String,
        /// The channel's text.
        text: String,
    },
    /// The channel refused the request for good.
    Refused {
        /// The channel's code.
        code: String,
        /// The channel's text.
        text: String,
    },
    /// The channel refused the account; a person must mend it, then the same request may pass.
    AccountFault {
        /// The channel's code.
        code: String,
        /// The channel's text.
        text: String,
    },
    /// It is not known what the channel did.
    Unknown,
}

/// What the caller gets back once the commit stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What the reply is about; none when there is nothing to show.
    pub subject: Option<Subject>,
    /// The row that the subject names, as the decision left it.
    pub row: Option<Row>,
    /// Why it is not further.
    pub answer: Option<ChannelAnswer>,
}

impl Reply {
    /// A reply that shows a row.
    pub(crate) fn about(subject: Subject) -> Reply {
        Reply { subject: Some(subject), row: None, answer: None }
    }
}

/// How a directory row is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Put {
    /// It must not be there yet, or be there with the same content.
    Create,
    /// It must be there.
    Change,
    /// Either.
    Apply,
    /// It must be as it was read: in this version, or not there at all. So a change that was made from
    /// what was read never undoes one that came between.
    Read {
        /// The version that was read; `None` when there was no row.
        version: Option<i64>,
    },
}

impl Put {
    /// What puts a row that was just read.
    pub const fn read(version: Option<i64>) -> Put {
        Put::Read { version }
    }
}

/// Why a command is refused. A refused command leaves no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// By the rules of orders.
    #[error(transparent)]
    Order(#[from] OrderRefusal),
    /// By the rules of refunds.
    #[error(transparent)]
    Refund(#[from] RefundRefusal),
    /// By the rules of notifications.
    #[error(transparent)]
    Notification(#[from] NotificationRefusal),
    /// By the rules of tenants, merchants, callers' keys and channel accounts.
    #[error(transparent)]
    Directory(#[from] DirectoryRefusal),
    /// By the rules of approvals.
    #[error(transparent)]
    Approval(#[from] ApprovalRefusal),
    /// By the rules of payees.
    #[error(transparent)]
    Payee(#[from] PayeeRefusal),
    /// By the rules of shares.
    #[error(transparent)]
    Share(#[from] ShareRefusal),
    /// By the rules of the returns of shares.
    #[error(transparent)]
    ShareReturn(#[from] ShareReturnRefusal),
    /// By the rules of allocations.
    #[error(transparent)]
    Allocation(#[from] AllocationRefusal),
    /// By the rules of releases of allocations.
    #[error(transparent)]
    AllocationRelease(#[from] AllocationReleaseRefusal),
    /// By the rules of withdrawals.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalRefusal),
    /// By the rules of batches of gift cards.
    #[error(transparent)]
    CardBatch(#[from] CardBatchRefusal),
    /// By the rules of giving gift cards away.
    #[error(transparent)]
    CardTransfer(#[from] CardTransferRefusal),
    /// By the rules of binding gift cards to wallets.
    #[error(transparent)]
    CardBinding(#[from] CardBindingRefusal),
    /// By the rules of gift cards.
    #[error(transparent)]
    Card(#[from] CardRefusal),
    /// By the rules of purchases of stored value.
    #[error(transparent)]
    Recharge(#[from] RechargeRefusal),
    /// By the rules of wallets.
    #[error(transparent)]
    Wallet(#[from] WalletRefusal),
    /// By the rules of freezes.
    #[error(transparent)]
    WalletFreeze(#[from] WalletFreezeRefusal),
    /// By the rules of agreements.
    #[error(transparent)]
    Agreement(#[from] AgreementRefusal),
    /// The book does not take the movement.
    #[error(transparent)]
    Book(#[from] BookFault),
}

/// Why a change of the directory is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryRefusal {
    /// There is no such row.
    #[error("no such {noun}")]
    NotFound {
        /// What was looked for.
        noun: &'static str,
    },
    /// The row is there with other content.
    #[error("the {noun} exists with other content")]
    Exists {
        /// What is there.
        noun: &'static str,
    },
    /// The row is no longer as it was read.
    #[error("the {noun} was changed meanwhile")]
    Changed {
        /// What was changed.
        noun: &'static str,
    },
    /// The settings make the account somebody else at the channel, where its orders and refunds live.
    #[error("the account is {was} at its channel and would become {is}; create another account")]
    Identity {
        /// Who it is.
        was: String,
        /// Who it would be.
        is: String,
    },
    /// The tenant does not exist.
    #[error("no such tenant")]
    NoTenant,
    /// Another tenant has a row of this name, which must be unique in the installation.
    #[error("another tenant has a {noun} of this name")]
    Taken {
        /// What is taken.
        noun: &'static str,
    },
    /// The merchant collects through an account that the tenant does not have.
    #[error("the tenant has no channel account called {name}")]
    NoChannelAccount {
        /// The account that was named.
        name: String,
    },
    /// Channels have nothing to report about rows of the directory.
    #[error("a {noun} is not known to any channel")]
    NoFindings {
        /// What the finding was about.
        noun: &'static str,
    },
}

/// Decides a command and, when it is accepted, brings the view up to date with the decision.
///
/// # Errors
/// The [`Refusal`]; then the view is as before.
pub fn decide(
    view: &mut View,
    caller: &Caller,
    command: &Command,
    stamp: &mut Stamp,
) -> Result<Decision, Refusal> {
    let mut deciding = Deciding::new(view, stamp, caller);
    let reply = decide_own(&mut deciding, command)?;
    let mut decision = deciding.finish(reply);
    book(view, command.tenant(), &decision.transfers)?;
    for event in &mut decision.events {
        event.sequence = view.sequence(event);
        view.apply(event);
        event.change.drop_unlogged();
    }
    let reply = &mut decision.reply;
    reply.row = reply.subject.and_then(|subject| view.row(command.tenant(), subject));
    Ok(decision)
}

/// Applies the transfers to the balances in view: all of them, or none and the rule that one breaks.
/// Accounts that are only credited need not be in view; the store adds to them blindly.
fn book(view: &mut View, tenant: &TenantId, transfers: &[Transfer]) -> Result<(), BookFault> {
    let mut changed = Vec::new();
    for transfer in transfers {
        let (debit, credit) = transfer.deltas()?;
        for (account, delta) in [(&transfer.debit, debit), (&transfer.credit, credit)] {
            let key = (tenant.clone(), account.clone());
            let Some(before) = view.balances.get(&key).copied() else { continue };
            match before.after(account, delta) {
                Ok(after) => {
                    view.balances.insert(key.clone(), after);
                    changed.push((key, before));
                }
                Err(fault) => {
                    for (key, before) in changed.into_iter().rev() {
                        view.balances.insert(key, before);
                    }
                    return Err(fault);
                }
            }
        }
    }
    Ok(())
}
