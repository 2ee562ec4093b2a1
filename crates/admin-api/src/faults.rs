//! What can go wrong, as statuses, codes and messages.

use crate::operators::Role;
use crate::query::Malformed;
use crate::wire::{Error, ErrorBody};
use axum::Json;
use axum::response::{IntoResponse, Response};
use dialect::Wait;
use engine::{ChannelAccountFault, DeclarationFault, Failure};
use http::{HeaderValue, StatusCode, header};
use kernel::{
    AgreementRefusal, AllocationRefusal, ApprovalRefusal, DirectoryRefusal, NotificationRefusal,
    OrderRefusal, PayeeRefusal, RefundRefusal, Refusal, ShareRefusal, ShareReturnRefusal,
    WithdrawalRefusal,
};
use store::StoreFault;

/// Seconds after which an overloaded or stopping process may be asked again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Why a request brought no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A parameter, path segment or member of the body cannot be used.
    Malformed(Malformed),
    /// The token is missing or wrong.
    Unauthenticated,
    /// The token's role does not allow it.
    Forbidden {
        /// The token's role.
        role: Role,
        /// The lowest role that may.
        wanted: Role,
    },
    /// Too many requests.
    TooMany(Wait),
    /// There is nothing of that name.
    NotFound {
        /// The noun: `tenant`, `order`, `notification`, `path`.
        what: &'static str,
    },
    /// The path does not take this method.
    Method,
    /// The engine refused or failed.
    Failure(Failure),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault::Malformed(malformed)
    }
}

impl From<Wait> for Fault {
    fn from(wait: Wait) -> Fault {
        Fault::TooMany(wait)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        Fault::Failure(failure)
    }
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Fault {
        Fault::Failure(Failure::Store(fault))
    }
}

impl From<DeclarationFault> for Malformed {
    fn from(fault: DeclarationFault) -> Malformed {
        let (field, why) = match fault {
            DeclarationFault::Field { field, why }
            | DeclarationFault::ChannelAccount(ChannelAccountFault::Setting { name: field, why }) => {
                (field, why)
            }
            DeclarationFault::ChannelAccount(
                fault @ ChannelAccountFault::UnknownChannel { .. },
            ) => ("channel".to_owned(), fault.to_string()),
        };
        Malformed { field, why }
    }
}

impl From<DeclarationFault> for Fault {
    fn from(fault: DeclarationFault) -> Fault {
        Fault::Malformed(fault.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        if let Fault::Failure(Failure::Store(fault)) = &self {
            tracing::error!(%fault, "admin request failed");
        }
        let (status, error) = render(&self);
        let mut response = (status, Json(ErrorBody { error })).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            StatusCode::TOO_MANY_REQUESTS => {
                if let Fault::TooMany(wait) = &self {
                    headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds()));
                }
            }
            _ => {}
        }
        response
    }
}

/// The status and the error.
pub(crate) fn render(fault: &Fault) -> (StatusCode, Error) {
    match fault {
        Fault::Malformed(Malformed { field, why }) => {
            let message = format!("{field}: {why}");
            let error = Error { code: "malformed", message, field: Some(field.clone()) };
            (StatusCode::BAD_REQUEST, error)
        }
        Fault::Unauthenticated => (
            StatusCode::UNAUTHORIZED,
            plain("unauthenticated", "want header Authorization: Bearer with the admin token"),
        ),
        Fault::Forbidden { role, wanted } => (
            StatusCode::FORBIDDEN,
            plain("forbidden", &format!("the token may {role}, want one that may {wanted}")),
        ),
        Fault::TooMany(wait) => (
            StatusCode::TOO_MANY_REQUESTS,
            plain("too_many_requests", &format!("retry after {} s", wait.seconds())),
        ),
        Fault::NotFound { what } => {
            (StatusCode::NOT_FOUND, plain("not_found", &format!("no such {what}")))
        }
        Fault::Method => (
            StatusCode::METHOD_NOT_ALLOWED,
            plain("method_not_allowed", "the path does not take this method"),
        ),
        Fault::Failure(failure) => engine_failure(failure),
    }
}

fn engine_failure(failure: &Failure) -> (StatusCode, Error) {
    match failure {
        Failure::Refused(refusal) => {
            let (status, code, field) = refused(refusal);
            (status, Error { code, message: refusal.to_string(), field })
        }
        Failure::Overloaded => {
            (StatusCode::SERVICE_UNAVAILABLE, plain("overloaded", &failure.to_string()))
        }
        Failure::Busy => (StatusCode::SERVICE_UNAVAILABLE, plain("busy", &failure.to_string())),
        Failure::Stopping => {
            (StatusCode::SERVICE_UNAVAILABLE, plain("stopping", &failure.to_string()))
        }
        Failure::Defect(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            plain("defect", "the decision broke an assertion; nothing changed, the log has why"),
        ),
        Failure::Store(fault) => store_fault(fault),
    }
}

/// The database's own text stays in the log: it may quote rows.
fn store_fault(fault: &StoreFault) -> (StatusCode, Error) {
    match fault {
        StoreFault::Unavailable(_) | StoreFault::Failed(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            plain(
                "store",
                "the database failed; a change may have taken effect, read before repeating it",
            ),
        ),
        StoreFault::Overloaded(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            plain("overloaded", "the database has too many questions to answer, retry later"),
        ),
        StoreFault::Unreadable { table, why: _ } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            plain("unreadable", &format!("unreadable row in {table}")),
        ),
    }
}

fn refused(refusal: &Refusal) -> (StatusCode, &'static str, Option<String>) {
    match refusal {
        Refusal::Order(refusal) => order_refused(refusal),
        Refusal::Refund(RefundRefusal::Sharing | RefundRefusal::NotReturned { .. }) => {
            (StatusCode::CONFLICT, "shared", None)
        }
        Refusal::Refund(RefundRefusal::NotFound) => not_found("refund_not_found", "refund"),
        Refusal::Refund(RefundRefusal::State { .. }) => (StatusCode::CONFLICT, "state", None),
        Refusal::Refund(RefundRefusal::NoAttention) => (StatusCode::CONFLICT, "no_attention", None),
        // Refusals of what merchants request: no command of this API leads to them.
        Refusal::Refund(
            RefundRefusal::OtherOrder
            | RefundRefusal::OtherAmount
            | RefundRefusal::OtherParts
            | RefundRefusal::OtherCards
            | RefundRefusal::CardList { .. }
            | RefundRefusal::NotItsCard { .. }
            | RefundRefusal::CardState { .. }
            | RefundRefusal::CardSpent { .. }
            | RefundRefusal::OtherReturns
            | RefundRefusal::ReturnsExceed
            | RefundRefusal::PayeeNotEnough { .. }
            | RefundRefusal::OtherWay
            | RefundRefusal::OtherNotifyUrl
            | RefundRefusal::Amount
            | RefundRefusal::StoredValue
            | RefundRefusal::NoWallet
            | RefundRefusal::Wallet(_)
            | RefundRefusal::BalanceTooLow
            | RefundRefusal::NotPaid { .. }
            | RefundRefusal::TooOld { .. }
            | RefundRefusal::Exceeds { .. }
            | RefundRefusal::NotAllocated { .. }
            | RefundRefusal::Twice { .. }
            | RefundRefusal::MoreThanAllocated { .. }
            | RefundRefusal::PartsExceed
            | RefundRefusal::NotEnough { .. }
            | RefundRefusal::Contradicted,
        ) => (StatusCode::CONFLICT, "refund_refused", None),
        Refusal::Notification(NotificationRefusal::NotFound) => {
            not_found("notification_not_found", "notification")
        }
        Refusal::Notification(NotificationRefusal::NoFindings) => {
            (StatusCode::CONFLICT, "no_findings", None)
        }
        Refusal::Notification(NotificationRefusal::State { .. }) => {
            (StatusCode::CONFLICT, "state", None)
        }
        Refusal::Directory(refusal) => directory_refused(refusal),
        Refusal::Approval(refusal) => approval_refused(refusal),
        Refusal::Payee(PayeeRefusal::NotFound) => not_found("payee_not_found", "payee"),
        Refusal::Payee(PayeeRefusal::NoAttention) => (StatusCode::CONFLICT, "no_attention", None),
        // No command of this API leads to the others.
        Refusal::Payee(_) => (StatusCode::CONFLICT, "payee", None),
        Refusal::Agreement(AgreementRefusal::NotFound) => {
            not_found("agreement_not_found", "agreement")
        }
        Refusal::Agreement(AgreementRefusal::NoAttention) => {
            (StatusCode::CONFLICT, "no_attention", None)
        }
        Refusal::Agreement(AgreementRefusal::State { .. }) => (StatusCode::CONFLICT, "state", None),
        // No command of this API leads to the others.
        Refusal::Agreement(_) => (StatusCode::CONFLICT, "agreement", None),
        Refusal::Share(ShareRefusal::NotFound) => not_found("share_not_found", "share"),
        Refusal::Share(ShareRefusal::NoAttention) => (StatusCode::CONFLICT, "no_attention", None),
        Refusal::Share(_) => (StatusCode::CONFLICT, "state", None),
        Refusal::ShareReturn(ShareReturnRefusal::NotFound) => {
            not_found("share_return_not_found", "share_return")
        }
        Refusal::ShareReturn(ShareReturnRefusal::NoAttention) => {
            (StatusCode::CONFLICT, "no_attention", None)
        }
        Refusal::ShareReturn(_) => (StatusCode::CONFLICT, "state", None),
        Refusal::Allocation(AllocationRefusal::NotFound) => {
            not_found("allocation_not_found", "allocation")
        }
        // No command of this API leads to it.
        Refusal::AllocationRelease(_) => (StatusCode::CONFLICT, "allocation_release", None),
        Refusal::Withdrawal(refusal) => withdrawal_refused(refusal),
        Refusal::CardBatch(_) => (StatusCode::CONFLICT, "card_batch", None),
        Refusal::Recharge(_) => (StatusCode::CONFLICT, "recharge", None),
        Refusal::Card(_) => (StatusCode::CONFLICT, "card", None),
        Refusal::CardTransfer(_) => (StatusCode::CONFLICT, "card_transfer", None),
        Refusal::CardBinding(_) => (StatusCode::CONFLICT, "card_binding", None),
        Refusal::Wallet(_) => (StatusCode::CONFLICT, "wallet", None),
        Refusal::WalletFreeze(_) => (StatusCode::CONFLICT, "wallet_freeze", None),
        Refusal::Book(_) => (StatusCode::CONFLICT, "book", None),
    }
}

fn order_refused(refusal: &OrderRefusal) -> (StatusCode, &'static str, Option<String>) {
    let field = |name: &str| Some(name.to_owned());
    match refusal {
        OrderRefusal::UnknownMerchant => not_found("unknown_merchant", "merchant"),
        OrderRefusal::NotFound => not_found("order_not_found", "order"),
        OrderRefusal::Final => (StatusCode::CONFLICT, "order_final", None),
        OrderRefusal::Differs { field } => {
            (StatusCode::CONFLICT, "differs", Some(field.to_string()))
        }
        OrderRefusal::State { .. } => (StatusCode::CONFLICT, "state", None),
        OrderRefusal::Contested { .. } => (StatusCode::CONFLICT, "contested", None),
        OrderRefusal::DebitOut => (StatusCode::CONFLICT, "debit_out", None),
        OrderRefusal::Debit(_) => (StatusCode::CONFLICT, "debit", None),
        OrderRefusal::NotContested => (StatusCode::CONFLICT, "not_contested", None),
        OrderRefusal::StoredValue => (StatusCode::CONFLICT, "stored_value", None),
        OrderRefusal::NoAttention => (StatusCode::CONFLICT, "no_attention", None),
        OrderRefusal::CallInFlight => (StatusCode::CONFLICT, "call_in_flight", None),
        OrderRefusal::MerchantDisabled => {
            (StatusCode::CONFLICT, "merchant_disabled", field("merchant"))
        }
        OrderRefusal::NoRoute { .. } => (StatusCode::CONFLICT, "no_route", None),
        OrderRefusal::NoWallet
        | OrderRefusal::OtherWallet
        | OrderRefusal::Wallet(_)
        | OrderRefusal::WalletCard { .. } => (StatusCode::CONFLICT, "wallet", None),
        OrderRefusal::Amount => (StatusCode::BAD_REQUEST, "amount", field("amount")),
        OrderRefusal::Expiry | OrderRefusal::ExpiryTooFar { .. } => {
            (StatusCode::BAD_REQUEST, "expiry", field("expires_at"))
        }
        OrderRefusal::PaymentCode { .. } => {
            (StatusCode::BAD_REQUEST, "payment_code", field("payment_code"))
        }
        OrderRefusal::Allocation { .. }
        | OrderRefusal::Picked { .. }
        | OrderRefusal::Share { .. }
        | OrderRefusal::Splits => (StatusCode::BAD_REQUEST, "splits", field("splits")),
        OrderRefusal::Text { field: text, .. } => {
            (StatusCode::BAD_REQUEST, "text", field(text.name()))
        }
    }
}

fn approval_refused(refusal: &ApprovalRefusal) -> (StatusCode, &'static str, Option<String>) {
    let conflict = |code| (StatusCode::CONFLICT, code, None);
    match refusal {
        ApprovalRefusal::NotFound => not_found("approval_not_found", "approval"),
        ApprovalRefusal::NotOperator => conflict("not_operator"),
        ApprovalRefusal::Differs => (StatusCode::CONFLICT, "differs", Some("digest".to_owned())),
        ApprovalRefusal::OwnProposal => conflict("own_proposal"),
        ApprovalRefusal::State { .. } => conflict("state"),
        ApprovalRefusal::Spent => conflict("spent"),
        ApprovalRefusal::OtherPayment => conflict("other_payment"),
    }
}

fn withdrawal_refused(refusal: &WithdrawalRefusal) -> (StatusCode, &'static str, Option<String>) {
    let field = |name: &str| Some(name.to_owned());
    match refusal {
        WithdrawalRefusal::NotFound => not_found("withdrawal_not_found", "withdrawal"),
        WithdrawalRefusal::Differs { field } => {
            (StatusCode::CONFLICT, "differs", Some(field.name().to_owned()))
        }
        WithdrawalRefusal::UnknownMerchant => not_found("unknown_merchant", "merchant"),
        WithdrawalRefusal::MerchantDisabled => {
            (StatusCode::CONFLICT, "merchant_disabled", field("merchant"))
        }
        WithdrawalRefusal::Amount => (StatusCode::BAD_REQUEST, "amount", field("amount")),
        WithdrawalRefusal::Insufficient { .. } => (StatusCode::CONFLICT, "insufficient", None),
        WithdrawalRefusal::State { .. } => (StatusCode::CONFLICT, "state", None),
    }
}

fn directory_refused(refusal: &DirectoryRefusal) -> (StatusCode, &'static str, Option<String>) {
    match refusal {
        DirectoryRefusal::NotFound { noun } => not_found("not_found", noun),
        DirectoryRefusal::Exists { noun } => {
            (StatusCode::CONFLICT, "exists", Some((*noun).to_owned()))
        }
        DirectoryRefusal::Taken { noun } => {
            (StatusCode::CONFLICT, "taken", Some((*noun).to_owned()))
        }
        DirectoryRefusal::Changed { noun } => {
            (StatusCode::CONFLICT, "changed", Some((*noun).to_owned()))
        }
        DirectoryRefusal::Identity { .. } => {
            (StatusCode::CONFLICT, "identity", Some("settings".to_owned()))
        }
        DirectoryRefusal::NoTenant => not_found("not_found", "tenant"),
        DirectoryRefusal::NoFindings { .. } => (StatusCode::CONFLICT, "no_findings", None),
        DirectoryRefusal::NoChannelAccount { .. } => {
            (StatusCode::CONFLICT, "no_channel_account", Some("channel_accounts".to_owned()))
        }
    }
}

fn not_found(code: &'static str, field: &str) -> (StatusCode, &'static str, Option<String>) {
    (StatusCode::NOT_FOUND, code, Some(field.to_owned()))
}

fn plain(code: &'static str, message: &str) -> Error {
    Error { code, message: message.to_owned(), field: None }
}
