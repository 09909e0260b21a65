//! Why an operation on the cluster failed. Every error prints as one line for the operator.

use std::time::Duration;

use crate::db::{self, ConnectError, MigrateError};

/// An operation was refused or failed, possibly after part of its work.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Connecting to a node failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A precondition does not hold. The text names it and what the operator can do about it.
    #[error("{0}")]
    Obstacle(String),
    /// A node refused a statement, for example for its syntax, a lock timeout or a missing privilege.
    #[error("{what}: {reason}")]
    Refused {
        /// The step that failed, and the node.
        what: String,
        /// PostgreSQL's message, detail and hint.
        reason: String,
    },
    /// A node did not answer within this program's own timeout.
    #[error("{what}: no answer within {} seconds", .timeout.as_secs_f32())]
    Timeout {
        /// The step that timed out, and the node.
        what: String,
        timeout: Duration,
    },
    /// Migrating the schema failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl ClusterError {
    /// The error of a statement that the node refused; `what` names the step.
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

    /// PostgreSQL's message, where a node refused a statement.
    fn reason(&self) -> Option<&str> {
        if let Self::Refused { reason, .. } = self { Some(reason) } else { None }
    }
}

/// [`db::retry_on_role_conflict`] for the work of this folder.
pub(crate) async fn retry_on_role_conflict<T>(
    work: impl AsyncFn() -> Result<T, ClusterError>,
) -> Result<T, ClusterError> {
    db::retry_on_role_conflict(work, ClusterError::reason).await
}

/// Fails with [`ClusterError::Obstacle`].
pub(crate) fn obstacle<T>(text: impl Into<String>) -> Result<T, ClusterError> {
    Err(ClusterError::Obstacle(text.into()))
}
