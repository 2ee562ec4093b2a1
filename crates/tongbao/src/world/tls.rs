//! The certificate of the simulated channels' TLS listener, and the authority that issued it.

use super::validity;
use crate::server::Tls;
use anyhow::{Context, Result, ensure};
use crypto::certificate::{Authority, Party};
use crypto::rsa;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The names at which the listener is called.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The server's key and both certificates. The authority's own key is dropped once it has signed: who
/// believes it believes this server alone.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TlsKeys {
    authority_cert_pem: String,
    server_cert_pem: String,
    server_private_key_pem: String,
}

impl TlsKeys {
    /// New keys and certificates.
    pub(crate) async fn make() -> Result<TlsKeys> {
        let [authority, server] = [0; 2].map(|_| tokio::task::spawn_blocking(rsa::generate));
        let authority = authority.await?.context("RSA key not made")?;
        let server = server.await?.context("RSA key not made")?;
        let (from, until) = validity();
        let authority = Authority::new(&authority, &party("Tongbao Sandbox CA"), from, until)?;
        let party = party("Tongbao Sandbox");
        let certificate = authority.issue_server(&server, &party, &NAMES, from, until)?;
        Ok(TlsKeys {
            authority_cert_pem: authority.certificate.pem,
            server_cert_pem: certificate.pem,
            server_private_key_pem: server,
        })
    }

    /// Ends TLS with them.
    pub(crate) fn server(&self) -> Result<Tls> {
        Tls::new(&self.server_cert_pem, &self.server_private_key_pem)
    }

    /// Refuses an address at which nobody could call the listener: its certificate names another.
    pub(crate) fn check_callable(address: SocketAddr) -> Result<()> {
        let ip = address.ip();
        ensure!(
            ip.is_unspecified() || NAMES.contains(&&*ip.to_string()),
            "{address}: the certificate of the TLS listener is for 127.0.0.1, ::1 and localhost"
        );
        Ok(())
    }

    /// The certificate of the authority, for clients.
    pub(crate) fn authority_pem(&self) -> &str {
        &self.authority_cert_pem
    }
}

fn party(common_name: &str) -> Party<'_> {
    Party { common_name, unit: "Sandbox", organization: "Tongbao", country: "CN" }
}
