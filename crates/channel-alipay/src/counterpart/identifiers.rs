//! The numbers that the channel gives: each looks like the real one and is made from the context.

use channel::CodecContext;
use jiff::tz::{TimeZone, offset};
use ledger::Timestamp;

/// A trade's number: the day in Beijing, `2200`, and 16 digits, which rise within the day.
pub(super) fn trade_no(context: &CodecContext) -> String {
    let ms = context.now.plus_seconds(8 * 3600).ms().rem_euclid(86_400_000);
    format!("{}2200{ms:08}{}", day(context.now), digits(&context.nonce, 8))
}

/// A code on a payer's phone: 18 digits that begin with 28.
pub(super) fn payment_code(context: &CodecContext) -> String {
    format!("28{}", digits(&context.nonce, 16))
}

/// Where the payer's app finds an order behind a QR code.
pub(super) fn qr_code(context: &CodecContext) -> String {
    let tail: String = context.nonce.chars().take(20).collect();
    format!("https://qr.alipay.com/bax{tail}")
}

/// The id of a callback.
pub(super) fn notify_id(context: &CodecContext) -> String {
    format!("{}00222{}", day(context.now), context.nonce.chars().take(24).collect::<String>())
}

/// An agreement's number: the day in Beijing, and 12 digits.
pub(super) fn agreement_no(context: &CodecContext) -> String {
    format!("{}{}", day(context.now), digits(&context.nonce, 12))
}

/// A payer whom the order does not name.
pub(super) fn buyer_id(context: &CodecContext) -> String {
    format!("2088{}", digits(&context.nonce, 12))
}

fn day(at: Timestamp) -> String {
    let beijing = TimeZone::fixed(offset(8));
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(beijing).strftime("%Y%m%d").to_string()
}

/// The first digits of a number in hex.
fn digits(nonce: &str, len: usize) -> String {
    let digit =
        |char: char| char.to_digit(16).map_or('0', |digit| char::from(b'0' + digit_of(digit)));
    nonce.chars().map(digit).chain(std::iter::repeat('0')).take(len).collect()
}

/// One of ten digits for one of sixteen.
fn digit_of(hex: u32) -> u8 {
    u8::try_from(hex % 10).unwrap_or_default()
}
