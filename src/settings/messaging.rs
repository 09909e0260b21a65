//! Settings of the delivery of messages.

use std::fmt;

use lapin::uri::{AMQPScheme, AMQPUri};

use super::error::{InvalidSetting, invalid};
use super::parsers;

/// How messages reach their handlers, and which process handles them.
#[derive(Clone, Debug, clap::Args)]
pub struct MessagingSettings {
    /// for worker (and serve with WORKER=on): amqp://user:password@host:5672/vhost of a RabbitMQ that
    /// messages go through
    ///
    /// Default: none: messages are handled by the process that finds them
    #[arg(long, env = "AMQP_URL", value_parser = BrokerUrl::parse)]
    pub broker: Option<BrokerUrl>,
    /// on or off: whether serve also does the work of pigeonhole worker; with off, a worker must run
    ///
    /// Default: on in development and with the embedded database, else off
    #[arg(long, env = "WORKER", value_parser = parsers::on_or_off)]
    pub(super) worker: Option<bool>,
}

impl MessagingSettings {
    pub(super) fn check(&self, production: bool) -> Result<(), InvalidSetting> {
        let password = self.broker.as_ref().map(BrokerUrl::password);
        if production
            && password.is_some_and(|known| known == "guest" || parsers::is_well_known(known.as_bytes()))
        {
            return invalid(
                "AMQP_URL carries a password that everybody knows; production needs one of its own",
            );
        }
        Ok(())
    }
}

/// The address of a message broker. Its `Debug` does not show the password.
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
        // A missing path and an empty one both mean the vhost that every broker has.
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned();
        }
        Ok(Self(uri))
    }

    /// The parsed URL, for a connection.
    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.0
    }

    fn password(&self) -> &str {
        &self.0.authority.userinfo.password
    }
}
