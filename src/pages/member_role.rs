//! The role of a member.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::members::{self, InvitationForm};
use crate::domain::{Invalid, Role, UserId};
use crate::services::membership;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, see_other};

/// The form, as it was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RoleForm {
    role: String,
}

/// Gives the member another role.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    member: web::Path<UserId>,
    form: Form<RoleForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let role = match Role::parse(&form.0.role) {
        Ok(role) => role,
        Err(Invalid(message)) => {
            let errors = FieldErrors::one("", message);
            return members::list(
                StatusCode::UNPROCESSABLE_ENTITY,
                &user,
                &cookie,
                0,
                InvitationForm::default(),
                errors,
            )
            .await;
        }
    };
    Result::from(membership::change_role(&context.services, &user.actor(&request), *member, role).await?)?;
    flash(&cookie, "success", &format!("The role is changed to {}.", role.as_str()));
    Ok(see_other("/members"))
}
