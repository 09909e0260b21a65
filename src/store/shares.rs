//! Sharing a note, and delivering it to the recipients' inboxes.

use super::idempotency::{IdempotentRequest, Outcome, record_new_message};
use super::outbox::{acknowledge, enqueue_for_note};
use super::recipients::lower_access;
use crate::db::{DbError, Statement, Step, TenantHandle, values};
use crate::domain::{Access, Audience, InsertToShared, NoteId, UserId};

// The statement itself checks that the user is the author of a note that is not deleted.
static SHARE: Statement = Statement::writing(
    "INSERT INTO {shares} AS share (tenant_id, note_id, audience, access, shared_by)
     SELECT n.tenant_id, n.id, $4::bigint, $5::text, n.user_id FROM {notes} n
     WHERE n.tenant_id = $1 AND n.user_id = $2 AND n.id = $3 AND n.deleted_at IS NULL
     ON CONFLICT (tenant_id, note_id, audience) DO UPDATE SET access = excluded.access
     RETURNING share.note_id",
);
// In the transaction that has just written the note, on the connection whose sequence gave its id.
static SHARE_NEW: Statement = Statement::inserting(
    "INSERT INTO {shares} (tenant_id, note_id, audience, access, shared_by) \
     VALUES ($1, currval('notes_id_seq'), $2, $3, $4)",
);
// A transaction that ends a share waits for the delivery, and so removes what it delivered.
static LOCK_SHARES: Statement =
    Statement::writing("SELECT audience FROM {shares} WHERE tenant_id = $1 AND note_id = $2 FOR SHARE");
// Rights are checked when the message arrives and not when it was sent: the share and the note still exist,
// the note is the sharer's, and the sharer and the recipients are members. One statement serves any number of
// recipients. Of several shares with one user 'edit' wins, which is first in the alphabet.
static DELIVER: Statement = Statement::writing(
    "INSERT INTO {shared_notes} AS inbox (tenant_id, recipient_id, note_id, shared_by, access)
     SELECT s.tenant_id, u.id, s.note_id, n.user_id, min(s.access)
     FROM {shares} s
     JOIN {notes} n ON n.tenant_id = s.tenant_id AND n.id = s.note_id AND n.user_id = s.shared_by
     AND n.deleted_at IS NULL
     JOIN {shared.users} a ON a.tenant_id = n.tenant_id AND a.id = n.user_id AND a.removed_at IS NULL
     JOIN {shared.users} u ON u.tenant_id = s.tenant_id AND (s.audience = 0 OR s.audience = u.id)
          AND u.removed_at IS NULL AND u.id <> n.user_id
     WHERE s.tenant_id = $1 AND s.note_id = $2
     GROUP BY s.tenant_id, u.id, s.note_id, n.user_id
     ON CONFLICT (tenant_id, recipient_id, note_id) DO UPDATE SET access = excluded.access
     WHERE inbox.access <> excluded.access",
);

// The same for a new member, of all that is shared with everyone. It skips what is in the inbox already,
// because DELIVER put that there, which considers all shares of the note.
static LOCK_SHARES_WITH_EVERYONE: Statement =
    Statement::writing("SELECT note_id FROM {shares} WHERE tenant_id = $1 AND audience = 0 FOR SHARE");
static DELIVER_TO_NEWCOMER: Statement = Statement::writing(
    "INSERT INTO {shared_notes} (tenant_id, recipient_id, note_id, shared_by, access)
     SELECT s.tenant_id, u.id, s.note_id, n.user_id, s.access
     FROM {shares} s
     JOIN {notes} n ON n.tenant_id = s.tenant_id AND n.id = s.note_id AND n.user_id = s.shared_by
     AND n.deleted_at IS NULL
     JOIN {shared.users} a ON a.tenant_id = n.tenant_id AND a.id = n.user_id AND a.removed_at IS NULL
     JOIN {shared.users} u ON u.tenant_id = s.tenant_id AND u.id = $2 AND u.removed_at IS NULL
     AND u.id <> n.user_id
     WHERE s.tenant_id = $1 AND s.audience = 0
     ON CONFLICT (tenant_id, recipient_id, note_id) DO NOTHING",
);

pub(super) static ALL: &[&Statement] =
    &[&SHARE, &SHARE_NEW, &LOCK_SHARES, &DELIVER, &LOCK_SHARES_WITH_EVERYONE, &DELIVER_TO_NEWCOMER];

/// A request to share a note.
#[derive(Clone, Debug)]
pub struct Sharing {
    pub audience: Audience,
    pub access: Access,
}

impl Sharing {
    /// The payload of the message. The delivery reads the shares themselves.
    pub(super) fn payload(&self) -> String {
        InsertToShared::of(&self.audience).to_json()
    }
}

/// Shares the note that the same transaction has just written.
pub(super) fn share_new_note<'a>(author: UserId, sharing: &Sharing) -> Vec<Step<'a, ()>> {
    let access = sharing.access.as_str();
    let audiences = sharing.audience.numbers().into_iter();
    audiences.map(|audience| SHARE_NEW.run(values![audience, access, author])).collect()
}

impl TenantHandle {
    /// Shares a note of `author`, in one transaction with the message that delivers it. Gives the number of
    /// the message; none when there is no such note of that author.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing, unless the connection broke at the commit.
    pub async fn share_note(
        &self,
        author: UserId,
        note: NoteId,
        sharing: &Sharing,
        request: Option<&IdempotentRequest>,
    ) -> Result<Outcome<Option<i64>>, DbError> {
        let shared = self.insert_shares(author, note, sharing, request).await;
        Ok(match self.resolve_replay(author, request, shared).await? {
            Outcome::First(message) => Outcome::First(message),
            Outcome::Replay(recorded) => Outcome::Replay(Some(recorded.created)),
            Outcome::KeyReused => Outcome::KeyReused,
        })
    }

    async fn insert_shares(
        &self,
        author: UserId,
        note: NoteId,
        sharing: &Sharing,
        request: Option<&IdempotentRequest>,
    ) -> Result<Option<i64>, DbError> {
        let access = sharing.access.as_str();
        let shares: Vec<_> = sharing
            .audience
            .numbers()
            .into_iter()
            .map(|audience| SHARE.any(values![author, note, audience, access]))
            .collect();
        let (shared, (), message, _) = self
            .transaction((
                shares,
                // A recipient whose share now only gives access to read stops editing at once. The message
                // delivers what a share adds.
                lower_access(author, note),
                enqueue_for_note(author, note, sharing.payload()),
                request.map(|request| record_new_message(author, request)),
            ))
            .await?;
        Ok(message.filter(|_| shared.first().is_some_and(|shared| *shared)))
    }

    /// Delivers a note to the inboxes of the users with whom it is shared now, and acknowledges the message,
    /// in one transaction. A repetition changes nothing, and a share that ended meanwhile is not delivered.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn deliver_shares(&self, note: NoteId, message: i64) -> Result<(), DbError> {
        let steps = (LOCK_SHARES.run(values![note]), DELIVER.run(values![note]), acknowledge(message));
        self.long_transaction(steps).await.map(drop)
    }

    /// Delivers what is shared with everyone to the inbox of a new member, and acknowledges the message, in
    /// one transaction. A repetition changes nothing.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn catch_up(&self, newcomer: UserId, message: i64) -> Result<(), DbError> {
        self.long_transaction((
            LOCK_SHARES_WITH_EVERYONE.run(values![]),
            DELIVER_TO_NEWCOMER.run(values![newcomer]),
            acknowledge(message),
        ))
        .await
        .map(drop)
    }
}
