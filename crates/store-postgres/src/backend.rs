//! The process of the server that serves a session.

use crate::address::Address;
use crate::fault;
use std::fmt;
use store::StoreFault;
use tokio_postgres::Client;

/// A session that is kept open so that its process can be found on the server's machine.
pub struct Backend {
    /// The id of the process, as the server's machine counts them.
    pub process: i32,
    /// The user of the session, as the title of the process names it.
    pub user: String,
    /// The database of the session, as the title of the process names it.
    pub database: String,
    _client: Client,
}

impl Backend {
    /// Opens a session.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn open(url: &str) -> Result<Backend, StoreFault> {
        let (client, _driver) = Address::read(url)?.connect().await?;
        let sql = "SELECT pg_backend_pid(), session_user::text, current_database()::text";
        let row = client.query_one(sql, &[]).await.map_err(|error| fault::store(&error))?;
        let (process, user, database) = (row.get(0), row.get(1), row.get(2));
        Ok(Backend { process, user, database, _client: client })
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("process", &self.process).finish_non_exhaustive()
    }
}
