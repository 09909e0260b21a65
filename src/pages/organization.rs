//! The organization: its name, who may join, and its end. For owners.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::format::Moment;
use super::frame::{frame_of, page};
use crate::domain::{Role, TenantName};
use crate::services::organization;
use crate::store::Renaming;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, see_other};

/// What is set.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OrganizationForm {
    name: String,
    join_policy: String,
}

/// The name, typed to be sure.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct DeletionForm {
    confirmation: String,
}

#[derive(Template)]
#[template(path = "organization.html")]
struct OrganizationPage {
    frame: Frame,
    typed_name: String,
    current_name: String,
    open: bool,
    ends: Option<Moment>,
    confirmation: String,
    errors: FieldErrors,
}

/// What is typed and has to be shown again.
#[derive(Default)]
struct Typed {
    name: Option<String>,
    open: Option<bool>,
    confirmation: String,
}

/// The settings.
pub async fn show(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    permit(&user)?;
    settings_page(StatusCode::OK, &user, &cookie, Typed::default(), FieldErrors::default()).await
}

/// Sets the name and who may join.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<OrganizationForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    permit(&user)?;
    let Form(form) = form;
    let mut errors = FieldErrors::default();
    let name = errors.keep("name", TenantName::parse(&form.name));
    let open = match form.join_policy.as_str() {
        "open" => Some(true),
        "invite" => Some(false),
        _ => {
            errors.add("join_policy", "Choose who may join.");
            None
        }
    };
    let typed = Typed { name: Some(form.name), open, ..Typed::default() };
    let (Some(name), Some(open)) = (name, open) else {
        return settings_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, typed, errors).await;
    };
    let actor = user.actor(&request);
    if organization::update(&context.services, &actor, &name, open).await? == Renaming::Taken {
        let errors = FieldErrors::one("name", "Another organization has this name.");
        return settings_page(StatusCode::CONFLICT, &user, &cookie, typed, errors).await;
    }
    flash(&cookie, "success", "The organization's settings are saved.");
    Ok(see_other("/organization"))
}

/// Has everything removed in seven days.
pub async fn create_deletion(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<DeletionForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    permit(&user)?;
    let typed = Typed { confirmation: form.0.confirmation, ..Typed::default() };
    let scheduled = match TenantName::parse(&typed.confirmation) {
        Ok(name) => organization::schedule_deletion(&context.services, &user.actor(&request), &name).await?,
        Err(_) => None,
    };
    if scheduled.is_none() {
        let errors = FieldErrors::one("confirmation", "This is not the name of your organization.");
        return settings_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, typed, errors).await;
    }
    Ok(see_other("/organization"))
}

/// Takes that back.
pub async fn destroy_deletion(
    request: HttpRequest,
    user: CurrentUser,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    permit(&user)?;
    organization::cancel_deletion(&context.services, &user.actor(&request)).await?;
    flash(&cookie, "success", "The organization stays.");
    Ok(see_other("/organization"))
}

fn permit(user: &CurrentUser) -> Result<(), Error> {
    if user.session.role == Role::Owner {
        Ok(())
    } else {
        Err(Error::Forbidden("This is for the owners of the organization."))
    }
}

async fn settings_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    typed: Typed,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let settings = user.tenant.settings().await?.ok_or(Error::LoginRequired)?;
    let shown = OrganizationPage {
        frame: frame_of(user, cookie, "members"),
        typed_name: typed.name.unwrap_or_else(|| settings.name.clone()),
        current_name: settings.name,
        open: typed.open.unwrap_or(settings.open),
        ends: settings.delete_after.map(Moment),
        confirmation: typed.confirmation,
        errors,
    };
    page(status, &shown)
}
