//! The export of the user's notes.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::services::transfer;
use crate::store::ExportScope;
use crate::web::{Context, CurrentUser, Error, download};

/// Sends the ZIP.
pub async fn show(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let scope = ExportScope::User(user.id);
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), scope)?))
}
