//! The deletion of a note, which moves it into the bin.

use actix_session::Session;
use actix_web::{HttpResponse, web};

use super::bin::refusal;
use crate::domain::NoteId;
use crate::web::cookie::flash;
use crate::web::{CurrentUser, Error, see_other};

/// Moves the note into the bin.
pub async fn create(
    user: CurrentUser,
    id: web::Path<NoteId>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !user.tenant.delete_note(user.id, *id, None).await? {
        return Err(refusal(&user, *id).await);
    }
    flash(&cookie, "success", "The note is in the bin, from where you can restore it.");
    Ok(see_other("/notes"))
}
