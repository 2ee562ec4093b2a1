//! The cell of what was taken from a wallet or frozen in it: an array of objects.

use super::stored::parse;
use kernel::{ValuePart, ValueSource};
use ledger::{Fen, Id};
use serde::{Deserialize, Serialize};

/// The cell of these parts.
pub(super) fn written(parts: &[ValuePart]) -> String {
    let bodies: Vec<PartBody<'_>> = parts.iter().map(PartBody::of).collect();
    serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
}

/// The parts that a cell has.
pub(super) fn read(text: &str) -> Result<Vec<ValuePart>, String> {
    let bodies: Vec<PartBody<'_>> = parse(text)?;
    bodies.into_iter().map(PartBody::read).collect()
}

#[derive(Serialize, Deserialize)]
struct PartBody<'a> {
    source: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<i64>,
    amount: i64,
}

impl PartBody<'_> {
    fn of(part: &ValuePart) -> PartBody<'static> {
        let card = match part.source {
            ValueSource::Card(card) => Some(card.value()),
            ValueSource::Principal | ValueSource::Bonus => None,
        };
        PartBody { source: part.source.name(), card, amount: part.amount.get() }
    }

    #[expect(clippy::disallowed_methods, reason = "the id of a cell")]
    fn read(self) -> Result<ValuePart, String> {
        let source = match (self.source, self.card) {
            ("card", Some(card)) => ValueSource::Card(Id::from_value(card)),
            ("principal", None) => ValueSource::Principal,
            ("bonus", None) => ValueSource::Bonus,
            (source, card) => return Err(format!("source {source:?} with card {card:?}")),
        };
        Ok(ValuePart { source, amount: Fen::new(self.amount) })
    }
}
