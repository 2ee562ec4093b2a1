//! What orders took from wallets.

use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown};
use super::value_parts;
use crate::StoreFault;
use kernel::{Aggregate, TenantId, WalletPayment, WalletPaymentChange};
use ledger::{Fen, Id, Timestamp, kinds};
use serde::{Deserialize, Serialize};

impl Stored for WalletPayment {
    const TABLE: &'static RowTable = &RowTable {
        name: "wallet_payments",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            int("order_id"),
            int("wallet_id"),
            text("number"),
            text("parts"),
            int("made_at"),
        ],
        narrow_len: 7,
        mutable: &[int("returned")],
        number: Some(NumberColumns { namespace: None, number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let number = self.natural_key().map(|key| key.number).unwrap_or_default();
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.order.value()),
            Value::Int(self.wallet.value()),
            Value::owned(number),
            Value::owned(value_parts::written(&self.parts)),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.push(Value::Int(self.returned.get()));
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<WalletPayment, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let (id, order, wallet) = (cells.id()?, cells.id()?, cells.id()?);
        let _number = cells.text()?;
        let parts = cells.text()?;
        let parts = value_parts::read(parts).map_err(|why| cells.fault(&why))?;
        let made_at = cells.time()?;
        let version = cells.standing()?.version;
        let returned = cells.fen()?;
        Ok(WalletPayment { tenant, id, order, wallet, parts, made_at, version, returned })
    }

    fn encode(change: &WalletPaymentChange, _at: Timestamp) -> Body<'_, WalletPayment> {
        match change {
            WalletPaymentChange::Taken(payment) => Body::Whole(payment),
            WalletPaymentChange::PutBack { by, amount } => {
                json(&BackBody { refund: by.value(), amount: amount.get() })
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<WalletPayment, String>,
    ) -> Result<WalletPaymentChange, String> {
        Ok(match name {
            "taken" => WalletPaymentChange::Taken(Box::new(whole(body)?)),
            "put_back" => {
                let body: BackBody = parse(body)?;
                let amount = Fen::new(body.amount);
                WalletPaymentChange::PutBack { by: body.by(), amount }
            }
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct BackBody {
    refund: i64,
    amount: i64,
}

impl BackBody {
    #[expect(clippy::disallowed_methods, reason = "the id of an event's body")]
    const fn by(&self) -> Id<kinds::Refund> {
        Id::from_value(self.refund)
    }
}
