//! The export of everything in the organization.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::services::transfer;
use crate::store::ExportScope;
use crate::web::{Context, CurrentUser, Error, download};

/// Sends the ZIP, to owners only.
pub async fn show(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), ExportScope::Tenant)?))
}
