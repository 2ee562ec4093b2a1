//! What receivers of shares are notified of: merchants that have named a URL, of money that came or that
//! they gave back. The sharing merchant is notified of nothing.

use super::records::{Item, Returning, Sharing};
use crate::counterpart::callback::{self, Event};
use crate::counterpart::{CallContext, records};
use crate::sharing::wire::MERCHANT_ID;
use crate::wire;
use channel::{DocumentFault, OutgoingCallback};
use ledger::Timestamp;
use serde_json::{Value, json};

/// Where a receiver wants its callbacks, as its portal has it.
pub(super) fn url_key(mchid: &str) -> String {
    format!("wxpay/receiver_url/{mchid}")
}

/// To each merchant that got a part of a share.
pub(super) fn of_share(
    call: &CallContext<'_>,
    sharing: &Sharing,
) -> Result<Vec<OutgoingCallback>, DocumentFault> {
    let got = sharing.items.iter().filter(|item| item.fail_reason.is_none());
    let merchants = got.filter(|item| item.kind == MERCHANT_ID);
    let told = merchants.map(|item| {
        let Item { account, amount, description, .. } = item;
        let receiver = receiver(account, *amount, description);
        let content = content(call, sharing, receiver, sharing.ends_at());
        callback(call, account, Event::Shared, &content)
    });
    Ok(told.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// To the merchant that gave a part of a share back. The content names who got it: the sharing merchant.
pub(super) fn of_return(
    call: &CallContext<'_>,
    sharing: &Sharing,
    returning: &Returning,
) -> Result<Option<OutgoingCallback>, DocumentFault> {
    let Returning { amount, description, return_mchid, at_ms, .. } = returning;
    let receiver = receiver(&sharing.payee, *amount, description);
    let content = content(call, sharing, receiver, Timestamp::from_ms(*at_ms));
    callback(call, return_mchid, Event::ShareReturned, &content)
}

/// Nothing for a receiver that has named no URL, or has no key of its own to seal for.
fn callback(
    call: &CallContext<'_>,
    mchid: &str,
    event: Event,
    content: &Value,
) -> Result<Option<OutgoingCallback>, DocumentFault> {
    let known = call.world.merchant(mchid).is_some();
    let url: Option<String> = records::read(call.documents, &url_key(mchid))?;
    let url = url.filter(|_| known);
    Ok(url.map(|url| callback::shared(mchid, event, content, url, call.context)))
}

fn receiver(account: &str, amount: i64, description: &str) -> Value {
    json!({
        "type": MERCHANT_ID,
        "account": account,
        "amount": amount,
        "description": description,
    })
}

fn content(call: &CallContext<'_>, sharing: &Sharing, receiver: Value, at: Timestamp) -> Value {
    let mut content = json!({
        "transaction_id": sharing.transaction_id,
        "order_id": sharing.order_id,
        "out_order_no": sharing.out_order_no,
        "receiver": receiver,
        "success_time": wire::time_text(at),
    });
    let own = &call.merchant.mchid;
    match &sharing.sub_mchid {
        None => content["mchid"] = json!(own),
        Some(sub_mchid) => {
            content["sp_mchid"] = json!(own);
            content["sub_mchid"] = json!(sub_mchid);
        }
    }
    content
}
