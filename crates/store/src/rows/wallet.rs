//! Wallets.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::numbers;
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown, word};
use crate::StoreFault;
use kernel::{Aggregate, MerchantId, TenantId, Wallet, WalletChange, WalletState};
use ledger::{Id, Timestamp, kinds};
use serde::{Deserialize, Serialize};

impl Stored for Wallet {
    const TABLE: &'static RowTable = &RowTable {
        name: "wallets",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("merchant"),
            text("owner"),
            text("number"),
            int("made_at"),
        ],
        narrow_len: 6,
        mutable: &[initially("normal", text("state")), nullable(text("cards"))],
        number: Some(NumberColumns { namespace: None, number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let number = self.natural_key().map(|key| key.number).unwrap_or_default();
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(self.merchant.as_str()),
            Value::text(&self.owner),
            Value::owned(number),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let cards = numbers::cell(self.cards.iter().map(|card| card.value()));
        cells.extend([Value::text(self.state.name()), cards]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Wallet, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let merchant = MerchantId::new(cells.text()?);
        let owner = cells.text()?.to_owned();
        let _number = cells.text()?;
        let made_at = cells.time()?;
        let version = cells.standing()?.version;
        let state = cells.word(WalletState::from_name)?;
        let cards = numbers::read_ids(cells.optional_text()?).map_err(|why| cells.fault(&why))?;
        Ok(Wallet { tenant, id, merchant, owner, made_at, version, state, cards })
    }

    fn encode(change: &WalletChange, _at: Timestamp) -> Body<'_, Wallet> {
        match change {
            WalletChange::Opened(wallet) => Body::Whole(wallet),
            WalletChange::StateChanged { state, note } => {
                json(&StateBody { state: state.name().to_owned(), note: note.clone() })
            }
            WalletChange::CardBound { card, dropped } => {
                let dropped = dropped.iter().map(|card| card.value()).collect();
                json(&CardBody { card: card.value(), dropped })
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Wallet, String>,
    ) -> Result<WalletChange, String> {
        Ok(match name {
            "opened" => WalletChange::Opened(Box::new(whole(body)?)),
            "state_changed" => {
                let StateBody { state, note } = parse(body)?;
                let state = word(WalletState::from_name, &state, "state")?;
                WalletChange::StateChanged { state, note }
            }
            "card_bound" => {
                let body: CardBody = parse(body)?;
                let card = body.card();
                WalletChange::CardBound { card, dropped: numbers::ids(body.dropped) }
            }
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StateBody {
    state: String,
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CardBody {
    card: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<i64>,
}

impl CardBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn card(&self) -> Id<kinds::Card> {
        Id::from_value(self.card)
    }
}
