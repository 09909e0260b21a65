//! Who is in a tenant, with which role, and how people leave. Whoever changes a role or removes somebody
//! first locks all owners, so that two who do it at once come one after the other and the second sees what
//! the first left.

use chrono::{DateTime, Utc};

use super::invitations::{OPEN, OpenInvitation};
use super::outbox::ENQUEUE;
use crate::db::{DbError, Row, Statement, Step, TenantHandle};
use crate::domain::{FORGET_LOGINS, ForgetLogins, Identifier, Role, UserId};

const LIST: Statement = Statement::new(
    "SELECT id, username, email, role, created_at FROM shared.users
     WHERE tenant_id = $1 AND removed_at IS NULL AND id > $2 ORDER BY id LIMIT $3",
);
// Who decides, whom it is about, and all owners.
const CONCERNED: Statement = Statement::new(
    "SELECT id, role, username_key, email_key FROM shared.users
     WHERE tenant_id = $1 AND removed_at IS NULL AND (role = 'owner' OR id = $2 OR id = $3)",
);
const HOLD_CONCERNED: Statement = Statement::new(
    "SELECT id, role FROM shared.users
     WHERE tenant_id = $1 AND removed_at IS NULL AND (role = 'owner' OR id = $2 OR id = $3)
     ORDER BY id FOR UPDATE",
);
/// Whether an owner is left without `$3`.
macro_rules! another_owner {
    () => {
        "EXISTS (SELECT FROM shared.users o WHERE o.tenant_id = $1 AND o.role = 'owner' \
         AND o.removed_at IS NULL AND o.id <> $3)"
    };
}
// Not a join, as with those of `if_removed` below.
const CHANGE_ROLE: Statement = Statement::new(concat!(
    "UPDATE shared.users t SET role = $4
     WHERE t.tenant_id = $1 AND t.id = $3 AND t.removed_at IS NULL
       AND (SELECT a.role = 'owner' OR a.role = 'admin' AND t.role <> 'owner' AND $4 <> 'owner'
            FROM shared.users a WHERE a.tenant_id = $1 AND a.id = $2 AND a.removed_at IS NULL)
       AND (t.role <> 'owner' OR $4 = 'owner' OR ",
    another_owner!(),
    ") RETURNING t.id"
));
// The name is free from now on: names are compared in lower case, so nobody can have the key that is left.
// The name itself stays, as what a person wrote stays.
const REMOVE: Statement = Statement::new(concat!(
    "UPDATE shared.users t
     SET removed_at = now(), username_key = 'REMOVED ' || t.id, email = NULL, email_key = NULL, password =
     '', role = 'member'
     FROM shared.users a
     WHERE t.tenant_id = $1 AND t.id = $3 AND t.removed_at IS NULL
       AND a.tenant_id = $1 AND a.id = $2 AND a.removed_at IS NULL
       AND (a.id = t.id OR a.role = 'owner' OR a.role = 'admin' AND t.role <> 'owner')
       AND (t.role <> 'owner' OR ",
    another_owner!(),
    ") RETURNING t.id"
));
/// Whether `$2` was removed, in a shape that Citus plans for one tenant only: of a plain join it would also
/// try a plan for any tenant, which asks all shards.
macro_rules! if_removed {
    () => {
        "(SELECT count(*) FROM shared.users u WHERE u.tenant_id = $1 AND u.id = $2 \
         AND u.removed_at IS NOT NULL) = 1"
    };
}
const END_SESSIONS: Statement =
    Statement::new(concat!("DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND ", if_removed!()));
const EMPTY_INBOX: Statement = Statement::new(concat!(
    "DELETE FROM shared_notes WHERE tenant_id = $1 AND recipient_id = $2 AND ",
    if_removed!()
));
const TAKE_SHARES_BACK: Statement =
    Statement::new(concat!("DELETE FROM shares WHERE tenant_id = $1 AND audience = $2 AND ", if_removed!()));
const REMOVED: Statement =
    Statement::new("SELECT id FROM shared.users WHERE tenant_id = $1 AND id = $2 AND removed_at IS NOT NULL");

pub(super) const ALL: &[&Statement] = &[
    &LIST,
    &CONCERNED,
    &HOLD_CONCERNED,
    &CHANGE_ROLE,
    &REMOVE,
    &END_SESSIONS,
    &EMPTY_INBOX,
    &TAKE_SHARES_BACK,
    &REMOVED,
];

/// Somebody who is in the tenant.
pub struct Member {
    /// Their number.
    pub id: UserId,
    /// Their name.
    pub username: String,
    /// Their e-mail, for those who may see it.
    pub email: Option<String>,
    /// Their role.
    pub role: Role,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Member {
    fn from_row(row: &Row) -> Self {
        Self {
            id: UserId::from_row(row.get(0)),
            username: row.get(1),
            email: row.get(2),
            role: Role::from_row(row.get(3)),
            since: row.get(4),
        }
    }
}

/// What came of a decision about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is done.
    Done,
    /// There is no such person here.
    NoSuchMember,
    /// Whoever asked may not decide that.
    Forbidden,
    /// The tenant would be without an owner.
    LastOwner,
}

/// What the rules say: `wanted` is the new role, or none for a removal.
fn judge(concerned: &[Row], actor: UserId, member: UserId, wanted: Option<Role>) -> Decision {
    let role_of = |user: UserId| {
        concerned.iter().find(|row| row.get::<i64>(0) == user.number()).map(|row| Role::from_row(row.get(1)))
    };
    let Some(role) = role_of(member) else { return Decision::NoSuchMember };
    let Some(actor_role) = role_of(actor) else { return Decision::Forbidden };
    let allowed = match wanted {
        None => actor == member || actor_role.rules(role),
        Some(wanted) => actor_role.rules(role) && actor_role.rules(wanted),
    };
    if !allowed {
        return Decision::Forbidden;
    }
    let others =
        concerned.iter().filter(|row| row.get::<&str>(1) == "owner" && row.get::<i64>(0) != member.number());
    if role == Role::Owner && wanted != Some(Role::Owner) && others.count() == 0 {
        Decision::LastOwner
    } else {
        Decision::Done
    }
}

impl TenantHandle {
    /// Who is here, in the order of their numbers, from behind `after` on.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn members(&self, after: i64, limit: i64) -> Result<Vec<Member>, DbError> {
        let rows = self.rows(&LIST, &[&self.tenant().number(), &after, &limit]).await?;
        Ok(rows.iter().map(Member::from_row).collect())
    }

    /// Who is here and which invitations are in force.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn members_and_invitations(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<(Vec<Member>, Vec<OpenInvitation>), DbError> {
        let tenant = self.tenant().number();
        let results = self
            .transaction(&[
                Step { statement: &LIST, values: &[&tenant, &after, &limit] },
                Step { statement: &OPEN, values: &[&tenant] },
            ])
            .await?;
        let rows = |index: usize| results.get(index).map(Vec::as_slice).unwrap_or_default();
        Ok((
            rows(0).iter().map(Member::from_row).collect(),
            rows(1).iter().map(OpenInvitation::from_row).collect(),
        ))
    }

    /// Gives a member another role.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn change_role(&self, actor: UserId, member: UserId, role: Role) -> Result<Decision, DbError> {
        let (tenant, by, of, word) = (self.tenant().number(), actor.number(), member.number(), role.as_str());
        let results = self
            .transaction(&[
                Step { statement: &HOLD_CONCERNED, values: &[&tenant, &by, &of] },
                Step { statement: &CHANGE_ROLE, values: &[&tenant, &by, &of, &word] },
            ])
            .await?;
        outcome(&results, |concerned| judge(concerned, actor, member, Some(role)))
    }

    /// Takes somebody out of the tenant, or lets them leave when it is themselves: their sessions, their
    /// inbox and the shares with them end in the same transaction; what they wrote stays. The login
    /// directory, which lies on other shards, hears of it by a message.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn remove_member(&self, actor: UserId, member: UserId) -> Result<Decision, DbError> {
        let (tenant, by, of) = (self.tenant().number(), actor.number(), member.number());
        let concerned = self.rows(&CONCERNED, &[&tenant, &by, &of]).await?;
        let first_look = judge(&concerned, actor, member, None);
        let Some(row) = concerned.iter().find(|row| first_look == Decision::Done && row.get::<i64>(0) == of)
        else {
            return Ok(first_look);
        };
        // Should the transaction find that somebody was faster, the message does nothing: its handler looks
        // first.
        let payload = ForgetLogins::of(&Identifier::all_of_keys(row.get(2), row.get(3))).to_json();
        let results = self
            .transaction(&[
                Step { statement: &HOLD_CONCERNED, values: &[&tenant, &by, &of] },
                Step { statement: &REMOVE, values: &[&tenant, &by, &of] },
                Step { statement: &END_SESSIONS, values: &[&tenant, &of] },
                Step { statement: &EMPTY_INBOX, values: &[&tenant, &of] },
                Step { statement: &TAKE_SHARES_BACK, values: &[&tenant, &of] },
                Step { statement: &ENQUEUE, values: &[&tenant, &FORGET_LOGINS, &of, &payload] },
            ])
            .await?;
        outcome(&results, |concerned| judge(concerned, actor, member, None))
    }

    /// Whether somebody was here and is no longer.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn was_removed(&self, user: UserId) -> Result<bool, DbError> {
        Ok(self.row(&REMOVED, &[&self.tenant().number(), &user.number()]).await?.is_some())
    }
}

/// The second step says whether it was done, the first one why not.
fn outcome(results: &[Vec<Row>], judge: impl Fn(&[Row]) -> Decision) -> Result<Decision, DbError> {
    let [concerned, done, ..] = results else { return Err(DbError::Unavailable(None)) };
    if !done.is_empty() {
        return Ok(Decision::Done);
    }
    match judge(concerned) {
        Decision::Done => Err(DbError::Unavailable(None)),
        refusal => Ok(refusal),
    }
}
