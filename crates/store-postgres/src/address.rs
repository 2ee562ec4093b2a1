//! Where the database is, and how to speak to it.

use crate::fault::{self, unavailable};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::sync::Arc;
use std::time::Duration;
use store::StoreFault;
use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long making a connection to one host may take, its handshake included: a host that is silent
/// must not keep us from the next one.
const CONNECT_SECONDS_MAX: u64 = 2;
/// Waits between attempts to connect, in milliseconds: a call must not hang on a database that is away.
const CONNECT_WAITS_MS: [u64; 2] = [50, 200];
/// How long sent bytes may stay unconfirmed before the connection counts as lost.
const SILENCE_SECONDS_MAX: u64 = 15;
/// How long a connection is quiet before it is asked for a sign of life.
const QUIET_SECONDS_MAX: u64 = 30;
/// What PostgreSQL shows of us in its list of sessions.
const APPLICATION: &str = "tongbao";
/// The parameter that names the file with the certificates of authorities.
const ROOTS: &str = "sslrootcert=";

/// Where the database is.
pub(crate) struct Address {
    /// One for each host of the URL, in its order.
    hosts: Vec<Config>,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Reads a URL. Its text is in no fault: it holds a password.
    pub(crate) fn read(url: &str) -> Result<Address, StoreFault> {
        let (url, roots) = split_roots(url);
        let hosts = one_by_one(&url).iter().map(|url| host(url)).collect::<Result<Vec<_>, _>>()?;
        let requires = hosts.iter().any(|host| host.get_ssl_mode() == SslMode::Require);
        if requires && roots.is_none() {
            let why = "url: sslmode=require, want sslrootcert with the authority's certificate";
            return Err(StoreFault::Failed(why.to_owned()));
        }
        Ok(Address { hosts, tls: roots.as_deref().map(tls).transpose()? })
    }

    /// Connects. A database that is just coming up is asked again, a few times and soon.
    pub(crate) async fn connect(&self) -> Result<(Client, AbortHandle), StoreFault> {
        for wait_ms in CONNECT_WAITS_MS {
            match self.connect_once().await {
                Err(StoreFault::Unavailable(_)) => {
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                }
                connected => return connected,
            }
        }
        self.connect_once().await
    }

    /// One round over the hosts; the first that takes us.
    async fn connect_once(&self) -> Result<(Client, AbortHandle), StoreFault> {
        let mut fault = StoreFault::Failed("url: no host".to_owned());
        for host in &self.hosts {
            match self.connect_to(host).await {
                Ok(connected) => return Ok(connected),
                Err(found) => fault = found,
            }
        }
        Err(fault)
    }

    async fn connect_to(&self, host: &Config) -> Result<(Client, AbortHandle), StoreFault> {
        let connecting = async {
            match &self.tls {
                Some(tls) => {
                    let (client, connection) = host.connect(tls.clone()).await?;
                    Ok((client, drive(connection)))
                }
                None => {
                    let (client, connection) = host.connect(NoTls).await?;
                    Ok((client, drive(connection)))
                }
            }
        };
        // The limit of the configuration ends with the TCP handshake.
        let limit = Duration::from_secs(CONNECT_SECONDS_MAX);
        match tokio::time::timeout(limit, connecting).await {
            Ok(connected) => connected.map_err(|fault: Error| fault::store(&fault)),
            Err(_) => Err(unavailable(format!("no connection within {CONNECT_SECONDS_MAX} s"))),
        }
    }
}

/// The configuration of one host.
fn host(url: &str) -> Result<Config, StoreFault> {
    let wrong = |fault: Error| StoreFault::Failed(format!("url: {}", fault::text(&fault)));
    let mut config: Config = url.parse().map_err(wrong)?;
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION);
    }
    config
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
        .tcp_user_timeout(Duration::from_secs(SILENCE_SECONDS_MAX))
        .keepalives_idle(Duration::from_secs(QUIET_SECONDS_MAX));
    Ok(config)
}

/// A URL for each host of a URL that names several: `h1:5432,h2:5432`.
fn one_by_one(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let authority_len = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_len);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

/// Moves the connection's bytes until its client is gone. How it ends, the client's next call says.
fn drive<C>(connection: C) -> AbortHandle
where
    C: Future<Output = Result<(), Error>> + Send + 'static,
{
    let driver = async move {
        if let Err(fault) = connection.await {
            tracing::warn!(fault = fault::text(&fault), "connection to the database ended");
        }
    };
    tokio::spawn(driver).abort_handle()
}

/// Takes the file of authorities out of a URL, because the driver does not know that parameter.
fn split_roots(url: &str) -> (String, Option<String>) {
    let Some((place, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (own, others): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|parameter| parameter.starts_with(ROOTS));
    let roots = own.last().and_then(|parameter| parameter.strip_prefix(ROOTS));
    (format!("{place}?{}", others.join("&")), roots.map(str::to_owned))
}

fn tls(roots: &str) -> Result<MakeRustlsConnect, StoreFault> {
    let unreadable = |why: String| StoreFault::Failed(format!("url: sslrootcert {roots}: {why}"));
    let certificates =
        CertificateDer::pem_file_iter(roots).map_err(|fault| unreadable(fault.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|fault| unreadable(fault.to_string()))?;
        store.add(certificate).map_err(|fault| unreadable(fault.to_string()))?;
    }
    if store.is_empty() {
        return Err(unreadable("no certificate in it".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|fault| unreadable(fault.to_string()))?;
    let config = config.with_root_certificates(store).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_host_of_a_url_gets_its_own() {
        for (url, want) in [
            ("postgres://h/d", vec!["postgres://h/d"]),
            (
                "postgres://u:p%40@h1:1,h2:2/d?target_session_attrs=read-write",
                vec![
                    "postgres://u:p%40@h1:1/d?target_session_attrs=read-write",
                    "postgres://u:p%40@h2:2/d?target_session_attrs=read-write",
                ],
            ),
            ("postgres:///d?host=/run/postgresql", vec!["postgres:///d?host=/run/postgresql"]),
        ] {
            assert_eq!(super::one_by_one(url), want);
        }
    }

    /// A host that takes the connection and says nothing does not keep us from the next one.
    #[tokio::test]
    async fn a_silent_host_is_left_for_the_next_one() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let refusing = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (first, second) =
            (silent.local_addr().expect("an address"), refusing.local_addr().expect("an address"));
        let reached = tokio::spawn(async move { refusing.accept().await.map(drop) });
        let url = format!("postgres://u@{first},{second}/d");
        let address = super::Address::read(&url).expect("a URL");
        assert!(address.connect_once().await.is_err(), "nobody there speaks PostgreSQL");
        reached.await.expect("no panic").expect("the second host was tried");
        drop(silent);
    }

    use super::{Address, split_roots};

    #[test]
    fn authorities_are_taken_out_of_the_url() {
        for (url, left, roots) in [
            ("postgres://a@b/c", "postgres://a@b/c", None),
            ("postgres://a@b/c?sslmode=prefer", "postgres://a@b/c?sslmode=prefer", None),
            ("postgres://a@b/c?sslrootcert=/r.pem", "postgres://a@b/c?", Some("/r.pem")),
            (
                "postgres://a@b/c?host=/s&sslrootcert=/r.pem&sslmode=require",
                "postgres://a@b/c?host=/s&sslmode=require",
                Some("/r.pem"),
            ),
        ] {
            assert_eq!(split_roots(url), (left.to_owned(), roots.map(str::to_owned)));
        }
    }

    #[test]
    fn wrong_addresses_are_refused_without_their_text() {
        for (url, want) in [
            ("postgres://a:secret@b/c?nonsense=1", "url: invalid connection string"),
            ("postgres://a:secret@b/c?sslmode=require", "url: sslmode=require, want sslrootcert"),
            ("postgres://a:secret@b/c?sslrootcert=/nowhere.pem", "url: sslrootcert /nowhere.pem"),
            ("secret", "url: invalid connection string"),
        ] {
            let fault = Address::read(url).err().expect("a wrong address").to_string();
            assert!(fault.contains(want), "{fault}");
            assert!(!fault.contains("secret"), "{fault}");
        }
    }

    #[test]
    fn good_addresses_are_read() {
        for url in ["postgres://a:b@c:5432/d", "postgresql:///d?host=/run/postgresql&user=a"] {
            assert!(Address::read(url).is_ok(), "{url}");
        }
    }
}
