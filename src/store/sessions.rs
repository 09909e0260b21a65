//! Login sessions: a browser's cookie and a script's bearer token are rows of the same table. The row holds
//! the SHA-256 of the token; whoever reads the table cannot log in with it.

use chrono::{DateTime, Utc};

use super::inbox::{UNREAD_OF_SESSION, Unread, unread_in};
use super::users::{ACCOUNT, Account, REPLACE_PASSWORD};
use crate::db::{Database, DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{Role, SessionId, UserId};

const INSERT: Statement = Statement::inserting(
    "INSERT INTO sessions (tenant_id, token_hash, user_id, kind, user_agent, expires_at)
     VALUES ($1, $2, $3, $4, $5, now() + $6::text::interval) RETURNING id, expires_at",
);
// The session and its user come back together: a request needs one look-up, not two.
const FIND: Statement = Statement::new(
    "SELECT s.id, s.user_id, s.kind, s.last_seen_at < now() - interval '1 minute', u.username, u.role,
        t.name, t.delete_after
     FROM sessions s
     JOIN shared.users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.removed_at IS NULL
     JOIN shared.tenants t ON t.id = s.tenant_id AND (t.delete_after IS NULL OR t.delete_after > now())
     WHERE s.tenant_id = $1 AND s.token_hash = $2 AND s.expires_at > now()
       AND s.last_seen_at > now() - CASE s.kind WHEN 'browser' THEN interval '2 hours'
       ELSE interval '14 days' END",
);
const TOUCH: Statement = Statement::new(
    "UPDATE sessions SET last_seen_at = now() WHERE tenant_id = $1 AND token_hash = $2 \
     AND last_seen_at < now()",
);
const OF_USER: Statement = Statement::new(
    "SELECT id, kind, user_agent, created_at, last_seen_at FROM sessions
     WHERE tenant_id = $1 AND user_id = $2 AND expires_at > now()
     ORDER BY last_seen_at DESC, id DESC LIMIT 100",
);
const END: Statement = Statement::new("DELETE FROM sessions WHERE tenant_id = $1 AND token_hash = $2");
const END_BY_ID: Statement =
    Statement::new("DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id = $3 RETURNING id");
const END_OTHERS: Statement =
    Statement::new("DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 RETURNING id");
// The hash is salted anew each time, so finding the new one proves that this transaction replaced the old
// one. They are no joins, as Citus would try a plan for any tenant for those, which asks all shards.
const END_OTHERS_AFTER: Statement = Statement::new(
    "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id <> $3
       AND (SELECT count(*) FROM shared.users u WHERE u.tenant_id = $1 AND u.id = $2
       AND u.password = $4) = 1",
);
const ROTATE_AFTER: Statement = Statement::new(
    "UPDATE sessions SET token_hash = $5, last_seen_at = now() WHERE tenant_id = $1 AND user_id = $2
        AND id = $3
       AND (SELECT count(*) FROM shared.users u WHERE u.tenant_id = $1 AND u.id = $2
       AND u.password = $4) = 1",
);

pub(super) const ALL: &[&Statement] =
    &[&INSERT, &FIND, &TOUCH, &OF_USER, &END, &END_BY_ID, &END_OTHERS, &END_OTHERS_AFTER, &ROTATE_AFTER];

// With the count below the only statements over all shards; they change nothing, and this one ends at the
// first thousand.
const WITH_EXPIRED: &str = "SELECT DISTINCT tenant_id FROM sessions WHERE expires_at < now() LIMIT 1000";
const PURGE: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND expires_at < now()";
const ALIVE: &str = "SELECT count(*) FROM sessions WHERE expires_at > now()";

/// What a session is for, which decides how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Until the browser closes; 12 hours at most, 2 hours idle.
    Browser,
    /// "Remember me": 30 days at most, 14 days idle.
    Remembered,
    /// A bearer token: 30 days at most, 14 days idle.
    Script,
}

impl SessionKind {
    /// The longest life, as an interval of PostgreSQL.
    fn lifetime(self) -> &'static str {
        match self {
            Self::Browser => "12 hours",
            Self::Remembered | Self::Script => "30 days",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Remembered => "remembered",
            Self::Script => "script",
        }
    }

    fn from_row(word: &str) -> Self {
        match word {
            "remembered" => Self::Remembered,
            "script" => Self::Script,
            _ => Self::Browser,
        }
    }
}

/// What is counted in the round trip that looks a session up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The unread notes in the inbox, for the frame of a page.
    Unread,
    /// Nothing: there is no page.
    Nothing,
}

/// A session that is in force, with its user.
pub struct Session {
    /// Its number, which is no secret.
    pub id: SessionId,
    /// The user.
    pub user: UserId,
    /// What it is for.
    pub kind: SessionKind,
    /// Whether its last sight is over a minute old and should be written again.
    pub stale: bool,
    /// The user's name.
    pub username: String,
    /// The user's role.
    pub role: Role,
    /// The tenant's name.
    pub tenant_name: String,
    /// How many notes wait in the user's inbox.
    pub unread: Unread,
    /// When the tenant's rows are removed, if that was asked for.
    pub delete_after: Option<DateTime<Utc>>,
}

/// A session in its user's list.
pub struct SessionRow {
    /// Its number.
    pub id: SessionId,
    /// What it is for.
    pub kind: SessionKind,
    /// What the browser or script called itself.
    pub user_agent: String,
    /// When the user logged in.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_seen_at: DateTime<Utc>,
}

impl SessionRow {
    fn from_row(row: &Row) -> Self {
        Self {
            id: SessionId::from_row(row.get(0)),
            kind: SessionKind::from_row(row.get(1)),
            user_agent: row.get(2),
            created_at: row.get(3),
            last_seen_at: row.get(4),
        }
    }
}

impl TenantHandle {
    /// Starts a session and gives the end of its life.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn start_session(
        &self,
        user: UserId,
        token_hash: &[u8],
        kind: SessionKind,
        user_agent: &str,
    ) -> Result<DateTime<Utc>, DbError> {
        let row = self
            .row(
                &INSERT,
                &[
                    &self.tenant().number(),
                    &token_hash,
                    &user.number(),
                    &kind.as_str(),
                    &user_agent,
                    &kind.lifetime(),
                ],
            )
            .await?
            .ok_or(DbError::Unavailable(None))?;
        Ok(row.get(1))
    }

    /// The session of a token, if it is in force, with what every page shows of its user, as far as it is to
    /// be counted.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn session(&self, token_hash: &[u8], counted: Counted) -> Result<Option<Session>, DbError> {
        let tenant = self.tenant().number();
        let of_token: [&dyn Value; 2] = [&tenant, &token_hash];
        let steps = [
            Step { statement: &FIND, values: &of_token },
            Step { statement: &UNREAD_OF_SESSION, values: &of_token },
        ];
        let results = self.transaction(if counted == Counted::Unread { &steps } else { &steps[..1] }).await?;
        let unread = unread_in(results.get(1));
        Ok(results.first().and_then(|rows| rows.first()).map(|row| Session {
            id: SessionId::from_row(row.get(0)),
            user: UserId::from_row(row.get(1)),
            kind: SessionKind::from_row(row.get(2)),
            stale: row.get(3),
            username: row.get(4),
            role: Role::from_row(row.get(5)),
            tenant_name: row.get(6),
            unread: Unread::new(unread),
            delete_after: row.get(7),
        }))
    }

    /// Notes that a session was used now.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn touch_session(&self, token_hash: &[u8]) -> Result<(), DbError> {
        self.rows(&TOUCH, &[&self.tenant().number(), &token_hash]).await.map(drop)
    }

    /// A user and the user's sessions, the last used first.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn account_with_sessions(
        &self,
        user: UserId,
    ) -> Result<(Option<Account>, Vec<SessionRow>), DbError> {
        let (tenant, user) = (self.tenant().number(), user.number());
        let results = self
            .transaction(&[
                Step { statement: &ACCOUNT, values: &[&tenant, &user] },
                Step { statement: &OF_USER, values: &[&tenant, &user] },
            ])
            .await?;
        let account = results.first().and_then(|rows| rows.first()).map(Account::from_row);
        Ok((
            account,
            results.get(1).map(|rows| rows.iter().map(SessionRow::from_row).collect()).unwrap_or_default(),
        ))
    }

    /// Ends the session of a token; harmless when it has ended.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn end_session(&self, token_hash: &[u8]) -> Result<(), DbError> {
        self.rows(&END, &[&self.tenant().number(), &token_hash]).await.map(drop)
    }

    /// Ends one session of a user and says whether there was one.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn end_session_of(&self, user: UserId, session: SessionId) -> Result<bool, DbError> {
        let row = self.row(&END_BY_ID, &[&self.tenant().number(), &user.number(), &session.number()]).await?;
        Ok(row.is_some())
    }

    /// Ends all sessions of a user but one and gives their number.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn end_other_sessions(&self, user: UserId, kept: SessionId) -> Result<usize, DbError> {
        Ok(self.rows(&END_OTHERS, &[&self.tenant().number(), &user.number(), &kept.number()]).await?.len())
    }

    /// Sets a new password in place of `old_hash`, ends every other session of the user and gives the session
    /// `current` a new token, in one transaction. Gives false, and changes nothing, when the password was
    /// changed meanwhile.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, which then changed nothing.
    pub async fn change_password(
        &self,
        user: UserId,
        current: SessionId,
        old_hash: &str,
        new_hash: &str,
        token_hash: &[u8],
    ) -> Result<bool, DbError> {
        let (tenant, user, current) = (self.tenant().number(), user.number(), current.number());
        let results = self
            .transaction(&[
                Step { statement: &REPLACE_PASSWORD, values: &[&tenant, &user, &old_hash, &new_hash] },
                Step { statement: &END_OTHERS_AFTER, values: &[&tenant, &user, &current, &new_hash] },
                Step {
                    statement: &ROTATE_AFTER,
                    values: &[&tenant, &user, &current, &new_hash, &token_hash],
                },
            ])
            .await?;
        Ok(results.first().is_some_and(|replaced| !replaced.is_empty()))
    }
}

/// How many sessions have not expired, over all tenants.
///
/// # Errors
/// [`DbError`] of the one statement, which asks every shard.
pub async fn count_sessions(database: &Database) -> Result<i64, DbError> {
    database.maintain(async |client| Ok(client.query_one(ALIVE, &[]).await?.get(0))).await
}

/// Removes the expired sessions of all tenants and gives their number: tenant by tenant, so that no statement
/// is long, each stays in one shard, and a tenant that cannot be reached holds up no other.
///
/// # Errors
/// [`DbError`] of the search for tenants, or the last one of a tenant when nothing more could be removed.
pub async fn purge_expired(database: &Database) -> Result<u64, DbError> {
    let mut removed = 0;
    loop {
        let rows = database.maintain(async |client| Ok(client.query(WITH_EXPIRED, &[]).await?)).await?;
        let (mut portion, mut failure) = (0, None);
        for tenant in rows.iter().map(|row| row.get::<_, i64>(0)) {
            match database.maintain(async |client| Ok(client.execute(PURGE, &[&tenant]).await?)).await {
                Ok(count) => portion += count,
                Err(error) => failure = Some(error),
            }
        }
        removed += portion;
        match failure {
            Some(error) if portion == 0 => return Err(error),
            None if portion == 0 => return Ok(removed),
            _ => {}
        }
    }
}
