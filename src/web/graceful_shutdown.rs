//! Graceful shutdown: stop accepting connections, let requests in flight finish, then stop the server's
//! threads. Each of these threads also runs the database connections that were opened on it, and ends as soon
//! as it has no client of its own; so all requests have to finish before the threads are stopped.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::time::{Instant, sleep};

/// A connection that was accepted just before the listener was closed has sent its request after this time.
const ARRIVAL: Duration = Duration::from_millis(200);
/// How often the number of requests in flight is read.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Counts the requests in flight, and waits for them at shutdown.
pub struct RequestDrain {
    listener: TcpListener,
    begun: AtomicBool,
    in_flight: AtomicUsize,
}

impl RequestDrain {
    /// Takes another handle of the listener that the HTTP server accepts on.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, begun: AtomicBool::default(), in_flight: AtomicUsize::default() }
    }

    /// Counts a request, from its head until the head of its response; [`Self::leave`] ends it.
    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, SeqCst);
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, SeqCst);
    }

    /// Whether connections are to be closed after their next response.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(SeqCst)
    }

    /// Refuses new connections and waits until every request has its response, at most for `timeout`. Returns
    /// whether every request has one.
    pub async fn complete(&self, timeout: Duration) -> bool {
        self.begun.store(true, SeqCst);
        // Where the system cannot close a listener before it is dropped, the HTTP server's own stop must do.
        if shutdown(&self.listener, Shutdown::Both).is_err() {
            return true;
        }
        let deadline = Instant::now() + timeout;
        sleep(ARRIVAL).await;
        while self.in_flight.load(SeqCst) > 0 {
            if Instant::now() > deadline {
                return false;
            }
            sleep(POLL_INTERVAL).await;
        }
        true
    }
}
