//! The broker: where it is, and what must be there. Exchanges, queues and bindings are declared at each
//! connection, so an empty broker will do.

use std::fmt;
use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use super::handlers::ROUTES;

/// Where messages are sent.
pub(super) const EXCHANGE: &str = "pigeonhole";
/// Where they wait for a consumer.
pub(super) const QUEUE: &str = "pigeonhole.insert_to_shared";
/// Where those go that a consumer rejects.
const DEAD_EXCHANGE: &str = "pigeonhole.dead";
/// Where these stay.
pub(super) const DEAD_QUEUE: &str = "pigeonhole.dead";

/// The longest that a connection may take until it can be used.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds between signs of life; a broker that is silent for longer counts as gone.
const HEARTBEAT: u16 = 10;

/// What a broker could not do.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It said no, or the connection ended.
    #[error("the broker: {0}")]
    Lapin(#[from] lapin::Error),
    /// It said nothing.
    #[error("the broker does not answer")]
    Silent,
}

/// The address of a broker, with a password in it that is not shown.
#[derive(Clone)]
pub struct BrokerUrl(AMQPUri);

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "amqp://{}:{}", self.0.authority.host, self.0.authority.port)
    }
}

impl BrokerUrl {
    /// Reads `amqp://user:password@host:5672/vhost`.
    ///
    /// # Errors
    /// What is wrong with it, without its password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let mut uri: AMQPUri =
            url.parse().map_err(|_| "is no URL such as amqp://user:password@host:5672/vhost")?;
        if uri.scheme == AMQPScheme::AMQPS {
            return Err(
                "asks for TLS, which is not supported yet: keep the broker on the same machine or on a \
                 network that you trust",
            );
        }
        // No path and an empty one both mean the vhost that every broker has.
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned();
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self(uri))
    }

    /// The password, to compare it with those that everybody knows.
    pub fn password(&self) -> &str {
        &self.0.authority.userinfo.password
    }

    /// Connects, sees to it that everything is there, and begins with `start`; all of it within one patience,
    /// as a broker that is coming up accepts much and answers late.
    pub(super) async fn connect<T>(
        &self,
        purpose: &str,
        start: impl AsyncFnOnce(&Channel) -> Result<T, lapin::Error>,
    ) -> Result<(Connection, Channel, T), BrokerError> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("pigeonhole {purpose}").into());
        let connecting = async {
            let connection = Connection::connect_uri(self.0.clone(), properties).await?;
            let channel = connection.create_channel().await?;
            declare(&channel).await?;
            let started = start(&channel).await?;
            Ok((connection, channel, started))
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| BrokerError::Silent)?
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
    // Classic queues, on disk before they confirm: a quorum queue of RabbitMQ 3.10 was seen to have no
    // leader, and to take nothing, for minutes after its only broker was killed. Rows are due again, so
    // nothing depends on replicas.
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
    for route in ROUTES {
        bind(QUEUE, EXCHANGE, route).await?;
    }
    Ok(())
}

/// Ends a connection, without waiting long for a broker that does not answer.
pub(super) async fn close(connection: Connection) {
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "done".into())).await;
}
