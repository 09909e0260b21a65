//! Connections to the broker (RabbitMQ, AMQP 0-9-1). Exchanges, queues and bindings are declared at each
//! connection, so a new broker needs no preparation.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use super::kinds;
use crate::settings::BrokerUrl;

/// The relay publishes to it.
pub(super) const EXCHANGE: &str = "pigeonhole";
/// Consumers take from it.
pub(super) const QUEUE: &str = "pigeonhole.insert_to_shared";
/// Takes the messages that a consumer rejects.
const DEAD_EXCHANGE: &str = "pigeonhole.dead";
/// Keeps the messages of [`DEAD_EXCHANGE`].
pub(super) const DEAD_QUEUE: &str = "pigeonhole.dead";

/// From the TCP connection to the declared queues.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds between heartbeats. A connection without them ends.
const HEARTBEAT: u16 = 10;

/// Why the broker did not do something.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It refused, or the connection ended.
    #[error("the broker: {0}")]
    Lapin(#[from] lapin::Error),
    /// It did not answer in time.
    #[error("the broker does not answer")]
    TimedOut,
}

impl BrokerUrl {
    /// Connects, declares exchanges and queues, and runs `start`. One timeout is over all of it, as a broker
    /// that is starting accepts connections and answers late.
    pub(super) async fn connect<T>(
        &self,
        purpose: &str,
        start: impl AsyncFnOnce(&Channel) -> Result<T, lapin::Error>,
    ) -> Result<(Connection, Channel, T), BrokerError> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("pigeonhole {purpose}").into());
        let mut uri = self.uri().clone();
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let connecting = async {
            let connection = Connection::connect_uri(uri, properties).await?;
            let channel = connection.create_channel().await?;
            declare(&channel).await?;
            let started = start(&channel).await?;
            Ok((connection, channel, started))
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| BrokerError::TimedOut)?
    }
}

async fn declare(channel: &Channel) -> Result<(), BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    for exchange in [EXCHANGE, DEAD_EXCHANGE] {
        channel
            .exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default())
            .await?;
    }
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    // Classic queues, which write to disk before they confirm. A quorum queue of RabbitMQ 3.10 had no leader
    // and took nothing for minutes after its only broker was killed. Rows are due again, so replicas are not
    // needed.
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    channel.queue_declare(DEAD_QUEUE.into(), durable, arguments.clone()).await?;
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD_EXCHANGE.into()));
    channel.queue_declare(QUEUE.into(), durable, arguments).await?;
    let bind = async |queue: &str, exchange: &str, key: &str| {
        channel
            .queue_bind(
                queue.into(),
                exchange.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
    };
    bind(DEAD_QUEUE, DEAD_EXCHANGE, "#").await?;
    for name in kinds::NAMES {
        bind(QUEUE, EXCHANGE, name).await?;
    }
    Ok(())
}

/// Closes a connection. A broker that does not answer is waited for one second.
pub(super) async fn close(connection: Connection) {
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "done".into())).await;
}
