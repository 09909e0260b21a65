//! What an invitation's link leads to: signing up, or joining with the account that one has elsewhere.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::browser_sessions::{self, NewSessions};
use super::frame::{frame_of, page};
use super::registration::BUSY;
use crate::auth::InvitationToken;
use crate::domain::{Email, NewPassword, Username};
use crate::services::joining;
use crate::services::sessions;
use crate::store::{Newcomer, Offer, Registered, SessionKind, SignUpError};
use crate::web::cookie::{self, flash};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, client, see_other};

/// Who signs up.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct JoiningForm {
    username: String,
    email: String,
    password: String,
}

#[derive(Template)]
#[template(path = "invitations/show.html")]
struct InvitationPage {
    frame: Frame,
    token: String,
    tenant_name: String,
    role: &'static str,
    /// The number of that tenant, where this browser is logged in there.
    inside: Option<i64>,
    /// Who would join, where somebody is logged in elsewhere.
    joiner: Option<Joiner>,
    username: String,
    email: String,
    errors: FieldErrors,
}

struct Joiner {
    username: String,
    tenant_name: String,
}

/// What is offered.
pub async fn show(
    user: Result<CurrentUser, Error>,
    token: web::Path<String>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let invited = Invited::by(&token, &context).await?;
    invited
        .page(
            StatusCode::OK,
            user.ok().as_ref(),
            (&context, &cookie),
            JoiningForm::default(),
            FieldErrors::default(),
        )
        .await
}

/// Signs up and logs in, in place of whoever was logged in here. When that cannot be done right now, the form
/// comes back with what was typed.
pub async fn register(
    request: HttpRequest,
    user: Result<CurrentUser, Error>,
    token: web::Path<String>,
    form: Form<JoiningForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    let (user, invited) = (user.ok(), Invited::by(&token, &context).await?);
    match sign_up(&request, user.as_ref(), &invited, &form, (&context, &cookie)).await {
        Err(error) => {
            let errors = FieldErrors::one("", BUSY);
            invited.page(error.passing()?, user.as_ref(), (&context, &cookie), form, errors).await
        }
        answered => answered,
    }
}

async fn sign_up(
    request: &HttpRequest,
    user: Option<&CurrentUser>,
    invited: &Invited,
    form: &JoiningForm,
    (context, cookie): (&Context, &Session),
) -> Result<HttpResponse, Error> {
    let mut errors = FieldErrors::default();
    let parsed = (
        errors.keep("username", Username::parse(&form.username)),
        errors.keep("email", Email::parse_optional(&form.email)),
        errors.keep("password", NewPassword::parse(&form.password)),
    );
    let (Some(username), Some(email), Some(password)) = parsed else {
        return invited
            .page(StatusCode::UNPROCESSABLE_ENTITY, user, (context, cookie), form.clone(), errors)
            .await;
    };
    let password_hash = context.services.hasher.hash(&password).await?;
    let newcomer =
        Newcomer { username, email, password_hash, tenant: joining::invited_by(&invited.token), once: None };
    match enter(request, context, &newcomer).await {
        Ok(registered) => {
            let sessions = NewSessions::of_registration(&registered, SessionKind::Browser);
            browser_sessions::begin(request, context, cookie, &sessions).await?;
            Ok(invited.welcome(cookie))
        }
        Err(Error::Conflict(errors)) => {
            invited.page(StatusCode::CONFLICT, user, (context, cookie), form.clone(), errors).await
        }
        Err(error) => Err(error),
    }
}

/// Joins with the name, e-mail and password of the account that is logged in, which its session proves.
pub async fn join(
    request: HttpRequest,
    user: CurrentUser,
    token: web::Path<String>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let invited = Invited::by(&token, &context).await?;
    if invited.inside(Some(&user), &context, &cookie).await?.is_some() {
        return invited
            .page(
                StatusCode::OK,
                Some(&user),
                (&context, &cookie),
                JoiningForm::default(),
                FieldErrors::default(),
            )
            .await;
    }
    let account = user.tenant.account(user.id).await?.ok_or(Error::LoginRequired)?;
    let newcomer = joining::newcomer_from_account(account, &invited.token, None)?;
    match enter(&request, &context, &newcomer).await {
        Ok(registered) => {
            let sessions = NewSessions::of_registration(&registered, user.session.kind);
            browser_sessions::add(&request, &context, &cookie, &user, &sessions).await?;
            Ok(invited.welcome(&cookie))
        }
        Err(Error::Conflict(_)) => {
            let sentence = "An account there already has your user name or e-mail. If it is yours, log in \
                there; otherwise sign up with another name.";
            let errors = FieldErrors::one("", sentence);
            invited
                .page(StatusCode::CONFLICT, Some(&user), (&context, &cookie), JoiningForm::default(), errors)
                .await
        }
        Err(error) => Err(error),
    }
}

/// An invitation in force.
struct Invited {
    token: InvitationToken,
    offer: Offer,
}

impl Invited {
    /// Whatever is wrong with a link, the answer is the same.
    async fn by(text: &str, context: &Context) -> Result<Self, Error> {
        let token = InvitationToken::parse(text).ok_or(Error::NotFound)?;
        let offer = context
            .services
            .database
            .tenant(token.tenant())
            .offer(&token.hash())
            .await?
            .ok_or(Error::NotFound)?;
        Ok(Self { token, offer })
    }

    fn welcome(&self, cookie: &Session) -> HttpResponse {
        flash(cookie, "success", &format!("Welcome to {}.", self.offer.tenant_name));
        see_other("/dashboard")
    }

    /// Whether this browser is logged in there already.
    async fn inside(
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

    async fn page(
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
            inside: self.inside(user, context, cookie).await?,
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

/// A link that is over meanwhile is like one that never was.
async fn enter(request: &HttpRequest, context: &Context, newcomer: &Newcomer) -> Result<Registered, Error> {
    joining::join(&context.services, &client(request), newcomer).await.map_err(|refusal| match refusal {
        SignUpError::NoInvitation => Error::NotFound,
        other => other.into(),
    })
}
