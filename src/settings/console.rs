//! Settings of the operator's console.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::{InvalidSetting, invalid};
use super::origins::Origins;
use super::parsers;
use super::secret::Secret;

/// The default of ADMIN_BIND for `worker`.
const WORKER_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5002);
/// The shortest ADMIN_TOKEN that is accepted, in bytes.
const TOKEN_LENGTH: usize = 32;

/// Where the operator's console listens, and how operators log in to it.
#[derive(Clone, Debug, clap::Args)]
pub struct ConsoleSettings {
    /// address and port of the operator's console and /metrics, or off; of /readyz and /metrics for worker;
    /// other addresses than loopback need ADMIN_TOKEN
    ///
    /// Default: 127.0.0.1:5001 (worker: 127.0.0.1:5002)
    #[arg(long, env = "ADMIN_BIND", default_value = "127.0.0.1:5001", value_parser = address_or_off)]
    admin_bind: AddressOrOff,
    /// Whether the address was set, and not left at its default.
    #[arg(skip)]
    pub admin_bind_is_set: bool,
    /// 32 characters or more that open the console; programs send it as a bearer token
    ///
    /// Default: none: everybody who can reach ADMIN_BIND is let in
    #[arg(long, env = "ADMIN_TOKEN")]
    pub admin_token: Option<Secret>,
    /// the origins by which operators open the console, comma separated
    ///
    /// Default: http://localhost and http://127.0.0.1 with the port of ADMIN_BIND
    #[arg(long, env = "ADMIN_ORIGIN", default_value = "")]
    pub admin_origins: Origins,
}

/// Not an `Option`, which clap takes for a setting that may be missing.
#[derive(Clone, Copy, Debug)]
enum AddressOrOff {
    Address(SocketAddr),
    Off,
}

fn address_or_off(text: &str) -> Result<AddressOrOff, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(AddressOrOff::Off);
    }
    parsers::address(text).map(AddressOrOff::Address)
}

impl ConsoleSettings {
    /// Where the console listens; `None` if it is off.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.admin_bind {
            AddressOrOff::Address(address) => Some(address),
            AddressOrOff::Off => None,
        }
    }

    /// Where a worker listens; `None` if ADMIN_BIND is off. Its default is another port, because the console
    /// of a `serve` on the same machine has 5001.
    pub fn worker_address(&self) -> Option<SocketAddr> {
        let address = self.address()?;
        Some(if self.admin_bind_is_set { address } else { WORKER_ADDRESS })
    }

    /// The origins of the console's pages when it listens on `port`.
    pub fn origins(&self, port: u16) -> BTreeSet<String> {
        self.admin_origins.or_local(port)
    }

    pub(super) fn check(&self) -> Result<(), InvalidSetting> {
        const ADVICE: &str = "for example from `openssl rand -hex 32`";
        let Some(address) = self.address() else { return Ok(()) };
        match &self.admin_token {
            None if !address.ip().is_loopback() => {
                invalid(format!("ADMIN_BIND is {address}, which others can reach: set ADMIN_TOKEN, {ADVICE}"))
            }
            Some(token) if token.expose().len() < TOKEN_LENGTH => invalid(format!(
                "ADMIN_TOKEN is too short; it needs {TOKEN_LENGTH} characters or more, {ADVICE}"
            )),
            _ => Ok(()),
        }
    }
}
