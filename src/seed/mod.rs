//! Invented tenants, people and notes in any number, to measure and to try things with. Sizes are as they are
//! in life: a few tenants hold most. Rows are made here and travel by COPY over several connections at once;
//! the statements are in `store`. Only `cli` calls this.

mod generator;
mod plan;
mod rows;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::SinkExt;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config};

use crate::auth::Hasher;
use crate::db;
use crate::domain::NewPassword;
use crate::store::{self, SeedTable};
use generator::RowGenerator;
use plan::{Chunk, Plan};
use rows::Rows;

/// What to invent.
#[derive(Clone, Copy, Debug)]
pub struct SeedOptions {
    /// Tenants, one or more.
    pub tenants: u32,
    /// Users of all tenants together, at least one for each tenant.
    pub users: u32,
    /// Notes of all users together.
    pub notes: u64,
    /// How many COPYs run at a time.
    pub connections: usize,
    /// The work factor of the password's hash.
    pub bcrypt_cost: u32,
}

/// What was added.
#[derive(Debug)]
pub struct Seeded {
    /// How long all of it took, the planner's statistics included.
    pub elapsed: Duration,
    /// How long the notes alone took.
    pub notes_elapsed: Duration,
    /// The tenant with the most notes.
    pub largest_tenant: i64,
    /// How many it has.
    pub largest_notes: u64,
    /// The e-mail of its founder, to log in with.
    pub email: String,
    /// Everybody's password.
    pub password: String,
}

/// Bytes that are worth a packet of their own.
const PACKET: usize = 256 * 1024;

/// Adds what is wanted to what is there. A run that dies half-way leaves some tenants without users or notes,
/// and does no other harm.
///
/// # Errors
/// What stands in the way.
pub async fn fill(config: &Config, options: SeedOptions) -> anyhow::Result<Seeded> {
    anyhow::ensure!(options.tenants > 0, "there must be one tenant at least");
    anyhow::ensure!(
        options.users >= options.tenants,
        "each tenant needs a user, so there must be as many users as tenants at least"
    );
    let started = Instant::now();
    let client = db::connect_as_owner(config).await?;
    let tenants = store::next_ids(&client, SeedTable::Tenants, options.tenants.into())
        .await
        .context("taking numbers for tenants")?;
    let users = store::next_ids(&client, SeedTable::Users, options.users.into())
        .await
        .context("taking numbers for users")?;
    let (password, hash) = password_for_all(options.bcrypt_cost).await?;
    let generator = Arc::new(RowGenerator::new(Plan::new(tenants, users, options.notes), hash));
    let copying = Copying { config, connections: options.connections.max(1), generator: &generator };

    copying.run("tenants", &[SeedTable::Tenants], generator.plan().tenant_chunks()).await?;
    copying.run("users", &[SeedTable::Users, SeedTable::Logins], generator.plan().user_chunks()).await?;
    let notes_started = Instant::now();
    copying.run("notes", &[SeedTable::Notes], generator.plan().note_chunks()).await?;
    let notes_elapsed = notes_started.elapsed();
    store::analyze(&client).await.context("gathering statistics for the planner")?;
    Ok(Seeded {
        elapsed: started.elapsed(),
        notes_elapsed,
        largest_tenant: generator.plan().tenant(0),
        largest_notes: generator.plan().notes(0),
        email: generator.founder(0),
        password,
    })
}

/// One hash for all: at a quarter of a second each, the hashes would be the longest part of the work.
async fn password_for_all(bcrypt_cost: u32) -> anyhow::Result<(String, String)> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    let password: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let parsed = NewPassword::parse(&password).ok().context("making a password")?;
    let hash = Hasher::with_cost(bcrypt_cost).hash(&parsed).await.context("hashing the password")?;
    Ok((password, hash))
}

/// Several connections that take chunks of work from one queue.
struct Copying<'a> {
    config: &'a Config,
    connections: usize,
    generator: &'a Arc<RowGenerator>,
}

impl Copying<'_> {
    /// Copies the chunks' rows into each of the tables.
    async fn run(
        &self,
        what: &'static str,
        tables: &'static [SeedTable],
        chunks: VecDeque<Chunk>,
    ) -> anyhow::Result<()> {
        let bar = progress_bar(what, chunks.iter().map(Chunk::length).sum());
        let connections = self.connections.min(chunks.len());
        let queue = Arc::new(Mutex::new(chunks));
        let mut running = JoinSet::new();
        for _ in 0..connections {
            let client = db::connect_as_owner(self.config).await?;
            let (queue, generator, bar) = (Arc::clone(&queue), Arc::clone(self.generator), bar.clone());
            running.spawn(async move {
                while let Some(chunk) = next(&queue) {
                    for table in tables {
                        copy(&client, *table, &chunk, &generator).await?;
                    }
                    bar.inc(chunk.length());
                }
                anyhow::Ok(())
            });
        }
        // Leaving at the first error drops the others, and the database rolls their COPYs back.
        while let Some(ended) = running.join_next().await {
            ended.context("a task failed").flatten().with_context(|| format!("adding {what}"))?;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// In a function of its own, so that the lock is let go before the COPY.
fn next(queue: &Mutex<VecDeque<Chunk>>) -> Option<Chunk> {
    queue.lock().expect("nobody panics with the lock in hand").pop_front()
}

async fn copy(
    client: &Client,
    table: SeedTable,
    chunk: &Chunk,
    generator: &RowGenerator,
) -> anyhow::Result<()> {
    let mut sink = pin!(store::copy_in(client, table).await?);
    let mut rows = Rows::header();
    for (place, number) in chunk.rows() {
        generator.write(table, place, number, &mut rows);
        if rows.len() > PACKET {
            sink.send(rows.take()).await?;
        }
    }
    rows.end();
    sink.send(rows.take()).await?;
    sink.finish().await?;
    Ok(())
}

/// Shown on standard error, and only where that is a terminal.
fn progress_bar(what: &'static str, length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg:>8} {wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} left");
    let bar = ProgressBar::new(length).with_message(what).with_style(style.expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
