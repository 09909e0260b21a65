//! The host and port of a node, as the other nodes know it.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::db;

/// The host and port of a node. Reads `worker-1:5432`, `[::1]:5432` and a host without a port (5432).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// The address as given, without a check.
    pub(crate) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// The first TCP address that a connection's settings name.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        config.get_hosts().iter().find_map(|host| match host {
            Host::Tcp(name) => Some(Self::new(name, port)),
            Host::Unix(_) => None,
        })
    }

    /// The host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port as Citus' functions take it.
    pub(crate) fn port(&self) -> i32 {
        i32::from(self.port)
    }

    /// Whether only processes on the same machine can connect to the address.
    pub(crate) fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// A copy of `config` that connects to this node.
    pub(crate) fn on(&self, config: &Config) -> Config {
        db::at(config, &self.host, self.port)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let invalid = || format!("{text:?} is not HOST:PORT such as worker-1:5432 or [::1]:5432");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(invalid)?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(invalid)?) })
            }
            None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(5432), str::parse).map_err(|_| invalid())?;
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || "/'\"\\,@".contains(c);
        if host.is_empty() || host.contains(forbidden) || port == 0 {
            Err(invalid())
        } else {
            Ok(Self::new(host, port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostPort;

    #[test]
    fn a_parsed_address_prints_as_it_was_written() {
        for text in ["worker-1:5433", "127.0.0.1:6000", "[::1]:5432"] {
            assert_eq!(text.parse::<HostPort>().expect(text).to_string(), text);
        }
        assert_eq!("worker-1".parse::<HostPort>().expect("a port by default").to_string(), "worker-1:5432");
        for text in ["", ":5432", "a:b", "a:0", "a b:1", "a:70000", "[::1:5432", "x'y:1"] {
            assert!(text.parse::<HostPort>().is_err(), "{text:?}");
        }
    }
}
