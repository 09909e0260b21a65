//! Password hashes: bcrypt over a keyed pre-hash. They run on blocking threads, at most one for each core at
//! a time, in the order of `hash_queue`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::hash_queue::{Core, Cores, HashTurn};
use super::name_turns::{NameTurn, NameTurns};
use crate::domain::{LoginPassword, NewPassword};
use crate::log_context::carry_blocking;

/// Salt and digest of a hash that no password has. Checking it for a user that does not exist takes the same
/// time as a real check.
const NO_PASSWORD: &str = "C6UzMDM.H6dfI/f/IKcEeO7Vr6Fp9BtdlwrUT9pn3nKiHwyAu5Zx6";

/// All cores are busy with hashes, and no core became free within the timeout, or the client has enough
/// hashes waiting.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Hasher {
    cost: u32,
    cores: Cores,
    names: NameTurns,
    queue: Arc<QueueCounters>,
}

/// Counters of the queue for the cores.
#[derive(Default)]
struct QueueCounters {
    cores: usize,
    most_waiting: AtomicU64,
    hashed: AtomicU64,
    refused: AtomicU64,
}

/// A snapshot of the queue of password hashes.
#[derive(Clone, Debug, Serialize)]
pub struct HashQueue {
    /// The most hashes that are computed at a time.
    pub cores: usize,
    pub running: usize,
    pub waiting: u64,
    /// Hashes that got a core, since the start.
    pub hashed: u64,
    /// Hashes that timed out waiting for a core, since the start.
    pub refused: u64,
}

impl Hasher {
    /// A hasher with this bcrypt cost, 4 to 31; each step doubles the time of a hash.
    pub fn with_cost(cost: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cost,
            cores: Cores::new(cores),
            names: NameTurns::default(),
            queue: Arc::new(QueueCounters { cores, ..QueueCounters::default() }),
        }
    }

    /// A snapshot of the queue.
    pub fn queue(&self) -> HashQueue {
        HashQueue {
            cores: self.queue.cores,
            running: self.queue.cores.saturating_sub(self.cores.free()),
            waiting: self.cores.waiting() as u64,
            hashed: self.queue.hashed.load(Relaxed),
            refused: self.queue.refused.load(Relaxed),
        }
    }

    /// The most hashes that waited at a time, since the last call.
    pub fn take_most_waiting(&self) -> u64 {
        self.queue.most_waiting.swap(self.cores.waiting() as u64, Relaxed)
    }

    /// Waits until no other login of the name with this key is being checked. A login keeps the turn while
    /// its hashes are computed.
    ///
    /// # Errors
    /// [`Busy`] when its turn does not come in time.
    pub async fn turn_of_name(&self, key: [u8; 32], turn: HashTurn) -> Result<NameTurn, Busy> {
        self.names.take(key, turn).await.map_err(|_| self.refuse())
    }

    /// The hash of a new password, to be stored.
    ///
    /// # Errors
    /// [`Busy`] when no core becomes free in time.
    pub async fn hash(&self, turn: HashTurn, password: &NewPassword) -> Result<String, Busy> {
        let (digest, cost) = (prehash(password.expose()), self.cost);
        let core = self.core(turn).await?;
        let (hash, _) = self.on_core(core, move || bcrypt::hash(digest, cost)).await?;
        hash.map_err(|error| {
            log::error!("bcrypt could not hash: {error}");
            Busy
        })
    }

    /// Whether `password` belongs to `hash`. One hash is computed in any case, also when there is no user and
    /// when the stored hash is corrupt, so that the response time reveals nothing.
    ///
    /// # Errors
    /// [`Busy`] when no core becomes free in time.
    pub async fn verify(
        &self,
        turn: HashTurn,
        password: &LoginPassword,
        hash: Option<&str>,
    ) -> Result<bool, Busy> {
        Ok(self.verify_each(turn, password, vec![hash.map(str::to_owned)]).await? == [true])
    }

    /// To which of `hashes` `password` belongs. One hash is computed for each entry, also for none and for a
    /// corrupt one, so that the response time depends on their number only. They take one turn, in which
    /// known browsers go before the next hash.
    ///
    /// # Errors
    /// [`Busy`] when no core becomes free in time.
    pub async fn verify_each(
        &self,
        turn: HashTurn,
        password: &LoginPassword,
        hashes: Vec<Option<String>>,
    ) -> Result<Vec<bool>, Busy> {
        let (digest, cost) = (Arc::<str>::from(prehash(password.expose())), self.cost);
        let (mut fits, mut core) = (Vec::with_capacity(hashes.len()), self.core(turn).await?);
        for (place, hash) in hashes.into_iter().enumerate() {
            if place > 0 && matches!(turn, HashTurn::Address(_)) {
                core = core.yield_to_known().await;
            }
            let digest = Arc::clone(&digest);
            let check = move || verify_one(&digest, cost, hash.as_deref());
            let (fit, kept) = self.on_core(core, check).await?;
            fits.push(fit);
            core = kept;
        }
        Ok(fits)
    }

    /// A hash with the current cost of a password that was just checked; none when `hash` has that cost
    /// already.
    pub async fn refresh(&self, turn: HashTurn, password: &LoginPassword, hash: &str) -> Option<String> {
        if cost_of(hash) == Some(self.cost) {
            return None;
        }
        let (digest, cost) = (prehash(password.expose()), self.cost);
        let core = self.core(turn).await.ok()?;
        self.on_core(core, move || bcrypt::hash(digest, cost)).await.ok()?.0.ok()
    }

    /// Waits for a core.
    async fn core(&self, turn: HashTurn) -> Result<Core, Busy> {
        let entered = |waiting: usize| {
            self.queue.most_waiting.fetch_max(waiting as u64, Relaxed);
        };
        self.cores.take(turn, entered).await.map_err(|_| self.refuse())
    }

    fn refuse(&self) -> Busy {
        self.queue.refused.fetch_add(1, Relaxed);
        Busy
    }

    /// Computes one hash, and gives the core back with it.
    async fn on_core<T: Send + 'static>(
        &self,
        core: Core,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Core), Busy> {
        self.queue.hashed.fetch_add(1, Relaxed);
        // The core moves into the closure: a client that disconnects must not free a core that is still
        // hashing.
        let work = move || (work(), core);
        tokio::task::spawn_blocking(carry_blocking(work)).await.map_err(|_| Busy)
    }
}

fn verify_one(digest: &str, cost: u32, hash: Option<&str>) -> bool {
    let stored = hash.filter(|hash| cost_of(hash).is_some());
    if hash.is_some() && stored.is_none() {
        log::error!("a stored password hash is corrupt; its user cannot log in");
    }
    let matches = match stored {
        Some(stored) => bcrypt::verify(digest, stored),
        None => bcrypt::verify(digest, &hash_of_no_password(cost)).map(|_| false),
    };
    matches.unwrap_or(false)
}

/// bcrypt reads at most 72 bytes and stops at NUL. Hashing first keeps every byte of a long password, and the
/// fixed key keeps these hashes different from plain SHA-256. The key is public and cannot be lost.
fn prehash(password: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(b"pigeonhole password v1").expect("HMAC takes a key of any length");
    mac.update(password);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn hash_of_no_password(cost: u32) -> String {
    format!("$2b${cost:02}${NO_PASSWORD}")
}

/// The cost of a hash; none for a malformed one.
fn cost_of(hash: &str) -> Option<u32> {
    if hash.len() != 60 || !hash.is_ascii() {
        return None;
    }
    hash.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: HashTurn = HashTurn::Address(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)));

    #[tokio::test]
    async fn every_byte_of_a_long_password_is_checked() {
        let hasher = Hasher::with_cost(12);
        let long = "x".repeat(100);
        let hash = hasher.hash(HERE, &NewPassword::parse(&long).expect("valid")).await.expect("a free core");
        assert!(hash.starts_with("$2b$12$"));
        let typed = |text: &str| LoginPassword::parse(text).expect("valid");
        assert!(hasher.verify(HERE, &typed(&long), Some(&hash)).await.expect("a free core"));
        let other = format!("{}y", &long[..99]);
        assert!(!hasher.verify(HERE, &typed(&other), Some(&hash)).await.expect("a free core"));
    }

    #[tokio::test]
    async fn no_user_and_a_corrupt_hash_are_refused() {
        let hasher = Hasher::with_cost(12);
        let password = LoginPassword::parse("testpass").expect("valid");
        for hash in [None, Some("é".repeat(30)), Some("$2b$12$short".to_owned()), Some(String::new())] {
            assert!(!hasher.verify(HERE, &password, hash.as_deref()).await.expect("a free core"));
        }
        for cost in [10, 12, 16] {
            assert_eq!(cost_of(&hash_of_no_password(cost)), Some(cost));
        }
    }

    #[tokio::test]
    async fn hashes_wait_for_a_core_and_are_refused_after_the_timeout() {
        let hasher =
            Hasher { cost: 12, cores: Cores::new(0), names: NameTurns::default(), queue: Arc::default() };
        let password = LoginPassword::parse("testpass").expect("valid");
        assert!(hasher.verify(HERE, &password, None).await.is_err());
        let queue = hasher.queue();
        assert_eq!((queue.waiting, queue.refused, queue.hashed), (0, 1, 0));
        assert_eq!((hasher.take_most_waiting(), hasher.take_most_waiting()), (1, 0));
    }
}
