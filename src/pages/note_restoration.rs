//! The restoration of a note from the bin.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use super::bin::refusal;
use crate::domain::NoteId;
use crate::services::notes;
use crate::web::cookie::flash;
use crate::web::{CurrentUser, Error, see_other};

/// Takes the note out of the bin.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !notes::restore(&user.actor(&request), *id).await? {
        return Err(refusal(&user, *id).await);
    }
    flash(&cookie, "success", "The note is back.");
    Ok(see_other(&format!("/notes/{id}")))
}
