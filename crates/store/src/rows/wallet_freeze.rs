//! Freezes of wallets.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use super::value_parts;
use crate::StoreFault;
use kernel::{TenantId, ValueSource, WalletFreeze, WalletFreezeChange, WalletRelease};
use ledger::{Fen, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

impl Stored for WalletFreeze {
    const TABLE: &'static RowTable = &RowTable {
        name: "wallet_freezes",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            int("wallet_id"),
            text("parts"),
            nullable(text("note")),
            int("made_at"),
            nullable(int("expires_at")),
        ],
        narrow_len: 9,
        mutable: &[initially("[]", text("releases"))],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.namespace),
            Value::text(&self.number),
            Value::Int(self.wallet.value()),
            Value::owned(value_parts::written(&self.parts)),
            Value::optional(self.note.as_deref()),
            Value::Int(self.made_at.ms()),
            Value::number(self.expires_at.map(Timestamp::ms)),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.push(Value::owned(written(&self.releases)));
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<WalletFreeze, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = Arc::from(cells.text()?);
        let number = cells.text()?.to_owned();
        let wallet = cells.id()?;
        let parts = cells.text()?;
        let parts = value_parts::read(parts).map_err(|why| cells.fault(&why))?;
        if parts.iter().any(|part| matches!(part.source, ValueSource::Card(_))) {
            return Err(cells.fault("a card, want the balance alone"));
        }
        let note = cells.optional_string()?;
        let made_at = cells.time()?;
        let expires_at = cells.optional_time()?;
        let version = cells.standing()?.version;
        let releases = cells.text()?;
        let releases = read_releases(releases).map_err(|why| cells.fault(&why))?;
        Ok(WalletFreeze {
            tenant,
            id,
            namespace,
            number,
            wallet,
            parts,
            note,
            made_at,
            expires_at,
            version,
            releases,
        })
    }

    fn encode(change: &WalletFreezeChange, _at: Timestamp) -> Body<'_, WalletFreeze> {
        match change {
            WalletFreezeChange::Frozen(freeze) => Body::Whole(freeze),
            WalletFreezeChange::Released { number, amount } => {
                json(&ReleasedBody { number: Cow::Borrowed(number), amount: amount.get() })
            }
            WalletFreezeChange::Expired { amount } => json(&ExpiredBody { amount: amount.get() }),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<WalletFreeze, String>,
    ) -> Result<WalletFreezeChange, String> {
        Ok(match name {
            "frozen" => WalletFreezeChange::Frozen(Box::new(whole(body)?)),
            "released" => {
                let ReleasedBody { number, amount } = parse(body)?;
                let (number, amount) = (number.into_owned(), Fen::new(amount));
                WalletFreezeChange::Released { number, amount }
            }
            "expired" => {
                let ExpiredBody { amount } = parse(body)?;
                WalletFreezeChange::Expired { amount: Fen::new(amount) }
            }
            name => unknown(name)?,
        })
    }
}

/// The cell of the releases: an array of objects.
fn written(releases: &[WalletRelease]) -> String {
    let body = |release: &WalletRelease| ReleaseBody {
        number: release.number.clone(),
        amount: release.amount.get(),
        at: release.at.ms(),
    };
    let bodies: Vec<ReleaseBody> = releases.iter().map(body).collect();
    serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
}

fn read_releases(text: &str) -> Result<Vec<WalletRelease>, String> {
    let bodies: Vec<ReleaseBody> = parse(text)?;
    let release = |body: ReleaseBody| WalletRelease {
        number: body.number,
        amount: Fen::new(body.amount),
        at: Timestamp::from_ms(body.at),
    };
    Ok(bodies.into_iter().map(release).collect())
}

#[derive(Serialize, Deserialize)]
struct ReleaseBody {
    number: Option<String>,
    amount: i64,
    at: i64,
}

#[derive(Serialize, Deserialize)]
struct ReleasedBody<'a> {
    #[serde(borrow)]
    number: Cow<'a, str>,
    amount: i64,
}

#[derive(Serialize, Deserialize)]
struct ExpiredBody {
    amount: i64,
}
