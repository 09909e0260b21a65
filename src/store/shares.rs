//! Shares: what an author decided, and what has arrived of it in the recipients' inboxes.

use super::idempotency::{Once, REMEMBER_NEW_MESSAGE, Turn};
use super::outbox::{ACKNOWLEDGE, ENQUEUE_FOR_NOTE};
use super::recipients::LOWER;
use crate::db::{DbError, Statement, Step, TenantHandle, Value};
use crate::domain::{Access, Audience, INSERT_TO_SHARED, InsertToShared, NoteId, UserId};

// Only the author of a note that is there shares it; the statement finds that out itself.
const SHARE: Statement = Statement::new(
    "INSERT INTO shares AS share (tenant_id, note_id, audience, access, shared_by)
     SELECT n.tenant_id, n.id, $4::bigint, $5::text, n.user_id FROM notes n
     WHERE n.tenant_id = $1 AND n.user_id = $2 AND n.id = $3 AND n.deleted_at IS NULL
     ON CONFLICT (tenant_id, note_id, audience) DO UPDATE SET access = excluded.access
     RETURNING share.note_id",
);
// In the transaction that has just written the note, on the connection whose sequence gave its number.
pub(super) const SHARE_NEW: Statement = Statement::inserting(
    "INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) \
     VALUES ($1, currval('notes_id_seq'), $2, $3, $4)",
);
// Whoever takes a share back meanwhile waits for the delivery, and so removes what it delivered.
const HOLD: Statement =
    Statement::new("SELECT audience FROM shares WHERE tenant_id = $1 AND note_id = $2 FOR SHARE");
// Rights are looked at when the message arrives and not when it was sent: shares that stand, of a note that
// is there, by its author who is still a member, to people who are still members. One statement, however many
// people it is for. Of several shares with one person 'edit' wins, which comes first in the alphabet.
const DELIVER: Statement = Statement::new(
    "INSERT INTO shared_notes AS inbox (tenant_id, recipient_id, note_id, shared_by, access)
     SELECT s.tenant_id, u.id, s.note_id, n.user_id, min(s.access)
     FROM shares s
     JOIN notes n ON n.tenant_id = s.tenant_id AND n.id = s.note_id AND n.user_id = s.shared_by
     AND n.deleted_at IS NULL
     JOIN shared.users a ON a.tenant_id = n.tenant_id AND a.id = n.user_id AND a.removed_at IS NULL
     JOIN shared.users u ON u.tenant_id = s.tenant_id AND (s.audience = 0 OR s.audience = u.id)
          AND u.removed_at IS NULL AND u.id <> n.user_id
     WHERE s.tenant_id = $1 AND s.note_id = $2
     GROUP BY s.tenant_id, u.id, s.note_id, n.user_id
     ON CONFLICT (tenant_id, recipient_id, note_id) DO UPDATE SET access = excluded.access
     WHERE inbox.access <> excluded.access",
);

// The same for one person who came later, of all that is shared with everybody. What is there already was put
// there by DELIVER, which looks at all shares of its note.
const HOLD_FOR_EVERYONE: Statement =
    Statement::new("SELECT note_id FROM shares WHERE tenant_id = $1 AND audience = 0 FOR SHARE");
const DELIVER_TO_NEWCOMER: Statement = Statement::new(
    "INSERT INTO shared_notes (tenant_id, recipient_id, note_id, shared_by, access)
     SELECT s.tenant_id, u.id, s.note_id, n.user_id, s.access
     FROM shares s
     JOIN notes n ON n.tenant_id = s.tenant_id AND n.id = s.note_id AND n.user_id = s.shared_by
     AND n.deleted_at IS NULL
     JOIN shared.users a ON a.tenant_id = n.tenant_id AND a.id = n.user_id AND a.removed_at IS NULL
     JOIN shared.users u ON u.tenant_id = s.tenant_id AND u.id = $2 AND u.removed_at IS NULL
     AND u.id <> n.user_id
     WHERE s.tenant_id = $1 AND s.audience = 0
     ON CONFLICT (tenant_id, recipient_id, note_id) DO NOTHING",
);

pub(super) const ALL: &[&Statement] =
    &[&SHARE, &SHARE_NEW, &HOLD, &DELIVER, &HOLD_FOR_EVERYONE, &DELIVER_TO_NEWCOMER];

/// With whom a note is to be shared, and for what.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Who gets to see it.
    pub audience: Audience,
    /// What they may do.
    pub access: Access,
}

/// What came of sharing a note.
pub enum Shared {
    /// It is shared; the message of this number fills the inboxes.
    Message(i64),
    /// There is no such note of that author.
    NoSuchNote,
    /// The request's key was used for something else; nothing was shared.
    OtherRequest,
}

impl Sharing {
    /// What the message says of its audience; the rights are looked up again when it arrives.
    pub(super) fn payload(&self) -> String {
        InsertToShared::of(&self.audience).to_json()
    }
}

impl TenantHandle {
    /// Shares a note of `author`, in one transaction with the message that fills the inboxes.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing, unless the connection broke at the commit.
    pub async fn share_note(
        &self,
        author: UserId,
        note: NoteId,
        sharing: &Sharing,
        once: Option<&Once>,
    ) -> Result<Shared, DbError> {
        match self.turn(author, once, self.share(author, note, sharing, once).await).await? {
            Turn::First(message) => Ok(message.map_or(Shared::NoSuchNote, Shared::Message)),
            Turn::Again { created, .. } => Ok(Shared::Message(created)),
            Turn::OtherRequest => Ok(Shared::OtherRequest),
        }
    }

    async fn share(
        &self,
        author: UserId,
        note: NoteId,
        sharing: &Sharing,
        once: Option<&Once>,
    ) -> Result<Option<i64>, DbError> {
        let (tenant, author, note, payload) =
            (self.tenant().number(), author.number(), note.number(), sharing.payload());
        let access = sharing.access.as_str();
        let audiences = sharing.audience.numbers();
        let key = once.map(|once| (once.key.as_str(), once.request_hash.as_slice()));
        let shares: Vec<[&dyn Value; 5]> = audiences
            .iter()
            .map(|audience| [&tenant as _, &author as _, &note as _, audience as _, &access as _])
            .collect();
        let message: [&dyn Value; 5] = [&tenant, &INSERT_TO_SHARED, &author, &note, &payload];
        let of_note: [&dyn Value; 3] = [&tenant, &note, &author];
        let remembered: Option<[&dyn Value; 4]> =
            key.as_ref().map(|(key, hash)| [&tenant as _, &author as _, key as _, hash as _]);
        let mut steps: Vec<Step<'_>> =
            shares.iter().map(|values| Step { statement: &SHARE, values }).collect();
        // Whom a share now lets read only stops editing at once; what it adds arrives with the message.
        steps.push(Step { statement: &LOWER, values: &of_note });
        let message_at = steps.len();
        steps.push(Step { statement: &ENQUEUE_FOR_NOTE, values: &message });
        steps.extend(remembered.as_ref().map(|values| Step { statement: &REMEMBER_NEW_MESSAGE, values }));
        let results = self.transaction(&steps).await?;
        let shared = results.first().is_some_and(|rows| !rows.is_empty());
        Ok(results.get(message_at).and_then(|rows| rows.first()).filter(|_| shared).map(|row| row.get(0)))
    }

    /// Fills the inboxes of those with whom a note is shared now, and marks the message as done, in one
    /// transaction. Doing it twice changes nothing more, and what was taken back meanwhile does not arrive.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn deliver_shares(&self, note: NoteId, message: i64) -> Result<(), DbError> {
        let (tenant, note) = (self.tenant().number(), note.number());
        self.patient_transaction(&[
            Step { statement: &HOLD, values: &[&tenant, &note] },
            Step { statement: &DELIVER, values: &[&tenant, &note] },
            Step { statement: &ACKNOWLEDGE, values: &[&tenant, &message] },
        ])
        .await
        .map(drop)
    }

    /// Puts what is shared with everybody into the inbox of somebody who came later, and marks the message as
    /// done, in one transaction. Doing it twice changes nothing more.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn catch_up(&self, newcomer: UserId, message: i64) -> Result<(), DbError> {
        let (tenant, newcomer) = (self.tenant().number(), newcomer.number());
        self.patient_transaction(&[
            Step { statement: &HOLD_FOR_EVERYONE, values: &[&tenant] },
            Step { statement: &DELIVER_TO_NEWCOMER, values: &[&tenant, &newcomer] },
            Step { statement: &ACKNOWLEDGE, values: &[&tenant, &message] },
        ])
        .await
        .map(drop)
    }
}
