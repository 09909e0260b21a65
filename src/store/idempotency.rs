//! Requests that may be sent twice. What a request creates and the memory of its key are one transaction: of
//! two that arrive at once one waits for the other at the primary key and then creates nothing, and after a
//! crash either both are there or neither is.

use crate::db::{DbError, Statement, TenantHandle};
use crate::domain::{IdempotencyKey, UserId};

/// What the primary key is called, to tell its violation from others.
const TAKEN: &str = "idempotency_keys_pkey";

// In the transaction that has just written a note, on the connection whose sequence gave its number.
pub(super) const REMEMBER_NEW_NOTE: Statement = Statement::inserting(
    "INSERT INTO idempotency_keys (tenant_id, user_id, key, request_hash, created_id, answer)
     VALUES ($1, $2, $3, $4, currval('notes_id_seq'), '')",
);
pub(super) const REMEMBER_NEW_MESSAGE: Statement = Statement::inserting(
    "INSERT INTO idempotency_keys (tenant_id, user_id, key, request_hash, created_id, answer)
     VALUES ($1, $2, $3, $4, currval('outbox_id_seq'), '')",
);
pub(super) const REMEMBER_NEW_INVITATION: Statement = Statement::inserting(
    "INSERT INTO idempotency_keys (tenant_id, user_id, key, request_hash, created_id, answer)
     VALUES ($1, $2, $3, $4, currval('invitations_id_seq'), $5)",
);
const FIND: Statement = Statement::new(
    "SELECT request_hash, created_id, answer FROM idempotency_keys WHERE tenant_id = $1 AND user_id = $2 \
     AND key = $3",
);

pub(super) const ALL: &[&Statement] =
    &[&REMEMBER_NEW_NOTE, &REMEMBER_NEW_MESSAGE, &REMEMBER_NEW_INVITATION, &FIND];

/// A request that its sender may repeat.
#[derive(Clone, Debug)]
pub struct Once {
    /// What its sender calls it.
    pub key: IdempotencyKey,
    /// SHA-256 of what it asks for: the same key for something else is a mistake.
    pub request_hash: Vec<u8>,
}

/// What is known of an earlier request of the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It asked for the same.
    Same {
        /// The number of what it created.
        created: Option<i64>,
        /// More of its answer, as whoever remembered it wrote it down.
        answer: String,
    },
    /// It asked for something else.
    Other,
}

/// What became of a request that may come twice.
pub(super) enum Turn<T> {
    /// It did its work.
    First(T),
    /// The same request did it before.
    Again {
        /// The number of what it created.
        created: i64,
        /// More of its answer.
        answer: String,
    },
    /// The key was used for something else; nothing was done.
    OtherRequest,
}

impl TenantHandle {
    /// Decides on a transaction that remembers `once`, where it is given: when the key was taken, what came
    /// before counts.
    pub(super) async fn turn<T>(
        &self,
        user: UserId,
        once: Option<&Once>,
        done: Result<T, DbError>,
    ) -> Result<Turn<T>, DbError> {
        match (done, once) {
            (Ok(value), _) => Ok(Turn::First(value)),
            (Err(DbError::Taken(constraint)), Some(once)) if constraint == TAKEN => match self
                .earlier_request(user, once)
                .await?
            {
                Some(Earlier::Same { created: Some(created), answer }) => Ok(Turn::Again { created, answer }),
                Some(_) => Ok(Turn::OtherRequest),
                // It was a day old and is being removed at this moment.
                None => Err(DbError::Unavailable(None)),
            },
            (Err(error), _) => Err(error),
        }
    }

    /// The request that used this key before, if there was one within the last day.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn earlier_request(&self, user: UserId, once: &Once) -> Result<Option<Earlier>, DbError> {
        let row = self.row(&FIND, &[&self.tenant().number(), &user.number(), &once.key.as_str()]).await?;
        Ok(row.map(|row| {
            let same = row.get::<Vec<u8>>(0) == once.request_hash;
            if same { Earlier::Same { created: row.get(1), answer: row.get(2) } } else { Earlier::Other }
        }))
    }
}
