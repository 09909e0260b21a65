//! The error type of all handlers. The cause is logged once; the client gets a fixed sentence and the number
//! of the request.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, EntityTag, HeaderValue, RETRY_AFTER, TryIntoHeaderValue};
use actix_web::{HttpResponse, ResponseError, web};
use log::Level;

use super::fields::FieldErrors;
use super::memory_budget::BudgetRefusal;
use crate::auth::Busy;
use crate::db::{DbError, causes};
use crate::domain::{Limit, SignUpRefusal};
use crate::log_context::keep_cause;
use crate::services::ServiceError;
use crate::store::{Decision, NoteAccess, Revocation, SignUpError};
use crate::transfer::{ImportError, UploadError};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read: broken syntax or encoding.
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    /// The request has no session that is in force.
    #[error("login required")]
    LoginRequired,
    #[error("wrong login")]
    WrongLogin,
    /// The user is known and may not do this.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// The resource does not exist, or the user may not know that it does.
    #[error("not found")]
    NotFound,
    #[error("request timeout")]
    BodyTimeout,
    /// Another request has taken the name or changed the resource.
    #[error("conflict")]
    Conflict(FieldErrors),
    /// The state of the resource does not allow it.
    #[error("prevented: {0}")]
    Prevented(&'static str),
    /// The form comes from a page of another tenant than the active one.
    #[error("the form is of another tenant")]
    OtherTenant,
    /// The version that the change started from is not the current one.
    #[error("precondition failed")]
    PreconditionFailed {
        /// The tag of the current version.
        etag: EntityTag,
    },
    #[error("payload too large")]
    TooLarge,
    /// The form of a note is longer than what could be shown again.
    #[error("note too large")]
    NoteTooLarge,
    #[error("unsupported media type")]
    UnsupportedMediaType,
    #[error("unprocessable")]
    Invalid(FieldErrors),
    /// The client or the account has used up its attempts.
    #[error("throttled for {} s", .retry_after.as_secs())]
    Throttled {
        /// The time after which the next attempt is let in.
        retry_after: Duration,
    },
    /// The user or the organization has as much of this as allowed.
    #[error("the limit of {} is reached", .0.as_str())]
    LimitReached(Limit),
    /// Bodies hold as much memory as they may.
    #[error("the memory for bodies is used up")]
    OutOfBudget,
    /// Too many passwords wait to be hashed.
    #[error("busy")]
    Busy(#[from] Busy),
    /// There is no room for the request now; why, in a sentence.
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    #[error("database")]
    Database(#[source] DbError),
    /// A bug or a failure of the operating system: what was being done, and the cause.
    #[error("{0}")]
    Internal(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::LimitReached(limit) => Self::LimitReached(limit),
            DbError::Overloaded => Self::Overloaded("The server is busy. Try again in a moment."),
            other => Self::Database(other),
        }
    }
}

impl From<BudgetRefusal> for Error {
    fn from(refusal: BudgetRefusal) -> Self {
        match refusal {
            BudgetRefusal::TooLarge => Self::TooLarge,
            BudgetRefusal::Exhausted => Self::OutOfBudget,
        }
    }
}

impl From<ServiceError> for Error {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Busy(busy) => Self::Busy(busy),
            ServiceError::Database(error) => error.into(),
            ServiceError::Randomness(error) => error.into(),
            ServiceError::Throttled(retry_after) => Self::Throttled { retry_after },
            ServiceError::Forbidden(sentence) => Self::Forbidden(sentence),
            ServiceError::OutdatedAccount(_) => {
                Self::Internal("joining with an existing account", error.into())
            }
        }
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Refused(fault) => Self::Invalid(FieldErrors::one("file", fault.sentence())),
            ImportError::AlreadyRunning => Self::Prevented(
                "Another import of yours has not ended. Wait until it has, then send this ZIP again.",
            ),
            ImportError::Busy => Self::Overloaded(TOO_MANY_IMPORTS),
            ImportError::NotPermitted => Self::LoginRequired,
            ImportError::ClientGone => Self::BadRequest("The connection was closed before the import ended."),
            ImportError::Upload(error) => error.into(),
            ImportError::Database(error) => error.into(),
        }
    }
}

impl From<UploadError> for Error {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NoSpace => Self::Overloaded(TOO_MANY_IMPORTS),
            UploadError::TooLarge => Self::TooLarge,
            UploadError::File(cause) => Self::Internal("keeping an upload in DATA_DIR", cause.into()),
        }
    }
}

const TOO_MANY_IMPORTS: &str = "Too many files are being imported right now. Try again in a few minutes.";

impl From<SignUpError> for Error {
    fn from(refusal: SignUpError) -> Self {
        let conflict = |field, message| Self::Conflict(FieldErrors::one(field, message));
        match refusal {
            SignUpError::NotPermitted(SignUpRefusal::EmailDomain) => Self::Invalid(FieldErrors::one(
                "email",
                "Sign up with an e-mail address of your organization's domain, or ask for an invitation.",
            )),
            SignUpError::NotPermitted(refusal) => Self::Forbidden(sign_up_sentence(refusal)),
            SignUpError::NotOpen(field) => {
                conflict(field, "This organization exists and takes new people by invitation only.")
            }
            SignUpError::NoInvitation => Self::Invalid(FieldErrors::one(
                "invitation",
                "This invitation is not valid, or no longer valid.",
            )),
            SignUpError::TenantTaken => conflict("tenant_name", "This name was just taken."),
            // One sentence for both, so that it does not reveal whether an e-mail has an account here.
            SignUpError::UserTaken => {
                conflict("username", "This user name or e-mail is taken in this organization.")
            }
            SignUpError::NoSuchTenant => {
                Self::Invalid(FieldErrors::one("tenant_id", "There is no organization of this number."))
            }
            SignUpError::Throttled(retry_after) => Self::Throttled { retry_after },
            SignUpError::Database(error) => error.into(),
        }
    }
}

/// Why sign-up is refused to everyone, in words for the visitor.
pub fn sign_up_sentence(refusal: SignUpRefusal) -> &'static str {
    match refusal {
        SignUpRefusal::Closed => "Sign-up is closed: no new accounts are made here.",
        SignUpRefusal::InvitationOnly => {
            "Sign-up needs an invitation: ask an owner or admin of your organization for its link."
        }
        SignUpRefusal::EmailDomain => "Sign-up needs an e-mail address of certain domains.",
    }
}

impl From<Decision> for Result<(), Error> {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Done => Ok(()),
            Decision::NoSuchMember => Err(Error::NotFound),
            Decision::Forbidden => Err(Error::Forbidden(
                "Only owners may change or remove owners, and only owners and admins other members.",
            )),
            Decision::LastOwner => {
                Err(Error::Prevented("An organization needs an owner: make another member an owner first."))
            }
        }
    }
}

impl From<Revocation> for Result<(), Error> {
    fn from(revocation: Revocation) -> Self {
        match revocation {
            Revocation::Done => Ok(()),
            Revocation::NoSuchInvitation => Err(Error::NotFound),
            Revocation::Forbidden => Err(Error::Forbidden("Only an owner revokes an owner's invitation.")),
        }
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self::Internal("rendering a page", error.into())
    }
}

impl From<getrandom::Error> for Error {
    fn from(error: getrandom::Error) -> Self {
        Self::Internal("asking for randomness", Box::new(std::io::Error::from(error)))
    }
}

/// The value that the store granted, or an error that reveals no more than the user may know.
///
/// # Errors
/// 403 when the user may see the note but not do this, 404 when the user may not know of the note.
pub fn granted<T>(grant: NoteAccess<T>) -> Result<T, Error> {
    match grant {
        NoteAccess::Granted(value) => Ok(value),
        NoteAccess::Forbidden => {
            Err(Error::Forbidden("You can see this note, but you may not do this with it."))
        }
        NoteAccess::NotFound => Err(Error::NotFound),
    }
}

/// The part of an error that its response shows.
#[derive(Clone, Debug)]
pub struct PublicError {
    pub sentence: &'static str,
    pub fields: FieldErrors,
    /// Whether a page is answered with a redirect to the login.
    pub login_required: bool,
    /// Whether a limit was reached. The page and the security log say so.
    pub is_limit: bool,
}

impl Error {
    fn sentence(&self) -> &'static str {
        match self {
            Self::BadRequest(sentence)
            | Self::Forbidden(sentence)
            | Self::Prevented(sentence)
            | Self::Overloaded(sentence) => sentence,
            Self::LimitReached(limit) => limit.sentence(),
            // The hint stands in every case, as its absence would tell in how many organizations a name is.
            Self::WrongLogin => {
                "The name or the password is wrong. If you use the name in several organizations, give \
                 tenant_id or tenant_name."
            }
            Self::OtherTenant => {
                "You switched to another organization after you opened this page, so nothing was done. \
                 Switch back, or open the page again."
            }
            Self::NoteTooLarge => {
                "A note holds up to 256 KiB of text, and this one is longer. Split it into several notes, \
                 or shorten it."
            }
            Self::PreconditionFailed { .. } => {
                "The note was changed in the meantime; read it again and repeat your change."
            }
            other => default_sentence(other.status_code()),
        }
    }

    /// Keeps the cause of a failure of ours for the line of the log that the request guard writes with the
    /// answer. [`ResponseError::error_response`] does so; code that responds in another way calls this.
    pub fn log(&self) {
        let source = match self {
            Self::Database(error @ (DbError::Unavailable(_) | DbError::Unreachable(_))) => {
                keep_cause(Level::Warn, format!("the database is unavailable: {}", causes(error)));
                return;
            }
            Self::Database(error) => causes(error),
            Self::Internal(context, source) => format!("{context}: {}", causes(source.as_ref())),
            _ => return,
        };
        keep_cause(Level::Error, source);
    }
}

/// Whole seconds (RFC 9110, 10.2.3), rounded up, so that a client that waits that long is let in.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// Makes a path or query that cannot be read one of our errors.
pub fn extractor_errors(config: &mut web::ServiceConfig) {
    config.app_data(web::PathConfig::default().error_handler(|_, _| Error::NotFound.into())).app_data(
        web::QueryConfig::default()
            .error_handler(|_, _| Error::BadRequest("The query cannot be read.").into()),
    );
}

/// The handler of every path that no route map knows.
///
/// # Errors
/// 404.
pub async fn not_found() -> Result<HttpResponse, Error> {
    Err(Error::NotFound)
}

/// The sentence for an error that has none of its own.
pub fn default_sentence(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "This request could not be read.",
        401 => "Log in first.",
        403 => "You may not do this.",
        404 => "This does not exist, or you have no access to it.",
        405 => "This address does not support this kind of request.",
        408 => "Your request took too long to arrive.",
        409 => "This was taken or changed in the meantime.",
        413 => "This is larger than the largest size that is accepted.",
        415 => "This type of content is not accepted here.",
        421 => "This server does not serve the host of this request.",
        422 => "Some of this cannot be accepted.",
        429 => "There were too many attempts; wait a moment and try again.",
        503 => {
            "This could not be finished right now. See whether it was done; if not, try again in a moment."
        }
        _ => "Something went wrong on our side.",
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::LoginRequired | Self::WrongLogin => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) | Self::Prevented(_) | Self::OtherTenant => StatusCode::CONFLICT,
            Self::PreconditionFailed { .. } => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge | Self::NoteTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::LimitReached(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy(_)
            | Self::Overloaded(_)
            | Self::OutOfBudget
            | Self::Database(DbError::Unavailable(_) | DbError::Unreachable(_) | DbError::Repeat(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Database(_) | Self::Internal(..) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A response without a body; `error_response` adds it in HTML or JSON.
    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::new(self.status_code());
        let fields = match self {
            Self::Invalid(fields) | Self::Conflict(fields) => fields.clone(),
            Self::LimitReached(limit) => FieldErrors::one(limit.as_str(), limit.sentence()),
            _ => FieldErrors::default(),
        };
        if let Self::PreconditionFailed { etag } = self
            && let Ok(value) = etag.clone().try_into_value()
        {
            response.headers_mut().insert(ETAG, value);
        }
        if let Self::Throttled { retry_after } = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(*retry_after)));
        }
        response.extensions_mut().insert(PublicError {
            sentence: self.sentence(),
            fields,
            login_required: matches!(self, Self::LoginRequired),
            is_limit: matches!(self, Self::LimitReached(_)),
        });
        response
    }
}
