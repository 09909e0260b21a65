//! What keeps an operation on the cluster from being done, said to the operator in one line.

use std::time::Duration;

use crate::db::{self, ConnectError, MigrateError};

/// Why an operation did not happen, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No connection to a node.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Something stands in the way; the text names it and what to do about it.
    #[error("{0}")]
    Obstacle(String),
    /// A node refused a statement.
    #[error("{what}: {reason}")]
    Refused {
        /// What was tried.
        what: String,
        /// What the node said.
        reason: String,
    },
    /// A node did not answer within our own clock.
    #[error("{what}: no answer within {} seconds", .timeout.as_secs_f32())]
    Timeout {
        /// What was tried.
        what: String,
        /// How long we waited.
        timeout: Duration,
    },
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl ClusterError {
    /// The statement named by `what` was refused with `error`.
    pub(crate) fn refused(what: &str, error: &tokio_postgres::Error) -> Self {
        let reason = match error.as_db_error() {
            Some(database) => [Some(database.message()), database.detail(), database.hint()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
            None => {
                let mut deepest: &dyn std::error::Error = error;
                while let Some(source) = deepest.source() {
                    deepest = source;
                }
                deepest.to_string()
            }
        };
        Self::Refused { what: what.to_owned(), reason }
    }

    /// What a node said, where one refused something.
    fn reason(&self) -> Option<&str> {
        if let Self::Refused { reason, .. } = self { Some(reason) } else { None }
    }
}

/// [`db::despite_others`] for the work of this folder.
pub(crate) async fn retry_on_role_conflict<T>(
    work: impl AsyncFn() -> Result<T, ClusterError>,
) -> Result<T, ClusterError> {
    db::despite_others(work, ClusterError::reason).await
}

/// An obstacle in these words.
pub(crate) fn obstacle<T>(text: impl Into<String>) -> Result<T, ClusterError> {
    Err(ClusterError::Obstacle(text.into()))
}
