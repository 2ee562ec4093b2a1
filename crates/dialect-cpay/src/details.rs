//! What an order and a refund keep of their requests beyond the kernel's terms: compact JSON text, opaque
//! to everybody else. A payer's code is never kept.

use crate::wire::{MchKey, OrderClient, PayRequest, RefundAsked};
use kernel::{Order, RefundRequest};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// Hex digits of a digest that are kept: 64 bits. A caller that finds two requests with one digest deceives
/// nobody but itself.
const DIGEST_LEN: usize = 16;

/// What is kept with an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub(crate) nonce_str: String,
    pub(crate) pay_mch_key: MchKey,
    pub(crate) order_client: OrderClient,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remark: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attach: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_flow_id: Option<String>,
}

impl Kept {
    pub(crate) fn of(request: &PayRequest) -> Kept {
        let content = &request.content;
        Kept {
            nonce_str: request.nonce_str.clone(),
            pay_mch_key: MchKey {
                pay_platform: Some(request.platform.number()),
                sub_pay_platform: Some(request.platform.sub_number()),
                ..request.mch_key.clone()
            },
            order_client: request.client.clone(),
            detail: content.detail.clone(),
            remark: content.remark.clone(),
            attach: content.attach.clone(),
            product_id: content.product_id.clone(),
            client_flow_id: content.client_flow_id.clone(),
        }
    }

    pub(crate) fn write(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    pub(crate) fn read(order: &Order) -> Result<Kept, serde_json::Error> {
        serde_json::from_str(&order.terms.request.details)
    }
}

/// What is kept with a refund.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KeptRefund {
    pub(crate) nonce_str: String,
    pub(crate) pay_mch_key: MchKey,
    pub(crate) order_client: OrderClient,
    /// Of the order.
    pub(crate) trade_type: Option<i64>,
}

impl KeptRefund {
    pub(crate) fn of(asked: &RefundAsked, order: &Kept, trade_type: Option<i64>) -> KeptRefund {
        KeptRefund {
            nonce_str: asked.nonce_str.clone(),
            pay_mch_key: MchKey {
                pay_platform: order.pay_mch_key.pay_platform,
                sub_pay_platform: order.pay_mch_key.sub_pay_platform,
                ..asked.mch_key.clone()
            },
            order_client: asked.client.clone(),
            trade_type,
        }
    }

    pub(crate) fn write(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    pub(crate) fn read(request: &RefundRequest) -> Result<KeptRefund, serde_json::Error> {
        serde_json::from_str(&request.details)
    }
}

/// What a repeat must not change, beyond what the kernel compares by itself. The nonce, the client and
/// the payer's code are not part of it.
#[derive(Serialize)]
struct Content<'a> {
    pay_mch_key: &'a MchKey,
    body: &'a str,
    time_expire_ms: Option<i64>,
    detail: Option<&'a str>,
    remark: Option<&'a str>,
    caller_notify_url: Option<&'a str>,
    attach: Option<&'a str>,
    goods_tag: Option<&'a str>,
    product_id: Option<&'a str>,
    client_flow_id: Option<&'a str>,
}

/// A digest of the content of a request.
pub(crate) fn digest(request: &PayRequest) -> Result<String, serde_json::Error> {
    let content = &request.content;
    let kept = Kept::of(request);
    let text = serde_json::to_vec(&Content {
        pay_mch_key: &kept.pay_mch_key,
        body: &content.body,
        time_expire_ms: content.time_expire.map(Timestamp::ms),
        detail: content.detail.as_deref(),
        remark: content.remark.as_deref(),
        caller_notify_url: content.caller_notify_url.as_deref(),
        attach: content.attach.as_deref(),
        goods_tag: content.goods_tag.as_deref(),
        product_id: content.product_id.as_deref(),
        client_flow_id: content.client_flow_id.as_deref(),
    })?;
    let mut digest = crypto::hash::sha256_hex(&text);
    digest.truncate(DIGEST_LEN);
    Ok(digest)
}
