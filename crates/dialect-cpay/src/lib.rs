//! The 腾讯云支付 wire API (`/cpay/…`), as a dialect.
//!
//! A call is a JSON document inside a JSON text, and a code over that text. The text is authenticated as
//! it came, read strictly, and becomes a command; what the engine answers is written in this API's words,
//! as a text again, with a code over it. Nothing here decides anything about money.
//!
//! - [`Cpay`]: the dialect. [`SubMerchants`]: who calls, as the configuration declares it.
//! - [`authen_code`]: the code over a text, as clients and this program compute it.
//! - `routes`: the endpoints; `envelope`: bytes in, texts out; `auth`: who calls.
//! - `brief`: the short form of devices.
//! - `wire`: requests; `result`: results; `map`: to commands and back; `states`: numbers of states;
//!   `outlets`: the 门店 of a caller; `details`: what an order keeps of its request; `faults`: refusals in this API's numbers.
//! - `announce`: notifications.

mod announce;
mod auth;
mod brief;
mod details;
mod envelope;
mod faults;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod map;
mod outlets;
mod refund;
mod result;
mod routes;
mod states;
mod sub_merchant;
#[cfg(test)]
mod tests;
mod wire;

pub use auth::authen_code;
pub use sub_merchant::{DeclarationFault, Outlet, SubMerchant, SubMerchants};

use axum::Router;
use dialect::{Budgets, Dialect};
use engine::{Announce, Engine};
use std::sync::Arc;

/// The dialect's name in configuration and storage.
pub const NAME: &str = "cpay";

/// The namespace of its merchants' order numbers (out_trade_no).
pub const NAMESPACE: &str = "cpay";

/// The namespace of its merchants' refund numbers (out_refund_no).
pub const REFUND_NAMESPACE: &str = "cpay.refund";

/// The 腾讯云支付 wire API.
#[derive(Debug)]
pub struct Cpay {
    sub_merchants: Arc<SubMerchants>,
    budgets: Arc<Budgets>,
}

impl Cpay {
    /// The dialect for these merchants.
    pub fn new(sub_merchants: SubMerchants, budgets: Arc<Budgets>) -> Cpay {
        Cpay { sub_merchants: Arc::new(sub_merchants), budgets }
    }
}

impl Dialect for Cpay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn router(&self, engine: Arc<Engine>) -> Router {
        let (sub_merchants, budgets) = (self.sub_merchants.clone(), self.budgets.clone());
        routes::router(routes::Api { engine, sub_merchants, budgets })
    }

    fn announcer(&self) -> Option<Arc<dyn Announce>> {
        let sub_merchants = self.sub_merchants.clone();
        Some(Arc::new(announce::Announcer { sub_merchants }))
    }
}
