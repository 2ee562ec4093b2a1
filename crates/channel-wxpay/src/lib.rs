//! WeChat Pay (微信支付), APIv3 and v2: the codecs, and their other half for the sandbox.
//!
//! Opens no socket, reads no clock. Knows neither the kernel nor another vendor. The documents that it
//! follows and the channel's quirks stand in the README.
//!
//! - `settings`: an account, read from its settings.
//! - `connection`: an open account; answers and callbacks to findings.
//! - `request`: instructions to signed requests.
//! - `order`: placing an order, and what the client gets to pay with.
//! - `code_pay`: charging a payer's code.
//! - `reading`: transactions and refunds to findings.
//! - `sharing`: profit sharing.
//! - `bill`: bills, from the request for a file to its rows.
//! - `codes`: error codes to findings, a table.
//! - `certificates`: what is sealed with the APIv3 key.
//! - `keys`: the channel's signing keys, and whether a signature holds.
//! - `v2`: the older interface. `interfaces`: which of the two carries out what.
//! - `wire` and `sign`: messages and signatures, shared with [`counterpart`].

mod bill;
mod certificates;
mod code_pay;
mod codes;
mod connection;
pub mod counterpart;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod interfaces;
mod keys;
mod order;
mod reading;
mod request;
mod settings;
mod settlement;
mod sharing;
mod sign;
#[cfg(test)]
mod tests;
mod v2;
mod wire;

use channel::{
    About, BadSettings, Channel, Connection, PaymentCodeRules, PlatformKey, Scene, Settings,
    TextRules,
};

/// WeChat Pay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wxpay;

/// `time_expire` lies at most 90 days ahead; WeChat Pay shortens what is longer without a word.
const ORDER_LIFE_SECONDS_MAX: i64 = 90 * 24 * 3600;

/// The page gives 127 characters for a description and 32 for `goods_tag`; the server refuses emoji.
/// `goods_tag` is counted in bytes, the stricter reading: the server counts `attach` so.
const TEXT: TextRules =
    TextRules { subject_chars_max: 127, goods_tag_bytes_max: 32, takes_four_byte_chars: false };

/// 18 digits that begin with 10 to 15.
const CODES: PaymentCodeRules =
    PaymentCodeRules { digits_min: 18, digits_max: 18, first_two_min: 10, first_two_max: 15 };

static ABOUT: About = About {
    name: "wxpay",
    scenes: &[Scene::MiniProgram, Scene::Public, Scene::Pc, Scene::H5, Scene::App, Scene::Swipe],
    settings: settings::SETTINGS,
    order_life_seconds_max: ORDER_LIFE_SECONDS_MAX,
    payment_codes: Some(CODES),
    sharing: Some(sharing::RULES),
    text: TEXT,
    fetches_keys: true,
    is_built_in: false,
};

impl Channel for Wxpay {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn open(
        &self,
        settings: &Settings,
        keys: &[PlatformKey],
    ) -> Result<Box<dyn Connection>, BadSettings> {
        interfaces::open(settings, keys)
    }
}
