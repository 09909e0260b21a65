//! The user's password.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::account::account_page;
use crate::domain::{LoginPassword, NewPassword};
use crate::services::ServiceError;
use crate::services::password::{self, PasswordChange};
use crate::web::cookie::{self, flash};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, see_other};

/// The form, as it was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    current_password: String,
    password: String,
}

/// Sets a new password, ends every other session, and gives this one a new token.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<PasswordForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let mut errors = FieldErrors::default();
    let current = errors.keep("current_password", LoginPassword::parse(&form.0.current_password));
    let wanted = errors.keep("password", NewPassword::parse(&form.0.password));
    let (Some(current), Some(wanted)) = (current, wanted) else {
        return account_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, errors).await;
    };
    let actor = user.actor(&request);
    let changed = match password::change(&context.services, &actor, &current, &wanted).await {
        Err(ServiceError::Throttled(retry_after)) => {
            let shown = Error::Throttled { retry_after }.for_form()?;
            let errors = FieldErrors::one("current_password", shown.message(""));
            return Ok(shown.mark(account_page(shown.status, &user, &cookie, errors).await?));
        }
        changed => changed?,
    };
    let token = match changed {
        PasswordChange::Changed(token) => token,
        PasswordChange::WrongPassword => {
            let errors = FieldErrors::one("current_password", "This is not your current password.");
            return account_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, errors).await;
        }
        PasswordChange::Conflict => return Err(Error::Conflict(FieldErrors::default())),
        PasswordChange::NoAccount => return Err(Error::LoginRequired),
    };
    cookie::set_tokens(&cookie, &token, &cookie::others(&cookie))?;
    flash(&cookie, "success", "The password is changed, and every other session is logged out.");
    Ok(see_other("/account"))
}
