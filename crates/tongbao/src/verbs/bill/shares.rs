//! What differs between a bill of shares and our side.

use super::compare::{Comparison, Difference, Kind, What};
use channel::{BillDay, BillRow, ShareStatus, SharedDirection, SharedRow};
use kernel::{ItemOutcome, ItemPlace, ReturnOutcome, Row, Share, ShareReturn};
use ledger::{Fen, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use store::Story;

/// What of our shares and returns is at the channel, by their numbers there.
#[derive(Debug, Default)]
pub(super) struct OurShares {
    items: BTreeMap<String, Vec<OurItem>>,
}

/// An item of a share, or of a return.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OurItem {
    what: What,
    amount: Fen,
    state: &'static str,
    /// When it was done, and the channel's number of it.
    done: Option<(Timestamp, Option<String>)>,
}

impl OurShares {
    /// The shares and returns of these stories.
    pub(super) fn of(stories: &[Story]) -> OurShares {
        let mut ours = OurShares::default();
        for row in stories.iter().flat_map(|story| &story.rows) {
            match row {
                Row::Share(share) => ours.add_share(share),
                Row::ShareReturn(row) => ours.add_return(row),
                _ => {}
            }
        }
        ours
    }

    fn add_share(&mut self, share: &Share) {
        for item in &share.items {
            if let ItemPlace::Channel(_) = item.place {
                let done = match &item.outcome {
                    ItemOutcome::Done { at, reference, is_by_hand: false } => {
                        Some((*at, reference.clone()))
                    }
                    ItemOutcome::Done { .. }
                    | ItemOutcome::Open { .. }
                    | ItemOutcome::Failed { .. } => None,
                };
                let (what, state) = (What::Share, item.outcome.name());
                let ours = OurItem { what, amount: item.amount, state, done };
                self.items.entry(share.channel_share_no.clone()).or_default().push(ours);
            }
        }
    }

    fn add_return(&mut self, row: &ShareReturn) {
        for (at, item) in row.items.iter().enumerate() {
            if let ItemPlace::Channel(_) = item.place {
                let done = match &item.outcome {
                    ReturnOutcome::Done { at, reference, is_by_hand: false } => {
                        Some((*at, reference.clone()))
                    }
                    ReturnOutcome::Done { .. }
                    | ReturnOutcome::Open
                    | ReturnOutcome::Failed { .. } => None,
                };
                let (what, state) = (What::ShareReturn, item.outcome.name());
                let ours = OurItem { what, amount: item.amount, state, done };
                self.items.entry(row.item_no(at)).or_default().push(ours);
            }
        }
    }
}

/// Compares a bill of shares with our side. Rows of other bills are not compared.
pub(super) fn compare(rows: &[BillRow], ours: &OurShares, day: &BillDay) -> Comparison {
    let mut comparison = Comparison::default();
    let mut seen = BTreeSet::new();
    for row in rows {
        let BillRow::Shared(row) = row else { continue };
        seen.insert((&*row.channel_no, &*row.reference));
        match difference(row, ours) {
            None => comparison.matched += 1,
            Some(kind) => comparison.differences.push(Difference {
                what: what(row),
                channel_no: row.channel_no.clone(),
                reference: Some(row.reference.clone()),
                kind,
            }),
        }
    }
    comparison.differences.extend(missing_there(ours, day, &seen));
    comparison
}

const fn what(row: &SharedRow) -> What {
    match row.direction {
        SharedDirection::Given => What::Share,
        SharedDirection::Returned => What::ShareReturn,
    }
}

fn difference(row: &SharedRow, ours: &OurShares) -> Option<Kind> {
    let Some(items) = ours.items.get(&row.channel_no) else {
        return Some(Kind::MissingHere { amount: row.amount });
    };
    let there = row.status.name();
    let is_this = |item: &&OurItem| matches!(&item.done, Some((_, Some(reference))) if *reference == row.reference);
    match (items.iter().find(is_this), row.status) {
        (Some(item), _) if item.amount != row.amount => {
            Some(Kind::AmountDiffers { here: item.amount, there: row.amount })
        }
        // The bill is older than our state: what was on its way then can be done by now.
        (Some(_), ShareStatus::Done | ShareStatus::Processing) => None,
        (Some(item), ShareStatus::Failed) => Some(Kind::StateDiffers { here: item.state, there }),
        (None, ShareStatus::Failed | ShareStatus::Processing) => None,
        (None, ShareStatus::Done) => {
            let open = items.iter().find(|item| item.done.is_none());
            let here = open.or(items.first()).map_or("none", |item| item.state);
            Some(Kind::StateDiffers { here, there })
        }
    }
}

/// What was done on the day and the bill has not.
fn missing_there(
    ours: &OurShares,
    day: &BillDay,
    seen: &BTreeSet<(&str, &str)>,
) -> Vec<Difference> {
    let all =
        ours.items.iter().flat_map(|(number, items)| items.iter().map(move |it| (number, it)));
    let missing = all.filter_map(|(number, item)| {
        let (at, reference) = item.done.as_ref()?;
        let is_there = seen.contains(&(&**number, reference.as_deref().unwrap_or_default()));
        (day.contains(*at) && !is_there).then(|| Difference {
            what: item.what,
            channel_no: number.clone(),
            reference: reference.clone(),
            kind: Kind::MissingThere { amount: item.amount },
        })
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::BillKind;

    fn day() -> BillDay {
        BillDay { kind: BillKind::Sharing, date: "2026-11-18".parse().expect("a date") }
    }

    fn noon() -> Timestamp {
        day().starts_at().plus_seconds(43_200)
    }

    fn row(number: &str, reference: &str, fen: i64, status: ShareStatus) -> BillRow {
        BillRow::Shared(SharedRow {
            direction: SharedDirection::Given,
            channel_no: number.to_owned(),
            reference: reference.to_owned(),
            payment_reference: "wx1".to_owned(),
            amount: Fen::new(fen),
            status,
            at: noon(),
        })
    }

    /// Number, fen, and the time and reference of what is done.
    type Item<'a> = (&'a str, i64, Option<(Timestamp, &'a str)>);

    fn ours(items: &[Item<'_>]) -> OurShares {
        let mut ours = OurShares::default();
        for (number, fen, done) in items {
            let done = done.map(|(at, reference)| (at, Some(reference.to_owned())));
            let state = if done.is_some() { "done" } else { "open" };
            let item = OurItem { what: What::Share, amount: Fen::new(*fen), state, done };
            ours.items.entry((*number).to_owned()).or_default().push(item);
        }
        ours
    }

    fn check(rows: &[BillRow], ours: &OurShares, matched: usize, want: &[(&str, Kind)]) {
        let found = compare(rows, ours, &day());
        let differences: Vec<_> =
            found.differences.iter().map(|one| (&*one.channel_no, one.kind.clone())).collect();
        assert_eq!((found.matched, &*differences), (matched, want));
    }

    #[test]
    fn equal_sides_match() {
        let done = Some((noon(), "d1"));
        let ours = ours(&[("S1", 30, done), ("S1", 30, None), ("S2", 5, None)]);
        let rows = [
            row("S1", "d1", 30, ShareStatus::Done),
            row("S1", "d2", 30, ShareStatus::Failed),
            row("S2", "d3", 5, ShareStatus::Processing),
        ];
        check(&rows, &ours, 3, &[]);
    }

    #[test]
    fn shares_differ_in_each_way() {
        let fen = Fen::new;
        let before = noon().plus_seconds(-86_400);
        let ours = ours(&[
            ("S1", 30, Some((noon(), "d1"))),
            ("S2", 30, None),
            ("S3", 30, Some((noon(), "d3"))),
            ("S4", 30, Some((noon(), "d4"))),
            ("S6", 30, Some((before, "d6"))),
        ]);
        let rows = [
            row("S1", "d1", 31, ShareStatus::Done),
            row("S2", "d2", 30, ShareStatus::Done),
            row("S3", "d3", 30, ShareStatus::Failed),
            row("S5", "d5", 30, ShareStatus::Done),
        ];
        let want = [
            ("S1", Kind::AmountDiffers { here: fen(30), there: fen(31) }),
            ("S2", Kind::StateDiffers { here: "open", there: "done" }),
            ("S3", Kind::StateDiffers { here: "done", there: "failed" }),
            ("S5", Kind::MissingHere { amount: fen(30) }),
            ("S4", Kind::MissingThere { amount: fen(30) }),
        ];
        check(&rows, &ours, 0, &want);
    }
}
