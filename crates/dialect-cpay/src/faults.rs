//! Refusals and failures in the numbers of this wire.
//!
//! `status` tells a client what to do; `internal_status` is for people, except 407. Only 407 is published:
//! the others are our own, in the manner of HTTP.

use dialect::check::Malformed;
use dialect::{BodyFault, Wait};
use engine::Failure;
use kernel::{OrderRefusal, RefundRefusal, Refusal};

/// `status`: whether a call worked, and what its caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It worked.
    Success,
    /// Not known, and nobody to authenticate the answer for: send it again.
    Unanswered,
    /// The call itself is wrong.
    Invalid,
    /// The number is used up: use a new one.
    NumberUsed,
    /// Not known: send it again after 3 s, or query.
    Unknown,
    /// It failed: act on the description.
    Failed,
}

impl Status {
    /// The number on the wire.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Status::Success => 0,
            Status::Unanswered => 3,
            Status::Invalid => 101,
            Status::NumberUsed => 102,
            Status::Unknown => 103,
            Status::Failed => 104,
        }
    }

    /// Whether the answer has a code of its own. One to a wrong call has none, although its caller may have
    /// been proven.
    pub(crate) const fn is_authenticated(self) -> bool {
        match self {
            Status::Success | Status::NumberUsed | Status::Unknown | Status::Failed => true,
            Status::Unanswered | Status::Invalid => false,
        }
    }
}

/// `internal_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Internal {
    Ok,
    NoOrder,
    Unproven,
    NotPermitted,
    NoMerchant,
    Differs,
    Conflict,
    Malformed,
    RateLimited,
    Defect,
    Upstream,
    UpstreamTimeout,
}

impl Internal {
    /// The number on the wire.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Internal::Ok => 0,
            Internal::NoOrder => 400,
            Internal::Unproven => 401,
            Internal::NotPermitted => 403,
            Internal::NoMerchant => 404,
            Internal::Differs => 407,
            Internal::Conflict => 409,
            Internal::Malformed => 422,
            Internal::RateLimited => 429,
            Internal::Defect => 500,
            Internal::Upstream => 502,
            Internal::UpstreamTimeout => 504,
        }
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: Status,
    pub(crate) internal: Internal,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(status: Status, internal: Internal, text: impl Into<String>) -> Fault {
        Fault { status, internal, text: text.into() }
    }

    /// The caller has not proven who it is.
    pub(crate) fn unproven(text: impl Into<String>) -> Fault {
        Fault::new(Status::Invalid, Internal::Unproven, text)
    }

    /// The call failed for good, by a rule of orders and refunds.
    pub(crate) fn conflict(text: impl Into<String>) -> Fault {
        Fault::new(Status::Failed, Internal::Conflict, text)
    }

    /// The order is paid: nobody must pay again, under this number or another.
    pub(crate) fn paid() -> Fault {
        Fault::conflict("the order is paid, query it")
    }

    /// There is no such order or refund.
    pub(crate) fn not_found(what: &str) -> Fault {
        Fault::new(Status::Failed, Internal::NoOrder, format!("no such {what}"))
    }

    /// The number was used before, with other content.
    pub(crate) fn differs(text: impl Into<String>) -> Fault {
        Fault::new(Status::NumberUsed, Internal::Differs, text)
    }

    /// We do not know what became of the call; repeating it is safe, and shows.
    pub(crate) fn unknown() -> Fault {
        let text = "the outcome is not known yet, send the same call again or query";
        Fault::new(Status::Unknown, Internal::Defect, text)
    }

    /// Something else has the row to itself for a moment.
    pub(crate) fn in_flight() -> Fault {
        let text = "another operation is running, send the same call again";
        Fault::new(Status::Unknown, Internal::Conflict, text)
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault::new(Status::Invalid, Internal::Malformed, malformed.to_string())
    }
}

impl From<BodyFault> for Fault {
    fn from(fault: BodyFault) -> Fault {
        let text = format!("body: {fault}");
        match fault {
            BodyFault::NoRoom(_) => Fault::new(Status::Unanswered, Internal::RateLimited, text),
            BodyFault::BrokenOff => Fault::new(Status::Unanswered, Internal::Malformed, text),
            BodyFault::TooLarge { .. } => Fault::new(Status::Invalid, Internal::Malformed, text),
        }
    }
}

impl From<Wait> for Fault {
    fn from(wait: Wait) -> Fault {
        let text = format!("too many requests, send it again after {} s", wait.seconds());
        Fault::new(Status::Unknown, Internal::RateLimited, text)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        let later = |text: &str| Fault::new(Status::Unknown, Internal::RateLimited, text);
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Overloaded => later("overloaded, send it again"),
            Failure::Busy => later("busy, send it again"),
            Failure::Stopping => later("stopping, send it again"),
            // Its text is for the operator only. An earlier call of the number may have charged.
            Failure::Defect(_) => Fault::unknown(),
            Failure::Store(fault) => fault.into(),
        }
    }
}

/// The database's own text is for the operator only.
impl From<store::StoreFault> for Fault {
    fn from(fault: store::StoreFault) -> Fault {
        // Only questions end so: nothing has changed.
        if matches!(fault, store::StoreFault::Overloaded(_)) {
            let text = "overloaded, send it again";
            return Fault::new(Status::Unknown, Internal::RateLimited, text);
        }
        tracing::error!(%fault, "store failed");
        Fault::unknown()
    }
}

impl From<serde_json::Error> for Fault {
    fn from(fault: serde_json::Error) -> Fault {
        tracing::error!(%fault, "what a row keeps of its request cannot be read or written");
        Fault::unknown()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        match refusal {
            Refusal::Order(refusal) => of_order(&refusal),
            Refusal::Refund(refusal) => of_refund(&refusal),
            // No command of this dialect leads to these.
            Refusal::Notification(_)
            | Refusal::Directory(_)
            | Refusal::Approval(_)
            | Refusal::Payee(_)
            | Refusal::Share(_)
            | Refusal::ShareReturn(_)
            | Refusal::Allocation(_)
            | Refusal::AllocationRelease(_)
            | Refusal::Withdrawal(_)
            | Refusal::CardBatch(_)
            | Refusal::CardTransfer(_)
            | Refusal::CardBinding(_)
            | Refusal::Card(_)
            | Refusal::Recharge(_)
            | Refusal::Wallet(_)
            | Refusal::WalletFreeze(_)
            | Refusal::Agreement(_)
            | Refusal::Book(_) => Fault::new(Status::Failed, Internal::Defect, refusal.to_string()),
        }
    }
}

fn of_order(refusal: &OrderRefusal) -> Fault {
    let text = refusal.to_string();
    let invalid = |field: &str| {
        Fault::new(Status::Invalid, Internal::Malformed, format!("{field}: {refusal}"))
    };
    match refusal {
        OrderRefusal::UnknownMerchant => Fault::new(Status::Failed, Internal::NoMerchant, text),
        OrderRefusal::NotFound => Fault::not_found("order"),
        OrderRefusal::Final => {
            let text = "the order is final, use a new number";
            Fault::new(Status::NumberUsed, Internal::Conflict, text)
        }
        OrderRefusal::Differs { .. } => Fault::differs(text),
        OrderRefusal::CallInFlight | OrderRefusal::DebitOut => Fault::in_flight(),
        // Nothing in the request would mend it: the merchant must ask the platform.
        OrderRefusal::MerchantDisabled | OrderRefusal::NoRoute { .. } => {
            Fault::new(Status::Failed, Internal::NotPermitted, text)
        }
        OrderRefusal::Amount => invalid("pay_content.total_fee"),
        OrderRefusal::Expiry | OrderRefusal::ExpiryTooFar { .. } => {
            invalid("pay_content.time_expire")
        }
        OrderRefusal::Text { .. } => invalid("pay_content"),
        OrderRefusal::PaymentCode { .. } => invalid("pay_content.author_code"),
        OrderRefusal::State { .. } => Fault::conflict(text),
        // No order of this dialect is divided, paid from a wallet or by agreement, and operators' refusals
        // cannot come of its commands.
        OrderRefusal::Contested { .. }
        | OrderRefusal::NotContested
        | OrderRefusal::StoredValue
        | OrderRefusal::NoAttention
        | OrderRefusal::Allocation { .. }
        | OrderRefusal::Share { .. }
        | OrderRefusal::Picked { .. }
        | OrderRefusal::Splits
        | OrderRefusal::NoWallet
        | OrderRefusal::OtherWallet
        | OrderRefusal::Wallet(_)
        | OrderRefusal::WalletCard { .. }
        | OrderRefusal::Debit(_) => Fault::conflict(text),
    }
}

fn of_refund(refusal: &RefundRefusal) -> Fault {
    let text = refusal.to_string();
    match refusal {
        RefundRefusal::NotFound => Fault::not_found("refund"),
        RefundRefusal::OtherOrder
        | RefundRefusal::OtherAmount
        | RefundRefusal::OtherParts
        | RefundRefusal::OtherCards
        | RefundRefusal::OtherReturns
        | RefundRefusal::OtherWay
        | RefundRefusal::OtherNotifyUrl => Fault::differs(text),
        RefundRefusal::Contradicted | RefundRefusal::Sharing => Fault::in_flight(),
        RefundRefusal::Amount => Fault::new(Status::Invalid, Internal::Malformed, text),
        RefundRefusal::StoredValue
        | RefundRefusal::NoWallet
        | RefundRefusal::CardList { .. }
        | RefundRefusal::NotPaid { .. }
        | RefundRefusal::TooOld { .. }
        | RefundRefusal::Exceeds { .. }
        | RefundRefusal::NotReturned { .. }
        | RefundRefusal::ReturnsExceed
        | RefundRefusal::PayeeNotEnough { .. }
        | RefundRefusal::NotAllocated { .. }
        | RefundRefusal::Twice { .. }
        | RefundRefusal::MoreThanAllocated { .. }
        | RefundRefusal::PartsExceed
        | RefundRefusal::NotEnough { .. }
        | RefundRefusal::Wallet(_)
        | RefundRefusal::BalanceTooLow
        | RefundRefusal::NotItsCard { .. }
        | RefundRefusal::CardState { .. }
        | RefundRefusal::CardSpent { .. }
        | RefundRefusal::State { .. }
        | RefundRefusal::NoAttention => Fault::conflict(text),
    }
}
