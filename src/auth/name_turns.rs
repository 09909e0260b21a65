//! One login of a name at a time. A login without an organization takes a core for three hashes, and one that
//! succeeds is no guess: without this, one account's right logins from many networks would have as many lines
//! in the queue of hashes. Here they wait for each other, in lines as there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::hash_queue::{Core, Cores, HashTurn, NoCore};

/// The names whose logins are being checked. Clones share them.
#[derive(Clone, Default)]
pub(super) struct NameTurns(Arc<Mutex<HashMap<[u8; 32], NameLine>>>);

struct NameLine {
    turn: Cores,
    /// The logins that have the turn or wait for it.
    logins: usize,
}

/// The turn of a name, which the next login of the name has when this is dropped.
#[must_use]
pub struct NameTurn {
    _core: Core,
    _member: LineMember,
}

/// A login that has the turn or waits for it.
struct LineMember {
    names: NameTurns,
    key: [u8; 32],
}

impl NameTurns {
    /// Waits until no other login of the name is being checked.
    pub(super) async fn take(&self, key: [u8; 32], turn: HashTurn) -> Result<NameTurn, NoCore> {
        let (member, cores) = self.enter(key);
        let core = cores.take(turn, |_| {}).await?;
        Ok(NameTurn { _core: core, _member: member })
    }

    fn enter(&self, key: [u8; 32]) -> (LineMember, Cores) {
        let mut names = self.lock();
        let name = names.entry(key).or_insert_with(|| NameLine { turn: Cores::new(1), logins: 0 });
        name.logins += 1;
        (LineMember { names: self.clone(), key }, name.turn.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], NameLine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LineMember {
    fn drop(&mut self) {
        let mut names = self.names.lock();
        if let Some(name) = names.get_mut(&self.key) {
            name.logins -= 1;
            if name.logins == 0 {
                names.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::FutureExt;

    use super::*;

    const HERE: HashTurn = HashTurn::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    const THERE: HashTurn = HashTurn::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)));

    #[tokio::test]
    async fn the_logins_of_a_name_wait_for_each_other_and_leave_nothing_behind() {
        let turns = NameTurns::default();
        let first = turns.take([1; 32], HERE).now_or_never().expect("at once");
        let other = turns.take([2; 32], HERE).now_or_never().expect("at once");
        assert!(first.is_ok() && other.is_ok());
        let mut second = std::pin::pin!(turns.take([1; 32], THERE));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.await.is_ok());
        drop(other);
        assert!(turns.lock().is_empty());
    }
}
