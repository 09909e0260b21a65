//! What keeps an operation on the cluster from being done, said to the operator in one line.

use std::time::Duration;

use crate::db::{self, ConnectError, MigrateError};

const TRIES: u32 = 10;

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
    #[error("{what}: no answer within {} seconds", .patience.as_secs_f32())]
    Silent {
        /// What was tried.
        what: String,
        /// How long we waited.
        patience: Duration,
    },
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl ClusterError {
    /// The statement named by `what` was refused with `error`.
    pub(crate) fn refused(what: &str, error: &tokio_postgres::Error) -> Self {
        let reason = match error.as_db_error() {
            Some(database) => {
                [Some(database.message()), database.detail(), database.hint()].into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
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
}

/// Does the work again while another database of the same servers makes or changes our roles. The work must be one transaction, or
/// harmless to repeat.
pub(crate) async fn despite_others<T>(work: impl AsyncFn() -> Result<T, ClusterError>) -> Result<T, ClusterError> {
    let mut tries = 1;
    loop {
        match work().await {
            Err(ClusterError::Refused { reason, .. }) if tries < TRIES && db::met_another(&reason) => {
                log::info!("another database of these servers changes roles as well; trying again");
                tokio::time::sleep(Duration::from_millis(200) * tries).await;
                tries += 1;
            }
            result => return result,
        }
    }
}

/// An obstacle in these words.
pub(crate) fn obstacle<T>(text: impl Into<String>) -> Result<T, ClusterError> {
    Err(ClusterError::Obstacle(text.into()))
}
