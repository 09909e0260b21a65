//! What the stream of a connection and the service behind the dispatcher tell each other: the dispatcher
//! between them has no such channel. Both run on the same thread.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actix_http::Request;
use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use futures_util::Stream;

use crate::web::held_body::HeldReservation;
use crate::web::memory_budget::MemoryRevocation;

/// What the handler makes of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum BodyDemand {
    /// It has not asked for more than it was given.
    #[default]
    None,
    /// It waits for more.
    Waiting,
    /// It wants no more: the dispatcher drops what it gets.
    Dropped,
}

/// One request at a time: the stream gives the next head to the dispatcher when the answer has ended.
#[derive(Default)]
pub(super) struct Exchange {
    busy: Cell<bool>,
    refusal: Cell<Option<StatusCode>>,
    /// Whether the client has closed its side.
    client_ended: Cell<bool>,
    /// Whether the rest of the body is not read, as the memory budget has no room for it.
    body_given_up: Cell<bool>,
    /// Whether more of the request's body may be given to the dispatcher.
    body_demand: Cell<BodyDemand>,
    reader: RefCell<Option<Waker>>,
    /// Of the answer that is being written.
    revocation: RefCell<Option<Arc<MemoryRevocation>>>,
}

impl Exchange {
    /// Begins a request. With a status, the head was refused and the service answers with that.
    pub(super) fn begin(&self, refusal: Option<StatusCode>) {
        self.busy.set(true);
        self.refusal.set(refusal);
        self.body_demand.set(BodyDemand::None);
        self.body_given_up.set(false);
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

    /// Notes that the memory budget has no room for the rest of the body. The handler gets an error for it.
    pub(super) fn give_up_body(&self) {
        self.body_given_up.set(true);
    }

    /// Whether the rest of the body has no room.
    pub(super) fn body_is_given_up(&self) -> bool {
        self.body_given_up.get()
    }

    /// Whether a step of the body may be given. A handler that waits gets one, and asks again.
    pub(super) fn take_body_demand(&self) -> bool {
        match self.body_demand.get() {
            BodyDemand::None => false,
            BodyDemand::Waiting => {
                self.body_demand.set(BodyDemand::None);
                true
            }
            BodyDemand::Dropped => true,
        }
    }

    fn demand_body(&self, demand: BodyDemand) {
        // A second wake without a change would poll the handler without end.
        if self.body_demand.replace(demand) != demand {
            self.wake();
        }
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

/// The body of a request as its handler gets it, which tells the stream how far the handler is. The
/// dispatcher alone reads 128 KiB ahead of a handler that takes nothing. A body that is given up ends with
/// `QuotaExceeded`.
pub(super) struct RequestBody {
    payload: Payload,
    exchange: Rc<Exchange>,
}

impl RequestBody {
    /// Puts itself in the place of a request's body, if it has one.
    pub(super) fn watch(request: &mut Request, exchange: &Rc<Exchange>) {
        let payload = request.take_payload();
        *request.payload() = match payload {
            Payload::None => Payload::None,
            payload => Payload::Stream { payload: Box::pin(Self { payload, exchange: exchange.clone() }) },
        };
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.exchange.body_is_given_up() {
            let given_up = io::Error::from(io::ErrorKind::QuotaExceeded);
            return Poll::Ready(Some(Err(PayloadError::Io(given_up))));
        }
        let next = Pin::new(&mut self.payload).poll_next(context);
        if next.is_pending() {
            self.exchange.demand_body(BodyDemand::Waiting);
        }
        next
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.exchange.demand_body(BodyDemand::Dropped);
    }
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
