//! What the stream of a connection and the service behind the dispatcher tell each other: the dispatcher
//! between them has no such channel. Both run on the same thread.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;

use crate::web::held_body::HeldReservation;
use crate::web::memory_budget::MemoryRevocation;

/// One request at a time: the stream gives the next head to the dispatcher when the answer has ended.
#[derive(Default)]
pub(super) struct Exchange {
    busy: Cell<bool>,
    refusal: Cell<Option<StatusCode>>,
    /// Whether the client has closed its side.
    client_ended: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    /// Of the answer that is being written.
    revocation: RefCell<Option<Arc<MemoryRevocation>>>,
}

impl Exchange {
    /// Begins a request. With a status, the head was refused and the service answers with that.
    pub(super) fn begin(&self, refusal: Option<StatusCode>) {
        self.busy.set(true);
        self.refusal.set(refusal);
    }

    /// The status of a refused head, once.
    pub(super) fn take_refusal(&self) -> Option<StatusCode> {
        self.refusal.take()
    }

    /// Whether the answer to the last head has not ended.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Notes that the client has closed its side.
    pub(super) fn end_client(&self) {
        self.client_ended.set(true);
    }

    /// Wakes `reader` when there may be something to read again.
    pub(super) fn wait(&self, reader: &Waker) {
        *self.reader.borrow_mut() = Some(reader.clone());
    }

    /// Wakes the reader.
    pub(super) fn wake(&self) {
        let reader = self.reader.borrow_mut().take();
        reader.inspect(Waker::wake_by_ref);
    }

    /// Whether the answer has to give way to clients that hold less; if not, `writer` is woken when it
    /// has to.
    pub(super) fn is_revoked(&self, writer: &Waker) -> bool {
        self.revocation.borrow().as_ref().is_some_and(|revocation| revocation.is_revoked(writer))
    }

    fn end(&self) {
        self.busy.set(false);
        *self.revocation.borrow_mut() = None;
        self.wake();
    }
}

/// Whether the client of a request has closed its side of the connection: it is gone, or waits for nothing
/// but the answer, as few clients do.
pub fn client_has_closed(request: &HttpRequest) -> bool {
    request.conn_data::<Rc<Exchange>>().is_some_and(|exchange| exchange.client_ended.get())
}

/// The body of an answer. Dropping it, whole or not, ends the exchange.
pub(super) struct AnswerBody {
    body: BoxBody,
    _held: Option<HeldReservation>,
    exchange: Option<Rc<Exchange>>,
}

impl AnswerBody {
    /// Ends the exchange, if the connection has one, when the body is dropped.
    pub(super) fn new(body: BoxBody, held: Option<HeldReservation>, exchange: Option<Rc<Exchange>>) -> Self {
        if let (Some(held), Some(exchange)) = (&held, &exchange) {
            *exchange.revocation.borrow_mut() = Some(held.revocation().clone());
        }
        Self { body, _held: held, exchange }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.exchange.take().inspect(|exchange| exchange.end());
    }
}

impl MessageBody for AnswerBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
