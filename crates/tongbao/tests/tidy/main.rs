//! What holds for the text of the whole repository. Nothing is started here.
//!
//! - [`rooms`]: what a crate may depend on, and that migrations pair.
//! - [`words`]: the words that names and sentences must not use, and the words to use instead.
//! - [`documents`]: the width of Markdown, its links, and the indexes.
//! - [`enums`]: matches without wildcards and complete lists of variants.

mod documents;
mod enums;
mod files;
mod rooms;
mod words;

/// Fails with all findings at once, so that one run shows everything that is to be mended.
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n{} in all", findings.join("\n"), findings.len());
}
