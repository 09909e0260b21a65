//! Ticking a task of a note on its page.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::domain::{NoteId, Right};
use crate::services::tasks::{TaskChange, change_task};
use crate::store::{EditOutcome, NoteAccess};
use crate::web::cookie::flash;
use crate::web::{CurrentUser, Error, Form, granted, see_other};

/// The form around the text of a note.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TaskForm {
    /// The version of the note on the page.
    version: String,
    /// The number of the task from 0 on, and what it becomes: `3-done` or `3-open`.
    task: String,
}

/// Ticks a task, or opens it again.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
    form: Form<TaskForm>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    let Some(change) = parse(&form) else {
        granted(user.tenant.note(user.id, *id, Right::Edit).await?)?;
        return Err(Error::BadRequest("The form names no task."));
    };
    match granted(change_task(&user.actor(&request), *id, change).await?)? {
        Some((number, EditOutcome::Stored { .. })) => Ok(see_other(&format!("/notes/{id}#task-{number}"))),
        Some((_, EditOutcome::Forbidden)) => granted(NoteAccess::Forbidden),
        Some((_, EditOutcome::NotFound)) => granted(NoteAccess::NotFound),
        Some((_, EditOutcome::Conflict { .. })) | None => {
            flash(
                &cookie,
                "error",
                "This list was changed in the meantime, so nothing was ticked. Try again.",
            );
            Ok(see_other(&format!("/notes/{id}")))
        }
    }
}

fn parse(form: &TaskForm) -> Option<TaskChange> {
    let (number, state) = form.task.split_once('-')?;
    let is_done = match state {
        "done" => true,
        "open" => false,
        _ => return None,
    };
    let version = Some(form.version.parse().ok()?);
    Some(TaskChange { version, number: number.parse().ok()?, is_done })
}
