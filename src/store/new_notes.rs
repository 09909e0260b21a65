//! Creating a note: in one transaction with its shares, the message that delivers them, and the record of a
//! request that may be repeated.

use super::idempotency::{IdempotentRequest, Outcome, record_new_note};
use super::outbox::enqueue_for_new_note;
use super::shares::{Sharing, share_new_note};
use super::usage::add_notes;
use crate::db::{DbError, Statement, TenantHandle, values};
use crate::domain::{NoteContent, NoteId, NoteTitle, UserId, counted_bytes};

static INSERT: Statement = Statement::inserting(
    "INSERT INTO {notes} (id, tenant_id, user_id, title, content, search_text, search_keys) \
     VALUES (nextval('notes_id_seq'), $1, $2, $3, $4, $5, $6) RETURNING id",
);

pub(super) static ALL: &[&Statement] = &[&INSERT];

/// A note to create.
#[derive(Clone, Copy)]
pub struct NewNote<'a> {
    pub title: Option<&'a NoteTitle>,
    pub content: &'a NoteContent,
    pub sharing: Option<&'a Sharing>,
    /// The request, if its client may repeat it.
    pub request: Option<&'a IdempotentRequest>,
}

/// A note that was created.
pub struct CreatedNote {
    pub id: NoteId,
    /// The latest message about the note, if it is shared.
    pub message: Option<i64>,
}

impl TenantHandle {
    /// Creates a note.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then wrote nothing, unless the connection broke at the commit;
    /// [`DbError::LimitReached`] when the author or the tenant has as much as allowed.
    pub async fn create_note(
        &self,
        author: UserId,
        note: &NewNote<'_>,
    ) -> Result<Outcome<CreatedNote>, DbError> {
        let inserted = self.insert_note(author, note).await;
        match self.resolve_replay(author, note.request, inserted).await? {
            Outcome::First(created) => Ok(Outcome::First(created)),
            Outcome::Replay(recorded) => {
                let id = NoteId::from_row(recorded.created);
                let messages =
                    if note.sharing.is_some() { self.messages_of_note(author, id).await? } else { None };
                let message = messages.unwrap_or_default().first().map(|message| message.id);
                Ok(Outcome::Replay(CreatedNote { id, message }))
            }
            Outcome::KeyReused => Ok(Outcome::KeyReused),
        }
    }

    async fn insert_note(&self, author: UserId, note: &NewNote<'_>) -> Result<CreatedNote, DbError> {
        let (title, content) = (note.title.map(NoteTitle::as_str), note.content.as_str());
        let bytes = counted_bytes(note.title, note.content);
        let index = self.search_index(author, note.title, note.content).await?;
        let (id, _, message, _, ()) = self
            .transaction((
                INSERT.first(values![author, title, content, index.text.as_str(), index.keys.as_slice()]),
                note.sharing.map(|sharing| share_new_note(author, sharing)),
                note.sharing.map(|sharing| enqueue_for_new_note(author, sharing.payload())),
                note.request.map(|request| record_new_note(author, request)),
                // The last, as other notes of the author wait from here on.
                add_notes(self, author, 1, bytes),
            ))
            .await?;
        Ok(CreatedNote { id: id.ok_or(DbError::Unavailable(None))?, message: message.flatten() })
    }
}
