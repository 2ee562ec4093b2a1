//! Values of a configuration that stand in it or in a file of their own, and what is wrong with a file.

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::path::{Path, PathBuf};

/// What is wrong and in which line. The line itself is not quoted: it may hold a secret.
pub(crate) fn misread(text: &str, fault: &toml::de::Error) -> anyhow::Error {
    let before = fault.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow!("line {}: {}", before.matches('\n').count() + 1, fault.message())
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
    let value = given(folder, name, value, file)?.filter(|value| !value.is_empty());
    value.ok_or_else(|| anyhow!("{name} or {name}_file is missing"))
}

/// The content of a file, without the line end.
pub(crate) fn read_value(folder: &Path, name: &str, file: &Path) -> Result<String> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("{name}: {}", path.display()))?;
    Ok(text.trim_end().to_owned())
}
