//! Fills a database with invented tenants, users and notes, for measurements and demonstrations. As in
//! production, a few tenants hold most of the rows. Several connections write the rows at the same time with
//! COPY; the SQL is in `store`. Only `cli` uses this.

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

use crate::db;
use crate::store::{self, SeedTable};
use generator::RowGenerator;
use plan::{Chunk, Plan};
use rows::Rows;

/// How much to invent.
#[derive(Clone, Debug)]
pub struct SeedOptions {
    /// At least 1.
    pub tenants: u32,
    /// Of all tenants together, at least one for each.
    pub users: u32,
    /// Of all tenants together.
    pub notes: u64,
    /// How many COPY statements run at the same time.
    pub connections: usize,
    /// The bcrypt hash of the password that all users get: at a quarter of a second each, hashing would take
    /// longer than everything else.
    pub password_hash: String,
}

/// The result of [`fill`].
#[derive(Debug)]
pub struct Seeded {
    /// The whole time, including ANALYZE.
    pub elapsed: Duration,
    /// The time of writing the notes.
    pub notes_elapsed: Duration,
    /// The tenant with the most notes.
    pub largest_tenant: i64,
    /// The number of its notes.
    pub largest_notes: u64,
    /// The e-mail of its owner, to log in with.
    pub email: String,
}

/// The size from which rows are sent to the server.
const CHUNK_BYTES: usize = 256 * 1024;

/// Adds rows to a migrated database, as the owner of the tables. A run that is interrupted leaves some
/// tenants without users or notes, which does no harm.
///
/// # Errors
/// When the numbers are too small, or when the database refuses a step.
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
    let generator =
        Arc::new(RowGenerator::new(Plan::new(tenants, users, options.notes), options.password_hash));
    let copying = Copying { config, connections: options.connections.max(1), generator: &generator };

    copying.run("tenants", &[SeedTable::Tenants], generator.plan().tenant_chunks()).await?;
    copying.run("users", &[SeedTable::Users, SeedTable::Logins], generator.plan().user_chunks()).await?;
    let notes_started = Instant::now();
    copying.run("notes", &[SeedTable::Notes], generator.plan().note_chunks()).await?;
    let notes_elapsed = notes_started.elapsed();
    store::count_seeded(&client).await.context("counting what the tenants use")?;
    store::analyze(&client).await.context("gathering statistics for the planner")?;
    Ok(Seeded {
        elapsed: started.elapsed(),
        notes_elapsed,
        largest_tenant: generator.plan().tenant(0),
        largest_notes: generator.plan().notes(0),
        email: generator.owner_email(0),
    })
}

/// Writes chunks over several connections, which take them from one queue.
struct Copying<'a> {
    config: &'a Config,
    connections: usize,
    generator: &'a Arc<RowGenerator>,
}

impl Copying<'_> {
    /// Writes the rows of all chunks into each of the tables.
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
        // Returning at the first error drops the other tasks, and the server rolls their COPY back.
        while let Some(ended) = running.join_next().await {
            ended.context("a task failed").flatten().with_context(|| format!("adding {what}"))?;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// A function of its own, so that the lock is released before the COPY.
fn next(queue: &Mutex<VecDeque<Chunk>>) -> Option<Chunk> {
    queue.lock().expect("no task panics while it holds the lock").pop_front()
}

async fn copy(
    client: &Client,
    table: SeedTable,
    chunk: &Chunk,
    generator: &RowGenerator,
) -> anyhow::Result<()> {
    let mut sink = pin!(store::copy_in(client, table).await?);
    let mut rows = Rows::header();
    for (tenant, number) in chunk.rows() {
        generator.write(table, tenant, number, &mut rows);
        if rows.len() > CHUNK_BYTES {
            sink.send(rows.take()).await?;
        }
    }
    rows.end();
    sink.send(rows.take()).await?;
    sink.finish().await?;
    Ok(())
}

/// Written to standard error, and only if that is a terminal.
fn progress_bar(what: &'static str, length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg:>8} {wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} left");
    let bar = ProgressBar::new(length).with_message(what).with_style(style.expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
