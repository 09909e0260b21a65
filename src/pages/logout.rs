//! Logging out.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use super::browser_sessions;
use crate::services::sessions;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, see_other};

/// Ends the session on the server, so that no copy of the cookie is worth anything. Whoever is logged in
/// elsewhere in this browser goes on there.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    sessions::log_out(&context.services, &user.actor(&request), &user.token).await?;
    Ok(match browser_sessions::go_on_elsewhere(&context, &cookie).await? {
        Some(name) => {
            flash(
                &cookie,
                "info",
                &format!(
                    "You are logged out of {}. You are still logged in to {name}.",
                    user.session.tenant_name
                ),
            );
            see_other("/dashboard")
        }
        None => {
            flash(&cookie, "info", "You are logged out.");
            see_other("/login")
        }
    })
}
