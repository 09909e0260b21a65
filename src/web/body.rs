//! Request bodies: read whole within a size limit and a timeout, decoded strictly, then parsed. Bytes that
//! are not valid UTF-8 are refused and never replaced, so that the stored text is the text that was sent.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as ValueError, MapDeserializer};
use serde_json::error::Category;

use super::error::Error;
use super::fields::FieldErrors;
use crate::domain::CONTENT_LIMIT;

/// The longest body. In a form the worst byte of a note is a line feed: browsers send it as `%0D%0A`, six
/// bytes; in JSON it is a control character, `\u0001`, six as well. A full-size note of any characters fits,
/// with room for other fields.
pub const BODY_LIMIT: usize = 6 * CONTENT_LIMIT + 64 * 1024;
/// The time that a body may take to arrive; the server's own timeout covers the head only.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

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
        let typed = request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let body = read(request, payload);
        Box::pin(async move {
            let body = body.await?;
            if !typed && !body.is_empty() {
                return Err(Error::UnsupportedMediaType);
            }
            let fields = decode_form(&body)?;
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
        let body = read(request, payload);
        Box::pin(async move {
            if !typed {
                return Err(Error::UnsupportedMediaType);
            }
            parse_json(&body.await?).map(Json)
        })
    }
}

fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Vec<u8>, Error>> + 'static {
    let encoded = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut payload = payload.take();
    async move {
        if encoded {
            return Err(Error::UnsupportedMediaType);
        }
        if announced.is_some_and(|length| length > BODY_LIMIT) {
            return Err(Error::TooLarge);
        }
        let mut body = Vec::with_capacity(announced.unwrap_or_default());
        let arrival = async {
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| Error::BadRequest("The request ended before its body did."))?;
                if body.len() + chunk.len() > BODY_LIMIT {
                    return Err(Error::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(())
        };
        tokio::time::timeout(BODY_TIMEOUT, arrival).await.map_err(|_| Error::BodyTimeout)??;
        Ok(body)
    }
}

/// The fields of a form; the last value of a repeated field is used.
pub(super) fn decode_form(body: &[u8]) -> Result<HashMap<String, String>, Error> {
    let decode = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        match percent_decode(&spaced).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(Error::BadRequest("The form is not valid UTF-8.")),
        }
    };
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            Ok((decode(&pair[..at])?, decode(pair.get(at + 1..).unwrap_or_default())?))
        })
        .collect()
}

/// Parses JSON: broken syntax is 400; well-formed JSON that does not fit the type is 422 and names the field.
pub(super) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = known_field(&error.path().to_string())
            .or_else(|| known_field(quoted_in(&error.inner().to_string())));
        refuse_json(error.inner(), field.unwrap_or_default())
    })?;
    deserializer.end().map_err(|error| refuse_json(&error, ""))?;
    Ok(value)
}

fn refuse_json(error: &serde_json::Error, field: &'static str) -> Error {
    match error.classify() {
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
];
