//! What the channel enqueues to merchants. A callback is written down plain, and sealed and signed afresh
//! each time it is sent.

use crate::counterpart::answer;
use crate::counterpart::identifiers;
use crate::counterpart::platform_keys;
use crate::counterpart::v2;
use crate::counterpart::world::{Merchant, World};
use crate::v2::sign::SignType;
use crate::wire::{
    self, AEAD_AES_256_GCM, CallbackBody, ENCRYPT_RESOURCE, RefundCallback, Sealed, Transaction,
};
use channel::{
    CodecContext, DocumentFault, DocumentStore, FaultMode, Method, OutgoingCallback, Request,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `original_type` of what receivers of shares are notified of.
const SHARING: &str = "profitsharing";

/// A callback before it is sealed.
#[derive(Serialize, Deserialize)]
struct Plain {
    mchid: String,
    /// What it is signed with, when it is a callback of v2.
    #[serde(default)]
    v2: Option<SignType>,
    create_time: String,
    event: Event,
    content: Value,
}

/// What happened.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    Paid,
    Refunded,
    RefundClosed,
    RefundAbnormal,
    /// A receiver got money by a share.
    Shared,
    /// A receiver gave money of a share back.
    ShareReturned,
    /// An agreement was signed or has ended; v2 alone.
    Agreement,
    /// A debit by agreement failed; v2 alone.
    DebitFailed,
}

impl Event {
    /// `event_type`, `original_type`, `summary`, and where the amount stands that a false callback raises.
    const fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Event::Paid => ("TRANSACTION.SUCCESS", "transaction", "支付成功", "/amount/total"),
            Event::Refunded => ("REFUND.SUCCESS", "refund", "退款成功", "/amount/refund"),
            Event::RefundClosed => ("REFUND.CLOSED", "refund", "退款关闭", "/amount/refund"),
            Event::RefundAbnormal => ("REFUND.ABNORMAL", "refund", "退款异常", "/amount/refund"),
            Event::Shared => ("PROFITSHARING.SUCCESS", SHARING, "分账", "/receiver/amount"),
            Event::ShareReturned => {
                ("PROFITSHARING.RETURN", SHARING, "分账回退", "/receiver/amount")
            }
            // The older interface has no such words.
            Event::Agreement | Event::DebitFailed => ("", "", "", "/none"),
        }
    }
}

/// An order was paid.
pub(super) fn paid(
    to: To<'_>,
    content: &Transaction,
    contract_id: Option<&str>,
    url: String,
    context: &CodecContext,
) -> OutgoingCallback {
    let mut content = serde_json::json!(content);
    if let Some(contract_id) = contract_id {
        content["contract_id"] = Value::from(contract_id);
    }
    enqueue(to, Event::Paid, &content, url, context)
}

/// A refund has ended.
pub(super) fn refunded(
    to: To<'_>,
    event: Event,
    content: &RefundCallback,
    url: String,
    context: &CodecContext,
) -> OutgoingCallback {
    enqueue(to, event, content, url, context)
}

/// Something of v2 alone, its members as they are sent.
pub(super) fn of_v2(
    to: To<'_>,
    event: Event,
    members: &Value,
    url: String,
    context: &CodecContext,
) -> OutgoingCallback {
    enqueue(to, event, members, url, context)
}

/// A receiver got money by a share, or gave it back.
pub(super) fn shared(
    mchid: &str,
    event: Event,
    content: &Value,
    url: String,
    context: &CodecContext,
) -> OutgoingCallback {
    enqueue((mchid, None), event, content, url, context)
}

/// The merchant who is notified, and what a callback of v2 is signed with.
pub(super) type To<'a> = (&'a str, Option<SignType>);

fn enqueue(
    (mchid, v2): To<'_>,
    event: Event,
    content: &impl Serialize,
    url: String,
    context: &CodecContext,
) -> OutgoingCallback {
    let plain = Plain {
        mchid: mchid.to_owned(),
        v2,
        create_time: wire::time_text(context.now),
        event,
        content: serde_json::json!(content),
    };
    OutgoingCallback { id: identifiers::callback_id(context), url, text: wire::json_text(&plain) }
}

/// The request that carries a callback now. A callback that cannot be sealed, because its merchant is
/// gone from the world, goes out empty and unsigned: nobody will accept it.
pub(super) fn envelope(
    world: &World,
    documents: &dyn DocumentStore,
    callback: &OutgoingCallback,
    mode: &FaultMode,
    context: &CodecContext,
) -> Result<Request, DocumentFault> {
    let written = write(world, documents, callback, mode, context)?;
    let (body, headers) = written.unwrap_or_default();
    Ok(Request { method: Method::Post, url: callback.url.clone(), headers, body })
}

/// Whether a callback is a callback of v2.
pub(super) fn is_of_v2(callback: &OutgoingCallback) -> bool {
    serde_json::from_str::<Plain>(&callback.text).is_ok_and(|plain| plain.v2.is_some())
}

pub(super) type Written = (Vec<u8>, Vec<(String, String)>);

fn write(
    world: &World,
    documents: &dyn DocumentStore,
    callback: &OutgoingCallback,
    mode: &FaultMode,
    context: &CodecContext,
) -> Result<Option<Written>, DocumentFault> {
    let Ok(mut plain) = serde_json::from_str::<Plain>(&callback.text) else { return Ok(None) };
    let Some(merchant) = world.merchant(&plain.mchid) else { return Ok(None) };
    let (event_type, original_type, summary, amount) = plain.event.words();
    if *mode == FaultMode::WrongAmount {
        falsify(&mut plain.content, amount);
    }
    if let Some(sign_type) = plain.v2 {
        return v2::callback::write(
            merchant,
            sign_type,
            plain.event,
            &plain.content,
            mode,
            context,
        );
    }
    let content = plain.content.to_string();
    let sealed = seal(merchant, original_type, content.as_bytes(), context)?;
    let body = wire::json(&CallbackBody {
        id: callback.id.clone(),
        create_time: plain.create_time,
        event_type: event_type.to_owned(),
        resource_type: ENCRYPT_RESOURCE.to_owned(),
        summary: summary.to_owned(),
        resource: Sealed { original_type: Some(original_type.to_owned()), ..sealed },
    });
    let key = platform_keys::signer_of_callback(world, documents, merchant, &context.nonce)?;
    let mut headers = answer::signature(&key, mode, context, &body)?;
    for (name, value) in
        [("Content-Type", "application/json"), ("Accept", "*/*"), ("User-Agent", "Mozilla/4.0")]
    {
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(Some((body, headers)))
}

fn falsify(content: &mut Value, amount: &str) {
    if let Some(told) = content.pointer_mut(amount)
        && let Some(fen) = told.as_i64()
    {
        *told = Value::from(fen.saturating_add(1));
    }
}

/// Seals text with the merchant's APIv3 key.
pub(super) fn seal(
    merchant: &Merchant,
    associated_data: &str,
    plain: &[u8],
    context: &CodecContext,
) -> Result<Sealed, DocumentFault> {
    let nonce: String = context.nonce.chars().take(12).collect();
    let sealed = crypto::aead::seal(
        &merchant.apiv3_key,
        nonce.as_bytes(),
        associated_data.as_bytes(),
        plain,
    );
    let ciphertext = sealed.map_err(|fault| DocumentFault(fault.to_string()))?;
    Ok(Sealed {
        algorithm: AEAD_AES_256_GCM.to_owned(),
        nonce,
        associated_data: associated_data.to_owned(),
        ciphertext: crypto::text::base64(&ciphertext),
        original_type: None,
    })
}
