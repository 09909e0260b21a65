//! Gives messages to the broker. One task publishes for the whole process, batch by batch, and calls a
//! message sent only when the broker has confirmed it and has not returned it.
//!
//! A message that no queue takes is returned *and* confirmed, and the library hands a returned message to
//! whichever confirmation comes next. So nothing is decided before the whole batch is answered, and then by
//! the names of what came back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event};
use tokio::sync::{mpsc, oneshot, watch};

use super::amqp::{BrokerUrl, EXCHANGE, close};
use super::due_tenants::Due;
use super::envelope::Envelope;
use super::readiness::Readiness;

/// Messages of one batch at most.
const BATCH: usize = 256;
/// The longest that a batch waits for its confirmations.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a first failed connection; it doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Written to disk before it is confirmed.
const PERSISTENT: u8 = 2;

type Sent = Result<(), String>;

struct Job {
    envelope: Envelope,
    answer: oneshot::Sender<Sent>,
}

/// The way to the publishing task.
#[derive(Clone)]
pub(super) struct Publisher {
    jobs: mpsc::Sender<Job>,
    readiness: Arc<Readiness>,
}

/// Makes a publisher and the task behind it, which ends when it is told to stop.
pub(super) fn start(
    url: BrokerUrl,
    due: Arc<Due>,
    readiness: Arc<Readiness>,
    mut stopped: watch::Receiver<bool>,
) -> (Publisher, impl Future<Output = ()> + Send + 'static) {
    let (jobs, mut queue) = mpsc::channel(BATCH * 2);
    let publisher = Publisher { jobs, readiness: Arc::clone(&readiness) };
    let running = async move {
        let publishing = publish_for_ever(&url, &due, &readiness, &mut queue);
        // Batches under way are still confirmed after a stop: the relay ends when it has its answers, and
        // drops its sender.
        let patience = async {
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(super::STOP_TIMEOUT / 2).await;
        };
        tokio::select! {
            () = publishing => {}
            () = patience => {}
        }
    };
    (publisher, running)
}

impl Publisher {
    /// Whether the broker takes messages now.
    pub(super) fn ready(&self) -> bool {
        self.readiness.publishing()
    }

    /// Sends messages and gives, for each, whether the broker keeps it, or why it does not.
    pub(super) async fn publish(&self, envelopes: Vec<Envelope>) -> Vec<Sent> {
        let mut answers = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let (answer, answered) = oneshot::channel();
            // A task that is gone drops the sender of the answer, which says the same.
            let _ = self.jobs.send(Job { envelope, answer }).await;
            answers.push(answered);
        }
        join_all(answers)
            .await
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|_| Err("the program is stopping".to_owned())))
            .collect()
    }
}

async fn publish_for_ever(
    url: &BrokerUrl,
    due: &Due,
    readiness: &Readiness,
    queue: &mut mpsc::Receiver<Job>,
) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match url
            .connect("relay", async |channel| channel.confirm_select(ConfirmSelectOptions::default()).await)
            .await
        {
            Ok((connection, channel, ())) => {
                log::info!("messages go through the broker {url:?}");
                pause = SHORTEST_PAUSE;
                readiness.set_publishing(true);
                due.look_everywhere();
                let ended = publish_on(&connection, &channel, readiness, due, queue).await;
                readiness.set_publishing(false);
                close(connection).await;
                match ended {
                    Ended::NoMoreJobs => return,
                    Ended::Lost(reason) => log::warn!("messages wait for the broker {url:?}: {reason}"),
                }
            }
            Err(error) => log::warn!("messages wait for the broker {url:?}: {error}"),
        }
        refuse_for(pause, queue).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Answers what was handed over before anybody knew that there is no broker.
async fn refuse_for(pause: Duration, queue: &mut mpsc::Receiver<Job>) {
    let refusing = async {
        while let Some(job) = queue.recv().await {
            let _ = job.answer.send(Err("there is no connection to the broker".to_owned()));
        }
        // Nobody will ever hand over anything again.
        std::future::pending::<()>().await;
    };
    let _ = tokio::time::timeout(pause, refusing).await;
}

enum Ended {
    NoMoreJobs,
    Lost(String),
}

/// Publishes on one connection for as long as it lasts.
async fn publish_on(
    connection: &Connection,
    channel: &Channel,
    readiness: &Readiness,
    due: &Due,
    queue: &mut mpsc::Receiver<Job>,
) -> Ended {
    let mut events = connection.events_listener();
    let mut jobs = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            event = events.next() => match event {
                // It refuses new messages because it is out of memory or of disk.
                Some(Event::ConnectionBlocked(reason)) => {
                    log::warn!("messages wait, as the broker takes none: {reason}");
                    readiness.set_publishing(false);
                }
                Some(Event::ConnectionUnblocked) => {
                    log::info!("the broker takes messages again");
                    readiness.set_publishing(true);
                    due.look_everywhere();
                }
                Some(Event::Error(error)) => return Ended::Lost(error.to_string()),
                Some(_) => {}
                None => return Ended::Lost("the connection ended".to_owned()),
            },
            received = queue.recv_many(&mut jobs, BATCH) => {
                if received == 0 {
                    return Ended::NoMoreJobs;
                }
                let batch = std::mem::take(&mut jobs);
                let sent = match tokio::time::timeout(CONFIRM_TIMEOUT, send(channel, &batch)).await {
                    Ok(sent) => sent,
                    Err(_) => {
                        // What is still confirmed later would be taken for the answer to the next batch.
                        let reason = if connection.status().blocked() { "the broker takes no messages: it \
                            is out of memory or of disk" } else { "the broker did not confirm in time" };
                        answer(batch, std::iter::repeat(Err(reason.to_owned())));
                        return Ended::Lost(reason.to_owned());
                    }
                };
                answer(batch, sent);
                if !channel.status().connected() {
                    return Ended::Lost("the channel was closed".to_owned());
                }
            }
        }
    }
}

fn answer(batch: Vec<Job>, sent: impl IntoIterator<Item = Sent>) {
    for (job, sent) in batch.into_iter().zip(sent) {
        let _ = job.answer.send(sent);
    }
}

/// Publishes a batch and waits for the answers to all of it.
async fn send(channel: &Channel, batch: &[Job]) -> Vec<Sent> {
    let mut confirmations = Vec::with_capacity(batch.len());
    for job in batch {
        confirmations.push(publish(channel, &job.envelope).await);
    }
    let confirmations = join_all(confirmations.into_iter().map(|published| async { published?.await })).await;
    let mut results = Vec::with_capacity(batch.len());
    let mut returned = BTreeSet::new();
    for confirmation in confirmations {
        let (result, back) = match confirmation {
            Ok(Confirmation::Ack(None)) => (Ok(()), None),
            Ok(Confirmation::Ack(back @ Some(_))) => (Err("the broker has no queue for it".to_owned()), back),
            Ok(Confirmation::Nack(back)) => (Err("the broker refused it".to_owned()), back),
            Ok(Confirmation::NotRequested) => (Err("the broker confirms nothing".to_owned()), None),
            Err(error) => (Err(error.to_string()), None),
        };
        let name = back.and_then(|back| {
            back.delivery.properties.message_id().as_ref().map(|name| name.as_str().to_owned())
        });
        returned.extend(name);
        results.push(result);
    }
    for (job, result) in batch.iter().zip(&mut results) {
        if returned.contains(&job.envelope.name()) {
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
