//! The commands with which an operator moves money by hand, as an approval keeps them.

use crate::aggregate::{Command, Key};
use crate::directory::TenantId;
use crate::order::OrderCommand;
use crate::refund::{DecideRefund, RefundDecision};
use ledger::{Id, kinds};

/// A manual command, and the order that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manual {
    /// The order: of a refund, the root of its story.
    pub order: Key<kinds::Order>,
    /// What is done about it.
    pub command: ManualCommand,
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
        }
    }

    /// The refund that it is about, if it is about one.
    pub const fn refund(&self) -> Option<Id<kinds::Refund>> {
        match self {
            ManualCommand::SettleRefundByHand { refund, .. }
            | ManualCommand::WriteRefundOff { refund, .. } => Some(*refund),
            ManualCommand::ApplyPayment { .. }
            | ManualCommand::GiveBack { .. }
            | ManualCommand::SettleByHand { .. }
            | ManualCommand::WriteOff { .. }
            | ManualCommand::CloseForGood { .. } => None,
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
            | ManualCommand::WriteRefundOff { .. } => None,
        }
    }

    /// What its operator noted.
    pub fn note(&self) -> Option<&str> {
        match self {
            ManualCommand::SettleByHand { note, .. }
            | ManualCommand::WriteOff { note }
            | ManualCommand::CloseForGood { note }
            | ManualCommand::SettleRefundByHand { note, .. }
            | ManualCommand::WriteRefundOff { note, .. } => Some(note),
            ManualCommand::ApplyPayment { .. } | ManualCommand::GiveBack { .. } => None,
        }
    }

    /// The number of a movement outside the channel that it names.
    pub fn outside_reference(&self) -> Option<&str> {
        match self {
            ManualCommand::SettleByHand { outside_reference, .. }
            | ManualCommand::SettleRefundByHand { outside_reference, .. } => {
                Some(outside_reference)
            }
            ManualCommand::ApplyPayment { .. }
            | ManualCommand::GiveBack { .. }
            | ManualCommand::WriteOff { .. }
            | ManualCommand::CloseForGood { .. }
            | ManualCommand::WriteRefundOff { .. } => None,
        }
    }

    /// The command that is carried out.
    pub(crate) fn on(&self, tenant: &TenantId, order: Key<kinds::Order>) -> Command {
        let tenant = tenant.clone();
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
        }
    }
}

impl Manual {
    /// The command that is carried out.
    pub(crate) fn command(&self, tenant: &TenantId) -> Command {
        self.command.on(tenant, self.order.clone())
    }

    /// Everything that makes the proposal of an operator this one, in one text: the digest over it is
    /// the [`super::Proposal::digest`]. Each part has its length before it, so that no two proposals
    /// have the same text.
    pub fn content(&self, tenant: &TenantId, proposer: &str) -> String {
        let order = match &self.order {
            Key::Id(id) => id.to_string(),
            Key::Number(key) => format!("{}:{}{}", key.namespace.len(), key.namespace, key.number),
        };
        let refund = self.command.refund().map(|id| id.to_string());
        let parts = [
            Some(tenant.as_str()),
            Some(proposer),
            Some(&*order),
            Some(self.command.name()),
            refund.as_deref(),
            self.command.payment_reference(),
            self.command.note(),
            self.command.outside_reference(),
        ];
        let part = |part: Option<&str>| match part {
            Some(text) => format!("{}:{text}", text.len()),
            None => "-".to_owned(),
        };
        parts.map(part).join(",")
    }
}
