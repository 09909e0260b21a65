//! The SQL of the product. A file is one subject, and most of its functions are calls on a handle of `db`:
//!
//! - notes: `notes`, `new_notes`, `note_access`, `edits`, `revisions`, `search`, `search_index`, `overview`,
//!   `page`;
//! - sharing: `shares`, `recipients`, `inbox`, and the messages that deliver shares: `outbox`, `backlog`;
//! - people: `sign_up`, `logins`, `throttles`, `sessions`, `users`, `members`, `invitations`, `tenants`;
//! - across subjects: `idempotency`, `transfer` (export and import), `import_leases`, `usage`, `limits` and
//!   `tenant_limits`, `purge`, `seeding`.
//!
//! A statement for a tenant compares its `$1` with tenant_id, so that one shard answers it. Row-level
//! security is a second barrier and does not replace that. SQL is also in `db` (roles, migrations, the schema
//! check) and in `cluster` and `monitor`, which read catalogs and statistics and no tenant's rows.

mod backlog;
mod edits;
mod idempotency;
mod import_leases;
mod inbox;
mod invitations;
mod limits;
mod logins;
mod members;
mod new_notes;
mod note_access;
mod notes;
mod outbox;
mod overview;
mod page;
mod purge;
mod recipients;
mod revisions;
mod search;
mod search_index;
mod seeding;
mod session_lifetime;
mod sessions;
mod shares;
mod sign_up;
mod tenant_limits;
mod tenants;
mod throttles;
mod transfer;
mod usage;
mod users;

pub use backlog::{
    BacklogMessage, StateCount, Unfinished, drop_failed, failed_messages, message_counts, named_messages,
    replay_failed, unfinished_messages,
};
pub use edits::{Edit, EditOutcome};
pub use idempotency::{IdempotentRequest, Outcome, RecordedResult};
pub use inbox::{CachedUnreadCount, ReceivedNote};
pub(crate) use inbox::{inbox, whole_inbox};
pub use invitations::{CreatedInvitation, Offer, OpenInvitation, ReplayedInvitation, Revocation};
pub use logins::{Candidate, TRIED_HASHES};
pub use members::{Decision, Member};
pub use new_notes::{CreatedNote, NewNote};
pub(crate) use note_access::note_with_delivery;
pub use note_access::{AccessibleNote, FoundNote, NoteAccess, Received};
pub use notes::{ListedNote, Note, NoteState};
pub(crate) use notes::{notes, whole_notes};
pub(crate) use outbox::CHANNEL as OUTBOX_CHANNEL;
pub use outbox::{
    DeliveryState, Message, forget_acknowledged, forget_idempotency_keys, notified_tenants, notify_relays,
    tenants_with_due_messages,
};
pub use overview::Overview;
pub(crate) use overview::overview;
pub use page::{Cursor, Page, Position, Positioned};
pub(crate) use purge::forget_logins;
pub use purge::purge_overdue_tenants;
pub use recipients::{OFFERED, Recipient, Share, SharingState};
pub use revisions::{NoteHistory, Revision};
pub(crate) use search::found;
pub use search::{SearchHit, SearchPage, SearchPosition, SearchRequest, SearchScope, SearchTotal};
pub use seeding::{SeedTable, analyze, copy_in, count_seeded, next_ids};
pub use sessions::{
    LONG_LIFETIME, NewSession, Session, SessionKind, SessionRow, UnreadLookup, count_sessions, purge_expired,
};
pub use shares::Sharing;
pub use sign_up::{Newcomer, Registered, SignUpError, TenantChoice};
pub use tenant_limits::{TenantReport, recount, set_overrides, tenant_numbers, tenant_report};
pub use tenants::{ByOwner, SettingsChange, TenantSettings};
pub use throttles::{BucketAnswer, BucketRule, forget_throttles};
pub use transfer::{ExportBounds, ExportScope, ExportedNote, ExportedShare, ExportedUser, ImportedNote};
pub use usage::{PersonUsage, TenantUsage, Usage};
pub use users::UserAccount;

use crate::db::Statement;

/// The statements that run for a tenant, for the tests that check each of them.
fn statements() -> Vec<&'static Statement> {
    let notes =
        [notes::ALL, new_notes::ALL, edits::ALL, revisions::ALL, note_access::ALL, search::ALL].concat();
    let sharing = [shares::ALL, recipients::ALL, inbox::ALL, outbox::ALL].concat();
    let people = [sessions::ALL, users::ALL, members::ALL, invitations::ALL, tenants::ALL].concat();
    let across = [idempotency::ALL, transfer::ALL, import_leases::ALL, usage::ALL].concat();
    [notes, sharing, people, across].concat()
}

/// The SQL of the statements that run for a tenant, for the test that asks Citus how many shards each reads.
pub fn tenant_statements() -> Vec<&'static str> {
    statements().into_iter().map(Statement::sql).collect()
}

/// The same with each table in braces, for benches/floor, which sends some of them to the shards'
/// own tables.
pub fn tenant_templates() -> Vec<&'static str> {
    statements().into_iter().map(Statement::template).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The tables in braces.
    fn declared(statement: &Statement) -> Vec<&'static str> {
        let parts = statement.template().split('{').skip(1);
        parts.map(|part| part.split_once('}').expect("a closing brace").0).collect()
    }

    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
    }

    #[test]
    fn a_statement_that_reads_changes_and_locks_nothing() {
        for statement in statements() {
            let sql = statement.sql();
            // The last one is a condition of the changes in its transaction.
            let acts = ["FOR UPDATE", "FOR SHARE", "nextval(", "pg_notify(", "1 / count("];
            let reads = sql.starts_with("SELECT") && !acts.iter().any(|act| sql.contains(act));
            assert_eq!(statement.is_read(), reads, "{sql}");
        }
    }

    #[test]
    fn every_statement_has_its_tables_in_braces() {
        let all = statements();
        let tables: BTreeSet<&str> = all.iter().flat_map(|statement| declared(statement)).collect();
        let names: BTreeSet<&str> =
            tables.iter().map(|table| table.rsplit('.').next().unwrap_or(table)).collect();
        assert!(names.contains("notes") && names.contains("users"), "{names:?}");
        for statement in all {
            let template = statement.template();
            assert!(!declared(statement).is_empty(), "{template}");
            let outside: String =
                template.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect();
            let undeclared = words(&outside).find(|word| names.contains(word));
            assert_eq!(undeclared, None, "a table without braces in {template}");
            for keyword in ["FROM ", "JOIN ", "UPDATE ", "INTO "] {
                // `moved` is a part of its statement, `requests` has functions, and the others are keywords.
                let other = ["moved", "requests.", "SET", "SKIP"];
                let named = |source: &str| {
                    source.starts_with(|next: char| next.is_ascii_alphabetic())
                        && !other.iter().any(|word| source.starts_with(word))
                };
                assert!(!outside.split(keyword).skip(1).any(named), "a table without braces in {template}");
            }
        }
    }
}
