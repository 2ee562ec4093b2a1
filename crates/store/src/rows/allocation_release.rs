//! Releases of frozen allocations.

use super::cells::{Cells, Value, int, text};
use super::stored::{Body, NumberColumns, RowTable, Stored, parse, unknown};
use crate::StoreFault;
use kernel::{AllocationPart, AllocationRelease, AllocationReleaseChange, MerchantId, TenantId};
use ledger::{Fen, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for AllocationRelease {
    const TABLE: &'static RowTable = &RowTable {
        name: "allocation_releases",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            int("order_id"),
            text("namespace"),
            text("release_no"),
            text("parts"),
            int("made_at"),
        ],
        narrow_len: 7,
        mutable: &[],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "release_no" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let parts: Vec<PartBody<'_>> = self.parts.iter().map(PartBody::of).collect();
        let parts = serde_json::to_string(&parts).expect("texts and numbers are always JSON");
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::Int(self.order.value()),
            Value::text(&self.namespace),
            Value::text(&self.number),
            Value::owned(parts),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, _: &mut Vec<Value<'a>>) {}

    fn read(cells: &mut Cells<'_, '_>) -> Result<AllocationRelease, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let order = cells.id()?;
        let namespace = cells.shared()?;
        let number = cells.text()?.to_owned();
        let parts: Vec<PartBody<'_>> = parse(cells.text()?).map_err(|why| cells.fault(&why))?;
        let made_at = cells.time()?;
        Ok(AllocationRelease {
            tenant,
            id,
            order,
            namespace,
            number,
            parts: parts.into_iter().map(PartBody::read).collect(),
            made_at,
            version: cells.standing()?.version,
        })
    }

    fn encode(change: &AllocationReleaseChange, _at: Timestamp) -> Body<'_, AllocationRelease> {
        match change {
            AllocationReleaseChange::Made(release) => Body::Whole(release),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<AllocationRelease, String>,
    ) -> Result<AllocationReleaseChange, String> {
        match name {
            "made" => Ok(AllocationReleaseChange::Made(Box::new(whole(body)?))),
            name => unknown(name),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct PartBody<'a> {
    #[serde(borrow)]
    merchant: Cow<'a, str>,
    amount: i64,
}

impl<'a> PartBody<'a> {
    fn of(part: &'a AllocationPart) -> PartBody<'a> {
        PartBody { merchant: Cow::Borrowed(part.merchant.as_str()), amount: part.amount.get() }
    }

    fn read(self) -> AllocationPart {
        AllocationPart { merchant: MerchantId::new(&self.merchant), amount: Fen::new(self.amount) }
    }
}
