//! `tongbao sign`: signs a request body and prints the curl command that sends it.

use crate::merchant::{Caller, Generation};
use crate::output::show;
use crate::world::DevFile;
use anyhow::{Context, Result, ensure};
use channel::{BaseUrl, CallableUrl};
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

/// The longest body that is an argument of the command, in bytes. Linux allows 131,071, and quoting makes
/// up to four of one.
const ARGUMENT_LEN_MAX: usize = 32_000;

/// Prints the curl command.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let file = DevFile::read(&arguments.data)?;
    let body = read_body(&arguments.body)?;
    let now = SystemClock::new().now().plus_seconds(arguments.ahead);
    let url = endpoint(&file.base_url, &arguments.path)?;
    let caller = Caller::of(&file, arguments.algorithm)?;
    let request = caller.signed(url.as_str(), body.clone().into_bytes(), now)?.request;
    say(&request.url, &request.headers, &body);
    Ok(ExitCode::SUCCESS)
}

/// The URL of an endpoint. A text that does not begin with a slash would change the host.
fn endpoint(base_url: &str, path: &str) -> Result<CallableUrl> {
    let base = BaseUrl::read(base_url).context("base_url of dev.json")?;
    ensure!(path.starts_with('/'), "--path: found {path:?}, want a path that begins with /");
    CallableUrl::read(&format!("{base}{path}")).with_context(|| format!("--path: found {path:?}"))
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

fn say(url: &str, headers: &[(String, String)], body: &str) {
    // A system limits the length of one argument, but not of what a shell itself prints.
    let is_long = body.len() > ARGUMENT_LEN_MAX;
    if is_long {
        show!("printf %s {} | \\", quoted(body));
    }
    show!("curl -sS {} \\", quoted(url));
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        show!("  -H {} \\", quoted(&format!("{name}: {value}")));
    }
    match is_long {
        true => show!("  --data-binary @-"),
        false => show!("  --data-raw {}", quoted(body)),
    }
}

/// Quoted for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_names_another_host() {
        let base = "http://127.0.0.1:8080";
        for (path, want) in [
            ("/cloudpay/v1/pay/query_order", "http://127.0.0.1:8080/cloudpay/v1/pay/query_order"),
            ("//evil.example/x", "http://127.0.0.1:8080//evil.example/x"),
            ("/x?a=1", "http://127.0.0.1:8080/x?a=1"),
        ] {
            let url = endpoint(base, path).expect(path);
            assert_eq!((url.as_str(), url.host()), (want, "127.0.0.1:8080"));
        }
        for path in ["", "cloudpay/v1", ".evil.example/x", "@evil.example/x", "\\x", ":1/x"] {
            let fault = endpoint(base, path).expect_err(path).to_string();
            assert_eq!(fault, format!("--path: found {path:?}, want a path that begins with /"));
        }
        for path in ["/a b", "/a#b", "/a\n"] {
            let fault = endpoint(base, path).expect_err(path).to_string();
            assert!(fault.starts_with("--path: "), "{fault}");
        }
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["plain", "it's", "a'b'c", "$HOME `x` \"y\" \\"] {
            let script = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            assert_eq!(output.expect("sh runs").stdout, text.as_bytes());
        }
    }
}
