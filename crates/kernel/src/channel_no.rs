//! Our numbers at channels: they name their subject, so that a callback finds it without guessing, and
//! the installation, so that two installations on one merchant number cannot meet.
//!
//! A number is the letter of the subject's kind, the installation, and the 18 digits of the id: 25
//! capital letters and digits, which every channel takes (the shortest limit is 28). A subject that
//! needs another number, because the channel has closed the one before, gets two more letters: `R2` for
//! the second, up to `R9`; more are not made.

use ledger::{Id, Subject, SubjectKind, kinds};

/// Characters that name an installation: capital letters and digits.
pub const INSTALLATION_LEN: usize = 6;

/// The number under which a channel knows a subject.
pub fn channel_no(installation: &str, subject: Subject) -> String {
    format!("{}{installation}{:018}", subject.kind.letter(), subject.value)
}

/// The largest number of attempts: each has a number of its own.
pub(crate) const ATTEMPTS_MAX: u32 = 9;

/// The number of a subject's attempt, counted from 1; the first has the number itself.
pub(crate) fn repeated_channel_no(first: &str, attempt: u32) -> String {
    match attempt {
        0 | 1 => first.to_owned(),
        _ => format!("{first}R{attempt}"),
    }
}

/// The subject that a number names, when it is a number of this installation: the number of any of its
/// attempts.
pub fn subject_of_channel_no(installation: &str, number: &str) -> Option<Subject> {
    let mut letters = number.chars();
    let kind = SubjectKind::from_letter(letters.next()?)?;
    let digits = letters.as_str().strip_prefix(installation)?;
    let digits = match digits.split_once('R') {
        Some((digits, "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9")) => digits,
        Some(_) => return None,
        None => digits,
    };
    let id: Id<kinds::Root> = Id::parse(digits).ok()?;
    Some(Subject { kind, value: id.value() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_its_subject_and_its_installation() {
        for kind in SubjectKind::ALL {
            let subject = Subject { kind, value: 226_000_000_000_000_001 };
            let number = channel_no("A1B2C3", subject);
            assert!(number.len() <= 28 && number.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            for attempt in 1..=ATTEMPTS_MAX {
                let again = repeated_channel_no(&number, attempt);
                assert_eq!(subject_of_channel_no("A1B2C3", &again), Some(subject), "{again}");
                assert!(again.len() <= 28);
            }
            assert_eq!(subject_of_channel_no("A1B2C4", &number), None, "another installation's");
        }
    }

    #[test]
    fn other_texts_are_not_our_numbers() {
        for number in [
            "",
            "P",
            "PA1B2C3",
            "PA1B2C3226000000000000001R1",
            "PA1B2C3226000000000000001R",
            "226000000000000001",
            "PA1B2C3226",
            "ÄA1B2C3226000000000000001",
        ] {
            assert_eq!(subject_of_channel_no("A1B2C3", number), None, "{number:?}");
        }
    }
}
