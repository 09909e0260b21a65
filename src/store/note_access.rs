//! Who may do what with a note. Every look at a note that somebody asked for by its number comes through
//! [`TenantHandle::note`] or [`grant`], so no caller can forget the question. The two statements have one
//! table each and its key, which is what Citus plans quickest; together they are one round trip.

use chrono::{DateTime, Utc};

use super::notes::Note;
use super::outbox::DeliveryState;
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{Access, NoteId, Right, Standing, UserId};

/// A note that is not in the bin, whoever wrote it.
pub(super) const FIND: Statement = Statement::new(
    "SELECT id, user_id, title, content, version, created_at, updated_at FROM notes
     WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
);
/// What has arrived of it at somebody. Asked after the note, so that a share which ends in between counts as
/// ended.
pub(super) const RECEIVED: Statement = Statement::new(
    "SELECT access, shared_by, created_at, read_at FROM shared_notes WHERE tenant_id = $1 \
     AND recipient_id = $2 AND note_id = $3",
);

pub(super) const ALL: &[&Statement] = &[&FIND, &RECEIVED];

/// What comes of asking for something that not everybody may have.
#[derive(Clone, Debug)]
pub enum Grant<T> {
    /// Here it is.
    Given(T),
    /// It is there, and the asker may see that, but may not do this.
    Refused,
    /// It is not there, or the asker may not know that it is.
    Gone,
}

impl<T> Grant<T> {
    /// What was given, turned into something else.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Grant<U> {
        match self {
            Self::Given(value) => Grant::Given(turn(value)),
            Self::Refused => Grant::Refused,
            Self::Gone => Grant::Gone,
        }
    }
}

/// How a note came to somebody who did not write it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Who shared it.
    pub shared_by: UserId,
    /// Since when it is there.
    pub at: DateTime<Utc>,
    /// When it was first opened.
    pub read_at: Option<DateTime<Utc>>,
}

/// A note as one person sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The note.
    pub note: Note,
    /// What that person is to it.
    pub standing: Standing,
    /// How it came to them, when it is not their own.
    pub received: Option<Received>,
}

impl TenantHandle {
    /// A note for `user`, when they have the right to it: the author has all, whoever has it in the inbox has
    /// what was shared.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn note(&self, user: UserId, id: NoteId, right: Right) -> Result<Grant<Seen>, DbError> {
        let (tenant, number, recipient) = (self.tenant().number(), id.number(), user.number());
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &number] },
                Step { statement: &RECEIVED, values: &[&tenant, &recipient, &number] },
            ])
            .await?;
        Ok(grant(user, &results, right))
    }

    /// A note to be shown to `user`, and how far its shares have come, which only its author is told.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn shown_note(
        &self,
        user: UserId,
        id: NoteId,
    ) -> Result<Grant<(Seen, Option<DeliveryState>)>, DbError> {
        let (tenant, number, user_number) = (self.tenant().number(), id.number(), user.number());
        let (of_note, of_author): ([&dyn Value; 2], [&dyn Value; 3]) =
            ([&tenant, &number], [&tenant, &number, &user_number]);
        let [is_shared, latest] = DeliveryState::steps(&of_note, &of_author);
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &number] },
                Step { statement: &RECEIVED, values: &[&tenant, &user_number, &number] },
                is_shared,
                latest,
            ])
            .await?;
        Ok(grant(user, &results, Right::Read)
            .map(|seen| (seen, DeliveryState::of_note(results.get(2..).unwrap_or_default()))))
    }
}

/// Decides on the rows of [`FIND`] and [`RECEIVED`], which are the first two of a transaction.
pub(super) fn grant(user: UserId, results: &[Vec<Row>], right: Right) -> Grant<Seen> {
    let row = |index: usize| results.get(index).and_then(|rows: &Vec<Row>| rows.first());
    let Some(note) = row(0).map(Note::from_row) else { return Grant::Gone };
    let (standing, received) = if note.author == user {
        (Standing::Author, None)
    } else {
        let Some(row) = row(1) else { return Grant::Gone };
        let received =
            Received { shared_by: UserId::from_row(row.get(1)), at: row.get(2), read_at: row.get(3) };
        (Standing::Recipient(Access::from_row(row.get(0))), Some(received))
    };
    if standing.allows(right) { Grant::Given(Seen { note, standing, received }) } else { Grant::Refused }
}
