//! The preview of a note's text, rendered as its page will be.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::draft::{Draft, NoteForm};
use super::format::heading_of;
use super::fragment::is_fragment_wanted;
use super::frame::{frame_of, page};
use super::notes::received;
use super::rendering::render;
use super::unsaved::unsaved;
use crate::domain::{NoteContent, NoteId, with_unix_newlines};
use crate::markdown::RenderOptions;
use crate::web::page_tenant::sent_of_tenant;
use crate::web::routes::RefusalReason;
use crate::web::{CurrentUser, Error, FieldErrors, Form, Frame};

#[derive(Template)]
#[template(path = "notes/preview.html")]
struct PreviewPage {
    frame: Frame,
    heading: String,
    html: String,
    /// Where the form is saved, and the address of the page with the form.
    action: String,
    address: String,
    key: String,
    note: String,
    version: String,
    once: String,
    title: String,
    content: String,
    errors: FieldErrors,
}

/// Shows the text as its page will, above a form with it.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    form: Result<Form<NoteForm>, Error>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let form = received(form)?;
    let draft = draft_of(&request, form);
    match try_create(&request, &user, &draft, &cookie).await {
        Err(error) => unsaved(draft, error, (Some(&user), &cookie)).await,
        answered => answered,
    }
}

/// Answers a preview without a login. The response carries the text.
pub async fn create_refused(
    reason: RefusalReason<Error>,
    form: Result<Form<NoteForm>, Error>,
    request: HttpRequest,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let draft = draft_of(&request, received(form)?);
    unsaved(draft, reason.0, (CurrentUser::known(&request).as_ref(), &cookie)).await
}

/// The form as it would be saved.
fn draft_of(request: &HttpRequest, form: NoteForm) -> Draft {
    let action = match NoteId::parse(&form.note) {
        Some(note) => format!("/notes/{note}"),
        None => "/notes".to_owned(),
    };
    Draft { action, of_tenant: sent_of_tenant(request), form }
}

async fn try_create(
    request: &HttpRequest,
    user: &CurrentUser,
    draft: &Draft,
    cookie: &Session,
) -> Result<HttpResponse, Error> {
    let text = with_unix_newlines(&draft.form.content);
    let mut errors = FieldErrors::default();
    let content = errors.keep("content", NoteContent::parse(text));
    let heading = heading_of(draft.form.title.trim(), &draft.form.content);
    let is_fragment = is_fragment_wanted(request);
    // Beside the text no heading of the page stands above it.
    let title = if is_fragment { String::new() } else { heading.clone() };
    let html = match content {
        Some(content) => render(&user.tenant, content, RenderOptions { title, can_tick: false }).await?.html,
        None => String::new(),
    };
    if is_fragment {
        return Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html));
    }
    let frame = frame_of(user, cookie, "notes");
    let NoteForm { title, content, version, note, .. } = draft.form.clone();
    let is_new = draft.note().is_none();
    let shown = PreviewPage {
        heading,
        html,
        action: format!("{}{}", draft.action, frame.of_tenant),
        address: if is_new { "/notes/new".to_owned() } else { format!("{}/edit", draft.action) },
        key: draft.key(),
        note,
        version,
        once: draft.form.number(&frame),
        title,
        content,
        frame,
        errors,
    };
    page(StatusCode::OK, &shown)
}
