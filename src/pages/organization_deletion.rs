//! The scheduled deletion of the organization. For owners.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::organization::{SentSettings, permit_owner, settings_page};
use crate::domain::TenantName;
use crate::services::organization;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, see_other};

/// The form, as it was sent: the organization's name confirms the deletion.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct DeletionForm {
    confirmation: String,
}

/// Schedules the deletion of the organization, with everything in it, in seven days.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<DeletionForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    permit_owner(&user)?;
    let sent = SentSettings { confirmation: form.0.confirmation, ..SentSettings::default() };
    let scheduled = match TenantName::parse(&sent.confirmation) {
        Ok(name) => organization::schedule_deletion(&context.services, &user.actor(&request), &name).await?,
        Err(_) => None,
    };
    if scheduled.is_none() {
        let errors = FieldErrors::one("confirmation", "This is not the name of your organization.");
        return settings_page(StatusCode::UNPROCESSABLE_ENTITY, &user, &cookie, sent, errors).await;
    }
    Ok(see_other("/organization"))
}
