//! What a start needs to know, and the names that every start uses.

use std::path::PathBuf;

/// The database that is created for the application.
pub(super) const DATABASE: &str = "pigeonhole";
pub(super) const SUPERUSER: &str = "postgres";

/// Where the data is, and which PostgreSQL to run.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Holds the tables, the log, the lock and the socket. It is created if it is missing.
    pub data_dir: PathBuf,
    /// The folder with `postgres` and `initdb`; `None` searches for it.
    pub pg_bin_dir: Option<PathBuf>,
}
