//! Login, also with a password that belongs to accounts in several tenants.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::browser_sessions::{self, NewSessions, SessionAccount};
use super::draft::{Draft, NoteForm};
use super::frame::page;
use super::login_choice;
use super::login_page::LoginFormPage;
use super::{note_edits, notes};
use crate::domain::{LoginPassword, Right, TenantName};
use crate::services::audit::{self, Subject};
use crate::services::login::{LoginAttempt, LoginOutcome, Matched, log_in};
use crate::services::{Device, sessions};
use crate::store::{AccessibleNote, NoteAccess, SessionKind};
use crate::web::cookie::flash;
use crate::web::device_cookie;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Form, Frame, client, local_path, see_other};

/// The message for a login that failed because the server or the database is overloaded.
const BUSY: &str = "Logging in is not possible right now; try again in a moment.";

/// The login form, with the hidden fields that travel through it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct UserLoginForm {
    email: String,
    password: String,
    tenant_name: String,
    remember: String,
    next: String,
    add: String,
    ticket: String,
    choice: String,
    draft_action: String,
    draft_title: String,
    draft_content: String,
    draft_version: String,
}

/// The query of the login page.
#[derive(Deserialize)]
pub struct UserLoginQuery {
    #[serde(default)]
    next: String,
    /// Not empty when the browser keeps its sessions beside the new one.
    #[serde(default)]
    add: String,
}

/// Shows the empty form. When the active session has ended and the browser has another one in force, that
/// becomes active instead.
pub async fn new(
    user: Result<CurrentUser, Error>,
    query: web::Query<UserLoginQuery>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let next = local_path(&query.next).unwrap_or_default();
    let add = !query.add.is_empty() && user.is_ok();
    if user.is_ok() && !add {
        return Ok(see_other(if next.is_empty() { "/dashboard" } else { next }));
    }
    if let Err(Error::LoginRequired) = user
        && let Some(name) = browser_sessions::activate_another(&context, &cookie).await?
    {
        flash(&cookie, "info", &format!("That session has ended. You are now in {name}."));
        return Ok(see_other("/dashboard"));
    }
    page(
        StatusCode::OK,
        &LoginFormPage { next: next.to_owned(), add, ..LoginFormPage::empty(Frame::public(&cookie, "")) },
    )
}

/// Checks the password, or reads the choice between several tenants, and starts a session. On a temporary
/// failure the form comes back with its values, hidden ones as well.
pub async fn create(
    request: HttpRequest,
    user: Result<CurrentUser, Error>,
    form: Form<UserLoginForm>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let Form(form) = form;
    match try_create(&request, user, form.clone(), &context, &cookie).await {
        Err(error) => {
            let shown = error.for_form()?;
            let errors = FieldErrors::one("", shown.message(BUSY));
            Ok(shown.mark(refuse(shown.status, &cookie, form, errors)?))
        }
        answered => answered,
    }
}

async fn try_create(
    request: &HttpRequest,
    user: Result<CurrentUser, Error>,
    form: UserLoginForm,
    context: &Context,
    cookie: &Session,
) -> Result<HttpResponse, Error> {
    let adding = user.ok().filter(|_| !form.add.is_empty());
    let login = Login { request, context, cookie, adding };
    if form.ticket.is_empty() { login.check_password(form).await } else { login.take_choice(form).await }
}

/// A login, apart from its form.
struct Login<'a> {
    request: &'a HttpRequest,
    context: &'a Context,
    cookie: &'a Session,
    /// The user of this browser, whose sessions stay beside the new ones.
    adding: Option<CurrentUser>,
}

impl Login<'_> {
    async fn check_password(&self, form: UserLoginForm) -> Result<HttpResponse, Error> {
        let device = device_cookie::read(self.request, &self.context.cookies);
        let attempt = match parse(&form, device) {
            Ok(attempt) => attempt,
            Err(errors) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, self.cookie, form, errors),
        };
        match log_in(&self.context.services, &client(self.request), &attempt).await? {
            LoginOutcome::Refused => {
                let errors = FieldErrors::one("", "The name or the password is wrong.");
                refuse(StatusCode::UNAUTHORIZED, self.cookie, form, errors)
            }
            LoginOutcome::Matched(matched) => self.accept(&matched, form).await,
        }
    }

    async fn accept(&self, matched: &[Matched], form: UserLoginForm) -> Result<HttpResponse, Error> {
        let kind = if form.remember.is_empty() { SessionKind::Browser } else { SessionKind::Remembered };
        if let [only] = matched {
            let new = NewSessions::of_login(vec![SessionAccount::of(only)], kind);
            return self.start_sessions(&new, form).await;
        }
        let add = self.adding.is_some();
        login_choice::show(self.context, self.cookie, matched, kind, (form.next.clone(), add), draft_of(form))
    }

    async fn take_choice(&self, form: UserLoginForm) -> Result<HttpResponse, Error> {
        match login_choice::read(self.context, self.cookie, &form.ticket, &form.choice).await? {
            Some(new) => self.start_sessions(&new, form).await,
            None => {
                let address = client(self.request).address;
                audit::refused(address, "choice between organizations refused", "", &Subject::Stranger);
                let errors = FieldErrors::one("", "This choice is over; log in once more.");
                refuse(StatusCode::UNPROCESSABLE_ENTITY, self.cookie, form, errors)
            }
        }
    }

    async fn start_sessions(&self, new: &NewSessions, form: UserLoginForm) -> Result<HttpResponse, Error> {
        let Self { request, context, cookie, adding } = self;
        let token = match adding {
            Some(user) => browser_sessions::add(request, context, cookie, user, new).await?,
            None => browser_sessions::begin(request, context, cookie, new).await?,
        };
        let next = local_path(&form.next).unwrap_or("/dashboard").to_owned();
        let remember = |response| browser_sessions::known_from_now_on(request, context, new, response);
        let Some(draft) = draft_of(form) else { return remember(see_other(&next)) };
        let tenant = context.services.database.tenant(token.tenant());
        let session = sessions::find(&context.services, &token).await?.ok_or(Error::LoginRequired)?;
        flash(cookie, "info", "Here is your text again; it is not saved yet.");
        remember(show_draft(&CurrentUser { id: session.user, tenant, session, token }, cookie, draft).await?)
    }
}

/// Shows the text of a draft in the form from which it was sent.
async fn show_draft(user: &CurrentUser, cookie: &Session, draft: Draft) -> Result<HttpResponse, Error> {
    if let Some(id) = draft.note()
        && let NoteAccess::Granted(AccessibleNote { note, .. }) =
            user.tenant.note(user.id, id, Right::Edit).await?
    {
        return note_edits::edit_page(
            StatusCode::OK,
            (user, cookie),
            &note,
            draft.form,
            FieldErrors::default(),
        );
    }
    notes::new_page(StatusCode::OK, user, cookie, draft.form, FieldErrors::default())
}

fn parse(form: &UserLoginForm, device: Option<Device>) -> Result<LoginAttempt, FieldErrors> {
    let mut errors = FieldErrors::default();
    let password = errors.keep("password", LoginPassword::parse(&form.password));
    let tenant_name = if form.tenant_name.trim().is_empty() {
        Some(None)
    } else {
        errors.keep("tenant_name", TenantName::parse(&form.tenant_name).map(Some))
    };
    if form.email.trim().is_empty() {
        errors.add("email", "Enter your user name or e-mail.");
    }
    match (password, tenant_name) {
        (Some(password), Some(tenant_name)) if errors.is_empty() => {
            Ok(LoginAttempt { name: form.email.clone(), password, tenant_name, tenant_number: None, device })
        }
        _ => Err(errors),
    }
}

fn draft_of(form: UserLoginForm) -> Option<Draft> {
    let UserLoginForm {
        draft_action: action,
        draft_title: title,
        draft_content: content,
        draft_version: version,
        ..
    } = form;
    (!action.is_empty()).then_some(Draft {
        action,
        of_tenant: String::new(),
        form: NoteForm { title, content, version, ..NoteForm::default() },
    })
}

fn refuse(
    status: StatusCode,
    cookie: &Session,
    form: UserLoginForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let login = LoginFormPage {
        frame: Frame::public(cookie, ""),
        email: form.email.clone(),
        // It stands there after every failure, as it would tell in how many organizations a name is.
        ask_tenant: true,
        tenant_name: form.tenant_name.clone(),
        remember: !form.remember.is_empty(),
        next: local_path(&form.next).unwrap_or_default().to_owned(),
        add: !form.add.is_empty(),
        draft: draft_of(form),
        errors,
    };
    page(status, &login)
}
