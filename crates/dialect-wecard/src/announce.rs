//! Notifications to merchants: what they say, how they are signed, what acknowledges them.

use crate::keys::KeyRing;
use crate::sign::Signing;
use crate::wire::Queried;
use crate::{map, time};
use channel::{CodecContext, Request, Response};
use engine::Announce;
use kernel::{Notification, NotificationKind, Order};
use serde::Serialize;
use std::sync::Arc;

/// Tells merchants about the orders that they placed here.
pub(crate) struct Announcer {
    pub(crate) keys: Arc<KeyRing>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    notify_id: String,
    notify_type: &'static str,
    notify_time: String,
    ocode: &'a str,
    result: Queried<'a>,
}

impl Announce for Announcer {
    fn announce(
        &self,
        notification: &Notification,
        order: &Order,
        context: &CodecContext,
    ) -> Option<Request> {
        let (secret_id, key) = self.keys.notification_key(&notification.tenant)?;
        let ocode = notification.tenant.as_str();
        let body = Body {
            notify_id: notification.id.to_string(),
            notify_type: match notification.kind {
                NotificationKind::Pay => "PAY",
            },
            notify_time: time::write(notification.made_at),
            ocode,
            result: map::queried(order, context.now).ok()?,
        };
        let body = serde_json::to_vec(&body).ok()?;
        match (Signing { secret_id, ocode, key }).post(&notification.url, body, context.now) {
            Ok(signed) => Some(signed.request),
            Err(fault) => {
                tracing::error!(%fault, notification = %notification.id, "notification cannot be signed");
                None
            }
        }
    }

    fn acknowledged(&self, response: &Response) -> bool {
        (200..300).contains(&response.status) && acknowledges(response.body.trim_ascii())
    }
}

/// Nothing, the word `SUCCESS`, an object with `ErrCode` `SUCCESS`, or one with `code` 0.
fn acknowledges(body: &[u8]) -> bool {
    if body.is_empty() || body == b"SUCCESS" {
        return true;
    }
    match serde_json::from_slice(body) {
        Ok(serde_json::Value::Object(answer)) => {
            answer.get("ErrCode").and_then(|code| code.as_str()) == Some("SUCCESS")
                || answer.get("code").and_then(serde_json::Value::as_i64) == Some(0)
        }
        Ok(_) | Err(_) => false,
    }
}
