//! Takes messages from the broker and handles them. The broker gets its acknowledgement after the row is
//! written: a message that is cut off in between is delivered again, and handling it again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::amqp::{BrokerError, QUEUE, close};
use super::attempt::{AttemptOutcome, attempt};
use super::counters::MessageCounters;
use super::envelope::Envelope;
use super::readiness::Readiness;
use super::retry::{Pauses, pauses_of_held_message};
use crate::db::Database;
use crate::log_context::LogContext;
use crate::settings::BrokerUrl;
use crate::store::{DeliveryState, Message};

/// Messages that this process has at a time. They are handled concurrently, so this also bounds its database
/// connections.
const PREFETCH: u16 = 16;
/// How long an acknowledgement may take. lapin never completes one that meets the end of its connection.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the deliveries of all connections share.
#[derive(Clone)]
struct Consumer {
    database: Database,
    counters: Arc<MessageCounters>,
    stopped: watch::Receiver<bool>,
}

/// Consumes until a stop is requested; reconnects by itself.
pub(super) async fn run(
    url: BrokerUrl,
    database: Database,
    counters: Arc<MessageCounters>,
    readiness: Arc<Readiness>,
    mut stopped: watch::Receiver<bool>,
) {
    let consumer = Consumer { database, counters, stopped: stopped.clone() };
    let mut pauses = Pauses::of_connections();
    loop {
        match consumer.consume(&url, &readiness).await {
            Ok(()) => pauses.reset(),
            Err(error) => log::debug!("no messages are taken from the broker: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(pauses.next()) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// How a delivery ends at the broker.
enum Settlement {
    /// The broker removes the message.
    Acknowledge,
    /// The broker moves the message to the dead-letter queue.
    DeadLetter,
    /// The broker delivers the message again later.
    Requeue,
}

impl Consumer {
    /// Consumes on one connection until the connection ends or a stop is requested.
    async fn consume(&self, url: &BrokerUrl, readiness: &Readiness) -> Result<(), BrokerError> {
        let start = async |channel: &lapin::Channel| {
            channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default()).await
        };
        // Deliveries can be settled only as long as the channel exists.
        let (connection, _channel, mut deliveries) = url.connect("worker", start).await?;
        let _consuming = readiness.consuming();
        let mut in_progress = JoinSet::new();
        self.settle_all(&mut deliveries, &mut in_progress).await;
        // The broker requeues messages that were not begun when the connection closes. Messages in progress
        // are finished: before a stop they are waited for, otherwise the next connection takes messages
        // meanwhile.
        if *self.stopped.borrow() {
            while in_progress.join_next().await.is_some() {}
        }
        in_progress.detach_all();
        close(connection).await;
        Ok(())
    }

    async fn settle_all(&self, deliveries: &mut lapin::Consumer, in_progress: &mut JoinSet<()>) {
        let mut stopped = self.stopped.clone();
        loop {
            tokio::select! {
                delivery = deliveries.next() => match delivery {
                    Some(Ok(delivery)) => {
                        let consumer = self.clone();
                        in_progress.spawn(async move { consumer.settle(delivery).await });
                    }
                    Some(Err(error)) => {
                        log::debug!("the connection to the broker ended: {error}");
                        return;
                    }
                    None => return,
                },
                Some(_) = in_progress.join_next() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    async fn settle(&self, delivery: Delivery) {
        let settlement = match Envelope::parse(&delivery.data) {
            Some(envelope) => {
                let context = LogContext::of_message(envelope.tenant(), envelope.message_id);
                context.scope(self.handle(&envelope)).await
            }
            None => {
                log::error!("a message that cannot be read goes to the dead letters");
                Settlement::DeadLetter
            }
        };
        let settling = async {
            match settlement {
                Settlement::Acknowledge => delivery.ack(BasicAckOptions::default()).await,
                Settlement::DeadLetter => delivery.reject(BasicRejectOptions { requeue: false }).await,
                Settlement::Requeue => {
                    delivery.nack(BasicNackOptions { requeue: true, multiple: false }).await
                }
            }
        };
        match tokio::time::timeout(SETTLE_TIMEOUT, settling).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                log::debug!("a message was not acknowledged, and the broker will deliver it again: {error}");
            }
            Err(_) => log::debug!("an acknowledgement was not answered; the broker may deliver it again"),
        }
    }

    /// Handles a message. While the database is unavailable it is tried several times, before the broker gets
    /// it back and delivers another message.
    async fn handle(&self, envelope: &Envelope) -> Settlement {
        for pause in pauses_of_held_message() {
            if let Some(settlement) = self.try_to_handle(envelope).await {
                return settlement;
            }
            if *self.stopped.borrow() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Settlement::Requeue
    }

    /// None while the database is unavailable.
    async fn try_to_handle(&self, envelope: &Envelope) -> Option<Settlement> {
        let tenant = envelope.tenant();
        let message: Message = match self.database.tenant(tenant).message(envelope.message_id).await {
            Ok(Some(message)) => message,
            Ok(None) => {
                log::error!("message {} has no row and goes to the dead letters", envelope.name());
                return Some(Settlement::DeadLetter);
            }
            Err(_) => return None,
        };
        // A copy of a failed message is in the dead-letter queue already.
        if matches!(message.state, DeliveryState::Acknowledged | DeliveryState::Failed) {
            return Some(Settlement::Acknowledge);
        }
        let outcome = attempt(&self.database, tenant, &message).await;
        self.counters.count_attempt(&outcome);
        match outcome {
            // After a failure the relay publishes the message again.
            AttemptOutcome::Done | AttemptOutcome::Failed => Some(Settlement::Acknowledge),
            AttemptOutcome::GivenUp => Some(Settlement::DeadLetter),
            AttemptOutcome::Unavailable => None,
        }
    }
}
