//! Ticking the tasks of a note's text.

use super::Actor;
use super::notes::{OnStaleVersion, save};
use crate::db::DbError;
use crate::domain::{NoteContent, NoteId, Right};
use crate::markdown::{same_task, set_task, takes_little_time};
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
    let earlier = match change.version.filter(|version| *version != current.version) {
        None => None,
        Some(version) => match text_of(actor, note, version).await? {
            Some(text) => Some(text),
            None => return Ok(NoteAccess::Granted(None)),
        },
    };
    let text = current.content.as_str().to_owned();
    let (number, content) = match ticked(actor, change, earlier, text).await? {
        Ticked::Text(number, content) => (number, content),
        Ticked::Gone => return Ok(NoteAccess::Granted(Some((0, conflict(current))))),
        Ticked::NoSuchTask => return Ok(NoteAccess::Granted(None)),
    };
    let edit = Edit { title: current.title, content, version: current.version, from_browser: false };
    let outcome = save(actor, note, &edit, OnStaleVersion::Merge).await?;
    Ok(NoteAccess::Granted(Some((number, outcome))))
}

/// A text with a task in its new state.
enum Ticked {
    /// The number of the task, and the text.
    Text(usize, NoteContent),
    /// The task was changed or removed since the earlier version.
    Gone,
    NoSuchTask,
}

/// Changes the task in the current text, in the tenant's turn if that may take long.
async fn ticked(
    actor: &Actor<'_>,
    change: TaskChange,
    earlier: Option<String>,
    current: String,
) -> Result<Ticked, DbError> {
    let is_quick = takes_little_time(&current) && earlier.as_deref().is_none_or(takes_little_time);
    let tick = move || {
        let number = match &earlier {
            None => change.number,
            Some(text) if set_task(text, change.number, change.is_done).is_none() => {
                return Ticked::NoSuchTask;
            }
            Some(text) => match same_task(text, change.number, &current) {
                Some(number) => number,
                None => return Ticked::Gone,
            },
        };
        // The text does not become longer, so it is one of a note.
        let text = set_task(&current, number, change.is_done);
        let content = text.and_then(|text| NoteContent::parse(text).ok());
        content.map_or(Ticked::NoSuchTask, |content| Ticked::Text(number, content))
    };
    if is_quick { Ok(tick()) } else { actor.tenant.compute(tick).await }
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
