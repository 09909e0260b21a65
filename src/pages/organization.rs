//! The organization's settings: its name, and whether people may join without an invitation. For owners.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::format::Timestamp;
use super::frame::{frame_of, page};
use super::usage::{UsageLine, of_organization};
use crate::domain::{Role, TenantName};
use crate::services::organization;
use crate::store::SettingsChange;
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, see_other};

/// The form, as it was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OrganizationForm {
    name: String,
    join_policy: String,
}

#[derive(Template)]
#[template(path = "organization.html")]
struct OrganizationPage {
    frame: Frame,
    sent_name: String,
    current_name: String,
    open: bool,
    deletion_time: Option<Timestamp>,
    confirmation: String,
    usage: Vec<UsageLine>,
    errors: FieldErrors,
}

/// Values that were sent and not accepted, to be shown again.
#[derive(Default)]
pub struct SentSettings {
    pub name: Option<String>,
    pub open: Option<bool>,
    pub confirmation: String,
}

/// Shows the settings.
pub async fn show(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    permit_owner(&user)?;
    settings_page(StatusCode::OK, &user, &cookie, SentSettings::default(), FieldErrors::default()).await
}

/// Saves the settings.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<OrganizationForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    permit_owner(&user)?;
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
    let sent = SentSettings { name: Some(form.name), open, ..SentSettings::default() };
    let (Some(name), Some(open)) = (name, open) else {
        return settings_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, sent, errors).await;
    };
    let actor = user.actor(&request);
    if organization::update(&context.services, &actor, &name, open).await? == SettingsChange::NameTaken {
        let errors = FieldErrors::one("name", "Another organization has this name.");
        return settings_page(StatusCode::CONFLICT, &user, &cookie, sent, errors).await;
    }
    flash(&cookie, "success", "The organization's settings are saved.");
    Ok(see_other("/organization"))
}

/// Checks that the user is an owner.
///
/// # Errors
/// 403 for other roles.
pub fn permit_owner(user: &CurrentUser) -> Result<(), Error> {
    if user.session.role == Role::Owner { Ok(()) } else { Err(Error::Forbidden(organization::FOR_OWNERS)) }
}

/// The page of the settings, with values and errors.
pub async fn settings_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    sent: SentSettings,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let settings = user.tenant.settings().await?.ok_or(Error::LoginRequired)?;
    let usage = of_organization(&user.tenant.usage(user.id).await?);
    let shown = OrganizationPage {
        frame: frame_of(user, cookie, "members"),
        sent_name: sent.name.unwrap_or_else(|| settings.name.clone()),
        current_name: settings.name,
        open: sent.open.unwrap_or(settings.open),
        deletion_time: settings.delete_after.map(Timestamp),
        confirmation: sent.confirmation,
        usage,
        errors,
    };
    page(status, &shown)
}
