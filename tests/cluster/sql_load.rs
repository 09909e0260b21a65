//! A load of writes by SQL as the application role, through every node, which records every acknowledged id.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Config, NoTls};

use crate::support::TIMEOUT;

#[derive(Default)]
pub struct SqlLoadReport {
    /// Tenant and id of each note whose COMMIT succeeded.
    pub acknowledged: Vec<(i64, i64)>,
    /// Errors by SQLSTATE, "lost connection" or "no answer".
    pub errors: BTreeMap<String, usize>,
    /// The longest time from the first attempt for a note to its acknowledgement.
    pub longest: Duration,
}

pub struct Load {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<SqlLoadReport>>,
    writers: Vec<tokio::task::JoinHandle<()>>,
}

/// A connection like the application's, with a longer statement timeout: on a busy machine a write may wait
/// longer for the end of a move. bin/cluster-faults measures that wait.
pub async fn application(url: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config: Config = url.parse().expect("a URL");
    config.options("-c role=pigeonhole_app -c citus.propagate_set_commands=local -c statement_timeout=180s");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Creates tenants with one user each, numbered from `first`.
pub async fn create_tenants(admin: &Client, first: i64, count: i64) {
    let last = first + count - 1;
    for statement in [
        format!(
            "INSERT INTO shared.tenants (id, name, name_key) SELECT n, 'T' || n, 't' || n \
             FROM generate_series({first}, {last}) n"
        ),
        format!(
            "INSERT INTO shared.users (id, tenant_id, username, username_key, password, role)
             SELECT n + 500000000, n, 'u', 'u', 'x', 'owner' FROM generate_series({first}, {last}) n"
        ),
    ] {
        admin.batch_execute(&statement).await.expect(&statement);
    }
}

impl Load {
    /// Starts so many writers for each URL. They write for the tenants in turn.
    pub fn start(urls: &[String], tenants: std::ops::Range<i64>, writers: usize) -> Self {
        let (stop, report) =
            (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(SqlLoadReport::default())));
        let spawned = urls.iter().flat_map(|url| (0..writers).map(move |number| (url.clone(), number))).map(
            |(url, number)| {
                let (stop, report, tenants) = (Arc::clone(&stop), Arc::clone(&report), tenants.clone());
                tokio::spawn(async move { write(&url, number, tenants, &stop, &report).await })
            },
        );
        Self { writers: spawned.collect(), stop, report }
    }

    pub async fn stop(self) -> SqlLoadReport {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer");
        }
        std::mem::take(&mut self.report.lock().expect("the report"))
    }
}

async fn write(
    url: &str,
    number: usize,
    tenants: std::ops::Range<i64>,
    stop: &AtomicBool,
    report: &Mutex<SqlLoadReport>,
) {
    let mut tenant = tenants.start + number as i64 * 7;
    let mut client = None;
    'notes: while !stop.load(Ordering::Relaxed) {
        tenant = if tenant + 1 >= tenants.end { tenants.start } else { tenant + 1 };
        let started = Instant::now();
        loop {
            let attempt = async {
                if client.is_none() {
                    client = Some(application(url).await?);
                }
                insert(client.as_ref().expect("a client"), tenant).await
            };
            let result = tokio::time::timeout(TIMEOUT, attempt).await;
            if record(report, tenant, started.elapsed(), result) {
                break;
            }
            client = None;
            if stop.load(Ordering::Relaxed) || started.elapsed() > TIMEOUT {
                continue 'notes;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Records an attempt; true if it was acknowledged.
fn record(
    report: &Mutex<SqlLoadReport>,
    tenant: i64,
    took: Duration,
    result: Result<Result<i64, tokio_postgres::Error>, tokio::time::error::Elapsed>,
) -> bool {
    let mut report = report.lock().expect("the report");
    let code = match result {
        Ok(Ok(id)) => {
            report.acknowledged.push((tenant, id));
            report.longest = report.longest.max(took);
            return true;
        }
        Ok(Err(error)) => {
            error.code().map_or_else(|| "lost connection".to_owned(), |code| code.code().to_owned())
        }
        Err(_) => "no answer".to_owned(),
    };
    *report.errors.entry(code).or_default() += 1;
    false
}

async fn insert(client: &Client, tenant: i64) -> Result<i64, tokio_postgres::Error> {
    client.batch_execute(&format!("BEGIN; SET LOCAL app.tenant_id = '{tenant}'")).await?;
    let sql =
        "INSERT INTO notes (tenant_id, user_id, content) VALUES ($1, $2, 'written under load') RETURNING id";
    let id = client.query_one(sql, &[&tenant, &(tenant + 500_000_000)]).await?.get(0);
    client.batch_execute("COMMIT").await?;
    Ok(id)
}

impl SqlLoadReport {
    /// Counts acknowledged notes that do not exist.
    pub async fn lost(&self, admin: &Client) -> usize {
        let mut there = HashSet::new();
        let tenants: HashSet<i64> = self.acknowledged.iter().map(|(tenant, _)| *tenant).collect();
        for tenant in tenants {
            let rows =
                admin.query("SELECT id FROM notes WHERE tenant_id = $1", &[&tenant]).await.expect("notes");
            there.extend(rows.iter().map(|row| (tenant, row.get::<_, i64>(0))));
        }
        self.acknowledged.iter().filter(|note| !there.contains(note)).count()
    }

    pub fn figures(&self, lost: usize) -> String {
        format!(
            "{} acknowledged, {lost} lost, longest {} ms, errors {:?}",
            self.acknowledged.len(),
            self.longest.as_millis(),
            self.errors
        )
    }
}
