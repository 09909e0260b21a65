//! What a tenant and a person use, counted in the transactions that change it. `V12__limits.sql` says how the
//! rows of `tenant_usage` are used. A statement that adds to a row also writes how much room is left, and the
//! database refuses a transaction that leaves less than none ([`DbError::LimitReached`]).
//!
//! The rows of one person are never more than allowed. A tenant's notes and bytes lie in eight rows, which
//! writes of different people change at the same time: each sees what the others had committed. So a tenant
//! may go over its limit by one transaction of at most seven others that commit at the same moment.

use super::limits::{allowed, override_columns};
use super::session_lifetime::in_force;
use crate::db::{DbError, FromRow, RowReader, Statement, Step, TenantHandle, values};
use crate::domain::{
    Limit, LimitOverrides, NoteContent, NoteId, NoteTitle, UsageLimits, UserId, counted_bytes,
};

/// The rows of a person and of the person's share of the tenant, where `$2` is the person.
macro_rules! rows_of_person {
    () => {
        " u.tenant_id = $1 AND u.user_id IN ($2::bigint, -1 - $2::bigint % 8)"
    };
}
pub(super) use rows_of_person;

/// What the tenant's rows hold together, without the row that the statement changes.
macro_rules! in_other_rows {
    ($column:literal) => {
        concat!(
            "(SELECT coalesce(sum(s.",
            $column,
            "), 0)::bigint FROM {tenant_usage} s WHERE s.tenant_id = $1 AND s.user_id < 0 \
             AND s.user_id <> -1 - $2::bigint % 8)"
        )
    };
}
macro_rules! notes_room {
    ($added:literal, $of_person:literal, $of_tenant:literal) => {
        concat!(
            "notes_room = CASE WHEN u.user_id > 0 THEN ",
            allowed!("notes_per_person", $of_person),
            " - u.note_count - ",
            $added,
            " ELSE ",
            allowed!("notes_in_all", $of_tenant),
            " - u.note_count - ",
            $added,
            " - ",
            in_other_rows!("note_count"),
            " END"
        )
    };
}
macro_rules! bytes_room {
    ($added:literal, $of_tenant:literal) => {
        concat!(
            "bytes_room = CASE WHEN u.user_id > 0 THEN NULL ELSE ",
            allowed!("bytes", $of_tenant),
            " - u.bytes - ",
            $added,
            " - ",
            in_other_rows!("bytes"),
            " END"
        )
    };
}

// `$3` notes in use and `$4` bytes.
static ADD_NOTES: Statement = Statement::writing(concat!(
    "UPDATE {tenant_usage} u SET note_count = u.note_count + $3::bigint, bytes = u.bytes + $4::bigint, ",
    notes_room!("$3::bigint", "$5", "$6"),
    ", ",
    bytes_room!("$4::bigint", "$7"),
    " WHERE",
    rows_of_person!()
));
// `$3` bytes of notes that go into the bin, where they count no notes.
static ADD_BYTES: Statement = Statement::writing(concat!(
    "UPDATE {tenant_usage} u SET bytes = u.bytes + $3::bigint, ",
    bytes_room!("$3::bigint", "$4"),
    " WHERE",
    rows_of_person!()
));
// `$2` is the note's author and `$4` the version that the edit replaced. The time tells that this transaction
// replaced it: now() is when the transaction began, and an edit that was faster began at another time.
static ADD_BYTES_OF_EDIT: Statement = Statement::writing(concat!(
    "UPDATE {tenant_usage} u SET bytes = u.bytes + $5::bigint, ",
    bytes_room!("$5::bigint", "$6"),
    " WHERE",
    rows_of_person!(),
    " AND EXISTS (SELECT FROM {notes} n WHERE n.tenant_id = $1 AND n.id = $3 \
       AND n.version - 1 = $4::integer AND n.updated_at = now())"
));
// After a restored note was counted.
static LEAVE_ROOM_FOR_NOTES: Statement = Statement::writing(concat!(
    "UPDATE {tenant_usage} u SET ",
    notes_room!("0", "$3", "$4"),
    " WHERE",
    rows_of_person!()
));
// In the transaction that removed the member `$2`, for the reason given at `ADD_BYTES_OF_EDIT`.
static SUBTRACT_MEMBER: Statement = Statement::writing(
    "UPDATE {tenant_usage} u SET members = u.members - 1 WHERE u.tenant_id = $1 AND u.user_id = 0 \
     AND EXISTS (SELECT FROM {shared.users} m WHERE m.tenant_id = $1 AND m.id = $2 AND m.removed_at = now())",
);
static OF_TENANT: Statement = Statement::reading(
    "SELECT coalesce(sum(members), 0)::bigint, coalesce(sum(note_count), 0)::bigint, \
       coalesce(sum(bytes), 0)::bigint FROM {tenant_usage} WHERE tenant_id = $1 AND user_id <= 0",
);
static OF_PERSON: Statement =
    Statement::reading("SELECT note_count, bytes FROM {tenant_usage} WHERE tenant_id = $1 AND user_id = $2");
static IMPORTS: Statement =
    Statement::reading("SELECT count(*) FROM {import_leases} WHERE tenant_id = $1 AND expires_at > now()");
static SESSIONS_OF_PERSON: Statement = Statement::reading(concat!(
    "SELECT count(*) FILTER (WHERE s.kind = 'script'), count(*) FILTER (WHERE s.kind <> 'script') \
     FROM {sessions} s WHERE s.tenant_id = $1 AND s.user_id = $2 AND ",
    in_force!()
));
static OVERRIDES: Statement = Statement::reading(concat!(
    "SELECT ",
    override_columns!(),
    " FROM {tenant_limits} l WHERE l.tenant_id = $1"
));

pub(super) static ALL: &[&Statement] = &[
    &ADD_NOTES,
    &ADD_BYTES,
    &ADD_BYTES_OF_EDIT,
    &LEAVE_ROOM_FOR_NOTES,
    &SUBTRACT_MEMBER,
    &OF_TENANT,
    &OF_PERSON,
    &IMPORTS,
    &SESSIONS_OF_PERSON,
    &OVERRIDES,
];

/// What a tenant uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantUsage {
    pub members: i64,
    /// Without those in the bin.
    pub notes: i64,
    /// As [`counted_bytes`] counts them, of all notes and earlier texts.
    pub bytes: i64,
}

impl FromRow for TenantUsage {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { members: row.column(), notes: row.column(), bytes: row.column() }
    }
}

/// What a person uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonUsage {
    /// Without those in the bin.
    pub notes: i64,
    /// Of the notes of which the person is the author, with the bin and earlier texts.
    pub bytes: i64,
    /// Bearer tokens in force.
    pub tokens: i64,
    /// Logins in browsers that are in force.
    pub sessions: i64,
}

/// What a tenant and one of its users use, and how much they may.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub tenant: TenantUsage,
    pub person: PersonUsage,
    /// Imports of the tenant that run now.
    pub imports: i64,
    pub limits: UsageLimits,
}

/// Counts the notes that the transaction creates, of these texts.
pub(super) fn add_notes<'a>(tenant: &TenantHandle, author: UserId, in_use: i64, bytes: i64) -> Step<'a, ()> {
    let limits = tenant.default_limits();
    if in_use == 0 {
        return ADD_BYTES.run(values![author, bytes, limits.stored(Limit::Bytes)]);
    }
    ADD_NOTES.run(values![
        author,
        in_use,
        bytes,
        limits.stored(Limit::NotesPerPerson),
        limits.stored(Limit::Notes),
        limits.stored(Limit::Bytes)
    ])
}

/// Counts the text that the transaction stored in place of `version`, if it did. The text that it replaced
/// stays and counts as before.
pub(super) fn add_bytes_of_edit<'a>(
    tenant: &TenantHandle,
    author: UserId,
    note: NoteId,
    version: i32,
    (title, content): (Option<&NoteTitle>, &NoteContent),
) -> Step<'a, ()> {
    let allowed = tenant.default_limits().stored(Limit::Bytes);
    ADD_BYTES_OF_EDIT.run(values![author, note, version, counted_bytes(title, content), allowed])
}

/// Refuses the transaction if the author now has more notes than allowed.
pub(super) fn leave_room_for_notes<'a>(tenant: &TenantHandle, author: UserId) -> Step<'a, ()> {
    let limits = tenant.default_limits();
    let values = values![author, limits.stored(Limit::NotesPerPerson), limits.stored(Limit::Notes)];
    LEAVE_ROOM_FOR_NOTES.run(values)
}

/// Counts a member less, if the transaction removed this one.
pub(super) fn subtract_member<'a>(member: UserId) -> Step<'a, ()> {
    SUBTRACT_MEMBER.run(values![member])
}

impl TenantHandle {
    /// What the tenant and one of its users use.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn usage(&self, user: UserId) -> Result<Usage, DbError> {
        let (tenant, person, sessions, imports, overrides) = self
            .transaction((
                OF_TENANT.first(values![]),
                OF_PERSON.first::<(i64, i64)>(values![user]),
                SESSIONS_OF_PERSON.first::<(i64, i64)>(values![user]),
                IMPORTS.first(values![]),
                OVERRIDES.first(values![]),
            ))
            .await?;
        let (notes, bytes) = person.unwrap_or_default();
        let (tokens, sessions) = sessions.unwrap_or_default();
        let overrides: LimitOverrides = overrides.unwrap_or_default();
        Ok(Usage {
            tenant: tenant.unwrap_or_default(),
            person: PersonUsage { notes, bytes, tokens, sessions },
            imports: imports.unwrap_or_default(),
            limits: self.default_limits().with(&overrides),
        })
    }
}
