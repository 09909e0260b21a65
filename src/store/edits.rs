//! Edits of a note's text, by its author or by a recipient with access to edit. An edit never overwrites a
//! text that its editor has not seen, and every replaced text is kept.

use super::note_access::{AccessibleNote, NoteAccess, find};
use super::notes::{Note, note_columns};
use super::revisions::{Revision, base};
use super::usage::add_bytes_of_edit;
use crate::db::{DbError, Statement, TenantHandle, Value, values};
use crate::domain::{
    Merge, NoteContent, NoteId, NoteRole, NoteTitle, Right, UserId, is_quick_merge, merge_contents,
    merge_titles,
};

// The statements check the right themselves, because it may have ended since it was looked up. The author's
// edit reads one table, which Citus plans fastest; a recipient's edit needs the second form.
macro_rules! by_author {
    () => {
        "n.user_id = $2"
    };
}
macro_rules! by_recipient {
    () => {
        "EXISTS (SELECT FROM {shared_notes} s WHERE s.tenant_id = $1 AND s.recipient_id = $2 \
         AND s.note_id = $3 AND s.access = 'edit')"
    };
}
/// The note at the edit's version, if the edit changes it. `$7` tells that a browser sent the text: forms
/// turn every line break into CRLF, and saving a form unchanged must not change the note.
macro_rules! is_changed {
    ($right:expr) => {
        concat!(
            " n.tenant_id = $1 AND n.id = $3 AND n.version = $4 AND n.deleted_at IS NULL AND ",
            $right,
            " AND (n.title IS DISTINCT FROM $5 OR $6 <> CASE WHEN $7::boolean
                  THEN replace(replace(n.content, E'\\r\\n', E'\\n'), E'\\r', E'\\n') ELSE n.content END)"
        )
    };
}
/// Keeps the text that the next statement of the transaction replaces. Of two edits of one version the later
/// waits at the primary key, and then finds no text left to replace.
macro_rules! keep_replaced {
    ($right:expr) => {
        Statement::writing(concat!(
            "INSERT INTO {note_revisions} (tenant_id, note_id, version, title, content, replaced_by)
             SELECT n.tenant_id, n.id, n.version, n.title, n.content, $2::bigint FROM {notes} n WHERE",
            is_changed!($right),
            " ON CONFLICT (tenant_id, note_id, version) DO NOTHING"
        ))
    };
}
macro_rules! replace {
    ($right:expr) => {
        Statement::writing(concat!(
            "UPDATE {notes} n SET title = $5, content = $6, version = n.version + 1, updated_at = now(),
             search_text = $8, search_keys = $9 WHERE",
            is_changed!($right),
            " RETURNING ",
            note_columns!(whole)
        ))
    };
}
static KEEP_REPLACED: Statement = keep_replaced!(by_author!());
static REPLACE: Statement = replace!(by_author!());
static KEEP_REPLACED_BY_RECIPIENT: Statement = keep_replaced!(by_recipient!());
static REPLACE_BY_RECIPIENT: Statement = replace!(by_recipient!());
// A transaction that ends the share waits for this edit, so no edit is stored after the author's client got
// the answer that the share has ended.
static LOCK_RIGHT: Statement = Statement::writing(
    "SELECT note_id FROM {shared_notes} WHERE tenant_id = $1 AND recipient_id = $2 AND note_id = $3 \
     AND access = 'edit' FOR SHARE",
);

pub(super) static ALL: &[&Statement] =
    &[&KEEP_REPLACED, &REPLACE, &KEEP_REPLACED_BY_RECIPIENT, &REPLACE_BY_RECIPIENT, &LOCK_RIGHT];

/// How often a merge is retried because another edit was saved meanwhile.
const MERGE_ATTEMPTS: usize = 5;

/// An edit of a note's text.
#[derive(Clone, Debug)]
pub struct Edit {
    pub title: Option<NoteTitle>,
    pub content: NoteContent,
    /// The version that the editor started from.
    pub version: i32,
    /// Whether a browser's form sent the text, and so changed its line breaks.
    pub from_browser: bool,
}

/// The result of an edit.
pub enum EditOutcome {
    /// The edit is stored, as it is or merged with edits that were saved meanwhile.
    Stored { note: Note, merged: bool },
    /// The edit overlaps with another that was saved meanwhile; nothing changed.
    Conflict {
        current: Note,
        /// The title and text for the editor to resolve.
        title: Option<NoteTitle>,
        content: String,
    },
    /// The editor may read the note, but not change it.
    Forbidden,
    /// There is no such note for the editor.
    NotFound,
}

/// The right by which an edit is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EditAs {
    Author,
    Recipient,
}

impl AccessibleNote {
    /// The right, and the author.
    fn edit_as(&self) -> (EditAs, UserId) {
        let right = if self.role == NoteRole::Author { EditAs::Author } else { EditAs::Recipient };
        (right, self.note.author)
    }
}

impl TenantHandle {
    /// Saves an edit, and merges it with edits that were saved since the editor's version if they do not
    /// overlap.
    ///
    /// # Errors
    /// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
    pub async fn save_note(&self, user: UserId, id: NoteId, edit: &Edit) -> Result<EditOutcome, DbError> {
        // Most edits are the author's own, so the first attempt needs no lookup.
        let mut edit_as = (EditAs::Author, user);
        if let Some(note) = self.replace_text(edit_as, user, id, edit).await? {
            return Ok(EditOutcome::Stored { note, merged: false });
        }
        for _ in 0..MERGE_ATTEMPTS {
            let (access, base) =
                self.transaction((find(user, id, Right::Edit), base(id, edit.version))).await?;
            let accessible = match access {
                NoteAccess::Granted(accessible) => accessible,
                NoteAccess::Forbidden => return Ok(EditOutcome::Forbidden),
                NoteAccess::NotFound => return Ok(EditOutcome::NotFound),
            };
            let untried = accessible.edit_as() != edit_as;
            edit_as = accessible.edit_as();
            let current = accessible.note;
            let next = if current.version != edit.version {
                match self.merge(edit, base, current).await? {
                    MergedEdit::Save(merged) => merged,
                    MergedEdit::Done(outcome) => return Ok(outcome),
                }
            } else if untried {
                edit.clone()
            } else {
                return Ok(EditOutcome::Stored { note: current, merged: false });
            };
            if let Some(note) = self.replace_text(edit_as, user, id, &next).await? {
                return Ok(EditOutcome::Stored { note, merged: next.version != edit.version });
            }
        }
        Err(DbError::Unavailable(Some("the note changes faster than it can be merged".into())))
    }

    /// Merges in the tenant's turn, unless it takes little time.
    async fn merge(&self, edit: &Edit, base: Option<Revision>, current: Note) -> Result<MergedEdit, DbError> {
        // A client may name a version that never existed. Its base is empty, so that every difference
        // overlaps.
        let base = base.unwrap_or_else(|| Revision::empty(edit.version));
        if is_quick_merge([&base.content, edit.content.as_str(), current.content.as_str()]) {
            return Ok(merge(edit, &base, current));
        }
        let edit = edit.clone();
        self.compute(move || merge(&edit, &base, current)).await
    }

    /// Saves an edit only if the note is still at the edit's version; otherwise it is a conflict.
    ///
    /// # Errors
    /// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
    pub async fn save_note_unmerged(
        &self,
        user: UserId,
        id: NoteId,
        edit: &Edit,
    ) -> Result<EditOutcome, DbError> {
        let mut edit_as = (EditAs::Author, user);
        loop {
            if let Some(note) = self.replace_text(edit_as, user, id, edit).await? {
                return Ok(EditOutcome::Stored { note, merged: false });
            }
            let accessible = match self.note(user, id, Right::Edit).await? {
                NoteAccess::Granted(accessible) => accessible,
                NoteAccess::Forbidden => return Ok(EditOutcome::Forbidden),
                NoteAccess::NotFound => return Ok(EditOutcome::NotFound),
            };
            let tried = accessible.edit_as() == edit_as;
            edit_as = accessible.edit_as();
            let current = accessible.note;
            if current.version != edit.version {
                let (title, content) = (edit.title.clone(), edit.content.as_str().to_owned());
                return Ok(EditOutcome::Conflict { current, title, content });
            }
            if tried {
                return Ok(EditOutcome::Stored { note: current, merged: false });
            }
        }
    }

    /// Stores the edit if the note is still at the edit's version and differs from it.
    /// The text is counted as the author's, who is `author` also for a recipient's edit.
    async fn replace_text(
        &self,
        (edit_as, author): (EditAs, UserId),
        user: UserId,
        id: NoteId,
        edit: &Edit,
    ) -> Result<Option<Note>, DbError> {
        let index = self.search_index(author, edit.title.as_ref(), &edit.content).await?;
        let (keep, mut replace) = (edit.values(user, id), edit.values(user, id));
        replace.extend(values![index.text.as_str(), index.keys.as_slice()]);
        let count = add_bytes_of_edit(self, author, id, edit.version, (edit.title.as_ref(), &edit.content));
        match edit_as {
            EditAs::Author => {
                let ((), note, ()) =
                    self.transaction((KEEP_REPLACED.run(keep), REPLACE.first(replace), count)).await?;
                Ok(note)
            }
            EditAs::Recipient => {
                let ((), (), note, ()) = self
                    .transaction((
                        LOCK_RIGHT.run(values![user, id]),
                        KEEP_REPLACED_BY_RECIPIENT.run(keep),
                        REPLACE_BY_RECIPIENT.first(replace),
                        count,
                    ))
                    .await?;
                Ok(note)
            }
        }
    }
}

impl Edit {
    /// The values of the statements that keep the old text and store the new one.
    fn values(&self, user: UserId, id: NoteId) -> Vec<Value<'_>> {
        let title = self.title.as_ref().map(NoteTitle::as_str);
        values![user, id, self.version, title, self.content.as_str(), self.from_browser]
    }
}

/// An edit that was merged into the current text.
enum MergedEdit {
    Save(Edit),
    /// There is nothing to save.
    Done(EditOutcome),
}

fn merge(edit: &Edit, base: &Revision, current: Note) -> MergedEdit {
    let title = merge_titles(&base.title, &edit.title, &current.title);
    let content = merge_contents(&base.content, edit.content.as_str(), current.content.as_str());
    let (title, content) = match (title, content) {
        (Merge::Clean(title), Merge::Clean(content)) => (title, content),
        (Merge::Clean(title) | Merge::Conflict(title), Merge::Clean(content) | Merge::Conflict(content)) => {
            return MergedEdit::Done(EditOutcome::Conflict { current, title, content });
        }
    };
    // A merged text may be longer than a note may be.
    let Ok(content) = NoteContent::parse(content) else {
        let content = edit.content.as_str().to_owned();
        return MergedEdit::Done(EditOutcome::Conflict { content, title, current });
    };
    if title == current.title && content == current.content {
        return MergedEdit::Done(EditOutcome::Stored { note: current, merged: true });
    }
    MergedEdit::Save(Edit { title, content, version: current.version, from_browser: false })
}
