//! Ticking the tasks of a note's text.

use super::Actor;
use super::notes::{OnStaleVersion, save};
use crate::db::DbError;
use crate::domain::{NoteContent, NoteId, Right};
use crate::markdown::{same_task, set_task};
use crate::store::{Edit, EditOutcome, Note, NoteAccess};

/// A task, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct TaskChange {
    /// The version of the note in which the task has its number; the current one when it is not given.
    pub version: Option<i32>,
    /// From 0 on, in the order of the text.
    pub number: usize,
    pub is_done: bool,
}

/// Changes the mark of a task, also where the text around it was changed since the version. Gives the number
/// that the task has now. None when the version has no such task; a conflict when the task was changed or
/// removed since.
///
/// # Errors
/// [`DbError`] of the statements; nothing changed then, unless the connection broke while saving.
pub async fn change_task(
    actor: &Actor<'_>,
    note: NoteId,
    change: TaskChange,
) -> Result<NoteAccess<Option<(usize, EditOutcome)>>, DbError> {
    let current = match actor.tenant.note(actor.user(), note, Right::Edit).await? {
        NoteAccess::Granted(accessible) => accessible.note,
        NoteAccess::Forbidden => return Ok(NoteAccess::Forbidden),
        NoteAccess::NotFound => return Ok(NoteAccess::NotFound),
    };
    let number = match change.version.filter(|version| *version != current.version) {
        None => Some(change.number),
        Some(version) => match text_of(actor, note, version).await? {
            Some(text) if set_task(&text, change.number, change.is_done).is_some() => {
                same_task(&text, change.number, current.content.as_str())
            }
            _ => return Ok(NoteAccess::Granted(None)),
        },
    };
    let Some(number) = number else { return Ok(NoteAccess::Granted(Some((0, conflict(current))))) };
    let text = set_task(current.content.as_str(), number, change.is_done);
    // The text does not become longer, so it is one of a note.
    let Some(content) = text.and_then(|text| NoteContent::parse(text).ok()) else {
        return Ok(NoteAccess::Granted(None));
    };
    let edit = Edit { title: current.title, content, version: current.version, from_browser: false };
    let outcome = save(actor, note, &edit, OnStaleVersion::Merge).await?;
    Ok(NoteAccess::Granted(Some((number, outcome))))
}

/// The text of an earlier version, if there was one.
async fn text_of(actor: &Actor<'_>, note: NoteId, version: i32) -> Result<Option<String>, DbError> {
    let Some(before) = version.checked_add(1) else { return Ok(None) };
    match actor.tenant.note_with_revisions(actor.user(), note, Some(before), 1).await? {
        NoteAccess::Granted((_, history)) => {
            let found = history.revisions.into_iter().find(|revision| revision.version == version);
            Ok(found.map(|revision| revision.content))
        }
        NoteAccess::Forbidden | NoteAccess::NotFound => Ok(None),
    }
}

fn conflict(current: Note) -> EditOutcome {
    EditOutcome::Conflict {
        title: current.title.clone(),
        content: current.content.as_str().to_owned(),
        current,
    }
}
