//! The queue for the cores that compute password hashes. It takes turns: between networks, between the
//! addresses of a network, and between browsers that logged in before and all others. Those browsers take
//! turns between tenants and between accounts. So a client that sends many logins delays its own, and those
//! of others by one turn. Between two hashes of its turn a login lets a known browser go first.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::ClientNetwork;
use crate::store::Candidate;

/// How long the first hash of a line waits for a free core until the request is refused with 503.
const FIRST_TIMEOUT: Duration = Duration::from_secs(2);
/// The same for a hash behind another of its own line.
const TIMEOUT: Duration = Duration::from_millis(800);
/// The most hashes that wait in one line; more are refused at once. An office may have one address.
const LINE_LENGTH: usize = 8;
/// The most hashes that wait in all lines.
const MOST_WAITING: usize = 512;

/// For whom a hash is computed, which decides on the line in which it waits.
#[derive(Clone, Copy, Debug)]
pub enum HashTurn {
    /// A browser that logged in to the account before. All browsers of an account wait in one line, whatever
    /// their addresses are.
    KnownBrowser(Candidate),
    /// A client that is not known.
    Address(IpAddr),
}

/// Where a hash waits: known browsers or not, the group of the line, and the line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    known: bool,
    group: u128,
    line: u128,
}

impl HashTurn {
    fn place(self) -> Place {
        match self {
            Self::KnownBrowser(Candidate { tenant, user }) => Place {
                known: true,
                group: u128::from(tenant.number().unsigned_abs()),
                line: u128::from(user.number().unsigned_abs()),
            },
            Self::Address(address) => Place {
                known: false,
                group: ClientNetwork::around(address).key(),
                line: ClientNetwork::of(address).key(),
            },
        }
    }
}

struct Waiter {
    number: u64,
    place: Place,
    wake: oneshot::Sender<()>,
}

/// Where one waits.
#[derive(Clone, Copy)]
enum Queue {
    Line(Place),
    /// Of those that let a known browser go first and have hashes left.
    Interrupted,
}

/// The lines of one group, the next one first.
struct Group {
    key: u128,
    lines: VecDeque<VecDeque<Waiter>>,
}

/// The groups, the next one first.
#[derive(Default)]
struct Groups(VecDeque<Group>);

impl Groups {
    fn push(&mut self, waiter: Waiter) {
        let Place { group, line, .. } = waiter.place;
        let index = self.0.iter().position(|one| one.key == group).unwrap_or_else(|| {
            self.0.push_back(Group { key: group, lines: VecDeque::new() });
            self.0.len() - 1
        });
        let lines = &mut self.0[index].lines;
        match lines.iter_mut().find(|one| one.front().is_some_and(|first| first.place.line == line)) {
            Some(found) => found.push_back(waiter),
            None => lines.push_back(VecDeque::from([waiter])),
        }
    }

    fn length_of(&self, place: Place) -> usize {
        let lines = self.0.iter().filter(|group| group.key == place.group).flat_map(|group| &group.lines);
        lines
            .filter(|line| line.front().is_some_and(|first| first.place.line == place.line))
            .map(VecDeque::len)
            .sum()
    }

    /// Takes the next waiter, and puts its group and its line at the end.
    fn pop(&mut self) -> Option<Waiter> {
        let mut group = self.0.pop_front()?;
        let mut line = group.lines.pop_front()?;
        let waiter = line.pop_front()?;
        if !line.is_empty() {
            group.lines.push_back(line);
        }
        if !group.lines.is_empty() {
            self.0.push_back(group);
        }
        Some(waiter)
    }

    fn remove(&mut self, number: u64) -> bool {
        let before = self.count();
        for group in &mut self.0 {
            for line in &mut group.lines {
                line.retain(|waiter| waiter.number != number);
            }
            group.lines.retain(|line| !line.is_empty());
        }
        self.0.retain(|group| !group.lines.is_empty());
        self.count() < before
    }

    fn count(&self) -> usize {
        self.0.iter().flat_map(|group| &group.lines).map(VecDeque::len).sum()
    }
}

struct Lines {
    free: usize,
    next_number: u64,
    known_before: bool,
    known: Groups,
    others: Groups,
    /// Hashes of others that go before the next line.
    interrupted: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Lines {
    fn groups(&mut self, place: Place) -> &mut Groups {
        if place.known { &mut self.known } else { &mut self.others }
    }

    /// Known browsers and all others take turns, so that neither keeps the other out.
    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let known_first = !self.known_before;
        if known_first && let Some(known) = self.next_known() {
            return Some(known);
        }
        self.known_before = false;
        let interrupted = self.interrupted.pop_front().map(|(_, wake)| wake);
        interrupted.or_else(|| self.others.pop().map(|waiter| waiter.wake)).or_else(|| self.next_known())
    }

    fn next_known(&mut self) -> Option<oneshot::Sender<()>> {
        let known = self.known.pop()?;
        self.known_before = true;
        Some(known.wake)
    }

    fn remove(&mut self, queue: Queue, number: u64) -> bool {
        let Queue::Line(place) = queue else {
            let before = self.interrupted.len();
            self.interrupted.retain(|(waiting, _)| *waiting != number);
            return self.interrupted.len() < before;
        };
        self.groups(place).remove(number)
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

/// The cores and the lines that wait for them. Clones share them.
#[derive(Clone)]
pub(super) struct Cores(Arc<Mutex<Lines>>);

/// No core became free in time, or too many hashes wait already.
#[derive(Debug)]
pub(super) struct NoCore;

/// A core, which is free again when this is dropped.
pub(super) struct Core(Option<Cores>);

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(cores) = self.0.take() {
            cores.release();
        }
    }
}

impl Core {
    /// Between two hashes of one turn, which is not that of a known browser: lets the known browser that is
    /// next have the core, and waits for one again.
    pub(super) async fn yield_to_known(mut self) -> Self {
        let Some(cores) = self.0.take() else { return self };
        let waiting = {
            let mut lines = cores.lock();
            let passed_on = loop {
                match lines.next_known().map(|known| known.send(())) {
                    Some(Ok(())) => break true,
                    // Its client has left.
                    Some(Err(())) => {}
                    None => break false,
                }
            };
            passed_on.then(|| {
                let (number, (wake, woken)) = (lines.number(), oneshot::channel());
                lines.interrupted.push_back((number, wake));
                Waiting { cores: cores.clone(), number, queue: Queue::Interrupted, woken: Some(woken) }
            })
        };
        if let Some(mut waiting) = waiting {
            if let Some(woken) = waiting.woken.as_mut() {
                let _ = woken.await;
            }
            waiting.woken = None;
        }
        Self(Some(cores))
    }
}

/// A hash that waits. It leaves the line when it is dropped, as the client may disconnect while it waits.
struct Waiting {
    cores: Cores,
    number: u64,
    queue: Queue,
    woken: Option<oneshot::Receiver<()>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(mut woken) = self.woken.take() else { return };
        let left = self.cores.lock().remove(self.queue, self.number);
        // The core was given to this hash in the moment in which its client left.
        if !left && woken.try_recv().is_ok() {
            self.cores.release();
        }
    }
}

impl Cores {
    pub(super) fn new(free: usize) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            free,
            next_number: 0,
            known_before: false,
            known: Groups::default(),
            others: Groups::default(),
            interrupted: VecDeque::new(),
        })))
    }

    pub(super) fn free(&self) -> usize {
        self.lock().free
    }

    pub(super) fn waiting(&self) -> usize {
        let lines = self.lock();
        lines.known.count() + lines.others.count() + lines.interrupted.len()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self) {
        let mut lines = self.lock();
        while let Some(waiter) = lines.next() {
            if waiter.send(()).is_ok() {
                return;
            }
        }
        lines.free += 1;
    }

    /// Takes a core when it is this hash's turn.
    pub(super) async fn take(&self, turn: HashTurn, entered: impl FnOnce(usize)) -> Result<Core, NoCore> {
        let (mut waiting, ahead) = match self.enter(turn.place())? {
            Entered::Free => return Ok(Core(Some(self.clone()))),
            Entered::Line(waiting, ahead) => (waiting, ahead),
        };
        entered(self.waiting());
        let timeout = if ahead == 0 { FIRST_TIMEOUT } else { TIMEOUT };
        let Some(woken) = waiting.woken.as_mut() else { return Err(NoCore) };
        match tokio::time::timeout(timeout, woken).await {
            Ok(Ok(())) => {
                waiting.woken = None;
                Ok(Core(Some(self.clone())))
            }
            _ => Err(NoCore),
        }
    }

    fn enter(&self, place: Place) -> Result<Entered, NoCore> {
        let mut lines = self.lock();
        if lines.free > 0 {
            lines.free -= 1;
            return Ok(Entered::Free);
        }
        let ahead = lines.groups(place).length_of(place);
        if ahead >= LINE_LENGTH || lines.known.count() + lines.others.count() >= MOST_WAITING {
            return Err(NoCore);
        }
        let number = lines.number();
        let (wake, woken) = oneshot::channel();
        lines.groups(place).push(Waiter { number, place, wake });
        Ok(Entered::Line(
            Waiting { cores: self.clone(), number, queue: Queue::Line(place), woken: Some(woken) },
            ahead,
        ))
    }
}

enum Entered {
    Free,
    Line(Waiting, usize),
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use futures_util::FutureExt;

    use super::*;

    const HERE: HashTurn = HashTurn::Address(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const THERE: HashTurn = HashTurn::Address(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1)));

    fn known(tenant: i64, user: i64) -> HashTurn {
        HashTurn::KnownBrowser(Candidate::from_ticket((tenant, user)))
    }

    async fn hash(cores: &Cores, turn: HashTurn) -> Result<Core, NoCore> {
        cores.take(turn, |_| {}).await
    }

    #[tokio::test]
    async fn a_client_waits_behind_its_own_hashes_and_one_turn_of_others() {
        let cores = Cores::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = hash(&cores, HERE).await.expect("a free core");
        let tasks: Vec<_> = [("here 1", HERE), ("here 2", HERE), ("there", THERE)]
            .into_iter()
            .chain([("known", known(7, 7))])
            .map(|(name, turn)| {
                let (cores, order) = (cores.clone(), Arc::clone(&order));
                tokio::spawn(async move {
                    let core = hash(&cores, turn).await.expect("a turn");
                    order.lock().expect("the order").push(name);
                    drop(core);
                })
            })
            .collect();
        while cores.waiting() < 4 {
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.expect("a hash");
        }
        assert_eq!(*order.lock().expect("the order"), ["known", "here 1", "there", "here 2"]);
        assert_eq!((cores.free(), cores.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn between_two_hashes_a_known_browser_goes_first_and_then_the_rest_of_the_turn() {
        let cores = Cores::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let core = hash(&cores, HERE).await.expect("a free core");
        let core = core.yield_to_known().await;
        let waiting = [("known 1", known(7, 7)), ("known 2", known(7, 7)), ("there", THERE)];
        let tasks = waiting.map(|(name, turn)| {
            let (cores, order) = (cores.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                let core = hash(&cores, turn).await.expect("a turn");
                order.lock().expect("the order").push(name);
                drop(core);
            })
        });
        while cores.waiting() < 3 {
            tokio::task::yield_now().await;
        }
        let core = core.yield_to_known().await;
        order.lock().expect("the order").push("here");
        drop(core);
        for task in tasks {
            task.await.expect("a hash");
        }
        assert_eq!(*order.lock().expect("the order"), ["known 1", "here", "known 2", "there"]);
        assert_eq!((cores.free(), cores.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn a_client_that_leaves_between_two_hashes_gives_its_place_back() {
        let cores = Cores::new(1);
        let core = hash(&cores, HERE).await.expect("a free core");
        let mut known = std::pin::pin!(hash(&cores, known(7, 7)));
        assert!(poll_fn(|context| Poll::Ready(known.as_mut().poll(context).is_pending())).await);
        assert!(core.yield_to_known().now_or_never().is_none(), "the known browser has the core");
        assert_eq!(cores.waiting(), 0);
        drop(known.await.expect("the core"));
        assert_eq!(cores.free(), 1, "the core of a client that left is lost");
    }

    #[tokio::test]
    async fn a_line_is_short_and_its_length_is_no_matter_of_others() {
        let cores = Cores::new(0);
        let waiting: Vec<_> = (0..LINE_LENGTH)
            .map(|_| {
                tokio::spawn({
                    let cores = cores.clone();
                    async move { hash(&cores, HERE).await.is_ok() }
                })
            })
            .collect();
        while cores.waiting() < LINE_LENGTH {
            tokio::task::yield_now().await;
        }
        assert!(hash(&cores, HERE).now_or_never().expect("an answer at once").is_err());
        assert!(hash(&cores, THERE).now_or_never().is_none());
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn clients_that_leave_give_their_place_and_their_core_back() {
        let cores = Cores::new(1);
        let held = hash(&cores, HERE).await.expect("a free core");
        for _ in 0..50 {
            assert!(hash(&cores, HERE).now_or_never().is_none());
        }
        assert_eq!(cores.waiting(), 0);
        {
            let mut leaving = std::pin::pin!(hash(&cores, HERE));
            let waits = poll_fn(|context| Poll::Ready(leaving.as_mut().poll(context).is_pending())).await;
            assert!(waits);
            drop(held);
            assert_eq!((cores.free(), cores.waiting()), (0, 0), "the core was not given to the next");
        }
        assert_eq!(cores.free(), 1, "the core of a client that left is lost");
    }
}
