//! Notes: list, write and read them.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::draft::{Draft, NoteForm};
use super::format::{NoteCard, Timestamp, delivery_in_words, heading};
use super::frame::{frame_of, page};
use super::rendering::render;
use super::search::forward;
use super::search_form::SearchForm;
use super::unsaved::unsaved;
use crate::domain::{NoteContent, NoteId, NoteRole, NoteTitle, Right, with_unix_newlines};
use crate::markdown::{RenderOptions, RenderedText};
use crate::services::sharing;
use crate::store::{self, NewNote, NoteState, Outcome, Received};
use crate::web::cookie::flash_saved;
use crate::web::idempotency;
use crate::web::page_tenant::sent_of_tenant;
use crate::web::paging::{PAGE_SIZE, PageQuery, neighbours};
use crate::web::routes::RefusalReason;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, Visitor, granted, see_other};

#[derive(Template)]
#[template(path = "notes/index.html")]
struct IndexPage {
    frame: Frame,
    search: SearchForm,
    notes: Vec<NoteCard>,
    newer: Option<String>,
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "notes/new.html")]
struct NewPage {
    frame: Frame,
    once: String,
    title: String,
    content: String,
    errors: FieldErrors,
}

#[derive(Template)]
#[template(path = "notes/show.html")]
struct ShowPage {
    frame: Frame,
    id: i64,
    version: i32,
    title: String,
    text: RenderedText,
    created_at: Timestamp,
    updated_at: Timestamp,
    own: bool,
    may_edit: bool,
    sharer: Option<Sharer>,
    /// The state of the latest delivery, for the author of a shared note.
    delivery: Option<&'static str>,
}

/// The member who shared the note with the user.
struct Sharer {
    name: String,
    at: Timestamp,
}

/// Lists the notes. An address with words leads to the search, as such addresses were kept by people.
pub async fn index(
    visitor: Visitor,
    query: web::Query<PageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    if !query.typed().trim().is_empty() {
        visitor.user().await?;
        return Ok(forward(query.typed()));
    }
    let reads = |viewer| store::notes(viewer, NoteState::Active, query.cursor(), PAGE_SIZE);
    let (user, notes) = visitor.read(reads).await?;
    let (newer, older) = neighbours("/notes", &notes);
    let notes = notes.notes.iter().map(|listed| NoteCard::listed(listed, NoteState::Active)).collect();
    let frame = frame_of(&user, &cookie, "notes");
    page(StatusCode::OK, &IndexPage { frame, search: SearchForm::default(), notes, newer, older })
}

/// Writes a note. When it cannot be saved, the response carries the text.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    form: Result<Form<NoteForm>, Error>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let form = received(form)?;
    match try_create((&request, &context), &user, &form, &cookie).await {
        Err(error) => unsaved(draft_of(&request, form), error, (Some(&user), &cookie)).await,
        answered => answered,
    }
}

/// Answers a new note that was sent without a login. The response carries the text.
pub async fn create_refused(
    reason: RefusalReason<Error>,
    form: Result<Form<NoteForm>, Error>,
    request: HttpRequest,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let draft = draft_of(&request, received(form)?);
    unsaved(draft, reason.0, (CurrentUser::known(&request).as_ref(), &cookie)).await
}

fn draft_of(request: &HttpRequest, form: NoteForm) -> Draft {
    Draft { action: "/notes".to_owned(), of_tenant: sent_of_tenant(request), form }
}

/// The form of a note.
///
/// # Errors
/// Why it could not be read; one that is too long names the length of a note.
pub fn received(form: Result<Form<NoteForm>, Error>) -> Result<NoteForm, Error> {
    form.map(|Form(form)| form).map_err(|error| match error {
        Error::TooLarge => Error::NoteTooLarge,
        other => other,
    })
}

async fn try_create(
    (request, context): (&HttpRequest, &Context),
    user: &CurrentUser,
    form: &NoteForm,
    cookie: &Session,
) -> Result<HttpResponse, Error> {
    let (title, content) = match parse(form) {
        Ok(parsed) => parsed,
        Err(errors) => {
            return new_page(StatusCode::UNPROCESSABLE_ENTITY, user, cookie, form.clone(), errors);
        }
    };
    let once = idempotency::of_form(request, &form.once, form);
    let note = NewNote { title: title.as_ref(), content: &content, sharing: None, request: once.as_ref() };
    let actor = user.actor(request);
    if let Outcome::KeyReused = sharing::create_note(&context.services, &actor, &note).await? {
        // The user went back to the page and sent another text: it is another note.
        sharing::create_note(&context.services, &actor, &NewNote { request: None, ..note }).await?;
    }
    flash_saved(cookie, "Note added.", &form.once);
    Ok(see_other("/notes"))
}

/// Shows a note, and marks a received one as read.
pub async fn show(visitor: Visitor, id: web::Path<NoteId>, cookie: Session) -> Result<HttpResponse, Error> {
    let (user, found) = visitor.read(|viewer| store::note_with_delivery(viewer, *id)).await?;
    let (seen, delivery) = granted(found.for_reader(user.id))?;
    let sharer = match &seen.received {
        Some(received) => Some(open_received(&user, *id, received).await?),
        None => None,
    };
    let note = seen.note;
    let may_edit = seen.role.allows(Right::Edit);
    let title = heading(&note);
    let options = RenderOptions { title: title.clone(), can_tick: may_edit };
    let shown = ShowPage {
        frame: frame_of(&user, &cookie, if sharer.is_some() { "inbox" } else { "notes" }),
        own: seen.role == NoteRole::Author,
        may_edit,
        sharer,
        delivery: delivery.map(delivery_in_words),
        id: note.id.number(),
        version: note.version,
        title,
        text: render(&user.tenant, note.content, options).await?,
        created_at: Timestamp(note.created_at),
        updated_at: Timestamp(note.updated_at),
    };
    page(StatusCode::OK, &shown)
}

/// Shows an empty form.
pub async fn new(user: CurrentUser, cookie: Session) -> Result<HttpResponse, Error> {
    new_page(StatusCode::OK, &user, &cookie, NoteForm::default(), FieldErrors::default())
}

/// The form of a new note, with values and errors.
pub fn new_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    form: NoteForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let frame = frame_of(user, cookie, "notes");
    let once = form.number(&frame);
    page(status, &NewPage { once, title: form.title, content: form.content, errors, frame })
}

async fn open_received(user: &CurrentUser, id: NoteId, received: &Received) -> Result<Sharer, Error> {
    let (name, unread) = user.tenant.open_received(user.id, id, received).await?;
    user.session.unread.set(unread);
    Ok(Sharer { name, at: Timestamp(received.at) })
}

/// The note of a form.
///
/// # Errors
/// The messages for its fields.
pub fn parse(form: &NoteForm) -> Result<(Option<NoteTitle>, NoteContent), FieldErrors> {
    let mut errors = FieldErrors::default();
    let title = errors.keep("title", NoteTitle::parse_optional(&form.title));
    let content = errors.keep("content", NoteContent::parse(with_unix_newlines(&form.content)));
    title.zip(content).ok_or(errors)
}
