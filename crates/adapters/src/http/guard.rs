//! Which addresses Tongbao may call on a merchant's word.
//!
//! A merchant names the URL of its notifications. Without a guard it could point Tongbao at the machines
//! around it. The guard works where the name is resolved, so that a public name with a private address
//! is refused as well.

use crate::http::addresses::is_public;
use http::Uri;
use std::net::IpAddr;

/// What may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Every address.
    Open,
    /// Only addresses of the public internet.
    PublicOnly,
}

impl Guard {
    /// Whether an address may be called.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Guard::Open => true,
            Guard::PublicOnly => is_public(address),
        }
    }

    /// Refuses a URL whose host is a forbidden address written out; those are never resolved.
    pub(crate) fn check_literal(self, uri: &Uri) -> Result<(), String> {
        let host = uri.host().ok_or("the URL has no host")?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) if !self.allows(address) => Err(forbidden(address)),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn forbidden(address: IpAddr) -> String {
    format!("{address} is not a public address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_addresses_in_urls_are_refused() {
        for (url, refused) in [
            ("http://127.0.0.1:80/x", true),
            ("http://[::1]/x", true),
            ("http://[::ffff:127.0.0.1]/x", true),
            ("https://8.8.8.8/x", false),
            ("https://merchant.example/x", false),
        ] {
            let uri: Uri = url.parse().expect("a url");
            assert_eq!(Guard::PublicOnly.check_literal(&uri).is_err(), refused, "{url}");
        }
    }
}
