//! Payees.

use super::cells::{Cells, Value, int, nullable, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use channel::ReceiverKind;
use kernel::{MerchantId, Payee, PayeeAccount, PayeeChange, PayeeKind, Sealed, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

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
            nullable(text("name")),
            nullable(text("channel")),
            nullable(text("receiver_kind")),
            nullable(text("account")),
            nullable(text("role")),
        ],
        narrow_len: 12,
        mutable: &[nullable(int("unbound_at"))],
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
            Value::optional(self.name.as_ref().map(Sealed::as_str)),
            Value::optional(account.map(|account| &*account.channel)),
            Value::optional(account.map(|account| account.kind.name())),
            Value::optional(account.map(|account| account.number.as_str())),
            Value::optional(self.role.as_deref()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.push(Value::number(self.unbound_at.map(Timestamp::ms)));
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Payee, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let namespace = cells.shared()?;
        let number = cells.text()?.to_owned();
        let made_at = cells.time()?;
        let kind = cells.word(PayeeKind::from_name)?;
        let merchant = cells.optional_text()?.map(MerchantId::new);
        let name = cells.optional_text()?.map(Sealed::new);
        let account = read_account(cells)?;
        let role = cells.optional_string()?;
        let standing = cells.standing()?;
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
            unbound_at: cells.optional_time()?,
        })
    }

    fn encode(change: &PayeeChange, _at: Timestamp) -> Body<'_, Payee> {
        match change {
            PayeeChange::Created(payee) => Body::Whole(payee),
            PayeeChange::Unbound => json(&Empty {}),
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
            "unbound" => parse::<Empty>(body).map(|_| PayeeChange::Unbound)?,
            name => unknown(name)?,
        })
    }
}

fn read_account(cells: &mut Cells<'_, '_>) -> Result<Option<PayeeAccount>, StoreFault> {
    let channel = cells.optional_text()?;
    let kind = cells.optional_word(ReceiverKind::from_name)?;
    let number = cells.optional_text()?.map(Sealed::new);
    match (channel, kind, number) {
        (Some(channel), Some(kind), Some(number)) => {
            Ok(Some(PayeeAccount { channel: channel.into(), kind, number }))
        }
        (None, None, None) => Ok(None),
        (_, _, _) => Err(cells.fault("a part of an account")),
    }
}

#[derive(Serialize, Deserialize)]
struct Empty {}
