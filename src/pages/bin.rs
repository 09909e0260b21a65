//! The bin: deleted notes, which can be restored.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::NoteCard;
use super::frame::{frame_of, page};
use crate::domain::{NoteId, Right};
use crate::store::{self, NoteState};
use crate::web::paging::{PAGE_SIZE, PageQuery, neighbours};
use crate::web::{CurrentUser, Error, Frame, Visitor, granted};

#[derive(Template)]
#[template(path = "bin.html")]
struct BinPage {
    frame: Frame,
    notes: Vec<NoteCard>,
    newer: Option<String>,
    older: Option<String>,
}

/// Lists the deleted notes.
pub async fn index(
    visitor: Visitor,
    query: web::Query<PageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let reads = |viewer| store::notes(viewer, NoteState::Deleted, query.cursor(), PAGE_SIZE);
    let (user, notes) = visitor.read(reads).await?;
    let (newer, older) = neighbours("/bin", &notes);
    let bin = BinPage {
        frame: frame_of(&user, &cookie, "bin"),
        notes: notes.notes.iter().map(|listed| NoteCard::listed(listed, NoteState::Deleted)).collect(),
        newer,
        older,
    };
    page(StatusCode::OK, &bin)
}

/// The error for a note that was neither deleted nor restored: 403 for a recipient of the note, 404 for
/// everyone else.
pub async fn refusal(user: &CurrentUser, id: NoteId) -> Error {
    match user.tenant.note(user.id, id, Right::Own).await {
        Ok(grant) => granted(grant).err().unwrap_or(Error::NotFound),
        Err(error) => error.into(),
    }
}
