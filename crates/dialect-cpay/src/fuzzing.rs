//! Entry points of `fuzz/`: input is any bytes, and what must hold is asserted.

use crate::details::{Kept, digest};
use crate::envelope::{Form, inner, opened};
use crate::wire::{Named, Pay, PayRequest, RefundAsked, RefundNamed, is_number};
use dialect::json::read_object;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A body of the endpoints. The text whose proof is asked for is the one that every other reader of JSON
/// takes out of it.
pub fn body(bytes: &[u8]) {
    let Ok(outer) = read_object(bytes) else { return };
    let Ok((text, _)) = opened(Form::Full, &outer) else { return };
    let other: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(bytes).expect("what is accepted is an object to others too");
    let other = other.get("request_content").map(|value| serde_json::from_str(value.get()));
    assert!(matches!(&other, Some(Ok(other)) if String::as_str(other) == text), "{other:?}");
    content(text.as_bytes());
}

/// The text inside. What an order keeps of it reads back.
pub fn content(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(asked) = inner(Form::Full, text) else { return };
    for pay in Pay::ALL {
        let Ok(request) = PayRequest::read(pay, &asked) else { continue };
        assert!(is_number(&request.content.out_trade_no));
        assert!(request.content.total_fee.is_positive());
        let kept = Kept::of(&request);
        let written = kept.write().expect("it is written");
        let again: Kept = serde_json::from_str(&written).expect("it reads back");
        assert_eq!(kept, again);
        assert_eq!(digest(&request).expect("it is written").len(), 16);
    }
    let _named = Named::read(&asked);
    let _refund = RefundAsked::read(&asked);
    let _refund = RefundNamed::read(&asked);
}
