//! The shares of a note.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deliveries;
use super::problem::Problem;
use super::share_with::ShareWith;
use crate::domain::{Audience, NoteId, Right};
use crate::services::sharing::share_note;
use crate::store::Share;
use crate::web::{Context, CurrentUser, Error, Json, granted, idempotency};

/// A share to make. A second share with the same people changes their access.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    share_with: ShareWith,
    /// `read` (when not given) or `edit`.
    #[schema(pattern = "^(read|edit)$")]
    access: Option<String>,
}

/// The new share.
#[derive(Serialize, ToSchema)]
pub struct ShareCreated {
    /// The state of the delivery: pending, published, acknowledged or failed.
    delivery: &'static str,
}

/// The audience of a share: the word `everyone`, or a member's id.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SharedWith {
    /// All members.
    Everyone(&'static str),
    /// One member.
    Member(i64),
}

/// A share of a note.
#[derive(Serialize, ToSchema)]
pub struct ShareView {
    share_with: SharedWith,
    /// None for the audience `everyone`.
    username: Option<String>,
    access: &'static str,
    shared_at: DateTime<Utc>,
    /// How many members have received the note.
    delivered: i64,
    /// How many of them have opened it.
    read: i64,
    /// When the member received it; none for the audience `everyone`.
    delivered_at: Option<DateTime<Utc>>,
    /// When the member first opened it; none for the audience `everyone`.
    read_at: Option<DateTime<Utc>>,
}

/// Share a note of the user. `Idempotency-Key` and `Prefer: wait=N` work as for writing a note.
///
/// # Errors
/// 403 for a note of another author, 404 for a note that does not exist, 422 for users who do not exist and
/// for a key that was used for another request.
#[utoipa::path(
    post,
    path = "/api/notes/{id}/shares",
    operation_id = "shares_create",
    params(
        ("id" = i64, Path),
        ("Idempotency-Key" = Option<String>, Header),
        ("Prefer" = Option<String>, Header),
    ),
    request_body = NewShare,
    security(("bearer" = [])),
    responses(
        (status = 201, body = ShareCreated, headers(("Location" = String), ("Preference-Applied" = String))),
        (
            status = 202,
            body = ShareCreated,
            description = "shared, and not yet with them when the time was over",
            headers(("Location" = String, description = "the deliveries")),
        ),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
    body: Json<NewShare>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    granted(user.tenant.note(user.id, *id, Right::Own).await?)?;
    let Json(body) = body;
    let once = idempotency::of_request(&request, &body)?;
    let sharing = body.share_with.parse(&user, body.access.as_deref()).await?;
    let outcome = share_note(&context.services, &user.tenant, user.id, *id, &sharing, once.as_ref()).await?;
    let message = outcome.into_result().ok_or_else(idempotency::key_reused)?.ok_or(Error::NotFound)?;
    let waited = deliveries::wait_as_preferred(&request, &user, message).await;
    let place = format!("/api/notes/{id}/shares");
    Ok(waited.respond(&place, *id).json(ShareCreated { delivery: waited.state.as_str() }))
}

/// List the shares of a note of the user: the one with everyone first, then by name.
///
/// # Errors
/// 403 and 404 as for sharing.
#[utoipa::path(
    get,
    path = "/api/notes/{id}/shares",
    operation_id = "shares_index",
    params(("id" = i64, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<ShareView>),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub async fn index(user: CurrentUser, id: web::Path<NoteId>) -> Result<HttpResponse, Error> {
    let sharing = granted(user.tenant.sharing(user.id, *id).await?)?;
    let counts = (sharing.delivered, sharing.read);
    Ok(HttpResponse::Ok()
        .json(sharing.shares.into_iter().map(|share| view(share, counts)).collect::<Vec<_>>()))
}

/// Remove a share. Members with no other share of the note cannot read it from the next request on.
///
/// # Errors
/// 403 and 404 as for sharing; 404 also when there is no such share.
#[utoipa::path(
    delete,
    path = "/api/notes/{id}/shares/{user_id}",
    operation_id = "shares_delete",
    params(
        ("id" = i64, Path),
        ("user_id" = String, Path, description = "a person's number, or `everyone`"),
    ),
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub async fn delete(user: CurrentUser, path: web::Path<(NoteId, String)>) -> Result<HttpResponse, Error> {
    let (id, audience) = path.into_inner();
    granted(user.tenant.note(user.id, id, Right::Own).await?)?;
    let audience = Audience::parse_one(&audience).ok_or(Error::NotFound)?;
    if !user.tenant.unshare(user.id, id, &audience).await? {
        return Err(Error::NotFound);
    }
    Ok(HttpResponse::NoContent().finish())
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
