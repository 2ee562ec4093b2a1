//! Connections to servers. Those that were made under a client certificate are kept apart by account:
//! a request over one is a request of the account whose certificate it was.

use crate::http::client::ClientFault;
use crate::http::guard::Guard;
use crate::http::limits::{CONNECT_TIMEOUT, IDLE_MAX, IDLE_TIMEOUT};
use crate::http::resolver::GuardedResolver;
use bytes::Bytes;
use channel::ClientCertificate;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
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

/// Which servers are believed: those that one of these authorities certifies.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// The public ones.
    pub fn public() -> Authorities {
        Authorities(Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()))
    }

    /// The same and those of a PEM text, such as an enterprise's own.
    ///
    /// # Errors
    /// When the text holds no certificate, or one that cannot be an authority's.
    pub fn and(&self, certificates_pem: &str) -> Result<Authorities, BadAuthorities> {
        let mut roots = RootCertStore::clone(&self.0);
        let known = roots.len();
        for certificate in CertificateDer::pem_slice_iter(certificates_pem.as_bytes()) {
            let certificate = certificate.map_err(|fault| BadAuthorities(fault.to_string()))?;
            roots.add(certificate).map_err(|fault| BadAuthorities(fault.to_string()))?;
        }
        match roots.len() > known {
            true => Ok(Authorities(Arc::new(roots))),
            false => Err(BadAuthorities("no certificate found, want PEM".to_owned())),
        }
    }
}

/// A text that names no authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificates of authorities: {0}")]
pub struct BadAuthorities(String);

/// The connections of every identity.
pub(super) struct Pools {
    /// One for all, so that they share out what is looked up at once.
    resolver: GuardedResolver,
    authorities: Authorities,
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
    pub(super) fn new(guard: Guard, authorities: Authorities) -> Result<Pools, ClientFault> {
        let resolver =
            GuardedResolver::new(guard).map_err(|fault| ClientFault::Names(fault.to_string()))?;
        let anonymous = pool(resolver.clone(), verifying(&authorities)?.with_no_client_auth());
        Ok(Pools { resolver, authorities, anonymous, identified: Mutex::default() })
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
        let verifying = verifying(&self.authorities).map_err(|fault| fault.to_string())?;
        verifying
            .with_client_auth_cert(chain, key)
            .map_err(|fault| format!("client certificate: {fault}"))
    }
}

/// A configuration that verifies servers, and lacks only who we are.
fn verifying(
    authorities: &Authorities,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(authorities.0.clone()))
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
