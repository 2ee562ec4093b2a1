//! Which addresses Tongbao may call on a merchant's word.
//!
//! A merchant names the URL of its notices. Without a guard it could point Tongbao at the machines
//! around it. The guard works where the name is resolved, so that a public name with a private address
//! is refused as well.

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::Semaphore;

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

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0, _, _)
            | (100, 64..=127, _)
            | (192, 0, 0)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (240..=255, _, _)
    );
    !(special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Addresses that carry an IPv4 address inside lead there.
    let inner = match address.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, _, _, _, _, _] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    let global = (0x2000..=0x3fff).contains(&first) || first == 0x64;
    let documentation = first == 0x2001 && second == 0x0db8;
    match inner {
        Some(inner) => is_public_v4(inner),
        None => global && !documentation,
    }
}

/// Names that are looked up at once, at most: each holds a thread until the system gives up.
const RESOLVING_MAX: usize = 32;

/// Resolves names with the system's resolver and hands out allowed addresses only.
#[derive(Clone, Debug)]
pub(crate) struct GuardedResolver {
    guard: Guard,
    /// A name server that does not answer holds threads; not all of them.
    room: Arc<Semaphore>,
}

impl GuardedResolver {
    pub(crate) fn new(guard: Guard) -> GuardedResolver {
        GuardedResolver { guard, room: Arc::new(Semaphore::new(RESOLVING_MAX)) }
    }
}

type Resolved = Result<std::vec::IntoIter<SocketAddr>, io::Error>;

impl tower::Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Resolved> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (guard, room) = (self.guard, self.room.clone());
        Box::pin(async move {
            let place = room.acquire_owned().await.map_err(io::Error::other)?;
            let resolve = move || {
                let resolved = resolve(guard, name.as_str());
                drop(place);
                resolved
            };
            tokio::task::spawn_blocking(resolve).await.map_err(io::Error::other)?
        })
    }
}

fn resolve(guard: Guard, name: &str) -> Resolved {
    let found: Vec<SocketAddr> = (name, 0).to_socket_addrs()?.collect();
    let allowed: Vec<SocketAddr> =
        found.iter().copied().filter(|address| guard.allows(address.ip())).collect();
    match (allowed.is_empty(), found.first()) {
        (true, Some(address)) => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, forbidden(address.ip())))
        }
        (true, None) | (false, _) => Ok(allowed.into_iter()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
            ("2400:3200::1", true),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(Guard::PublicOnly.allows(address), public, "{address}");
            assert!(Guard::Open.allows(address));
        }
    }

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

    #[test]
    fn a_name_that_resolves_to_a_private_address_is_refused() {
        let refused = resolve(Guard::PublicOnly, "localhost").expect_err("localhost is private");
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(resolve(Guard::Open, "localhost").is_ok());
    }
}
