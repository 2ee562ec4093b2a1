//! Bytes that nobody can guess.

use crate::text;

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// 32 random lower-case hex digits.
pub fn hex_nonce() -> String {
    text::hex(&bytes::<16>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_hex_and_differ() {
        let (one, other) = (hex_nonce(), hex_nonce());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    }
}
