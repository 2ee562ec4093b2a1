//! TLS of the simulated channels: their server proves itself, and learns which certificate a client
//! proves itself with.
//!
//! The certificate goes on in the headers in which a proxy that ends TLS tells it (RFC 9440); what a
//! client wrote into those headers itself is dropped on every connection.

use anyhow::{Context, Result};
use axum::http::{HeaderMap, HeaderValue};
use channel::{CLIENT_CERT_HEADER, FORWARDED_PROTO_HEADER};
use rustls::DigitallySignedStruct;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DistinguishedName, ServerConfig, SignatureScheme};
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Ends TLS for a socket.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

impl Tls {
    /// A server with this certificate and its key, both PEM. It asks for a client's certificate, and
    /// serves those who show none.
    pub(crate) fn new(certificate_pem: &str, private_key_pem: &str) -> Result<Tls> {
        let chain = CertificateDer::pem_slice_iter(certificate_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .context("certificate of the TLS listener")?;
        let key = PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes())
            .context("key of the TLS listener")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(HolderOfKey { provider }))
            .with_single_cert(chain, key)?;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

/// How a connection was made.
pub(super) enum Security {
    /// In the clear.
    Plain,
    /// By TLS, with the client's certificate (DER).
    Tls(Option<CertificateDer<'static>>),
}

impl Security {
    /// That of a connection that has shaken hands.
    pub(super) fn of(stream: &TlsStream<TcpStream>) -> Security {
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        Security::Tls(certificate.map(|certificate| certificate.clone().into_owned()))
    }

    /// Writes into the headers what is known, in place of what the client wrote there.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        headers.remove(CLIENT_CERT_HEADER);
        headers.remove(FORWARDED_PROTO_HEADER);
        let Security::Tls(certificate) = self else {
            return;
        };
        headers.insert(FORWARDED_PROTO_HEADER, HeaderValue::from_static("https"));
        let text = certificate.as_ref().map(|der| format!(":{}:", crypto::text::base64(der)));
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(CLIENT_CERT_HEADER, value);
        }
    }
}

/// Takes any certificate whose key the client proves to hold. Which merchant it stands for is the
/// counterpart's to know, by the certificate itself: merchants of the sandbox share no authority.
#[derive(Debug)]
struct HolderOfKey {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for HolderOfKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
