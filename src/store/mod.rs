//! Every SQL statement of the product, one file per table. Each function is one call on a handle, and each statement of
//! a tenant's table compares its first value with tenant_id, so that one shard answers it; row-level security stands
//! behind that and does not replace it. No other folder holds SQL, except `db` for roles, migrations and the guard.

mod invitations;
mod logins;
mod members;
mod notes;
mod outbox;
mod purge;
mod revisions;
mod seeding;
mod sessions;
mod shares;
mod sign_up;
mod tenants;
mod users;

pub use invitations::{Offer, OpenInvitation};
pub use logins::{Candidate, LIMIT as CANDIDATE_LIMIT};
pub use members::{Decision, Member};
pub use notes::{Bin, Cursor, Edit, Note, NotePage, Saved};
pub use outbox::{CATCH_UP, FORGET_LOGINS, INSERT_TO_SHARED, Message};
pub(crate) use purge::forget_logins;
pub use purge::purge_overdue_tenants;
pub use revisions::Revision;
pub use seeding::{SeedTable, analyze, copy_in, next_ids};
pub use sessions::{Session, SessionKind, SessionRow, purge_expired};
pub use shares::Sharing;
pub use sign_up::{Newcomer, Registered, SignUpError, TenantChoice};
pub use tenants::{Renaming, TenantSettings};
pub use users::Account;

use crate::db::Statement;

/// The statements that run for a tenant, for the test that asks Citus how many shards each of them touches.
pub fn tenant_statements() -> Vec<&'static str> {
    [notes::ALL, revisions::ALL, sessions::ALL, users::ALL, outbox::ALL, shares::ALL, members::ALL, invitations::ALL, tenants::ALL]
        .concat()
        .iter()
        .map(|statement: &&Statement| statement.sql)
        .collect()
}
