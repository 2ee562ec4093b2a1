//! Alipay (支付宝) OpenAPI with RSA2: the codec, and its other half for the sandbox.
//!
//! Opens no socket, reads no clock. Knows neither the kernel nor another vendor. The documents that it
//! follows and the channel's quirks stand in the README.
//!
//! - `settings`: an account, read from its settings. `trust`: which signatures of the channel are
//!   believed, by a key or by `certificates`.
//! - `connection`: an open account; answers to findings. `callback`: callbacks to findings.
//! - `request`: instructions to signed requests. `method`: the names of the calls.
//! - `order`: placing an order, and what the client gets to pay with.
//! - `agreement`: agreements, and debits by them.
//! - `reading`: trades and refunds to findings.
//! - `bill`: the bills of a day.
//! - `codes`: error codes to findings, a table.
//! - `wire` and `sign`: messages and signatures, shared with [`counterpart`].

mod agreement;
mod bill;
mod callback;
mod certificates;
mod codes;
mod connection;
pub mod counterpart;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod method;
mod order;
mod reading;
mod request;
mod settings;
mod sign;
#[cfg(test)]
mod tests;
mod trust;
mod wire;

use channel::{
    About, BadSettings, Channel, Connection, PaymentCodeRules, PlatformKey, Scene, Settings,
    TextRules,
};

/// Alipay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alipay;

/// An order is payable for 15 days at most.
const ORDER_LIFE_SECONDS_MAX: i64 = 15 * 24 * 3600;

/// The page gives 256 characters for a subject. There is no goods tag: it is left out.
const TEXT: TextRules = TextRules { subject_chars_max: 256, ..TextRules::ANY };

/// 16 to 24 digits that begin with 25 to 30.
const CODES: PaymentCodeRules =
    PaymentCodeRules { digits_min: 16, digits_max: 24, first_two_min: 25, first_two_max: 30 };

static ABOUT: About = About {
    name: "alipay",
    scenes: &[Scene::MiniProgram, Scene::Public, Scene::Pc, Scene::H5, Scene::App, Scene::Swipe],
    settings: settings::SETTINGS,
    order_life_seconds_max: ORDER_LIFE_SECONDS_MAX,
    payment_codes: Some(CODES),
    sharing: None,
    text: TEXT,
    fetches_keys: true,
    is_built_in: false,
};

impl Channel for Alipay {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn open(
        &self,
        settings: &Settings,
        keys: &[PlatformKey],
    ) -> Result<Box<dyn Connection>, BadSettings> {
        let account = settings::Account::read(settings)?.with_fetched(keys);
        Ok(Box::new(connection::OpenAccount { account }))
    }
}
