//! Switching between the tenants in which this browser has sessions.

use actix_session::Session;
use actix_web::{HttpResponse, web};

use crate::services::sessions;
use crate::web::cookie::{self, OtherSession, flash};
use crate::web::{Context, CurrentUser, Error, see_other};

/// Makes the browser's session in that tenant the active one. The id only selects one of the cookie's
/// sessions, so that a stale page still leads to the tenant that it names.
pub async fn create(
    user: CurrentUser,
    number: web::Path<String>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let mut others = cookie::others(&cookie);
    if *number == user.tenant.tenant().to_string() {
        return Ok(see_other("/dashboard"));
    }
    let index =
        others.iter().position(|other| other.token.tenant().to_string() == *number).ok_or(Error::NotFound)?;
    let chosen = others.remove(index);
    if sessions::find(&context.services, &chosen.token).await?.is_none() {
        cookie::set_tokens(&cookie, &user.token, &others)?;
        flash(
            &cookie,
            "error",
            &format!("Your session in {} has ended. Log in there again.", chosen.tenant_name),
        );
        return Ok(see_other("/login?add=1"));
    }
    others
        .insert(0, OtherSession { token: user.token.clone(), tenant_name: user.session.tenant_name.clone() });
    cookie::set_tokens(&cookie, &chosen.token, &others)?;
    Ok(see_other("/dashboard"))
}
