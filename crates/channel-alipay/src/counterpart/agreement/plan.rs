//! Debits by period (周期扣款): one in each period, within the limits that were signed.

use crate::counterpart::refusal::Refusal;
use crate::wire::{self, PeriodRuleParams, Yuan};
use jiff::ToSpan;
use jiff::civil::Date;
use ledger::{Fen, Timestamp};
use serde::{Deserialize, Serialize};

/// How many days before the planned day a debit may come.
const EARLY_DAYS: i64 = 3;
/// Days of a period that is counted in days.
const DAYS_MIN: u32 = 7;
/// The last day of a month for which debits are planned.
const DAY_OF_MONTH_MAX: i8 = 28;
/// The most units of a span: nothing here lasts longer.
const UNITS_MAX: u32 = 1_200;

/// Days or months.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Span {
    Days(u32),
    Months(u32),
}

/// What may be debited, and when next.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    every: Span,
    single: i64,
    total: Option<i64>,
    payments: Option<u32>,
    /// What was debited so far, and how often.
    debited: i64,
    debits: u32,
    /// The planned day, `yyyy-MM-dd`.
    pub(super) next_day: String,
    /// The day of the last debit.
    pub(super) last_day: Option<String>,
}

impl Span {
    /// Reads `30d` and `2m`.
    pub(super) fn read(text: &str) -> Option<Span> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u32 = number.parse().ok().filter(|number| (1..=UNITS_MAX).contains(number))?;
        match unit {
            "d" => Some(Span::Days(number)),
            "m" => Some(Span::Months(number)),
            _ => None,
        }
    }

    fn after(self, day: Date) -> Date {
        let span = match self {
            Span::Days(days) => i64::from(days).days(),
            Span::Months(months) => i64::from(months).months(),
        };
        day.saturating_add(span)
    }

    /// The same time of day, so much later.
    pub(super) fn ends_at(self, now: Timestamp) -> Timestamp {
        let today = wire::day(now);
        let since_midnight = now.ms_since(wire::day_begins(today));
        wire::day_begins(self.after(today)).plus_ms(since_midnight)
    }
}

impl Plan {
    /// The plan that a page describes, if its rules can be.
    pub(super) fn read(rule: &PeriodRuleParams, now: Timestamp) -> Option<Plan> {
        let first: Date = rule.execute_time.parse().ok()?;
        let is_soon = first >= wire::day(now);
        let every = match &*rule.period_type {
            "DAY" if rule.period >= DAYS_MIN => Span::Days(rule.period),
            "MONTH" if rule.period > 0 && first.day() <= DAY_OF_MONTH_MAX => {
                Span::Months(rule.period)
            }
            _ => return None,
        };
        let Yuan(single) = rule.single_amount;
        let total = rule.total_amount.map(|Yuan(total)| total);
        let are_above_zero = single.is_positive()
            && total.is_none_or(Fen::is_positive)
            && rule.total_payments != Some(0)
            && rule.period <= UNITS_MAX;
        (is_soon && are_above_zero).then(|| Plan {
            every,
            single: single.get(),
            total: total.map(Fen::get),
            payments: rule.total_payments,
            debited: 0,
            debits: 0,
            next_day: rule.execute_time.clone(),
            last_day: None,
        })
    }

    pub(super) const fn single_quota(&self) -> Yuan {
        Yuan(Fen::new(self.single))
    }

    /// Whether so much may be debited now.
    pub(super) fn check(&self, amount: i64, now: Timestamp) -> Result<(), Refusal> {
        let refused = |sub_code, text| Err(Refusal::business(sub_code, text));
        if amount > self.single {
            return refused("ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED", "周期扣款单笔金额超限");
        }
        if self.total.is_some_and(|total| self.debited.saturating_add(amount) > total) {
            return refused("ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED", "周期扣款总金额超限");
        }
        if self.payments.is_some_and(|payments| self.debits >= payments) {
            return refused("ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED", "周期扣款总次数超限");
        }
        let (today, planned) = (wire::day(now), self.next_day.parse::<Date>());
        let is_in_window = planned.is_ok_and(|planned| {
            today <= planned && today >= planned.saturating_sub(EARLY_DAYS.days())
        });
        match is_in_window {
            true => Ok(()),
            false => refused("ACQ.CYCLE_PAY_DATE_NOT_MATCH", "扣款日期不在签约的允许范围之内"),
        }
    }

    /// A debit succeeded: the next one is a period later.
    pub(super) fn debited(&mut self, amount: i64, now: Timestamp) {
        self.debited = self.debited.saturating_add(amount);
        self.debits = self.debits.saturating_add(1);
        self.last_day = Some(wire::day(now).to_string());
        if let Ok(planned) = self.next_day.parse::<Date>() {
            self.next_day = self.every.after(planned).to_string();
        }
    }
}
