//! SHA-256, SHA-1 where a channel demands it, HMAC, and comparison in constant time.

use crate::text;
use aws_lc_rs::{constant_time, digest, hmac};

/// The SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    filled(digest::digest(&digest::SHA256, data).as_ref())
}

/// The SHA-256 of `data` as 64 lower-case hex digits.
pub fn sha256_hex(data: &[u8]) -> String {
    text::hex(&sha256(data))
}

/// The SHA-1 of `data` as 40 lower-case hex digits. Only for files whose hash a channel gives in a
/// signed answer; collisions of SHA-1 can be made.
pub fn sha1_hex(data: &[u8]) -> String {
    text::hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data).as_ref())
}

/// The HMAC-SHA-256 of `data` under `key`.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    filled(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref())
}

/// Whether two texts are equal, in a time that does not tell where they differ.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

fn filled(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.
    #[test]
    fn sha256_answers_as_published() {
        for (data, want) in [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(sha256_hex(data.as_bytes()), want);
        }
    }

    /// FIPS 180-2, appendix A.
    #[test]
    fn sha1_answers_as_published() {
        for (data, want) in [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ] {
            assert_eq!(sha1_hex(data.as_bytes()), want);
        }
    }

    /// RFC 4231, cases 1 and 2.
    #[test]
    fn hmac_answers_as_published() {
        for (key, data, want) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            assert_eq!(text::hex(&hmac_sha256(key, data)), want);
        }
    }

    #[test]
    fn equal_tells_the_first_the_last_and_the_length() {
        assert!(equal(b"abc", b"abc"));
        for other in ["xbc", "abx", "ab", "abcd", ""] {
            assert!(!equal(b"abc", other.as_bytes()), "{other}");
        }
    }
}
