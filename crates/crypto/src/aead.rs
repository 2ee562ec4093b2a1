//! AES-256-GCM with a 12-byte nonce; the 16-byte tag stands behind the cipher text.

use crate::SealFault;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Opens sealed bytes.
pub fn open(
    key: &[u8; 32],
    nonce: &[u8],
    aad: &[u8],
    cipher_and_tag: &[u8],
) -> Result<Vec<u8>, SealFault> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealFault::Open)?;
    let mut text = cipher_and_tag.to_vec();
    let plain_len = cipher(key)
        .open_in_place(nonce, Aad::from(aad), &mut text)
        .map_err(|_| SealFault::Open)?
        .len();
    text.truncate(plain_len);
    Ok(text)
}

/// Seals bytes. A nonce must never serve twice under one key.
pub fn seal(key: &[u8; 32], nonce: &[u8], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealFault> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealFault::Seal)?;
    let mut text = plain.to_vec();
    cipher(key)
        .seal_in_place_append_tag(nonce, Aad::from(aad), &mut text)
        .map_err(|_| SealFault::Seal)?;
    Ok(text)
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
    const NONCE: &[u8] = b"0123456789ab";
    const PLAIN: &[u8] = br#"{"out_trade_no":"T1","trade_state":"SUCCESS"}"#;
    const SEALED: &str =
        "4ouITzeV7GmUYUbi3WteHWDS5e076h4ZReuqRrqM+N1PXV1boadmhiW9LEO2a7PGvKtw1AMKIESyCxKlSw==";

    #[test]
    fn the_known_answer_holds_both_ways() {
        let sealed = seal(KEY, NONCE, b"transaction", PLAIN).expect("a good nonce");
        assert_eq!(text::base64(&sealed), SEALED);
        assert_eq!(open(KEY, NONCE, b"transaction", &sealed).as_deref(), Ok(PLAIN));
    }

    #[test]
    fn what_was_touched_does_not_open() {
        let sealed = text::from_base64(SEALED).expect("Base64");
        let mut touched = sealed.clone();
        touched[0] ^= 1;
        for (key, nonce, aad, text) in [
            (KEY, NONCE, &b"transaction"[..], &touched[..]),
            (KEY, NONCE, b"", &sealed),
            (KEY, b"0123456789ac", b"transaction", &sealed),
            (KEY, b"short", b"transaction", &sealed),
            (b"1123456789abcdef0123456789abcdef", NONCE, b"transaction", &sealed),
            (KEY, NONCE, b"transaction", b"tiny"),
        ] {
            assert_eq!(open(key, nonce, aad, text), Err(SealFault::Open));
        }
        assert_eq!(seal(KEY, b"short", b"", PLAIN), Err(SealFault::Seal));
    }
}
