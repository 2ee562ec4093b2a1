//! The numbers that the channel gives: each looks like the real one and is made from the context.

use channel::CodecContext;
use jiff::tz::{TimeZone, offset};
use ledger::Timestamp;

/// `wx`, Beijing time to the second, and 20 hex digits: 36 characters. The first three of those are
/// milliseconds, so that prepay ids sort by time.
pub(super) fn prepay_id(context: &CodecContext) -> String {
    let ms = context.now.ms().rem_euclid(1000);
    let tail: String = context.nonce.chars().take(17).collect();
    format!("wx{}{ms:03x}{tail}", beijing(context.now, "%Y%m%d%H%M%S"))
}

/// What a QR code's link ends in: nine letters and digits.
pub(super) fn code(context: &CodecContext) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut left = number(&context.nonce);
    let mut code = String::with_capacity(9);
    for _ in 0..7 {
        let letter = usize::try_from(left % 62).ok().and_then(|at| LETTERS.get(at));
        code.push(char::from(*letter.unwrap_or(&b'0')));
        left /= 62;
    }
    code + "zz"
}

/// A code on a payer's phone: 18 digits that begin with 13.
pub(super) fn payment_code(context: &CodecContext) -> String {
    format!("13{}", digits::<16>(&context.nonce))
}

/// 28 digits that begin with `4200`.
pub(super) fn transaction_id(context: &CodecContext) -> String {
    dated_number("4200", context)
}

/// 28 digits that begin with `5030`.
pub(super) fn refund_id(context: &CodecContext) -> String {
    dated_number("5030", context)
}

/// 28 digits that begin with `3008`: a share.
pub(super) fn share_id(context: &CodecContext) -> String {
    dated_number("3008", context)
}

/// 28 digits that begin with `3009`: the return of a share.
pub(super) fn share_return_id(context: &CodecContext) -> String {
    dated_number("3009", context)
}

/// 18 digits that begin with the day: an agreement.
pub(super) fn contract_id(context: &CodecContext) -> String {
    format!("{}{}", beijing(context.now, "%Y%m%d"), digits::<10>(&context.nonce))
}

/// 36 characters, as a UUID is written.
pub(super) fn callback_id(context: &CodecContext) -> String {
    let part = |from: usize, to: usize| context.nonce.get(from..to).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    parts.join("-")
}

/// The openid of a payer whom the order does not name: 28 characters.
pub(super) fn openid(context: &CodecContext) -> String {
    let tail: String = context.nonce.chars().take(23).collect();
    format!("oUpF8{tail}")
}

/// The `package` of an h5 link: ten digits.
pub(super) fn package(context: &CodecContext) -> String {
    digits::<10>(&context.nonce)
}

/// The id of a coupon: ten digits.
pub(super) fn coupon_id(context: &CodecContext) -> String {
    digits::<10>(context.nonce.get(16..).unwrap_or_default())
}

fn dated_number(head: &str, context: &CodecContext) -> String {
    let (left, right) = context.nonce.split_at_checked(16).unwrap_or((&context.nonce, ""));
    let date = beijing(context.now, "%Y%m%d");
    format!("{head}{}{date}{}", digits::<6>(left), digits::<10>(right))
}

/// The last `N` digits of a hex number of 16 digits at most.
fn digits<const N: usize>(hex: &str) -> String {
    let text = format!("{:020}", number(hex));
    text.get(20 - N..).unwrap_or_default().to_owned()
}

/// The number that 16 hex digits stand for.
fn number(hex: &str) -> u64 {
    u64::from_str_radix(hex.get(..16).unwrap_or(hex), 16).unwrap_or_default()
}

fn beijing(at: Timestamp, format: &str) -> String {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(TimeZone::fixed(offset(8))).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_the_channels() {
        let context = CodecContext {
            now: Timestamp::from_ms(1_528_425_296_789),
            nonce: "0123456789abcdef0123456789abcdef".to_owned(),
        };
        assert_eq!(prepay_id(&context), "wx201806081034563150123456789abcdef0");
        assert_eq!(prepay_id(&context).len(), 36);
        assert_eq!(transaction_id(&context), "4200486895201806089216486895");
        assert_eq!(refund_id(&context).len(), 28);
        assert_eq!(callback_id(&context), "01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(openid(&context).len(), 28);
        assert_eq!(package(&context), "9216486895");
        assert_eq!(code(&context).len(), 9);
        assert_eq!(payment_code(&context), "131985529216486895");
    }
}
