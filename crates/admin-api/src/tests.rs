//! Tests of the admin API over real decisions, a real engine and the store's memory model.

mod approvals;
mod commands;
mod directory;
mod document;
mod gateway;
mod parameters;
mod rendering;
mod requests;

use std::path::Path;

/// Compares with a file of `golden/`; with `UPDATE_GOLDEN=1` in the environment writes it instead.
fn check_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("golden file is written");
    }
    let golden = std::fs::read_to_string(&path).expect("golden file is readable");
    assert!(golden == text, "{name} differs; it would be:\n{text}");
}
