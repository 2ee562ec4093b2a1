//! Where notifications go: an http or https URL, taken apart as it is signed.

use channel::{CallableUrl, UrlFault};

/// Reads a URL of a request. What stands behind `#` is for browsers and is left out.
pub(crate) fn read(text: &str) -> Result<CallableUrl, UrlFault> {
    CallableUrl::read(&encode(text.split('#').next().unwrap_or_default()))
}

/// Percent-encodes, in upper-case hex, what may not stand in a URL as it is. What is encoded already
/// stays so.
fn encode(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for character in text.chars() {
        let plain = character.is_ascii_graphic()
            && !matches!(character, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
        // Spaces and control characters are left as they are, and refused.
        if plain || character.is_whitespace() || character.is_control() {
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
