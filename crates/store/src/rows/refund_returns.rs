//! What payees give back for a refund: the JSON of the column `returns`.

use super::super::share_items::ItemBody;
use super::super::stored::parse;
use kernel::RefundReturn;
use ledger::Id;
use serde::{Deserialize, Serialize};

/// What a payee gives back of a share.
#[derive(Serialize, Deserialize)]
pub(super) struct ReturnBody<'a> {
    share: i64,
    #[serde(borrow)]
    item: ItemBody<'a>,
}

pub(super) fn bodies(returns: &[RefundReturn]) -> Vec<ReturnBody<'_>> {
    let items = returns.iter().map(|it| (it.share.value(), ItemBody::of_return(&it.item)));
    items.map(|(share, item)| ReturnBody { share, item }).collect()
}

/// The text of the column.
pub(super) fn text(returns: &[RefundReturn]) -> String {
    serde_json::to_string(&bodies(returns)).expect("texts and numbers are always JSON")
}

/// Reads the column.
pub(super) fn read(text: &str) -> Result<Vec<RefundReturn>, String> {
    of(parse::<Vec<ReturnBody<'_>>>(text)?)
}

#[expect(clippy::disallowed_methods, reason = "the reading of a share's id")]
pub(super) fn of(bodies: Vec<ReturnBody<'_>>) -> Result<Vec<RefundReturn>, String> {
    let read = |body: ReturnBody<'_>| {
        Ok(RefundReturn { share: Id::from_value(body.share), item: body.item.returning()? })
    };
    bodies.into_iter().map(read).collect()
}
