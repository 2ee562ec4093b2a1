//! Notifications to merchants: a text with its code, as in calls, and what acknowledges it.

use crate::details::{Kept, KeptRefund};
use crate::envelope::{self, JSON};
use crate::faults::Fault;
use crate::map::{self, Opened};
use crate::refund;
use crate::result::PaymentNotified;
use crate::sub_merchant::{Registered, SubMerchants};
use channel::{CodecContext, Method, Request, Response};
use dialect::json::{Json, Object, read_object};
use engine::{Announce, RegisteredCaller};
use kernel::{Notification, Order, Refund, Row, View};
use ledger::Timestamp;
use std::sync::Arc;

/// Notifies merchants of the orders that they placed here, and of the refunds that they requested.
pub(crate) struct Announcer {
    pub(crate) sub_merchants: Arc<SubMerchants>,
}

impl Announcer {
    /// Whose key makes the code, and the text.
    fn write(&self, row: &Row, now: Timestamp) -> Result<Option<(Arc<Registered>, String)>, Fault> {
        let (id, text) = match row {
            Row::Order(order) => payment(order, now)?,
            Row::Refund(refund) => match of_refund(refund)? {
                Some(written) => written,
                None => return Ok(None),
            },
            _ => {
                tracing::error!(about = %row.subject(), "this API has no notification about it");
                return Ok(None);
            }
        };
        let found = self.sub_merchants.get(&id);
        if found.is_none() {
            tracing::error!(out_sub_mch_id = id, "nobody is declared with this number");
        }
        Ok(found.map(|found| (found.clone(), text)))
    }
}

fn payment(order: &Order, now: Timestamp) -> Result<(String, String), Fault> {
    let (kept, platform) = (Kept::read(order)?, map::platform(order)?);
    let opened = Opened::of(order, platform, now)?;
    let text = serde_json::to_string(&PaymentNotified {
        nonce_str: crypto::random::hex_nonce(),
        pay_mch_key: kept.pay_mch_key.clone(),
        order_content: map::order_content(order, &kept, &opened, platform),
        order_client: kept.order_client.clone(),
    })?;
    Ok((kept.pay_mch_key.out_sub_mch_id, text))
}

fn of_refund(refund: &Refund) -> Result<Option<(String, String)>, Fault> {
    let Some(request) = refund.request.as_deref() else { return Ok(None) };
    let text = serde_json::to_string(&refund::queried(refund, request)?)?;
    Ok(Some((KeptRefund::read(request)?.pay_mch_key.out_sub_mch_id, text)))
}

impl Announce for Announcer {
    fn announce(
        &self,
        notification: &Notification,
        about: &View,
        _: &[Arc<RegisteredCaller>],
        context: &CodecContext,
    ) -> Option<Request> {
        let row = about.row(&notification.tenant, notification.about)?;
        let (caller, text) = self.write(&row, context.now).ok().flatten()?;
        let body = envelope::notification(&caller, &text).ok()?;
        let headers = vec![("Content-Type".to_owned(), JSON.to_owned())];
        Some(Request { method: Method::Post, url: notification.url.clone(), headers, body })
    }

    fn acknowledged(&self, response: &Response) -> bool {
        (200..300).contains(&response.status) && acknowledges(&response.body)
    }
}

/// `response_content` with `status` 0. Published is a text; clients are known that send the object.
pub(crate) fn acknowledges(body: &[u8]) -> bool {
    let Ok(answer) = read_object(body.trim_ascii()) else { return false };
    match answer.get("response_content") {
        Some(Json::Text(text)) => {
            read_object(text.as_bytes()).is_ok_and(|content| is_taken(&content))
        }
        Some(Json::Object(content)) => is_taken(content),
        Some(
            Json::Null
            | Json::Flag(_)
            | Json::Integer(_)
            | Json::Large(_)
            | Json::Decimal(_)
            | Json::List(_),
        )
        | None => false,
    }
}

fn is_taken(content: &Object<'_>) -> bool {
    matches!(content.get("status"), Some(Json::Integer(0)))
}
