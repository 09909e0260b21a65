//! Why an operation failed, apart from the outcomes that it names itself.

use std::time::Duration;

use crate::auth::{Busy, ThrottleError};
use crate::db::DbError;

/// The errors that operations share.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Database(#[from] DbError),
    /// Too many attempts; the next one is let in after this time.
    #[error("throttled for {0:?}")]
    Throttled(Duration),
    #[error("the operating system has no randomness")]
    Randomness(#[from] getrandom::Error),
    /// The user's role does not allow the operation; the sentence is for the user.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// The name or e-mail of an existing account no longer meets the rules for new ones.
    #[error("an account's name or e-mail does not meet today's rules: {0}")]
    OutdatedAccount(&'static str),
}

impl From<ThrottleError> for ServiceError {
    fn from(error: ThrottleError) -> Self {
        match error {
            ThrottleError::Refused(wait) => Self::Throttled(wait),
            ThrottleError::Database(error) => Self::Database(error),
        }
    }
}
