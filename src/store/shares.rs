//! Shares: what an author decided, and what has arrived of it in the recipients' inboxes.

use tokio_postgres::types::ToSql;

use super::notes::{INSERT as INSERT_NOTE, Note};
use super::outbox::{ACKNOWLEDGE, ENQUEUE_FOR_NEW_NOTE, ENQUEUE_FOR_NOTE, INSERT_TO_SHARED};
use crate::db::{DbError, Statement, Step, TenantHandle};
use crate::domain::{Access, Audience, NoteContent, NoteId, NoteTitle, UserId};

// Only the author of a note that is there shares it; the statement finds that out itself.
const SHARE: Statement = Statement::new(
    "INSERT INTO shares AS share (tenant_id, note_id, audience, access, shared_by)
     SELECT n.tenant_id, n.id, $4::bigint, $5::text, n.user_id FROM notes n
     WHERE n.tenant_id = $1 AND n.user_id = $2 AND n.id = $3 AND n.deleted_at IS NULL
     ON CONFLICT (tenant_id, note_id, audience) DO UPDATE SET access = excluded.access
     RETURNING share.note_id",
);
// In the transaction that has just written the note, on the connection whose sequence gave its number.
const SHARE_NEW: Statement =
    Statement::new("INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) VALUES ($1, currval('notes_id_seq'), $2, $3, $4)");
// Whoever takes a share back meanwhile waits for the delivery, and so removes what it delivered.
const HOLD: Statement = Statement::new("SELECT audience FROM shares WHERE tenant_id = $1 AND note_id = $2 FOR SHARE");
// Rights are looked at when the message arrives and not when it was sent: shares that stand, of a note that is there, by its
// author who is still a member, to people who are still members. One statement, however many people it is for. Of several
// shares with one person 'edit' wins, which comes first in the alphabet.
const DELIVER: Statement = Statement::new(
    "INSERT INTO shared_notes AS inbox (tenant_id, recipient_id, note_id, shared_by, access)
     SELECT s.tenant_id, u.id, s.note_id, n.user_id, min(s.access)
     FROM shares s
     JOIN notes n ON n.tenant_id = s.tenant_id AND n.id = s.note_id AND n.user_id = s.shared_by AND n.deleted_at IS NULL
     JOIN shared.users a ON a.tenant_id = n.tenant_id AND a.id = n.user_id AND a.removed_at IS NULL
     JOIN shared.users u ON u.tenant_id = s.tenant_id AND (s.audience = 0 OR s.audience = u.id)
          AND u.removed_at IS NULL AND u.id <> n.user_id
     WHERE s.tenant_id = $1 AND s.note_id = $2
     GROUP BY s.tenant_id, u.id, s.note_id, n.user_id
     ON CONFLICT (tenant_id, recipient_id, note_id) DO UPDATE SET access = excluded.access WHERE inbox.access <> excluded.access",
);

// The same for one person who came later, of all that is shared with everybody. What is there already was put there by
// DELIVER, which looks at all shares of its note.
const HOLD_FOR_EVERYONE: Statement = Statement::new("SELECT note_id FROM shares WHERE tenant_id = $1 AND audience = 0 FOR SHARE");
const DELIVER_TO_NEWCOMER: Statement = Statement::new(
    "INSERT INTO shared_notes (tenant_id, recipient_id, note_id, shared_by, access)
     SELECT s.tenant_id, u.id, s.note_id, n.user_id, s.access
     FROM shares s
     JOIN notes n ON n.tenant_id = s.tenant_id AND n.id = s.note_id AND n.user_id = s.shared_by AND n.deleted_at IS NULL
     JOIN shared.users a ON a.tenant_id = n.tenant_id AND a.id = n.user_id AND a.removed_at IS NULL
     JOIN shared.users u ON u.tenant_id = s.tenant_id AND u.id = $2 AND u.removed_at IS NULL AND u.id <> n.user_id
     WHERE s.tenant_id = $1 AND s.audience = 0
     ON CONFLICT (tenant_id, recipient_id, note_id) DO NOTHING",
);

pub(super) const ALL: &[&Statement] = &[&SHARE, &SHARE_NEW, &HOLD, &DELIVER, &HOLD_FOR_EVERYONE, &DELIVER_TO_NEWCOMER];

/// With whom a note is to be shared, and for what.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Who gets to see it.
    pub audience: Audience,
    /// What they may do.
    pub access: Access,
}

impl Sharing {
    /// What the message says of its audience; the rights are looked up again when it arrives.
    fn payload(&self) -> String {
        match &self.audience {
            Audience::Everyone => r#"{"audience":"everyone"}"#.to_owned(),
            Audience::Members(members) => serde_json::json!({ "audience": members }).to_string(),
        }
    }
}

impl TenantHandle {
    /// Writes a note and shares it, in one transaction with the message that fills the inboxes.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then wrote nothing, unless the connection broke at the commit.
    pub async fn create_shared_note(
        &self,
        author: UserId,
        title: Option<&NoteTitle>,
        content: &NoteContent,
        sharing: &Sharing,
    ) -> Result<Note, DbError> {
        let (tenant, author, payload) = (self.tenant().number(), author.number(), sharing.payload());
        let (title, content, access) = (title.map(NoteTitle::as_str), content.as_str(), sharing.access.as_str());
        let audiences = sharing.audience.numbers();
        let shares: Vec<[&(dyn ToSql + Sync); 4]> =
            audiences.iter().map(|audience| [&tenant as _, audience as _, &access as _, &author as _]).collect();
        let note: [&(dyn ToSql + Sync); 4] = [&tenant, &author, &title, &content];
        let message: [&(dyn ToSql + Sync); 4] = [&tenant, &INSERT_TO_SHARED, &author, &payload];
        let mut steps = vec![Step { statement: &INSERT_NOTE, values: &note }];
        steps.extend(shares.iter().map(|values| Step { statement: &SHARE_NEW, values }));
        steps.push(Step { statement: &ENQUEUE_FOR_NEW_NOTE, values: &message });
        let results = self.transaction(&steps).await?;
        let row = results.first().and_then(|rows| rows.first()).ok_or(DbError::Unavailable(None))?;
        Ok(Note::from_row(row))
    }

    /// Shares a note of `author`, in one transaction with the message that fills the inboxes, and gives the message's number;
    /// none when there is no such note of that author.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing, unless the connection broke at the commit.
    pub async fn share_note(&self, author: UserId, note: NoteId, sharing: &Sharing) -> Result<Option<i64>, DbError> {
        let (tenant, author, note, payload) = (self.tenant().number(), author.number(), note.number(), sharing.payload());
        let access = sharing.access.as_str();
        let audiences = sharing.audience.numbers();
        let shares: Vec<[&(dyn ToSql + Sync); 5]> =
            audiences.iter().map(|audience| [&tenant as _, &author as _, &note as _, audience as _, &access as _]).collect();
        let message: [&(dyn ToSql + Sync); 5] = [&tenant, &INSERT_TO_SHARED, &author, &note, &payload];
        let mut steps: Vec<Step<'_>> = shares.iter().map(|values| Step { statement: &SHARE, values }).collect();
        steps.push(Step { statement: &ENQUEUE_FOR_NOTE, values: &message });
        let results = self.transaction(&steps).await?;
        let shared = results.first().is_some_and(|rows| !rows.is_empty());
        Ok(results.last().and_then(|rows| rows.first()).filter(|_| shared).map(|row| row.get(0)))
    }

    /// Fills the inboxes of those with whom a note is shared now, and marks the message as done, in one transaction. Doing it
    /// twice changes nothing more, and what was taken back meanwhile does not arrive.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn deliver_shares(&self, note: NoteId, message: i64) -> Result<(), DbError> {
        let (tenant, note) = (self.tenant().number(), note.number());
        self.transaction(&[
            Step { statement: &HOLD, values: &[&tenant, &note] },
            Step { statement: &DELIVER, values: &[&tenant, &note] },
            Step { statement: &ACKNOWLEDGE, values: &[&tenant, &message] },
        ])
        .await
        .map(drop)
    }
    /// Puts what is shared with everybody into the inbox of somebody who came later, and marks the message as done, in one
    /// transaction. Doing it twice changes nothing more.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn catch_up(&self, newcomer: UserId, message: i64) -> Result<(), DbError> {
        let (tenant, newcomer) = (self.tenant().number(), newcomer.number());
        self.transaction(&[
            Step { statement: &HOLD_FOR_EVERYONE, values: &[&tenant] },
            Step { statement: &DELIVER_TO_NEWCOMER, values: &[&tenant, &newcomer] },
            Step { statement: &ACKNOWLEDGE, values: &[&tenant, &message] },
        ])
        .await
        .map(drop)
    }
}
