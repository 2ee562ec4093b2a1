//! A PostgreSQL for tests: the one at `TONGBAO_TEST_POSTGRES_URL`, else a private one that is started
//! from the installed binaries and lives as long as the process of the tests.
//!
//! Every test gets a fresh database of its own. Where there is no PostgreSQL, tests say so and pass;
//! in CI (`CI=true`) they fail. A test that takes the server from everybody asks for one of its own.

mod cluster;

use cluster::Cluster;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

/// Names a server to use; its user must be allowed to create databases.
const URL: &str = "TONGBAO_TEST_POSTGRES_URL";

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Its URL without a database, in two parts: before and behind the database's name.
    url: (String, String),
    /// The private cluster, where it is ours.
    cluster: Option<Cluster>,
}

/// A database of one test; it goes when the test is over.
#[derive(Debug)]
pub struct Database {
    server: &'static Server,
    name: String,
}

/// The server of this process, or nothing where none can be had.
///
/// # Panics
/// In CI, where one must be had.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(find).as_ref()
}

/// A private server for one test that stops it, fills its disk, or worse; nothing where none can be
/// had. Its files are under this folder; it lives as long as the process of the tests.
///
/// # Panics
/// In CI, where one must be had.
pub fn server_of_ones_own(folder: &Path) -> Option<&'static Server> {
    start(folder).map(|server| &*Box::leak(Box::new(server)))
}

fn find() -> Option<Server> {
    match std::env::var(URL) {
        Ok(url) => Some(Server { url: split(&url), cluster: None }),
        Err(_) => start(&std::env::temp_dir()),
    }
}

fn start(folder: &Path) -> Option<Server> {
    match Cluster::start(folder) {
        Ok(cluster) => {
            let socket = cluster.folder().to_owned();
            let url = ("postgres://tongbao@/".to_owned(), format!("?host={socket}"));
            Some(Server { url, cluster: Some(cluster) })
        }
        Err(why) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "no PostgreSQL: {why}");
            // Past the harness, which keeps what a test that passes prints.
            let _ = writeln!(std::io::stderr(), "skipped: no PostgreSQL: {why}; set {URL}");
            None
        }
    }
}

/// Splits a URL where the database's name stands.
fn split(url: &str) -> (String, String) {
    let (place, query) = match url.split_once('?') {
        Some((place, query)) => (place, format!("?{query}")),
        None => (url, String::new()),
    };
    let start = place.find("://").map_or(0, |at| at + 3);
    let place = match place[start..].find('/') {
        Some(slash) => &place[..start + slash],
        None => place,
    };
    (format!("{place}/"), query)
}

impl Server {
    /// Makes a fresh database.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn database(&'static self) -> Database {
        self.create("template0").await
    }

    async fn create(&'static self, template: &str) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tongbao_test_{}_{number}", std::process::id());
        let client = connect(&self.url_of("postgres")).await;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        client.batch_execute(&create).await.expect("the user may create databases");
        Database { server: self, name }
    }

    fn url_of(&self, database: &str) -> String {
        format!("{}{database}{}", self.url.0, self.url.1)
    }

    /// Whether it is ours to stop and start.
    pub const fn is_private(&self) -> bool {
        self.cluster.is_some()
    }

    /// Stops a private server at once, as losing its machine would; others are left alone.
    ///
    /// # Panics
    /// When it cannot be stopped.
    pub fn stop(&self) {
        self.cluster.iter().for_each(Cluster::stop);
    }

    /// Starts a private server that was stopped.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self) {
        self.cluster.iter().for_each(Cluster::restart);
    }

    /// Ends a private server for good, whether it runs or not.
    pub fn end(&self) {
        let running = self.cluster.iter().filter(|cluster| cluster.is_running());
        running.for_each(Cluster::stop);
    }

    /// Starts a private server that ended by itself, and leaves one that runs alone.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn revive(&self) {
        let gone = self.cluster.iter().filter(|cluster| !cluster.is_running());
        gone.for_each(Cluster::restart);
    }
}

impl Database {
    /// Its URL.
    pub fn url(&self) -> String {
        self.server.url_of(&self.name)
    }

    /// A copy of it. Nobody may be connected to the original; PostgreSQL waits some seconds for
    /// those who are leaving.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn copy(&self) -> Database {
        self.server.create(&self.name).await
    }

    /// A plain connection to it.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }
}

/// The database is dropped, with the sessions that are still in it: a run makes some hundreds of them,
/// and a gigabyte would lie there until its end. A private server that was stopped goes whole.
impl Drop for Database {
    fn drop(&mut self) {
        if self.server.cluster.as_ref().is_some_and(|cluster| !cluster.is_running()) {
            return;
        }
        let (url, name) = (self.server.url_of("postgres"), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let client = connect(&url).await;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                client.batch_execute(&drop).await.expect("the database can be dropped");
            });
        });
        if dropping.join().is_err() {
            eprintln!("database {} was left behind", self.name);
        }
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("the server takes connections");
    tokio::spawn(connection);
    client
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn urls_are_split_where_the_database_stands() {
        for (url, before, behind) in [
            ("postgres://a:b@c:5432/d", "postgres://a:b@c:5432/", ""),
            ("postgres://a@c", "postgres://a@c/", ""),
            ("postgres://a@c/d?sslmode=disable", "postgres://a@c/", "?sslmode=disable"),
            ("postgres://a@?host=/run/x", "postgres://a@/", "?host=/run/x"),
        ] {
            assert_eq!(split(url), (before.to_owned(), behind.to_owned()));
        }
    }
}
