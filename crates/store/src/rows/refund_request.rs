//! What a merchant requested of a refund: cells that are empty together where nobody did.

use super::super::cells::{Cells, Value};
use super::super::stored::parse;
use crate::StoreFault;
use kernel::{Refund, RefundPart, RefundRequest, RefundSource};
use ledger::{Fen, Id};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The cells, in the order of their columns.
pub(super) fn cells(refund: &Refund) -> [Value<'_>; 8] {
    let Some(request) = &refund.request else { return [const { Value::Null }; 8] };
    [
        Value::text(&request.namespace),
        Value::text(&request.merchant_refund_no),
        Value::text(&request.dialect),
        Value::optional(request.reason.as_deref()),
        Value::optional(request.notify_url.as_deref()),
        Value::text(&request.details),
        Value::number(request.is_to_balance.then_some(1)),
        Value::owned(parts_text(&refund.parts)),
    ]
}

/// Reads the cells.
pub(super) fn read(
    cells: &mut Cells<'_, '_>,
) -> Result<(Option<Arc<RefundRequest>>, Vec<RefundPart>), StoreFault> {
    let (namespace, number) = (cells.optional_text()?, cells.optional_string()?);
    let dialect = cells.optional_text()?;
    let (reason, notify_url) = (cells.optional_string()?, cells.optional_string()?);
    let (details, to_balance) = (cells.optional_string()?, cells.optional_int()?);
    let parts = cells.optional_text()?;
    let is_to_balance = match to_balance {
        None => false,
        Some(1) if namespace.is_some() => true,
        Some(_) => return Err(cells.misfit("is_to_balance: want 1 or nothing")),
    };
    match (namespace, number, dialect, details, parts) {
        (Some(namespace), Some(merchant_refund_no), Some(dialect), Some(details), Some(parts)) => {
            let parts = read_parts(parts).map_err(|why| cells.misfit(format!("parts: {why}")))?;
            let request = RefundRequest {
                namespace: Arc::from(namespace),
                merchant_refund_no,
                dialect: Arc::from(dialect),
                reason,
                notify_url,
                details,
                is_to_balance,
            };
            Ok((Some(Arc::new(request)), parts))
        }
        (None, None, None, None, None) => Ok((None, vec![])),
        _ => Err(cells.misfit("request: some of its columns are empty".to_owned())),
    }
}

#[derive(Serialize, Deserialize)]
struct PartBody<'a> {
    source: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allocation: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wallet: Option<i64>,
    amount: i64,
}

fn parts_text(parts: &[RefundPart]) -> String {
    let body = |part: &RefundPart| {
        let (source, [allocation, card, wallet]) = match part.source {
            RefundSource::OwnMerchant => ("own_merchant", [None; 3]),
            RefundSource::Allocation(id) => ("allocation", [Some(id.value()), None, None]),
            RefundSource::Card(id) => ("card", [None, Some(id.value()), None]),
            RefundSource::Wallet(id) => ("wallet", [None, None, Some(id.value())]),
        };
        PartBody { source, allocation, card, wallet, amount: part.amount.get() }
    };
    let bodies: Vec<PartBody<'_>> = parts.iter().map(body).collect();
    serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
}

#[expect(clippy::disallowed_methods, reason = "the one reading of these ids")]
fn read_parts(text: &str) -> Result<Vec<RefundPart>, String> {
    let read = |part: PartBody<'_>| {
        let source = match (part.source, [part.allocation, part.card, part.wallet]) {
            ("own_merchant", [None, None, None]) => RefundSource::OwnMerchant,
            ("allocation", [Some(id), None, None]) => RefundSource::Allocation(Id::from_value(id)),
            ("card", [None, Some(id), None]) => RefundSource::Card(Id::from_value(id)),
            ("wallet", [None, None, Some(id)]) => RefundSource::Wallet(Id::from_value(id)),
            (name, _) => return Err(format!("unknown source {name:?}")),
        };
        Ok(RefundPart { source, amount: Fen::new(part.amount) })
    };
    parse::<Vec<PartBody<'_>>>(text)?.into_iter().map(read).collect()
}
