//! Logging out.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::auth::CurrentUser;
use crate::web::audit::{self, Subject};
use crate::web::cookie::flash;
use crate::web::{Context, Error, see_other};

/// Ends the session on the server, so that no copy of the cookie is worth anything.
pub async fn create(request: HttpRequest, user: CurrentUser, context: web::Data<Context>, cookie: Session) -> Result<HttpResponse, Error> {
    user.tenant.end_session(&user.token.hash()).await?;
    context.sessions.forget(&user.token);
    audit::record(&request, "logged out", &Subject::of(&user.tenant, user.id));
    cookie.clear();
    cookie.renew();
    flash(&cookie, "info", "You are logged out.");
    Ok(see_other("/login"))
}
