//! Notifications to merchants: their content, how they are signed, what acknowledges them.

use crate::account::wire::WithdrawalShown;
use crate::agreement::AgreementShown;
use crate::keys::notification_key;
use crate::sharing::{self, ReturnShown, ShareShown};
use crate::sign::Signing;
use crate::wallet::{self, RechargeShown};
use crate::wire::Queried;
use crate::{account, agreement, map, refund, time};
use channel::{CodecContext, Request, Response};
use crypto::rsa::Signer;
use engine::{Announce, RegisteredCaller};
use kernel::{Notification, NotificationKind, Row, View};
use ledger::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// Notifies merchants of the orders that they placed here, and of the refunds and withdrawals that they
/// requested.
pub(crate) struct Announcer {
    /// The platform's own key, which signs notifications to tenants that have RSA keys.
    pub(crate) platform: Arc<Signer>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    notify_id: String,
    notify_type: &'static str,
    notify_time: String,
    ocode: &'a str,
    result: Shown<'a>,
}

/// What a notification reports about: the result of a query for it; of a refund, as it ended.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Order(Box<Queried<'a>>),
    Recharge(Box<RechargeShown<'a>>),
    Share(ShareShown<'a>),
    ShareReturn(ReturnShown<'a>),
    Refund(Box<refund::Shown<'a>>),
    Withdrawal(Box<WithdrawalShown<'a>>),
    Agreement(Box<AgreementShown<'a>>),
}

impl<'a> Shown<'a> {
    fn of(
        row: &'a Row,
        about: &View,
        notification: &Notification,
        now: Timestamp,
    ) -> Option<Shown<'a>> {
        match row {
            Row::Order(order) if notification.kind == NotificationKind::Recharge => {
                let shown = wallet::map::recharge(order, about);
                shown.ok().map(Box::new).map(Shown::Recharge)
            }
            Row::Order(order) => {
                let queried = map::queried(
                    order,
                    &about.allocations_of(order),
                    about.listed_share_of(order),
                    now,
                );
                queried.ok().map(Box::new).map(Shown::Order)
            }
            Row::Share(share) => Some(Shown::Share(sharing::map::share(share))),
            Row::ShareReturn(row) => Some(Shown::ShareReturn(sharing::map::share_return(row))),
            Row::Refund(refund) => {
                let request = refund.request.as_deref()?;
                let notified = refund::notified(refund, request, notification);
                Some(Shown::Refund(Box::new(notified)))
            }
            Row::Withdrawal(withdrawal) => {
                Some(Shown::Withdrawal(Box::new(account::shown(withdrawal))))
            }
            Row::Agreement(row) => Some(Shown::Agreement(Box::new(agreement::shown(row)))),
            _ => {
                tracing::error!(about = %row.subject(), "this API has no notification about it");
                None
            }
        }
    }
}

impl Announce for Announcer {
    fn announce(
        &self,
        notification: &Notification,
        about: &View,
        callers: &[Arc<RegisteredCaller>],
        context: &CodecContext,
    ) -> Option<Request> {
        let row = about.row(&notification.tenant, notification.about)?;
        let result = Shown::of(&row, about, notification, context.now)?;
        let (secret_id, key) = notification_key(&self.platform, callers)?;
        let ocode = notification.tenant.as_str();
        let body = Body {
            notify_id: notification.id.to_string(),
            notify_type: match notification.kind {
                NotificationKind::Pay => "PAY",
                NotificationKind::Share => "PROFIT",
                NotificationKind::ShareReturn => "PROFIT_REFUND",
                NotificationKind::Refund if is_of_recharge(&row) => "RECHARGE_REFUND",
                NotificationKind::Refund => "REFUND",
                NotificationKind::Withdrawal => "SETTLE",
                NotificationKind::Recharge => "RECHARGE",
                NotificationKind::AgreementSign => "AGREEMENT_SIGN",
                NotificationKind::AgreementTerminate => "AGREEMENT_TERMINATE",
            },
            notify_time: time::write(notification.made_at),
            ocode,
            result,
        };
        let body = serde_json::to_vec(&body).ok()?;
        match (Signing { secret_id, ocode, key }).post(&notification.url, body, context.now) {
            Ok(signed) => Some(signed.request),
            Err(fault) => {
                tracing::error!(%fault, notification = %notification.id, "it cannot be signed");
                None
            }
        }
    }

    fn acknowledged(&self, response: &Response) -> bool {
        (200..300).contains(&response.status) && acknowledges(response.body.trim_ascii())
    }
}

/// True of a refund that takes stored value back.
fn is_of_recharge(row: &Row) -> bool {
    matches!(row, Row::Refund(refund) if refund.is_of_recharge())
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
