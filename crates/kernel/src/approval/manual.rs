//! The commands with which an operator moves money by hand, as an approval keeps them.

use crate::aggregate::{Command, Key};
use crate::directory::TenantId;
use crate::order::OrderCommand;
use crate::refund::{DecideRefund, RefundDecision};
use crate::share::{DecideShare, HandEnd};
use crate::share_return::DecideShareReturn;
use crate::withdrawal::WithdrawalCommand;
use ledger::{Id, Subject, kinds};

/// A manual command, and the root of the story that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manual {
    /// The root: of a refund, its order.
    pub root: ManualRoot,
    /// What is done about it.
    pub command: ManualCommand,
}

/// The root of a story in which money is moved by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManualRoot {
    /// An order.
    Order(Key<kinds::Order>),
    /// A withdrawal.
    Withdrawal(Id<kinds::Withdrawal>),
}

impl ManualRoot {
    /// The order, for commands about orders. About a withdrawal there is none, and such a command
    /// finds nothing.
    #[expect(clippy::disallowed_methods, reason = "no order has the id of a withdrawal")]
    fn order(&self) -> Key<kinds::Order> {
        match self {
            ManualRoot::Order(order) => order.clone(),
            ManualRoot::Withdrawal(withdrawal) => Key::Id(Id::from_value(withdrawal.value())),
        }
    }

    /// The root that a subject is.
    pub(crate) fn of(subject: Subject) -> Option<ManualRoot> {
        let order = subject.id::<kinds::Order>().map(|id| ManualRoot::Order(Key::Id(id)));
        order.or_else(|| subject.id::<kinds::Withdrawal>().map(ManualRoot::Withdrawal))
    }

    /// Its text in [`Manual::content`].
    fn content(&self) -> String {
        match self {
            ManualRoot::Order(Key::Id(id)) => id.to_string(),
            ManualRoot::Order(Key::Number(key)) => {
                format!("{}:{}{}", key.namespace.len(), key.namespace, key.number)
            }
            ManualRoot::Withdrawal(id) => id.subject().to_string(),
        }
    }
}

/// A command with which an operator moves money by hand, or ends an order to which money may still
/// come. Nothing at the channel proves that it is right, so a second person may have to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManualCommand {
    /// [`OrderCommand::ApplyPayment`].
    ApplyPayment {
        /// The channel's number of the payment.
        payment_reference: String,
    },
    /// [`OrderCommand::GiveBack`].
    GiveBack {
        /// The channel's number of the payment.
        payment_reference: String,
    },
    /// [`OrderCommand::SettleByHand`].
    SettleByHand {
        /// Why, for people.
        note: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
    },
    /// [`OrderCommand::WriteOff`].
    WriteOff {
        /// Why, for people.
        note: String,
    },
    /// [`OrderCommand::CloseForGood`].
    CloseForGood {
        /// Why, for people.
        note: String,
    },
    /// [`RefundDecision::SettleByHand`].
    SettleRefundByHand {
        /// The order that the refund belongs to.
        order: Id<kinds::Order>,
        /// The refund.
        refund: Id<kinds::Refund>,
        /// Why, for people.
        note: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
    },
    /// [`RefundDecision::WriteOff`].
    WriteRefundOff {
        /// The order that the refund belongs to.
        order: Id<kinds::Order>,
        /// The refund.
        refund: Id<kinds::Refund>,
        /// Why, for people.
        note: String,
    },
    /// [`DecideShare`].
    EndShare {
        /// The order that the share belongs to.
        order: Id<kinds::Order>,
        /// The share.
        share: Id<kinds::Share>,
        /// How it ends.
        end: HandEnd,
    },
    /// [`DecideShareReturn`].
    EndShareReturn {
        /// The order that the return belongs to.
        order: Id<kinds::Order>,
        /// The return.
        share_return: Id<kinds::ShareReturn>,
        /// How it ends.
        end: HandEnd,
    },
    /// [`WithdrawalCommand::BookPaid`].
    BookPaid {
        /// The withdrawal.
        withdrawal: Id<kinds::Withdrawal>,
        /// What was seen, for people.
        note: String,
        /// The number of the payout, where it was made.
        outside_reference: String,
    },
    /// [`WithdrawalCommand::BookFailed`].
    BookFailed {
        /// The withdrawal.
        withdrawal: Id<kinds::Withdrawal>,
        /// Why, for people.
        note: String,
    },
}

impl ManualCommand {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            ManualCommand::ApplyPayment { .. } => "apply_payment",
            ManualCommand::GiveBack { .. } => "give_back",
            ManualCommand::SettleByHand { .. } => "settle_by_hand",
            ManualCommand::WriteOff { .. } => "write_off",
            ManualCommand::CloseForGood { .. } => "close_for_good",
            ManualCommand::SettleRefundByHand { .. } => "settle_refund_by_hand",
            ManualCommand::WriteRefundOff { .. } => "write_refund_off",
            ManualCommand::EndShare { end, .. } => match end {
                HandEnd::Accept { .. } => "accept_share",
                HandEnd::ByHand { .. } => "end_share_by_hand",
                HandEnd::EndContradiction { .. } => "end_share_contradiction",
            },
            ManualCommand::EndShareReturn { end, .. } => match end {
                HandEnd::Accept { .. } => "accept_share_return",
                HandEnd::ByHand { .. } => "end_share_return_by_hand",
                HandEnd::EndContradiction { .. } => "end_share_return_contradiction",
            },
            ManualCommand::BookPaid { .. } => "book_withdrawal_paid",
            ManualCommand::BookFailed { .. } => "book_withdrawal_failed",
        }
    }

    /// The row beneath the root that it is about, if it is about one: a refund, a share …
    pub const fn row(&self) -> Option<Subject> {
        match self {
            ManualCommand::SettleRefundByHand { refund, .. }
            | ManualCommand::WriteRefundOff { refund, .. } => Some(refund.subject()),
            ManualCommand::EndShare { share, .. } => Some(share.subject()),
            ManualCommand::EndShareReturn { share_return, .. } => Some(share_return.subject()),
            ManualCommand::ApplyPayment { .. }
            | ManualCommand::GiveBack { .. }
            | ManualCommand::SettleByHand { .. }
            | ManualCommand::WriteOff { .. }
            | ManualCommand::CloseForGood { .. }
            | ManualCommand::BookPaid { .. }
            | ManualCommand::BookFailed { .. } => None,
        }
    }

    /// The contested payment that it names.
    pub fn payment_reference(&self) -> Option<&str> {
        match self {
            ManualCommand::ApplyPayment { payment_reference }
            | ManualCommand::GiveBack { payment_reference } => Some(payment_reference),
            ManualCommand::SettleByHand { .. }
            | ManualCommand::WriteOff { .. }
            | ManualCommand::CloseForGood { .. }
            | ManualCommand::SettleRefundByHand { .. }
            | ManualCommand::WriteRefundOff { .. }
            | ManualCommand::EndShare { .. }
            | ManualCommand::EndShareReturn { .. }
            | ManualCommand::BookPaid { .. }
            | ManualCommand::BookFailed { .. } => None,
        }
    }

    /// How it ends a share or the return of one.
    const fn end(&self) -> Option<&HandEnd> {
        match self {
            ManualCommand::EndShare { end, .. } | ManualCommand::EndShareReturn { end, .. } => {
                Some(end)
            }
            ManualCommand::ApplyPayment { .. }
            | ManualCommand::GiveBack { .. }
            | ManualCommand::SettleByHand { .. }
            | ManualCommand::WriteOff { .. }
            | ManualCommand::CloseForGood { .. }
            | ManualCommand::SettleRefundByHand { .. }
            | ManualCommand::WriteRefundOff { .. }
            | ManualCommand::BookPaid { .. }
            | ManualCommand::BookFailed { .. } => None,
        }
    }

    /// Whose items of a share, or of the return of one, it ends as done by hand: the ids of the payees,
    /// and the word `rest` where the rest is released.
    pub fn done_items(&self) -> Option<String> {
        match self.end()? {
            HandEnd::ByHand { done, is_released, .. } => {
                let payees = done.iter().map(|payee| payee.to_string());
                let rest = is_released.then(|| REST.to_owned());
                Some(payees.chain(rest).collect::<Vec<_>>().join(" "))
            }
            HandEnd::Accept { .. } | HandEnd::EndContradiction { .. } => None,
        }
    }

    /// Reads [`ManualCommand::done_items`]: the payees, and whether the rest is released.
    pub fn read_done_items(text: &str) -> Option<(Vec<Id<kinds::Payee>>, bool)> {
        let is_released = text.split(' ').next_back() == Some(REST);
        let ids = text.split(' ').filter(|word| !word.is_empty() && *word != REST);
        let done = ids.map(|word| Id::parse(word).ok()).collect::<Option<_>>()?;
        Some((done, is_released))
    }

    /// What its operator noted.
    pub fn note(&self) -> Option<&str> {
        match self {
            ManualCommand::SettleByHand { note, .. }
            | ManualCommand::WriteOff { note }
            | ManualCommand::CloseForGood { note }
            | ManualCommand::SettleRefundByHand { note, .. }
            | ManualCommand::WriteRefundOff { note, .. }
            | ManualCommand::BookPaid { note, .. }
            | ManualCommand::BookFailed { note, .. } => Some(note),
            ManualCommand::EndShare { end, .. } | ManualCommand::EndShareReturn { end, .. } => {
                Some(end.note())
            }
            ManualCommand::ApplyPayment { .. } | ManualCommand::GiveBack { .. } => None,
        }
    }

    /// The number of a movement outside the channel that it names.
    pub fn outside_reference(&self) -> Option<&str> {
        match self {
            ManualCommand::SettleByHand { outside_reference, .. }
            | ManualCommand::SettleRefundByHand { outside_reference, .. }
            | ManualCommand::BookPaid { outside_reference, .. } => Some(outside_reference),
            ManualCommand::EndShare { end, .. } | ManualCommand::EndShareReturn { end, .. } => {
                end.outside_reference()
            }
            ManualCommand::ApplyPayment { .. }
            | ManualCommand::GiveBack { .. }
            | ManualCommand::WriteOff { .. }
            | ManualCommand::CloseForGood { .. }
            | ManualCommand::WriteRefundOff { .. }
            | ManualCommand::BookFailed { .. } => None,
        }
    }

    /// The command that is carried out.
    pub(crate) fn on(&self, tenant: &TenantId, root: &ManualRoot) -> Command {
        let (tenant, order) = (tenant.clone(), root.order());
        match self.clone() {
            ManualCommand::ApplyPayment { payment_reference } => {
                OrderCommand::ApplyPayment { tenant, order, payment_reference }.into()
            }
            ManualCommand::GiveBack { payment_reference } => {
                OrderCommand::GiveBack { tenant, order, payment_reference }.into()
            }
            ManualCommand::SettleByHand { note, outside_reference } => {
                OrderCommand::SettleByHand { tenant, order, note, outside_reference }.into()
            }
            ManualCommand::WriteOff { note } => {
                OrderCommand::WriteOff { tenant, order, note }.into()
            }
            ManualCommand::CloseForGood { note } => {
                OrderCommand::CloseForGood { tenant, order, note }.into()
            }
            ManualCommand::SettleRefundByHand { order, refund, note, outside_reference } => {
                let decision = RefundDecision::SettleByHand { note, outside_reference };
                DecideRefund { tenant, refund, order, decision }.into()
            }
            ManualCommand::WriteRefundOff { order, refund, note } => {
                let decision = RefundDecision::WriteOff { note };
                DecideRefund { tenant, refund, order, decision }.into()
            }
            ManualCommand::EndShare { order, share, end } => {
                DecideShare { tenant, share, order, end }.into()
            }
            ManualCommand::EndShareReturn { order, share_return, end } => {
                DecideShareReturn { tenant, share_return, order, end }.into()
            }
            ManualCommand::BookPaid { withdrawal, note, outside_reference } => {
                WithdrawalCommand::BookPaid { tenant, withdrawal, note, outside_reference }.into()
            }
            ManualCommand::BookFailed { withdrawal, note } => {
                WithdrawalCommand::BookFailed { tenant, withdrawal, note }.into()
            }
        }
    }

    /// What it does, for people: the rest of a sentence that begins with who proposes it.
    pub fn describe(&self) -> String {
        let noted = self.note().unwrap_or_default();
        let outside = self.outside_reference().unwrap_or_default();
        let payment = self.payment_reference().unwrap_or_default();
        match self {
            ManualCommand::ApplyPayment { .. } => format!("to apply contested payment {payment}"),
            ManualCommand::GiveBack { .. } => format!("to give contested payment {payment} back"),
            ManualCommand::SettleByHand { .. } => {
                format!("to book the contested payment as given back by hand as {outside}: {noted}")
            }
            ManualCommand::WriteOff { .. } => {
                format!("to write the contested payment off, or end the contradiction: {noted}")
            }
            ManualCommand::CloseForGood { .. } => format!("to end the order for good: {noted}"),
            ManualCommand::SettleRefundByHand { refund, .. } => {
                format!("to book refund {refund} as given back by hand as {outside}: {noted}")
            }
            ManualCommand::WriteRefundOff { refund, .. } => {
                format!("to write refund {refund} off, or end its contradiction: {noted}")
            }
            ManualCommand::EndShare { share, end, .. } => {
                describe_end(&format!("share {share}"), end, self.done_items().as_deref())
            }
            ManualCommand::EndShareReturn { share_return, end, .. } => {
                let what = format!("return {share_return} of a share");
                describe_end(&what, end, self.done_items().as_deref())
            }
            ManualCommand::BookPaid { withdrawal, .. } => {
                format!("to book withdrawal {withdrawal} as paid by hand as {outside}: {noted}")
            }
            ManualCommand::BookFailed { withdrawal, .. } => {
                format!("to book withdrawal {withdrawal} as failed: {noted}")
            }
        }
    }
}

/// The word for the rest of an order, among payees.
const REST: &str = "rest";

fn describe_end(what: &str, end: &HandEnd, done: Option<&str>) -> String {
    match end {
        HandEnd::Accept { note } => format!("to book {what} as the channel describes it: {note}"),
        HandEnd::ByHand { note, outside_reference, .. } => {
            let done = done.filter(|done| !done.is_empty()).unwrap_or("nobody");
            format!("to end {what} by hand as {outside_reference}, done for {done}: {note}")
        }
        HandEnd::EndContradiction { note } => {
            format!("to end the contradiction about {what}: {note}")
        }
    }
}

impl Manual {
    /// The command that is carried out.
    pub(crate) fn command(&self, tenant: &TenantId) -> Command {
        self.command.on(tenant, &self.root)
    }

    /// Everything that makes the proposal of an operator this one, in one text: the digest over it is
    /// the [`super::Proposal::digest`]. Each part has its length before it, so that no two proposals
    /// have the same text.
    pub fn content(&self, tenant: &TenantId, proposer: &str) -> String {
        let root = self.root.content();
        let row = self.command.row().map(|row| row.to_string());
        let done = self.command.done_items();
        let parts = [
            Some(tenant.as_str()),
            Some(proposer),
            Some(&*root),
            Some(self.command.name()),
            row.as_deref(),
            self.command.payment_reference(),
            self.command.note(),
            self.command.outside_reference(),
            done.as_deref(),
        ];
        let part = |part: Option<&str>| match part {
            Some(text) => format!("{}:{text}", text.len()),
            None => "-".to_owned(),
        };
        parts.map(part).join(",")
    }
}
