//! What a refund takes back from allocations, and puts back when it fails.

use super::{Allocation, AllocationChange, AllocationFunds};
use crate::aggregate::View;
use crate::deciding::{Deciding, Movement};
use crate::refund::Refund;
use ledger::{Account, Fen, Phase, Reason};

/// Which way money goes between an allocation and a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From where it lies to the refund.
    Taken,
    /// From the refund to where it belongs now.
    PutBack,
}

impl Allocation {
    /// What of it was not taken back; nothing where the order was not divided.
    pub(crate) fn left(&self) -> Fen {
        let AllocationFunds { waiting, frozen, available } = self.funds();
        // Parts of one amount.
        Fen::new(waiting.get() + frozen.get() + available.get())
    }

    /// True when its merchant still has so much of it. Only what is available may have gone elsewhere.
    pub(crate) fn has(&self, view: &View, amount: Fen) -> bool {
        let Some(after) = self.moved(Way::Taken, amount) else { return false };
        let taken = self.funds().available.get() - after.funds().available.get();
        if taken == 0 {
            return true;
        }
        let account = self.account(ledger::AccountKind::MerchantAvailable);
        // It was credited there, so that there is a balance; one that was not loaded is not zero.
        let Some(balance) = view.balances.get(&(self.tenant.clone(), account)) else {
            panic!("the balance of allocation {} was not loaded", self.id)
        };
        balance.posted.minus(balance.held).is_ok_and(|has| has >= Fen::new(taken))
    }

    /// The movements of a part between the accounts of its merchant and a refund's.
    pub(crate) fn movements(&self, way: Way, amount: Fen, refund: &Account) -> Vec<Movement> {
        let Some(after) = self.moved(way, amount) else {
            panic!("{amount} of allocation {} cannot move", self.id)
        };
        let (before, after) = (super::by_account(self.funds()), super::by_account(after.funds()));
        let part = |((kind, before), (_, after)): ((_, Fen), (_, Fen))| {
            let own = self.account(kind);
            let (debit, credit) = match way {
                Way::Taken => (own, refund.clone()),
                Way::PutBack => (refund.clone(), own),
            };
            let amount = Fen::new((after.get() - before.get()).abs());
            Movement { phase: Phase::Post, debit, credit, amount, reason: Reason::AllocationReturn }
        };
        before.into_iter().zip(after).map(part).collect()
    }

    /// The allocation after a part was taken or put back; `None` where it has not so much.
    fn moved(&self, way: Way, amount: Fen) -> Option<Allocation> {
        let returned = match way {
            Way::Taken => self.returned.plus(amount),
            Way::PutBack => self.returned.minus(amount),
        };
        let returned = returned.ok().filter(|sum| (Fen::ZERO..=self.amount).contains(sum))?;
        Some(Allocation { returned, ..self.clone() })
    }
}

/// Records that a part of an allocation went to a refund or came back.
pub(crate) fn record(
    deciding: &mut Deciding<'_>,
    allocation: &Allocation,
    refund: &Refund,
    way: Way,
    amount: Fen,
) {
    let by = refund.id;
    let change = match way {
        Way::Taken => AllocationChange::TakenBack { by, amount },
        Way::PutBack => AllocationChange::PutBack { by, amount },
    };
    deciding.record(allocation, change);
}

/// Divides an amount in proportion to what is left of each part: the parts sum to the amount, none is
/// more than what is left, and the fen that are over go to the largest remainders, the first of equals
/// first. `None` when less is left in all.
pub(crate) fn in_proportion(amount: Fen, left: &[Fen]) -> Option<Vec<Fen>> {
    let wide = |fen: &Fen| i128::from(fen.get());
    let whole: i128 = left.iter().map(wide).sum();
    if whole < wide(&amount) || whole <= 0 {
        return None;
    }
    let shares: Vec<i128> = left.iter().map(|left| wide(&amount) * wide(left)).collect();
    let mut parts: Vec<i128> = shares.iter().map(|share| share / whole).collect();
    let over = wide(&amount) - parts.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..left.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(shares.get(*at).map(|share| share % whole)));
    for at in order.into_iter().take(usize::try_from(over).unwrap_or_default()) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    parts.into_iter().map(|part| i64::try_from(part).ok().map(Fen::new)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fen(parts: &[i64]) -> Vec<Fen> {
        parts.iter().copied().map(Fen::new).collect()
    }

    #[test]
    fn what_is_over_goes_to_the_largest_remainder() {
        for (amount, left, want) in [
            (500, &[700, 200, 100][..], Some(&[350, 100, 50][..])),
            (1, &[700, 200, 100], Some(&[1, 0, 0])),
            (10, &[1, 1, 1], None),
            (2, &[1, 1, 1], Some(&[1, 1, 0])),
            (5, &[0, 3, 7], Some(&[0, 2, 3])),
            (0, &[0, 0], None),
        ] {
            let want = want.map(fen);
            assert_eq!(in_proportion(Fen::new(amount), &fen(left)), want, "{amount} of {left:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_exact(left in prop::collection::vec(0i64..100_000_000_000, 1..51), of in 0u64..=1000) {
            let whole: i128 = left.iter().map(|left| i128::from(*left)).sum();
            prop_assume!(whole > 0);
            let amount = i64::try_from(whole * i128::from(of) / 1000).expect("fits");
            let parts = in_proportion(Fen::new(amount), &fen(&left)).expect("there is enough");
            prop_assert_eq!(parts.iter().map(|part| part.get()).sum::<i64>(), amount);
            for (part, left) in parts.iter().zip(&left) {
                prop_assert!((0..=*left).contains(&part.get()));
            }
        }
    }
}
