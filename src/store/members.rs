//! The members of a tenant: their roles, and how they leave. A transaction that changes a role or removes a
//! member first locks all owners. Of two at the same time the second waits and sees what the first did, so
//! the tenant keeps an owner.

use chrono::{DateTime, Utc};

use super::invitations::{OpenInvitation, end_ungivable, open_invitations};
use super::outbox::enqueue;
use super::usage::subtract_member;
use crate::db::{DbError, FromRow, RowReader, Statement, Step, TenantHandle, values};
use crate::domain::{FORGET_LOGINS, ForgetLogins, Identifier, Role, UserId};

static LIST: Statement = Statement::reading(
    "SELECT id, username, email, role, created_at FROM {shared.users}
     WHERE tenant_id = $1 AND removed_at IS NULL AND id > $2 ORDER BY id LIMIT $3",
);
// The user who decides, the member, and all owners.
static CONCERNED: Statement = Statement::reading(
    "SELECT id, role FROM {shared.users}
     WHERE tenant_id = $1 AND removed_at IS NULL AND (role = 'owner' OR id = $2 OR id = $3)",
);
static LOCK_CONCERNED: Statement = Statement::writing(
    "SELECT id, role FROM {shared.users}
     WHERE tenant_id = $1 AND removed_at IS NULL AND (role = 'owner' OR id = $2 OR id = $3)
     ORDER BY id FOR UPDATE",
);
static KEYS: Statement = Statement::reading(
    "SELECT username_key, email_key FROM {shared.users}
     WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL",
);
/// Whether the tenant has an owner other than `$3`.
macro_rules! another_owner {
    () => {
        "EXISTS (SELECT FROM {shared.users} o WHERE o.tenant_id = $1 AND o.role = 'owner' \
         AND o.removed_at IS NULL AND o.id <> $3)"
    };
}
// It is no join, for the reason given at `if_removed`.
static CHANGE_ROLE: Statement = Statement::writing(concat!(
    "UPDATE {shared.users} t SET role = $4
     WHERE t.tenant_id = $1 AND t.id = $3 AND t.removed_at IS NULL
       AND (SELECT a.role = 'owner' OR a.role = 'admin' AND t.role <> 'owner' AND $4 <> 'owner'
            FROM {shared.users} a WHERE a.tenant_id = $1 AND a.id = $2 AND a.removed_at IS NULL)
       AND (t.role <> 'owner' OR $4 = 'owner' OR ",
    another_owner!(),
    ") RETURNING t.id"
));
// It frees the name: keys are in lower case, so no user can have the new key. The name itself stays, because
// the user's notes stay.
static REMOVE: Statement = Statement::writing(concat!(
    "UPDATE {shared.users} t
     SET removed_at = now(), username_key = 'REMOVED ' || t.id, email = NULL, email_key = NULL,
         password = '', role = 'member'
     FROM {shared.users} a
     WHERE t.tenant_id = $1 AND t.id = $3 AND t.removed_at IS NULL
       AND a.tenant_id = $1 AND a.id = $2 AND a.removed_at IS NULL
       AND (a.id = t.id OR a.role = 'owner' OR a.role = 'admin' AND t.role <> 'owner')
       AND (t.role <> 'owner' OR ",
    another_owner!(),
    ") RETURNING t.id"
));
/// Whether `$2` was removed, in a form that Citus plans for one tenant only. For a join it would also try a
/// plan for any tenant, which reads all shards.
macro_rules! if_removed {
    () => {
        "(SELECT count(*) FROM {shared.users} u WHERE u.tenant_id = $1 AND u.id = $2 \
         AND u.removed_at IS NOT NULL) = 1"
    };
}
static END_SESSIONS: Statement = Statement::writing(concat!(
    "DELETE FROM {sessions} WHERE tenant_id = $1 AND user_id = $2 AND ",
    if_removed!()
));
static EMPTY_INBOX: Statement = Statement::writing(concat!(
    "DELETE FROM {shared_notes} WHERE tenant_id = $1 AND recipient_id = $2 AND ",
    if_removed!()
));
static END_SHARES: Statement = Statement::writing(concat!(
    "DELETE FROM {shares} WHERE tenant_id = $1 AND audience = $2 AND ",
    if_removed!()
));
static WAS_REMOVED: Statement = Statement::reading(
    "SELECT id FROM {shared.users} WHERE tenant_id = $1 AND id = $2 AND removed_at IS NOT NULL",
);

pub(super) static ALL: &[&Statement] = &[
    &LIST,
    &CONCERNED,
    &LOCK_CONCERNED,
    &KEYS,
    &CHANGE_ROLE,
    &REMOVE,
    &END_SESSIONS,
    &EMPTY_INBOX,
    &END_SHARES,
    &WAS_REMOVED,
];

/// A member of a tenant.
pub struct Member {
    pub id: UserId,
    pub username: String,
    /// For users who may see it.
    pub email: Option<String>,
    pub role: Role,
    pub since: DateTime<Utc>,
}

impl FromRow for Member {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { id: row.read(), username: row.read(), email: row.read(), role: row.read(), since: row.read() }
    }
}

/// The result of a decision about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The decision took effect.
    Done,
    /// The tenant has no such member.
    NoSuchMember,
    /// The user may not decide that.
    Forbidden,
    /// The tenant would have no owner.
    LastOwner,
}

/// Applies the rules. `new_role` is none for a removal, and `concerned` holds all owners, the actor and the
/// member, each with the role.
fn decide(concerned: &[(UserId, Role)], actor: UserId, member: UserId, new_role: Option<Role>) -> Decision {
    let role_of = |user: UserId| concerned.iter().find(|(id, _)| *id == user).map(|(_, role)| *role);
    let Some(role) = role_of(member) else { return Decision::NoSuchMember };
    let Some(actor_role) = role_of(actor) else { return Decision::Forbidden };
    let allowed = match new_role {
        None => actor == member || actor_role.may_manage(role),
        Some(new_role) => actor_role.may_manage(role) && actor_role.may_manage(new_role),
    };
    if !allowed {
        return Decision::Forbidden;
    }
    let has_another_owner = concerned.iter().any(|(id, role)| *role == Role::Owner && *id != member);
    if role == Role::Owner && new_role != Some(Role::Owner) && !has_another_owner {
        Decision::LastOwner
    } else {
        Decision::Done
    }
}

impl TenantHandle {
    /// Up to `limit` members with ids above `after`, in the order of their ids.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn members(&self, after: i64, limit: i64) -> Result<Vec<Member>, DbError> {
        self.transaction(list(after, limit)).await
    }

    /// The same, with the invitations in force.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn members_and_invitations(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<(Vec<Member>, Vec<OpenInvitation>), DbError> {
        self.transaction((list(after, limit), open_invitations())).await
    }

    /// Gives a member another role. The member's invitations that the old or the new role does not allow
    /// end, so that no later promotion brings them back.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn change_role(&self, actor: UserId, member: UserId, role: Role) -> Result<Decision, DbError> {
        let (concerned, _, changed, _) = self
            .transaction((
                LOCK_CONCERNED.all(values![actor, member]),
                end_ungivable(member),
                CHANGE_ROLE.any(values![actor, member, role.as_str()]),
                end_ungivable(member),
            ))
            .await?;
        outcome(changed, decide(&concerned, actor, member, Some(role)))
    }

    /// Removes a member from the tenant; a member may also remove itself. The member's sessions, inbox,
    /// shares and invitations end in the same transaction, and the member's notes stay. The login directory
    /// is on other shards, so a message removes the member's entries there.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn remove_member(&self, actor: UserId, member: UserId) -> Result<Decision, DbError> {
        let (concerned, keys): (Vec<_>, Option<(String, Option<String>)>) =
            self.transaction((CONCERNED.all(values![actor, member]), KEYS.first(values![member]))).await?;
        let decision = decide(&concerned, actor, member, None);
        let Some((username_key, email_key)) = keys.filter(|_| decision == Decision::Done) else {
            return Ok(decision);
        };
        // If another transaction was faster, the message has no effect: its handler checks that the member
        // was removed.
        let identifiers = Identifier::all_of_keys(&username_key, email_key.as_deref());
        let payload = ForgetLogins::of(&identifiers).to_json();
        let (concerned, removed, ..) = self
            .transaction((
                LOCK_CONCERNED.all(values![actor, member]),
                REMOVE.any(values![actor, member]),
                (END_SESSIONS.run(values![member]), subtract_member(member), end_ungivable(member)),
                EMPTY_INBOX.run(values![member]),
                END_SHARES.run(values![member]),
                enqueue(FORGET_LOGINS, member, payload),
            ))
            .await?;
        outcome(removed, decide(&concerned, actor, member, None))
    }

    /// Whether a user was a member and is one no longer.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn was_removed(&self, user: UserId) -> Result<bool, DbError> {
        self.transaction(WAS_REMOVED.any(values![user])).await
    }
}

fn list<'a>(after: i64, limit: i64) -> Step<'a, Vec<Member>> {
    LIST.all(values![after, limit])
}

/// The statement tells whether it took effect, and the decision on the locked rows why not.
fn outcome(took_effect: bool, decision: Decision) -> Result<Decision, DbError> {
    match decision {
        _ if took_effect => Ok(Decision::Done),
        Decision::Done => Err(DbError::Unavailable(None)),
        refusal => Ok(refusal),
    }
}
