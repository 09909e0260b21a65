//! The stream between a client's socket and the dispatcher of actix-http, which has a deadline for the first
//! head of a connection only, and none for a reader. The stream gives the dispatcher whole heads, one at a
//! time, and the bytes of their bodies; it ends a connection whose client is too slow in either direction.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::dev::Extensions;
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::counts::ConnectionEvent;
use super::deadlines::{HeadDeadline, WriteDeadline};
use super::exchange::Exchange;
use super::framing::BodyFraming;
use super::head::{HeadState, read_head};
use super::received::ReceivedBytes;
use super::registry::AdmittedConnection;
use crate::web::held_body::HeldReservation;
use crate::web::memory_budget::{BudgetRefusal, MemoryBudget};

/// Bytes that are read while an answer is not finished, so that a client that has gone is noticed.
const READ_AHEAD: usize = 4 * 1024;
/// Bytes of a body that the dispatcher gets before the handler asks for more, or the dispatcher has dropped
/// them. They leave room in its buffer of 8 KiB, beside a usual head: it doubles a buffer that is full, up to
/// 128 KiB, and keeps it as long as the connection.
const BODY_STEP: usize = 6 * 1024;
/// The head that the dispatcher gets in place of one that is refused. The service answers it.
const REFUSED_HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// A head up to this length is not counted: there is one for each connection, whose number is limited.
const UNCOUNTED_HEAD: usize = 2 * 1024;
/// A head is in memory as it came, as the dispatcher reads it, and as the handler gets it.
const BYTES_FOR_A_BYTE: usize = 3;
/// A body up to this length is not counted before it comes.
const UNCOUNTED_BODY: usize = 16 * 1024;
/// What the dispatcher holds of a body, beside what the handler has of it: its buffer, and what the handler
/// has not taken.
const BODY_BUFFERS: usize = 32 * 1024;

/// What the next bytes of the connection are.
enum StreamPhase {
    /// A head, or nothing.
    Head,
    /// A head that is checked, of which this many bytes are still to be given; and its body.
    CheckedHead(usize, BodyFraming),
    /// The body of the request that the dispatcher has.
    Body(BodyFraming),
    /// In place of a refused head, what is left of this one.
    Refusal(&'static [u8]),
    /// Nothing that is wanted.
    Discarded,
}

/// The stream of one connection.
pub(super) struct GuardedStream {
    socket: TcpStream,
    admitted: AdmittedConnection,
    exchange: Rc<Exchange>,
    phase: StreamPhase,
    received: ReceivedBytes,
    budget: Arc<MemoryBudget>,
    /// Of the head of the request that is being answered.
    head: Option<HeldReservation>,
    /// Bytes of the body since the handler asked for more.
    given: usize,
    head_deadline: HeadDeadline,
    write_deadline: WriteDeadline,
}

impl GuardedStream {
    /// The stream of a connection that was just accepted.
    pub(super) fn new(socket: TcpStream, admitted: AdmittedConnection, budget: Arc<MemoryBudget>) -> Self {
        Self {
            budget,
            head: None,
            socket,
            admitted,
            exchange: Rc::default(),
            phase: StreamPhase::Head,
            received: ReceivedBytes::default(),
            given: 0,
            head_deadline: HeadDeadline::running(),
            write_deadline: WriteDeadline::default(),
        }
    }

    /// Gives the service, with each request, what it shares with this connection.
    pub(super) fn share_exchange(&self, data: &mut Extensions) {
        data.insert(self.exchange.clone());
    }

    /// The next head is given when the answer to the last one has been taken.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.exchange.is_busy() && !self.write_deadline.is_running() {
            return Poll::Ready(Ok(()));
        }
        self.exchange.wait(context.waker());
        while self.received.len() < READ_AHEAD && !self.received.has_ended() {
            ready!(self.received.poll_fill(&mut self.socket, context))?;
        }
        if self.received.has_ended() {
            self.exchange.end_client();
        }
        Poll::Pending
    }

    /// Waits for a head and sets the phase that follows; false when the connection has ended.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        ready!(self.poll_idle(context))?;
        self.head = None;
        self.admitted.set_busy(false);
        loop {
            match self.received.check(read_head) {
                HeadState::Whole { length, body } => {
                    let Ok(body_fits) = self.hold_request(length, &body) else {
                        return Poll::Ready(Ok(self.refuse(StatusCode::SERVICE_UNAVAILABLE)));
                    };
                    self.begin(StreamPhase::CheckedHead(length, body), None);
                    if !body_fits {
                        self.exchange.give_up_body();
                    }
                    return Poll::Ready(Ok(true));
                }
                HeadState::Refused(status) => return Poll::Ready(Ok(self.refuse(status))),
                HeadState::Partial => {}
            }
            if self.received.has_ended() || self.admitted.is_evicted(context.waker()) {
                return Poll::Ready(Ok(false));
            }
            // What has come counts, also when this thread was too busy to read it in time.
            if self.received.poll_fill(&mut self.socket, context)?.is_pending() {
                return self.poll_head_deadline(context).map(Ok);
            }
        }
    }

    /// Counts the head, and what the dispatcher will hold of the body, against the memory budget for as long
    /// as the request is answered. Tells whether the body fits.
    fn hold_request(&mut self, length: usize, body: &BodyFraming) -> Result<bool, BudgetRefusal> {
        let head = if length > UNCOUNTED_HEAD { length * BYTES_FOR_A_BYTE } else { 0 };
        let buffers = if body.may_exceed(UNCOUNTED_BODY) { BODY_BUFFERS } else { 0 };
        let Some(client) = self.admitted.client().filter(|_| head + buffers > 0) else { return Ok(true) };
        let mut reservation = self.budget.reservation(client, None);
        reservation.resize(head)?;
        let body_fits = reservation.resize(head + buffers).is_ok();
        self.head = Some(HeldReservation::revocable(reservation));
        Ok(body_fits)
    }

    /// Whether the connection, which waits for its client amid a request, has to be closed in favour of
    /// another: for its place, or for what it holds.
    fn gives_way(&self, context: &Context<'_>) -> bool {
        self.admitted.set_waiting();
        let revoked = self.exchange.is_revoked(context.waker())
            || self.head.as_ref().is_some_and(|head| head.revocation().is_revoked(context.waker()));
        if revoked {
            self.admitted.count(ConnectionEvent::Revoked);
        }
        revoked || self.admitted.is_evicted(context.waker())
    }

    /// Ready when the head came too slowly: with an answer, or without one when nothing came.
    fn poll_head_deadline(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let silent = self.received.is_empty();
        if !silent {
            self.head_deadline.start();
        }
        ready!(self.head_deadline.poll_over(context));
        self.admitted.count(ConnectionEvent::SlowHead);
        Poll::Ready(!silent && self.refuse(StatusCode::REQUEST_TIMEOUT))
    }

    fn refuse(&mut self, status: StatusCode) -> bool {
        if status != StatusCode::REQUEST_TIMEOUT {
            self.admitted.count(ConnectionEvent::RefusedHead);
        }
        self.received.clear();
        self.begin(StreamPhase::Refusal(REFUSED_HEAD), Some(status));
        true
    }

    fn begin(&mut self, phase: StreamPhase, refusal: Option<StatusCode>) {
        self.head_deadline.stop();
        self.admitted.set_busy(true);
        self.exchange.begin(refusal);
        self.phase = phase;
    }

    /// Ends a connection whose answer is not taken, at once and without what the system has not sent yet.
    fn cut_off<T>(&self) -> Poll<io::Result<T>> {
        let _ = self.socket.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Waits until the handler, or the dispatcher that drops it, is to have more of the body; false when it
    /// came too slowly.
    fn poll_body_demand(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.exchange.wait(context.waker());
        if self.given >= BODY_STEP {
            if self.exchange.take_body_demand() {
                self.given = 0;
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        if self.exchange.is_busy() {
            // The handler has a deadline of its own for the body that it reads.
            return if self.exchange.body_is_given_up() { Poll::Pending } else { Poll::Ready(true) };
        }
        // The answer came before the body, which is read only to keep the connection.
        self.head_deadline.start();
        let is_over = self.head_deadline.poll_over(context).is_ready();
        if is_over {
            self.admitted.count(ConnectionEvent::SlowHead);
        }
        Poll::Ready(!is_over)
    }

    /// Gives bytes of the body; none when the connection has ended or the body is broken.
    fn poll_body(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !ready!(self.poll_body_demand(context)) {
            return Poll::Ready(Ok(()));
        }
        let StreamPhase::Body(framing) = &mut self.phase else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        let most = buffer.remaining().min(BODY_STEP - self.given);
        if self.received.is_empty() && !self.received.has_ended() {
            let mut part = (&mut *buffer).limit(framing.at_most(most));
            let read = poll_read_buf(Pin::new(&mut self.socket), context, &mut part)?;
            if read.is_pending() {
                if !self.gives_way(context) {
                    return Poll::Pending;
                }
                self.exchange.give_up_body();
                return Poll::Ready(Ok(()));
            }
            self.admitted.end_waiting();
            let taken = framing.take(&buffer.filled()[before..]).unwrap_or_default();
            self.received.put_back(&buffer.filled()[before + taken..]);
            buffer.set_filled(before + taken);
        } else {
            let part = self.received.front(most.min(self.received.len()));
            let taken = framing.take(part).unwrap_or_default();
            buffer.put_slice(&part[..taken]);
            self.received.advance(taken);
        }
        self.given += buffer.filled().len() - before;
        if framing.has_ended() {
            self.given = 0;
            self.head_deadline.stop();
            self.phase = StreamPhase::Head;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and drops what a refused client goes on sending, so that closing the connection does not destroy
    /// the answer on its way.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.received.has_ended() {
            self.received.clear();
            ready!(self.received.poll_fill(&mut self.socket, context))?;
        }
        self.exchange.wait(context.waker());
        if self.exchange.is_busy() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.phase {
                StreamPhase::Head => {
                    if !ready!(this.poll_head(context))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                StreamPhase::CheckedHead(left, _) => {
                    let given = buffer.remaining().min(*left);
                    buffer.put_slice(this.received.front(given));
                    this.received.advance(given);
                    *left -= given;
                    if *left == 0
                        && let StreamPhase::CheckedHead(_, body) =
                            std::mem::replace(&mut this.phase, StreamPhase::Head)
                        && !body.has_ended()
                    {
                        this.phase = StreamPhase::Body(body);
                    }
                    return Poll::Ready(Ok(()));
                }
                StreamPhase::Body(_) => return this.poll_body(context, buffer),
                StreamPhase::Refusal([]) => this.phase = StreamPhase::Discarded,
                StreamPhase::Refusal(rest) => {
                    let given = buffer.remaining().min(rest.len());
                    buffer.put_slice(&rest[..given]);
                    *rest = &rest[given..];
                    return Poll::Ready(Ok(()));
                }
                StreamPhase::Discarded => return this.poll_discard(context),
            }
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match Pin::new(&mut this.socket).poll_write(context, bytes)? {
            Poll::Ready(written) => {
                this.admitted.end_waiting();
                this.write_deadline.taken(written);
                Poll::Ready(Ok(written))
            }
            Poll::Pending if this.write_deadline.poll_over(context).is_ready() => {
                this.admitted.count(ConnectionEvent::SlowReader);
                this.cut_off()
            }
            Poll::Pending if this.gives_way(context) => this.cut_off(),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The dispatcher flushes when the system has taken all bytes.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_deadline.is_running() {
            self.write_deadline.stop();
            self.exchange.wake();
        }
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
        if matches!(this.phase, StreamPhase::Discarded) {
            // Until the client has closed its side, or for the time of a head.
            this.head_deadline.start();
            if this.head_deadline.poll_over(context).is_pending() {
                let _ = ready!(this.poll_discard(context));
            }
        }
        Poll::Ready(Ok(()))
    }
}
