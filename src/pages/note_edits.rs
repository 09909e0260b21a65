//! Edits of notes: the form, saving, and the page for edits that overlap.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::draft::{Draft, NoteForm};
use super::format::{Timestamp, heading};
use super::frame::{frame_of, page};
use super::notes::{parse, received};
use super::unsaved::unsaved;
use crate::domain::{
    Comparison, LineChange, NoteId, NoteTitle, Right, compare, has_markers, with_unix_newlines,
};
use crate::services;
use crate::services::notes::OnStaleVersion;
use crate::store::{Edit, EditOutcome, Note, NoteAccess};
use crate::web::cookie::flash_saved;
use crate::web::page_tenant::sent_of_tenant;
use crate::web::routes::RefusalReason;
use crate::web::{CurrentUser, Error, FieldErrors, Form, Frame, granted, see_other};

#[derive(Template)]
#[template(path = "notes/edit.html")]
struct EditPage {
    frame: Frame,
    id: i64,
    /// The heading of the stored note.
    heading: String,
    version: i32,
    title: String,
    content: String,
    /// The number of the form under which the browser keeps its text.
    once: String,
    /// Whether the text in the form is stored nowhere else.
    is_unsaved: bool,
    /// Whether to ask if the markers of a conflict are meant.
    asks_about_markers: bool,
    errors: FieldErrors,
}

#[derive(Template)]
#[template(path = "notes/conflict.html")]
struct ConflictPage {
    frame: Frame,
    id: i64,
    once: String,
    saved_version: i32,
    saved_by: String,
    saved_at: Timestamp,
    saved_title: String,
    saved_content: String,
    yours_title: String,
    yours_content: String,
    /// From the saved text to the user's.
    comparison: Comparison,
    merged_title: String,
    merged_content: String,
}

/// Shows the form with the note's text.
pub async fn edit(user: CurrentUser, id: web::Path<NoteId>, cookie: Session) -> Result<HttpResponse, Error> {
    let note = granted(user.tenant.note(user.id, *id, Right::Edit).await?)?.note;
    let form = NoteForm {
        title: words(note.title.as_ref()),
        content: note.content.as_str().to_owned(),
        version: note.version.to_string(),
        ..NoteForm::default()
    };
    edit_page(StatusCode::OK, (&user, &cookie), &note, form, FieldErrors::default())
}

/// Saves an edit, merged with other edits since its version. When the edits overlap, the response shows both.
/// When the edit cannot be saved, the response carries the text.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
    form: Result<Form<NoteForm>, Error>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let form = received(form)?;
    match try_update((&request, &user), *id, &form, &cookie).await {
        Err(error) => unsaved(draft_of(&request, *id, form), error, (Some(&user), &cookie)).await,
        answered => answered,
    }
}

/// Answers an edit that was sent without a login. The response carries the text.
pub async fn update_refused(
    reason: RefusalReason<Error>,
    id: web::Path<NoteId>,
    form: Result<Form<NoteForm>, Error>,
    request: HttpRequest,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let user = CurrentUser::known(&request);
    unsaved(draft_of(&request, *id, received(form)?), reason.0, (user.as_ref(), &cookie)).await
}

fn draft_of(request: &HttpRequest, id: NoteId, form: NoteForm) -> Draft {
    Draft { action: format!("/notes/{id}"), of_tenant: sent_of_tenant(request), form }
}

async fn try_update(
    (request, user): (&HttpRequest, &CurrentUser),
    id: NoteId,
    form: &NoteForm,
    cookie: &Session,
) -> Result<HttpResponse, Error> {
    // Before the text is looked at: a form that is not accepted is shown for a note that is there.
    if form.restore == "yes" {
        services::notes::restore(&user.actor(request), id).await?;
    }
    let refill = async |errors| {
        let note = granted(user.tenant.note(user.id, id, Right::Edit).await?)?.note;
        edit_page(StatusCode::UNPROCESSABLE_ENTITY, (user, cookie), &note, form.clone(), errors)
    };
    let (title, content) = match parse(form) {
        Ok(parsed) => parsed,
        Err(errors) => return refill(errors).await,
    };
    let Some(version) = form.version.parse().ok().filter(|version| *version > 0) else {
        let errors = FieldErrors::one("", "The form lost its version; check the text and save again.");
        return refill(errors).await;
    };
    if form.markers != "keep"
        && has_markers(content.as_str(), form.merging == "yes")
        && has_new_markers(user, id, form).await?
    {
        let errors = FieldErrors::one("content", MARKERS_LEFT);
        return refill(errors).await;
    }
    let edit = Edit { title, content, version, from_browser: true };
    match services::notes::save(&user.actor(request), id, &edit, OnStaleVersion::Merge).await? {
        EditOutcome::Stored { merged, .. } => {
            let saved = if merged { "Saved, together with what was changed meanwhile." } else { "Saved." };
            flash_saved(cookie, saved, &form.once);
            Ok(see_other(&format!("/notes/{id}")))
        }
        EditOutcome::Conflict { current, title, content } => {
            let (_, history) = granted(user.tenant.note_with_revisions(user.id, id, None, 1).await?)?;
            let latest = history.revisions.into_iter().next();
            let by = latest.and_then(|revision| revision.replaced_by).unwrap_or_default();
            conflict_page(user, cookie, form, current, MergeProposal { title, content, by }).await
        }
        EditOutcome::Forbidden => granted(NoteAccess::Forbidden),
        EditOutcome::NotFound => granted(NoteAccess::NotFound),
    }
}

const MARKERS_LEFT: &str = "The text still has marker lines of the merge, such as “<<<<<<< yours” or \
    “=======”. Keep what you want and delete these lines, or save the text as it is.";

/// Whether markers are in the text that were not in the stored one: a note may well be about them.
async fn has_new_markers(user: &CurrentUser, id: NoteId, form: &NoteForm) -> Result<bool, Error> {
    let is_new = match user.tenant.note(user.id, id, Right::Edit).await? {
        NoteAccess::Granted(stored) => !has_markers(stored.note.content.as_str(), false),
        NoteAccess::Forbidden | NoteAccess::NotFound => false,
    };
    Ok(is_new || form.merging == "yes")
}

/// The edit form, with values and errors.
pub fn edit_page(
    status: StatusCode,
    (user, cookie): (&CurrentUser, &Session),
    note: &Note,
    form: NoteForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let frame = frame_of(user, cookie, "notes");
    let stored = (words(note.title.as_ref()), note.content.as_str());
    let edit = EditPage {
        id: note.id.number(),
        heading: heading(note),
        version: form.version.parse().unwrap_or(note.version),
        once: form.number(&frame),
        is_unsaved: (form.title.as_str(), form.content.as_str()) != (stored.0.as_str(), stored.1),
        asks_about_markers: errors.of("content") == Some(MARKERS_LEFT),
        title: form.title,
        content: form.content,
        frame,
        errors,
    };
    page(status, &edit)
}

/// A merge with conflicts, which the user resolves, and the author of the other edit.
struct MergeProposal {
    title: Option<NoteTitle>,
    content: String,
    by: String,
}

async fn conflict_page(
    user: &CurrentUser,
    cookie: &Session,
    form: &NoteForm,
    current: Note,
    proposal: MergeProposal,
) -> Result<HttpResponse, Error> {
    let frame = frame_of(user, cookie, "notes");
    let yours_content = with_unix_newlines(&form.content);
    let saved_title = words(current.title.as_ref());
    let (id, saved_version, saved_at) = (current.id.number(), current.version, current.updated_at);
    let compared = move || {
        let saved_content = current.content.into_string();
        let comparison = compare(&saved_content, &yours_content);
        (comparison, saved_content, yours_content)
    };
    let (comparison, saved_content, yours_content) = user.tenant.compute(compared).await?;
    let conflict = ConflictPage {
        id,
        once: form.number(&frame),
        saved_version,
        saved_by: proposal.by,
        saved_at: Timestamp(saved_at),
        saved_title,
        saved_content,
        yours_title: form.title.clone(),
        yours_content,
        comparison,
        merged_title: words(proposal.title.as_ref()),
        merged_content: proposal.content,
        frame,
    };
    page(StatusCode::CONFLICT, &conflict)
}

fn words(title: Option<&NoteTitle>) -> String {
    title.map(|title| title.as_str().to_owned()).unwrap_or_default()
}
