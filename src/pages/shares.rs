//! The shares of a note.

use std::collections::HashMap;

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::{Timestamp, delivery_in_words, heading};
use super::frame::{frame_of, page};
use crate::domain::{AUDIENCE_LIMIT, Access, Audience, NoteId, Right, UserId, Username};
use crate::services::sharing::share_note;
use crate::store::{DeliveryState, OFFERED, Recipient, Share, Sharing};
use crate::web::cookie::flash;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, granted, see_other};

/// The form, as it was sent. Each colleague's checkbox has a field name of its own, `member-` and the id, as
/// a repeated field keeps only its last value.
#[derive(Default)]
pub struct ShareForm {
    everyone: bool,
    members: Vec<i64>,
    names: String,
    edit: bool,
}

impl ShareForm {
    fn of(fields: &HashMap<String, String>) -> Self {
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let number = |name: &String| name.strip_prefix("member-").and_then(UserId::parse).map(UserId::number);
        let mut members: Vec<i64> = fields.keys().filter_map(number).collect();
        members.sort_unstable();
        Self {
            everyone: field("audience") == "everyone",
            members,
            names: field("names").to_owned(),
            edit: field("access") == "edit",
        }
    }
}

#[derive(Template)]
#[template(path = "notes/shares.html")]
struct SharesPage {
    frame: Frame,
    id: i64,
    title: String,
    shares: Vec<ShareRow>,
    recipients: Vec<RecipientRow>,
    delivered: i64,
    people: Vec<Colleague>,
    too_many_people: bool,
    form: ShareForm,
    errors: FieldErrors,
}

struct ShareRow {
    key: String,
    name: String,
    everyone: bool,
    may_edit: bool,
    shared_at: Timestamp,
    state: Option<Timestamp>,
    opened: bool,
    /// The state to show while no recipient has received the note.
    pending_state: &'static str,
    delivered: i64,
    read: i64,
}

struct RecipientRow {
    name: String,
    may_edit: bool,
    delivered_at: Timestamp,
    read_at: Option<Timestamp>,
}

struct Colleague {
    id: i64,
    name: String,
    chosen: bool,
}

/// Lists the shares, with a form for a new one.
pub async fn index(user: CurrentUser, id: web::Path<NoteId>, cookie: Session) -> Result<HttpResponse, Error> {
    shares_page(StatusCode::OK, &user, *id, &cookie, ShareForm::default(), FieldErrors::default()).await
}

/// Shares the note.
pub async fn create(
    user: CurrentUser,
    id: web::Path<NoteId>,
    form: Form<HashMap<String, String>>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    granted(user.tenant.note(user.id, *id, Right::Own).await?)?;
    let form = ShareForm::of(&form.0);
    let audience = match parse_audience(&user, &form).await? {
        Ok(audience) => audience,
        Err(errors) => {
            return shares_page(StatusCode::UNPROCESSABLE_ENTITY, &user, *id, &cookie, form, errors).await;
        }
    };
    let access = if form.edit { Access::Edit } else { Access::Read };
    let sharing = Sharing { audience, access };
    let outcome = share_note(&context.services, &user.tenant, user.id, *id, &sharing, None).await?;
    outcome.into_result().flatten().ok_or(Error::NotFound)?;
    flash(&cookie, "success", "Shared. It is in their inboxes in a moment.");
    Ok(see_other(&format!("/notes/{id}/shares")))
}

/// Removes a share.
pub async fn delete(
    user: CurrentUser,
    path: web::Path<(NoteId, String)>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let (id, audience) = path.into_inner();
    granted(user.tenant.note(user.id, id, Right::Own).await?)?;
    let audience = Audience::parse_one(&audience).ok_or(Error::NotFound)?;
    if !user.tenant.unshare(user.id, id, &audience).await? {
        return Err(Error::NotFound);
    }
    flash(&cookie, "success", "Taken back.");
    Ok(see_other(&format!("/notes/{id}/shares")))
}

/// The chosen audience, or the errors of the form.
async fn parse_audience(
    user: &CurrentUser,
    form: &ShareForm,
) -> Result<Result<Audience, FieldErrors>, Error> {
    if form.everyone {
        return Ok(Ok(Audience::Everyone));
    }
    let names: Vec<&str> =
        form.names.split([',', '\n', ';']).map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() + form.members.len() > AUDIENCE_LIMIT {
        let message =
            format!("That is more than {AUDIENCE_LIMIT} people; share it with everyone, or in parts.");
        return Ok(Err(FieldErrors::one("members", message)));
    }
    let checked: Option<Vec<UserId>> =
        user.tenant.colleagues_among(user.id, &form.members).await?.into_iter().collect();
    let Some(mut members) = checked else {
        let message = "One of these people is no longer in this organization.";
        return Ok(Err(FieldErrors::one("members", message)));
    };
    match named_colleagues(user, &names).await? {
        Ok(named) => members.extend(named),
        Err(message) => return Ok(Err(FieldErrors::one("names", message))),
    }
    members.sort_unstable();
    members.dedup();
    if members.is_empty() {
        return Ok(Err(FieldErrors::one("members", "Choose at least one person, or everyone.")));
    }
    Ok(Ok(Audience::Members(members)))
}

/// The ids of colleagues by their user names, or the message for a name that is none of theirs.
async fn named_colleagues(user: &CurrentUser, names: &[&str]) -> Result<Result<Vec<UserId>, String>, Error> {
    let parsed: Result<Vec<Username>, _> = names.iter().map(|name| Username::parse(name)).collect();
    let Ok(parsed) = parsed else { return Ok(Err("One of these cannot be a user name.".to_owned())) };
    let found = user.tenant.colleagues_named(user.id, &parsed).await?;
    let members = found
        .into_iter()
        .zip(names)
        .map(|(member, name)| member.ok_or_else(|| format!("There is no other member called “{name}”.")));
    Ok(members.collect())
}

async fn shares_page(
    status: StatusCode,
    user: &CurrentUser,
    id: NoteId,
    cookie: &Session,
    form: ShareForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let sharing = granted(user.tenant.sharing(user.id, id).await?)?;
    let too_many_people = sharing.colleagues.len() > usize::from(OFFERED);
    let people = sharing.colleagues.into_iter().map(|(person, name)| Colleague {
        id: person.number(),
        name,
        chosen: form.members.contains(&person.number()),
    });
    let pending_state = match sharing.delivery {
        Some(DeliveryState::Acknowledged) => "not delivered yet",
        Some(state) => delivery_in_words(state),
        None => "",
    };
    let shares = sharing
        .shares
        .into_iter()
        .map(|share| share_row(share, pending_state, sharing.delivered, sharing.read));
    let shown = SharesPage {
        frame: frame_of(user, cookie, "notes"),
        id: id.number(),
        title: heading(&sharing.note.note),
        shares: shares.collect(),
        recipients: sharing.recipients.into_iter().map(recipient_row).collect(),
        delivered: sharing.delivered,
        too_many_people,
        people: people.collect(),
        form,
        errors,
    };
    page(status, &shown)
}

fn share_row(share: Share, pending_state: &'static str, delivered: i64, read: i64) -> ShareRow {
    let (key, everyone) = match &share.audience {
        Audience::Everyone => ("everyone".to_owned(), true),
        Audience::Members(members) => (members.first().map(ToString::to_string).unwrap_or_default(), false),
    };
    ShareRow {
        key,
        name: if everyone { "Everyone".to_owned() } else { share.username.unwrap_or_default() },
        everyone,
        may_edit: share.access == Access::Edit,
        shared_at: Timestamp(share.shared_at),
        state: share.read_at.or(share.delivered_at).map(Timestamp),
        opened: share.read_at.is_some(),
        pending_state,
        delivered,
        read,
    }
}

fn recipient_row(recipient: Recipient) -> RecipientRow {
    RecipientRow {
        name: recipient.username,
        may_edit: recipient.access == Access::Edit,
        delivered_at: Timestamp(recipient.delivered_at),
        read_at: recipient.read_at.map(Timestamp),
    }
}
