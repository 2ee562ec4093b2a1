//! Entry points of `fuzz/`: input is any bytes, and what must hold is asserted.

use crate::http::Guard;
use std::net::IpAddr;

/// A URL whose host is written as an address is called only if the address is public.
pub fn guard(bytes: &[u8]) {
    let Ok(uri) = http::Uri::try_from(bytes) else { return };
    if Guard::PublicOnly.check_literal(&uri).is_err() {
        return;
    }
    let host = uri.host().unwrap_or_default();
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        assert!(Guard::PublicOnly.allows(address), "{uri}");
    }
}
