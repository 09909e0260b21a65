//! The body of a response that counts against the memory budget until it is written or dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

use super::memory_budget::{BudgetRefusal, Reservation};

/// A body up to this length is not counted: counting would cost more than it protects, as the connections are
/// limited.
const UNCOUNTED: u64 = 4 * 1024;
/// What an export holds while it is written: a page of notes, as rows and as texts, and pieces of the archive.
const STREAM: u64 = 6 * 1024 * 1024;
/// A buffer grows by doubling while a page is written, so it takes up to twice the bytes that are in it.
const BYTES_FOR_A_BYTE: u64 = 2;
/// A body is given on in pieces of this size, so that whoever compresses or copies it does that by pieces.
const PIECE: usize = 32 * 1024;

/// A body and its reservation.
pub struct HeldBody {
    body: BoxBody,
    rest: Bytes,
    _reservation: Reservation,
}

impl HeldBody {
    /// Reserves the bytes of the response's body.
    ///
    /// # Errors
    /// [`BudgetRefusal`]. The body is dropped then.
    pub fn hold(
        response: HttpResponse<BoxBody>,
        mut reservation: Reservation,
    ) -> Result<HttpResponse<BoxBody>, BudgetRefusal> {
        let bytes = match response.body().size() {
            BodySize::None => return Ok(response),
            BodySize::Sized(length) if length <= UNCOUNTED => return Ok(response),
            BodySize::Sized(length) => length.saturating_mul(BYTES_FOR_A_BYTE),
            BodySize::Stream => STREAM,
        };
        reservation.resize(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        Ok(response
            .map_body(|_, body| BoxBody::new(Self { body, rest: Bytes::new(), _reservation: reservation })))
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
            match std::task::ready!(Pin::new(&mut this.body).poll_next(context)) {
                Some(Ok(bytes)) => this.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        Poll::Ready(Some(Ok(this.rest.split_to(this.rest.len().min(PIECE)))))
    }
}
