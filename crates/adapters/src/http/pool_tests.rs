//! Client certificates against a server that demands one.

use super::*;
use crate::http::{HttpClient, HyperClient, SendContext, SendFault};
use channel::{Method, Request};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const SOON: SendContext<'static> =
    SendContext { tenant: "100001", deadline: Duration::from_secs(10) };

/// An authority that certifies both sides.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).expect("a root");
        let pem = certificate.pem();
        Authority { issuer: Issuer::new(params, key), roots: Arc::new(roots), pem }
    }

    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    fn identity(&self, account: &str) -> ClientIdentity {
        let (certificate, key) = self.certify(account);
        let certificate = ClientCertificate {
            chain_pem: certificate.pem(),
            private_key_pem: key.serialize_pem().into(),
        };
        ClientIdentity { account: Arc::from(account), certificate: Arc::new(certificate) }
    }

    fn client(&self) -> HyperClient {
        let authorities = Authorities::public().and(&self.pem).expect("an authority");
        HyperClient::trusting(Guard::Open, 1024, authorities).expect("a configuration")
    }

    /// A server that demands a certificate of this authority, and its URL. It answers each request with
    /// the number of the connection.
    fn server(&self) -> String {
        let (certificate, key) = self.certify("localhost");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone());
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || accept(&listener, &Arc::new(config)));
        format!("https://localhost:{port}/")
    }
}

fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for (connection_no, stream) in (1..).zip(listener.incoming().map_while(Result::ok)) {
        let config = config.clone();
        std::thread::spawn(move || serve(stream, config, connection_no));
    }
}

/// Answers requests until the client leaves; a client without a certificate gets none.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, connection_no: u32) {
    let connection = ServerConnection::new(config).expect("a configuration");
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if !stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                return;
            }
        }
        let body = connection_no.to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(url: &str) -> Request {
    Request { method: Method::Get, url: url.to_owned(), headers: vec![], body: vec![] }
}

/// The number of the connection that carried the request.
async fn connection_no(
    client: &HyperClient,
    identity: &ClientIdentity,
    url: &str,
) -> Result<String, SendFault> {
    let answer = client.send_as(identity, &request(url), SOON).await?;
    Ok(String::from_utf8(answer.body).expect("a number"))
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_gets_it() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (url, client) = (authority.server(), authority.client());
    let own = authority.identity("a");
    assert!(connection_no(&client, &own, &url).await.is_ok());
    let none = client.send(&request(&url), SOON).await;
    assert!(none.is_err(), "a connection without a certificate is refused: {none:?}");
    let foreign = connection_no(&client, &stranger.identity("b"), &url).await;
    assert!(foreign.is_err(), "a certificate of another authority is refused: {foreign:?}");
    // The refusals spoil nothing for the account that is known.
    assert!(connection_no(&client, &own, &url).await.is_ok());
}

#[tokio::test]
async fn two_accounts_share_no_connection() {
    let authority = Authority::new();
    let (url, client) = (authority.server(), authority.client());
    let a = authority.identity("a");
    let same_certificate = ClientIdentity { account: Arc::from("b"), ..a.clone() };
    let first = connection_no(&client, &a, &url).await.expect("an answer");
    let other = connection_no(&client, &same_certificate, &url).await.expect("an answer");
    assert_ne!(first, other, "another account has another connection");
    let again = connection_no(&client, &a, &url).await.expect("an answer");
    assert_eq!(first, again, "an account keeps its connection");
    let renewed = connection_no(&client, &authority.identity("a"), &url).await;
    assert_ne!(Ok(first), renewed, "a new certificate begins with a new connection");
}

#[tokio::test]
async fn an_identity_that_cannot_be_used_sends_nothing() {
    let authority = Authority::new();
    let (url, client) = (authority.server(), authority.client());
    let (good, other) = (authority.identity("a").certificate, authority.identity("b").certificate);
    for (chain_pem, private_key_pem) in [
        (String::new(), good.private_key_pem.clone()),
        (good.chain_pem.clone(), String::from("no key").into()),
        (good.chain_pem.clone(), other.private_key_pem.clone()),
    ] {
        let certificate = Arc::new(ClientCertificate { chain_pem, private_key_pem });
        let identity = ClientIdentity { account: Arc::from("a"), certificate };
        let fault = connection_no(&client, &identity, &url).await.expect_err("unusable");
        assert!(matches!(fault, SendFault::NotSent(_)), "{fault}");
        assert!(!fault.to_string().contains("no key"), "{fault}");
    }
}

#[test]
fn a_text_without_authorities_is_refused() {
    let (authority, public) = (Authority::new(), Authorities::public());
    let (leaf, _) = authority.certify("localhost");
    for (text, is_taken) in [
        (String::new(), false),
        ("certificates".to_owned(), false),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), false),
        (authority.pem.clone(), true),
        (format!("# ours\n{}{}", authority.pem, leaf.pem()), true),
    ] {
        assert_eq!(public.and(&text).is_ok(), is_taken, "{text}");
    }
}
