//! With whom a note is shared.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::auth::CurrentUser;
use crate::domain::{AUDIENCE_LIMIT, Access, Audience, NoteId, Right};
use crate::store::{Share, Sharing};
use crate::web::{Context, Error, FieldErrors, Json, granted};

/// Who gets to see a note.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ShareWith {
    /// `everyone`: all people of the organization, also those who come later.
    Word(String),
    /// The numbers of 1 to 100 people of the organization.
    Members(Vec<i64>),
}

/// A share to make. Sharing with the same people again changes what they may do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    share_with: ShareWith,
    /// `read`, which is what is meant when it is not given, or `edit`.
    access: Option<String>,
}

/// A note was shared.
#[derive(Serialize, ToSchema)]
pub struct ShareCreated {
    /// `pending`: the inboxes are filled in a moment.
    delivery: &'static str,
}

/// With whom a note is shared: the word `everyone`, or a person's number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SharedWith {
    /// Everyone.
    Everyone(&'static str),
    /// One person.
    Member(i64),
}

/// A share of a note.
#[derive(Serialize, ToSchema)]
pub struct ShareView {
    share_with: SharedWith,
    /// None for everyone.
    username: Option<String>,
    access: &'static str,
    shared_at: DateTime<Utc>,
    /// At how many people it has arrived.
    delivered: i64,
    /// How many of them opened it.
    read: i64,
    /// When it arrived; none for everyone.
    delivered_at: Option<DateTime<Utc>>,
    /// When it was first opened; none for everyone.
    read_at: Option<DateTime<Utc>>,
}

/// Share a note of one's own.
///
/// # Errors
/// 403 for a note that was only shared with the user, 404 for one that is not there, 422 for people who are not there.
#[utoipa::path(post, path = "/api/notes/{id}/shares", params(("id" = i64, Path)), request_body = NewShare, security(("bearer" = [])), responses(
    (status = 201, body = ShareCreated, headers(("Location" = String))), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    user: CurrentUser,
    id: web::Path<NoteId>,
    body: Json<NewShare>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    granted(user.tenant.note(user.id, *id, Right::Own).await?)?;
    let Json(body) = body;
    let mut errors = FieldErrors::default();
    let access = errors.keep("access", Access::parse(body.access.as_deref().unwrap_or_default()));
    let access = access.ok_or(Error::Invalid(errors))?;
    let audience = audience(&user, body.share_with).await?;
    let message = user.tenant.share_note(user.id, *id, &Sharing { audience, access }).await?;
    message.ok_or(Error::NotFound)?;
    context.messenger.wake(&user.tenant);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/notes/{id}/shares")))
        .json(ShareCreated { delivery: "pending" }))
}

/// List with whom a note of one's own is shared: everyone first, then by name.
///
/// # Errors
/// 403 and 404 as for sharing.
#[utoipa::path(get, path = "/api/notes/{id}/shares", params(("id" = i64, Path)), security(("bearer" = [])), responses(
    (status = 200, body = Vec<ShareView>), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn index(user: CurrentUser, id: web::Path<NoteId>) -> Result<HttpResponse, Error> {
    let sharing = granted(user.tenant.sharing(user.id, *id).await?)?;
    let counts = (sharing.delivered, sharing.read);
    Ok(HttpResponse::Ok().json(sharing.shares.into_iter().map(|share| view(share, counts)).collect::<Vec<_>>()))
}

/// Take a share back. Whom no other share covers cannot see the note from the next request on.
///
/// # Errors
/// 403 and 404 as for sharing; 404, too, when it is not shared with them.
#[utoipa::path(delete, path = "/api/notes/{id}/shares/{user_id}", params(("id" = i64, Path), ("user_id" = String, Path, description = "a person's number, or `everyone`")), security(("bearer" = [])), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn destroy(user: CurrentUser, path: web::Path<(NoteId, String)>) -> Result<HttpResponse, Error> {
    let (id, audience) = path.into_inner();
    granted(user.tenant.note(user.id, id, Right::Own).await?)?;
    let audience = Audience::parse_one(&audience).ok_or(Error::NotFound)?;
    if !user.tenant.take_back(user.id, id, &audience).await? {
        return Err(Error::NotFound);
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Reads an audience, whose people have to be there.
async fn audience(user: &CurrentUser, wanted: ShareWith) -> Result<Audience, Error> {
    let refuse = |message| Err(Error::Invalid(FieldErrors::one("share_with", message)));
    let mut numbers = match wanted {
        ShareWith::Word(word) if word == "everyone" => return Ok(Audience::Everyone),
        ShareWith::Word(_) => return refuse("This is \"everyone\" or a list of people's numbers."),
        ShareWith::Members(numbers) => numbers,
    };
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() || numbers.len() > AUDIENCE_LIMIT {
        return refuse("Name 1 to 100 people, or \"everyone\".");
    }
    let members: Option<Vec<_>> = user.tenant.colleagues_among(user.id, &numbers).await?.into_iter().collect();
    members.map_or_else(|| refuse("Each of these has to be somebody else in this organization."), |members| Ok(Audience::Members(members)))
}

fn view(share: Share, (delivered, read): (i64, i64)) -> ShareView {
    let (share_with, delivered, read) = match &share.audience {
        Audience::Everyone => (SharedWith::Everyone("everyone"), delivered, read),
        Audience::Members(members) => (
            SharedWith::Member(members.first().map_or(0, |member| member.number())),
            i64::from(share.delivered_at.is_some()),
            i64::from(share.read_at.is_some()),
        ),
    };
    ShareView {
        share_with,
        username: share.username,
        access: share.access.as_str(),
        shared_at: share.shared_at,
        delivered,
        read,
        delivered_at: share.delivered_at,
        read_at: share.read_at,
    }
}
