//! Bytes as text.

use crate::SealFault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEX_DIGITS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    // Not by `write!`: every request needs five of these texts, and a formatter runs for each byte.
    for byte in bytes {
        text.push(HEX_DIGITS[usize::from(byte >> 4)]);
        text.push(HEX_DIGITS[usize::from(byte & 0xf)]);
    }
    text
}

/// Base64 of the standard alphabet, with padding.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads [`base64()`].
pub fn from_base64(text: &str) -> Result<Vec<u8>, SealFault> {
    STANDARD.decode(text).map_err(|_| SealFault::BadText { what: "Base64 wanted" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_and_return() {
        assert_eq!(hex(&[0, 0x0f, 0xff]), "000fff");
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
        assert_eq!(from_base64("+/8="), Ok(vec![0xfb, 0xff]));
        for bad in ["+/8", "-_8=", "+/8= ", "%"] {
            assert!(from_base64(bad).is_err(), "{bad}");
        }
    }
}
