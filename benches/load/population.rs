//! The people of the bench and their notes: tenants from number 1001 on, each with readers who have 20 notes,
//! as many writers, and two editors.

use std::time::Instant;

use tokio_postgres::Client;

use pigeonhole::db::index_older_notes;
use pigeonhole::store::count_seeded;

use crate::outcome::Outcome;
use crate::shards::connect;

/// The number of the first tenant; sign-ups get smaller ones or those above the last.
pub const FIRST_TENANT: i64 = 1001;
/// The notes of each reader, which one page shows.
pub const NOTES: usize = 20;
const EDITORS: i64 = 2;
const EDITED_NOTES: i64 = 60_000;

/// A user and its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeededUser {
    pub tenant: i64,
    pub user: i64,
}

/// The groups of users of each tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeopleGroup {
    Readers,
    Writers,
    Editors,
}

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    pub tenants: i64,
    /// Readers of each tenant; as many write.
    pub users: i64,
}

impl Population {
    /// The number of the last tenant.
    pub fn last_tenant(self) -> i64 {
        FIRST_TENANT + self.tenants - 1
    }

    /// All users of a group.
    pub fn size_of(self, group: PeopleGroup) -> u64 {
        let each = if group == PeopleGroup::Editors { EDITORS } else { self.users };
        (self.tenants * each).unsigned_abs()
    }

    /// The notes of each editor: in all enough for a measurement that edits each once.
    fn edited(self) -> i64 {
        (EDITED_NOTES / (EDITORS * self.tenants)).max(30)
    }

    /// The user at a position: tenants take turns, so that one does not get several requests in a row.
    pub fn member(self, group: PeopleGroup, position: u64) -> SeededUser {
        let index = i64::try_from(position % self.size_of(group)).unwrap_or_default();
        let first = match group {
            PeopleGroup::Readers => 0,
            PeopleGroup::Writers => self.users,
            PeopleGroup::Editors => 2 * self.users,
        };
        // A step that has no divisor with any number of tenants below it.
        let tenant = FIRST_TENANT + index % self.tenants * 1_000_003 % self.tenants;
        SeededUser { tenant, user: tenant * 1000 + first + index / self.tenants }
    }

    /// The e-mail of a user, with which a reader logs in.
    pub fn email(person: SeededUser) -> String {
        format!("person{}@bench{}.example", person.user % 1000, person.tenant)
    }

    /// A text with this population's numbers in place of its words in braces.
    pub fn fill_in(self, text: &str) -> String {
        text.replace("{first}", &FIRST_TENANT.to_string())
            .replace("{last}", &self.last_tenant().to_string())
            .replace("{users}", &self.users.to_string())
            .replace("{edited}", &self.edited().to_string())
    }

    /// Adds everything to an empty, migrated database. All readers get this hash of a password.
    ///
    /// # Errors
    /// Those of the statements.
    pub async fn seed(self, nodes: &[String], client: &Client, password_hash: &str) -> Outcome<()> {
        let started = Instant::now();
        run_paragraphs(client, &self.fill_in(include_str!("seed.sql")).replace("{password}", password_hash))
            .await?;
        let round = self.fill_in(include_str!("notes.sql"));
        for note in 1..=NOTES {
            client.batch_execute(&round.replace("{note}", &note.to_string())).await?;
        }
        index_older_notes(client).await?;
        count_seeded(client).await?;
        client.batch_execute("VACUUM (ANALYZE) shared.tenants, shared.users, notes, tenant_usage").await?;
        checkpoint(nodes).await?;
        eprintln!(
            "bench: {} tenants with {} readers of {NOTES} notes each, made in {:.0} s",
            self.tenants,
            self.users,
            started.elapsed().as_secs_f64()
        );
        Ok(())
    }
}

/// Runs each paragraph of a file as a statement: VACUUM refuses company, and Citus does for some.
///
/// # Errors
/// That of the first statement that fails.
pub async fn run_paragraphs(client: &Client, text: &str) -> Outcome<()> {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        client
            .batch_execute(paragraph)
            .await
            .map_err(|error| format!("{error:?} in\n{}", paragraph.chars().take(300).collect::<String>()))?;
    }
    Ok(())
}

/// Writes what was seeded to the disk, so that no measurement pays for it.
///
/// # Errors
/// Those of the statements.
pub async fn checkpoint(nodes: &[String]) -> Outcome<()> {
    for node in nodes {
        connect(node).await?.batch_execute("CHECKPOINT").await?;
    }
    Ok(())
}
