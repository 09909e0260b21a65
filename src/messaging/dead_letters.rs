//! What lies in the broker's dead-letter queue: copies of messages that failed for good, whose rows say why,
//! and messages that nobody could read, which have no row.

use lapin::options::{BasicGetOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use serde::Serialize;

use super::amqp::{BrokerError, BrokerUrl, DEAD_QUEUE, close};
use super::envelope::Envelope;

/// The longest beginning of an unreadable message that is shown.
const SHOWN: usize = 200;

/// One of them.
#[derive(Debug, Serialize)]
pub struct DeadLetter {
    /// tenant/message, where it can be read.
    pub name: Option<String>,
    /// The beginning of what is in it, where it cannot.
    pub text: String,
}

/// How many there are.
///
/// # Errors
/// [`BrokerError`].
pub async fn dead_letter_count(url: &BrokerUrl) -> Result<u32, BrokerError> {
    let passive = QueueDeclareOptions { passive: true, durable: true, ..Default::default() };
    let looked = url.connect("messages", async |channel| {
        channel.queue_declare(DEAD_QUEUE.into(), passive, FieldTable::default()).await
    });
    let (connection, _, queue) = looked.await?;
    close(connection).await;
    Ok(queue.message_count())
}

/// Up to `limit` of them; they stay where they are.
///
/// # Errors
/// [`BrokerError`].
pub async fn dead_letters(url: &BrokerUrl, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
    let look = async |channel: &lapin::Channel| {
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(message) = channel.basic_get(DEAD_QUEUE.into(), BasicGetOptions::default()).await?
            else {
                break;
            };
            let text = String::from_utf8_lossy(&message.delivery.data);
            let text = text.chars().filter(|character| !character.is_control()).take(SHOWN).collect();
            found.push(DeadLetter {
                name: Envelope::parse(&message.delivery.data).map(|envelope| envelope.name()),
                text,
            });
        }
        Ok(found)
    };
    let (connection, _, found) = url.connect("messages", look).await?;
    // What was taken and not acknowledged goes back with the connection.
    close(connection).await;
    Ok(found)
}

/// Empties the queue and gives how many there were. Rows of failed messages stay.
///
/// # Errors
/// [`BrokerError`].
pub async fn purge_dead_letters(url: &BrokerUrl) -> Result<u32, BrokerError> {
    let purged = url.connect("messages", async |channel| {
        channel.queue_purge(DEAD_QUEUE.into(), QueuePurgeOptions::default()).await
    });
    let (connection, _, removed) = purged.await?;
    close(connection).await;
    Ok(removed)
}
