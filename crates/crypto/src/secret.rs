//! Text that must never be shown.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::ops::RangeInclusive;

/// Why a secret that a person entered cannot be what they meant. It shows nothing of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// An editor wrote a byte order mark before it.
    #[error("begins with a byte order mark, want it without")]
    ByteOrderMark,
    /// It has more than one line.
    #[error("holds a line break, want one line")]
    LineBreak,
    /// A space would go unnoticed.
    #[error("begins or ends with a space, want it without")]
    Space,
    /// It holds what cannot stand in a header, or has more than one encoding.
    #[error("want printable ASCII characters only")]
    NotPrintable,
    /// Its length is wrong.
    #[error("{found} characters found, want {min} to {max}")]
    Length {
        /// Its characters.
        found: usize,
        /// The least number that is allowed.
        min: usize,
        /// The greatest.
        max: usize,
    },
}

/// Secret text: prints stars, and wipes itself when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Secret {
        Secret(SecretString::from(text))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Refuses text that a person cannot have meant as a shared secret or token of this length, in
    /// characters.
    ///
    /// # Errors
    /// When it is not one line of printable ASCII without spaces around it, or too short or long.
    pub fn check(&self, length: RangeInclusive<usize>) -> Result<(), SecretFault> {
        let text = self.expose();
        if text.starts_with('\u{feff}') {
            return Err(SecretFault::ByteOrderMark);
        }
        if text.contains(['\n', '\r']) {
            return Err(SecretFault::LineBreak);
        }
        if text.trim().len() < text.len() {
            return Err(SecretFault::Space);
        }
        if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(SecretFault::NotPrintable);
        }
        if !length.contains(&text.len()) {
            let (min, max) = (*length.start(), *length.end());
            return Err(SecretFault::Length { found: text.len(), min, max });
        }
        Ok(())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_cannot_have_meant_is_refused_by_name() {
        let length = |found| SecretFault::Length { found, min: 4, max: 8 };
        for (text, want) in [
            ("four", Ok(())),
            ("a b ~!c", Ok(())),
            ("", Err(length(0))),
            ("abc", Err(length(3))),
            ("123456789", Err(length(9))),
            ("\u{feff}abcd", Err(SecretFault::ByteOrderMark)),
            ("ab\ncd", Err(SecretFault::LineBreak)),
            ("ab\r\ncd", Err(SecretFault::LineBreak)),
            ("abcd\n", Err(SecretFault::LineBreak)),
            (" abcd", Err(SecretFault::Space)),
            ("abcd\t", Err(SecretFault::Space)),
            ("abcd\u{3000}", Err(SecretFault::Space)),
            ("ab\tcd", Err(SecretFault::NotPrintable)),
            ("ab\0cd", Err(SecretFault::NotPrintable)),
            ("密钥密钥", Err(SecretFault::NotPrintable)),
        ] {
            assert_eq!(Secret::new(text.to_owned()).check(4..=8), want, "{text:?}");
        }
    }

    #[test]
    fn a_secret_prints_stars() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "hunter2");
    }
}
