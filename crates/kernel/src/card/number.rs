//! The numbers of cards: 15 digits that nobody can guess, and one that shows a mistyped digit.

use crate::deciding::Deciding;

/// How many digits a card's number has.
pub const CARD_NUMBER_LEN: usize = 16;
/// The least number without its check digit: no number begins with a zero, which tables drop.
const LEAST: u64 = 100_000_000_000_000;

/// Draws the number of a new card. Two cards of a tenant never share one: the store refuses the second,
/// and its decision is made again.
pub(crate) fn new_number(deciding: &mut Deciding<'_>) -> String {
    let body = (LEAST + deciding.random_below(9 * LEAST)).to_string();
    let check = check_digit(&body);
    format!("{body}{check}")
}

/// Whether a text is a card's number with the right check digit.
pub fn has_check_digit(number: &str) -> bool {
    let is_number = number.len() == CARD_NUMBER_LEN && number.bytes().all(|it| it.is_ascii_digit());
    is_number && number.ends_with(&check_digit(&number[..CARD_NUMBER_LEN - 1]).to_string())
}

/// The digit that makes the weighted sum of all digits a multiple of ten (ISO/IEC 7812-1, annex B).
fn check_digit(body: &str) -> u32 {
    let digits = body.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.enumerate().map(|(at, digit)| weighted(at, digit)).sum();
    (10 - sum % 10) % 10
}

/// Every second digit from the right is doubled, and the digits of the result are added.
const fn weighted(at: usize, digit: u32) -> u32 {
    match (at % 2, digit) {
        (0, 0..=4) => digit * 2,
        (0, _) => digit * 2 - 9,
        (_, _) => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        // The example of ISO/IEC 7812-1.
        assert_eq!(check_digit("7992739871"), 3);
        assert!(has_check_digit("4539578763621486"));
    }

    #[test]
    fn a_mistyped_number_is_noticed() {
        for number in
            ["4539578763621487", "4593578763621486", "453957876362148", "45395787636214866"]
        {
            assert!(!has_check_digit(number), "{number}");
        }
        assert!(!has_check_digit("４５３９５７８７６３６２１４８６"));
    }
}
