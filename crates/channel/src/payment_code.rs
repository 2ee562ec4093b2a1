//! The code that a payer shows on the phone (付款码) and a cashier scans.

use std::fmt;
use zeroize::Zeroizing;

/// A payer's code. Who has it can charge the payer, once and within about a minute: it is kept nowhere,
/// goes out with the one call that it is for, prints stars, and wipes itself when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentCode(Zeroizing<String>);

impl PaymentCode {
    /// Takes the text over.
    pub fn new(text: String) -> PaymentCode {
        PaymentCode(Zeroizing::new(text))
    }

    /// The text, for the one request that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PaymentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How a channel's codes look. Channels cut the numbers among them, so that a code of another channel is
/// known by its first digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentCodeRules {
    /// Digits at least.
    pub digits_min: usize,
    /// Digits at most.
    pub digits_max: usize,
    /// The least number that the first two digits make.
    pub first_two_min: u8,
    /// The greatest.
    pub first_two_max: u8,
}

impl PaymentCodeRules {
    /// What is wrong with a code, which is not shown.
    pub fn broken_by(&self, code: &PaymentCode) -> Option<String> {
        let PaymentCodeRules { digits_min, digits_max, first_two_min, first_two_max } = *self;
        let code = code.expose();
        let are_digits = code.bytes().all(|byte| byte.is_ascii_digit());
        let first_two: Option<u8> = code.get(..2).and_then(|digits| digits.parse().ok());
        let fits = are_digits
            && (digits_min..=digits_max).contains(&code.len())
            && first_two.is_some_and(|digits| (first_two_min..=first_two_max).contains(&digits));
        let length = match digits_min == digits_max {
            true => digits_min.to_string(),
            false => format!("{digits_min} to {digits_max}"),
        };
        (!fits).then(|| {
            format!(
                "the channel's payment codes have {length} digits and begin with {first_two_min} to \
                 {first_two_max}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PaymentCodeRules =
        PaymentCodeRules { digits_min: 16, digits_max: 24, first_two_min: 25, first_two_max: 30 };

    #[test]
    fn a_code_is_known_by_its_length_and_its_first_digits() {
        for (code, fits) in [
            ("2500000000000000", true),
            ("300000000000000000000000", true),
            ("250000000000000", false),
            ("3000000000000000000000000", false),
            ("2400000000000000", false),
            ("3100000000000000", false),
            ("134567890123456789", false),
            ("25000000000000a0", false),
            ("二五00000000000000", false),
            ("", false),
        ] {
            let found = RULES.broken_by(&PaymentCode::new(code.to_owned()));
            assert_eq!(found.is_none(), fits, "{code}");
        }
    }

    #[test]
    fn a_code_is_not_shown() {
        let code = PaymentCode::new("134567890123456789".to_owned());
        let why = RULES.broken_by(&code).expect("it is another channel's");
        let want = "the channel's payment codes have 16 to 24 digits and begin with 25 to 30";
        assert_eq!((&*format!("{code:?}"), &*why), ("***", want));
        assert_eq!(code.expose(), "134567890123456789");
    }
}
