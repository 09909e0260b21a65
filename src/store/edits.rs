//! Changes of a note's text, by its author or by somebody with whom it is shared for that. Nobody's text is
//! overwritten unseen, and every replaced text is kept.

use super::note_access::{FIND, Grant, RECEIVED, Seen, grant};
use super::notes::Note;
use super::revisions::{BASE, Revision};
use crate::db::{DbError, Statement, Step, TenantHandle, Value};
use crate::domain::{
    Merge, NoteContent, NoteId, NoteTitle, Right, Standing, UserId, merge_contents, merge_titles,
};

// The right to the edit is part of the statements that make it: what was looked up before may be taken back
// meanwhile. An author's own edit asks one table, which Citus plans quickly; the other form is for those who
// received the note.
macro_rules! by_author {
    () => {
        "n.user_id = $2"
    };
}
macro_rules! by_recipient {
    () => {
        "EXISTS (SELECT FROM shared_notes s WHERE s.tenant_id = $1 AND s.recipient_id = $2 \
         AND s.note_id = $3 AND s.access = 'edit')"
    };
}
/// Keeps the text that the update of the same transaction replaces. Two edits of one version meet at the
/// primary key: the later waits here and then finds nothing left to replace.
macro_rules! keep_replaced {
    ($right:expr) => {
        Statement::new(concat!(
            "INSERT INTO note_revisions (tenant_id, note_id, version, title, content, replaced_by)
             SELECT n.tenant_id, n.id, n.version, n.title, n.content, $2::bigint FROM notes n
             WHERE n.tenant_id = $1 AND n.id = $3 AND n.version = $4 AND n.deleted_at IS NULL AND ",
            $right,
            " AND (n.title IS DISTINCT FROM $5 OR $6 <> CASE WHEN $7::boolean
                  THEN replace(replace(n.content, E'\\r\\n', E'\\n'), E'\\r', E'\\n') ELSE n.content END)
             ON CONFLICT (tenant_id, note_id, version) DO NOTHING"
        ))
    };
}
macro_rules! replace {
    ($right:expr) => {
        Statement::new(concat!(
            "UPDATE notes n SET title = $5, content = $6, version = n.version + 1, updated_at = now()
             WHERE n.tenant_id = $1 AND n.id = $3 AND n.version = $4 AND n.deleted_at IS NULL AND ",
            $right,
            " AND (n.title IS DISTINCT FROM $5 OR $6 <> CASE WHEN $7::boolean
                  THEN replace(replace(n.content, E'\\r\\n', E'\\n'), E'\\r', E'\\n') ELSE n.content END)
             RETURNING n.id, n.user_id, n.title, n.content, n.version, n.created_at, n.updated_at"
        ))
    };
}
const KEEP_REPLACED: Statement = keep_replaced!(by_author!());
const REPLACE: Statement = replace!(by_author!());
const KEEP_REPLACED_RECEIVED: Statement = keep_replaced!(by_recipient!());
const REPLACE_RECEIVED: Statement = replace!(by_recipient!());
// Whoever takes the share back waits for this edit, so none is stored after it was said that the share has
// ended.
const HOLD_RIGHT: Statement = Statement::new(
    "SELECT note_id FROM shared_notes WHERE tenant_id = $1 AND recipient_id = $2 AND note_id = $3 \
     AND access = 'edit' FOR SHARE",
);

pub(super) const ALL: &[&Statement] =
    &[&KEEP_REPLACED, &REPLACE, &KEEP_REPLACED_RECEIVED, &REPLACE_RECEIVED, &HOLD_RIGHT];

/// How often a merge is tried again when somebody saves in between.
const MERGE_TRIES: usize = 5;

/// A change of a note's text.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The new title.
    pub title: Option<NoteTitle>,
    /// The new text.
    pub content: NoteContent,
    /// The version that the editor started from.
    pub version: i32,
    /// Whether the new text came through a browser's form, which changes line breaks: saving a form untouched
    /// must not change a note that a script wrote with others.
    pub from_browser: bool,
}

/// What came of an edit.
pub enum Saved {
    /// It is stored, alone or merged with what was saved meanwhile.
    Stored {
        /// The note as it is now.
        note: Note,
        /// Whether another's change was merged in.
        merged: bool,
    },
    /// It overlaps with what was saved meanwhile; nothing changed.
    Conflict {
        /// The note as it is.
        current: Note,
        /// A proposal to settle by hand.
        title: Option<NoteTitle>,
        /// Its text.
        content: String,
    },
    /// The editor may read this note and not change it.
    Refused,
    /// There is no such note for the editor.
    Gone,
}

/// Whose right an edit rests on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    Author,
    Recipient,
}

impl Seen {
    fn hand(&self) -> Hand {
        if self.standing == Standing::Author { Hand::Author } else { Hand::Recipient }
    }
}

impl TenantHandle {
    /// Saves an edit. Nobody's text is overwritten unseen: what was saved since the editor's version is
    /// merged when it does not overlap, and every replaced text stays in the revisions.
    ///
    /// # Errors
    /// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
    pub async fn save_note(&self, user: UserId, id: NoteId, edit: &Edit) -> Result<Saved, DbError> {
        // Most edits are their author's, so that is tried before anything is looked up.
        let mut hand = Hand::Author;
        if let Some(note) = self.replace_text(hand, user, id, edit).await? {
            return Ok(Saved::Stored { note, merged: false });
        }
        for _ in 0..MERGE_TRIES {
            let (seen, base) = match self.note_and_base(user, id, edit.version).await? {
                (Grant::Given(seen), base) => (seen, base),
                (Grant::Refused, _) => return Ok(Saved::Refused),
                (Grant::Gone, _) => return Ok(Saved::Gone),
            };
            let untried = seen.hand() != hand;
            hand = seen.hand();
            let current = seen.note;
            let wanted = if current.version != edit.version {
                match merge(edit, base, current) {
                    Attempt::Save(merged) => merged,
                    Attempt::Settled(saved) => return Ok(saved),
                }
            } else if untried {
                edit.clone()
            } else {
                return Ok(Saved::Stored { note: current, merged: false });
            };
            if let Some(note) = self.replace_text(hand, user, id, &wanted).await? {
                return Ok(Saved::Stored { note, merged: wanted.version != edit.version });
            }
        }
        Err(DbError::Unavailable(Some("the note changes faster than it can be merged".into())))
    }

    /// Saves an edit only when the note is still at the edit's version; otherwise gives a conflict.
    ///
    /// # Errors
    /// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
    pub async fn save_note_unmerged(&self, user: UserId, id: NoteId, edit: &Edit) -> Result<Saved, DbError> {
        let mut hand = Hand::Author;
        loop {
            if let Some(note) = self.replace_text(hand, user, id, edit).await? {
                return Ok(Saved::Stored { note, merged: false });
            }
            let seen = match self.note(user, id, Right::Edit).await? {
                Grant::Given(seen) => seen,
                Grant::Refused => return Ok(Saved::Refused),
                Grant::Gone => return Ok(Saved::Gone),
            };
            let tried = seen.hand() == hand;
            hand = seen.hand();
            let current = seen.note;
            if current.version != edit.version {
                return Ok(Saved::Conflict {
                    current,
                    title: edit.title.clone(),
                    content: edit.content.as_str().to_owned(),
                });
            }
            if tried {
                return Ok(Saved::Stored { note: current, merged: false });
            }
        }
    }

    /// Stores the edit when the note is still at the edit's version and differs from it.
    async fn replace_text(
        &self,
        hand: Hand,
        user: UserId,
        id: NoteId,
        edit: &Edit,
    ) -> Result<Option<Note>, DbError> {
        let (tenant, user, id) = (self.tenant().number(), user.number(), id.number());
        let (title, content) = (edit.title.as_ref().map(NoteTitle::as_str), edit.content.as_str());
        let values: [&dyn Value; 7] =
            [&tenant, &user, &id, &edit.version, &title, &content, &edit.from_browser];
        let results = match hand {
            Hand::Author => {
                self.transaction(&[
                    Step { statement: &KEEP_REPLACED, values: &values },
                    Step { statement: &REPLACE, values: &values },
                ])
                .await?
            }
            Hand::Recipient => {
                self.transaction(&[
                    Step { statement: &HOLD_RIGHT, values: &[&tenant, &user, &id] },
                    Step { statement: &KEEP_REPLACED_RECEIVED, values: &values },
                    Step { statement: &REPLACE_RECEIVED, values: &values },
                ])
                .await?
            }
        };
        Ok(results.last().and_then(|rows| rows.first()).map(Note::from_row))
    }

    async fn note_and_base(
        &self,
        user: UserId,
        id: NoteId,
        version: i32,
    ) -> Result<(Grant<Seen>, Option<Revision>), DbError> {
        let (tenant, number, recipient) = (self.tenant().number(), id.number(), user.number());
        let results = self
            .transaction(&[
                Step { statement: &FIND, values: &[&tenant, &number] },
                Step { statement: &RECEIVED, values: &[&tenant, &recipient, &number] },
                Step { statement: &BASE, values: &[&tenant, &number, &version] },
            ])
            .await?;
        let base = results.get(2).and_then(|rows| rows.first()).map(Revision::from_row);
        Ok((grant(user, &results, Right::Edit), base))
    }
}

/// What comes of laying an edit on top of what was saved since its version.
enum Attempt {
    /// This is to be saved.
    Save(Edit),
    /// There is nothing to save, and this is the answer.
    Settled(Saved),
}

fn merge(edit: &Edit, base: Option<Revision>, current: Note) -> Attempt {
    // A base that is not there (an invented version) shares nothing, so that every difference overlaps.
    let base = base.unwrap_or_else(|| Revision::empty(edit.version));
    let title = merge_titles(&base.title, &edit.title, &current.title);
    let content = merge_contents(&base.content, edit.content.as_str(), current.content.as_str());
    let (title, content) = match (title, content) {
        (Merge::Clean(title), Merge::Clean(content)) => (title, content),
        (Merge::Clean(title) | Merge::Overlap(title), Merge::Clean(content) | Merge::Overlap(content)) => {
            return Attempt::Settled(Saved::Conflict { current, title, content });
        }
    };
    let Ok(content) = NoteContent::parse(content) else {
        return Attempt::Settled(Saved::Conflict {
            content: edit.content.as_str().to_owned(),
            title,
            current,
        });
    };
    if title == current.title && content == current.content {
        return Attempt::Settled(Saved::Stored { note: current, merged: true });
    }
    Attempt::Save(Edit { title, content, version: current.version, from_browser: false })
}
