//! The tasks that relay and handle messages in one process.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::counters::MessageCounters;
use super::due_tenants::DueTenants;
use super::notifier::Notifier;
use super::readiness::Readiness;
use super::retry::STOP_TIMEOUT;
use super::{consumer, publisher, relay};
use crate::db::Database;
use crate::settings::BrokerUrl;

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
