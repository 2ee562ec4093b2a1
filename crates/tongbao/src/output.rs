//! What verbs print. A reader may leave before the end, as `head` does, and a disk may be full: neither
//! stops the work, which may have to be finished. Afterwards nothing more is printed, and the fault is
//! reported at the end.

use anyhow::{Context, Result};
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

/// The first fault of standard output.
static FAULT: OnceLock<io::Error> = OnceLock::new();

/// Prints a line to standard output.
macro_rules! show {
    ($($line:tt)*) => {{
        let line = format!($($line)*);
        crate::output::write(format_args!("{line}\n"))
    }};
}
pub(crate) use show;

/// Prints text to standard output.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    if FAULT.get().is_none()
        && let Err(fault) = io::stdout().lock().write_fmt(text)
    {
        let _first = FAULT.set(fault);
    }
}

/// Prints a complaint to standard error, where there is one.
pub(crate) fn complain(text: fmt::Arguments<'_>) {
    let _unheard = io::stderr().lock().write_fmt(text);
}

/// How a program ends whose verb ended with this code: as the verb did, also when the reader has left;
/// with a fault when not everything could be printed.
pub(crate) fn end(code: ExitCode) -> Result<ExitCode> {
    let flushed = io::stdout().lock().flush();
    let kind = FAULT.get().map(io::Error::kind).or(flushed.as_ref().err().map(io::Error::kind));
    match (kind, FAULT.get()) {
        (None, _) | (Some(ErrorKind::BrokenPipe), _) => Ok(code),
        (Some(_), Some(fault)) => Err(anyhow::anyhow!("standard output: {fault}")),
        (Some(_), None) => flushed.context("standard output").map(|()| code),
    }
}
