//! Names and their addresses: asked asynchronously, with a deadline, so that no thread waits for a name
//! server, and shared out by tenant, so that the slow names of one delay no other's.

use crate::http::guard::Guard;
use crate::http::limits::{
    RESOLVE_TIMEOUT, RESOLVE_WAIT_TIMEOUT, RESOLVING_EACH_MAX, RESOLVING_MAX,
};
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::net::NetError;
use hickory_resolver::{Resolver, TokioResolver};
use hyper_util::client::legacy::connect::dns::Name;
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

tokio::task_local! {
    /// The tenant on whose behalf the current request is sent. The connector, which is hyper's, has no
    /// other way of telling its resolver.
    pub(crate) static TENANT: Arc<str>;
}

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveFault {
    /// Too many names of this tenant are being looked up; this one was not.
    #[error("too many names are being looked up")]
    Congested,
    /// The name server did not answer in time.
    #[error("no address within {} s", RESOLVE_TIMEOUT.as_secs())]
    TooSlow,
    /// The name server answered that there is none.
    #[error("no address: {0}")]
    NotFound(#[from] NetError),
    /// All of its addresses are such as must not be called.
    #[error("{0} is not a public address")]
    Forbidden(IpAddr),
}

/// Resolves names as `/etc/resolv.conf` and `/etc/hosts` say and hands out allowed addresses only.
#[derive(Clone)]
pub(crate) struct GuardedResolver {
    guard: Guard,
    resolver: Arc<TokioResolver>,
    shares: Arc<Shares>,
}

impl GuardedResolver {
    /// # Errors
    /// When the system's settings cannot be read.
    pub(crate) fn new(guard: Guard) -> Result<GuardedResolver, NetError> {
        let mut builder = Resolver::builder_tokio()?;
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Always;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // Several questions before the deadline, because a datagram can be lost.
        options.timeout = RESOLVE_TIMEOUT / 3;
        options.attempts = 2;
        // The shares bound what is asked; this bound would count everybody's questions together.
        options.max_active_requests = 4 * RESOLVING_MAX;
        let resolver = Arc::new(builder.build()?);
        Ok(GuardedResolver { guard, resolver, shares: Arc::default() })
    }

    async fn resolve(self, tenant: Arc<str>, name: Name) -> Resolved {
        let acquire = self.shares.acquire(&tenant);
        let waited = tokio::time::timeout(RESOLVE_WAIT_TIMEOUT, acquire).await;
        let Ok(Some(_share)) = waited else { return Err(ResolveFault::Congested) };
        let lookup = self.resolver.lookup_ip(name.as_str());
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await;
        let found = found.map_err(|_| ResolveFault::TooSlow)??;
        allowed(self.guard, found.iter())
    }
}

fn allowed(guard: Guard, found: impl Iterator<Item = IpAddr>) -> Resolved {
    let (allowed, forbidden): (Vec<IpAddr>, Vec<IpAddr>) =
        found.partition(|address| guard.allows(*address));
    match (allowed.is_empty(), forbidden.first()) {
        (true, Some(address)) => Err(ResolveFault::Forbidden(*address)),
        (true, None) | (false, _) => {
            let addresses = allowed.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(addresses.collect::<Vec<_>>().into_iter())
        }
    }
}

type Resolved = Result<std::vec::IntoIter<SocketAddr>, ResolveFault>;

impl tower::Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveFault;
    type Future = Pin<Box<dyn Future<Output = Resolved> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveFault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let tenant = TENANT.try_with(Arc::clone).unwrap_or_default();
        Box::pin(self.clone().resolve(tenant, name))
    }
}

/// How many names are being looked up, in all and for each tenant.
struct Shares {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

impl Default for Shares {
    fn default() -> Shares {
        Shares { all: Arc::new(Semaphore::new(RESOLVING_MAX)), each: Mutex::default() }
    }
}

/// A permit to look a name up. The tenant's own comes first, so that a waiter for it holds none of
/// the others'.
struct Share {
    _of_tenant: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Shares {
    async fn acquire(&self, tenant: &Arc<str>) -> Option<Share> {
        let of_tenant = self.of(tenant).acquire_owned().await.ok()?;
        let of_all = self.all.clone().acquire_owned().await.ok()?;
        Some(Share { _of_tenant: of_tenant, _of_all: of_all })
    }

    /// The share of a tenant; those that nobody uses are forgotten on the way.
    fn of(&self, tenant: &Arc<str>) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|owner, share| owner == tenant || Arc::strong_count(share) > 1);
        let new = || Arc::new(Semaphore::new(RESOLVING_EACH_MAX));
        each.entry(tenant.clone()).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::config::{NameServerConfig, ProtocolConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use std::str::FromStr;
    use tower::Service;

    fn name(text: &str) -> Name {
        Name::from_str(text).expect("a name")
    }

    async fn ask(resolver: &GuardedResolver, tenant: &str, text: &str) -> Resolved {
        let mut resolver = resolver.clone();
        TENANT.scope(Arc::from(tenant), async move { resolver.call(name(text)).await }).await
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_refused() {
        let guarded = GuardedResolver::new(Guard::PublicOnly).expect("the system has settings");
        let refused = ask(&guarded, "a", "localhost").await.expect_err("localhost is private");
        assert!(matches!(refused, ResolveFault::Forbidden(address) if address.is_loopback()));
        let open = GuardedResolver::new(Guard::Open).expect("the system has settings");
        assert!(ask(&open, "a", "localhost").await.is_ok());
    }

    /// A resolver whose only name server takes questions and never answers.
    async fn deaf() -> (GuardedResolver, tokio::net::UdpSocket) {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = server.local_addr().expect("an address");
        let mut protocol = hickory_resolver::config::ConnectionConfig::new(ProtocolConfig::Udp);
        protocol.port = address.port();
        let config = NameServerConfig::new(address.ip(), true, vec![protocol]);
        let config = ResolverConfig::from_parts(None, vec![], vec![config]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = Resolver::builder_with_config(config, provider);
        builder.options_mut().timeout = RESOLVE_TIMEOUT * 9;
        builder.options_mut().max_active_requests = 4 * RESOLVING_MAX;
        let resolver = Arc::new(builder.build().expect("a resolver"));
        (GuardedResolver { guard: Guard::Open, resolver, shares: Arc::default() }, server)
    }

    /// A tenant whose names nobody answers uses up its share and is told so; the names of another are
    /// looked up all the while.
    #[tokio::test]
    async fn slow_names_of_a_tenant_congest_that_tenant_alone() {
        let (resolver, server) = deaf().await;
        let mut asking = tokio::task::JoinSet::new();
        for number in 0..2 * RESOLVING_EACH_MAX {
            let resolver = resolver.clone();
            asking.spawn(async move {
                let text = format!("slow{number}.example.");
                ask(&resolver, "a", &text).await.map(drop)
            });
        }
        let mut question = [0; 512];
        server.recv_from(&mut question).await.expect("the first question");
        let stranger =
            tokio::time::timeout(RESOLVE_TIMEOUT, ask(&resolver, "b", "localhost.")).await;
        assert!(matches!(stranger, Ok(Ok(_))), "{stranger:?}");
        let (mut congested, mut slow) = (0, 0);
        while let Some(ended) = asking.join_next().await {
            match ended.expect("no panic") {
                Err(ResolveFault::Congested) => congested += 1,
                Err(ResolveFault::TooSlow) => slow += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((congested, slow), (RESOLVING_EACH_MAX, RESOLVING_EACH_MAX));
        assert_eq!(resolver.shares.all.available_permits(), RESOLVING_MAX);
    }
}
