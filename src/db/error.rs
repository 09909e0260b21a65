//! Failures of database calls, sorted by what the caller should do about them.

use deadpool::managed::TimeoutType;
use tokio_postgres::error::SqlState;

use crate::domain::Limit;

/// Why a pool gave no connection.
pub(super) type PoolError = deadpool::managed::PoolError<tokio_postgres::Error>;

/// Why the queue in front of a pool let a call have no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAdmitted {
    #[error("no connection was free in time")]
    TimedOut,
    #[error("too many calls of the same tenant wait for a connection")]
    TooManyWaiting,
    #[error("the pool is closed")]
    Closed,
}

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database cannot answer now: it is down, overloaded, locked, read-only, full or too slow. No write
    /// was acknowledged.
    #[error("the database is unavailable")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// Too much work waits for a processor (`computation`). No statement was sent for it.
    #[error("too much work waits for a processor")]
    Overloaded,
    /// There was no connection, so no statement was sent, and another node may be tried.
    #[error("the database cannot be reached")]
    Unreachable(#[source] PoolError),
    /// A row violates the unique constraint of this name (SQLSTATE 23505).
    #[error("the unique constraint {0} is taken")]
    Taken(String),
    /// The tenant or the user may not use more of this: a row violates the CHECK that the limit has in the
    /// schema (SQLSTATE 23514).
    #[error("the limit of {} is reached", .0.as_str())]
    LimitReached(Limit),
    /// A serialization failure or a deadlock: the transaction may be retried (SQLSTATE 40001, 40P01).
    #[error("the transaction must be repeated")]
    Repeat(#[source] tokio_postgres::Error),
    /// A bug of this program or of the schema.
    #[error("the statement failed")]
    Fault(#[source] tokio_postgres::Error),
}

impl DbError {
    pub(super) fn deadline_exceeded() -> Self {
        Self::Unavailable(Some("no answer before the deadline".into()))
    }

    /// Whether the server cancelled a statement at its statement_timeout (SQLSTATE 57014).
    pub fn is_statement_timeout(&self) -> bool {
        let Self::Unavailable(Some(source)) = self else { return false };
        source
            .downcast_ref::<tokio_postgres::Error>()
            .is_some_and(|error| error.code() == Some(&SqlState::QUERY_CANCELED))
    }

    /// Whether a statement divided by zero, which is how one refuses to go on (SQLSTATE 22012).
    pub(crate) fn is_division_by_zero(&self) -> bool {
        matches!(self, Self::Fault(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO))
    }

    /// Whether another node may succeed: this one was not reached, closed the connection, is shutting down or
    /// has become a standby (25006).
    pub(super) fn is_node_failure(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Unavailable(Some(source)) => {
                source.downcast_ref::<tokio_postgres::Error>().is_some_and(|error| match error.code() {
                    None => true,
                    Some(state) => {
                        state.code().starts_with("08")
                            || state.code().starts_with("57P")
                            || state.code() == "25006"
                    }
                })
            }
            _ => false,
        }
    }
}

impl From<NotAdmitted> for DbError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            // The server works, and another connection would only add load.
            NotAdmitted::TimedOut | NotAdmitted::TooManyWaiting => Self::Unavailable(Some(error.into())),
            NotAdmitted::Closed => Self::Unreachable(PoolError::Closed),
        }
    }
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Unavailable(Some(error.into())),
            other => Self::Unreachable(other),
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            // Without an answer of the server the connection failed, unless the values did not fit the
            // statement.
            let ours = error.to_string().starts_with("error serializing")
                || error.to_string().starts_with("error deserializing");
            return if ours { Self::Fault(error) } else { Self::Unavailable(Some(error.into())) };
        };
        let state = database.code();
        if *state == SqlState::UNIQUE_VIOLATION {
            let constraint = database.constraint().unwrap_or_else(|| constraint_in(database.message()));
            return Self::Taken(constraint_of_table(constraint));
        }
        if *state == SqlState::CHECK_VIOLATION
            && let Some(limit) = limit_of(database)
        {
            return Self::LimitReached(limit);
        }
        if *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED {
            return Self::Repeat(error);
        }
        if is_temporary(state.code()) || has_lost_a_node(database) {
            Self::Unavailable(Some(error.into()))
        } else {
            Self::Fault(error)
        }
    }
}

/// An error with all its causes in one line. Of the server's answers it has the sentence and the SQLSTATE,
/// and none of the details, which quote values of rows.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut current = Some(error);
    while let Some(error) = current {
        let cause = match error.downcast_ref::<tokio_postgres::error::DbError>() {
            Some(answer) => server_answer(answer),
            None => error.to_string(),
        };
        text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        current = error.source();
    }
    text.escape_debug().to_string()
}

/// The sentence and the SQLSTATE of an answer. The sentences of class 22 (data exceptions), and that of a
/// syntax error, quote the value.
pub fn server_answer(answer: &tokio_postgres::error::DbError) -> String {
    sentence_and_state(answer.message(), answer.code().code())
}

fn sentence_and_state(sentence: &str, state: &str) -> String {
    if state.starts_with("22") || state == SqlState::SYNTAX_ERROR.code() {
        format!("a value was refused ({state})")
    } else {
        format!("{sentence} ({state})")
    }
}

/// Citus has no SQLSTATE of its own for a transaction over several nodes that lost one; it rolls back.
fn has_lost_a_node(error: &tokio_postgres::error::DbError) -> bool {
    *error.code() == SqlState::INTERNAL_ERROR
        && error.message().starts_with("failure on connection marked as essential")
}

/// The limit whose constraint `limit_NAME` a row violates.
fn limit_of(error: &tokio_postgres::error::DbError) -> Option<Limit> {
    let constraint = error.constraint().unwrap_or_else(|| constraint_in(error.message()));
    Limit::parse(constraint_of_table(constraint).strip_prefix("limit_")?)
}

/// The constraint that the message of a violation names. Citus forwards another node's message without
/// the field for the constraint (`ReportResultError` in Citus' remote_commands.c). The name is the last word,
/// in quotes that depend on the server's language.
fn constraint_in(message: &str) -> &str {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    message.rsplit(|c| !is_of_a_name(c)).find(|word| !word.is_empty()).unwrap_or_default()
}

/// Citus reports the constraint of the shard: the table's name with the shard's number appended.
fn constraint_of_table(constraint: &str) -> String {
    match constraint.rsplit_once('_') {
        Some((name, shard)) if !shard.is_empty() && shard.bytes().all(|byte| byte.is_ascii_digit()) => {
            name.to_owned()
        }
        _ => constraint.to_owned(),
    }
}

/// Whether a SQLSTATE goes away with time or by an operator's action: connection failure (08), out of
/// resources (53), shutdown or start (57), a standby (25006), a lock timeout (55P03), a node that Citus
/// cannot reach or an I/O error (58).
fn is_temporary(state: &str) -> bool {
    ["08", "53", "57", "58"].iter().any(|class| state.starts_with(class))
        || ["25006", "25P03", "55P03", "28000"].contains(&state)
}

#[cfg(test)]
mod tests {
    use super::{constraint_in, constraint_of_table, sentence_and_state};

    #[test]
    fn the_constraint_of_a_shard_is_that_of_its_table_also_where_only_the_message_names_it() {
        for message in [
            "duplicate key value violates unique constraint \"idempotency_keys_pkey_102345\"",
            "doppelter Schlüsselwert verletzt Unique-Constraint »idempotency_keys_pkey«",
            "la valeur d'une clé dupliquée rompt la contrainte unique « idempotency_keys_pkey_7 »",
            "重複したキー値は一意性制約\"idempotency_keys_pkey_102345\"違反となります",
        ] {
            assert_eq!(constraint_of_table(constraint_in(message)), "idempotency_keys_pkey", "{message}");
        }
    }

    #[test]
    fn sentences_that_quote_values_are_left_out() {
        let quoting = "invalid input syntax for type bigint: \"a secret\"";
        assert_eq!(sentence_and_state(quoting, "22P02"), "a value was refused (22P02)");
        let naming = "relation \"note_revisions\" does not exist";
        assert_eq!(sentence_and_state(naming, "42P01"), format!("{naming} (42P01)"));
    }
}
