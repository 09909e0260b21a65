//! The scene of one attack: the target, the addresses, and the connections that the server holds.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use crate::addresses::Block;
use crate::client::Client;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::tally::Closing;

/// The files that this program needs beside the attackers' sockets.
const FILES_OF_OUR_OWN: u64 = 400;
/// States of /proc/net/tcp in which the server's process still has the socket: ESTABLISHED, CLOSE_WAIT.
const OPEN_STATES: [&str; 2] = ["01", "08"];

/// The attacked server.
#[derive(Clone, Debug)]
pub struct Target {
    /// Such as `http://127.0.0.1:5000`.
    pub base: String,
    /// The value of the header `Host`.
    pub host: String,
    pub address: SocketAddr,
    pub pid: Option<i32>,
    pub console: Option<String>,
    pub console_token: Option<String>,
    /// The folder with the data, and the log, of a server of our own.
    pub data: Option<PathBuf>,
    pub log: Option<PathBuf>,
}

/// One attack on a target.
pub struct Stage {
    pub target: Target,
    pub block: Block,
    factor: usize,
    preparations: AtomicUsize,
    /// The connections that this process may still open.
    left: AtomicUsize,
}

impl Target {
    /// The server that another person started. It must be on this machine.
    pub fn given(options: &Options) -> Outcome<Self> {
        let url = options.url.clone().ok_or("no --url")?;
        let target = Self::at(url)?;
        Ok(Self {
            pid: options.pid,
            console: options.console.clone(),
            console_token: options.console_token.clone(),
            ..target
        })
    }

    /// A server at this URL.
    pub fn at(base: String) -> Outcome<Self> {
        let parsed = url::Url::parse(&base)?;
        let name = parsed.host_str().ok_or("the URL has no host")?;
        let port = parsed.port_or_known_default().ok_or("the URL has no port")?;
        let address = (name, port).to_socket_addrs()?.find(SocketAddr::is_ipv4).ok_or("no IPv4 address")?;
        if parsed.scheme() != "http" || !address.ip().is_loopback() {
            return Err("only a server on this machine's loopback addresses, by http, is attacked".into());
        }
        let host = format!("{name}:{port}");
        let (pid, console, console_token, data, log) = (None, None, None, None, None);
        Ok(Self { base, host, address, pid, console, console_token, data, log })
    }
}

impl Stage {
    /// The scene of the attack with this index.
    pub fn new(target: Target, index: usize, factor: usize) -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let left = AtomicUsize::new(files.saturating_sub(FILES_OF_OUR_OWN) as usize);
        Self { target, block: Block::of(index), factor, preparations: AtomicUsize::new(0), left }
    }

    /// `number` times the factor.
    pub fn times(&self, number: usize) -> usize {
        number * self.factor
    }

    /// The same for connections, of which this process can only hold so many. They are taken from what is
    /// left, as the probes need files too.
    pub fn connections(&self, number: usize) -> usize {
        let wanted = self.times(number);
        let taken = |left: usize| Some(left.saturating_sub(wanted));
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).unwrap_or(0);
        wanted.min(before)
    }

    /// A client at this address.
    pub fn client(&self, address: Ipv4Addr) -> Outcome<Client> {
        Client::at(&self.target.base, address)
    }

    /// Another address for each preparation, so that none uses up a limit.
    pub fn preparation_address(&self) -> Ipv4Addr {
        self.block.preparation(self.preparations.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits until the server has closed all connections of attackers: `at_least` in any case, as others are
    /// observed meanwhile, and until the deadline at most.
    pub async fn until_closed(&self, at_least: Duration, deadline: Duration) -> Closing {
        let started = Instant::now();
        let mut closed_at = None;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let left = self.open_connections();
            let elapsed = started.elapsed();
            closed_at = if left == 0 { closed_at.or(Some(elapsed)) } else { None };
            if (left == 0 && elapsed >= at_least) || elapsed >= deadline {
                return Closing { after: closed_at, left, deadline };
            }
        }
    }

    /// The attackers' connections that the server has accepted and not closed. It does not see a server in
    /// another network namespace.
    pub fn open_connections(&self) -> usize {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        table.lines().skip(1).filter(|line| self.is_open(line)).count()
    }

    fn is_open(&self, line: &str) -> bool {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, _, _, _, _, _, inode, ..] = fields[..] else { return false };
        let port = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
        // The kernel writes the address as a number of the machine's byte order.
        let address = u32::from_str_radix(remote.split(':').next().unwrap_or_default(), 16).unwrap_or(0);
        let address = Ipv4Addr::from(address.to_ne_bytes());
        // A connection that waits to be accepted has no inode yet.
        inode != "0"
            && OPEN_STATES.contains(&state)
            && port(local) == Some(self.target.address.port())
            && self.block.is_attacker(address)
    }
}
