//! Messages: work that is done after the answer to a request. The outbox in the database is what must not be
//! lost; every process here may be killed at any moment. A request writes a message through `store` and then
//! wakes the [`Notifier`].
//!
//! The relay claims due messages tenant by tenant and hands them on: to the handlers of this process, or to a
//! broker from which a consumer takes them. Either way the row has the state of its message, so the two ways
//! can be exchanged at any time.

mod amqp;
mod attempt;
mod backlog;
mod consumer;
mod counters;
mod dead_letters;
mod due_tenants;
mod envelope;
mod kinds;
mod notifier;
mod publisher;
mod readiness;
mod relay;
mod retry;
mod wait;

pub use amqp::BrokerError;
pub use backlog::{Backlog, BacklogError, Changes, MessageName, Selection};
pub use counters::MessageCounts;
pub use dead_letters::{DeadLetter, dead_letter_count, dead_letters, purge_dead_letters};
pub use kinds::handle;
pub use notifier::Notifier;
pub use readiness::{NotReady, Readiness};
pub use wait::wait_for;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::db::Database;
use crate::settings::BrokerUrl;
use counters::MessageCounters;
use due_tenants::DueTenants;

/// How long messages in progress may take to end after a stop was requested.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The relay and the handlers of this process.
pub struct MessageWorker {
    due: Arc<DueTenants>,
    counters: Arc<MessageCounters>,
    readiness: Arc<Readiness>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl MessageWorker {
    /// Starts the relay. With a broker it publishes messages and a consumer takes them from the broker;
    /// without one it handles them.
    pub fn start(database: &Database, broker: Option<&BrokerUrl>) -> Self {
        let readiness = Arc::new(Readiness::new(broker.is_some()));
        let due = Arc::new(DueTenants::default());
        let counters = Arc::new(MessageCounters::default());
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let transport = match broker {
            None => relay::Transport::InProcess,
            Some(url) => {
                let (publisher, publishing) =
                    publisher::start(url.clone(), Arc::clone(&due), Arc::clone(&readiness), stopped.clone());
                tasks.spawn(publishing);
                tasks.spawn(consumer::run(
                    url.clone(),
                    database.clone(),
                    Arc::clone(&counters),
                    Arc::clone(&readiness),
                    stopped.clone(),
                ));
                relay::Transport::Broker(publisher)
            }
        };
        tasks.spawn(relay::run(
            database.clone(),
            Arc::clone(&due),
            Arc::clone(&counters),
            transport,
            Arc::clone(&readiness),
            stopped,
        ));
        Self { due, counters, readiness, stop, tasks }
    }

    /// Notifies this worker of new messages.
    pub fn notifier(&self) -> Notifier {
        Notifier::of_this_process(Arc::clone(&self.due), Arc::clone(&self.counters))
    }

    /// Whether this worker does its work, at any time.
    pub fn readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.readiness)
    }

    /// Stops after the messages in progress, ten seconds later at most.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            log::warn!("messages in progress were given up; they are due again by themselves");
        }
    }
}
