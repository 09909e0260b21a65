//! Many clients at once, which hold their connections until they are told to go.

use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::tally::Tally;

/// The threads of all clients. Attackers have machines of their own: here they yield the processors to the
/// server and to the probes, and do not take a part of them. On Linux a priority is that of a thread.
static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    let yielding = || {
        let _ = setpriority_process(None, 10);
    };
    Builder::new_multi_thread().enable_all().on_thread_start(yielding).build().expect("a runtime")
});

/// Running clients. Each returns the status of its last answer, 0 for none.
pub struct Crowd {
    clients: JoinSet<u16>,
    over: watch::Sender<bool>,
}

/// Tells a client when the attack is over.
#[derive(Clone)]
pub struct Over(watch::Receiver<bool>);

impl Crowd {
    /// Without clients.
    pub fn new() -> Self {
        Self { clients: JoinSet::new(), over: watch::Sender::new(false) }
    }

    /// A handle for a client.
    pub fn over(&self) -> Over {
        Over(self.over.subscribe())
    }

    /// Starts a client.
    pub fn add(&mut self, client: impl Future<Output = u16> + Send + 'static) {
        self.clients.spawn_on(client, THREADS.handle());
    }

    /// Tells all clients to go and counts what they got.
    pub async fn end(mut self) -> Tally {
        self.over.send_replace(true);
        let mut tally = Tally::default();
        let all = async {
            while let Some(status) = self.clients.join_next().await {
                tally.count(status.unwrap_or(0));
            }
        };
        // A client that still connects is left behind.
        let _ = tokio::time::timeout(Duration::from_secs(5), all).await;
        for _ in 0..self.clients.len() {
            tally.count(0);
        }
        self.clients.shutdown().await;
        tally
    }
}

impl Over {
    /// Waits for the end of the attack.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|over| *over).await;
    }

    /// Whether the attack is over.
    pub fn is_over(&self) -> bool {
        *self.0.borrow()
    }
}
