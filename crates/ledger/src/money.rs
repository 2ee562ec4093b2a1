//! Amounts: integer fen with checked arithmetic. There is no float and no `as` on this path.

use std::fmt;

/// The currency of an amount. Tongbao books renminbi only; the type exists so that a channel that
/// answers in another currency is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// 人民币, ISO 4217 `CNY`; the minor unit is the fen (分).
    Cny,
}

impl Currency {
    /// The ISO 4217 code.
    pub const fn code(self) -> &'static str {
        match self {
            Currency::Cny => "CNY",
        }
    }

    /// Reads an ISO 4217 code; `None` for a currency that Tongbao does not book.
    pub fn from_code(code: &str) -> Option<Currency> {
        match code {
            "CNY" => Some(Currency::Cny),
            _ => None,
        }
    }
}

/// An amount in fen (分), 1/100 of a yuan. May be negative (a balance can be owed either way).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fen(i64);

/// What can go wrong when amounts are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyFault {
    /// The result does not fit the range of an amount.
    #[error("amount out of range")]
    OutOfRange,
    /// An allocation was asked for without any part of positive weight.
    #[error("nothing to allocate to")]
    NoParts,
}

impl Fen {
    /// Nothing.
    pub const ZERO: Fen = Fen(0);

    /// An amount of `fen` fen.
    pub const fn new(fen: i64) -> Fen {
        Fen(fen)
    }

    /// The number of fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True for amounts above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The sum, or [`MoneyFault::OutOfRange`].
    pub fn plus(self, other: Fen) -> Result<Fen, MoneyFault> {
        self.0.checked_add(other.0).map(Fen).ok_or(MoneyFault::OutOfRange)
    }

    /// The difference, or [`MoneyFault::OutOfRange`].
    pub fn minus(self, other: Fen) -> Result<Fen, MoneyFault> {
        self.0.checked_sub(other.0).map(Fen).ok_or(MoneyFault::OutOfRange)
    }

    /// The amount with its sign turned, or [`MoneyFault::OutOfRange`].
    pub fn negated(self) -> Result<Fen, MoneyFault> {
        self.0.checked_neg().map(Fen).ok_or(MoneyFault::OutOfRange)
    }

    /// Divides the amount by weight so that the parts always sum to the whole: every part gets its
    /// share rounded towards zero, then the fen left over go one each to the first parts with
    /// weight.
    pub fn allocate(self, weights: &[u32]) -> Result<Vec<Fen>, MoneyFault> {
        let total: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
        if total == 0 {
            return Err(MoneyFault::NoParts);
        }
        let mut parts = Vec::with_capacity(weights.len());
        let mut left = self.0;
        for &weight in weights {
            let share = i128::from(self.0) * i128::from(weight) / total;
            let share = i64::try_from(share).map_err(|_| MoneyFault::OutOfRange)?;
            left -= share;
            parts.push(share);
        }
        let step = left.signum();
        for (part, _) in parts.iter_mut().zip(weights).filter(|(_, weight)| **weight > 0) {
            if left == 0 {
                break;
            }
            *part += step;
            left -= step;
        }
        Ok(parts.into_iter().map(Fen).collect())
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fen", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn allocation_sums_to_the_whole(
            fen in any::<i64>(),
            weights in proptest::collection::vec(0u32..10_000, 1..50),
        ) {
            match Fen::new(fen).allocate(&weights) {
                Ok(parts) => {
                    let sum: i128 = parts.iter().map(|part| i128::from(part.get())).sum();
                    prop_assert_eq!(sum, i128::from(fen));
                    for (part, weight) in parts.iter().zip(&weights) {
                        prop_assert!(*weight > 0 || part.get() == 0);
                    }
                }
                Err(fault) => {
                    prop_assert_eq!(fault, MoneyFault::NoParts);
                    prop_assert!(weights.iter().all(|weight| *weight == 0));
                }
            }
        }

        #[test]
        fn arithmetic_never_wraps(a in any::<i64>(), b in any::<i64>()) {
            let exact = i128::from(a) + i128::from(b);
            match Fen::new(a).plus(Fen::new(b)) {
                Ok(sum) => prop_assert_eq!(i128::from(sum.get()), exact),
                Err(_) => prop_assert!(i64::try_from(exact).is_err()),
            }
        }
    }
}
