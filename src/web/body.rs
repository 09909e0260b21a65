//! Request bodies: read whole within a size limit and a timeout, decoded strictly, then parsed. Bytes that
//! are not valid UTF-8 are refused and never replaced, so that the stored text is the text that was sent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as ValueError, MapDeserializer};
use serde_json::error::Category;

use super::client_address::ClientAddress;
use super::current_user::CurrentUser;
use super::error::Error;
use super::fields::FieldErrors;
use super::memory_budget::{MemoryRevocation, Reservation};
use super::sent_form::SentForm;
use super::site::Site;
use crate::domain::{CONTENT_LIMIT, ClientNetwork};

/// The longest body of a request whose user is known. In a form the worst byte of a note is a line feed:
/// browsers send it as `%0D%0A`, six bytes; in JSON it is a control character, `\u0001`, six as well. A
/// full-size note of any characters fits, with room for other fields.
pub const BODY_LIMIT: usize = 6 * CONTENT_LIMIT + 64 * 1024;
/// The longest body of a note's form whose user is known. A text that is too long for a note comes back in
/// the form, and for that it has to be read. Letters beyond ASCII are sent as three bytes for each of theirs.
const DRAFT_LIMIT: usize = 10 * CONTENT_LIMIT;
/// The longest body of a request whose user is not known.
const SHORT_LIMIT: usize = 16 * 1024;
/// The longest text in a body with a draft whose user is not known: one note, and short fields.
const DRAFT_TEXT_LIMIT: usize = CONTENT_LIMIT + SHORT_LIMIT;
/// A body is read into a buffer that grows by doubling, and then decoded into another one.
const BYTES_FOR_A_BYTE: usize = 3;
/// The bytes by which the reservation of a body grows.
const RESERVED_STEP: usize = 8 * 1024;
/// The most fields of a form. Each costs memory, however short it is.
const FIELDS_LIMIT: usize = 10_000;
/// The time that a body may take to arrive; the server's own timeout covers the head only.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Marks the requests to a path that has a row with `Route::carries_draft`.
#[derive(Clone, Copy)]
pub struct CarriesDraft;

/// A form as browsers send it. Unknown fields are ignored: a form that was loaded before an update may have
/// some.
pub struct Form<T>(pub T);

/// A JSON body. The types that it is parsed into refuse unknown fields.
pub struct Json<T>(pub T);

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let typed = is_form(request);
        let limits = BodyLimits::of(request);
        let body = arrived(request, payload, limits);
        let request = request.clone();
        Box::pin(async move {
            let body = body.await?;
            if !typed && !body.is_empty() {
                return Err(Error::UnsupportedMediaType);
            }
            let fields = decode_form(&body, limits.text)?;
            keep_sent_form(&request, &fields);
            let values = MapDeserializer::<_, ValueError>::new(fields.into_iter());
            T::deserialize(values).map(Form).map_err(|_| Error::BadRequest("A field of the form is missing."))
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content_type = request.content_type().to_ascii_lowercase();
        let typed = content_type == "application/json"
            || (content_type.starts_with("application/") && content_type.ends_with("+json"));
        let body = arrived(request, payload, BodyLimits::of(request));
        Box::pin(async move {
            if !typed {
                return Err(Error::UnsupportedMediaType);
            }
            parse_json(&body.await?).map(Json)
        })
    }
}

/// How long a body may be.
#[derive(Clone, Copy)]
struct BodyLimits {
    /// As it is sent.
    encoded: usize,
    /// All names and values of a form.
    text: usize,
}

impl BodyLimits {
    /// A body is short until the user is known, but for a draft.
    fn of(request: &HttpRequest) -> Self {
        let is_user = request.extensions().get::<CurrentUser>().is_some();
        let carries_draft = request.app_data::<CarriesDraft>().is_some();
        match (is_user, carries_draft) {
            (true, true) => Self { encoded: DRAFT_LIMIT, text: DRAFT_LIMIT },
            (true, false) => Self { encoded: BODY_LIMIT, text: BODY_LIMIT },
            (false, true) => Self { encoded: BODY_LIMIT, text: DRAFT_TEXT_LIMIT },
            (false, false) => Self { encoded: SHORT_LIMIT, text: SHORT_LIMIT },
        }
    }
}

/// A body that was read before its handler runs, or why it could not be read.
struct ArrivedBody(Result<Vec<u8>, Error>);

/// Reads the body of a request that has one, and keeps it for the extractor of its handler. Tells whether
/// there was a body to wait for. An error is the extractor's: a handler that takes no body does not mind it.
pub async fn arrive(request: &HttpRequest, payload: &mut Payload) -> bool {
    if request.method().is_safe() || matches!(payload, Payload::None) {
        return false;
    }
    let body = read(request, payload, BodyLimits::of(request)).await;
    request.extensions_mut().insert(ArrivedBody(body));
    true
}

/// Keeps the form of a request that a guard refused, for the page that answers it. It waits for a body that
/// is short and comes from a browser that has a cookie.
pub async fn keep_refused_form(request: &HttpRequest, payload: &mut Payload) {
    let limits = BodyLimits { encoded: SHORT_LIMIT, text: SHORT_LIMIT };
    let is_short = announced_length(request).is_some_and(|length| length <= limits.encoded);
    let is_sent = request.method() == Method::POST && is_form(request) && is_short;
    if !is_sent || !request.headers().contains_key(header::COOKIE) {
        return;
    }
    if let Ok(body) = arrived(request, payload, limits).await
        && let Ok(fields) = decode_form(&body, limits.text)
    {
        keep_sent_form(request, &fields);
    }
}

/// Keeps the fields for the page of an error. The handlers of notes show their texts themselves.
fn keep_sent_form(request: &HttpRequest, fields: &HashMap<String, String>) {
    if request.app_data::<CarriesDraft>().is_some() {
        return;
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    if let Some(sent) = SentForm::of(target, fields) {
        request.extensions_mut().insert(sent);
    }
}

fn is_form(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The body that [`arrive`] kept, or else the one that is still to be read.
fn arrived(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: BodyLimits,
) -> impl Future<Output = Result<Vec<u8>, Error>> + 'static {
    let kept = request.extensions_mut().remove::<ArrivedBody>();
    let rest = kept.is_none().then(|| read(request, payload, limits));
    async move {
        match (kept, rest) {
            (Some(ArrivedBody(body)), _) => body,
            (None, Some(rest)) => rest.await,
            (None, None) => Ok(Vec::new()),
        }
    }
}

fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: BodyLimits,
) -> impl Future<Output = Result<Vec<u8>, Error>> + 'static {
    let (encoded, announced) = (is_encoded(request), announced_length(request));
    let mut payload = payload.take();
    let request = request.clone();
    async move {
        if encoded {
            return Err(Error::UnsupportedMediaType);
        }
        if announced.is_some_and(|length| length > limits.encoded) {
            return Err(Error::TooLarge);
        }
        let mut reservation = reservation(&request);
        let revocation = reservation.as_mut().map(Reservation::allow_revocation);
        let mut reserved = 0;
        // It grows as bytes arrive and not to the announced length: the allocator may give it memory that is
        // in use already as far as the system knows, which the reservation does not count.
        let mut body = Vec::new();
        let arrival = async {
            while let Some(chunk) = next_chunk(&mut payload, revocation.as_deref()).await? {
                let length = body.len() + chunk.len();
                if length > limits.encoded {
                    return Err(Error::TooLarge);
                }
                if let Some(reservation) = &mut reservation
                    && length > reserved
                {
                    reserved = length.next_multiple_of(RESERVED_STEP);
                    reservation.resize(reserved * BYTES_FOR_A_BYTE)?;
                }
                body.extend_from_slice(&chunk);
            }
            Ok(())
        };
        tokio::time::timeout(BODY_TIMEOUT, arrival).await.map_err(|_| Error::BodyTimeout)??;
        // What the handler makes of the body lives as long as the request.
        if let Some(reservation) = &mut reservation {
            reservation.forbid_revocation();
        }
        request.extensions_mut().insert(HeldRequest(reservation));
        Ok(body)
    }
}

fn is_encoded(request: &HttpRequest) -> bool {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn announced_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next bytes of a body, unless it has to give way to clients that hold less.
async fn next_chunk(
    payload: &mut Payload,
    revocation: Option<&MemoryRevocation>,
) -> Result<Option<web::Bytes>, Error> {
    let chunk = poll_fn(|context| {
        if revocation.is_some_and(|revocation| revocation.is_revoked(context.waker())) {
            return Poll::Ready(Err(Error::OutOfBudget));
        }
        payload.poll_next_unpin(context).map(Ok)
    });
    let chunk = chunk.await?.transpose();
    chunk.map_err(error_of_payload)
}

/// The answer to a body that does not come whole.
pub fn error_of_payload(error: PayloadError) -> Error {
    match error {
        PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => Error::BodyTimeout,
        PayloadError::Io(cause) if cause.kind() == io::ErrorKind::QuotaExceeded => Error::OutOfBudget,
        PayloadError::Overflow => Error::TooLarge,
        _ => Error::BadRequest("The request ended before its body did."),
    }
}

/// Keeps the reservation of a body as long as its request.
struct HeldRequest(#[expect(dead_code, reason = "it is dropped with the request")] Option<Reservation>);

/// Gives back what the body of a request reserved, when its answer has been made.
pub fn release(request: &HttpRequest) {
    request.extensions_mut().remove::<HeldRequest>();
}

fn reservation(request: &HttpRequest) -> Option<Reservation> {
    let site = request.app_data::<web::Data<Site>>()?;
    let extensions = request.extensions();
    let client = ClientNetwork::of(extensions.get::<ClientAddress>()?.0);
    let tenant = extensions.get::<CurrentUser>().map(|user| user.tenant.tenant());
    Some(site.budget.reservation(client, tenant))
}

/// The fields of a form, `limit` bytes of them at most; the last value of a repeated field is used.
pub(super) fn decode_form(body: &[u8], limit: usize) -> Result<HashMap<String, String>, Error> {
    let decode = |part: &[u8]| {
        let spaced = if part.contains(&b'+') {
            Cow::Owned(part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect())
        } else {
            Cow::Borrowed(part)
        };
        match percent_decode(&spaced).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(Error::BadRequest("The form is not valid UTF-8.")),
        }
    };
    let (mut fields, mut length) = (HashMap::new(), 0);
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (decode(&pair[..at])?, decode(pair.get(at + 1..).unwrap_or_default())?);
        length += name.len() + value.len();
        if length > limit || fields.len() > FIELDS_LIMIT {
            return Err(Error::TooLarge);
        }
        fields.insert(name, value);
    }
    Ok(fields)
}

/// Parses JSON: broken syntax is 400; well-formed JSON that does not fit the type is 422 and names the field.
pub(super) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        // An element of a list is refused under the list's name.
        let path = error.path().to_string();
        let field = known_field(path.split('[').next().unwrap_or_default())
            .or_else(|| known_field(quoted_in(&error.inner().to_string())));
        refuse_json(error.inner(), field.unwrap_or_default())
    })?;
    deserializer.end().map_err(|error| refuse_json(&error, ""))?;
    Ok(value)
}

fn refuse_json(error: &serde_json::Error, field: &'static str) -> Error {
    match error.classify() {
        // Thus begins the message of serde about a list with too many elements.
        Category::Data if error.to_string().starts_with("invalid length") => {
            Error::Invalid(FieldErrors::one(field, "This list is empty or longer than allowed."))
        }
        Category::Data => Error::Invalid(FieldErrors::one(
            field,
            "This field is unknown, missing, given twice or of a wrong type.",
        )),
        Category::Syntax | Category::Eof | Category::Io => Error::BadRequest("The body is not valid JSON."),
    }
}

/// The field that a message of serde quotes: a missing field has no path.
fn quoted_in(message: &str) -> &str {
    message.split('`').nth(1).unwrap_or_default()
}

/// The field by its name; a name that the client made up is not repeated in the response.
fn known_field(name: &str) -> Option<&'static str> {
    KNOWN_FIELDS.iter().find(|known| **known == name).copied()
}

/// The fields of all JSON bodies.
const KNOWN_FIELDS: &[&str] = &[
    "username",
    "password",
    "email",
    "tenant_id",
    "tenant_name",
    "content",
    "title",
    "userid",
    "version",
    "share_with",
    "access",
    "done",
];
