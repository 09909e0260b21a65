//! The revisions of a note: its replaced texts.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

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
    newer: Option<String>,
    older: Option<String>,
}

/// The query of the list.
#[derive(Default, Deserialize)]
pub struct RevisionsQuery {
    before: Option<String>,
}

struct RevisionRow {
    version: i32,
    title: String,
    content: String,
    replaced_at: Timestamp,
    replaced_by: String,
}

/// Lists the latest revisions, newest first, or those before a version.
pub async fn index(
    user: CurrentUser,
    id: web::Path<NoteId>,
    query: web::Query<RevisionsQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let before: Option<i32> = query.before.as_deref().and_then(|version| version.parse().ok());
    let (seen, history) = granted(user.tenant.note_with_revisions(user.id, *id, before, SHOWN).await?)?;
    let note = seen.note;
    let list = format!("/notes/{}/revisions", note.id);
    let last = history.revisions.last().filter(|_| history.more);
    let older = last.map(|last| format!("{list}?before={}", last.version));
    let newer = before.map(|_| list);
    let revisions = history
        .revisions
        .into_iter()
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
            newer,
            older,
        },
    )
}
