//! Which call gets the next connection of a pool: the shares of tenants, and their turns. This is the order
//! alone; `admission` lets the calls wait.

use std::collections::{HashMap, VecDeque};

use super::shares::Shares;
use crate::domain::TenantId;

/// A heavy call is overdue after as many numbers for each connection of the pool. A call that waits takes two
/// numbers, so it was overtaken by half as many.
const OVERDUE: u64 = 8;

/// How much work the statements of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Reads or writes a bounded number of rows.
    Light,
    /// A search, an export or an import, whose work grows with the notes of a user.
    Heavy,
}

/// The tenant that asks for a connection, and for which work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// None for work of the program itself, which takes turns like a tenant.
    tenant: Option<TenantId>,
    weight: Weight,
}

impl Claim {
    /// Work of the program itself.
    pub(super) const PROGRAM: Self = Self { tenant: None, weight: Weight::Light };

    pub(super) fn of_tenant(tenant: TenantId, weight: Weight) -> Self {
        Self { tenant: Some(tenant), weight }
    }

    fn heavy(self) -> usize {
        usize::from(self.weight == Weight::Heavy)
    }
}

/// The calls that use a connection, and those that wait for one, each with a `T`.
pub(super) struct Turns<T> {
    shares: Shares,
    running: usize,
    /// The running calls that have not stalled.
    working: usize,
    heavy: usize,
    /// Those that use a connection or wait for one.
    tenants: HashMap<Option<TenantId>, TenantCalls<T>>,
    /// The last number that a call or a turn got.
    last_number: u64,
}

/// The calls of one tenant.
struct TenantCalls<T> {
    running: usize,
    heavy: usize,
    light_line: Line<T>,
    heavy_line: Line<T>,
}

/// The calls of one tenant and weight that wait. Each weight has a turn of its own, so that a tenant's light
/// calls do not send its search behind those of all others.
struct Line<T> {
    /// A new number when the first call begins to wait, and for each connection that a call of this weight
    /// gets. The lowest is next.
    turn: u64,
    waiting: VecDeque<(u64, T)>,
}

impl<T> Turns<T> {
    pub(super) fn new(shares: Shares) -> Self {
        Self { shares, running: 0, working: 0, heavy: 0, tenants: HashMap::new(), last_number: 0 }
    }

    /// Gives a connection at once, if the shares allow it. A call of the same tenant and weight that waits is
    /// not overtaken: the shares do not allow that one either.
    pub(super) fn try_start(&mut self, claim: Claim) -> bool {
        let may_start = self.may_start(claim);
        if may_start {
            self.start(claim);
        }
        may_start
    }

    /// Lets a call wait, and gives its number; none if too many calls of the tenant wait.
    pub(super) fn wait(&mut self, claim: Claim, call: T) -> Option<u64> {
        let number = self.next_number();
        let most = self.shares.waiting_of_tenant;
        let calls = self.tenants.entry(claim.tenant).or_default();
        if calls.waiting() >= most {
            return None;
        }
        let line = calls.line_mut(claim.weight);
        if line.waiting.is_empty() {
            line.turn = number;
        }
        line.waiting.push_back((number, call));
        Some(number)
    }

    /// Takes a call out of the queue that waits no longer.
    pub(super) fn leave(&mut self, claim: Claim, number: u64) {
        if let Some(calls) = self.tenants.get_mut(&claim.tenant) {
            calls.line_mut(claim.weight).waiting.retain(|(waiting, _)| *waiting != number);
        }
        self.forget_if_idle(claim.tenant);
    }

    /// Whether a call that stalls makes room for another one.
    pub(super) fn heeds_stalls(&self) -> bool {
        self.shares.at_once < self.shares.connections
    }

    /// Sets how many calls may work at once.
    pub(super) fn set_at_once(&mut self, calls: usize) {
        self.shares.at_once = calls.clamp(1, self.shares.connections);
    }

    /// How many calls may work at once.
    pub(super) fn at_once(&self) -> usize {
        self.shares.at_once
    }

    /// A call that has a connection no longer counts as one that works.
    pub(super) fn stall(&mut self) {
        self.working -= 1;
    }

    /// Takes back a connection of a call that has not stalled.
    pub(super) fn end(&mut self, claim: Claim) {
        self.working -= 1;
        self.end_stalled(claim);
    }

    /// Takes back a connection of a call that has stalled.
    pub(super) fn end_stalled(&mut self, claim: Claim) {
        self.running -= 1;
        self.heavy -= claim.heavy();
        if let Some(calls) = self.tenants.get_mut(&claim.tenant) {
            calls.running -= 1;
            calls.heavy -= claim.heavy();
        }
        self.forget_if_idle(claim.tenant);
    }

    /// Gives a connection to the waiting call that is next, if the shares allow one.
    pub(super) fn start_next(&mut self) -> Option<(Claim, T)> {
        let claim = self.next()?;
        let (_, call) = self.tenants.get_mut(&claim.tenant)?.line_mut(claim.weight).waiting.pop_front()?;
        self.start(claim);
        Some((claim, call))
    }

    /// The calls that wait.
    pub(super) fn waiting(&self) -> usize {
        self.tenants.values().map(TenantCalls::waiting).sum()
    }

    /// Whether the shares allow this claim one more connection.
    fn may_start(&self, claim: Claim) -> bool {
        let calls = self.tenants.get(&claim.tenant);
        let (running, heavy) = calls.map_or((0, 0), |calls| (calls.running, calls.heavy));
        let kept = match claim.weight {
            Weight::Light if running == 0 => 0,
            Weight::Heavy if running == 0 && self.is_overdue(claim) => self.free_of_reserve(),
            _ => self.shares.reserve,
        };
        self.working < self.shares.at_once
            && self.running + kept < self.shares.connections
            && running < self.shares.of_tenant
            && (claim.weight == Weight::Light
                || self.heavy < self.shares.heavy && heavy < self.shares.heavy_of_tenant)
    }

    /// Whether so many calls came and started since the first heavy call of a tenant began to wait that it
    /// has waited for the reserve long enough.
    fn is_overdue(&self, claim: Claim) -> bool {
        let first = self.tenants.get(&claim.tenant).and_then(|calls| calls.first(claim.weight));
        first.is_some_and(|number| self.last_number - number > OVERDUE * self.shares.connections as u64)
    }

    /// The part of the reserve that tenants with a single light call do not use. An overdue call keeps no
    /// more: such tenants may be so many that they hold all connections, the reserve too, one after another.
    fn free_of_reserve(&self) -> usize {
        let single = self.tenants.values().filter(|calls| calls.running == 1 && calls.heavy == 0);
        self.shares.reserve.saturating_sub(single.count())
    }

    /// The waiting call that may start next: of the tenant with the fewest connections, and among such
    /// tenants of the one whose turn it is. Tenants compare their heavy calls for heavy work, and all their
    /// calls otherwise.
    fn next(&self) -> Option<Claim> {
        let best = |weight| {
            let waiting = self.tenants.iter().filter_map(move |(tenant, calls)| {
                let first = calls.first(weight)?;
                let used = if weight == Weight::Heavy { calls.heavy } else { calls.running };
                let claim = Claim { tenant: *tenant, weight };
                self.may_start(claim).then_some((used, calls.line(weight).turn, calls.running, first, claim))
            });
            waiting.min_by_key(|(used, turn, ..)| (*used, *turn))
        };
        let candidates = [best(Weight::Light), best(Weight::Heavy)].into_iter().flatten();
        candidates
            .min_by_key(|(_, turn, running, first, _)| (*running, *turn, *first))
            .map(|(.., claim)| claim)
    }

    fn start(&mut self, claim: Claim) {
        let turn = self.next_number();
        self.running += 1;
        self.working += 1;
        self.heavy += claim.heavy();
        let calls = self.tenants.entry(claim.tenant).or_default();
        calls.running += 1;
        calls.heavy += claim.heavy();
        calls.line_mut(claim.weight).turn = turn;
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn forget_if_idle(&mut self, tenant: Option<TenantId>) {
        if self.tenants.get(&tenant).is_some_and(|calls| calls.running == 0 && calls.waiting() == 0) {
            self.tenants.remove(&tenant);
        }
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { turn: 0, waiting: VecDeque::new() }
    }
}

impl<T> Default for TenantCalls<T> {
    fn default() -> Self {
        Self { running: 0, heavy: 0, light_line: Line::default(), heavy_line: Line::default() }
    }
}

impl<T> TenantCalls<T> {
    fn waiting(&self) -> usize {
        self.light_line.waiting.len() + self.heavy_line.waiting.len()
    }

    fn line(&self, weight: Weight) -> &Line<T> {
        match weight {
            Weight::Light => &self.light_line,
            Weight::Heavy => &self.heavy_line,
        }
    }

    fn line_mut(&mut self, weight: Weight) -> &mut Line<T> {
        match weight {
            Weight::Light => &mut self.light_line,
            Weight::Heavy => &mut self.heavy_line,
        }
    }

    /// The number of the call that has waited longest.
    fn first(&self, weight: Weight) -> Option<u64> {
        self.line(weight).waiting.front().map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The work of the tenant of this number.
    #[allow(clippy::disallowed_methods, reason = "a test has no database")]
    fn claim(tenant: i64, weight: Weight) -> Claim {
        Claim::of_tenant(TenantId::from_row(tenant), weight)
    }

    fn light(tenant: i64) -> Claim {
        claim(tenant, Weight::Light)
    }

    fn heavy(tenant: i64) -> Claim {
        claim(tenant, Weight::Heavy)
    }

    /// Starts a call or lets it wait.
    fn enter(turns: &mut Turns<&'static str>, claim: Claim, name: &'static str) -> bool {
        turns.try_start(claim) || {
            assert!(turns.wait(claim, name).is_some(), "{name} waits");
            false
        }
    }

    /// Ends a call, and gives the names of the calls that start then.
    fn end(turns: &mut Turns<&'static str>, claim: Claim) -> Vec<&'static str> {
        turns.end(claim);
        std::iter::from_fn(|| turns.start_next()).map(|(_, name)| name).collect()
    }

    #[test]
    fn a_tenant_alone_gets_all_but_the_reserve_and_another_starts_at_once() {
        let mut turns = Turns::<()>::new(Shares::between_tenants(16));
        assert_eq!((0..40).filter(|_| turns.try_start(light(1))).count(), 14);
        assert!(turns.try_start(light(2)) && turns.try_start(light(3)));
        assert!(!turns.try_start(light(2)) && !turns.try_start(light(4)));
    }

    #[test]
    fn the_calls_of_a_tenant_start_first_come_first_served() {
        let mut turns = Turns::new(Shares::between_tenants(1));
        assert!(turns.try_start(light(1)));
        for name in ["first", "second", "third"] {
            assert!(!enter(&mut turns, light(1), name));
        }
        for name in ["first", "second", "third"] {
            assert_eq!(end(&mut turns, light(1)), [name]);
        }
    }

    #[test]
    fn tenants_take_turns_however_many_calls_each_has() {
        let mut turns = Turns::new(Shares::between_tenants(1));
        assert!(turns.try_start(light(1)));
        for name in ["a1", "a2", "a3"] {
            enter(&mut turns, light(1), name);
        }
        enter(&mut turns, light(2), "b1");
        enter(&mut turns, light(2), "b2");
        enter(&mut turns, light(3), "c1");
        let order = [(1, "a1"), (1, "b1"), (2, "c1"), (3, "a2"), (1, "b2"), (2, "a3")];
        for (ending, next) in order {
            assert_eq!(end(&mut turns, light(ending)), [next]);
        }
        assert!(end(&mut turns, light(1)).is_empty());
        assert!(turns.tenants.is_empty());
    }

    #[test]
    fn a_tenant_with_slow_calls_gives_up_connections_until_both_have_the_same() {
        let mut turns = Turns::new(Shares::between_tenants(8));
        assert_eq!((0..8).filter(|_| turns.try_start(light(1))).count(), 7);
        enter(&mut turns, light(1), "slow");
        assert!(turns.try_start(light(2)));
        for _ in 0..6 {
            enter(&mut turns, light(2), "fast");
        }
        assert!(end(&mut turns, light(1)).is_empty(), "the reserve is for a tenant without a connection");
        assert_eq!(end(&mut turns, light(1)), ["fast"]);
        assert_eq!(end(&mut turns, light(1)), ["fast"], "4 and 3");
        assert_eq!(end(&mut turns, light(1)), ["slow"], "3 and 3");
        assert_eq!(end(&mut turns, light(1)), ["fast"], "3 and 3 again, and it is the other's turn");
    }

    #[test]
    fn heavy_calls_have_fewer_connections_and_light_ones_pass_them() {
        let mut turns = Turns::new(Shares::between_tenants(16));
        assert_eq!((0..20).filter(|_| turns.try_start(heavy(1))).count(), 2, "of one tenant");
        enter(&mut turns, heavy(1), "search");
        assert!(turns.try_start(light(1)), "a list does not wait for a search of a colleague");
        let others: usize = (2..20).map(|tenant| usize::from(turns.try_start(heavy(tenant)))).sum();
        assert_eq!(others, 6, "of all tenants");
        assert!(turns.try_start(light(30)));
        assert_eq!(end(&mut turns, heavy(1)), ["search"]);
    }

    #[test]
    fn heavy_calls_leave_the_reserve_to_light_ones() {
        let mut turns = Turns::<()>::new(Shares::between_tenants(4));
        assert!(turns.try_start(light(1)) && turns.try_start(light(1)) && turns.try_start(light(1)));
        assert!(!turns.try_start(heavy(2)) && turns.try_start(light(2)));
    }

    #[test]
    fn a_call_that_left_is_not_started_and_frees_its_place() {
        let mut turns = Turns::new(Shares { waiting_of_tenant: 2, ..Shares::between_tenants(1) });
        assert!(turns.try_start(light(1)));
        let gone = turns.wait(light(1), "gone").expect("a place");
        assert!(turns.wait(light(1), "stays").is_some());
        assert_eq!(turns.wait(light(1), "too many"), None);
        assert!(turns.wait(light(2), "another tenant's").is_some());
        turns.leave(light(1), gone);
        assert!(turns.wait(light(1), "after it").is_some());
        assert_eq!(end(&mut turns, light(1)), ["stays"]);
    }

    #[test]
    fn no_order_of_calls_breaks_a_share_or_leaves_a_connection_idle() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let size = random.usize(1..20);
            let mut turns = Turns::new(Shares::between_tenants(size));
            turns.set_at_once(random.usize(1..=size));
            let (mut running, mut waiting, mut stalled) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..2_000 {
                let weight = if random.bool() { Weight::Light } else { Weight::Heavy };
                let claim = claim(random.i64(1..6), weight);
                match random.u8(0..5) {
                    0 | 1 if turns.try_start(claim) => running.push(claim),
                    0 | 1 => waiting.extend(turns.wait(claim, ()).map(|number| (claim, number))),
                    2 if !running.is_empty() => {
                        turns.end(running.swap_remove(random.usize(..running.len())));
                    }
                    3 if !waiting.is_empty() => {
                        let (claim, number) = waiting.swap_remove(random.usize(..waiting.len()));
                        turns.leave(claim, number);
                    }
                    4 if !running.is_empty() => {
                        stalled.push(running.swap_remove(random.usize(..running.len())));
                        turns.stall();
                    }
                    4 if !stalled.is_empty() => {
                        turns.end_stalled(stalled.swap_remove(random.usize(..stalled.len())));
                    }
                    _ => {}
                }
                while let Some((claim, ())) = turns.start_next() {
                    let oldest = waiting.iter().position(|(other, _)| *other == claim).expect("it waited");
                    waiting.remove(oldest);
                    running.push(claim);
                }
                check(&turns, &running, &stalled, waiting.len());
                waiting.sort_by_key(|(_, number)| *number);
            }
            waiting.into_iter().for_each(|(claim, number)| turns.leave(claim, number));
            running.into_iter().for_each(|claim| turns.end(claim));
            stalled.into_iter().for_each(|claim| turns.end_stalled(claim));
            assert!(turns.tenants.is_empty());
            assert_eq!((turns.running, turns.working, turns.heavy), (0, 0, 0));
        }
    }

    #[test]
    fn calls_wait_for_one_that_works_and_start_beside_one_that_stalled() {
        let mut turns = Turns::new(Shares::between_tenants(8));
        turns.set_at_once(2);
        assert!(turns.try_start(light(1)) && turns.try_start(light(1)));
        enter(&mut turns, light(1), "behind both");
        enter(&mut turns, light(2), "of a tenant without a connection");
        turns.stall();
        assert_eq!(turns.start_next().map(|(_, name)| name), Some("of a tenant without a connection"));
        assert!(turns.start_next().is_none());
        turns.end_stalled(light(1));
        assert!(turns.start_next().is_none(), "two still work");
        assert_eq!(end(&mut turns, light(2)), ["behind both"]);
    }

    #[test]
    fn calls_that_stalled_keep_their_share_of_the_connections() {
        let mut turns = Turns::<()>::new(Shares::between_tenants(8));
        turns.set_at_once(1);
        for _ in 0..7 {
            assert!(turns.try_start(light(1)));
            turns.stall();
        }
        assert!(!turns.try_start(light(1)) && turns.try_start(light(2)));
    }

    #[test]
    fn the_light_calls_of_a_tenant_do_not_send_its_search_behind_those_of_others() {
        let mut turns = Turns::new(Shares::between_tenants(16));
        // Eight tenants search, which is as many searches as may run, and one more of each waits.
        for tenant in 1..=8 {
            assert!(turns.try_start(heavy(tenant)));
        }
        enter(&mut turns, heavy(9), "search of 9");
        for tenant in 1..=8 {
            enter(&mut turns, heavy(tenant), "another search");
        }
        for _ in 0..3 {
            assert!(turns.try_start(light(9)), "a list");
            assert!(end(&mut turns, light(9)).is_empty());
        }
        assert_eq!(end(&mut turns, heavy(1)), ["search of 9"]);
    }

    fn waits(turns: &Turns<()>, claim: Claim) -> bool {
        turns.tenants.get(&claim.tenant).is_some_and(|calls| calls.first(claim.weight).is_some())
    }

    /// How often the first waiting call of a tenant was overtaken, at most. Every tenant searches without
    /// pause, every second one has light calls too, and the call that runs longest ends next.
    fn most_overtaken(connections: usize, tenants: i64, random: &mut fastrand::Rng) -> usize {
        let mut turns = Turns::new(Shares::between_tenants(connections));
        let mut claims: Vec<Claim> = (1..=tenants).map(heavy).collect();
        claims.extend((1..=tenants).step_by(2).flat_map(|tenant| [light(tenant), light(tenant)]));
        let (mut running, mut overtaken, mut most) = (VecDeque::new(), vec![0; claims.len()], 0);
        for _ in 0..800 {
            let start = random.usize(..claims.len());
            let (later, first) = claims.split_at(start);
            for claim in first.iter().chain(later).copied().filter(|_| random.u8(0..4) > 0) {
                if waits(&turns, claim) {
                    continue;
                }
                if turns.try_start(claim) {
                    running.push_back(claim);
                } else {
                    assert!(turns.wait(claim, ()).is_some());
                }
            }
            running.pop_front().into_iter().for_each(|ended| turns.end(ended));
            while let Some((started, ())) = turns.start_next() {
                running.push_back(started);
                for (claim, count) in claims.iter().zip(&mut overtaken) {
                    *count = if waits(&turns, *claim) && *claim != started { *count + 1 } else { 0 };
                    most = most.max(*count);
                }
            }
        }
        most
    }

    #[test]
    fn no_waiting_call_is_overtaken_without_bound() {
        for seed in 0..30 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (connections, tenants) = (random.usize(1..20), random.i64(1..30));
            let most = most_overtaken(connections, tenants, &mut random);
            let bound = 4 * (connections + usize::try_from(tenants).expect("few"));
            assert!(most <= bound, "{connections} connections, {tenants} tenants: {most} > {bound}");
        }
    }

    fn check(turns: &Turns<()>, working: &[Claim], stalled: &[Claim], waiting: usize) {
        let shares = turns.shares;
        assert_eq!((turns.working, turns.waiting()), (working.len(), waiting));
        assert_eq!(turns.running, working.len() + stalled.len());
        assert!(turns.working <= shares.at_once);
        assert!(turns.running <= shares.connections && turns.heavy <= shares.heavy);
        for calls in turns.tenants.values() {
            assert!(calls.running <= shares.of_tenant && calls.heavy <= shares.heavy_of_tenant);
            assert!(calls.waiting() <= shares.waiting_of_tenant);
        }
        assert_eq!(turns.next(), None, "a call waits although it may start");
    }
}
