//! Which addresses Tongbao may call on a merchant's word.
//!
//! A merchant names the URL of its notifications. Without a guard it could point Tongbao at the machines
//! around it. The guard works where the name is resolved, so that a public name with a private address
//! is refused as well.

use crate::http::addresses::is_public;
use crate::http::limits::RESOLVING_MAX;
use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
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
            let permit = room.acquire_owned().await.map_err(io::Error::other)?;
            let resolve = move || {
                let resolved = resolve(guard, name.as_str());
                drop(permit);
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
