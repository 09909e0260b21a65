//! The sizes of tenants. The n-th largest tenant has a weight of 1/n (Zipf's law), so that a few tenants hold
//! most of the rows, however many there are.

use std::collections::VecDeque;
use std::ops::Range;

/// The notes of one COPY: enough to make its round trips negligible, few enough that all connections finish
/// at about the same time.
const NOTES_IN_A_CHUNK: u64 = 40_000;
const USERS_IN_A_CHUNK: u64 = 10_000;

struct PlannedTenant {
    id: i64,
    /// Its users' indexes in the list of all.
    users: Range<usize>,
    notes: u64,
}

/// The sizes and ids of all tenants.
pub(super) struct Plan {
    /// The largest first.
    tenants: Vec<PlannedTenant>,
    users: Vec<i64>,
}

/// The rows of one COPY: indexes of tenants, each with a range of its rows.
pub(super) struct Chunk(Vec<(usize, Range<u64>)>);

impl Chunk {
    pub(super) fn length(&self) -> u64 {
        self.0.iter().map(|(_, part)| part.end - part.start).sum()
    }

    /// One item for each row: the tenant's index in the plan and the row's number within the tenant.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().flat_map(|(tenant, part)| part.clone().map(|row| (*tenant, row)))
    }
}

impl Plan {
    /// Each tenant gets at least one user, so there must be as many `users` as `tenants`.
    pub(super) fn new(mut tenants: Vec<i64>, users: Vec<i64>, notes: u64) -> Self {
        // So that the largest tenant is not always the oldest.
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

    pub(super) fn tenant(&self, index: usize) -> i64 {
        self.tenants[index].id
    }

    pub(super) fn users(&self, index: usize) -> &[i64] {
        &self.users[self.tenants[index].users.clone()]
    }

    pub(super) fn notes(&self, index: usize) -> u64 {
        self.tenants[index].notes
    }

    pub(super) fn tenant_chunks(&self) -> VecDeque<Chunk> {
        VecDeque::from([Chunk((0..self.tenants.len()).map(|index| (index, 0..1)).collect())])
    }

    pub(super) fn user_chunks(&self) -> VecDeque<Chunk> {
        chunks(self.tenants.iter().map(|tenant| tenant.users.len() as u64), USERS_IN_A_CHUNK)
    }

    pub(super) fn note_chunks(&self) -> VecDeque<Chunk> {
        chunks(self.tenants.iter().map(|tenant| tenant.notes), NOTES_IN_A_CHUNK)
    }
}

/// Divides `total` into `count` shares with weights of 1/n. Their sum is exactly `total`.
fn shares(count: usize, total: u64) -> impl Iterator<Item = u64> {
    let whole: f64 = (1..=count).map(|index| 1.0 / index as f64).sum();
    let (mut weight, mut given) = (0.0, 0);
    (1..=count).map(move |index| {
        weight += 1.0 / index as f64;
        // The last share takes what rounding has left.
        let until =
            if index == count { total } else { ((weight / whole * total as f64) as u64).clamp(given, total) };
        let share = until - given;
        given = until;
        share
    })
}

/// Chunks of at most `largest` rows.
fn chunks(sizes: impl Iterator<Item = u64>, largest: u64) -> VecDeque<Chunk> {
    let mut chunks = VecDeque::new();
    let (mut parts, mut room) = (Vec::new(), largest);
    for (index, size) in sizes.enumerate() {
        let mut start = 0;
        while start < size {
            let end = size.min(start + room);
            parts.push((index, start..end));
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
    fn all_rows_are_divided_and_a_few_tenants_hold_most() {
        let plan = Plan::new((1..=1000).collect(), (1..=5000).collect(), 1_000_003);
        assert_eq!((0..1000).map(|index| plan.notes(index)).sum::<u64>(), 1_000_003);
        assert_eq!((0..1000).map(|index| plan.users(index).len()).sum::<usize>(), 5000);
        assert!((0..1000).all(|index| !plan.users(index).is_empty()));
        assert!((0..20).map(|index| plan.notes(index)).sum::<u64>() > 400_000);
        for (chunks, total) in
            [(plan.note_chunks(), 1_000_003), (plan.user_chunks(), 5000), (plan.tenant_chunks(), 1000)]
        {
            assert_eq!(chunks.iter().map(Chunk::length).sum::<u64>(), total);
            assert_eq!(chunks.iter().map(|chunk| chunk.rows().count() as u64).sum::<u64>(), total);
        }
    }

    #[test]
    fn no_rows_make_no_chunk() {
        let plan = Plan::new(vec![7], vec![9], 0);
        assert!(plan.note_chunks().is_empty());
        assert_eq!(plan.users(0), [9]);
    }
}
