//! Who has how much. The n-th largest tenant has a weight of 1/n (Zipf), so that a few hold most, whatever
//! their number.

use std::collections::VecDeque;
use std::ops::Range;

/// Notes in one COPY: enough to be worth its round trips, few enough that all connections end together.
const NOTES_IN_A_CHUNK: u64 = 40_000;
const USERS_IN_A_CHUNK: u64 = 10_000;

struct PlannedTenant {
    id: i64,
    /// Where its users are in the list of all.
    users: Range<usize>,
    notes: u64,
}

/// All sizes and ids.
pub(super) struct Plan {
    /// The largest first.
    tenants: Vec<PlannedTenant>,
    users: Vec<i64>,
}

/// Some of the tenants, and of each some of its rows: what one COPY brings.
pub(super) struct Chunk(Vec<(usize, Range<u64>)>);

impl Chunk {
    pub fn length(&self) -> u64 {
        self.0.iter().map(|(_, part)| part.end - part.start).sum()
    }

    /// One item for each row: the tenant's place in the plan and the row's number inside the tenant.
    pub fn rows(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().flat_map(|(tenant, part)| part.clone().map(|row| (*tenant, row)))
    }
}

impl Plan {
    /// Each tenant gets one user at least, so `users` must not be fewer than `tenants`.
    pub fn new(mut tenants: Vec<i64>, users: Vec<i64>, notes: u64) -> Self {
        // The largest is not always the one that was founded first.
        fastrand::shuffle(&mut tenants);
        let more_users = shares(tenants.len(), users.len().saturating_sub(tenants.len()) as u64);
        let notes = shares(tenants.len(), notes);
        let mut next = 0;
        let tenants = tenants
            .into_iter()
            .zip(more_users.zip(notes))
            .map(|(id, (more, notes))| {
                let first = next;
                next += 1 + more as usize;
                PlannedTenant { id, users: first..next, notes }
            })
            .collect();
        Self { tenants, users }
    }

    pub fn tenant(&self, place: usize) -> i64 {
        self.tenants[place].id
    }

    pub fn users(&self, place: usize) -> &[i64] {
        &self.users[self.tenants[place].users.clone()]
    }

    pub fn notes(&self, place: usize) -> u64 {
        self.tenants[place].notes
    }

    pub fn tenant_chunks(&self) -> VecDeque<Chunk> {
        VecDeque::from([Chunk((0..self.tenants.len()).map(|place| (place, 0..1)).collect())])
    }

    pub fn user_chunks(&self) -> VecDeque<Chunk> {
        cut(self.tenants.iter().map(|tenant| tenant.users.len() as u64), USERS_IN_A_CHUNK)
    }

    pub fn note_chunks(&self) -> VecDeque<Chunk> {
        cut(self.tenants.iter().map(|tenant| tenant.notes), NOTES_IN_A_CHUNK)
    }
}

/// Divides `total` among `count` by 1/n, to the last one.
fn shares(count: usize, total: u64) -> impl Iterator<Item = u64> {
    let whole: f64 = (1..=count).map(|place| 1.0 / place as f64).sum();
    let (mut weight, mut given) = (0.0, 0);
    (1..=count).map(move |place| {
        weight += 1.0 / place as f64;
        // The last one takes what rounding left over.
        let until =
            if place == count { total } else { ((weight / whole * total as f64) as u64).clamp(given, total) };
        let share = until - given;
        given = until;
        share
    })
}

fn cut(sizes: impl Iterator<Item = u64>, largest: u64) -> VecDeque<Chunk> {
    let mut chunks = VecDeque::new();
    let (mut parts, mut room) = (Vec::new(), largest);
    for (place, size) in sizes.enumerate() {
        let mut start = 0;
        while start < size {
            let end = size.min(start + room);
            parts.push((place, start..end));
            room -= end - start;
            start = end;
            if room == 0 {
                chunks.push_back(Chunk(std::mem::take(&mut parts)));
                room = largest;
            }
        }
    }
    if !parts.is_empty() {
        chunks.push_back(Chunk(parts));
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_dealt_out_and_a_few_hold_most() {
        let plan = Plan::new((1..=1000).collect(), (1..=5000).collect(), 1_000_003);
        assert_eq!((0..1000).map(|place| plan.notes(place)).sum::<u64>(), 1_000_003);
        assert_eq!((0..1000).map(|place| plan.users(place).len()).sum::<usize>(), 5000);
        assert!((0..1000).all(|place| !plan.users(place).is_empty()));
        assert!((0..20).map(|place| plan.notes(place)).sum::<u64>() > 400_000);
        for (chunks, total) in
            [(plan.note_chunks(), 1_000_003), (plan.user_chunks(), 5000), (plan.tenant_chunks(), 1000)]
        {
            assert_eq!(chunks.iter().map(Chunk::length).sum::<u64>(), total);
            assert_eq!(chunks.iter().map(|chunk| chunk.rows().count() as u64).sum::<u64>(), total);
        }
    }

    #[test]
    fn nothing_at_all_makes_no_chunk() {
        let plan = Plan::new(vec![7], vec![9], 0);
        assert!(plan.note_chunks().is_empty());
        assert_eq!(plan.users(0), [9]);
    }
}
