//! Logout.

use actix_session::Session;
use actix_web::{HttpRequest, HttpResponse, web};

use super::browser_sessions;
use crate::services::sessions;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, see_other};

/// Ends the active session. Another session of the browser becomes active, if there is one.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    sessions::log_out(&context.services, &user.actor(&request), &user.token).await?;
    Ok(match browser_sessions::activate_another(&context, &cookie).await? {
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
