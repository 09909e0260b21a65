//! Notes.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deliveries;
use super::note_view::{NoteView, view};
use super::problem::Problem;
use super::share_with::ShareWith;
use crate::domain::{Access, NoteContent, NoteId, NoteRole, NoteTitle, Right};
use crate::services::notes::{self, OnStaleVersion};
use crate::services::sharing;
use crate::store::{self, CreatedNote, DeliveryState, Edit, EditOutcome, NewNote, Note, NoteAccess};
use crate::web::etag::{cached_tag, etag, holds, if_match};
use crate::web::idempotency;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Json, Visitor, granted};

/// A note to write.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteToWrite {
    /// Markdown, up to 256 KiB.
    #[schema(min_length = 1, max_length = 262_144)]
    content: String,
    /// Up to 200 characters.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// When given, it must be the token's organization.
    tenant_id: Option<i64>,
    /// When given, it must be the token's user.
    userid: Option<i64>,
    /// The audience, when the note is shared at once.
    share_with: Option<ShareWith>,
    /// The access of the audience: read (when not given) or edit.
    #[schema(pattern = "^(read|edit)$")]
    access: Option<String>,
}

/// A note's new text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedNote {
    /// Markdown, up to 256 KiB.
    #[schema(min_length = 1, max_length = 262_144)]
    content: String,
    /// The note has no title when this is not given.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// The version from which this edit started. When the note has a newer one, edits that do not overlap are
    /// merged.
    version: Option<i32>,
}

/// The new note.
#[derive(Serialize, ToSchema)]
pub struct NoteCreated {
    note_id: i64,
    message: &'static str,
    /// The state of the delivery, when the note is shared: pending, published, acknowledged or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'static str>,
}

/// Write a note, and share it when `share_with` is given. With an `Idempotency-Key` a repeated request gets
/// the answer of the first one and writes nothing. With `Prefer: wait=N` the answer comes when the note is
/// delivered to its audience, or after N seconds (30 at most).
///
/// # Errors
/// 403 for the id of another tenant or user, 422 for an invalid text or audience and for a key that was used
/// for another request.
#[utoipa::path(
    post,
    path = "/api/notes",
    operation_id = "notes_create",
    params(
        ("Idempotency-Key" = Option<String>, Header),
        ("Prefer" = Option<String>, Header),
    ),
    request_body = NoteToWrite,
    security(("bearer" = [])),
    responses(
        (status = 201, body = NoteCreated, headers(("Location" = String), ("Preference-Applied" = String))),
        (
            status = 202,
            body = NoteCreated,
            description = "written, and not yet with those it is shared with when the time was over",
            headers(("Location" = String, description = "the deliveries")),
        ),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn create(
    request: HttpRequest,
    context: web::Data<Context>,
    user: CurrentUser,
    body: Json<NoteToWrite>,
) -> Result<HttpResponse, Error> {
    let Json(body) = body;
    let once = idempotency::of_request(&request, &body)?;
    let tenant = user.tenant.tenant().number();
    if body.tenant_id.is_some_and(|given| given != tenant)
        || body.userid.is_some_and(|given| given != user.id.number())
    {
        return Err(Error::Forbidden("This token belongs to another organization or user."));
    }
    let (title, content) = parse(body.title.as_deref(), body.content)?;
    let sharing = match &body.share_with {
        None => None,
        Some(share_with) => Some(share_with.parse(&user, body.access.as_deref()).await?),
    };
    let note = NewNote {
        title: title.as_ref(),
        content: &content,
        sharing: sharing.as_ref(),
        request: once.as_ref(),
    };
    let outcome = sharing::create_note(&context.services, &user.actor(&request), &note).await?;
    let CreatedNote { id, message } = outcome.into_result().ok_or_else(idempotency::key_reused)?;
    let place = format!("/api/notes/{id}");
    let Some(message) = message else {
        let mut response = HttpResponse::Created();
        response.insert_header((header::LOCATION, place));
        return Ok(created(response, id, None));
    };
    let waited = deliveries::wait_as_preferred(&request, &user, message).await;
    Ok(created(waited.respond(&place, id), id, Some(waited.state)))
}

fn created(mut response: HttpResponseBuilder, id: NoteId, delivery: Option<DeliveryState>) -> HttpResponse {
    response.insert_header((header::ETAG, etag(1))).json(NoteCreated {
        note_id: id.number(),
        message: "Note created successfully",
        delivery: delivery.map(DeliveryState::as_str),
    })
}

/// Read a note of the user, or one that another member shared. Reading a shared note marks it as read.
///
/// # Errors
/// 404 for a note that does not exist or that the user may not read.
#[utoipa::path(
    get,
    path = "/api/notes/{id}",
    operation_id = "notes_show",
    params(("id" = i64, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = NoteView, headers(("ETag" = String))),
        (status = 304),
        (status = 401, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub async fn show(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<NoteId>,
) -> Result<HttpResponse, Error> {
    let (user, found) = visitor.read(|viewer| store::note_with_delivery(viewer, *id)).await?;
    let (seen, delivery) = granted(found.for_reader(user.id))?;
    if let Some(received) = seen.received.filter(|received| received.read_at.is_none()) {
        let (_, unread) = user.tenant.open_received(user.id, *id, &received).await?;
        user.session.unread.set(unread);
    }
    let note = seen.note;
    if let Some(tag) = cached_tag(&request, note.version) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let mut shown = view(user.tenant.tenant().number(), note, seen.role);
    shown.delivery = delivery.map(DeliveryState::as_str);
    Ok(HttpResponse::Ok().insert_header((header::ETAG, etag(shown.version))).json(shown))
}

/// Replace the text of a note of the user, or of one that another member shared for editing. With `If-Match`
/// the note must still have that version. With `version` in the body, edits since that version are merged
/// where they do not overlap. With neither, the new text replaces the current one. Replaced texts are kept.
///
/// # Errors
/// 403 for a note that was shared for reading only, 404 as for reading, 412 with the current ETag for another
/// version, 422 for an invalid text.
#[utoipa::path(
    put,
    path = "/api/notes/{id}",
    operation_id = "notes_update",
    params(
        ("id" = i64, Path),
        ("If-Match" = Option<String>, Header),
    ),
    request_body = ChangedNote,
    security(("bearer" = [])),
    responses(
        (status = 200, body = NoteView, headers(("ETag" = String))),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
    body: Json<ChangedNote>,
) -> Result<HttpResponse, Error> {
    let Json(body) = body;
    let (title, content) = parse(body.title.as_deref(), body.content)?;
    let condition = if_match(&request);
    if let (None, Some(version)) = (&condition, body.version) {
        return save(
            (&request, &user),
            *id,
            Edit { title, content, version, from_browser: false },
            OnStaleVersion::Merge,
        )
        .await;
    }
    let current = granted(user.tenant.note(user.id, *id, Right::Edit).await?)?.note;
    if condition.is_some_and(|condition| !holds(&condition, current.version)) {
        return Err(Error::PreconditionFailed { etag: etag(current.version) });
    }
    save(
        (&request, &user),
        *id,
        Edit { title, content, version: current.version, from_browser: false },
        OnStaleVersion::Refuse,
    )
    .await
}

/// Move a note of the user to the bin.
///
/// # Errors
/// 403 for a note of another author, 404 as for reading, 412 when `If-Match` names another version.
#[utoipa::path(
    delete,
    path = "/api/notes/{id}",
    operation_id = "notes_delete",
    params(
        ("id" = i64, Path),
        ("If-Match" = Option<String>, Header),
    ),
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 412, body = Problem),
    ),
)]
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
) -> Result<HttpResponse, Error> {
    let mut version = None;
    if let Some(condition) = if_match(&request) {
        let current = granted(user.tenant.note(user.id, *id, Right::Own).await?)?.note;
        if !holds(&condition, current.version) {
            return Err(Error::PreconditionFailed { etag: etag(current.version) });
        }
        version = Some(current.version);
    }
    if user.tenant.delete_note(user.id, *id, version).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    // With `If-Match` the note may exist, changed since its version was read above.
    let current = granted(user.tenant.note(user.id, *id, Right::Own).await?)?.note;
    Err(Error::PreconditionFailed { etag: etag(current.version) })
}

async fn save(
    (request, user): (&HttpRequest, &CurrentUser),
    id: NoteId,
    edit: Edit,
    on_stale: OnStaleVersion,
) -> Result<HttpResponse, Error> {
    answer_edit(user, notes::save(&user.actor(request), id, &edit, on_stale).await?)
}

/// The answer to an edit.
///
/// # Errors
/// As [`update`].
pub fn answer_edit(user: &CurrentUser, outcome: EditOutcome) -> Result<HttpResponse, Error> {
    match outcome {
        EditOutcome::Stored { note, .. } => {
            let standing =
                if note.author == user.id { NoteRole::Author } else { NoteRole::Recipient(Access::Edit) };
            Ok(answer(user, note, standing))
        }
        EditOutcome::Conflict { current, .. } => {
            Err(Error::PreconditionFailed { etag: etag(current.version) })
        }
        EditOutcome::Forbidden => granted(NoteAccess::Forbidden),
        EditOutcome::NotFound => granted(NoteAccess::NotFound),
    }
}

fn answer(user: &CurrentUser, note: Note, standing: NoteRole) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::ETAG, etag(note.version))).json(view(
        user.tenant.tenant().number(),
        note,
        standing,
    ))
}

fn parse(title: Option<&str>, content: String) -> Result<(Option<NoteTitle>, NoteContent), Error> {
    let mut errors = FieldErrors::default();
    let title = errors.keep("title", NoteTitle::parse_optional(title.unwrap_or_default()));
    let content = errors.keep("content", NoteContent::parse(content));
    title.zip(content).ok_or(Error::Invalid(errors))
}
