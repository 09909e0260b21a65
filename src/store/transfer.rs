//! What leaves with its owner and comes in again. Everything is read in pages by key, each a call of its own,
//! so that an export of any size holds a page in memory and no transaction open.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::notes::Note;
use super::revisions::Revision;
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{NoteContent, NoteId, NoteTitle, UserId};

const NOTES_OF_ALL: Statement = Statement::new(
    "SELECT id, user_id, title, content, version, created_at, updated_at, deleted_at FROM notes
     WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3",
);
const NOTES_OF_ONE: Statement = Statement::new(
    "SELECT id, user_id, title, content, version, created_at, updated_at, deleted_at FROM notes
     WHERE tenant_id = $1 AND id > $2 AND user_id = $4 ORDER BY id LIMIT $3",
);
const REVISIONS: Statement = Statement::new(
    "SELECT r.version, r.title, r.content, r.replaced_at, u.username FROM note_revisions r
     LEFT JOIN shared.users u ON u.tenant_id = r.tenant_id AND u.id = r.replaced_by
     WHERE r.tenant_id = $1 AND r.note_id = $2 AND r.version > $3 ORDER BY r.version LIMIT $4",
);
const SHARES: Statement = Statement::new(
    "SELECT note_id, audience, access, created_at FROM shares WHERE tenant_id = $1 \
     AND note_id = ANY($2) ORDER BY note_id, audience",
);
const PEOPLE: Statement = Statement::new(
    "SELECT id, username, email, role, created_at, removed_at FROM shared.users WHERE tenant_id = $1 \
     AND id > $2 ORDER BY id LIMIT $3",
);
const KNOWN: Statement = Statement::new(
    "SELECT origin FROM imported_notes WHERE tenant_id = $1 AND user_id = $2 AND origin = ANY($3)",
);
const TAKE: Statement = Statement::inserting(
    "INSERT INTO notes (tenant_id, user_id, title, content, version, created_at, updated_at, deleted_at)
     VALUES ($1, $2, $3, $4, 1, $5, $6, $7)",
);
// In the transaction that has just written the note, on the connection whose sequence gave its number.
const REMEMBER: Statement = Statement::inserting(
    "INSERT INTO imported_notes (tenant_id, user_id, origin, note_id) \
     VALUES ($1, $2, $3, currval('notes_id_seq'))",
);

pub(super) const ALL: &[&Statement] =
    &[&NOTES_OF_ALL, &NOTES_OF_ONE, &REVISIONS, &SHARES, &PEOPLE, &KNOWN, &TAKE, &REMEMBER];

/// Whose notes leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that one user wrote.
    Of(UserId),
    /// All of the tenant's.
    Everybody,
}

/// A note with the time at which it was put into the bin.
pub struct LeavingNote {
    /// The note.
    pub note: Note,
    /// When it was deleted, if it was.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// With whom a note is shared.
pub struct LeavingShare {
    /// The note.
    pub note: i64,
    /// A user's number, or 0 for everyone.
    pub audience: i64,
    /// "read" or "edit".
    pub access: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// Somebody who is or was in the tenant.
pub struct LeavingPerson {
    /// The number.
    pub id: i64,
    /// The name.
    pub username: String,
    /// The e-mail, if given.
    pub email: Option<String>,
    /// The role.
    pub role: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when, for those who left.
    pub removed_at: Option<DateTime<Utc>>,
}

/// A note that comes in.
#[derive(Clone, Debug)]
pub struct ComingNote {
    /// Names the note in its archive: the same there, the same here.
    pub origin: Vec<u8>,
    /// The title.
    pub title: Option<NoteTitle>,
    /// The text.
    pub content: NoteContent,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its text last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was put into the bin, if it was.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl TenantHandle {
    /// Up to `limit` notes with numbers above `after`, in the order of their numbers.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn leaving_notes(
        &self,
        scope: Scope,
        after: i64,
        limit: i64,
    ) -> Result<Vec<LeavingNote>, DbError> {
        let tenant = self.tenant().number();
        let rows = match scope {
            Scope::Everybody => self.rows(&NOTES_OF_ALL, &[&tenant, &after, &limit]).await?,
            Scope::Of(user) => self.rows(&NOTES_OF_ONE, &[&tenant, &after, &limit, &user.number()]).await?,
        };
        Ok(rows.iter().map(|row| LeavingNote { note: Note::from_row(row), deleted_at: row.get(7) }).collect())
    }

    /// Up to `limit` replaced texts of a note above version `after`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn leaving_revisions(
        &self,
        note: NoteId,
        after: i32,
        limit: i64,
    ) -> Result<Vec<Revision>, DbError> {
        let rows = self.rows(&REVISIONS, &[&self.tenant().number(), &note.number(), &after, &limit]).await?;
        Ok(rows.iter().map(Revision::from_row).collect())
    }

    /// The shares of these notes.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn leaving_shares(&self, notes: &[i64]) -> Result<Vec<LeavingShare>, DbError> {
        let rows = self.rows(&SHARES, &[&self.tenant().number(), &notes]).await?;
        let share = |row: &Row| LeavingShare {
            note: row.get(0),
            audience: row.get(1),
            access: row.get(2),
            created_at: row.get(3),
        };
        Ok(rows.iter().map(share).collect())
    }

    /// Up to `limit` people with numbers above `after`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn leaving_people(&self, after: i64, limit: i64) -> Result<Vec<LeavingPerson>, DbError> {
        let rows = self.rows(&PEOPLE, &[&self.tenant().number(), &after, &limit]).await?;
        let person = |row: &Row| LeavingPerson {
            id: row.get(0),
            username: row.get(1),
            email: row.get(2),
            role: row.get(3),
            created_at: row.get(4),
            removed_at: row.get(5),
        };
        Ok(rows.iter().map(person).collect())
    }

    /// Which of these notes a user took in before.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn known_origins(
        &self,
        user: UserId,
        origins: &[Vec<u8>],
    ) -> Result<HashSet<Vec<u8>>, DbError> {
        let rows = self.rows(&KNOWN, &[&self.tenant().number(), &user.number(), &origins]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Takes notes in for a user, all of them or none.
    ///
    /// # Errors
    /// [`DbError::Taken`] when one of them came in meanwhile; otherwise that of the transaction.
    pub async fn take_in(&self, user: UserId, notes: &[ComingNote]) -> Result<(), DbError> {
        let (tenant, user) = (self.tenant().number(), user.number());
        let titles: Vec<Option<&str>> =
            notes.iter().map(|note| note.title.as_ref().map(NoteTitle::as_str)).collect();
        let contents: Vec<&str> = notes.iter().map(|note| note.content.as_str()).collect();
        type Written<'a> = ([&'a dyn Value; 7], [&'a dyn Value; 3]);
        let values: Vec<Written<'_>> = notes
            .iter()
            .zip(titles.iter().zip(&contents))
            .map(|(note, (title, content))| {
                (
                    [
                        &tenant as _,
                        &user as _,
                        title as _,
                        content as _,
                        &note.created_at as _,
                        &note.updated_at as _,
                        &note.deleted_at as _,
                    ],
                    [&tenant as _, &user as _, &note.origin as _],
                )
            })
            .collect();
        let steps: Vec<Step<'_>> = values
            .iter()
            .flat_map(|(note, origin)| {
                [Step { statement: &TAKE, values: note }, Step { statement: &REMEMBER, values: origin }]
            })
            .collect();
        self.transaction(&steps).await.map(drop)
    }
}
