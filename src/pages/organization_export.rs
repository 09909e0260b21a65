//! The export of everything in the organization.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::services::transfer;
use crate::store::Scope;
use crate::web::{Context, CurrentUser, Error, download};

/// Everything of the organization as a ZIP, for owners.
pub async fn show(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    Ok(download::zip(transfer::export(&context.services, &user.actor(&request), Scope::Everybody)?))
}
