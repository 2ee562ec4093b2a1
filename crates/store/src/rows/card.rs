//! Gift cards.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::numbers;
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{BoundTo, Card, CardChange, CardSecret, CardState, Sealed, TenantId};
use ledger::{Fen, Id, Timestamp, kinds};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for Card {
    const TABLE: &'static RowTable = &RowTable {
        name: "cards",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("number"),
            int("batch_id"),
            int("recharge_id"),
            int("order_id"),
            int("face"),
            int("made_at"),
            int("begins_at"),
            int("ends_at"),
        ],
        narrow_len: 10,
        mutable: &[
            initially("issued", text("state")),
            text("owner"),
            int("spent"),
            nullable(int("void_by")),
            nullable(text("secret")),
            nullable(text("secret_tag")),
            nullable(int("wallet_id")),
            nullable(int("bound_at")),
            nullable(text("wrong_secrets")),
        ],
        number: Some(NumberColumns { namespace: None, number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.number),
            Value::Int(self.batch.value()),
            Value::Int(self.recharge.value()),
            Value::Int(self.order.value()),
            Value::Int(self.face.get()),
            Value::Int(self.made_at.ms()),
            Value::Int(self.begins_at.ms()),
            Value::Int(self.ends_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.state.name()),
            Value::text(&self.owner),
            Value::Int(self.spent.get()),
            Value::number(self.void_by.map(|by| by.value())),
            Value::optional(self.secret.as_ref().map(|secret| secret.sealed.as_str())),
            Value::optional(self.secret.as_ref().map(|secret| &*secret.tag)),
            Value::number(self.bound_to.map(|bound| bound.wallet.value())),
            Value::number(self.bound_to.map(|bound| bound.at.ms())),
            numbers::cell(self.wrong_secrets.iter().map(|at| at.ms())),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Card, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let number = cells.text()?.to_owned();
        let batch = cells.id()?;
        let recharge = cells.id()?;
        let order = cells.id()?;
        let face = cells.fen()?;
        let made_at = cells.time()?;
        let begins_at = cells.time()?;
        let ends_at = cells.time()?;
        let version = cells.standing()?.version;
        let state = cells.word(CardState::from_name)?;
        let owner = cells.text()?.to_owned();
        let spent = cells.fen()?;
        let void_by = cells.optional_id()?;
        let secret = match (cells.optional_text()?, cells.optional_string()?) {
            (Some(sealed), Some(tag)) => Some(CardSecret { sealed: Sealed::new(sealed), tag }),
            (None, None) => None,
            (_, _) => return Err(cells.misfit("secret: half of it is missing".to_owned())),
        };
        let bound_to = match (cells.optional_id()?, cells.optional_time()?) {
            (Some(wallet), Some(at)) => Some(BoundTo { wallet, at }),
            (None, None) => None,
            (_, _) => return Err(cells.misfit("wallet: half of it is missing".to_owned())),
        };
        let wrong_secrets = cells.optional_text()?;
        let wrong_secrets = numbers::read(wrong_secrets).map_err(|why| cells.fault(&why))?;
        let wrong_secrets = wrong_secrets.into_iter().map(Timestamp::from_ms).collect();
        Ok(Card {
            tenant,
            id,
            number,
            batch,
            recharge,
            order,
            face,
            made_at,
            begins_at,
            ends_at,
            version,
            state,
            owner,
            spent,
            void_by,
            secret,
            bound_to,
            wrong_secrets,
        })
    }

    fn encode(change: &CardChange, _at: Timestamp) -> Body<'_, Card> {
        match change {
            CardChange::Issued(card) => Body::Whole(card),
            CardChange::SecretMade(secret) | CardChange::SecretResealed(secret) => {
                json(&SecretBody {
                    sealed: Cow::Borrowed(secret.sealed.as_str()),
                    tag: Cow::Borrowed(&secret.tag),
                })
            }
            CardChange::Frozen { note } | CardChange::Unfrozen { note } => {
                json(&NoteBody { note: note.as_deref().map(Cow::Borrowed) })
            }
            CardChange::GivenAway { by } | CardChange::Kept { by } => {
                json(&TransferBody { transfer: by.value(), owner: None })
            }
            CardChange::Received { by, owner } => {
                let owner = Some(Cow::Borrowed(&**owner));
                json(&TransferBody { transfer: by.value(), owner })
            }
            CardChange::Bound { by, wallet } => {
                json(&BoundBody { binding: by.value(), wallet: wallet.value() })
            }
            CardChange::Dropped { by } => json(&DroppedBody { binding: by.value() }),
            CardChange::Spent { by, amount } => {
                json(&SpentBody { order: by.value(), amount: amount.get() })
            }
            CardChange::PutBack { by, amount } => {
                json(&BackBody { refund: by.value(), amount: amount.get() })
            }
            CardChange::Voided { by, amount } => {
                json(&BackBody { refund: by.value(), amount: amount.get() })
            }
            CardChange::PaidBack { by } | CardChange::Revived { by } => {
                json(&ByBody { refund: by.value() })
            }
            CardChange::SecretRead | CardChange::WrongSecret | CardChange::Expired => {
                json(&Empty {})
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Card, String>,
    ) -> Result<CardChange, String> {
        Ok(match name {
            "issued" => CardChange::Issued(Box::new(whole(body)?)),
            "secret_made" => CardChange::SecretMade(parse::<SecretBody<'_>>(body)?.read()),
            "secret_resealed" => CardChange::SecretResealed(parse::<SecretBody<'_>>(body)?.read()),
            "secret_read" => parse::<Empty>(body).map(|_| CardChange::SecretRead)?,
            "frozen" => CardChange::Frozen { note: note(body)? },
            "unfrozen" => CardChange::Unfrozen { note: note(body)? },
            "given_away" => CardChange::GivenAway { by: parse::<TransferBody<'_>>(body)?.by() },
            "kept" => CardChange::Kept { by: parse::<TransferBody<'_>>(body)?.by() },
            "received" => {
                let body: TransferBody<'_> = parse(body)?;
                let by = body.by();
                let owner = body.owner.ok_or("no owner")?.into_owned();
                CardChange::Received { by, owner }
            }
            "wrong_secret" => parse::<Empty>(body).map(|_| CardChange::WrongSecret)?,
            "bound" => parse::<BoundBody>(body)?.read(),
            "dropped" => parse::<DroppedBody>(body)?.read(),
            "spent" => parse::<SpentBody>(body)?.read(),
            "put_back" => parse::<BackBody>(body)?.read(),
            "voided" => parse::<BackBody>(body)?.voided(),
            "paid_back" => CardChange::PaidBack { by: parse::<ByBody>(body)?.refund() },
            "revived" => CardChange::Revived { by: parse::<ByBody>(body)?.refund() },
            "expired" => parse::<Empty>(body).map(|_| CardChange::Expired)?,
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct SecretBody<'a> {
    #[serde(borrow)]
    sealed: Cow<'a, str>,
    #[serde(borrow)]
    tag: Cow<'a, str>,
}

impl SecretBody<'_> {
    fn read(self) -> CardSecret {
        CardSecret { sealed: Sealed::new(&self.sealed), tag: self.tag.into_owned() }
    }
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
}

fn note(body: &str) -> Result<Option<String>, String> {
    Ok(parse::<NoteBody<'_>>(body)?.note.map(Cow::into_owned))
}

#[derive(Serialize, Deserialize)]
struct ByBody {
    refund: i64,
}

impl ByBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn refund(&self) -> Id<kinds::Refund> {
        Id::from_value(self.refund)
    }
}

#[derive(Serialize, Deserialize)]
struct TransferBody<'a> {
    transfer: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    owner: Option<Cow<'a, str>>,
}

impl TransferBody<'_> {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn by(&self) -> Id<kinds::CardTransfer> {
        Id::from_value(self.transfer)
    }
}

#[derive(Serialize, Deserialize)]
struct BoundBody {
    binding: i64,
    wallet: i64,
}

impl BoundBody {
    #[expect(clippy::disallowed_methods, reason = "the ids of an event's body")]
    const fn read(&self) -> CardChange {
        let (by, wallet) = (Id::from_value(self.binding), Id::from_value(self.wallet));
        CardChange::Bound { by, wallet }
    }
}

#[derive(Serialize, Deserialize)]
struct DroppedBody {
    binding: i64,
}

impl DroppedBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn read(&self) -> CardChange {
        CardChange::Dropped { by: Id::from_value(self.binding) }
    }
}

#[derive(Serialize, Deserialize)]
struct SpentBody {
    order: i64,
    amount: i64,
}

impl SpentBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn read(&self) -> CardChange {
        CardChange::Spent { by: Id::from_value(self.order), amount: Fen::new(self.amount) }
    }
}

#[derive(Serialize, Deserialize)]
struct BackBody {
    refund: i64,
    amount: i64,
}

impl BackBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn read(&self) -> CardChange {
        CardChange::PutBack { by: Id::from_value(self.refund), amount: Fen::new(self.amount) }
    }

    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn voided(&self) -> CardChange {
        CardChange::Voided { by: Id::from_value(self.refund), amount: Fen::new(self.amount) }
    }
}
