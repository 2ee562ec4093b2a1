//! The messages of profit sharing. As everywhere on this wire, what is absent is not written.

use serde::{Deserialize, Serialize};

/// A merchant, by its number.
pub(crate) const MERCHANT_ID: &str = "MERCHANT_ID";
/// A person, by the openid within the app of the merchant or service provider.
pub(crate) const PERSONAL_OPENID: &str = "PERSONAL_OPENID";
/// A person, by the openid within the sub-merchant's app.
pub(crate) const PERSONAL_SUB_OPENID: &str = "PERSONAL_SUB_OPENID";
/// A relation of the merchant's own wording.
pub(crate) const CUSTOM: &str = "CUSTOM";

/// [`ShareAnswer::state`] while items are open.
pub(crate) const PROCESSING: &str = "PROCESSING";
/// [`ShareAnswer::state`] once all items were handled, whether or not they succeeded.
pub(crate) const FINISHED: &str = "FINISHED";
/// [`SharedReceiver::result`] of an item that is not final.
pub(crate) const PENDING: &str = "PENDING";
/// The money has moved.
pub(crate) const SUCCESS: &str = "SUCCESS";
/// [`SharedReceiver::result`] of an item that failed or was released.
pub(crate) const CLOSED: &str = "CLOSED";
/// [`ReturnAnswer::result`] of a return that failed.
pub(crate) const FAILED: &str = "FAILED";

/// `POST /v3/profitsharing/receivers/{add|delete}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiverRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    pub(crate) appid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_appid: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) account: String,
    /// Sealed for the channel's key; only when adding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Only when adding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relation_type: Option<String>,
    /// With the relation [`CUSTOM`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) custom_relation: Option<String>,
}

/// The answer to a [`ReceiverRequest`]: an echo.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiverAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relation_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) custom_relation: Option<String>,
}

/// `POST /v3/profitsharing/orders`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShareRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    pub(crate) appid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_appid: Option<String>,
    pub(crate) transaction_id: String,
    pub(crate) out_order_no: String,
    pub(crate) receivers: Vec<ShareReceiver>,
    pub(crate) unfreeze_unsplit: bool,
}

/// Who gets how much.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShareReceiver {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) account: String,
    /// Sealed for the channel's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// In fen.
    pub(crate) amount: i64,
    pub(crate) description: String,
}

/// `POST /v3/profitsharing/orders/unfreeze`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnfreezeRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    pub(crate) transaction_id: String,
    pub(crate) out_order_no: String,
    pub(crate) description: String,
}

/// A share: the answer to its request, its query and an unfreeze.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShareAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    pub(crate) transaction_id: String,
    pub(crate) out_order_no: String,
    pub(crate) order_id: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) receivers: Vec<SharedReceiver>,
}

/// An item of a [`ShareAnswer`]. The released rest is one of the sharing merchant itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedReceiver {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) account: String,
    pub(crate) amount: i64,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) create_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish_time: Option<String>,
}

/// `GET /v3/profitsharing/transactions/{transaction_id}/amounts`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnsharedAnswer {
    pub(crate) transaction_id: String,
    pub(crate) unsplit_amount: i64,
}

/// `POST /v3/profitsharing/return-orders`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReturnRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    /// Or `out_order_no`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_order_no: Option<String>,
    pub(crate) out_return_no: String,
    pub(crate) return_mchid: String,
    pub(crate) amount: i64,
    pub(crate) description: String,
}

/// A return: the answer to its request and to its query.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReturnAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    pub(crate) order_id: String,
    pub(crate) out_order_no: String,
    pub(crate) out_return_no: String,
    pub(crate) return_id: String,
    pub(crate) return_mchid: String,
    pub(crate) amount: i64,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fail_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) create_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish_time: Option<String>,
}

/// What the channel sends to a receiver: money came by a share, or went back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShareCallback {
    pub(crate) out_order_no: String,
    pub(crate) receiver: CallbackReceiver,
}

/// Who got the money of a [`ShareCallback`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallbackReceiver {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) account: String,
    pub(crate) amount: i64,
}
