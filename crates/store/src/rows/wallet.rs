//! Wallets.

use super::cells::{Cells, Value, initially, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown, word};
use crate::StoreFault;
use kernel::{Aggregate, MerchantId, TenantId, Wallet, WalletChange, WalletState};
use ledger::Timestamp;
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
        mutable: &[initially("normal", text("state"))],
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
        cells.push(Value::text(self.state.name()));
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
        Ok(Wallet { tenant, id, merchant, owner, made_at, version, state })
    }

    fn encode(change: &WalletChange, _at: Timestamp) -> Body<'_, Wallet> {
        match change {
            WalletChange::Opened(wallet) => Body::Whole(wallet),
            WalletChange::StateChanged { state, note } => {
                json(&StateBody { state: state.name().to_owned(), note: note.clone() })
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
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StateBody {
    state: String,
    note: Option<String>,
}
