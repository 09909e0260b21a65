//! The sharing of a note as its author sees it: the shares, the recipients, and the end of a share.

use chrono::{DateTime, Utc};

use super::note_access::{AccessibleNote, NoteAccess, find};
use super::outbox::DeliveryState;
use crate::db::{DbError, FromRow, RowReader, Statement, Step, TenantHandle, values};
use crate::domain::{AUDIENCE_LIMIT, Access, Audience, NoteId, Right, UserId, Username};

/// The most users that a page offers as checkboxes; in a larger tenant the author types names.
pub const OFFERED: u16 = 50;
/// The most recipients that a page names.
const NAMED: i64 = 100;

static SHARES: Statement = Statement::reading(
    "SELECT s.audience, u.username, s.access, s.created_at, i.created_at, i.read_at FROM {shares} s
     LEFT JOIN {shared.users} u ON u.tenant_id = s.tenant_id AND u.id = s.audience
     LEFT JOIN {shared_notes} i ON i.tenant_id = s.tenant_id AND i.recipient_id = s.audience
     AND i.note_id = s.note_id
     WHERE s.tenant_id = $1 AND s.note_id = $2 ORDER BY s.audience <> 0, u.username_key LIMIT $3",
);
static RECIPIENTS: Statement = Statement::reading(
    "SELECT u.username, i.access, i.created_at, i.read_at FROM {shared_notes} i
     JOIN {shared.users} u ON u.tenant_id = i.tenant_id AND u.id = i.recipient_id
     WHERE i.tenant_id = $1 AND i.note_id = $2 ORDER BY i.read_at IS NULL, u.username_key LIMIT $3",
);
static RECIPIENT_COUNT: Statement = Statement::reading(
    "SELECT count(*), count(read_at) FROM {shared_notes} WHERE tenant_id = $1 AND note_id = $2",
);
static COLLEAGUES: Statement = Statement::reading(
    "SELECT id, username FROM {shared.users}
     WHERE tenant_id = $1 AND id <> $2 AND removed_at IS NULL ORDER BY username_key LIMIT $3",
);
static COLLEAGUE: Statement = Statement::reading(
    "SELECT id FROM {shared.users} WHERE tenant_id = $1 AND id = $2 AND id <> $3 AND removed_at IS NULL",
);
static COLLEAGUE_BY_NAME: Statement = Statement::reading(
    "SELECT id FROM {shared.users} WHERE tenant_id = $1 AND username_key = $2 AND id <> $3 \
     AND removed_at IS NULL",
);

// A share ends in one transaction of four statements, and their order matters.
// 1. LOCK_SHARES locks all shares of the note. It waits for a delivery that fills inboxes now (the delivery
//    locks the same rows, see LOCK_SHARES in `shares`), so that what was delivered can be removed. A later
//    delivery finds the share gone. Of two transactions that end different shares at the same time the second
//    waits here, too: otherwise each would leave a recipient's access to the share that the other removes.
// 2. UNSHARE deletes the share.
// 3. REMOVE_UNCOVERED takes the note out of the inboxes that no remaining share covers.
// 4. LOWER_ACCESS lowers access to edit that no remaining share gives.
// The last two see what the earlier statements waited for. Each waits for an edit that rests on the access
// (LOCK_RIGHT in `edits`), and a later edit finds no access. They touch only the author's own shares,
// whatever the caller checked.
static LOCK_SHARES: Statement = Statement::writing(
    "SELECT audience FROM {shares} WHERE tenant_id = $1 AND note_id = $2 AND shared_by = $3 \
     ORDER BY audience FOR UPDATE",
);
static UNSHARE: Statement = Statement::writing(
    "DELETE FROM {shares} WHERE tenant_id = $1 AND note_id = $2 AND shared_by = $3 AND audience = $4 \
     RETURNING audience",
);
// It counts the shares, because Citus 14.0 plans NOT EXISTS as a join, and then also tries a plan for any
// tenant, which reads all shards.
static REMOVE_UNCOVERED: Statement = Statement::writing(
    "DELETE FROM {shared_notes} i WHERE i.tenant_id = $1 AND i.note_id = $2 AND i.shared_by = $3
     AND 0 = (SELECT count(*) FROM {shares} s WHERE s.tenant_id = $1 AND s.note_id = $2
     AND s.audience IN (0, i.recipient_id))",
);
static LOWER_ACCESS: Statement = Statement::writing(
    "UPDATE {shared_notes} i SET access = 'read'
     WHERE i.tenant_id = $1 AND i.note_id = $2 AND i.shared_by = $3 AND i.access = 'edit'
     AND 0 = (SELECT count(*) FROM {shares} s WHERE s.tenant_id = $1 AND s.note_id = $2 AND s.access = 'edit'
              AND s.audience IN (0, i.recipient_id))",
);

pub(super) static ALL: &[&Statement] = &[
    &SHARES,
    &RECIPIENTS,
    &RECIPIENT_COUNT,
    &COLLEAGUES,
    &COLLEAGUE,
    &COLLEAGUE_BY_NAME,
    &LOCK_SHARES,
    &UNSHARE,
    &REMOVE_UNCOVERED,
    &LOWER_ACCESS,
];

/// A share of a note.
pub struct Share {
    /// One user, or everyone.
    pub audience: Audience,
    /// The user's name, unless the share is with everyone.
    pub username: Option<String>,
    pub access: Access,
    pub shared_at: DateTime<Utc>,
    /// When the note was delivered to the user's inbox.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When the user first opened the note.
    pub read_at: Option<DateTime<Utc>>,
}

impl FromRow for Share {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            audience: match row.read() {
                0 => Audience::Everyone,
                user => Audience::Members(vec![UserId::from_row(user)]),
            },
            username: row.read(),
            access: row.read(),
            shared_at: row.read(),
            delivered_at: row.read(),
            read_at: row.read(),
        }
    }
}

/// A user who has the note in the inbox.
pub struct Recipient {
    pub username: String,
    pub access: Access,
    pub delivered_at: DateTime<Utc>,
    /// When the user first opened the note.
    pub read_at: Option<DateTime<Utc>>,
}

impl FromRow for Recipient {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { username: row.read(), access: row.read(), delivered_at: row.read(), read_at: row.read() }
    }
}

/// The sharing of a note, for its author.
pub struct SharingState {
    pub note: AccessibleNote,
    /// Everyone first, then by name.
    pub shares: Vec<Share>,
    /// How far the latest share was delivered; none if the note is not shared.
    pub delivery: Option<DeliveryState>,
    /// At most 100 users who have the note, those who opened it first.
    pub recipients: Vec<Recipient>,
    /// How many users have the note.
    pub delivered: i64,
    /// How many of them opened it.
    pub read: i64,
    /// The other users of the tenant by name, at most one more than [`OFFERED`].
    pub colleagues: Vec<(UserId, String)>,
}

/// Lowers access to edit that no share of the note gives any more.
pub(super) fn lower_access<'a>(author: UserId, note: NoteId) -> Step<'a, ()> {
    LOWER_ACCESS.run(values![note, author])
}

impl TenantHandle {
    /// How a note of `author` is shared, and with which users it could be shared.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn sharing(&self, author: UserId, note: NoteId) -> Result<NoteAccess<SharingState>, DbError> {
        // A note may have more shares than one request may name users.
        let most_shares = 10 * i64::try_from(AUDIENCE_LIMIT).unwrap_or(100);
        let (access, shares, recipients, counts, colleagues, delivery) = self
            .transaction((
                find(author, note, Right::Own),
                SHARES.all(values![note, most_shares]),
                RECIPIENTS.all(values![note, NAMED]),
                RECIPIENT_COUNT.first(values![note]),
                COLLEAGUES.all(values![author, i64::from(OFFERED) + 1]),
                DeliveryState::of_note(author, note),
            ))
            .await?;
        let (delivered, read) = counts.unwrap_or_default();
        Ok(access.map(|note| SharingState {
            note,
            shares,
            delivery,
            recipients,
            delivered,
            read,
            colleagues,
        }))
    }

    /// Which of these numbers are users of this tenant other than `user`, in the same order.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn colleagues_among(
        &self,
        user: UserId,
        members: &[i64],
    ) -> Result<Vec<Option<UserId>>, DbError> {
        let steps: Vec<_> = members.iter().map(|member| COLLEAGUE.first(values![*member, user])).collect();
        self.look_up(steps).await
    }

    /// The users of this tenant with these names, other than `user`, in the same order.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn colleagues_named(
        &self,
        user: UserId,
        names: &[Username],
    ) -> Result<Vec<Option<UserId>>, DbError> {
        let steps: Vec<_> =
            names.iter().map(|name| COLLEAGUE_BY_NAME.first(values![name.key(), user])).collect();
        self.look_up(steps).await
    }

    /// Ends a share of `author` and tells whether there was one. From the next request on no user reads or
    /// edits the note by that share.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing, unless the connection broke at the commit.
    pub async fn unshare(&self, author: UserId, note: NoteId, audience: &Audience) -> Result<bool, DbError> {
        let Some(audience) = audience.numbers().first().copied() else { return Ok(false) };
        let ((), was_shared, (), ()) = self
            .transaction((
                LOCK_SHARES.run(values![note, author]),
                UNSHARE.any(values![note, author, audience]),
                REMOVE_UNCOVERED.run(values![note, author]),
                lower_access(author, note),
            ))
            .await?;
        Ok(was_shared)
    }

    async fn look_up(&self, steps: Vec<Step<'_, Option<UserId>>>) -> Result<Vec<Option<UserId>>, DbError> {
        if steps.is_empty() { Ok(Vec::new()) } else { self.transaction(steps).await }
    }
}
