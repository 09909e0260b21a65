//! Invitations: links that let people in. The row holds the SHA-256 of the link's token.

use chrono::{DateTime, Utc};

use super::idempotency::{Once, REMEMBER_NEW_INVITATION, Turn};
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{InvitationId, InvitationTerms, Role, UserId};

/// When an invitation `i` counts: while it lasts, and while `u`, who gave it, could still give it.
macro_rules! in_force {
    () => {
        "i.uses_left > 0 AND i.revoked_at IS NULL AND i.expires_at > now() AND u.removed_at IS NULL
         AND (u.role = 'owner' OR u.role = 'admin' AND i.role <> 'owner')"
    };
}

/// Takes one use, for sign-up: of two at once the second waits for the first, and finds what it left. It is
/// no join, as Citus would try a plan for any tenant for that one, which asks all shards.
pub(super) const TAKE: &str = concat!(
    "UPDATE invitations i SET uses_left = i.uses_left - 1, used = i.used + 1
     WHERE i.tenant_id = $1 AND i.token_hash = $2
       AND (SELECT count(*) FROM shared.users u JOIN shared.tenants t ON t.id = $1
            WHERE u.tenant_id = $1 AND u.id = i.invited_by AND (t.delete_after IS NULL
            OR t.delete_after > now()) AND ",
    in_force!(),
    ") = 1 RETURNING i.role"
);

const INSERT: Statement = Statement::inserting(
    "INSERT INTO invitations (tenant_id, token_hash, role, invited_by, uses_left, expires_at)
     VALUES ($1, $2, $3, $4, $5, now() + $6::text::interval) RETURNING id, expires_at",
);
const END_OF: Statement =
    Statement::new("SELECT expires_at FROM invitations WHERE tenant_id = $1 AND id = $2");
const FIND: Statement = Statement::new(concat!(
    "SELECT i.role, t.name FROM invitations i
     JOIN shared.users u ON u.tenant_id = i.tenant_id AND u.id = i.invited_by
     JOIN shared.tenants t ON t.id = i.tenant_id AND (t.delete_after IS NULL OR t.delete_after > now())
     WHERE i.tenant_id = $1 AND i.token_hash = $2 AND ",
    in_force!()
));
pub(super) const OPEN: Statement = Statement::new(concat!(
    "SELECT i.id, i.role, i.uses_left, i.used, i.created_at, i.expires_at, u.id, u.username FROM invitations i
     JOIN shared.users u ON u.tenant_id = i.tenant_id AND u.id = i.invited_by
     WHERE i.tenant_id = $1 AND ",
    in_force!(),
    " ORDER BY i.id DESC LIMIT 200"
));
const REVOKE: Statement = Statement::new(
    "UPDATE invitations SET revoked_at = now() WHERE tenant_id = $1 AND id = $2 \
     AND revoked_at IS NULL RETURNING id",
);

pub(super) const ALL: &[&Statement] = &[&INSERT, &END_OF, &FIND, &OPEN, &REVOKE];

/// What a link offers.
pub struct Offer {
    /// The name of the tenant.
    pub tenant_name: String,
    /// What newcomers become.
    pub role: Role,
}

/// An invitation that is in force.
pub struct OpenInvitation {
    /// Its number.
    pub id: InvitationId,
    /// What newcomers become.
    pub role: Role,
    /// How many may still come.
    pub uses_left: i32,
    /// How many have come.
    pub used: i32,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Who gave it.
    pub invited_by: UserId,
    /// By name.
    pub inviter: String,
}

impl OpenInvitation {
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            id: InvitationId::from_row(row.get(0)),
            role: Role::from_row(row.get(1)),
            uses_left: row.get(2),
            used: row.get(3),
            created_at: row.get(4),
            expires_at: row.get(5),
            invited_by: UserId::from_row(row.get(6)),
            inviter: row.get(7),
        }
    }
}

/// What came of inviting.
pub enum Invited {
    /// The invitation is there.
    Now {
        /// Its number.
        id: InvitationId,
        /// Its end.
        expires_at: DateTime<Utc>,
    },
    /// The same request made it before.
    Before {
        /// Its number.
        id: InvitationId,
        /// Its end.
        expires_at: DateTime<Utc>,
        /// What the first request kept.
        sealed: String,
    },
    /// The request's key was used for something else; nobody was invited.
    OtherRequest,
}

impl TenantHandle {
    /// Writes an invitation down. Of a request that may come twice `sealed` is kept: the token, which only
    /// the server can read.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn invite(
        &self,
        inviter: UserId,
        terms: &InvitationTerms,
        token_hash: &[u8],
        once: Option<(&Once, &str)>,
    ) -> Result<Invited, DbError> {
        let (tenant, inviter_number) = (self.tenant().number(), inviter.number());
        let (role, uses, lifetime) = (terms.role.as_str(), terms.uses(), terms.lifetime());
        let invitation: [&dyn Value; 6] = [&tenant, &token_hash, &role, &inviter_number, &uses, &lifetime];
        let key = once.map(|(once, sealed)| (once.key.as_str(), once.request_hash.as_slice(), sealed));
        let remembered: Option<[&dyn Value; 5]> = key.as_ref().map(|(key, hash, sealed)| {
            [&tenant as _, &inviter_number as _, key as _, hash as _, sealed as _]
        });
        let mut steps = vec![Step { statement: &INSERT, values: &invitation }];
        steps.extend(remembered.as_ref().map(|values| Step { statement: &REMEMBER_NEW_INVITATION, values }));
        match self.turn(inviter, once.map(|(once, _)| once), self.transaction(&steps).await).await? {
            Turn::First(results) => {
                let row = results.first().and_then(|rows| rows.first()).ok_or(DbError::Unavailable(None))?;
                Ok(Invited::Now { id: InvitationId::from_row(row.get(0)), expires_at: row.get(1) })
            }
            Turn::Again { created, answer } => {
                let row = self.row(&END_OF, &[&tenant, &created]).await?.ok_or(DbError::Unavailable(None))?;
                Ok(Invited::Before {
                    id: InvitationId::from_row(created),
                    expires_at: row.get(0),
                    sealed: answer,
                })
            }
            Turn::OtherRequest => Ok(Invited::OtherRequest),
        }
    }

    /// What the link of a token offers; none when it is unknown, used up, revoked or over.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn offer(&self, token_hash: &[u8]) -> Result<Option<Offer>, DbError> {
        let row = self.row(&FIND, &[&self.tenant().number(), &token_hash]).await?;
        Ok(row.map(|row| Offer { role: Role::from_row(row.get(0)), tenant_name: row.get(1) }))
    }

    /// The invitations in force, the newest first.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn open_invitations(&self) -> Result<Vec<OpenInvitation>, DbError> {
        let rows = self.rows(&OPEN, &[&self.tenant().number()]).await?;
        Ok(rows.iter().map(OpenInvitation::from_row).collect())
    }

    /// Ends an invitation and says whether there was one to end.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn revoke_invitation(&self, invitation: InvitationId) -> Result<bool, DbError> {
        Ok(self.row(&REVOKE, &[&self.tenant().number(), &invitation.number()]).await?.is_some())
    }
}
