//! Supervises the running server and restarts it when it ends.

use std::ops::ControlFlow;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::server::{Postmaster, Server};

/// The pauses before restarts. Jitter keeps the nodes of a cluster from restarting in step.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(10))
    .without_max_times()
    .with_jitter();
/// After this time the end of a server has nothing to do with its start, and the backoff begins again.
const STABLE: Duration = Duration::from_secs(60);

/// The task that supervises. It stops the server at [`Supervision::stop`], or when this value is dropped.
#[derive(Debug)]
pub(super) struct Supervision {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Supervision {
    pub(super) fn start(server: Server, postmaster: Postmaster) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervise(server, postmaster, stopped));
        Self { stop, task }
    }

    pub(super) async fn stop(self) {
        // Without a receiver the task has ended, and the server with it.
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            log::error!("the supervision of PostgreSQL failed: {error}");
        }
    }
}

async fn supervise(server: Server, first: Postmaster, mut stop: oneshot::Receiver<()>) {
    let mut postmaster = first;
    let mut pauses = BACKOFF.build();
    loop {
        let started = Instant::now();
        let ended = tokio::select! {
            _ = &mut stop => return postmaster.stop().await,
            status = postmaster.wait() => status,
        };
        match ended {
            Ok(status) => {
                log::error!("the embedded PostgreSQL ended ({status}); see {}", server.log().display())
            }
            Err(error) => log::error!("cannot wait for the embedded PostgreSQL: {error}"),
        }
        if started.elapsed() > STABLE {
            pauses = BACKOFF.build();
        }
        match restart(&server, &mut pauses, &mut stop).await {
            ControlFlow::Continue(next) => postmaster = next,
            ControlFlow::Break(()) => return,
        }
    }
}

/// Breaks off when the server is to be stopped.
async fn restart(
    server: &Server,
    pauses: &mut ExponentialBackoff,
    stop: &mut oneshot::Receiver<()>,
) -> ControlFlow<(), Postmaster> {
    for pause in pauses {
        log::info!("starting PostgreSQL again in {:.1} s", pause.as_secs_f64());
        tokio::select! {
            _ = &mut *stop => return ControlFlow::Break(()),
            () = sleep(pause) => {}
        }
        match server.spawn() {
            Ok(postmaster) => return ControlFlow::Continue(postmaster),
            Err(error) => log::error!("{error}"),
        }
    }
    ControlFlow::Break(())
}
