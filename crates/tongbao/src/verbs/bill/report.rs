//! A comparison as text and as JSON.

use super::compare::{Difference, Kind, What};
use jiff::civil::Date;
use serde_json::{Value, json};

/// What was compared, and how it came out.
pub(super) struct Report {
    pub(super) account: String,
    pub(super) date: Date,
    pub(super) rows: usize,
    pub(super) matched: usize,
    pub(super) differences: Vec<Difference>,
}

impl Report {
    /// A line about the whole, then a line for each difference.
    pub(super) fn text(&self) -> String {
        let Report { account, date, rows, matched, differences } = self;
        let mut text = format!(
            "{account} {date}: {rows} rows, {matched} matched, {} differences\n",
            differences.len()
        );
        for difference in differences {
            text.push_str(&difference.line());
        }
        text
    }

    /// One object.
    pub(super) fn json(&self) -> Value {
        json!({
            "channel_account": self.account,
            "date": self.date.to_string(),
            "rows": self.rows,
            "matched": self.matched,
            "differences": self.differences.iter().map(Difference::json).collect::<Vec<_>>(),
        })
    }
}

impl Difference {
    fn line(&self) -> String {
        let reference = self.reference.as_deref().unwrap_or("-");
        let words = self.kind.name().replace('_', " ");
        let detail = match &self.kind {
            Kind::MissingHere { amount } | Kind::MissingThere { amount } => amount.to_string(),
            Kind::AmountDiffers { here, there } | Kind::SettledDiffers { here, there } => {
                format!("here {here}, there {there}")
            }
            Kind::StateDiffers { here, there } => format!("here {here}, there {there}"),
        };
        format!("{words}: {} {} ({reference}): {detail}\n", self.what.name(), self.channel_no)
    }

    fn json(&self) -> Value {
        let (here, there) = match &self.kind {
            Kind::MissingHere { amount } => (Value::Null, json!({"amount_fen": amount.get()})),
            Kind::MissingThere { amount } => (json!({"amount_fen": amount.get()}), Value::Null),
            Kind::AmountDiffers { here, there } => {
                (json!({"amount_fen": here.get()}), json!({"amount_fen": there.get()}))
            }
            Kind::SettledDiffers { here, there } => (
                json!({"settled_amount_fen": here.get()}),
                json!({"settled_amount_fen": there.get()}),
            ),
            Kind::StateDiffers { here, there } => (json!({"state": here}), json!({"state": there})),
        };
        json!({
            "difference": self.kind.name(),
            "what": self.what.name(),
            "channel_no": self.channel_no,
            "reference": self.reference,
            "here": here,
            "there": there,
        })
    }
}

impl Kind {
    const fn name(&self) -> &'static str {
        match self {
            Kind::MissingHere { .. } => "missing_here",
            Kind::MissingThere { .. } => "missing_there",
            Kind::AmountDiffers { .. } => "amount_differs",
            Kind::SettledDiffers { .. } => "settled_differs",
            Kind::StateDiffers { .. } => "state_differs",
        }
    }
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            What::Payment => "payment",
            What::Refund => "refund",
            What::Share => "share",
            What::ShareReturn => "share_return",
        }
    }
}
