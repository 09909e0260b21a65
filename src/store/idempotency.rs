//! Requests that a client may repeat. A request's key is recorded in the transaction that does its work. Of
//! two equal requests at the same time one waits for the other at the primary key, and then does nothing.
//! After a crash either the work and its record are there, or neither is.

use crate::db::{DbError, Statement, Step, TenantHandle, values};
use crate::domain::{IdempotencyKey, UserId};

/// The primary key, by whose violation a repeated request is known.
const PRIMARY_KEY: &str = "idempotency_keys_pkey";

// In the transaction that has just written the note, message or invitation, on the connection whose sequence
// gave its id.
static RECORD_NEW_NOTE: Statement = Statement::inserting(
    "INSERT INTO {idempotency_keys} (tenant_id, user_id, key, request_hash, created_id, answer)
     VALUES ($1, $2, $3, $4, currval('notes_id_seq'), '')",
);
static RECORD_NEW_MESSAGE: Statement = Statement::inserting(
    "INSERT INTO {idempotency_keys} (tenant_id, user_id, key, request_hash, created_id, answer)
     VALUES ($1, $2, $3, $4, currval('outbox_id_seq'), '')",
);
static RECORD_NEW_INVITATION: Statement = Statement::inserting(
    "INSERT INTO {idempotency_keys} (tenant_id, user_id, key, request_hash, created_id, answer)
     VALUES ($1, $2, $3, $4, currval('invitations_id_seq'), $5)",
);
// The row is all that there is to remember: a choice between organizations is made once.
static RECORD_CHOICE: Statement = Statement::inserting(
    "INSERT INTO {idempotency_keys} (tenant_id, user_id, key, request_hash, answer)
     VALUES ($1, $2, $3, '', '')",
);
static FIND: Statement = Statement::reading(
    "SELECT request_hash, created_id, answer FROM {idempotency_keys} WHERE tenant_id = $1 AND user_id = $2 \
     AND key = $3",
);

pub(super) static ALL: &[&Statement] =
    &[&RECORD_NEW_NOTE, &RECORD_NEW_MESSAGE, &RECORD_NEW_INVITATION, &RECORD_CHOICE, &FIND];

/// A request that its client may repeat.
#[derive(Clone, Debug)]
pub struct IdempotentRequest {
    /// The client's name for the request.
    pub key: IdempotencyKey,
    /// SHA-256 of the request: the same key with another hash is a mistake of the client.
    pub request_hash: Vec<u8>,
}

/// The result of a request that its client may repeat.
pub enum Outcome<F, R = F> {
    /// The request did its work.
    First(F),
    /// An earlier request did the same work; what it recorded.
    Replay(R),
    /// An earlier request used the key for other work, so this one did nothing.
    KeyReused,
}

impl<T> Outcome<T> {
    /// The result, whichever request did the work; none for a reused key.
    pub fn into_result(self) -> Option<T> {
        match self {
            Self::First(result) | Self::Replay(result) => Some(result),
            Self::KeyReused => None,
        }
    }
}

/// What the first request recorded for its replays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedResult {
    /// The id of the row that the request created.
    pub created: i64,
    /// Other parts of the answer, in a format of the request's own.
    pub answer: String,
}

/// Records the request that creates a note in the same transaction.
pub(super) fn record_new_note(user: UserId, request: &IdempotentRequest) -> Step<'_, ()> {
    RECORD_NEW_NOTE.run(values![user, request.key.as_str(), request.request_hash.as_slice()])
}

/// Records the request that creates a message in the same transaction.
pub(super) fn record_new_message(user: UserId, request: &IdempotentRequest) -> Step<'_, ()> {
    RECORD_NEW_MESSAGE.run(values![user, request.key.as_str(), request.request_hash.as_slice()])
}

/// Records the request that creates an invitation in the same transaction.
pub(super) fn record_new_invitation<'a>(
    user: UserId,
    request: &'a IdempotentRequest,
    answer: &'a str,
) -> Step<'a, ()> {
    let hash = request.request_hash.as_slice();
    RECORD_NEW_INVITATION.run(values![user, request.key.as_str(), hash, answer])
}

impl TenantHandle {
    /// Uses the ticket of a login that several accounts match, and returns false when it was used before, in
    /// whichever process. `user` is an account of the ticket, always the same one.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn use_login_ticket(&self, user: UserId, ticket: &str) -> Result<bool, DbError> {
        // No client can send a key with a space.
        let key = format!("login ticket {ticket}");
        match self.transaction(RECORD_CHOICE.run(values![user, key.as_str()])).await {
            Err(DbError::Taken(constraint)) if constraint == PRIMARY_KEY => Ok(false),
            recorded => recorded.map(|()| true),
        }
    }

    /// The outcome of a transaction that does the work of `request` and records it. A transaction that failed
    /// because the key is taken did nothing, and the earlier request decides.
    pub(super) async fn resolve_replay<T>(
        &self,
        user: UserId,
        request: Option<&IdempotentRequest>,
        transaction: Result<T, DbError>,
    ) -> Result<Outcome<T, RecordedResult>, DbError> {
        let request = match (transaction, request) {
            (Ok(result), _) => return Ok(Outcome::First(result)),
            (Err(DbError::Taken(constraint)), Some(request)) if constraint == PRIMARY_KEY => request,
            (Err(error), _) => return Err(error),
        };
        match self.recorded_outcome(user, request).await? {
            Outcome::Replay(recorded) => Ok(Outcome::Replay(recorded)),
            Outcome::KeyReused => Ok(Outcome::KeyReused),
            // The record is a day old and was removed since the transaction failed.
            Outcome::First(()) => Err(DbError::Unavailable(None)),
        }
    }

    /// The outcome of a request by the records of the last day; `First` if there is none of its key.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn recorded_outcome(
        &self,
        user: UserId,
        request: &IdempotentRequest,
    ) -> Result<Outcome<(), RecordedResult>, DbError> {
        let recorded: Option<(Vec<u8>, Option<i64>, String)> =
            self.transaction(FIND.first(values![user, request.key.as_str()])).await?;
        Ok(match recorded {
            None => Outcome::First(()),
            Some((hash, Some(created), answer)) if hash == request.request_hash => {
                Outcome::Replay(RecordedResult { created, answer })
            }
            Some(_) => Outcome::KeyReused,
        })
    }
}
