//! Our numbers at channels: they name their subject, so that a callback finds it without guessing, and
//! the installation, so that two installations on one merchant number cannot meet.
//!
//! A number is the letter of the subject's kind, the installation, and the 18 digits of the id: 25
//! capital letters and digits, which every channel takes (the shortest limit is 28).

use ledger::{Id, Subject, SubjectKind, kinds};

/// Characters that name an installation: capital letters and digits.
pub const INSTALLATION_LEN: usize = 6;

/// The number under which a channel knows a subject.
pub fn channel_no(installation: &str, subject: Subject) -> String {
    format!("{}{installation}{:018}", subject.kind.letter(), subject.value)
}

/// The subject that a number names, when it is a number of this installation.
pub fn subject_of_channel_no(installation: &str, number: &str) -> Option<Subject> {
    let mut letters = number.chars();
    let kind = SubjectKind::from_letter(letters.next()?)?;
    let digits = letters.as_str().strip_prefix(installation)?;
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
            assert_eq!(subject_of_channel_no("A1B2C3", &number), Some(subject));
            assert_eq!(subject_of_channel_no("A1B2C4", &number), None, "another installation's");
        }
    }

    #[test]
    fn other_texts_are_not_our_numbers() {
        for number in
            ["", "P", "PA1B2C3", "226000000000000001", "PA1B2C3226", "ÄA1B2C3226000000000000001"]
        {
            assert_eq!(subject_of_channel_no("A1B2C3", number), None, "{number:?}");
        }
    }
}
