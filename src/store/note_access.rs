//! Which user may do what with a note. Every read of a note by its number goes through [`find`], so no caller
//! can skip the check. Its two statements read one table each by its key, which Citus plans fastest; they run
//! in one round trip.

use chrono::{DateTime, Utc};

use super::notes::{Note, note_columns};
use super::outbox::DeliveryState;
use crate::db::{DbError, FromRow, RowReader, Statement, Steps, TenantHandle, Viewer, values};
use crate::domain::{Access, NoteId, NoteRole, Right, UserId};

static FIND: Statement = Statement::reading(concat!(
    "SELECT ",
    note_columns!(whole),
    " FROM {notes} n WHERE n.tenant_id = $1 AND n.id = $2 AND n.deleted_at IS NULL"
));

/// The columns of an [`Access`] and a [`Received`] from `shared_notes i`.
macro_rules! received_columns {
    () => {
        "i.access, i.shared_by, i.created_at, i.read_at"
    };
}
pub(super) use received_columns;

// It runs after FIND, so a share that ends in between counts as ended.
static RECEIVED: Statement = Statement::reading(concat!(
    "SELECT ",
    received_columns!(),
    " FROM {shared_notes} i WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND i.note_id = $3"
));

pub(super) static ALL: &[&Statement] = &[&FIND, &RECEIVED];

/// The answer to a request for a note.
#[derive(Clone, Debug)]
pub enum NoteAccess<T> {
    Granted(T),
    /// The user may see the note, but may not do this with it.
    Forbidden,
    /// There is no such note, or the user may not know that there is.
    NotFound,
}

impl<T> NoteAccess<T> {
    /// Converts what was granted.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> NoteAccess<U> {
        match self {
            Self::Granted(value) => NoteAccess::Granted(convert(value)),
            Self::Forbidden => NoteAccess::Forbidden,
            Self::NotFound => NoteAccess::NotFound,
        }
    }
}

/// How a shared note reached its recipient.
#[derive(Clone, Debug)]
pub struct Received {
    pub shared_by: UserId,
    /// When the note was delivered to the inbox.
    pub at: DateTime<Utc>,
    /// When the recipient first opened it.
    pub read_at: Option<DateTime<Utc>>,
}

impl FromRow for Received {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self { shared_by: row.read(), at: row.read(), read_at: row.read() }
    }
}

/// A note that a user may see.
#[derive(Clone, Debug)]
pub struct AccessibleNote {
    pub note: Note,
    /// The user's relation to the note.
    pub role: NoteRole,
    /// How it reached the user, unless the user is the author.
    pub received: Option<Received>,
}

/// Reads a note that is not in the bin, if `user` has that right to it.
pub(super) fn find(
    user: UserId,
    id: NoteId,
    right: Right,
) -> impl Steps<Output = NoteAccess<AccessibleNote>> {
    (FIND.first(values![id]), RECEIVED.first(values![user, id]))
        .map(move |(note, received)| check(user, right, note, received))
}

/// The author has every right, a recipient has what was shared.
fn check(
    user: UserId,
    right: Right,
    note: Option<Note>,
    received: Option<(Access, Received)>,
) -> NoteAccess<AccessibleNote> {
    let Some(note) = note else { return NoteAccess::NotFound };
    let (role, received) = match received {
        _ if note.author == user => (NoteRole::Author, None),
        Some((access, received)) => (NoteRole::Recipient(access), Some(received)),
        None => return NoteAccess::NotFound,
    };
    if role.allows(right) {
        NoteAccess::Granted(AccessibleNote { note, role, received })
    } else {
        NoteAccess::Forbidden
    }
}

/// A note that was read, before it is known whether the user may see it.
pub struct FoundNote {
    note: Option<Note>,
    received: Option<(Access, Received)>,
    delivery: Option<DeliveryState>,
}

impl FoundNote {
    /// The note if `user`, for whom it was read, may read it; for its author with how far its shares were
    /// delivered.
    pub fn for_reader(self, user: UserId) -> NoteAccess<(AccessibleNote, Option<DeliveryState>)> {
        let delivery = self.delivery;
        check(user, Right::Read, self.note, self.received).map(|note| (note, delivery))
    }
}

/// A note with what tells whether `user` may read it.
pub(crate) fn note_with_delivery(user: Viewer, id: NoteId) -> impl Steps<Output = FoundNote> {
    let steps =
        (FIND.first(values![id]), RECEIVED.first(values![user, id]), DeliveryState::of_note(user, id));
    steps.map(|(note, received, delivery)| FoundNote { note, received, delivery })
}

impl TenantHandle {
    /// A note, if `user` has that right to it.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn note(
        &self,
        user: UserId,
        id: NoteId,
        right: Right,
    ) -> Result<NoteAccess<AccessibleNote>, DbError> {
        self.transaction(find(user, id, right)).await
    }
}
