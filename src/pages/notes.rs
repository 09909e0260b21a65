//! Notes: list, write, read and edit them.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::draft::{Draft, NoteForm};
use super::format::{NoteCard, Timestamp, delivery_in_words, heading};
use super::frame::{frame_of, page};
use super::markdown::{RenderedText, render};
use super::search::SearchForm;
use super::unsaved::unsaved;
use crate::domain::{NoteContent, NoteId, NoteRole, NoteTitle, Right, with_unix_newlines};
use crate::services::notes::OnStaleVersion;
use crate::services::{self, sharing};
use crate::store::{
    self, Cursor, Edit, EditOutcome, NewNote, Note, NoteAccess, NoteState, Outcome, Page, Received,
};
use crate::web::cookie::flash;
use crate::web::idempotency;
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
    title: String,
    content: String,
    errors: FieldErrors,
}

impl IndexPage {
    fn empty(frame: Frame) -> Self {
        let (title, content) = (String::new(), String::new());
        Self {
            frame,
            search: SearchForm::empty("/notes"),
            notes: Vec::new(),
            newer: None,
            older: None,
            title,
            content,
            errors: FieldErrors::default(),
        }
    }
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

#[derive(Template)]
#[template(path = "notes/edit.html")]
struct EditPage {
    frame: Frame,
    id: i64,
    version: i32,
    title: String,
    content: String,
    errors: FieldErrors,
}

#[derive(Template)]
#[template(path = "notes/conflict.html")]
struct ConflictPage {
    frame: Frame,
    id: i64,
    theirs_version: i32,
    yours_title: String,
    yours_content: String,
    theirs_title: String,
    theirs_content: String,
    theirs_by: String,
    merged_title: String,
    merged_content: String,
    theirs_updated_at: Timestamp,
}

/// Lists the notes, with a form for a new one, or the results of a search.
pub async fn index(
    visitor: Visitor,
    query: web::Query<PageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let (search, words) = SearchForm::sent("/notes", &query);
    let Some(words) = &words else {
        let reads = |viewer| store::notes(viewer, NoteState::Active, query.cursor(), PAGE_SIZE);
        let (user, notes) = visitor.read(reads).await?;
        return page(search.status(), &IndexPage { search, ..list(&user, &cookie, &notes) });
    };
    let user = visitor.user().await?;
    let found = user.tenant.search_notes(user.id, words, query.cursor(), PAGE_SIZE).await?;
    let (newer, older) = neighbours("/notes", Some(words), &found);
    let notes = found.notes.iter().map(|found| NoteCard::found(&found.item, found)).collect();
    page(
        StatusCode::OK,
        &IndexPage { search, notes, newer, older, ..IndexPage::empty(frame_of(&user, &cookie, "notes")) },
    )
}

/// Writes a note. When it cannot be saved, the response carries the text.
pub async fn create(
    request: HttpRequest,
    user: CurrentUser,
    form: Form<NoteForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    match try_create((&request, &context), &user, &form, &cookie).await {
        Err(error) => unsaved(Draft { action: "/notes".to_owned(), form }, error, &cookie),
        answered => answered,
    }
}

/// Answers a new note that was sent without a login. The response carries the text.
pub async fn create_refused(
    reason: RefusalReason<Error>,
    form: Form<NoteForm>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    unsaved(Draft { action: "/notes".to_owned(), form: form.0 }, reason.0, &cookie)
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
            return index_page(StatusCode::UNPROCESSABLE_ENTITY, user, cookie, form.clone(), errors).await;
        }
    };
    let once = idempotency::of_form(request, &form.once, form);
    let note = NewNote { title: title.as_ref(), content: &content, sharing: None, request: once.as_ref() };
    let actor = user.actor(request);
    if let Outcome::KeyReused = sharing::create_note(&context.services, &actor, &note).await? {
        // The user went back to the page and sent another text: it is another note.
        sharing::create_note(&context.services, &actor, &NewNote { request: None, ..note }).await?;
    }
    flash(cookie, "success", "Note added.");
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
    let shown = ShowPage {
        frame: frame_of(&user, &cookie, if sharer.is_some() { "inbox" } else { "notes" }),
        own: seen.role == NoteRole::Author,
        may_edit: seen.role.allows(Right::Edit),
        sharer,
        delivery: delivery.map(delivery_in_words),
        id: note.id.number(),
        version: note.version,
        title: heading(&note),
        text: render(&user.tenant, note.content).await?,
        created_at: Timestamp(note.created_at),
        updated_at: Timestamp(note.updated_at),
    };
    page(StatusCode::OK, &shown)
}

/// Shows the form with the note's text.
pub async fn edit(user: CurrentUser, id: web::Path<NoteId>, cookie: Session) -> Result<HttpResponse, Error> {
    let note = granted(user.tenant.note(user.id, *id, Right::Edit).await?)?.note;
    let form = NoteForm {
        title: note.title.as_ref().map(|title| title.as_str().to_owned()).unwrap_or_default(),
        content: note.content.as_str().to_owned(),
        version: note.version.to_string(),
        ..NoteForm::default()
    };
    edit_page(StatusCode::OK, &user, &cookie, &note, form, FieldErrors::default())
}

/// Saves an edit, merged with other edits since its version. When the edits overlap, the response shows both.
/// When the edit cannot be saved, the response carries the text.
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    id: web::Path<NoteId>,
    form: Form<NoteForm>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    match try_update((&request, &user), *id, &form, &cookie).await {
        Err(error) => unsaved(Draft { action: format!("/notes/{id}"), form }, error, &cookie),
        answered => answered,
    }
}

/// Answers an edit that was sent without a login. The response carries the text.
pub async fn update_refused(
    reason: RefusalReason<Error>,
    id: web::Path<NoteId>,
    form: Form<NoteForm>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    unsaved(Draft { action: format!("/notes/{id}"), form: form.0 }, reason.0, &cookie)
}

async fn try_update(
    (request, user): (&HttpRequest, &CurrentUser),
    id: NoteId,
    form: &NoteForm,
    cookie: &Session,
) -> Result<HttpResponse, Error> {
    let (title, content) = match parse(form) {
        Ok(parsed) => parsed,
        Err(errors) => return refill_edit(user, id, cookie, form, errors).await,
    };
    let Some(version) = form.version.parse().ok().filter(|version| *version > 0) else {
        let errors = FieldErrors::one("", "The form lost its version; check the text and save again.");
        return refill_edit(user, id, cookie, form, errors).await;
    };
    let edit = Edit { title, content, version, from_browser: true };
    match services::notes::save(&user.actor(request), id, &edit, OnStaleVersion::Merge).await? {
        EditOutcome::Stored { merged, .. } => {
            flash(
                cookie,
                "success",
                if merged { "Saved, together with what was changed meanwhile." } else { "Saved." },
            );
            Ok(see_other(&format!("/notes/{id}")))
        }
        EditOutcome::Conflict { current, title, content } => {
            let (_, history) = granted(user.tenant.note_with_revisions(user.id, id, None, 1).await?)?;
            let by = history
                .revisions
                .into_iter()
                .next()
                .and_then(|revision| revision.replaced_by)
                .unwrap_or_default();
            conflict_page(user, cookie, form, &current, MergeProposal { title, content, by })
        }
        EditOutcome::Forbidden => granted(NoteAccess::Forbidden),
        EditOutcome::NotFound => granted(NoteAccess::NotFound),
    }
}

/// The list, with values and errors in the form.
pub async fn index_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    form: NoteForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let notes = user.tenant.notes(user.id, NoteState::Active, Cursor::Start, PAGE_SIZE).await?;
    page(
        status,
        &IndexPage { title: form.title, content: form.content, errors, ..list(user, cookie, &notes) },
    )
}

/// The edit form, with values and errors.
pub fn edit_page(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    note: &Note,
    form: NoteForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let edit = EditPage {
        frame: frame_of(user, cookie, "notes"),
        id: note.id.number(),
        version: form.version.parse().unwrap_or(note.version),
        title: form.title,
        content: form.content,
        errors,
    };
    page(status, &edit)
}

fn list(user: &CurrentUser, cookie: &Session, notes: &Page<Note>) -> IndexPage {
    let (newer, older) = neighbours("/notes", None, notes);
    let cards = notes.notes.iter().map(|note| NoteCard::of(note, NoteState::Active)).collect();
    IndexPage { notes: cards, newer, older, ..IndexPage::empty(frame_of(user, cookie, "notes")) }
}

async fn open_received(user: &CurrentUser, id: NoteId, received: &Received) -> Result<Sharer, Error> {
    let (name, unread) = user.tenant.open_received(user.id, id, received).await?;
    user.session.unread.set(unread);
    Ok(Sharer { name, at: Timestamp(received.at) })
}

async fn refill_edit(
    user: &CurrentUser,
    id: NoteId,
    cookie: &Session,
    form: &NoteForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let note = granted(user.tenant.note(user.id, id, Right::Edit).await?)?.note;
    edit_page(StatusCode::UNPROCESSABLE_ENTITY, user, cookie, &note, form.clone(), errors)
}

/// A merge with conflicts, which the user resolves, and the author of the other edit.
struct MergeProposal {
    title: Option<NoteTitle>,
    content: String,
    by: String,
}

fn conflict_page(
    user: &CurrentUser,
    cookie: &Session,
    form: &NoteForm,
    current: &Note,
    proposal: MergeProposal,
) -> Result<HttpResponse, Error> {
    let words = |title: Option<&NoteTitle>| title.map(|title| title.as_str().to_owned()).unwrap_or_default();
    let conflict = ConflictPage {
        frame: frame_of(user, cookie, "notes"),
        id: current.id.number(),
        theirs_version: current.version,
        yours_title: form.title.clone(),
        yours_content: with_unix_newlines(&form.content),
        theirs_title: words(current.title.as_ref()),
        theirs_content: current.content.as_str().to_owned(),
        theirs_by: proposal.by,
        merged_title: words(proposal.title.as_ref()),
        merged_content: proposal.content,
        theirs_updated_at: Timestamp(current.updated_at),
    };
    page(StatusCode::CONFLICT, &conflict)
}

fn parse(form: &NoteForm) -> Result<(Option<NoteTitle>, NoteContent), FieldErrors> {
    let mut errors = FieldErrors::default();
    let title = errors.keep("title", NoteTitle::parse_optional(&form.title));
    let content = errors.keep("content", NoteContent::parse(with_unix_newlines(&form.content)));
    title.zip(content).ok_or(errors)
}
