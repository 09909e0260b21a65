//! The revisions of a note: its replaced texts.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::{Timestamp, heading};
use super::frame::{frame_of, page};
use crate::domain::NoteId;
use crate::web::{CurrentUser, Error, Frame, granted};

const SHOWN: u16 = 20;

#[derive(Template)]
#[template(path = "notes/revisions.html")]
struct RevisionsPage {
    frame: Frame,
    id: i64,
    title: String,
    revisions: Vec<RevisionRow>,
    more: bool,
}

struct RevisionRow {
    version: i32,
    title: String,
    content: String,
    replaced_at: Timestamp,
    replaced_by: String,
}

/// Lists the latest revisions, newest first.
pub async fn index(user: CurrentUser, id: web::Path<NoteId>, cookie: Session) -> Result<HttpResponse, Error> {
    let (seen, replaced) = granted(user.tenant.note_with_revisions(user.id, *id, SHOWN + 1).await?)?;
    let note = seen.note;
    let more = replaced.len() > usize::from(SHOWN);
    let revisions = replaced
        .into_iter()
        .take(usize::from(SHOWN))
        .map(|revision| RevisionRow {
            version: revision.version,
            title: revision.title.map(|title| title.as_str().to_owned()).unwrap_or_default(),
            content: revision.content,
            replaced_at: Timestamp(revision.replaced_at),
            replaced_by: revision.replaced_by.unwrap_or_else(|| "a former member".to_owned()),
        })
        .collect();
    page(
        StatusCode::OK,
        &RevisionsPage {
            frame: frame_of(&user, &cookie, "notes"),
            id: note.id.number(),
            title: heading(&note),
            revisions,
            more,
        },
    )
}
