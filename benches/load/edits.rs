//! The notes that `PUT /api/notes/{id}` edits: each request names the version that its note has.

use std::collections::HashMap;

use tokio_postgres::Client;

use crate::outcome::Outcome;
use crate::population::{PeopleGroup, Population};
use crate::sessions::SessionSet;

/// A note of an editor.
#[derive(Clone, Debug)]
pub struct EditedNote {
    tenant: i64,
    user: i64,
    pub id: i64,
    pub version: i32,
}

/// The notes of all editors, in the order in which they are edited.
#[derive(Debug, Default)]
pub struct EditedNotes {
    notes: Vec<EditedNote>,
    next: usize,
    bearers: HashMap<i64, String>,
}

impl EditedNotes {
    /// Reads them, tenants in turn.
    ///
    /// # Errors
    /// That of the statement.
    pub async fn read(client: &Client, population: Population, editors: &SessionSet) -> Outcome<Self> {
        let sql = "SELECT tenant_id, user_id, id, version FROM notes WHERE user_id % 1000 >= $1 ORDER BY id";
        let rows = client.query(sql, &[&(2 * population.users)]).await?;
        let mut notes: Vec<EditedNote> = rows
            .iter()
            .map(|row| EditedNote {
                tenant: row.get(0),
                user: row.get(1),
                id: row.get(2),
                version: row.get(3),
            })
            .collect();
        // By a hash, as neighbours in the order of their ids may be of one tenant.
        notes.sort_by_key(|note| note.id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()));
        let bearers = (0..population.size_of(PeopleGroup::Editors))
            .map(|position| {
                let bearer = format!("Bearer {}", editors.token(population, position));
                (editors.person(population, position).user, bearer)
            })
            .collect();
        Ok(Self { notes, next: 0, bearers })
    }

    /// The next edits, for as many requests as there are notes.
    pub fn edits(&self) -> impl Iterator<Item = (&str, &EditedNote)> {
        let (before, after) = self.notes.split_at(self.next);
        after.iter().chain(before).filter_map(|note| Some((self.bearers.get(&note.user)?.as_str(), note)))
    }

    /// Notes that the first edits were sent, of which the last ones may not have arrived.
    ///
    /// # Errors
    /// That of the statement.
    pub async fn sent(&mut self, client: &Client, count: u64, connections: usize) -> Outcome<()> {
        let (count, length) = (usize::try_from(count)?, self.notes.len());
        for place in 0..count.min(length) {
            let index = (self.next + place) % length;
            let note = &mut self.notes[index];
            note.version += 1;
            if place + connections + 2 >= count {
                let sql = "SELECT version FROM notes WHERE tenant_id = $1 AND id = $2";
                note.version = client.query_one(sql, &[&note.tenant, &note.id]).await?.get(0);
            }
        }
        self.next = (self.next + count) % length.max(1);
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.notes.len()
    }
}
