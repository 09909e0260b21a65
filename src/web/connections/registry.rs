//! The open connections of a process: how many there may be, of each client and in all, and which one gives
//! way to a new one: one that is idle, or one that waits for its client to send or to take a body.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::task::AtomicWaker;

use super::counts::{ConnectionEvent, EVENTS, EventCounts};
use crate::domain::ClientNetwork;
use crate::settings::Networks;

/// A connection is busy with a request.
const BUSY: u64 = u64::MAX;
/// Added to the time since which a connection waits for its client amid a request: idle ones give way first.
const WAITING: u64 = 1 << 62;

/// All open connections of one server.
pub struct Connections {
    limits: ConnectionLimits,
    started: Instant,
    open: Mutex<OpenConnections>,
    counts: EventCounts,
}

/// How many connections there may be.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// Of one client: an IPv4 address, or an IPv6 network of 64 bits.
    pub per_client: usize,
    /// Proxies, which bring the connections of many clients.
    pub trusted: Networks,
}

#[derive(Default)]
struct OpenConnections {
    by_client: HashMap<ClientNetwork, Vec<Arc<OpenConnection>>>,
    total: usize,
}

/// What the registry knows of a connection.
pub(super) struct OpenConnection {
    client: ClientNetwork,
    /// Milliseconds after the start of the registry, with [`WAITING`] amid a request; or [`BUSY`].
    idle_since: AtomicU64,
    evicted: AtomicBool,
    task: AtomicWaker,
}

impl Connections {
    /// A registry of no connections.
    pub fn new(limits: ConnectionLimits) -> Self {
        let counts = EventCounts::default();
        Self { limits, started: Instant::now(), open: Mutex::default(), counts }
    }

    /// The limits.
    pub fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// The name of each event and how often it happened.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EVENTS.iter().map(|(_, name)| *name).zip(self.counts.all())
    }

    pub(super) fn count(&self, event: ConnectionEvent, client: &ClientNetwork) {
        self.counts.add(event, &client.to_string());
    }

    /// Takes a new connection in; none when there are too many. When the process has as many as it may have,
    /// the connection that was idle longest, of the client with the most connections, is closed instead; if
    /// none is idle, the one that waits longest for that client amid a request.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<AdmittedConnection> {
        let client = ClientNetwork::of(peer);
        let limited = !self.limits.trusted.contains(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.by_client.get(&client).map_or(0, Vec::len);
        if limited && held >= self.limits.per_client {
            drop(open);
            self.count(ConnectionEvent::AddressLimit, &client);
            return None;
        }
        let evicted = if open.total >= self.limits.total { open.evict_after(held) } else { None };
        if open.total >= self.limits.total {
            drop(open);
            self.count(ConnectionEvent::TotalLimit, &client);
            return None;
        }
        let entry = Arc::new(OpenConnection {
            client,
            idle_since: AtomicU64::new(self.now()),
            evicted: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        open.by_client.entry(client).or_default().push(entry.clone());
        open.total += 1;
        drop(open);
        if let Some(evicted) = evicted {
            self.count(ConnectionEvent::Evicted, &evicted.client);
            evicted.evicted.store(true, SeqCst);
            evicted.task.wake();
        }
        Some(AdmittedConnection { registry: self.clone(), entry, limited })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(BUSY - 1)
    }
}

impl OpenConnections {
    /// Takes out the connection that was idle longest, of the client with the most connections, if that
    /// client has more than `held`: of two clients with as many, neither takes from the other.
    fn evict_after(&mut self, held: usize) -> Option<Arc<OpenConnection>> {
        let mut clients: Vec<_> = self.by_client.values().filter(|list| list.len() > held).collect();
        clients.sort_by_key(|list| std::cmp::Reverse(list.len()));
        let idle = clients.into_iter().find_map(|list| {
            let entries = list.iter().map(|entry| (entry.idle_since.load(SeqCst), entry));
            entries
                .filter(|(since, _)| *since != BUSY)
                .min_by_key(|(since, _)| *since)
                .map(|(_, e)| e.clone())
        })?;
        self.remove(&idle);
        Some(idle)
    }

    fn remove(&mut self, entry: &Arc<OpenConnection>) {
        let Some(list) = self.by_client.get_mut(&entry.client) else { return };
        let Some(at) = list.iter().position(|other| Arc::ptr_eq(other, entry)) else { return };
        list.swap_remove(at);
        if list.is_empty() {
            self.by_client.remove(&entry.client);
        }
        self.total -= 1;
    }
}

/// A connection that counts as open until it is dropped.
pub(super) struct AdmittedConnection {
    registry: Arc<Connections>,
    entry: Arc<OpenConnection>,
    /// Whether the client is none of the trusted proxies.
    limited: bool,
}

impl AdmittedConnection {
    /// Notes that a request begins, or ends.
    pub(super) fn set_busy(&self, busy: bool) {
        self.entry.idle_since.store(if busy { BUSY } else { self.registry.now() }, SeqCst);
    }

    /// Notes that the request goes on when its client has sent or taken more.
    pub(super) fn set_waiting(&self) {
        if self.entry.idle_since.load(SeqCst) == BUSY {
            self.entry.idle_since.store(self.registry.now() | WAITING, SeqCst);
        }
    }

    /// Notes that its client has sent or taken more.
    pub(super) fn end_waiting(&self) {
        let since = self.entry.idle_since.load(SeqCst);
        if since != BUSY && since & WAITING != 0 {
            self.entry.idle_since.store(BUSY, SeqCst);
        }
    }

    /// The client, unless it is a trusted proxy, which brings the requests of many clients.
    pub(super) fn client(&self) -> Option<ClientNetwork> {
        self.limited.then_some(self.entry.client)
    }

    /// Whether the connection has to be closed in favour of another; if not, `task` is woken when it has to.
    pub(super) fn is_evicted(&self, task: &std::task::Waker) -> bool {
        self.entry.task.register(task);
        self.entry.evicted.load(SeqCst)
    }

    /// Counts an event of this connection.
    pub(super) fn count(&self, event: ConnectionEvent) {
        self.registry.count(event, &self.entry.client);
    }
}

impl Drop for AdmittedConnection {
    fn drop(&mut self) {
        self.registry.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(total: usize, per_client: usize) -> Arc<Connections> {
        let trusted = "10.0.0.0/8".parse().expect("networks");
        Arc::new(Connections::new(ConnectionLimits { total, per_client, trusted }))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_client_has_a_limit_and_a_trusted_proxy_has_none() {
        let registry = registry(10, 2);
        let admit = |text: &str| registry.admit(address(text));
        let first = (admit("192.0.2.1"), admit("192.0.2.1"));
        assert!(first.0.is_some() && first.1.is_some() && admit("192.0.2.1").is_none());
        let network = (admit("2001:db8::1"), admit("2001:db8::2"));
        assert!(network.1.is_some() && admit("2001:db8::3").is_none() && admit("2001:db8:0:1::").is_some());
        let proxy: Vec<_> = (0..5).map(|_| admit("10.0.0.1")).collect();
        assert!(proxy.iter().all(Option::is_some));
        assert_eq!(registry.open(), 9);
        drop(first);
        assert_eq!(registry.open(), 7);
        assert!(admit("192.0.2.1").is_some());
    }

    #[test]
    fn the_longest_idle_connection_of_the_largest_client_gives_way() {
        let registry = registry(3, 3);
        let admit = |text: &str| registry.admit(address(text));
        let busy = admit("192.0.2.1").expect("the first");
        busy.set_busy(true);
        let idle = admit("192.0.2.1").expect("the second");
        let other = admit("192.0.2.1").expect("the third");
        let waker = futures_util::task::noop_waker();
        let newcomer = admit("192.0.2.2").expect("it takes the place of another");
        assert!(idle.is_evicted(&waker) != other.is_evicted(&waker) && !busy.is_evicted(&waker));
        assert_eq!(registry.open(), 3);
        idle.set_busy(true);
        other.set_busy(true);
        newcomer.set_busy(true);
        assert!(admit("192.0.2.3").is_none(), "all are busy");
        busy.set_waiting();
        assert!(admit("192.0.2.2").is_some() && busy.is_evicted(&waker), "its client sends too slowly");
        drop((busy, idle, other, newcomer));
        assert_eq!(registry.open(), 0);
    }
}
