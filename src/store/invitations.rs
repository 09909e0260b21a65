//! Invitations: links by which users join a tenant. The row holds the SHA-256 of the link's token.

use chrono::{DateTime, Utc};

use super::idempotency::{IdempotentRequest, Outcome, record_new_invitation};
use crate::db::{DbError, FromRow, RowReader, Statement, Step, TenantHandle, values};
use crate::domain::{InvitationId, InvitationTerms, Role, UserId};

/// Whether an invitation `i` is in force: it has uses left, has not ended, and its inviter `u` could still
/// give it.
macro_rules! in_force {
    () => {
        "i.uses_left > 0 AND i.revoked_at IS NULL AND i.expires_at > now() AND u.removed_at IS NULL
         AND (u.role = 'owner' OR u.role = 'admin' AND i.role <> 'owner')"
    };
}

/// Takes one use, for a sign-up. Of two at the same time the second waits for the first, and sees the uses
/// that are left. It is no join, because Citus would also try a plan for any tenant for a join, which reads
/// all shards.
pub(super) const TAKE_USE: &str = concat!(
    "UPDATE invitations i SET uses_left = i.uses_left - 1, used = i.used + 1
     WHERE i.tenant_id = $1 AND i.token_hash = $2
       AND (SELECT count(*) FROM shared.users u JOIN shared.tenants t ON t.id = $1
            WHERE u.tenant_id = $1 AND u.id = i.invited_by AND (t.delete_after IS NULL
            OR t.delete_after > now()) AND ",
    in_force!(),
    ") = 1 RETURNING i.role"
);

static INSERT: Statement = Statement::inserting(
    "INSERT INTO {invitations} (id, tenant_id, token_hash, role, invited_by, uses_left, expires_at)
     VALUES (nextval('invitations_id_seq'), $1, $2, $3, $4, $5, now() + $6::text::interval)
     RETURNING id, expires_at",
);
static EXPIRY: Statement =
    Statement::reading("SELECT expires_at FROM {invitations} WHERE tenant_id = $1 AND id = $2");
static FIND: Statement = Statement::reading(concat!(
    "SELECT i.role, t.name FROM {invitations} i
     JOIN {shared.users} u ON u.tenant_id = i.tenant_id AND u.id = i.invited_by
     JOIN {shared.tenants} t ON t.id = i.tenant_id AND (t.delete_after IS NULL OR t.delete_after > now())
     WHERE i.tenant_id = $1 AND i.token_hash = $2 AND ",
    in_force!()
));
static OPEN: Statement = Statement::reading(concat!(
    "SELECT i.id, i.role, i.uses_left, i.used, i.created_at, i.expires_at, u.id, u.username
     FROM {invitations} i
     JOIN {shared.users} u ON u.tenant_id = i.tenant_id AND u.id = i.invited_by
     WHERE i.tenant_id = $1 AND ",
    in_force!(),
    " ORDER BY i.id DESC LIMIT 200"
));
/// Whether the user `a` may revoke an invitation `i`, by the rule for members: an admin may where it makes no
/// owner.
macro_rules! may_revoke {
    ($users:literal) => {
        concat!(
            "(SELECT a.role = 'owner' OR a.role = 'admin' AND i.role <> 'owner' FROM ",
            $users,
            " a WHERE a.tenant_id = $1 AND a.id = $3 AND a.removed_at IS NULL)"
        )
    };
}
static MAY_REVOKE: Statement = Statement::reading(concat!(
    "SELECT coalesce(",
    may_revoke!("{shared.users}"),
    ", false) FROM {invitations} i WHERE i.tenant_id = $1 AND i.id = $2 AND i.revoked_at IS NULL"
));
static REVOKE: Statement = Statement::writing(concat!(
    "UPDATE {invitations} i SET revoked_at = now()
     WHERE i.tenant_id = $1 AND i.id = $2 AND i.revoked_at IS NULL AND ",
    may_revoke!("{shared.users}"),
    " RETURNING i.id"
));

// Of the invitations of the user $2. In force again after a promotion, they would be ones that every other
// owner has forgotten.
static END_UNGIVABLE: Statement = Statement::writing(
    "UPDATE {invitations} i SET revoked_at = now()
     WHERE i.tenant_id = $1 AND i.invited_by = $2 AND i.revoked_at IS NULL
       AND NOT coalesce((SELECT u.role = 'owner' OR u.role = 'admin' AND i.role <> 'owner'
            FROM {shared.users} u WHERE u.tenant_id = $1 AND u.id = $2 AND u.removed_at IS NULL), false)
     RETURNING i.id",
);

pub(super) static ALL: &[&Statement] =
    &[&INSERT, &EXPIRY, &FIND, &OPEN, &MAY_REVOKE, &REVOKE, &END_UNGIVABLE];

/// What a link offers.
pub struct Offer {
    /// The role of users who accept it.
    pub role: Role,
    pub tenant_name: String,
}

impl FromRow for Offer {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { role: row.read(), tenant_name: row.read() }
    }
}

/// An invitation that is in force.
pub struct OpenInvitation {
    pub id: InvitationId,
    /// The role of users who accept it.
    pub role: Role,
    /// How many users may still accept it.
    pub uses_left: i32,
    /// How many users have accepted it.
    pub used: i32,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub invited_by: UserId,
    /// The inviter's name.
    pub inviter: String,
}

/// The result of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    Done,
    /// There is no such invitation in force.
    NoSuchInvitation,
    /// It makes owners, and the user is none.
    Forbidden,
}

impl FromRow for OpenInvitation {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            id: row.read(),
            role: row.read(),
            uses_left: row.read(),
            used: row.read(),
            created_at: row.read(),
            expires_at: row.read(),
            invited_by: row.read(),
            inviter: row.read(),
        }
    }
}

/// An invitation that was created.
pub struct CreatedInvitation {
    pub id: InvitationId,
    pub expires_at: DateTime<Utc>,
}

impl FromRow for CreatedInvitation {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { id: row.read(), expires_at: row.read() }
    }
}

/// An invitation that an earlier, equal request created.
pub struct ReplayedInvitation {
    pub invitation: CreatedInvitation,
    /// The token, as the first request sealed it.
    pub sealed: String,
}

/// The invitations in force, newest first.
pub(super) fn open_invitations<'a>() -> Step<'a, Vec<OpenInvitation>> {
    OPEN.all(values![])
}

/// Revokes the invitations of a user that the user's role does not allow, or no longer allows.
pub(super) fn end_ungivable<'a>(inviter: UserId) -> Step<'a, Vec<InvitationId>> {
    END_UNGIVABLE.all(values![inviter])
}

impl TenantHandle {
    /// Creates an invitation, if the inviter's role allows it; none if it does not. For a request that may
    /// be repeated it also records the sealed token, which only the server can read.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn invite(
        &self,
        inviter: UserId,
        terms: &InvitationTerms,
        token_hash: &[u8],
        request: Option<(&IdempotentRequest, &str)>,
    ) -> Result<Option<Outcome<CreatedInvitation, ReplayedInvitation>>, DbError> {
        let invitation = values![token_hash, terms.role.as_str(), inviter, terms.uses(), terms.lifetime()];
        let inserted = self
            .transaction((
                INSERT.first::<CreatedInvitation>(invitation),
                // The foreign key has locked the inviter's row: a demotion came before, or waits.
                end_ungivable(inviter),
                request.map(|(request, sealed)| record_new_invitation(inviter, request, sealed)),
            ))
            .await;
        match self.resolve_replay(inviter, request.map(|(request, _)| request), inserted).await? {
            Outcome::First((created, ended, _)) => {
                let created = created.ok_or(DbError::Unavailable(None))?;
                Ok((!ended.contains(&created.id)).then_some(Outcome::First(created)))
            }
            Outcome::Replay(recorded) => {
                let expires_at = self.transaction(EXPIRY.first(values![recorded.created])).await?;
                let expires_at = expires_at.ok_or(DbError::Unavailable(None))?;
                let id = InvitationId::from_row(recorded.created);
                let invitation = CreatedInvitation { id, expires_at };
                Ok(Some(Outcome::Replay(ReplayedInvitation { invitation, sealed: recorded.answer })))
            }
            Outcome::KeyReused => Ok(Some(Outcome::KeyReused)),
        }
    }

    /// What the link of a token offers; none if it is unknown, used up, revoked or expired.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn offer(&self, token_hash: &[u8]) -> Result<Option<Offer>, DbError> {
        self.transaction(FIND.first(values![token_hash])).await
    }

    /// The invitations in force, newest first.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn open_invitations(&self) -> Result<Vec<OpenInvitation>, DbError> {
        self.transaction(open_invitations()).await
    }

    /// Ends an invitation, if `actor` may do that.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn revoke_invitation(
        &self,
        actor: UserId,
        invitation: InvitationId,
    ) -> Result<Revocation, DbError> {
        let (allowed, revoked) = self
            .transaction((
                MAY_REVOKE.first::<bool>(values![invitation, actor]),
                REVOKE.any(values![invitation, actor]),
            ))
            .await?;
        Ok(match (allowed, revoked) {
            (_, true) => Revocation::Done,
            (Some(false), false) => Revocation::Forbidden,
            _ => Revocation::NoSuchInvitation,
        })
    }
}
