//! Who is connected: how many connections and how much memory each address has, and which address a
//! request that a proxy passes on comes from.

use anyhow::{Context, Result, ensure};
use axum::http::HeaderMap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Addresses that begin with the same bits: `10.0.0.0/8`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    bits: u32,
}

impl FromStr for Network {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Network> {
        let wanted = || format!("found {text:?}, want an address, or a network such as 10.0.0.0/8");
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first, Some(bits.parse::<u32>().with_context(wanted)?)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().with_context(wanted)?;
        let bits_max = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(bits_max);
        ensure!(bits <= bits_max, wanted());
        Ok(Network { first, bits })
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        let common = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros()
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        common >= self.bits
    }
}

/// The address that a request comes from. A proxy that is trusted adds the address of its client at the
/// end of `X-Forwarded-For`; what stands before the first address that is not a trusted proxy's, a
/// client may have written itself.
pub(super) fn origin(trusted: &[Network], connected: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    if !is_trusted(connected) {
        return connected;
    }
    let values = headers.get_all("x-forwarded-for").into_iter().rev();
    let listed = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    let mut origin = connected;
    for address in listed {
        let Ok(address) = address.trim().parse() else { break };
        origin = address;
        if !is_trusted(address) {
            break;
        }
    }
    origin
}

/// The connections of each address. Trusted proxies connect for many, so they are not counted.
pub(super) struct Peers {
    trusted: Vec<Network>,
    connections_each_max: u32,
    body_room_each: usize,
    shares: Mutex<HashMap<IpAddr, Arc<Share>>>,
}

/// What the connections of an address share.
struct Share {
    connections: Mutex<u32>,
    body_room: Arc<Semaphore>,
}

impl Peers {
    /// The connections and KiB of bodies for each address.
    pub(super) fn new(
        trusted: Vec<Network>,
        connections_each_max: u32,
        body_room_each: usize,
    ) -> Arc<Peers> {
        let shares = Mutex::default();
        Arc::new(Peers { trusted, connections_each_max, body_room_each, shares })
    }

    pub(super) fn trusted(&self) -> &[Network] {
        &self.trusted
    }

    /// Counts a connection; `None` when its address has as many as it may.
    pub(super) fn enter(self: &Arc<Peers>, address: IpAddr) -> Option<Connected> {
        let address = address.to_canonical();
        if self.trusted.iter().any(|network| network.holds(address)) {
            return Some(Connected { peers: self.clone(), address, share: None });
        }
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Share {
            connections: Mutex::new(0),
            body_room: Arc::new(Semaphore::new(self.body_room_each)),
        };
        let share = shares.entry(address).or_insert_with(|| Arc::new(new())).clone();
        let mut connections = share.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if *connections >= self.connections_each_max {
            return None;
        }
        *connections += 1;
        drop(connections);
        Some(Connected { peers: self.clone(), address, share: Some(share) })
    }
}

/// A connection that is counted, until dropped.
pub(super) struct Connected {
    peers: Arc<Peers>,
    /// Where it comes from.
    pub(super) address: IpAddr,
    share: Option<Arc<Share>>,
}

impl Connected {
    /// The room that all bodies of the address have together; `None` where nothing is counted.
    pub(super) fn body_room(&self) -> Option<Arc<Semaphore>> {
        self.share.as_ref().map(|share| share.body_room.clone())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let Some(share) = &self.share else { return };
        let mut shares = self.peers.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connections = share.connections.lock().unwrap_or_else(PoisonError::into_inner);
        *connections = connections.saturating_sub(1);
        if *connections == 0
            && let Entry::Occupied(entry) = shares.entry(self.address)
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_are_read_and_hold_their_addresses() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("2001:db8::/32", "2001:db8::1", "2001:db9::1"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
        ] {
            assert!(network(text).holds(address(inside)), "{text} {inside}");
            assert!(!network(text).holds(address(outside)), "{text} {outside}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "host", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_trusted_proxies_add_counts() {
        let trusted = [network("10.0.0.0/8"), network("fd00::/8")];
        for (connected, forwarded, want) in [
            ("203.0.113.1", &["198.51.100.1"][..], "203.0.113.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(value));
            }
            let found = origin(&trusted, address(connected), &headers);
            assert_eq!(found, address(want), "{connected} {forwarded:?}");
        }
    }

    #[test]
    fn an_address_has_its_share_and_nothing_is_kept() {
        let peers = Peers::new(vec![network("10.0.0.1")], 2, 8);
        let crowd = address("203.0.113.1");
        let held = [peers.enter(crowd), peers.enter(crowd)];
        assert!(held.iter().all(Option::is_some));
        assert!(peers.enter(address("::ffff:203.0.113.1")).is_none(), "the same address");
        let other = peers.enter(address("203.0.113.2"));
        assert!(other.is_some());
        let proxied: Vec<_> = (0..9).map(|_| peers.enter(address("10.0.0.1"))).collect();
        assert!(proxied.iter().all(Option::is_some));
        drop(held);
        assert!(peers.enter(crowd).is_some());
        drop(other);
        assert!(peers.shares.lock().expect("whole").is_empty());
    }
}
