//! The user's own membership in the organization.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use super::browser_sessions;
use crate::services::membership;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, see_other};

/// Leaves the organization.
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    Result::from(membership::remove(&context.services, &user.actor(&request), user.id).await?)?;
    left(&user, &context, &cookie).await
}

/// Redirects a user who has just left: to another organization of this browser, or to the login page.
pub async fn left(user: &CurrentUser, context: &Context, cookie: &Session) -> Result<HttpResponse, Error> {
    let next = browser_sessions::activate_another(context, cookie).await?;
    flash(cookie, "info", &format!("You have left {}.", user.session.tenant_name));
    Ok(see_other(if next.is_some() { "/dashboard" } else { "/login" }))
}
