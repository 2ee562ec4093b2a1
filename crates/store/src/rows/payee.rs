//! Payees.

use super::call::operation;
use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use channel::ReceiverKind;
use kernel::{Binding, MerchantId, Payee, PayeeAccount, PayeeChange, PayeeKind, Sealed, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

impl Stored for Payee {
    const TABLE: &'static RowTable = &RowTable {
        name: "payees",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            int("made_at"),
            text("kind"),
            nullable(text("merchant")),
            nullable(text("channel")),
            nullable(text("receiver_kind")),
            nullable(text("role")),
        ],
        narrow_len: 10,
        mutable: &[
            nullable(text("name")),
            nullable(text("account")),
            nullable(int("unbound_at")),
            text("bindings"),
            int("polls"),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let account = self.account.as_ref();
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(&self.namespace),
            Value::text(&self.number),
            Value::Int(self.made_at.ms()),
            Value::text(self.kind.name()),
            Value::optional(self.merchant.as_ref().map(MerchantId::as_str)),
            Value::optional(account.map(|account| &*account.channel)),
            Value::optional(account.map(|account| account.kind.name())),
            Value::optional(self.role.as_deref()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let account = self.account.as_ref();
        cells.extend([
            Value::optional(self.name.as_ref().map(Sealed::as_str)),
            Value::optional(account.map(|account| account.number.as_str())),
            Value::number(self.unbound_at.map(Timestamp::ms)),
            Value::owned(bindings_text(&self.bindings)),
            Value::Int(i64::from(self.polls)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Payee, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = cells.shared()?;
        let number = cells.text()?.to_owned();
        let made_at = cells.time()?;
        let kind = cells.word(PayeeKind::from_name)?;
        let merchant = cells.optional_text()?.map(MerchantId::new);
        let (channel, kind_there) =
            (cells.optional_text()?, cells.optional_word(ReceiverKind::from_name)?);
        let role = cells.optional_string()?;
        let standing = cells.standing()?;
        let name = cells.optional_text()?.map(Sealed::new);
        let sealed = cells.optional_text()?.map(Sealed::new);
        let account = match (channel, kind_there, sealed) {
            (Some(channel), Some(kind), Some(number)) => {
                Some(PayeeAccount { channel: channel.into(), kind, number })
            }
            (None, None, None) => None,
            (_, _, _) => return Err(cells.fault("a part of an account")),
        };
        let unbound_at = cells.optional_time()?;
        let bindings = read_bindings(cells.text()?).map_err(|why| cells.fault(&why))?;
        Ok(Payee {
            tenant,
            id,
            namespace,
            number,
            made_at,
            kind,
            merchant,
            name,
            account,
            role,
            version: standing.version,
            unbound_at,
            bindings,
            polls: cells.count()?,
            next_poll_at: standing.next_poll_at,
            attention: standing.attention,
        })
    }

    fn encode(change: &PayeeChange, _at: Timestamp) -> Body<'_, Payee> {
        match change {
            PayeeChange::Created(payee) => Body::Whole(payee),
            PayeeChange::Bound(binding) => json(&BindingBody::of(binding)),
            PayeeChange::Unbound | PayeeChange::Repeated | PayeeChange::PollRequested => {
                json(&Empty {})
            }
            PayeeChange::CallBegun { operation, until } => {
                json(&CallBegunBody { operation: operation.name(), until: until.ms() })
            }
            PayeeChange::UnboundAt { channel_account } => {
                json(&AccountBody { channel_account: Cow::Borrowed(channel_account) })
            }
            PayeeChange::UnbindFailed { why, next_poll_at } => json(&FailedBody {
                why: Cow::Borrowed(why),
                next_poll_at: next_poll_at.map(Timestamp::ms),
            }),
            PayeeChange::Dismissed { note } => json(&NoteBody { note: Cow::Borrowed(note) }),
            PayeeChange::Resealed { name, number } => json(&ResealedBody {
                name: name.as_ref().map(|name| Cow::Borrowed(name.as_str())),
                number: number.as_ref().map(|number| Cow::Borrowed(number.as_str())),
            }),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Payee, String>,
    ) -> Result<PayeeChange, String> {
        Ok(match name {
            "created" => PayeeChange::Created(Box::new(whole(body)?)),
            "bound" => PayeeChange::Bound(parse::<BindingBody<'_>>(body)?.read()),
            "unbound" => parse::<Empty>(body).map(|_| PayeeChange::Unbound)?,
            "repeated" => parse::<Empty>(body).map(|_| PayeeChange::Repeated)?,
            "poll_requested" => parse::<Empty>(body).map(|_| PayeeChange::PollRequested)?,
            "call_begun" => {
                let CallBegunBody { operation: name, until } = parse(body)?;
                let until = Timestamp::from_ms(until);
                PayeeChange::CallBegun { operation: operation(name)?, until }
            }
            "unbound_at" => {
                let AccountBody { channel_account } = parse(body)?;
                PayeeChange::UnboundAt { channel_account: Arc::from(&*channel_account) }
            }
            "unbind_failed" => {
                let FailedBody { why, next_poll_at } = parse(body)?;
                let next_poll_at = next_poll_at.map(Timestamp::from_ms);
                PayeeChange::UnbindFailed { why: why.into_owned(), next_poll_at }
            }
            "dismissed" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                PayeeChange::Dismissed { note }
            }
            "resealed" => {
                let ResealedBody { name, number } = parse(body)?;
                let sealed = |text: Option<Cow<'_, str>>| text.map(|text| Sealed::new(&text));
                PayeeChange::Resealed { name: sealed(name), number: sealed(number) }
            }
            name => unknown(name)?,
        })
    }
}

/// The accounts at which a payee is bound, as text.
fn bindings_text(bindings: &[Binding]) -> String {
    let bodies: Vec<BindingBody<'_>> = bindings.iter().map(BindingBody::of).collect();
    serde_json::to_string(&bodies).expect("texts are always JSON")
}

fn read_bindings(text: &str) -> Result<Vec<Binding>, String> {
    Ok(parse::<Vec<BindingBody<'_>>>(text)?.iter().map(BindingBody::read).collect())
}

#[derive(Serialize, Deserialize)]
struct BindingBody<'a> {
    #[serde(borrow)]
    channel_account: Cow<'a, str>,
    #[serde(borrow)]
    channel_identity: Cow<'a, str>,
}

impl<'a> BindingBody<'a> {
    fn of(binding: &'a Binding) -> BindingBody<'a> {
        BindingBody {
            channel_account: Cow::Borrowed(&binding.channel_account),
            channel_identity: Cow::Borrowed(&binding.channel_identity),
        }
    }

    fn read(&self) -> Binding {
        Binding {
            channel_account: Arc::from(&*self.channel_account),
            channel_identity: Arc::from(&*self.channel_identity),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct CallBegunBody<'a> {
    operation: &'a str,
    until: i64,
}

#[derive(Serialize, Deserialize)]
struct AccountBody<'a> {
    #[serde(borrow)]
    channel_account: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct FailedBody<'a> {
    #[serde(borrow)]
    why: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct ResealedBody<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    number: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct Empty {}
