//! Where notifications go: an http or https URL, taken apart as it is signed.

use http::Uri;

/// A URL as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The whole URL, in plain ASCII and without a fragment.
    pub(crate) url: String,
    /// `host` or `host:port`, as it was written: what stands in the `Host` header.
    pub(crate) host: String,
    /// The path; `/` when the URL has none.
    pub(crate) path: String,
    /// What follows `?`; empty without one.
    pub(crate) query: String,
}

impl Target {
    /// Reads a URL. The error says what is wanted.
    pub(crate) fn read(text: &str) -> Result<Target, &'static str> {
        let url = encode(text.split('#').next().unwrap_or_default());
        let uri: Uri = url.parse().map_err(|_| "want a URL")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("want an http or https URL");
        }
        let authority = uri.authority().ok_or("want a URL with a host")?;
        if authority.host().is_empty() {
            return Err("want a URL with a host");
        }
        if authority.as_str().contains('@') {
            return Err("want a URL without a user name");
        }
        Ok(Target {
            host: authority.as_str().to_owned(),
            path: if uri.path().is_empty() { "/".to_owned() } else { uri.path().to_owned() },
            query: uri.query().unwrap_or_default().to_owned(),
            url,
        })
    }
}

/// Percent-encodes, in upper-case hex, what may not stand in a URL as it is. What is encoded already
/// stays so.
fn encode(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for character in text.chars() {
        let plain = character.is_ascii_graphic()
            && !matches!(character, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
        // A space or a control character is not part of any URL: left as it is, it does not parse.
        if plain || character.is_ascii() && !character.is_ascii_graphic() {
            url.push(character);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            url.push('%');
            url.push_str(&crypto::text::hex(&[byte]).to_ascii_uppercase());
        }
    }
    url
}
