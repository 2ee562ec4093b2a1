//! Entry points of `fuzz/`: input is any bytes, and what must hold is asserted.

use crate::cell::{keep, restore};

/// Every text can be kept and reads back, and any text of the database can be read.
pub fn kept_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let kept = keep(&text);
    assert!(!kept.contains('\0'), "PostgreSQL takes no zero byte: {kept:?}");
    assert_eq!(restore(&kept), text);
    drop(restore(&text));
}
