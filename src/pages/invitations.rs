//! Invitations: links with a role, a number of uses and an end. A link is shown once.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::members::{self, InvitationForm};
use crate::auth::InvitationToken;
use crate::domain::{Invalid, InvitationId, InvitationTerms, Role};
use crate::services::invitations;
use crate::web::cookie::{flash, keep_link};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, see_other};

const BUSY: &str =
    "The invitation could not be made right now. Look whether it is listed; if not, try again.";

/// Makes an invitation and shows its link on the next page.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<InvitationForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    let terms = match parse(&form) {
        Ok(terms) => terms,
        Err(errors) => {
            return members::list(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, 0, form, errors).await;
        }
    };
    user.permit_inviting(Some(terms.role))?;
    let token = InvitationToken::generate(user.tenant.tenant())?;
    let (services, actor) = (&context.services, user.actor(&request));
    if let Err(error) = invitations::create(services, &actor, &terms, &token, None).await {
        let shown = Error::from(error).for_form()?;
        let errors = FieldErrors::one("role", shown.message(BUSY));
        let page = members::list(shown.status, &user, &cookie, 0, form, errors).await?;
        return Ok(shown.mark(page));
    }
    keep_link(&cookie, &context.invitation_link(&token))?;
    Ok(see_other("/members"))
}

/// Revokes an invitation, so that its link is no longer valid.
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<InvitationId>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    user.permit_inviting(None)?;
    Result::from(invitations::revoke(&user.actor(&request), *id).await?)?;
    flash(&cookie, "success", "The invitation is revoked; its link leads nowhere now.");
    Ok(see_other("/members"))
}

fn parse(form: &InvitationForm) -> Result<InvitationTerms, FieldErrors> {
    let mut errors = FieldErrors::default();
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| Invalid("Enter a number."));
    let role = errors.keep("role", Role::parse(&form.role));
    let uses =
        errors.keep("uses", number(&form.uses).and_then(|uses| InvitationTerms::parse_uses(Some(uses))));
    let seconds = errors.keep(
        "expires_in",
        number(&form.expires_in).and_then(|seconds| InvitationTerms::parse_seconds(Some(seconds))),
    );
    match (role, uses, seconds) {
        (Some(role), Some(uses), Some(seconds)) => Ok(InvitationTerms::new(role, (uses, seconds))),
        _ => Err(errors),
    }
}
