//! Watches the running server and starts it again when it dies.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::server::{Postmaster, Server};

const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A server that lived this long did not fail because of how it was started.
const STEADY: Duration = Duration::from_secs(60);

/// The task that watches. It ends the server when told to, or when this value is dropped.
#[derive(Debug)]
pub(super) struct Supervision {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Supervision {
    pub fn begin(server: Server, postmaster: Postmaster) -> Self {
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(watch(server, postmaster, ended));
        Self { end, task }
    }

    pub async fn end(self) {
        // A receiver that is gone means that the task is gone, and with it the server.
        let _ = self.end.send(());
        if let Err(error) = self.task.await {
            log::error!("the watch over PostgreSQL failed: {error}");
        }
    }
}

async fn watch(server: Server, first: Postmaster, mut end: oneshot::Receiver<()>) {
    let mut postmaster = first;
    let mut pause = SHORTEST_PAUSE;
    loop {
        let started = Instant::now();
        let ended = tokio::select! {
            _ = &mut end => return postmaster.stop().await,
            status = postmaster.wait() => status,
        };
        match ended {
            Ok(status) => {
                log::error!("the embedded PostgreSQL ended ({status}); see {}", server.log().display())
            }
            Err(error) => log::error!("lost sight of the embedded PostgreSQL: {error}"),
        }
        if started.elapsed() > STEADY {
            pause = SHORTEST_PAUSE;
        }
        match start_again(&server, &mut pause, &mut end).await {
            ControlFlow::Continue(next) => postmaster = next,
            ControlFlow::Break(()) => return,
        }
    }
}

async fn start_again(
    server: &Server,
    pause: &mut Duration,
    end: &mut oneshot::Receiver<()>,
) -> ControlFlow<(), Postmaster> {
    loop {
        log::info!("starting PostgreSQL again in {pause:?}");
        tokio::select! {
            _ = &mut *end => return ControlFlow::Break(()),
            () = sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        match server.spawn() {
            Ok(postmaster) => return ControlFlow::Continue(postmaster),
            Err(error) => log::error!("{error}"),
        }
    }
}
