//! Every SQL statement of the product, one file per table. Each function is one call on a handle, and each statement of
//! a tenant's table compares its first value with tenant_id, so that one shard answers it; row-level security stands
//! behind that and does not replace it. No other folder holds SQL, except `db` for roles, migrations and the guard.

mod backlog;
mod logins;
mod notes;
mod outbox;
mod revisions;
mod seeding;
mod sessions;
mod shares;
mod sign_up;
mod users;

pub use backlog::{Backlog, StateCount, backlog, drop_failed, failed_messages, replay_failed, show_message};
pub use logins::{Candidate, LIMIT as CANDIDATE_LIMIT};
pub use notes::{Bin, Cursor, Edit, Note, NotePage, Saved};
pub(crate) use outbox::CHANNEL as OUTBOX_CHANNEL;
pub use outbox::{
    ATTEMPTS, DeliveryState, INSERT_TO_SHARED, Message, forget_acknowledged, forget_idempotency_keys, notified_tenants, notify_relays,
    tenants_with_due_messages,
};
pub use revisions::Revision;
pub use seeding::{SeedTable, analyze, copy_in, next_ids};
pub use sessions::{Session, SessionKind, SessionRow, purge_expired};
pub use shares::Sharing;
pub use sign_up::{Newcomer, Registered, SignUpError, TenantChoice};
pub use users::Account;

use crate::db::Statement;

/// The statements that run for a tenant, for the test that asks Citus how many shards each of them touches.
pub fn tenant_statements() -> Vec<&'static str> {
    [notes::ALL, revisions::ALL, sessions::ALL, users::ALL, outbox::ALL, shares::ALL]
        .concat()
        .iter()
        .map(|statement: &&Statement| statement.sql)
        .collect()
}
