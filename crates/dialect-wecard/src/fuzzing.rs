//! Entry points of `fuzz/`: input is any bytes, and what must hold is asserted.

use crate::json::read_object;
use crate::sign::Authorization;
use crate::wire::{OrderName, UnifiedOrder};

/// A body of the endpoints. What is accepted as an object is one to every other reader of JSON.
pub fn body(bytes: &[u8]) {
    let Ok(object) = read_object(bytes) else { return };
    let other: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_slice(bytes);
    assert!(other.is_ok(), "{other:?}");
    let _order = UnifiedOrder::read(&object);
    let _name = OrderName::read(&object);
}

/// The header `Authorization`.
pub fn authorization(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = Authorization::read(header) else { return };
    assert!((1..=32).contains(&read.names().count()), "{read:?}");
    assert!(read.names().all(|name| !name.is_empty() && read.signs(name)), "{read:?}");
    assert!([read.secret_id, read.signature].iter().all(|part| header.contains(part)), "{read:?}");
}
