//! The outbox: messages about work that is done after the answer to a request. A message is written in the
//! transaction that needs it, so neither exists without the other. Its tenant and its number identify it.
//!
//! `due_at` is a lease. A relay claims a row by moving `due_at` into the future, and a row that is not
//! acknowledged by then is due again. A relay that lost its claim meanwhile finds another `due_at` than its
//! own.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::db::{
    Database, DbError, DbRow, FromRow, RowReader, Statement, Step, Steps, TenantHandle, Viewer, values,
};
use crate::domain::{INSERT_TO_SHARED, NoteId, TenantId, UserId};

/// The columns of a [`Message`] from `outbox o`.
macro_rules! message_columns {
    () => {
        "o.id, o.route, o.user_id, o.note_id, o.payload, o.attempts, o.created_at, o.due_at, \
         o.acknowledged_at, o.failed_at, o.published_at, o.last_error"
    };
}

static ENQUEUE: Statement = Statement::writing(
    "INSERT INTO {outbox} (id, tenant_id, route, user_id, payload) \
     VALUES (nextval('outbox_id_seq'), $1, $2, $3, $4)",
);
static ENQUEUE_FOR_NOTE: Statement = Statement::inserting(
    "INSERT INTO {outbox} (id, tenant_id, route, user_id, note_id, payload) \
     VALUES (nextval('outbox_id_seq'), $1, $2, $3, $4, $5) RETURNING id",
);
// In the transaction that has just written a note, on the connection whose sequence gave its id.
static ENQUEUE_FOR_NEW_NOTE: Statement = Statement::inserting(
    "INSERT INTO {outbox} (id, tenant_id, route, user_id, note_id, payload) \
     VALUES (nextval('outbox_id_seq'), $1, $2, $3, currval('notes_id_seq'), $4) RETURNING id",
);
// SKIP LOCKED is possible because one shard holds all rows of a tenant.
static CLAIM: Statement = Statement::writing(concat!(
    "UPDATE {outbox} o SET due_at = now() + $2::text::interval
     WHERE o.tenant_id = $1 AND o.id IN (
         SELECT id FROM {outbox}
         WHERE tenant_id = $1 AND due_at <= now() AND acknowledged_at IS NULL AND failed_at IS NULL
         ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING ",
    message_columns!()
));
static FIND: Statement = Statement::reading(concat!(
    "SELECT ",
    message_columns!(),
    " FROM {outbox} o WHERE o.tenant_id = $1 AND o.id = $2"
));
static ACKNOWLEDGE: Statement = Statement::writing(
    "UPDATE {outbox} SET acknowledged_at = now(), failed_at = NULL, last_error = ''
     WHERE tenant_id = $1 AND id = $2 AND acknowledged_at IS NULL",
);
static PUBLISHED: Statement = Statement::writing(
    "UPDATE {outbox} SET published_at = now(), due_at = now() + $4::text::interval, last_error = ''
     WHERE tenant_id = $1 AND id = ANY ($2) AND due_at = $3 AND acknowledged_at IS NULL
     AND failed_at IS NULL",
);
// The worker did not try to handle it, so no attempt is counted.
static RELEASE: Statement = Statement::writing(
    "UPDATE {outbox} SET due_at = now() + $5::text::interval, last_error = $4
     WHERE tenant_id = $1 AND id = ANY ($2) AND due_at = $3 AND acknowledged_at IS NULL
     AND failed_at IS NULL",
);
// If two workers fail with the same message at the same time, one failure is counted. The program computes
// the pause and whether it was the last attempt: Citus adds no interval of a column to a time, and has no
// now() within CASE. A time plus a NULL interval is NULL.
static FAIL: Statement = Statement::writing(
    "UPDATE {outbox} SET attempts = attempts + 1, last_error = $3, published_at = NULL, due_at = now() +
        $4::text::interval,
         failed_at = now() + $5::text::interval
     WHERE tenant_id = $1 AND id = $2 AND attempts = $6 AND acknowledged_at IS NULL
     AND failed_at IS NULL RETURNING id",
);
static OF_NOTE: Statement = Statement::reading(concat!(
    "SELECT o.id IS NOT NULL, ",
    message_columns!(),
    " FROM {notes} n LEFT JOIN {outbox} o ON o.tenant_id = n.tenant_id AND o.note_id = n.id
     WHERE n.tenant_id = $1 AND n.user_id = $2 AND n.id = $3 AND n.deleted_at IS NULL
     ORDER BY o.created_at DESC, o.id DESC LIMIT 100"
));
// The latest message counts for all shares of its note, because it delivers all of them.
static LATEST_OF_NOTE: Statement = Statement::reading(
    "SELECT acknowledged_at, failed_at, published_at FROM {outbox}
     WHERE tenant_id = $1 AND note_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
);
static IS_SHARED: Statement = Statement::reading(
    "SELECT audience FROM {shares} WHERE tenant_id = $1 AND note_id = $2 AND shared_by = $3 LIMIT 1",
);

pub(super) static ALL: &[&Statement] = &[
    &ENQUEUE,
    &ENQUEUE_FOR_NOTE,
    &ENQUEUE_FOR_NEW_NOTE,
    &CLAIM,
    &FIND,
    &ACKNOWLEDGE,
    &PUBLISHED,
    &RELEASE,
    &FAIL,
    &OF_NOTE,
    &LATEST_OF_NOTE,
    &IS_SHARED,
];

// It reads all shards, by the partial index on due_at. The relay's role may read nothing else.
const DUE_TENANTS: &str = "SELECT DISTINCT tenant_id FROM outbox WHERE due_at <= now() \
    AND acknowledged_at IS NULL AND failed_at IS NULL LIMIT 1000";
const NOTIFY: &str = "SELECT pg_notify('pigeonhole_outbox', $1)";
/// How many tenants one notification names: it may have 8,000 bytes, and a number has up to 19 digits and a
/// comma.
const NOTIFIED_AT_ONCE: usize = 300;

const OLDEST_DONE: &str =
    "SELECT min(acknowledged_at) FROM outbox WHERE acknowledged_at < now() - interval '7 days'";
const FORGET_DONE: &str = "DELETE FROM outbox WHERE acknowledged_at < least(now() - interval '7 days', \
    $1::timestamptz + interval '10 minutes')";
const FORGET_KEYS: &str = "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'";

/// When a message was acknowledged, failed for good and was published.
pub(super) type StateTimes = (Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for a relay.
    Pending,
    /// The broker has confirmed it.
    Published,
    /// It was handled.
    Acknowledged,
    /// It failed for the last time and waits for an operator.
    Failed,
}

impl DeliveryState {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Published => "published",
            Self::Acknowledged => "acknowledged",
            Self::Failed => "failed",
        }
    }

    /// Reads how far the latest share of a note was delivered; none when the author shares it with no user. A
    /// share without a message was delivered so long ago that the message was removed.
    pub(super) fn of_note(author: impl Into<Viewer>, note: NoteId) -> impl Steps<Output = Option<Self>> {
        let latest = LATEST_OF_NOTE.first(values![note]);
        (IS_SHARED.any(values![note, author.into()]), latest).map(|(is_shared, latest)| {
            is_shared.then(|| latest.map_or(Self::Acknowledged, |times| Self::by_times(times).0))
        })
    }

    /// The state of a message, and since when it has that state.
    pub(super) fn by_times((acknowledged, failed, published): StateTimes) -> (Self, Option<DateTime<Utc>>) {
        match (acknowledged, failed, published) {
            (Some(at), _, _) => (Self::Acknowledged, Some(at)),
            (None, Some(at), _) => (Self::Failed, Some(at)),
            (None, None, Some(at)) => (Self::Published, Some(at)),
            (None, None, None) => (Self::Pending, None),
        }
    }
}

/// A row of the outbox.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: i64,
    /// The kind of the message.
    pub route: String,
    /// The user who caused it.
    pub user_id: i64,
    pub note_id: Option<i64>,
    /// JSON; see `domain::messages`.
    pub payload: String,
    /// Failures so far.
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
    /// The end of its lease, or when it is due.
    pub due_at: DateTime<Utc>,
    pub state: DeliveryState,
    /// When it came to that state; `None` while it is pending.
    pub since: Option<DateTime<Utc>>,
    pub last_error: String,
}

impl FromRow for Message {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        let (id, route, user_id, note_id) = row.read();
        let (payload, attempts, created_at, due_at) = row.read();
        let (state, since) = DeliveryState::by_times(row.read());
        let last_error = row.read();
        Self { id, route, user_id, note_id, payload, attempts, created_at, due_at, state, since, last_error }
    }
}

/// A row of [`OF_NOTE`]: a note without messages gives one row, which has NULL in every column of a message.
struct MessageOfNote(Option<Message>);

impl FromRow for MessageOfNote {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        let is_there: bool = row.read();
        Self(is_there.then(|| row.read()))
    }
}

/// Enqueues a message about a user.
pub(super) fn enqueue<'a>(route: &'a str, user: UserId, payload: String) -> Step<'a, ()> {
    ENQUEUE.run(values![route, user, payload])
}

/// Enqueues the delivery of a note, and gives the number of the message.
pub(super) fn enqueue_for_note<'a>(author: UserId, note: NoteId, payload: String) -> Step<'a, Option<i64>> {
    ENQUEUE_FOR_NOTE.first(values![INSERT_TO_SHARED, author, note, payload])
}

/// The same for the note that the transaction has just written.
pub(super) fn enqueue_for_new_note<'a>(author: UserId, payload: String) -> Step<'a, Option<i64>> {
    ENQUEUE_FOR_NEW_NOTE.first(values![INSERT_TO_SHARED, author, payload])
}

/// Marks a message as done.
pub(super) fn acknowledge<'a>(message: i64) -> Step<'a, ()> {
    ACKNOWLEDGE.run(values![message])
}

impl TenantHandle {
    /// Claims up to `limit` due messages of this tenant for as long as `lease`. Concurrent claims get other
    /// messages. A message that is not acknowledged by then is due again.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn claim_messages(&self, lease: Duration, limit: i64) -> Result<Vec<Message>, DbError> {
        self.transaction(CLAIM.all(values![interval(lease), limit])).await
    }

    /// Acknowledges a message whose work is on other shards. Handlers acknowledge other messages in the
    /// transaction of the work.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn acknowledge(&self, message: i64) -> Result<(), DbError> {
        self.transaction(acknowledge(message)).await
    }

    /// A message by its id.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn message(&self, id: i64) -> Result<Option<Message>, DbError> {
        self.transaction(FIND.first(values![id])).await
    }

    /// Marks messages that were claimed until `claim` as published. They are due again after `lease`.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn mark_published(
        &self,
        ids: &[i64],
        claim: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), DbError> {
        self.transaction(PUBLISHED.run(values![ids, claim, interval(lease)])).await
    }

    /// Gives back messages that were claimed until `claim` and could not be published. They are due again
    /// after `pause`, and no attempt is counted.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn release_messages(
        &self,
        ids: &[i64],
        claim: DateTime<Utc>,
        reason: &str,
        pause: Duration,
    ) -> Result<(), DbError> {
        self.transaction(RELEASE.run(values![ids, claim, reason, interval(pause)])).await
    }

    /// Counts a failure of a message, which is due again after `pause`, or never when this was its last
    /// attempt. False when another worker counted the failure or handled the message meanwhile.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn fail_message(
        &self,
        message: &Message,
        reason: &str,
        pause: Duration,
        is_last: bool,
    ) -> Result<bool, DbError> {
        let end = is_last.then_some("0 seconds");
        let values = values![message.id, reason, interval(pause), end, message.attempts];
        self.transaction(FAIL.any(values)).await
    }

    /// The messages about a note of `author`, newest first; none when there is no such note of that author.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn messages_of_note(
        &self,
        author: UserId,
        note: NoteId,
    ) -> Result<Option<Vec<Message>>, DbError> {
        let rows: Vec<MessageOfNote> = self.transaction(OF_NOTE.all(values![author, note])).await?;
        Ok((!rows.is_empty())
            .then(|| rows.into_iter().filter_map(|MessageOfNote(message)| message).collect()))
    }
}

/// An interval of PostgreSQL. A statement takes it as text, since Citus cannot add a number of seconds to
/// now().
fn interval(duration: Duration) -> String {
    format!("{} milliseconds", duration.as_millis())
}

/// At most a thousand tenants that have due messages.
///
/// # Errors
/// [`DbError`] of the one statement, which reads every shard.
pub async fn tenants_with_due_messages(database: &Database) -> Result<Vec<TenantId>, DbError> {
    let rows = database
        .relay(async |client| Ok(client.query(&client.prepare_cached(DUE_TENANTS).await?, &[]).await?))
        .await?;
    Ok(rows.into_iter().map(|row| DbRow::from(row).read()).collect())
}

/// Notifies all listening relays that these tenants have due messages.
///
/// # Errors
/// [`DbError`] of the statements. The relays find the messages by their sweeps then.
pub async fn notify_relays(database: &Database, tenants: &[TenantId]) -> Result<(), DbError> {
    database
        .relay(async |client| {
            let notify = client.prepare_cached(NOTIFY).await?;
            for some in tenants.chunks(NOTIFIED_AT_ONCE) {
                let names: Vec<String> = some.iter().map(TenantId::to_string).collect();
                client.execute(&notify, &[&names.join(",")]).await?;
            }
            Ok(())
        })
        .await
}

/// The channel of [`notify_relays`].
pub(crate) const CHANNEL: &str = "pigeonhole_outbox";

/// The tenants that a notification names.
#[allow(clippy::disallowed_methods, reason = "only `notify_relays` writes the payload")]
pub fn notified_tenants(payload: &str) -> Vec<TenantId> {
    payload.split(',').filter_map(|number| number.parse().ok()).map(TenantId::from_row).collect()
}

/// Removes messages that were acknowledged over 7 days ago and gives their number. Each statement removes the
/// messages of ten minutes, so that it is short.
///
/// # Errors
/// [`DbError`] of a statement; what earlier statements removed stays removed.
pub async fn forget_acknowledged(database: &Database) -> Result<u64, DbError> {
    let mut removed = 0;
    loop {
        let batch = database
            .maintain(async |client| {
                let oldest: Option<DateTime<Utc>> = client.query_one(OLDEST_DONE, &[]).await?.get(0);
                Ok(match oldest {
                    Some(oldest) => Some(client.execute(FORGET_DONE, &[&oldest]).await?),
                    None => None,
                })
            })
            .await?;
        match batch {
            Some(batch) => removed += batch,
            None => return Ok(removed),
        }
    }
}

/// Removes idempotency keys older than 24 hours and gives their number.
///
/// # Errors
/// [`DbError`] of the one statement.
pub async fn forget_idempotency_keys(database: &Database) -> Result<u64, DbError> {
    database.maintain(async |client| Ok(client.execute(FORGET_KEYS, &[]).await?)).await
}
