//! The rows of an export, and the notes of an import. An export reads pages by key, each in a call of its
//! own, so that an export of any size holds one page in memory and no transaction open.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::notes::{Note, note_columns};
use super::revisions::{Revision, revision_columns};
use super::usage::add_notes;
use crate::db::{DbError, FromRow, RowReader, Statement, TenantHandle, values};
use crate::domain::{Limit, NoteContent, NoteId, NoteTitle, UserId, counted_bytes};

static NOTES_OF_TENANT: Statement = Statement::reading(concat!(
    "SELECT ",
    note_columns!(whole),
    ", n.deleted_at FROM {notes} n
     WHERE n.tenant_id = $1 AND n.id > $2 AND n.id <= $3 ORDER BY n.id LIMIT $4"
))
.heavy();
static NOTES_OF_USER: Statement = Statement::reading(concat!(
    "SELECT ",
    note_columns!(whole),
    ", n.deleted_at FROM {notes} n
     WHERE n.tenant_id = $1 AND n.id > $2 AND n.id <= $3 AND n.user_id = $5 ORDER BY n.id LIMIT $4"
))
.heavy();
static REVISIONS: Statement = Statement::reading(concat!(
    "SELECT ",
    revision_columns!("u.username"),
    " FROM {note_revisions} r
     LEFT JOIN {shared.users} u ON u.tenant_id = r.tenant_id AND u.id = r.replaced_by
     WHERE r.tenant_id = $1 AND r.note_id = $2 AND r.version > $3 ORDER BY r.version LIMIT $4"
))
.heavy();
static SHARES: Statement = Statement::reading(
    "SELECT note_id, audience, access, created_at FROM {shares} WHERE tenant_id = $1 \
     AND note_id = ANY($2) ORDER BY note_id, audience",
)
.heavy();
static USERS: Statement = Statement::reading(
    "SELECT id, username, email, role, created_at, removed_at FROM {shared.users} WHERE tenant_id = $1 \
     AND id > $2 AND id <= $3 ORDER BY id LIMIT $4",
)
.heavy();
static LAST_NOTE: Statement =
    Statement::reading("SELECT coalesce(max(id), 0) FROM {notes} WHERE tenant_id = $1");
static LAST_USER: Statement =
    Statement::reading("SELECT coalesce(max(id), 0) FROM {shared.users} WHERE tenant_id = $1");
static IN_BIN: Statement = Statement::reading(
    "SELECT count(*) FROM {notes} WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS NOT NULL",
)
.heavy();
static KNOWN_ORIGINS: Statement = Statement::reading(
    "SELECT origin FROM {imported_notes} WHERE tenant_id = $1 AND user_id = $2 AND origin = ANY($3)",
);
static IMPORT: Statement = Statement::inserting(
    "INSERT INTO {notes}
         (id, tenant_id, user_id, title, content, version, created_at, updated_at, deleted_at, search_text,
          search_keys)
     VALUES (nextval('notes_id_seq'), $1, $2, $3, $4, 1, $5, $6, $7, $8, $9)",
)
.heavy();
// In the transaction that has just written the note, on the connection whose sequence gave its id.
static RECORD_ORIGIN: Statement = Statement::inserting(
    "INSERT INTO {imported_notes} (tenant_id, user_id, origin, note_id) \
     VALUES ($1, $2, $3, currval('notes_id_seq'))",
);

pub(super) static ALL: &[&Statement] = &[
    &NOTES_OF_TENANT,
    &NOTES_OF_USER,
    &REVISIONS,
    &SHARES,
    &USERS,
    &LAST_NOTE,
    &LAST_USER,
    &IN_BIN,
    &KNOWN_ORIGINS,
    &IMPORT,
    &RECORD_ORIGIN,
];

/// Which notes an export contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportScope {
    /// The notes of one user.
    User(UserId),
    /// All notes of the tenant.
    Tenant,
}

/// The highest ids that exist when an export begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportBounds {
    pub last_note: i64,
    pub last_user: i64,
}

/// A note of an export.
pub struct ExportedNote {
    pub note: Note,
    /// When the note was deleted, if it is in the bin.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl FromRow for ExportedNote {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { note: row.read(), deleted_at: row.read() }
    }
}

/// A share of an export.
pub struct ExportedShare {
    pub note: i64,
    /// A user's id, or 0 for everyone.
    pub audience: i64,
    /// "read" or "edit".
    pub access: String,
    pub created_at: DateTime<Utc>,
}

impl FromRow for ExportedShare {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { note: row.read(), audience: row.read(), access: row.read(), created_at: row.read() }
    }
}

/// A user of an export: a member, or a former one.
pub struct ExportedUser {
    pub id: i64,
    pub username: String,
    pub email: Option<String>,
    pub role: String,
    pub created_at: DateTime<Utc>,
    /// When the user left the tenant.
    pub removed_at: Option<DateTime<Utc>>,
}

impl FromRow for ExportedUser {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            id: row.read(),
            username: row.read(),
            email: row.read(),
            role: row.read(),
            created_at: row.read(),
            removed_at: row.read(),
        }
    }
}

/// A note of an import.
#[derive(Clone, Debug)]
pub struct ImportedNote {
    /// Identifies the note: an import skips notes whose origin was imported before.
    pub origin: Vec<u8>,
    pub title: Option<NoteTitle>,
    pub content: NoteContent,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When the note was deleted, if it goes into the bin.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl TenantHandle {
    /// The highest ids that exist now.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn export_bounds(&self) -> Result<ExportBounds, DbError> {
        let (last_note, last_user) =
            self.transaction((LAST_NOTE.first(values![]), LAST_USER.first(values![]))).await?;
        let (last_note, last_user) = (last_note.unwrap_or_default(), last_user.unwrap_or_default());
        Ok(ExportBounds { last_note, last_user })
    }

    /// How many notes a user may import into the bin: it has no more notes than the user, or the tenant, may
    /// have in use.
    ///
    /// # Errors
    /// [`DbError`] of the two reads.
    pub async fn room_in_bin(&self, user: UserId) -> Result<i64, DbError> {
        let limits = self.usage(user).await?.limits;
        let allowed = [Limit::NotesPerPerson, Limit::Notes].map(|limit| limits.stored(limit));
        let allowed = allowed.into_iter().filter(|most| *most > 0).min().unwrap_or(i64::MAX);
        let binned = self.transaction(IN_BIN.first(values![user])).await?.unwrap_or(0);
        Ok(allowed.saturating_sub(binned))
    }

    /// Up to `limit` notes with ids above `after` and not above `last`, in the order of their ids.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn exported_notes(
        &self,
        scope: ExportScope,
        (after, last): (i64, i64),
        limit: i64,
    ) -> Result<Vec<ExportedNote>, DbError> {
        self.transaction(match scope {
            ExportScope::Tenant => NOTES_OF_TENANT.all(values![after, last, limit]),
            ExportScope::User(user) => NOTES_OF_USER.all(values![after, last, limit, user]),
        })
        .await
    }

    /// Up to `limit` earlier texts of a note, of versions above `after`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn exported_revisions(
        &self,
        note: NoteId,
        after: i32,
        limit: i64,
    ) -> Result<Vec<Revision>, DbError> {
        self.transaction(REVISIONS.all(values![note, after, limit])).await
    }

    /// The shares of these notes.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn exported_shares(&self, notes: &[i64]) -> Result<Vec<ExportedShare>, DbError> {
        self.transaction(SHARES.all(values![notes])).await
    }

    /// Up to `limit` users with ids above `after` and not above `last`, in the order of their ids.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn exported_users(
        &self,
        (after, last): (i64, i64),
        limit: i64,
    ) -> Result<Vec<ExportedUser>, DbError> {
        self.transaction(USERS.all(values![after, last, limit])).await
    }

    /// Which of these origins a user imported before.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn known_origins(
        &self,
        user: UserId,
        origins: &[Vec<u8>],
    ) -> Result<HashSet<Vec<u8>>, DbError> {
        let known = self.transaction(KNOWN_ORIGINS.all(values![user, origins])).await?;
        Ok(known.into_iter().collect())
    }

    /// Imports notes for a user, all of them or none.
    ///
    /// # Errors
    /// [`DbError::Taken`] if one of them was imported meanwhile, [`DbError::LimitReached`] if they are more
    /// than the user or the tenant may have; otherwise that of the transaction.
    pub async fn import_notes(&self, user: UserId, notes: &[ImportedNote]) -> Result<(), DbError> {
        let mut indexes = Vec::with_capacity(notes.len());
        for note in notes {
            indexes.push(self.search_index(user, note.title.as_ref(), &note.content).await?);
        }
        let steps: Vec<_> = notes
            .iter()
            .zip(&indexes)
            .map(|(note, index)| {
                let (title, content) = (note.title.as_ref().map(NoteTitle::as_str), note.content.as_str());
                let mut values = values![user, title, content, note.created_at, note.updated_at];
                values.extend(values![note.deleted_at, index.text.as_str(), index.keys.as_slice()]);
                (IMPORT.run(values), RECORD_ORIGIN.run(values![user, note.origin.as_slice()]))
            })
            .collect();
        let in_use = notes.iter().filter(|note| note.deleted_at.is_none()).count();
        let bytes = notes.iter().map(|note| counted_bytes(note.title.as_ref(), &note.content)).sum();
        let count = add_notes(self, user, i64::try_from(in_use).unwrap_or(i64::MAX), bytes);
        self.transaction((steps, count)).await.map(drop)
    }
}
