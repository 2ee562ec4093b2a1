//! Connections to servers. Those that were made under a client certificate are kept apart by account:
//! a request over one is a request of the account whose certificate it was.

use crate::http::client::ClientFault;
use crate::http::guard::Guard;
use crate::http::limits::{CONNECT_TIMEOUT, IDLE_MAX, IDLE_TIMEOUT};
use crate::http::resolver::GuardedResolver;
use bytes::Bytes;
use channel::ClientCertificate;
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections that share one identity, or have none.
pub(super) type Pool = Client<HttpsConnector<HttpConnector<GuardedResolver>>, Full<Bytes>>;

/// Who we are when a connection is made: a channel account with its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The account's name. Two accounts share no connection, even under the same certificate.
    pub account: Arc<str>,
    /// What it proves itself with.
    pub certificate: Arc<ClientCertificate>,
}

/// Which servers are believed.
pub(super) enum Roots {
    /// Those that a public authority certifies.
    Public,
    /// Those that these authorities certify.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "servers of tests have no public certificate")
    )]
    These(Arc<RootCertStore>),
}

/// The connections of every identity.
pub(super) struct Pools {
    /// One for all, so that they share out what is looked up at once.
    resolver: GuardedResolver,
    roots: Roots,
    anonymous: Pool,
    /// By account; a certificate that was replaced begins with new connections.
    identified: Mutex<HashMap<Arc<str>, IdentifiedPool>>,
}

/// The connections that present a certificate.
struct IdentifiedPool {
    certificate: Arc<ClientCertificate>,
    pool: Pool,
}

impl Pools {
    pub(super) fn new(guard: Guard, roots: Roots) -> Result<Pools, ClientFault> {
        let resolver =
            GuardedResolver::new(guard).map_err(|fault| ClientFault::Names(fault.to_string()))?;
        let anonymous = pool(resolver.clone(), verifying(&roots)?.with_no_client_auth());
        Ok(Pools { resolver, roots, anonymous, identified: Mutex::default() })
    }

    /// Connections without an identity.
    pub(super) fn anonymous(&self) -> Pool {
        self.anonymous.clone()
    }

    /// The connections of an identity.
    pub(super) fn of(&self, identity: &ClientIdentity) -> Result<Pool, String> {
        let ClientIdentity { account, certificate } = identity;
        let mut pools = self.identified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pools.get(account)
            && known.certificate == *certificate
        {
            return Ok(known.pool.clone());
        }
        let pool = pool(self.resolver.clone(), self.config_of(certificate)?);
        let identified = IdentifiedPool { certificate: certificate.clone(), pool: pool.clone() };
        pools.insert(account.clone(), identified);
        Ok(pool)
    }

    fn config_of(&self, certificate: &ClientCertificate) -> Result<ClientConfig, String> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|fault| format!("client certificate: {fault}"))?;
        let key = PrivateKeyDer::from_pem_slice(certificate.private_key_pem.as_bytes())
            .map_err(|_| "client certificate: a private key in PEM wanted".to_owned())?;
        let verifying = verifying(&self.roots).map_err(|fault| fault.to_string())?;
        verifying
            .with_client_auth_cert(chain, key)
            .map_err(|fault| format!("client certificate: {fault}"))
    }
}

/// A configuration that verifies servers, and lacks only who we are.
fn verifying(roots: &Roots) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(match roots {
        Roots::Public => builder.with_webpki_roots(),
        Roots::These(roots) => builder.with_root_certificates(roots.clone()),
    })
}

fn pool(resolver: GuardedResolver, config: ClientConfig) -> Pool {
    let mut http = HttpConnector::new_with_resolver(resolver);
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_MAX)
        .build(https)
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
