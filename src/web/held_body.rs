//! The body of a response, which counts against the memory budget until it is written or dropped.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::Bytes;

use super::memory_budget::{BudgetRefusal, MemoryRevocation, Reservation};

/// A body up to this length is not counted: counting would cost more than it protects, as the connections are
/// limited.
const UNCOUNTED: u64 = 4 * 1024;
/// What an export holds while it is written: a page of notes, as rows and as texts, and pieces of the
/// archive.
const STREAM: u64 = 6 * 1024 * 1024;
/// A buffer grows by doubling while a page is written, so it takes up to twice the bytes that are in it.
const BYTES_FOR_A_BYTE: u64 = 2;
/// The longest body that is compressed. A longer one would keep its compressor as long as the client takes to
/// read it, and a compressor takes megabytes.
const COMPRESSED_LIMIT: u64 = 64 * 1024;
/// The pieces in which a body is compressed. `Compress` gives a piece of 1,024 bytes or more to another
/// thread; a shorter one it compresses at once, so that each thread has one compressor at a time.
const SHORT_PIECE: usize = 1000;
/// The pieces of a body that is not compressed: the dispatcher copies each into its buffer.
const LONG_PIECE: usize = 16 * 1024;

/// The reservation of a request's head, or of a response's body, which is in the extensions of the response.
/// Its connection keeps it until the body is written or has to be given up.
#[derive(Clone)]
pub struct HeldReservation {
    revocation: Arc<MemoryRevocation>,
    _reservation: Rc<Reservation>,
}

impl HeldReservation {
    /// Lets clients that hold less take these bytes.
    pub fn revocable(mut reservation: Reservation) -> Self {
        Self { revocation: reservation.allow_revocation(), _reservation: Rc::new(reservation) }
    }

    /// Tells the connection when it has to give the bytes up.
    pub fn revocation(&self) -> &Arc<MemoryRevocation> {
        &self.revocation
    }
}

/// A body in pieces.
pub struct HeldBody {
    body: BoxBody,
    rest: Bytes,
    piece: usize,
}

impl HeldBody {
    /// Reserves the bytes of the response's body, and cuts the body into pieces.
    ///
    /// # Errors
    /// [`BudgetRefusal`]. The body is dropped then.
    pub fn hold(
        mut response: HttpResponse<BoxBody>,
        mut reservation: Reservation,
    ) -> Result<HttpResponse<BoxBody>, BudgetRefusal> {
        let (bytes, piece) = match response.body().size() {
            BodySize::None => return Ok(response),
            BodySize::Sized(length) if length <= SHORT_PIECE as u64 => return Ok(response),
            BodySize::Sized(length) if length <= UNCOUNTED => (0, SHORT_PIECE),
            BodySize::Sized(length) if length <= COMPRESSED_LIMIT => (length, SHORT_PIECE),
            BodySize::Sized(length) => (length, LONG_PIECE),
            BodySize::Stream => (STREAM / BYTES_FOR_A_BYTE, LONG_PIECE),
        };
        if bytes > 0 {
            let bytes = bytes.saturating_mul(BYTES_FOR_A_BYTE);
            reservation.resize(usize::try_from(bytes).unwrap_or(usize::MAX))?;
            response.extensions_mut().insert(HeldReservation::revocable(reservation));
        }
        if piece == LONG_PIECE {
            let uncompressed = header::HeaderValue::from_static(ContentEncoding::Identity.as_str());
            response.headers_mut().insert(header::CONTENT_ENCODING, uncompressed);
        }
        Ok(response.map_body(|_, body| BoxBody::new(Self { body, rest: Bytes::new(), piece })))
    }
}

impl MessageBody for HeldBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_next(context)) {
                Some(Ok(bytes)) => this.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        Poll::Ready(Some(Ok(this.rest.split_to(this.rest.len().min(this.piece)))))
    }
}
