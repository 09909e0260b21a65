//! Publishes messages to the broker. One task publishes for the whole process, batch by batch. A message is
//! published only when the broker has confirmed it and has not returned it.
//!
//! The broker returns *and* confirms a message that no queue takes, and lapin attaches a returned message to
//! the next confirmation of any message. So results are decided after the whole batch is answered, by the
//! names of the returned messages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event};
use tokio::sync::{mpsc, oneshot, watch};

use super::amqp::{EXCHANGE, close};
use super::due_tenants::DueTenants;
use super::envelope::Envelope;
use super::readiness::Readiness;
use super::retry::{Pauses, STOP_TIMEOUT};
use crate::settings::BrokerUrl;

/// The most messages of a batch.
const BATCH: usize = 256;
/// For the confirmations of a batch.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// The delivery mode in which the broker writes a message to disk before it confirms (AMQP 0-9-1, class
/// basic).
const PERSISTENT: u8 = 2;

/// The reason of a failure, for the row.
type PublishResult = Result<(), String>;

struct PublishRequest {
    envelope: Envelope,
    answer: oneshot::Sender<PublishResult>,
}

/// Sends messages to the publishing task.
#[derive(Clone)]
pub(super) struct Publisher {
    requests: mpsc::Sender<PublishRequest>,
    readiness: Arc<Readiness>,
}

/// Makes a publisher and its task, which ends after a stop is requested.
pub(super) fn start(
    url: BrokerUrl,
    due: Arc<DueTenants>,
    readiness: Arc<Readiness>,
    mut stopped: watch::Receiver<bool>,
) -> (Publisher, impl Future<Output = ()> + Send + 'static) {
    let (requests, queue) = mpsc::channel(BATCH * 2);
    let publisher = Publisher { requests, readiness: Arc::clone(&readiness) };
    let mut task = PublishingTask { url, due, readiness, queue };
    let publishing = async move {
        // Batches in progress are still confirmed after a stop. The relay ends when it has its answers, and
        // drops its publisher, which ends the task.
        let deadline = async {
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(STOP_TIMEOUT / 2).await;
        };
        tokio::select! {
            () = task.run() => {}
            () = deadline => {}
        }
    };
    (publisher, publishing)
}

impl Publisher {
    /// Whether the broker takes messages now.
    pub(super) fn ready(&self) -> bool {
        self.readiness.publishing()
    }

    /// Publishes messages and gives a result for each.
    pub(super) async fn publish(&self, envelopes: Vec<Envelope>) -> Vec<PublishResult> {
        let mut answers = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let (answer, answered) = oneshot::channel();
            // When the task has ended, the request is dropped with the sender of its answer.
            let _ = self.requests.send(PublishRequest { envelope, answer }).await;
            answers.push(answered);
        }
        join_all(answers)
            .await
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|_| Err("the program is stopping".to_owned())))
            .collect()
    }
}

struct PublishingTask {
    url: BrokerUrl,
    due: Arc<DueTenants>,
    readiness: Arc<Readiness>,
    queue: mpsc::Receiver<PublishRequest>,
}

enum ConnectionEnd {
    NoMoreRequests,
    Lost(String),
}

impl PublishingTask {
    /// Publishes until the last [`Publisher`] is dropped; reconnects by itself.
    async fn run(&mut self) {
        let mut pauses = Pauses::of_connections();
        let url = self.url.clone();
        loop {
            match connect(&url).await {
                Ok((connection, channel, ())) => {
                    log::info!("messages go through the broker {url:?}");
                    pauses.reset();
                    self.readiness.set_publishing(true);
                    self.due.request_sweep();
                    let end = self.publish_on(&connection, &channel).await;
                    self.readiness.set_publishing(false);
                    close(connection).await;
                    match end {
                        ConnectionEnd::NoMoreRequests => return,
                        ConnectionEnd::Lost(reason) => {
                            log::warn!("messages wait for the broker {url:?}: {reason}");
                        }
                    }
                }
                Err(error) => log::warn!("messages wait for the broker {url:?}: {error}"),
            }
            self.refuse_for(pauses.next()).await;
        }
    }

    /// Refuses the requests that the relay sent before it saw that the connection had ended.
    async fn refuse_for(&mut self, pause: Duration) {
        let refusing = async {
            while let Some(request) = self.queue.recv().await {
                let _ = request.answer.send(Err("there is no connection to the broker".to_owned()));
            }
            // There is no publisher any more. The next connection ends at its first read of the queue.
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(pause, refusing).await;
    }

    /// Publishes on one connection as long as it lasts.
    async fn publish_on(&mut self, connection: &Connection, channel: &Channel) -> ConnectionEnd {
        let mut events = connection.events_listener();
        let mut requests = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                event = events.next() => {
                    if let Some(reason) = self.note_event(event) {
                        return ConnectionEnd::Lost(reason);
                    }
                }
                received = self.queue.recv_many(&mut requests, BATCH) => {
                    if received == 0 {
                        return ConnectionEnd::NoMoreRequests;
                    }
                    let batch = std::mem::take(&mut requests);
                    if let Err(reason) = publish_batch(connection, channel, batch).await {
                        return ConnectionEnd::Lost(reason);
                    }
                }
            }
        }
    }

    /// Gives the reason when the connection has ended.
    fn note_event(&self, event: Option<Event>) -> Option<String> {
        match event {
            // The broker is out of memory or of disk.
            Some(Event::ConnectionBlocked(reason)) => {
                log::warn!("messages wait, as the broker takes none: {reason}");
                self.readiness.set_publishing(false);
            }
            Some(Event::ConnectionUnblocked) => {
                log::info!("the broker takes messages again");
                self.readiness.set_publishing(true);
                self.due.request_sweep();
            }
            Some(Event::Error(error)) => return Some(error.to_string()),
            Some(_) => {}
            None => return Some("the connection ended".to_owned()),
        }
        None
    }
}

async fn connect(url: &BrokerUrl) -> Result<(Connection, Channel, ()), super::BrokerError> {
    let start = async |channel: &Channel| channel.confirm_select(ConfirmSelectOptions::default()).await;
    url.connect("relay", start).await
}

/// Publishes a batch and answers its requests. An error is the reason to end the connection.
async fn publish_batch(
    connection: &Connection,
    channel: &Channel,
    batch: Vec<PublishRequest>,
) -> Result<(), String> {
    let results = match tokio::time::timeout(CONFIRM_TIMEOUT, send(channel, &batch)).await {
        Ok(results) => results,
        Err(_) => {
            // A late confirmation would count for the next batch.
            let reason = if connection.status().blocked() {
                "the broker takes no messages: it is out of memory or of disk"
            } else {
                "the broker did not confirm in time"
            };
            answer(batch, std::iter::repeat(Err(reason.to_owned())));
            return Err(reason.to_owned());
        }
    };
    answer(batch, results);
    if channel.status().connected() { Ok(()) } else { Err("the channel was closed".to_owned()) }
}

fn answer(batch: Vec<PublishRequest>, results: impl IntoIterator<Item = PublishResult>) {
    for (request, result) in batch.into_iter().zip(results) {
        let _ = request.answer.send(result);
    }
}

/// Publishes a batch and waits for all confirmations.
async fn send(channel: &Channel, batch: &[PublishRequest]) -> Vec<PublishResult> {
    let mut confirmations = Vec::with_capacity(batch.len());
    for request in batch {
        confirmations.push(publish(channel, &request.envelope).await);
    }
    let confirmations = join_all(confirmations.into_iter().map(|published| async { published?.await })).await;
    let mut results = Vec::with_capacity(batch.len());
    let mut returned = BTreeSet::new();
    for confirmation in confirmations {
        let (result, message) = match confirmation {
            Ok(Confirmation::Ack(None)) => (Ok(()), None),
            Ok(Confirmation::Ack(message @ Some(_))) => {
                (Err("the broker has no queue for it".to_owned()), message)
            }
            Ok(Confirmation::Nack(message)) => (Err("the broker refused it".to_owned()), message),
            Ok(Confirmation::NotRequested) => (Err("the broker confirms nothing".to_owned()), None),
            Err(error) => (Err(error.to_string()), None),
        };
        let name = message.and_then(|message| {
            message.delivery.properties.message_id().as_ref().map(|name| name.as_str().to_owned())
        });
        returned.extend(name);
        results.push(result);
    }
    for (request, result) in batch.iter().zip(&mut results) {
        if returned.contains(&request.envelope.name()) {
            *result = Err("the broker has no queue for it".to_owned());
        }
    }
    results
}

async fn publish(channel: &Channel, envelope: &Envelope) -> Result<lapin::PublisherConfirm, lapin::Error> {
    let body = serde_json::to_vec(envelope).unwrap_or_default();
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_message_id(envelope.name().as_str().into());
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    channel.basic_publish(EXCHANGE.into(), envelope.route.as_str().into(), options, &body, properties).await
}
