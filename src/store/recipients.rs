//! With whom an author shares a note, who has it, and the end of a share.

use chrono::{DateTime, Utc};

use super::note_access::{FIND, Grant, RECEIVED, Seen, grant};
use super::outbox::DeliveryState;
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{AUDIENCE_LIMIT, Access, Audience, NoteId, Right, UserId, Username};

/// The most people whom a page offers as boxes to tick; of more, one types the names.
pub const OFFERED: u16 = 50;
/// The most recipients that a page names.
const NAMED: i64 = 100;

const SHARES: Statement = Statement::new(
    "SELECT s.audience, u.username, s.access, s.created_at, i.created_at, i.read_at FROM shares s
     LEFT JOIN shared.users u ON u.tenant_id = s.tenant_id AND u.id = s.audience
     LEFT JOIN shared_notes i ON i.tenant_id = s.tenant_id AND i.recipient_id = s.audience
     AND i.note_id = s.note_id
     WHERE s.tenant_id = $1 AND s.note_id = $2 ORDER BY s.audience <> 0, u.username_key LIMIT $3",
);
const RECIPIENTS: Statement = Statement::new(
    "SELECT u.username, i.access, i.created_at, i.read_at FROM shared_notes i
     JOIN shared.users u ON u.tenant_id = i.tenant_id AND u.id = i.recipient_id
     WHERE i.tenant_id = $1 AND i.note_id = $2 ORDER BY i.read_at IS NULL, u.username_key LIMIT $3",
);
const RECIPIENT_COUNT: Statement =
    Statement::new("SELECT count(*), count(read_at) FROM shared_notes WHERE tenant_id = $1 AND note_id = $2");
const COLLEAGUES: Statement = Statement::new(
    "SELECT id, username FROM shared.users
     WHERE tenant_id = $1 AND id <> $2 AND removed_at IS NULL ORDER BY username_key LIMIT $3",
);
const COLLEAGUE: Statement = Statement::new(
    "SELECT id FROM shared.users WHERE tenant_id = $1 AND id = $2 AND id <> $3 AND removed_at IS NULL",
);
const COLLEAGUE_BY_NAME: Statement = Statement::new(
    "SELECT id FROM shared.users WHERE tenant_id = $1 AND username_key = $2 AND id <> $3 \
     AND removed_at IS NULL",
);

// The four steps of taking a share back are one transaction, and their order matters:
// 1. All shares of the note are locked. This waits for a delivery that is filling inboxes now (it holds the
//    same rows, see HOLD in `shares`), so what it delivered is there to be removed; a delivery that comes
//    later finds the share gone. Of two that take different shares back at once the second waits here, too:
//    otherwise each would leave a recipient's access to the share that the other is just removing.
// 2. The share goes.
// 3. and 4. Later statements see what the earlier ones waited for. Access that no remaining share gives goes,
//    and access to edit that no remaining share gives becomes access to read. Each waits for an edit that
//    rests on it (HOLD_RIGHT in `edits`), and an edit that comes later finds nothing to rest on.
// Only an author's own shares are touched, whatever the caller checked.
const HOLD_ALL: Statement = Statement::new(
    "SELECT audience FROM shares WHERE tenant_id = $1 AND note_id = $2 AND shared_by = $3 \
     ORDER BY audience FOR UPDATE",
);
const UNSHARE: Statement = Statement::new(
    "DELETE FROM shares WHERE tenant_id = $1 AND note_id = $2 AND shared_by = $3 AND audience = $4 \
     RETURNING audience",
);
// The shares are counted, because Citus 14.0 joins for NOT EXISTS, and then also tries a plan for any tenant,
// which asks all shards.
const REMOVE_UNCOVERED: Statement = Statement::new(
    "DELETE FROM shared_notes i WHERE i.tenant_id = $1 AND i.note_id = $2 AND i.shared_by = $3
     AND 0 = (SELECT count(*) FROM shares s WHERE s.tenant_id = $1 AND s.note_id = $2
     AND s.audience IN (0, i.recipient_id))",
);
pub(super) const LOWER: Statement = Statement::new(
    "UPDATE shared_notes i SET access = 'read'
     WHERE i.tenant_id = $1 AND i.note_id = $2 AND i.shared_by = $3 AND i.access = 'edit'
     AND 0 = (SELECT count(*) FROM shares s WHERE s.tenant_id = $1 AND s.note_id = $2 AND s.access = 'edit'
              AND s.audience IN (0, i.recipient_id))",
);

pub(super) const ALL: &[&Statement] = &[
    &SHARES,
    &RECIPIENTS,
    &RECIPIENT_COUNT,
    &COLLEAGUES,
    &COLLEAGUE,
    &COLLEAGUE_BY_NAME,
    &HOLD_ALL,
    &UNSHARE,
    &REMOVE_UNCOVERED,
    &LOWER,
];

/// A share as its author decided it.
pub struct Share {
    /// With whom: one person, or everyone.
    pub audience: Audience,
    /// That person's name.
    pub username: Option<String>,
    /// What they may do.
    pub access: Access,
    /// Since when.
    pub shared_at: DateTime<Utc>,
    /// When it arrived at that person, if it has.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When that person first opened it.
    pub read_at: Option<DateTime<Utc>>,
}

impl Share {
    fn from_row(row: &Row) -> Self {
        let audience = match row.get(0) {
            0 => Audience::Everyone,
            member => Audience::Members(vec![UserId::from_row(member)]),
        };
        Self {
            audience,
            username: row.get(1),
            access: Access::from_row(row.get(2)),
            shared_at: row.get(3),
            delivered_at: row.get(4),
            read_at: row.get(5),
        }
    }
}

/// Somebody who has the note in the inbox.
pub struct Recipient {
    /// The name.
    pub username: String,
    /// What that person may do.
    pub access: Access,
    /// Since when.
    pub delivered_at: DateTime<Utc>,
    /// When that person first opened it.
    pub read_at: Option<DateTime<Utc>>,
}

/// What an author sees of the sharing of a note.
pub struct SharingState {
    /// The note.
    pub seen: Seen,
    /// What was decided: everyone first, then by name.
    pub shares: Vec<Share>,
    /// How far the latest of them has come; none when there is none.
    pub delivery: Option<DeliveryState>,
    /// Who has it, a hundred at most: those who opened it first.
    pub recipients: Vec<Recipient>,
    /// How many have it.
    pub delivered: i64,
    /// How many of them opened it.
    pub read: i64,
    /// The other people of the tenant by name, one more than [`OFFERED`] at most.
    pub colleagues: Vec<(UserId, String)>,
}

impl TenantHandle {
    /// How a note of `author` is shared, and with whom it could be.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn sharing(&self, author: UserId, note: NoteId) -> Result<Grant<SharingState>, DbError> {
        let (tenant, user, id) = (self.tenant().number(), author.number(), note.number());
        let (offered, decided) = (i64::from(OFFERED) + 1, 10 * i64::try_from(AUDIENCE_LIMIT).unwrap_or(100));
        let (of_note, of_author): ([&dyn Value; 2], [&dyn Value; 3]) =
            ([&tenant, &id], [&tenant, &id, &user]);
        let [is_shared, latest] = DeliveryState::steps(&of_note, &of_author);
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &id] },
                Step { statement: &RECEIVED, values: &[&tenant, &user, &id] },
                Step { statement: &SHARES, values: &[&tenant, &id, &decided] },
                Step { statement: &RECIPIENTS, values: &[&tenant, &id, &NAMED] },
                Step { statement: &RECIPIENT_COUNT, values: &[&tenant, &id] },
                Step { statement: &COLLEAGUES, values: &[&tenant, &user, &offered] },
                is_shared,
                latest,
            ])
            .await?;
        let rows = |index: usize| results.get(index).map(Vec::as_slice).unwrap_or_default();
        let counted = |column: usize| rows(4).first().map_or(0, |row| row.get(column));
        Ok(grant(author, &results, Right::Own).map(|seen| SharingState {
            seen,
            shares: rows(2).iter().map(Share::from_row).collect(),
            recipients: rows(3).iter().map(recipient).collect(),
            delivery: DeliveryState::of_note(results.get(6..).unwrap_or_default()),
            delivered: counted(0),
            read: counted(1),
            colleagues: rows(5).iter().map(|row| (UserId::from_row(row.get(0)), row.get(1))).collect(),
        }))
    }

    /// Which of these are people of this tenant other than `user`, in the same order.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn colleagues_among(
        &self,
        user: UserId,
        members: &[i64],
    ) -> Result<Vec<Option<UserId>>, DbError> {
        let (tenant, user) = (self.tenant().number(), user.number());
        let values: Vec<[&dyn Value; 3]> =
            members.iter().map(|member| [&tenant as _, member as _, &user as _]).collect();
        self.look_up(&COLLEAGUE, &values).await
    }

    /// Who has these names in this tenant, other than `user`, in the same order.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn colleagues_named(
        &self,
        user: UserId,
        names: &[Username],
    ) -> Result<Vec<Option<UserId>>, DbError> {
        let (tenant, user) = (self.tenant().number(), user.number());
        let keys: Vec<&str> = names.iter().map(Username::key).collect();
        let values: Vec<[&dyn Value; 3]> =
            keys.iter().map(|key| [&tenant as _, key as _, &user as _]).collect();
        self.look_up(&COLLEAGUE_BY_NAME, &values).await
    }

    /// Takes a share of `author` back and says whether there was one. From the next request on nobody sees
    /// the note, or changes it, by that share.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing, unless the connection broke at the commit.
    pub async fn take_back(
        &self,
        author: UserId,
        note: NoteId,
        audience: &Audience,
    ) -> Result<bool, DbError> {
        let (tenant, author, note) = (self.tenant().number(), author.number(), note.number());
        let Some(audience) = audience.numbers().first().copied() else { return Ok(false) };
        let of_note: [&dyn Value; 3] = [&tenant, &note, &author];
        let results = self
            .transaction(&[
                Step { statement: &HOLD_ALL, values: &of_note },
                Step { statement: &UNSHARE, values: &[&tenant, &note, &author, &audience] },
                Step { statement: &REMOVE_UNCOVERED, values: &of_note },
                Step { statement: &LOWER, values: &of_note },
            ])
            .await?;
        Ok(results.get(1).is_some_and(|rows| !rows.is_empty()))
    }

    async fn look_up(
        &self,
        statement: &'static Statement,
        values: &[[&dyn Value; 3]],
    ) -> Result<Vec<Option<UserId>>, DbError> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let steps: Vec<Step<'_>> = values.iter().map(|values| Step { statement, values }).collect();
        let results = self.transaction(&steps).await?;
        Ok(results.iter().map(|rows| rows.first().map(|row| UserId::from_row(row.get(0)))).collect())
    }
}

fn recipient(row: &Row) -> Recipient {
    Recipient {
        username: row.get(0),
        access: Access::from_row(row.get(1)),
        delivered_at: row.get(2),
        read_at: row.get(3),
    }
}
