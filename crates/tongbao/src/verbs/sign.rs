//! `tongbao sign`: signs a request body and prints the curl command that sends it.

use crate::merchant::{Caller, Generation};
use crate::world::DevFile;
use anyhow::{Context, Result};
use engine::{Clock, SystemClock};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `tongbao sign`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data folder of a running `tongbao dev`, whose dev.json holds the keys
    #[arg(long, default_value = "./tongbao-data")]
    data: PathBuf,
    /// The endpoint's path
    #[arg(long)]
    path: String,
    /// The request body; `-` reads it from standard input, `@FILE` from a file
    #[arg(long, default_value = "-")]
    body: String,
    /// The signature generation
    #[arg(long, value_enum, default_value = "hmac")]
    algorithm: Generation,
    /// Seconds to add to the system's clock, when the sandbox's clock was moved
    #[arg(long, default_value_t = 0)]
    ahead: i64,
}

/// Prints the curl command.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let file = DevFile::read(&arguments.data)?;
    let body = read_body(&arguments.body)?;
    let now = SystemClock::new().now().plus_seconds(arguments.ahead);
    let url = format!("{}{}", file.base_url, arguments.path);
    let caller = Caller::of(&file, arguments.algorithm)?;
    let request = caller.signed(&url, body.clone().into_bytes(), now)?.request;
    say(&request.url, &request.headers, &body);
    Ok(ExitCode::SUCCESS)
}

fn read_body(argument: &str) -> Result<String> {
    if argument == "-" {
        let mut body = String::new();
        std::io::stdin().read_to_string(&mut body).context("standard input")?;
        return Ok(body.trim_end().to_owned());
    }
    match argument.strip_prefix('@') {
        Some(path) => Ok(std::fs::read_to_string(path)
            .with_context(|| path.to_owned())?
            .trim_end()
            .to_owned()),
        None => Ok(argument.to_owned()),
    }
}

#[expect(clippy::print_stdout, reason = "this is what the verb is for")]
fn say(url: &str, headers: &[(String, String)], body: &str) {
    println!("curl -sS {} \\", quoted(url));
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        println!("  -H {} \\", quoted(&format!("{name}: {value}")));
    }
    println!("  --data-raw {}", quoted(body));
}

/// Quoted for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["plain", "it's", "a'b'c", "$HOME `x` \"y\" \\"] {
            let script = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            assert_eq!(output.expect("sh runs").stdout, text.as_bytes());
        }
    }
}
