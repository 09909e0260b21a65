//! Login sessions: a browser's cookie and a script's bearer token are rows of the same table. The row holds
//! the SHA-256 of the token, so a reader of the table cannot log in with it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::inbox::{self, CachedUnreadCount};
use super::limits::allowed;
use super::session_lifetime::{idle_limit, in_force, use_is_due};
use super::users::{UserAccount, account, replace_password};
use crate::db::{Database, DbError, FromRow, RowReader, Statement, Steps, TenantHandle, Viewer, values};
use crate::domain::{Limit, Role, SessionId, UserId};

/// The longest life of a browser's session.
const BROWSER_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// The longest life of a remembered browser's session and of a script's token.
pub const LONG_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

// Logins of one user follow each other, so that each sees the sessions that the others started.
static LOCK_USAGE: Statement =
    Statement::writing("SELECT user_id FROM {tenant_usage} WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE");
// The database refuses less room than none.
static LEAVE_ROOM_FOR_TOKEN: Statement = Statement::writing(concat!(
    "UPDATE {tenant_usage} u SET tokens_room = ",
    allowed!("tokens_per_person", "$3"),
    " - 1 - (SELECT count(*) FROM {sessions} s WHERE s.tenant_id = $1 AND s.user_id = $2 \
       AND s.kind = 'script' AND s.expires_at > now() AND s.last_seen_at > now() - interval '",
    idle_limit!(long),
    "') WHERE u.tenant_id = $1 AND u.user_id = $2"
));
// A user's sessions in browsers beyond the limit, so that one more is allowed: those that are unused for
// longest. Without a limit none.
static END_SURPLUS: Statement = Statement::writing(concat!(
    "DELETE FROM {sessions} WHERE tenant_id = $1 AND token_hash IN (SELECT s.token_hash FROM {sessions} s \
       WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.kind <> 'script' \
       ORDER BY s.last_seen_at DESC, s.id DESC OFFSET (SELECT coalesce(",
    allowed!("sessions_per_person", "$3"),
    " - 1, 1000000000))) RETURNING id"
));
static INSERT: Statement = Statement::inserting(
    "INSERT INTO {sessions} (id, tenant_id, token_hash, user_id, kind, user_agent, expires_at)
     VALUES (nextval('sessions_id_seq'), $1, $2, $3, $4, $5, now() + $6::text::interval)
     RETURNING expires_at",
);
/// The session and its user, which are read together.
macro_rules! find {
    ($more:literal) => {
        Statement::reading(concat!(
            "SELECT s.id, s.user_id, s.kind, ",
            use_is_due!(),
            ", u.username, u.role, t.name, t.delete_after, l.requests, l.requests_per_person",
            $more,
            " FROM {sessions} s
             JOIN {shared.users} u ON u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.removed_at IS NULL
             JOIN {shared.tenants} t ON t.id = s.tenant_id
             AND (t.delete_after IS NULL OR t.delete_after > now())
             LEFT JOIN {tenant_limits} l ON l.tenant_id = s.tenant_id
             WHERE s.tenant_id = $1 AND s.token_hash = $2 AND ",
            in_force!()
        ))
    };
}
static FIND: Statement = find!("");
/// The same, and the statements behind it in its message read for the user of the session
/// ([`Viewer::OfSession`]).
static FIND_FOR_READS: Statement = find!(", set_config('app.user_id', s.user_id::text, true)").finding_user();
static TOUCH: Statement = Statement::writing(
    "UPDATE {sessions} SET last_seen_at = now() WHERE tenant_id = $1 AND token_hash = ANY($2) \
     AND last_seen_at < now()",
);
static OF_USER: Statement = Statement::reading(
    "SELECT id, kind, user_agent, created_at, last_seen_at FROM {sessions}
     WHERE tenant_id = $1 AND user_id = $2 AND expires_at > now()
     ORDER BY last_seen_at DESC, id DESC LIMIT 100",
);
static END: Statement = Statement::writing("DELETE FROM {sessions} WHERE tenant_id = $1 AND token_hash = $2");
static END_BY_ID: Statement = Statement::writing(
    "DELETE FROM {sessions} WHERE tenant_id = $1 AND user_id = $2 AND id = $3 RETURNING id",
);
static END_OTHERS: Statement = Statement::writing(
    "DELETE FROM {sessions} WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 RETURNING id",
);
// Every hash has a new salt, so a row with the new hash proves that this transaction replaced the old one.
// The statements are no joins, because Citus would also try a plan for any tenant for a join, which reads all
// shards.
static END_OTHERS_AFTER: Statement = Statement::writing(
    "DELETE FROM {sessions} WHERE tenant_id = $1 AND user_id = $2 AND id <> $3
       AND (SELECT count(*) FROM {shared.users} u WHERE u.tenant_id = $1 AND u.id = $2
       AND u.password = $4) = 1",
);
static ROTATE_AFTER: Statement = Statement::writing(
    "UPDATE {sessions} SET token_hash = $5, last_seen_at = now() WHERE tenant_id = $1 AND user_id = $2
        AND id = $3
       AND (SELECT count(*) FROM {shared.users} u WHERE u.tenant_id = $1 AND u.id = $2
       AND u.password = $4) = 1",
);

pub(super) static ALL: &[&Statement] = &[
    &LOCK_USAGE,
    &LEAVE_ROOM_FOR_TOKEN,
    &END_SURPLUS,
    &INSERT,
    &FIND,
    &FIND_FOR_READS,
    &TOUCH,
    &OF_USER,
    &END,
    &END_BY_ID,
    &END_OTHERS,
    &END_OTHERS_AFTER,
    &ROTATE_AFTER,
];

// These statements read all shards. The first one stops at a thousand tenants.
const WITH_EXPIRED: &str = "SELECT DISTINCT tenant_id FROM sessions WHERE expires_at < now() LIMIT 1000";
const ALIVE: &str = "SELECT count(*) FROM sessions WHERE expires_at > now()";
const PURGE: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND expires_at < now()";

/// What a session is for, which decides how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Ends with the browser.
    Browser,
    /// A browser whose user chose "Remember me".
    Remembered,
    /// A script's bearer token.
    Script,
}

impl SessionKind {
    fn lifetime(self) -> Duration {
        match self {
            Self::Browser => BROWSER_LIFETIME,
            Self::Remembered | Self::Script => LONG_LIFETIME,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Remembered => "remembered",
            Self::Script => "script",
        }
    }
}

impl FromRow for SessionKind {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        match row.column() {
            "remembered" => Self::Remembered,
            "script" => Self::Script,
            _ => Self::Browser,
        }
    }
}

/// Whether the round trip that finds a session also counts the unread notes in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadLookup {
    /// For a page, which shows the count.
    Count,
    /// For a script.
    Skip,
}

/// A session that is in force, with its user.
pub struct Session {
    /// Not secret, unlike the token.
    pub id: SessionId,
    pub user: UserId,
    pub kind: SessionKind,
    /// Whether the last use should be written.
    pub use_is_due: bool,
    pub username: String,
    pub role: Role,
    pub tenant_name: String,
    pub unread: CachedUnreadCount,
    /// When the tenant's rows are removed, if its deletion is scheduled.
    pub delete_after: Option<DateTime<Utc>>,
    /// The requests a second that an operator allows the tenant, and each person of it, in place of the
    /// settings.
    pub request_rates: (Option<i64>, Option<i64>),
}

impl FromRow for Session {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            id: row.read(),
            user: row.read(),
            kind: row.read(),
            use_is_due: row.read(),
            username: row.read(),
            role: row.read(),
            tenant_name: row.read(),
            unread: CachedUnreadCount::default(),
            delete_after: row.read(),
            request_rates: row.read(),
        }
    }
}

/// A session that has just started.
#[derive(Clone, Copy, Debug)]
pub struct NewSession {
    pub expires_at: DateTime<Utc>,
    /// How many of the user's other sessions ended, because the user may have no more at once.
    pub ended: usize,
}

/// A session in its user's list.
pub struct SessionRow {
    pub id: SessionId,
    pub kind: SessionKind,
    /// The User-Agent of the login.
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
    /// To five minutes for a browser that ends with it, to an hour for a remembered one and for a script.
    pub last_seen_at: DateTime<Utc>,
}

impl FromRow for SessionRow {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            id: row.read(),
            kind: row.read(),
            user_agent: row.read(),
            created_at: row.read(),
            last_seen_at: row.read(),
        }
    }
}

impl TenantHandle {
    /// Starts a session. A user with as many browsers as allowed is logged out of the one that is unused for
    /// longest; a token beyond the limit is refused.
    ///
    /// # Errors
    /// [`DbError`] of the transaction, such as [`DbError::LimitReached`]; nothing changed then.
    pub async fn start_session(
        &self,
        user: UserId,
        token_hash: &[u8],
        kind: SessionKind,
        user_agent: &str,
    ) -> Result<NewSession, DbError> {
        let lifetime = format!("{} seconds", kind.lifetime().as_secs());
        let allowed = |limit| self.default_limits().stored(limit);
        let (tokens, browsers) = (allowed(Limit::TokensPerPerson), allowed(Limit::SessionsPerPerson));
        let of_script = kind == SessionKind::Script;
        let ((), _, ended, expires_at) = self
            .transaction((
                LOCK_USAGE.run(values![user]),
                of_script.then(|| LEAVE_ROOM_FOR_TOKEN.run(values![user, tokens])),
                (!of_script).then(|| END_SURPLUS.count(values![user, browsers])),
                INSERT.first(values![token_hash, user, kind.as_str(), user_agent, lifetime]),
            ))
            .await?;
        let expires_at = expires_at.ok_or(DbError::Unavailable(None))?;
        Ok(NewSession { expires_at, ended: ended.unwrap_or_default() })
    }

    /// The session of a token, if it is in force, with what `reads` reads for its user: all of it in one
    /// message where the tables that hold the rows are known, else in two.
    ///
    /// # Errors
    /// [`DbError`] of the transactions.
    pub(crate) async fn session_with<R: Steps>(
        &self,
        token_hash: &[u8],
        unread: UnreadLookup,
        reads: impl Fn(Viewer) -> R,
    ) -> Result<Option<(Session, R::Output)>, DbError> {
        let of_user = |user| ((unread == UnreadLookup::Count).then(|| inbox::unread(user)), reads(user));
        let steps = (FIND_FOR_READS.first(values![token_hash]), of_user(Viewer::OfSession));
        let found: Option<(Option<Session>, _)> = self.in_message(steps).await?;
        let (session, (unread, output)) = match found {
            Some((Some(session), read)) => (session, read),
            Some((None, _)) => return Ok(None),
            None => {
                let session: Option<Session> = self.transaction(FIND.first(values![token_hash])).await?;
                let Some(session) = session else { return Ok(None) };
                let read = self.transaction(of_user(session.user.into())).await?;
                (session, read)
            }
        };
        session.unread.set(unread.unwrap_or_default());
        Ok(Some((session, output)))
    }

    /// Records that sessions were used now.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn touch_sessions(&self, token_hashes: &[Vec<u8>]) -> Result<(), DbError> {
        self.transaction(TOUCH.run(values![token_hashes])).await
    }

    /// A user and the user's sessions, the last used first.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn account_with_sessions(
        &self,
        user: UserId,
    ) -> Result<(Option<UserAccount>, Vec<SessionRow>), DbError> {
        self.transaction((account(user), OF_USER.all(values![user]))).await
    }

    /// Ends the session of a token, if it has not ended already.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn end_session(&self, token_hash: &[u8]) -> Result<(), DbError> {
        self.transaction(END.run(values![token_hash])).await
    }

    /// Ends one session of a user and tells whether there was one.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn end_session_of(&self, user: UserId, session: SessionId) -> Result<bool, DbError> {
        self.transaction(END_BY_ID.any(values![user, session])).await
    }

    /// Ends all sessions of a user but one and gives their number.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn end_other_sessions(&self, user: UserId, kept: SessionId) -> Result<usize, DbError> {
        self.transaction(END_OTHERS.count(values![user, kept])).await
    }

    /// Sets a new password in place of `old_hash`, ends every other session of the user and gives the session
    /// `current` a new token, in one transaction. Gives false, and changes nothing, if the password was
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
        let (replaced, (), ()) = self
            .transaction((
                replace_password(user, old_hash, new_hash),
                END_OTHERS_AFTER.run(values![user, current, new_hash]),
                ROTATE_AFTER.run(values![user, current, new_hash, token_hash]),
            ))
            .await?;
        Ok(replaced)
    }
}

/// How many sessions of all tenants have not expired.
///
/// # Errors
/// [`DbError`] of the one statement, which reads every shard.
pub async fn count_sessions(database: &Database) -> Result<i64, DbError> {
    database.maintain(async |client| Ok(client.query_one(ALIVE, &[]).await?.get(0))).await
}

/// Removes the expired sessions of all tenants and gives their number. It works tenant by tenant, so that
/// each statement is short and stays in one shard, and an unreachable shard blocks no other tenant.
///
/// # Errors
/// [`DbError`] of the search for tenants, or that of the last tenant once no more sessions can be removed.
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
