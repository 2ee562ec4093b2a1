//! Purchases of stored value.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::stored::{Body, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{Recharge, RechargeChange, RechargePurpose, RechargeState, TenantId};
use ledger::{Fen, Id, IdRun, Timestamp, kinds};
use serde::{Deserialize, Serialize};

impl Stored for Recharge {
    const TABLE: &'static RowTable = &RowTable {
        name: "recharges",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            int("order_id"),
            nullable(int("batch_id")),
            nullable(int("quantity")),
            nullable(int("wallet_id")),
            nullable(int("bonus")),
            text("owner"),
            int("made_at"),
        ],
        narrow_len: 9,
        mutable: &[
            initially("open", text("state")),
            nullable(int("ended_at")),
            nullable(int("first_card")),
            int("bonus_missing"),
        ],
        number: None,
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let [batch, quantity, wallet, bonus] = match self.purpose {
            RechargePurpose::Cards { batch, quantity } => {
                [Some(batch.value()), Some(i64::from(quantity)), None, None]
            }
            RechargePurpose::Balance { wallet, bonus } => {
                [None, None, Some(wallet.value()), Some(bonus.get())]
            }
        };
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.order.value()),
            Value::number(batch),
            Value::number(quantity),
            Value::number(wallet),
            Value::number(bonus),
            Value::text(&self.owner),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let (ended_at, first_card) = match &self.state {
            RechargeState::Open => (None, None),
            RechargeState::Issued { at, cards } => (Some(at.ms()), Some(cards.first.value())),
            RechargeState::Credited { at } | RechargeState::Released { at } => {
                (Some(at.ms()), None)
            }
        };
        cells.extend([
            Value::text(self.state.name()),
            Value::number(ended_at),
            Value::number(first_card),
            Value::Int(self.bonus_missing.get()),
        ]);
    }

    #[expect(clippy::disallowed_methods, reason = "the id of a row's cell")]
    fn read(cells: &mut Cells<'_, '_>) -> Result<Recharge, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let order = cells.id()?;
        let purpose = read_purpose(cells)?;
        let owner = cells.text()?.to_owned();
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let name = cells.text()?;
        let (ended_at, first) = (cells.optional_time()?, cells.optional_int()?);
        let bonus_missing = cells.fen()?;
        let state = match (name, purpose, ended_at, first.map(Id::from_value)) {
            ("open", _, None, None) => RechargeState::Open,
            ("issued", RechargePurpose::Cards { quantity, .. }, Some(at), Some(first)) => {
                RechargeState::Issued { at, cards: IdRun { first, len: quantity } }
            }
            ("credited", RechargePurpose::Balance { .. }, Some(at), None) => {
                RechargeState::Credited { at }
            }
            ("released", _, Some(at), None) => RechargeState::Released { at },
            (_, _, _, _) => return Err(cells.misfit(format!("state {name:?} with other cells"))),
        };
        Ok(Recharge {
            tenant,
            id,
            order,
            purpose,
            owner,
            made_at,
            version: standing.version,
            state,
            bonus_missing,
            next_poll_at: standing.next_poll_at,
        })
    }

    fn encode(change: &RechargeChange, _at: Timestamp) -> Body<'_, Recharge> {
        match change {
            RechargeChange::Made(recharge) => Body::Whole(recharge),
            RechargeChange::Issued { cards, expires_at } => json(&IssuedBody {
                first_card: cards.first.value(),
                cards: cards.len,
                expires_at: expires_at.ms(),
            }),
            RechargeChange::Extended { expires_at } => {
                json(&ExtendedBody { expires_at: expires_at.ms() })
            }
            RechargeChange::BonusMissed { by, delta } => {
                json(&BonusBody { by: by.value(), delta: delta.get() })
            }
            RechargeChange::Credited | RechargeChange::Released | RechargeChange::Expired => {
                json(&Empty {})
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Recharge, String>,
    ) -> Result<RechargeChange, String> {
        Ok(match name {
            "made" => RechargeChange::Made(Box::new(whole(body)?)),
            "issued" => {
                let body: IssuedBody = parse(body)?;
                let expires_at = Timestamp::from_ms(body.expires_at);
                RechargeChange::Issued { cards: body.run(), expires_at }
            }
            "extended" => {
                let expires_at = Timestamp::from_ms(parse::<ExtendedBody>(body)?.expires_at);
                RechargeChange::Extended { expires_at }
            }
            "credited" => parse::<Empty>(body).map(|_| RechargeChange::Credited)?,
            "released" => parse::<Empty>(body).map(|_| RechargeChange::Released)?,
            "expired" => parse::<Empty>(body).map(|_| RechargeChange::Expired)?,
            "bonus_missed" => {
                let body: BonusBody = parse(body)?;
                RechargeChange::BonusMissed { by: body.refund(), delta: Fen::new(body.delta) }
            }
            name => unknown(name)?,
        })
    }
}

fn read_purpose(cells: &mut Cells<'_, '_>) -> Result<RechargePurpose, StoreFault> {
    let (batch, quantity) = (cells.optional_id()?, cells.optional_int()?);
    let (wallet, bonus) = (cells.optional_id()?, cells.optional_int()?.map(Fen::new));
    match (batch, quantity.map(u32::try_from), wallet, bonus) {
        (Some(batch), Some(Ok(quantity)), None, None) => {
            Ok(RechargePurpose::Cards { batch, quantity })
        }
        (None, None, Some(wallet), Some(bonus)) => Ok(RechargePurpose::Balance { wallet, bonus }),
        (_, _, _, _) => Err(cells.misfit("purpose: neither cards nor a balance")),
    }
}

#[derive(Serialize, Deserialize)]
struct IssuedBody {
    first_card: i64,
    cards: u32,
    expires_at: i64,
}

impl IssuedBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn run(&self) -> IdRun<kinds::Card> {
        IdRun { first: Id::from_value(self.first_card), len: self.cards }
    }
}

#[derive(Serialize, Deserialize)]
struct ExtendedBody {
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct BonusBody {
    by: i64,
    delta: i64,
}

impl BonusBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn refund(&self) -> Id<kinds::Refund> {
        Id::from_value(self.by)
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}
