//! The page of an invitation's link. It offers to register, and a logged-in user to join with the existing
//! account.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::frame::{frame_of, page};
use crate::auth::InvitationToken;
use crate::services::sessions;
use crate::services::{invitations, joining};
use crate::store::{Newcomer, Offer, Registered, SignUpError};
use crate::web::cookie::{self, flash};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Frame, client, see_other};

/// The form to register by invitation, as it was sent.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct JoiningForm {
    pub username: String,
    pub email: String,
    pub password: String,
}

#[derive(Template)]
#[template(path = "invitations/show.html")]
struct InvitationPage {
    frame: Frame,
    token: String,
    tenant_name: String,
    role: &'static str,
    /// The id of the tenant, when this browser has a session in it.
    session_tenant: Option<i64>,
    /// The logged-in user, who may join with the existing account.
    joiner: Option<Joiner>,
    username: String,
    email: String,
    errors: FieldErrors,
}

struct Joiner {
    username: String,
    tenant_name: String,
}

/// Shows the invitation.
pub async fn show(
    request: HttpRequest,
    user: Result<CurrentUser, Error>,
    token: web::Path<String>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let invitation = OpenedInvitation::by(&token, &request, &context).await?;
    invitation
        .page(
            StatusCode::OK,
            user.ok().as_ref(),
            (&context, &cookie),
            JoiningForm::default(),
            FieldErrors::default(),
        )
        .await
}

/// An invitation in force.
pub struct OpenedInvitation {
    pub token: InvitationToken,
    offer: Offer,
}

impl OpenedInvitation {
    /// The invitation of a token. Every invalid link gives the same error, so that links cannot be told
    /// apart.
    ///
    /// # Errors
    /// 404.
    pub async fn by(text: &str, request: &HttpRequest, context: &Context) -> Result<Self, Error> {
        let token = InvitationToken::parse(text).ok_or(Error::NotFound)?;
        let offer = invitations::open(&context.services, &client(request), &token).await?;
        let offer = offer.ok_or(Error::NotFound)?;
        Ok(Self { token, offer })
    }

    /// The response to a user who has joined: the dashboard, with a greeting.
    pub fn welcome(&self, cookie: &Session) -> HttpResponse {
        flash(cookie, "success", &format!("Welcome to {}.", self.offer.tenant_name));
        see_other("/dashboard")
    }

    /// The id of the invitation's tenant when this browser has a session in it.
    pub async fn session_tenant(
        &self,
        user: Option<&CurrentUser>,
        context: &Context,
        cookie: &Session,
    ) -> Result<Option<i64>, Error> {
        let tenant = self.token.tenant();
        if user.is_some_and(|user| user.tenant.tenant() == tenant) {
            return Ok(Some(tenant.number()));
        }
        let Some(other) = cookie::others(cookie).into_iter().find(|other| other.token.tenant() == tenant)
        else {
            return Ok(None);
        };
        let found = sessions::find(&context.services, &other.token).await?;
        Ok(found.map(|_| tenant.number()))
    }

    /// The page of the invitation, with a form that fits `user` and the errors of its last use.
    ///
    /// # Errors
    /// [`Error`] of the lookup of this browser's other sessions.
    pub async fn page(
        &self,
        status: StatusCode,
        user: Option<&CurrentUser>,
        (context, cookie): (&Context, &Session),
        form: JoiningForm,
        errors: FieldErrors,
    ) -> Result<HttpResponse, Error> {
        let joiner = user.map(|user| Joiner {
            username: user.session.username.clone(),
            tenant_name: user.session.tenant_name.clone(),
        });
        let shown = InvitationPage {
            session_tenant: self.session_tenant(user, context, cookie).await?,
            frame: user.map_or_else(|| Frame::public(cookie, ""), |user| frame_of(user, cookie, "")),
            token: self.token.expose().to_owned(),
            tenant_name: self.offer.tenant_name.clone(),
            role: self.offer.role.as_str(),
            joiner,
            username: form.username,
            email: form.email,
            errors,
        };
        page(status, &shown)
    }
}

/// Joins, with 404 when the invitation has ended in the meantime, as for every invalid link.
pub async fn join(
    request: &HttpRequest,
    context: &Context,
    newcomer: &Newcomer,
) -> Result<Registered, Error> {
    joining::join(&context.services, &client(request), newcomer).await.map_err(|refusal| match refusal {
        SignUpError::NoInvitation => Error::NotFound,
        other => other.into(),
    })
}
