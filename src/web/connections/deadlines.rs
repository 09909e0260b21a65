//! The deadlines of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The time that a head may take to arrive, from its first byte; on a new connection from the beginning.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The time in which a reader has to take [`LEAST_TAKEN`] while there is something to take.
const WRITE_WINDOW: Duration = Duration::from_secs(60);
/// The fewest bytes in a window: a modem of 9,600 bits a second takes as many.
const LEAST_TAKEN: usize = 64 * 1024;

/// The deadline of a head. It has a timer only while it runs.
pub(super) struct HeadDeadline(Option<Pin<Box<Sleep>>>);

impl HeadDeadline {
    /// A deadline that runs from now.
    pub(super) fn running() -> Self {
        Self(Some(Box::pin(sleep(HEAD_TIMEOUT))))
    }

    /// Starts it if it does not run.
    pub(super) fn start(&mut self) {
        self.0.get_or_insert_with(|| Box::pin(sleep(HEAD_TIMEOUT)));
    }

    pub(super) fn stop(&mut self) {
        self.0 = None;
    }

    /// Ready when the time is over.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(context))
    }
}

/// The deadline of a reader. It runs while the system takes no more bytes for it.
#[derive(Default)]
pub(super) struct WriteDeadline {
    timer: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl WriteDeadline {
    /// Whether bytes wait for the reader.
    pub(super) fn is_running(&self) -> bool {
        self.timer.is_some()
    }

    /// Counts bytes that the system took.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
    }

    /// Nothing waits for the reader any more.
    pub(super) fn stop(&mut self) {
        self.timer = None;
    }

    /// Ready when the reader took too little in a whole window. To be called when bytes have to wait.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            self.taken = 0;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(WRITE_WINDOW)));
        while timer.as_mut().poll(context).is_ready() {
            if self.taken < LEAST_TAKEN {
                return Poll::Ready(());
            }
            self.taken = 0;
            timer.as_mut().reset(Instant::now() + WRITE_WINDOW);
        }
        Poll::Pending
    }
}
