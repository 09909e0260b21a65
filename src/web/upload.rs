//! Uploads: written to disk as they arrive. One deadline is around the whole body, whatever part of it
//! arrives, and a body that comes too slowly is cut off before that.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{self, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::body::error_of_payload;
use super::connections::client_has_closed;
use super::context::Context;
use super::current_user::CurrentUser;
use super::error::Error;
use super::fields::FieldErrors;
use super::upload_quota::UploadQuota;
use crate::services::transfer;
use crate::transfer::{ImportReport, UploadError, UploadedFile};

/// The longest file, in bytes.
pub const UPLOAD_LIMIT: u64 = 256 * 1024 * 1024;
/// What a form may have around its file.
const FORM_LIMIT: u64 = 256 * 1024;
/// The other fields of a form, and all their bytes.
const OTHER_FIELDS: usize = 8;
const OTHER_FIELDS_LIMIT: usize = 16 * 1024;

/// How fast a body has to arrive.
#[derive(Clone, Copy, Debug)]
struct UploadPace {
    /// The time for the whole body.
    whole: Duration,
    /// The time between two pieces.
    piece: Duration,
    /// From here on the body has to be on average as fast as `rate`.
    grace: Duration,
    /// Bytes a second.
    rate: f64,
}

/// For a body of unknown length: 256 MiB in ten minutes are 450 KB a second. A slower line sends smaller
/// archives, at 4 KiB a second and more.
const PACE: UploadPace = UploadPace {
    whole: Duration::from_secs(600),
    piece: Duration::from_secs(20),
    grace: Duration::from_secs(30),
    rate: 4096.0,
};
/// The time for any body, to which its length adds a second for each 64 KiB.
const SHORT_BODY: Duration = Duration::from_secs(60);
const ANNOUNCED_RATE: u64 = 64 * 1024;

impl UploadPace {
    /// The pace of a body that announces its length; 0 when it does not.
    fn of(announced: u64) -> Self {
        let needed = SHORT_BODY + Duration::from_secs(announced / ANNOUNCED_RATE);
        Self { whole: if announced == 0 { PACE.whole } else { PACE.whole.min(needed) }, ..PACE }
    }
}

/// An upload that is imported when it has arrived.
pub struct Upload<'a> {
    request: &'a HttpRequest,
    user: &'a CurrentUser,
    context: &'a Context,
}

impl<'a> Upload<'a> {
    /// The upload of a request.
    pub fn of(request: &'a HttpRequest, user: &'a CurrentUser, context: &'a Context) -> Self {
        Self { request, user, context }
    }

    /// Imports the notes of the file, while the user's session is in force and the client is there.
    ///
    /// # Errors
    /// Those of the upload and of [`transfer::import`]; the answer to a request without a login when the
    /// session has ended.
    pub async fn import(
        &self,
        arriving: impl Future<Output = Result<UploadedFile, Error>>,
    ) -> Result<ImportReport, Error> {
        let actor = self.user.actor(self.request);
        let client_is_gone = || client_has_closed(self.request);
        transfer::import(&self.context.services, &actor, &self.user.token, client_is_gone, arriving).await
    }

    /// The upload of a request whose body is the file.
    ///
    /// # Errors
    /// 408 when it arrives too slowly, 413 when it is too long, 400 when it ends early, 503 without space.
    pub async fn from_body(&self, body: web::Payload) -> Result<UploadedFile, Error> {
        let announced = self.announced(UPLOAD_LIMIT)?;
        let body = paced(body, UploadPace::of(announced), Rc::new(Cell::new(UPLOAD_LIMIT)));
        keep(Box::pin(body.map(|piece| piece.map_err(error_of_payload))), self.start(announced)?).await
    }

    /// The upload in the field `file` of a form.
    ///
    /// # Errors
    /// As [`Upload::from_body`]; 422 for a form without the field, 400 for one that cannot be read.
    pub async fn from_form(&self, body: web::Payload) -> Result<UploadedFile, Error> {
        let announced = self.announced(UPLOAD_LIMIT + FORM_LIMIT)?;
        // Until the file begins the whole form may be as long as what is around it.
        let allowed = Rc::new(Cell::new(FORM_LIMIT));
        let body = paced(body, UploadPace::of(announced), Rc::clone(&allowed));
        let mut form = Multipart::new(self.request.headers(), body);
        let mut left = OTHER_FIELDS_LIMIT;
        for _ in 0..=OTHER_FIELDS {
            let Some(field) = form.next().await else {
                return Err(Error::Invalid(FieldErrors::one("file", "Choose a ZIP.")));
            };
            let field = field.map_err(of_form)?;
            if field.name() == Some("file") {
                allowed.set(UPLOAD_LIMIT + FORM_LIMIT);
                return keep(field.map(|piece| piece.map_err(of_form)), self.start(announced)?).await;
            }
            left = skip(field, left).await?;
        }
        Err(Error::TooLarge)
    }

    fn start(&self, announced: u64) -> Result<UploadedFile, Error> {
        let quota = UploadQuota::of_upload(self.request, self.user, self.context);
        Ok(self.context.services.uploads.start(announced, quota)?)
    }

    /// The length that the request announces, 0 when it does not.
    fn announced(&self, limit: u64) -> Result<u64, Error> {
        let length = self.request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        if length > limit { Err(Error::TooLarge) } else { Ok(length) }
    }
}

/// Keeps the pieces of a file, until it ends or its space is given to another client.
async fn keep(
    mut pieces: impl Stream<Item = Result<Bytes, Error>> + Unpin,
    mut upload: UploadedFile,
) -> Result<UploadedFile, Error> {
    loop {
        let piece = poll_fn(|task| {
            if upload.is_given_up(task.waker()) {
                return Poll::Ready(Some(Err(UploadError::NoSpace.into())));
            }
            pieces.poll_next_unpin(task)
        });
        let Some(piece) = piece.await else { return Ok(upload) };
        upload.append(&piece?)?;
        if upload.length() > UPLOAD_LIMIT {
            return Err(Error::TooLarge);
        }
    }
}

/// Reads a field that is not needed, and gives the bytes that further ones may have.
async fn skip(mut field: Field, mut left: usize) -> Result<usize, Error> {
    while let Some(piece) = field.next().await {
        left = left.checked_sub(piece.map_err(of_form)?.len()).ok_or(Error::TooLarge)?;
    }
    Ok(left)
}

/// The pieces of a body: an error once they come more slowly than `pace`, or are longer than `allowed`.
fn paced<S, E>(
    body: S,
    pace: UploadPace,
    allowed: Rc<Cell<u64>>,
) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<PayloadError>,
{
    let started = Instant::now();
    let pieces = futures_util::stream::unfold((body, 0), move |(mut body, mut length): (S, u64)| {
        let allowed = Rc::clone(&allowed);
        async move {
            let earned = Duration::from_secs_f64(length as f64 / pace.rate);
            let deadline =
                (started + pace.whole).min(started + pace.grace + earned).min(Instant::now() + pace.piece);
            let piece = match tokio::time::timeout_at(deadline, body.next()).await {
                Ok(piece) => piece?.map_err(Into::into),
                Err(_) => Err(PayloadError::Io(io::ErrorKind::TimedOut.into())),
            };
            length += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            let piece = if length > allowed.get() { Err(PayloadError::Overflow) } else { piece };
            Some((piece, (body, length)))
        }
    });
    // A form is asked for more after its end.
    pieces.fuse()
}

fn of_form(error: MultipartError) -> Error {
    match error {
        MultipartError::Payload(cause) => error_of_payload(cause),
        _ => Error::BadRequest("The form cannot be read."),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// Pieces of this many bytes without end, with this pause before each.
    fn pieces(length: usize, pause: Duration) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        Box::pin(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok(Bytes::from(vec![b'x'; length])), ()))
        }))
    }

    const NEVER: Duration = Duration::from_secs(3600);
    const SOON: Duration = Duration::from_millis(50);
    const PATIENT: UploadPace = UploadPace { whole: NEVER, piece: NEVER, grace: NEVER, rate: 1.0 };

    async fn end_of(
        body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
        pace: UploadPace,
    ) -> Error {
        let mut body = Box::pin(paced(body, pace, Rc::new(Cell::new(1_000_000))));
        loop {
            if let Err(error) = body.next().await.expect("no end") {
                return error_of_payload(error);
            }
        }
    }

    #[actix_web::test]
    async fn a_body_that_pauses_or_trickles_or_never_ends_is_cut_off() {
        let silent = end_of(Box::pin(stream::pending()), UploadPace { piece: SOON, ..PATIENT }).await;
        assert!(matches!(silent, Error::BodyTimeout), "{silent:?}");
        let trickle = end_of(pieces(1, SOON / 10), UploadPace { grace: SOON, rate: 1e6, ..PATIENT }).await;
        assert!(matches!(trickle, Error::BodyTimeout), "{trickle:?}");
        let steady = end_of(pieces(1, SOON / 10), UploadPace { whole: SOON, ..PATIENT }).await;
        assert!(matches!(steady, Error::BodyTimeout), "{steady:?}");
        let long = end_of(pieces(300_000, Duration::ZERO), PATIENT).await;
        assert!(matches!(long, Error::TooLarge), "{long:?}");
    }

    #[actix_web::test]
    async fn a_body_that_keeps_the_pace_arrives_whole() {
        let pace = UploadPace { whole: NEVER, piece: NEVER, grace: SOON, rate: 0.001 };
        let body = pieces(10, SOON / 10).take(20);
        let pieces: Vec<_> = paced(Box::pin(body), pace, Rc::new(Cell::new(200))).collect().await;
        assert_eq!(pieces.iter().filter(|piece| piece.is_ok()).count(), 20);
    }
}
