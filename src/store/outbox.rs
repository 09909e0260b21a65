//! The outbox: what is still to be done after an answer was given. A row is written in the transaction that makes it
//! necessary, so neither exists without the other. Its number and its tenant are the identity of the message.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use crate::db::{DbError, Statement, TenantHandle};

/// Fills the inboxes of those with whom a note is shared.
pub const INSERT_TO_SHARED: &str = "insert_to_shared";

/// Gives a newcomer what is shared with everybody.
pub const CATCH_UP: &str = "catch_up";
/// Takes somebody who left out of the login directory.
pub const FORGET_LOGINS: &str = "forget_logins";

pub(super) const ENQUEUE: Statement = Statement::new("INSERT INTO outbox (tenant_id, route, user_id, payload) VALUES ($1, $2, $3, $4)");
pub(super) const ENQUEUE_FOR_NOTE: Statement =
    Statement::new("INSERT INTO outbox (tenant_id, route, user_id, note_id, payload) VALUES ($1, $2, $3, $4, $5) RETURNING id");
// In the transaction that has just written a note, on the connection whose sequence gave its number.
pub(super) const ENQUEUE_FOR_NEW_NOTE: Statement = Statement::new(
    "INSERT INTO outbox (tenant_id, route, user_id, note_id, payload) VALUES ($1, $2, $3, currval('notes_id_seq'), $4) RETURNING id",
);
const CLAIM: Statement = Statement::new(
    "UPDATE outbox SET due_at = now() + $2::text::interval, attempts = attempts + 1
     WHERE tenant_id = $1 AND due_at <= now() AND acknowledged_at IS NULL AND failed_at IS NULL
     RETURNING id, route, user_id, note_id, payload, attempts, created_at",
);
pub(super) const ACKNOWLEDGE: Statement = Statement::new(
    "UPDATE outbox SET acknowledged_at = now(), failed_at = NULL, last_error = ''
     WHERE tenant_id = $1 AND id = $2 AND acknowledged_at IS NULL",
);

pub(super) const ALL: &[&Statement] = &[&ENQUEUE, &ENQUEUE_FOR_NOTE, &ENQUEUE_FOR_NEW_NOTE, &CLAIM, &ACKNOWLEDGE];

/// A message that a relay holds for a while.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number in its tenant.
    pub id: i64,
    /// What is to be done.
    pub route: String,
    /// On whose authority.
    pub user_id: i64,
    /// The note that it is about.
    pub note_id: Option<i64>,
    /// More, in JSON.
    pub payload: String,
    /// How often it was claimed.
    pub attempts: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl Message {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get(0),
            route: row.get(1),
            user_id: row.get(2),
            note_id: row.get(3),
            payload: row.get(4),
            attempts: row.get(5),
            created_at: row.get(6),
        }
    }
}

impl TenantHandle {
    /// Claims what is due in this tenant for as long as `lease`, an interval of PostgreSQL, says. Who claims at the same time
    /// gets other rows; what is not acknowledged by then is due again.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn claim_messages(&self, lease: &str) -> Result<Vec<Message>, DbError> {
        let rows = self.rows(&CLAIM, &[&self.tenant().number(), &lease]).await?;
        Ok(rows.iter().map(Message::from_row).collect())
    }
    /// Marks a message as done whose work is done elsewhere. Other messages are marked in the transaction that does them.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn acknowledge(&self, message: i64) -> Result<(), DbError> {
        self.rows(&ACKNOWLEDGE, &[&self.tenant().number(), &message]).await.map(drop)
    }
}
