//! The export of the user's notes.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::store::ExportScope;
use crate::web::{Context, CurrentUser, Error, download};

/// Sends the ZIP.
pub async fn show(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    download::export(&request, &user, &context, ExportScope::User(user.id))
}
