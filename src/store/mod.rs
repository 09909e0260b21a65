//! Every SQL statement of the product, one file per table. Each function is one call on a handle, and each
//! statement of a tenant's table compares its first value with tenant_id, so that one shard answers it;
//! row-level security stands behind that and does not replace it. No other folder holds SQL, except `db` for
//! roles, migrations and the guard.

mod backlog;
mod edits;
mod idempotency;
mod inbox;
mod invitations;
mod logins;
mod members;
mod new_notes;
mod note_access;
mod notes;
mod outbox;
mod page;
mod purge;
mod recipients;
mod revisions;
mod search;
mod seeding;
mod sessions;
mod shares;
mod sign_up;
mod tenants;
mod transfer;
mod users;

pub use backlog::{
    BacklogMessage, StateCount, Unfinished, drop_failed, failed_messages, message_counts, named_messages,
    replay_failed, unfinished_messages,
};
pub use edits::{Edit, Saved};
pub use idempotency::{Earlier, Once};
pub use inbox::{ReceivedNote, Unread};
pub use invitations::{Invited, Offer, OpenInvitation};
pub use logins::{Candidate, LIMIT as CANDIDATE_LIMIT};
pub use members::{Decision, Member};
pub use new_notes::{NewNote, Written};
pub use note_access::{Grant, Received, Seen};
pub use notes::{Bin, Note, Overview};
pub(crate) use outbox::CHANNEL as OUTBOX_CHANNEL;
pub use outbox::{
    DeliveryState, Message, forget_acknowledged, forget_idempotency_keys, notified_tenants, notify_relays,
    tenants_with_due_messages,
};
pub use page::{Cursor, Page, Placed, Position};
pub(crate) use purge::forget_logins;
pub use purge::purge_overdue_tenants;
pub use recipients::{OFFERED, Recipient, Share, SharingState};
pub use revisions::Revision;
pub use search::{Found, HIT_BEGINS, HIT_ENDS};
pub use seeding::{SeedTable, analyze, copy_in, next_ids};
pub use sessions::{Counted, Session, SessionKind, SessionRow, count_sessions, purge_expired};
pub use shares::{Shared, Sharing};
pub use sign_up::{Newcomer, Registered, SignUpError, TenantChoice};
pub use tenants::{Renaming, TenantSettings};
pub use transfer::{ComingNote, LeavingNote, LeavingPerson, LeavingShare, Scope};
pub use users::Account;

use crate::db::Statement;

/// The statements that run for a tenant, for the test that asks Citus how many shards each of them touches.
pub fn tenant_statements() -> Vec<&'static str> {
    let notes = [
        notes::ALL,
        edits::ALL,
        revisions::ALL,
        note_access::ALL,
        shares::ALL,
        recipients::ALL,
        inbox::ALL,
        search::ALL,
    ]
    .concat();
    let people = [sessions::ALL, users::ALL, members::ALL, invitations::ALL, tenants::ALL].concat();
    let others = [outbox::ALL, idempotency::ALL, transfer::ALL].concat();
    [notes, people, others].concat().iter().map(|statement: &&Statement| statement.sql).collect()
}
