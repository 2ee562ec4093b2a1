//! Results, member by member. What is not known is absent.

use crate::wire::{MchKey, OrderClient};
use serde::Serialize;

/// `order_content`
#[derive(Serialize)]
pub(crate) struct OrderContent {
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_type: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code_url: Option<String>,
    pub(crate) time_expire: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_end: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify_url: Option<String>,
    pub(crate) nonce_str: String,
    pub(crate) create_time: i64,
    pub(crate) last_update_time: i64,
    pub(crate) is_transforming: bool,
    pub(crate) total_fee: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cash_fee: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settlement_total_fee: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refunded_fee: Option<i64>,
    pub(crate) fee_type: &'static str,
    pub(crate) cash_fee_type: &'static str,
    pub(crate) body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wxpay_order_content_ext: Option<WxpayOrderExt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alipay_order_content_ext: Option<AlipayOrderExt>,
}

/// `wxpay_order_content_ext`
#[derive(Serialize)]
pub(crate) struct WxpayOrderExt {
    pub(crate) current_trade_state: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_state_desc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attach: Option<String>,
    /// Empty where the order has none, as in the published sample.
    pub(crate) goods_tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prepare_id: Option<String>,
}

/// `alipay_order_content_ext`
#[derive(Serialize)]
pub(crate) struct AlipayOrderExt {
    pub(crate) current_trade_state: i64,
}

/// The result of a call that places an order.
#[derive(Serialize)]
pub(crate) struct Placed {
    pub(crate) pay_mch_key: MchKey,
    pub(crate) order_content: OrderContent,
    pub(crate) nonce_str: String,
    #[serde(flatten)]
    pub(crate) way: PayWay,
}

/// What the payer's client opens.
#[derive(Default, Serialize)]
pub(crate) struct PayWay {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jsapi_args: Option<JsapiArgs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sdk_args: Option<SdkArgs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mweb_url: Option<String>,
}

/// `jsapi_args`
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JsapiArgs {
    Wxpay(WxpayArgs),
    Alipay(AlipayArgs),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WxpayArgs {
    GetBrandWcpay(BridgeArgs),
    MiniProgramPay(BridgeArgs),
}

/// What the bridge of WeChat takes.
#[derive(Serialize)]
pub(crate) struct BridgeArgs {
    pub(crate) app_id: String,
    pub(crate) timestamp: String,
    pub(crate) nonce_str: String,
    pub(crate) package: String,
    pub(crate) sign_type: String,
    pub(crate) pay_sign: String,
}

#[derive(Serialize)]
pub(crate) struct AlipayArgs {
    pub(crate) trade_pay: TradePay,
}

/// What the bridge of Alipay takes.
#[derive(Serialize)]
pub(crate) struct TradePay {
    pub(crate) trade_no: String,
}

/// `sdk_args`
#[derive(Serialize)]
pub(crate) struct SdkArgs {
    pub(crate) wxpay: SdkWxpay,
}

/// What the SDK of WeChat Pay in a native app takes.
#[derive(Serialize)]
pub(crate) struct SdkWxpay {
    pub(crate) app_id: String,
    pub(crate) timestamp: String,
    pub(crate) nonce_str: String,
    pub(crate) package_value: String,
    pub(crate) partner_id: String,
    pub(crate) sign: String,
    pub(crate) prepare_id: String,
}

/// The result of `query_order`.
#[derive(Serialize)]
pub(crate) struct Queried {
    pub(crate) nonce_str: String,
    pub(crate) pay_mch_key: MchKey,
    pub(crate) order_content: OrderContent,
}

/// The content of a notification of a payment.
#[derive(Serialize)]
pub(crate) struct PaymentNotified {
    pub(crate) nonce_str: String,
    pub(crate) pay_mch_key: MchKey,
    pub(crate) order_content: OrderContent,
    pub(crate) order_client: OrderClient,
}

/// A result that says nothing but that the call worked.
#[derive(Serialize)]
pub(crate) struct Done {
    pub(crate) nonce_str: String,
}

/// The answer to a report of a client about itself.
#[derive(Serialize)]
pub(crate) struct Reported {
    pub(crate) nonce_str: String,
    /// How often to report, in seconds: 0 changes nothing.
    pub(crate) interval: u32,
}

/// `refund_order_content`
#[derive(Serialize)]
pub(crate) struct RefundContent {
    pub(crate) out_refund_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_id: Option<String>,
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_type: Option<i64>,
    pub(crate) nonce_str: String,
    pub(crate) create_time: i64,
    pub(crate) last_update_time: i64,
    pub(crate) is_transforming: bool,
    pub(crate) total_fee: i64,
    pub(crate) refund_fee: i64,
    pub(crate) refund_fee_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_success_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wxpay_refund_order_content_ext: Option<WxpayRefundExt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alipay_refund_order_content_ext: Option<AlipayRefundExt>,
}

/// `wxpay_refund_order_content_ext`
#[derive(Serialize)]
pub(crate) struct WxpayRefundExt {
    pub(crate) state: i64,
}

/// `alipay_refund_order_content_ext`
#[derive(Serialize)]
pub(crate) struct AlipayRefundExt {
    pub(crate) fund_change: &'static str,
    pub(crate) refund_status: i64,
}

/// The result of `refund`.
#[derive(Serialize)]
pub(crate) struct Refunded {
    pub(crate) nonce_str: String,
    pub(crate) pay_mch_key: MchKey,
    pub(crate) refund_order_content: RefundContent,
}

/// The result of `query_refund_order`, and the content of a notification of a refund.
#[derive(Serialize)]
pub(crate) struct RefundQueried {
    pub(crate) nonce_str: String,
    pub(crate) pay_mch_key: MchKey,
    pub(crate) refund_order_content: [RefundContent; 1],
}
