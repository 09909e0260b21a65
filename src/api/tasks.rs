//! The tasks of a note.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::note_view::NoteView;
use super::notes::answer_edit;
use super::problem::Problem;
use crate::domain::NoteId;
use crate::services::tasks::{TaskChange, change_task};
use crate::web::{CurrentUser, Error, Json, granted};

/// What becomes of a task.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskState {
    done: bool,
    /// The version in which the task has its number; the current one when not given.
    version: Option<i32>,
}

/// Tick a task of a note, or open it again. Tasks (`- [ ] text`) have numbers from 0 on, in the order of the
/// text. A task of an older version is found by its words.
///
/// # Errors
/// 403 for a note that was shared for reading only, 404 as for reading and when there is no such task, 412
/// with the current ETag when the task was changed since that version.
#[utoipa::path(
    put,
    path = "/api/notes/{id}/tasks/{number}",
    operation_id = "tasks_update",
    params(("id" = i64, Path), ("number" = u32, Path)),
    request_body = TaskState,
    security(("bearer" = [])),
    responses(
        (status = 200, body = NoteView, headers(("ETag" = String))),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    path: web::Path<(NoteId, u32)>,
    body: Json<TaskState>,
) -> Result<HttpResponse, Error> {
    let (Json(body), (id, number)) = (body, path.into_inner());
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let change = TaskChange { version: body.version, number, is_done: body.done };
    let outcome = granted(change_task(&user.actor(&request), id, change).await?)?;
    let (_, outcome) = outcome.ok_or(Error::NotFound)?;
    answer_edit(&user, outcome)
}
