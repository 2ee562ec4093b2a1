//! MD5, for the channels whose signatures or names are made with it. Collisions can be made in seconds:
//! it proves something only together with a secret, and never beside a choice of anything better.

use crate::text;
use md5::{Digest as _, Md5};

/// The MD5 of `data` as 32 lower-case hex digits.
pub fn md5_hex(data: &[u8]) -> String {
    text::hex(&Md5::digest(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321, appendix A.5.
    #[test]
    fn md5_answers_as_published() {
        for (data, want) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ] {
            assert_eq!(md5_hex(data.as_bytes()), want);
        }
    }
}
