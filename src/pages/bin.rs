//! The bin: deleted notes, which can be restored.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::NoteCard;
use super::frame::{frame_of, page};
use crate::domain::{NoteId, Right};
use crate::store::Bin;
use crate::web::cookie::flash;
use crate::web::paging::{PAGE_SIZE, PageQuery, neighbours};
use crate::web::{CurrentUser, Error, Frame, granted, see_other};

#[derive(Template)]
#[template(path = "bin.html")]
struct BinPage {
    frame: Frame,
    notes: Vec<NoteCard>,
    newer: Option<String>,
    older: Option<String>,
}

/// What is in it.
pub async fn index(
    user: CurrentUser,
    query: web::Query<PageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let notes = user.tenant.notes(user.id, Bin::In, query.cursor(), PAGE_SIZE).await?;
    let (newer, older) = neighbours("/bin", None, &notes);
    let bin = BinPage {
        frame: frame_of(&user, &cookie, "bin"),
        notes: notes.notes.iter().map(|note| NoteCard::of(note, Bin::In)).collect(),
        newer,
        older,
    };
    page(StatusCode::OK, &bin)
}

/// Moves a note into it.
pub async fn create(
    user: CurrentUser,
    id: web::Path<NoteId>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !user.tenant.delete_note(user.id, *id, None).await? {
        return refuse(&user, *id).await;
    }
    flash(&cookie, "success", "The note is in the bin, from where you can restore it.");
    Ok(see_other("/notes"))
}

/// Takes a note out of it.
pub async fn destroy(
    user: CurrentUser,
    id: web::Path<NoteId>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !user.tenant.restore_note(user.id, *id).await? {
        return refuse(&user, *id).await;
    }
    flash(&cookie, "success", "The note is back.");
    Ok(see_other(&format!("/notes/{id}")))
}

/// Nothing was done: whoever has the note in the inbox may know why.
async fn refuse(user: &CurrentUser, id: NoteId) -> Result<HttpResponse, Error> {
    granted(user.tenant.note(user.id, id, Right::Own).await?)?;
    Err(Error::NotFound)
}
