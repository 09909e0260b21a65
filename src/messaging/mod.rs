//! Messages: what is done after an answer was given. The outbox in the database is what must not be lost;
//! everything here may be killed at any moment. Handlers of requests write a message through `store` and then
//! wake this room; nothing here knows HTTP.
//!
//! The relay claims what is due, tenant by tenant, and hands it on: to the handlers in this process, or to a
//! broker from which a consumer takes it. Either way the row says how far a message has come, so the two can
//! be exchanged at any time.

mod amqp;
mod attempt;
mod consumer;
mod counters;
mod dead_letters;
mod due_tenants;
mod envelope;
mod handlers;
mod notifier;
mod publisher;
mod readiness;
mod relay;
mod wait;

pub use amqp::{BrokerError, BrokerUrl};
pub use counters::Handled;
pub use dead_letters::{DeadLetter, dead_letter_count, dead_letters, purge_dead_letters};
pub use handlers::handle;
pub use notifier::Messenger;
pub use readiness::{NotReady, Readiness};
pub use wait::wait_for;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::db::Database;
use counters::Tally;
use due_tenants::Due;

/// How long messages in progress may take to end after a stop was requested.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Relay and handlers at work in this process.
pub struct Worker {
    due: Arc<Due>,
    tally: Arc<Tally>,
    readiness: Arc<Readiness>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Worker {
    /// Starts them: with a broker it is given the messages and a consumer takes them back, else they are
    /// handled here.
    pub fn start(database: &Database, broker: Option<&BrokerUrl>) -> Self {
        let readiness = Arc::new(Readiness::new(broker.is_some()));
        let due = Arc::new(Due::default());
        let tally = Arc::new(Tally::default());
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let transport = match broker {
            None => relay::Transport::InProcess,
            Some(url) => {
                let (publisher, running) =
                    publisher::start(url.clone(), Arc::clone(&due), Arc::clone(&readiness), stopped.clone());
                tasks.spawn(running);
                tasks.spawn(consumer::run(
                    url.clone(),
                    database.clone(),
                    Arc::clone(&tally),
                    Arc::clone(&readiness),
                    stopped.clone(),
                ));
                relay::Transport::Broker(publisher)
            }
        };
        tasks.spawn(relay::run(
            database.clone(),
            Arc::clone(&due),
            Arc::clone(&tally),
            transport,
            Arc::clone(&readiness),
            stopped,
        ));
        Self { due, tally, readiness, stop, tasks }
    }

    /// What tells this worker of new messages without a detour.
    pub fn messenger(&self) -> Messenger {
        Messenger::beside(Arc::clone(&self.due), Arc::clone(&self.tally))
    }

    /// Says at any time whether this worker does its work.
    pub fn readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.readiness)
    }

    /// Lets what is being done end, a few seconds at most, and then stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            log::warn!("messages under way were given up; they are due again by themselves");
        }
    }
}
