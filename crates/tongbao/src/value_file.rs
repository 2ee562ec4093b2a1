//! Files that people write: their text, values that stand in a configuration or in a file of their own,
//! and in which line of a configuration something is wrong.

use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What editors of Windows write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What they write before UTF-16.
const BYTE_ORDER_MARKS_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The text of a file that a person wrote, without a byte order mark.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let cannot = || format!("{} cannot be read", path.display());
    let bytes = fs::read(path).with_context(cannot)?;
    decode(bytes).with_context(cannot)
}

fn decode(bytes: Vec<u8>) -> Result<String> {
    if BYTE_ORDER_MARKS_16.iter().any(|mark| bytes.starts_with(mark)) {
        bail!("it is UTF-16, want UTF-8");
    }
    let bytes = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    String::from_utf8(bytes).map_err(|fault| {
        let good = fault.as_bytes().get(..fault.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow!("line {line}: not UTF-8")
    })
}

/// What is wrong and in which line. The line itself is not quoted: it may hold a secret.
pub(crate) fn misread(text: &str, fault: &toml::de::Error) -> anyhow::Error {
    anyhow!("line {}: {}", line(text, fault.span().unwrap_or_default()), unquoted(fault.message()))
}

/// A fault of a value's type, without the value: it may be a secret.
pub(crate) fn unquoted(message: &str) -> String {
    let is_about_value =
        ["invalid type:", "invalid value:"].iter().any(|about| message.starts_with(about));
    match (message.split_once(['`', '"']), message.rsplit_once(", expected ")) {
        (Some((found, _)), Some((_, wanted))) if is_about_value => {
            format!("{}, expected {wanted}", found.trim_end())
        }
        _ => message.to_owned(),
    }
}

/// The line in which a part of a text begins.
pub(crate) fn line(text: &str, span: Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// The same fault with the line of the member whose name begins it, or of the member that names its
/// file.
pub(crate) fn located(text: &str, fault: anyhow::Error) -> anyhow::Error {
    let members: BTreeMap<String, Spanned<toml::Value>> = toml::from_str(text).unwrap_or_default();
    let shown = fault.to_string();
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let name = shown.split(|letter| !is_name(letter)).next().unwrap_or_default();
    let member = members.get(name).or_else(|| members.get(&format!("{name}_file")));
    match member {
        Some(member) => fault.context(format!("line {}", line(text, member.span()))),
        None => fault,
    }
}

/// A value that stands in the configuration or in a file of its own.
pub(crate) fn given(
    folder: &Path,
    name: &str,
    value: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<String>> {
    match (value, file) {
        (Some(_), Some(_)) => Err(anyhow!("{name} and {name}_file are both given")),
        (None, Some(file)) => read_value(folder, name, &file).map(Some),
        (value, None) => Ok(value),
    }
}

/// The same, where the value must be there.
pub(crate) fn wanted(
    folder: &Path,
    name: &str,
    value: Option<String>,
    file: Option<PathBuf>,
) -> Result<String> {
    let from = file.as_ref().map(|file| folder.join(file));
    match given(folder, name, value, file)? {
        Some(value) if !value.is_empty() => Ok(value),
        Some(_) => Err(match from {
            Some(path) => anyhow!("{name}_file: {} is empty", path.display()),
            None => anyhow!("{name} is empty"),
        }),
        None => Err(anyhow!("{name} or {name}_file is missing")),
    }
}

/// The content of a file, without byte order mark and line end.
pub(crate) fn read_value(folder: &Path, name: &str, file: &Path) -> Result<String> {
    let text = read_text(&folder.join(file)).with_context(|| format!("{name}_file"))?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_write_around_a_text_is_dropped_or_named() {
        for (bytes, want) in [
            (&b"word\r\n"[..], Ok("word\r\n")),
            (b"\xef\xbb\xbfword", Ok("word")),
            (b"", Ok("")),
            (b"\xff\xfew\0", Err("it is UTF-16, want UTF-8")),
            (b"\xfe\xff\0w", Err("it is UTF-16, want UTF-8")),
            (b"one\ntwo \xd6\xd0\n", Err("line 2: not UTF-8")),
        ] {
            let read = decode(bytes.to_vec()).map_err(|fault| fault.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), want, "{bytes:?}");
        }
    }
}
