//! What can go wrong, as statuses, codes and words.

use crate::query::Malformed;
use crate::wire::{Error, ErrorBody};
use axum::Json;
use axum::response::{IntoResponse, Response};
use engine::Failure;
use http::{HeaderValue, StatusCode, header};
use kernel::Refusal;
use store::StoreFault;

/// Seconds after which an overloaded or stopping process may be asked again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Why a request brought no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A parameter or path segment cannot be used.
    Malformed(Malformed),
    /// The token is missing or wrong.
    Unauthenticated,
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

impl Fault {
    /// For a store that answered with another query's page: a bug of the store.
    pub(crate) fn wrong_page() -> Fault {
        StoreFault::Failed("store answered with another page".to_owned()).into()
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
        Failure::Stopping => {
            (StatusCode::SERVICE_UNAVAILABLE, plain("stopping", &failure.to_string()))
        }
        Failure::Store(fault) => store_fault(fault),
    }
}

/// The database's own words stay in the log: they may quote rows.
fn store_fault(fault: &StoreFault) -> (StatusCode, Error) {
    match fault {
        StoreFault::Unavailable(_) | StoreFault::Failed(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            plain(
                "store",
                "the database failed; a request may have taken effect, ask before repeating",
            ),
        ),
        StoreFault::Unreadable { table, why: _ } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            plain("unreadable", &format!("unreadable row in {table}")),
        ),
    }
}

fn refused(refusal: &Refusal) -> (StatusCode, &'static str, Option<String>) {
    let field = |name: &str| Some(name.to_owned());
    match refusal {
        Refusal::UnknownMerchant => (StatusCode::NOT_FOUND, "unknown_merchant", field("merchant")),
        Refusal::NoRoute => (StatusCode::CONFLICT, "no_route", None),
        Refusal::Amount => (StatusCode::BAD_REQUEST, "amount", field("amount")),
        Refusal::Expiry => (StatusCode::BAD_REQUEST, "expiry", field("expires_at")),
        Refusal::OrderNotFound => (StatusCode::NOT_FOUND, "order_not_found", field("order")),
        Refusal::RefundNotFound => (StatusCode::NOT_FOUND, "refund_not_found", field("refund")),
        Refusal::NotificationNotFound => {
            (StatusCode::NOT_FOUND, "notification_not_found", field("notification"))
        }
        Refusal::OrderFinal => (StatusCode::CONFLICT, "order_final", None),
        Refusal::Differs { field } => (StatusCode::CONFLICT, "differs", Some(field.to_string())),
        Refusal::CallInFlight => (StatusCode::CONFLICT, "call_in_flight", None),
        Refusal::State { .. } => (StatusCode::CONFLICT, "state", None),
        Refusal::Book(_) => (StatusCode::CONFLICT, "book", None),
    }
}

fn plain(code: &'static str, message: &str) -> Error {
    Error { code, message: message.to_owned(), field: None }
}
