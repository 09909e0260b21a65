//! Accepting an invitation with the account of another organization.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::browser_sessions::{self, NewSessions};
use super::opened_invitation::{JoiningForm, OpenedInvitation, join};
use crate::services::joining;
use crate::web::{Context, CurrentUser, Error, FieldErrors, client};

const BUSY: &str = "Joining is not possible right now. Try again in a moment.";

/// Joins with the name, e-mail and password of the account that is logged in. Its session proves who the user
/// is.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    token: web::Path<String>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let invitation = OpenedInvitation::by(&token, &request, &context).await?;
    let show = async |status, errors| {
        invitation.page(status, Some(&user), (&context, &cookie), JoiningForm::default(), errors).await
    };
    if invitation.session_tenant(Some(&user), &context, &cookie).await?.is_some() {
        return show(StatusCode::OK, FieldErrors::default()).await;
    }
    if let Err(throttled) = joining::admit(&context.services, &client(&request)).await {
        let shown = Error::from(throttled).for_form()?;
        let errors = FieldErrors::one("", shown.message(BUSY));
        return Ok(shown.mark(show(shown.status, errors).await?));
    }
    let account = user.tenant.account(user.id).await?.ok_or(Error::LoginRequired)?;
    let newcomer = joining::newcomer_from_account(account, &invitation.token, None)?;
    match join(&request, &context, &newcomer).await {
        Ok(registered) => {
            let sessions = NewSessions::of_registration(&registered, user.session.kind);
            browser_sessions::add(&request, &context, &cookie, &user, &sessions).await?;
            browser_sessions::known_from_now_on(&request, &context, &sessions, invitation.welcome(&cookie))
        }
        Err(Error::Conflict(_)) => {
            let sentence = "An account there already has your user name or e-mail. If it is yours, log in \
                there; otherwise sign up with another name.";
            show(StatusCode::CONFLICT, FieldErrors::one("", sentence)).await
        }
        Err(Error::LimitReached(limit)) => {
            show(StatusCode::UNPROCESSABLE_ENTITY, FieldErrors::one("", limit.sentence())).await
        }
        Err(error) => Err(error),
    }
}
