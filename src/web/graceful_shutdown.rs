//! The way out. Each of the HTTP server's threads also runs the database connections that were opened on it,
//! and ends as soon as it has no client of its own. So nobody is let in any more and all requests under way
//! are answered, before the threads are told to end.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::time::{Instant, sleep};

/// Whoever was let in just now has sent a request by then.
const ARRIVAL: Duration = Duration::from_millis(200);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Whether a door of this process was closed.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether the HTTP server now finds no listener where it had one, and calls that an error.
pub(crate) fn door_is_closed() -> bool {
    CLOSED.load(SeqCst)
}

/// Who is still here, and whether anybody may come in.
pub struct Departure {
    listener: TcpListener,
    leaving: AtomicBool,
    under_way: AtomicUsize,
}

impl Departure {
    /// By another handle of the listener that the HTTP server has.
    pub fn by(listener: TcpListener) -> Self {
        Self { listener, leaving: AtomicBool::default(), under_way: AtomicUsize::default() }
    }

    /// A request is under way, from its head to the head of its answer; each of these is followed by one
    /// [`Self::leave`].
    pub(super) fn enter(&self) {
        self.under_way.fetch_add(1, SeqCst);
    }

    pub(super) fn leave(&self) {
        self.under_way.fetch_sub(1, SeqCst);
    }

    /// Whether connections end with their next answer.
    pub(super) fn has_begun(&self) -> bool {
        self.leaving.load(SeqCst)
    }

    /// Refuses new connections and waits until all requests are answered, at most for `patience`. Says
    /// whether they are.
    pub async fn complete(&self, patience: Duration) -> bool {
        self.leaving.store(true, SeqCst);
        CLOSED.store(true, SeqCst);
        // Where a listener cannot be closed before it is dropped, the HTTP server does all it can.
        if shutdown(&self.listener, Shutdown::Both).is_err() {
            return true;
        }
        let deadline = Instant::now() + patience;
        sleep(ARRIVAL).await;
        while self.under_way.load(SeqCst) > 0 {
            if Instant::now() > deadline {
                return false;
            }
            sleep(LOOK_AGAIN).await;
        }
        true
    }
}
