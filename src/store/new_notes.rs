//! Writing a note, with all that belongs to it in one transaction: with whom it is shared, the message that
//! tells them, and the memory of a request that may be repeated.

use super::idempotency::{Once, REMEMBER_NEW_NOTE, Turn};
use super::notes::{INSERT, Note};
use super::outbox::ENQUEUE_FOR_NEW_NOTE;
use super::shares::{SHARE_NEW, Sharing};
use crate::db::{DbError, Step, TenantHandle, Value};
use crate::domain::{INSERT_TO_SHARED, NoteContent, NoteId, NoteTitle, UserId};

/// A note to write.
#[derive(Clone, Copy)]
pub struct NewNote<'a> {
    /// Its title, if it has one.
    pub title: Option<&'a NoteTitle>,
    /// Its text.
    pub content: &'a NoteContent,
    /// With whom it is shared at once.
    pub sharing: Option<&'a Sharing>,
    /// Set when the request may come twice.
    pub once: Option<&'a Once>,
}

/// What came of writing a note.
pub enum Written {
    /// It is there.
    Now {
        /// The note.
        note: Note,
        /// The number of the message about it, when it is shared.
        message: Option<i64>,
    },
    /// The same request wrote it before.
    Before {
        /// The note's number.
        note: NoteId,
        /// The number of the latest message about it, when it is shared.
        message: Option<i64>,
    },
    /// The request's key was used for something else; nothing was written.
    OtherRequest,
}

impl TenantHandle {
    /// Writes a note.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then wrote nothing, unless the connection broke at the commit.
    pub async fn create_note(&self, author: UserId, note: &NewNote<'_>) -> Result<Written, DbError> {
        match self.turn(author, note.once, self.write(author, note).await).await? {
            Turn::First((note, message)) => Ok(Written::Now { note, message }),
            Turn::Again { created, .. } => {
                let id = NoteId::from_row(created);
                let messages =
                    if note.sharing.is_some() { self.messages_of_note(author, id).await? } else { None };
                let message = messages.unwrap_or_default().first().map(|message| message.id);
                Ok(Written::Before { note: id, message })
            }
            Turn::OtherRequest => Ok(Written::OtherRequest),
        }
    }

    async fn write(&self, author: UserId, note: &NewNote<'_>) -> Result<(Note, Option<i64>), DbError> {
        let (tenant, author) = (self.tenant().number(), author.number());
        let (title, content) = (note.title.map(NoteTitle::as_str), note.content.as_str());
        let access = note.sharing.map(|sharing| sharing.access.as_str());
        let audiences = note.sharing.map(|sharing| sharing.audience.numbers()).unwrap_or_default();
        let payload = note.sharing.map(Sharing::payload);
        let key = note.once.map(|once| (once.key.as_str(), once.request_hash.as_slice()));

        let inserted: [&dyn Value; 4] = [&tenant, &author, &title, &content];
        let shares: Vec<[&dyn Value; 4]> = audiences
            .iter()
            .map(|audience| [&tenant as _, audience as _, &access as _, &author as _])
            .collect();
        let message: [&dyn Value; 4] = [&tenant, &INSERT_TO_SHARED, &author, &payload];
        let remembered: Option<[&dyn Value; 4]> =
            key.as_ref().map(|(key, hash)| [&tenant as _, &author as _, key as _, hash as _]);

        let mut steps = vec![Step { statement: &INSERT, values: &inserted }];
        steps.extend(shares.iter().map(|values| Step { statement: &SHARE_NEW, values }));
        let message_at = steps.len();
        steps.extend(note.sharing.map(|_| Step { statement: &ENQUEUE_FOR_NEW_NOTE, values: &message }));
        steps.extend(remembered.as_ref().map(|values| Step { statement: &REMEMBER_NEW_NOTE, values }));
        let results = self.transaction(&steps).await?;
        let row = results.first().and_then(|rows| rows.first()).ok_or(DbError::Unavailable(None))?;
        let number = results
            .get(message_at)
            .and_then(|rows| rows.first())
            .filter(|_| note.sharing.is_some())
            .map(|row| row.get(0));
        Ok((Note::from_row(row), number))
    }
}
