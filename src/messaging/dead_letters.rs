//! The broker's dead-letter queue. It holds copies of messages that failed for good, whose rows have the
//! reason, and messages without a row that no consumer could read.

use lapin::options::{BasicGetOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use serde::Serialize;

use super::amqp::{BrokerError, DEAD_QUEUE, close};
use super::envelope::Envelope;
use crate::settings::BrokerUrl;

/// Characters of an unreadable message that are shown.
const TEXT_LIMIT: usize = 200;

/// A message of the dead-letter queue.
#[derive(Debug, Serialize)]
pub struct DeadLetter {
    /// `tenant/message`, if it can be read.
    pub name: Option<String>,
    /// The first characters.
    pub text: String,
}

/// The length of the queue.
///
/// # Errors
/// [`BrokerError`].
pub async fn dead_letter_count(url: &BrokerUrl) -> Result<u32, BrokerError> {
    let passive = QueueDeclareOptions { passive: true, durable: true, ..Default::default() };
    let declaring = url.connect("messages", async |channel| {
        channel.queue_declare(DEAD_QUEUE.into(), passive, FieldTable::default()).await
    });
    let (connection, _, queue) = declaring.await?;
    close(connection).await;
    Ok(queue.message_count())
}

/// Up to `limit` messages, which stay in the queue.
///
/// # Errors
/// [`BrokerError`].
pub async fn dead_letters(url: &BrokerUrl, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
    let read = async |channel: &lapin::Channel| {
        let mut letters = Vec::new();
        while letters.len() < limit {
            let Some(message) = channel.basic_get(DEAD_QUEUE.into(), BasicGetOptions::default()).await?
            else {
                break;
            };
            let text = String::from_utf8_lossy(&message.delivery.data);
            let text = text.chars().filter(|character| !character.is_control()).take(TEXT_LIMIT).collect();
            letters.push(DeadLetter {
                name: Envelope::parse(&message.delivery.data).map(|envelope| envelope.name()),
                text,
            });
        }
        Ok(letters)
    };
    let (connection, _, letters) = url.connect("messages", read).await?;
    // Messages that were not acknowledged return to the queue when the connection ends.
    close(connection).await;
    Ok(letters)
}

/// Empties the queue and gives the number of its messages. Rows of failed messages stay.
///
/// # Errors
/// [`BrokerError`].
pub async fn purge_dead_letters(url: &BrokerUrl) -> Result<u32, BrokerError> {
    let purging = url.connect("messages", async |channel| {
        channel.queue_purge(DEAD_QUEUE.into(), QueuePurgeOptions::default()).await
    });
    let (connection, _, removed) = purging.await?;
    close(connection).await;
    Ok(removed)
}
