//! pgbench, which sends one prepared statement again and again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::try_join_all;
use tokio::process::Command;

use crate::outcome::Outcome;
use crate::percentile::percentile;
use crate::population::{FIRST_TENANT, Population};
use crate::shards::{CONNECTION_OPTIONS, Shard};
use crate::wrk::LoadResult;

const TIMEOUT: Duration = Duration::from_secs(40);
/// The first seconds, which are not counted: pgbench connects anew for each measurement, and its first
/// statements are planned, while those of a server that runs have their plans.
pub const LEAD: Duration = Duration::from_secs(2);

/// The SELECT of list.sql on a shard's own table.
const LIST_ON_SHARD: &str = "
\\set person :tenant * 1000 + random(0, {last_user})
\\set wanted 21
SELECT id, user_id, title, content, version, created_at, updated_at FROM {notes}
WHERE tenant_id = :tenant AND user_id = :person AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT :wanted;
";

/// How pgbench sends.
#[derive(Clone, Copy, Debug)]
pub struct Pgbench<'a> {
    pub program: &'a str,
    pub folder: &'a Path,
    pub connections: usize,
    /// How long is counted, and from when on: [`LEAD`] after the start.
    pub seconds: u64,
    pub from: SystemTime,
}

/// The scripts for one server, each with its weight.
struct Scripts {
    node: String,
    files: Vec<(PathBuf, usize)>,
    options: &'static str,
    connections: usize,
}

/// What one process did.
struct Part {
    /// In microseconds, corrected.
    times: Vec<u64>,
    count: u64,
    rate: f64,
    failed: u64,
}

impl Pgbench<'_> {
    /// One script through a server.
    ///
    /// # Errors
    /// pgbench's output when it failed.
    pub async fn through(&self, node: &str, population: Population, script: &str) -> Outcome<LoadResult> {
        let file = self.folder.join("pgbench.sql");
        std::fs::write(&file, population.fill_in(script))?;
        let scripts = Scripts {
            node: node.to_owned(),
            files: vec![(file, 1)],
            options: "",
            connections: self.connections,
        };
        self.run(vec![scripts]).await
    }

    /// The list on the shards' own tables, at all nodes at once, each tenant as often as any other.
    ///
    /// # Errors
    /// pgbench's output when it failed.
    pub async fn on_shards(&self, shards: &[Shard], population: Population) -> Outcome<LoadResult> {
        let mut nodes: Vec<&str> = shards.iter().map(|shard| shard.node.as_str()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut all = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let here = shards.iter().filter(|shard| shard.node == **node);
            let files = here.enumerate().map(|(number, shard)| {
                let file = self.folder.join(format!("pgbench-{index}-{number}.sql"));
                std::fs::write(&file, list_on(shard, population)).map(|()| (file, shard.tenants.len()))
            });
            // What is left over goes to the first nodes.
            let connections = (self.connections + nodes.len() - 1 - index) / nodes.len();
            all.push(Scripts {
                node: (*node).to_owned(),
                files: files.collect::<Result<_, _>>()?,
                options: CONNECTION_OPTIONS,
                connections: connections.max(1),
            });
        }
        self.run(all).await
    }

    async fn run(&self, all: Vec<Scripts>) -> Outcome<LoadResult> {
        let runs = all.iter().enumerate().map(|(index, scripts)| self.run_one(index, scripts));
        let parts = try_join_all(runs).await?;
        let mut times: Vec<u64> = parts.iter().flat_map(|part| part.times.iter().copied()).collect();
        let requests: u64 = parts.iter().map(|part| part.count).sum();
        let rate: f64 = parts.iter().map(|part| part.rate).sum();
        Ok(LoadResult {
            requests,
            seconds: requests as f64 / rate.max(1e-9),
            errors: parts.iter().map(|part| part.failed).sum(),
            p50: percentile(&mut times, 0.5) as f64 / 1e3,
            p99: percentile(&mut times, 0.99) as f64 / 1e3,
            bytes: 0,
            sent: requests,
        })
    }

    async fn run_one(&self, index: usize, scripts: &Scripts) -> Outcome<Part> {
        let log = self.folder.join(format!("pgbench-log-{index}"));
        remove_logs(&log)?;
        let (host, port) = scripts.node.split_once(':').ok_or("a node has no port")?;
        let running = Duration::from_secs(self.seconds) + LEAD;
        let mut command = Command::new(self.program);
        command.args(["-h", host, "-p", port, "-U", "postgres", "-n", "-M", "prepared", "-j", "1"]);
        command.args(["-c", &scripts.connections.to_string(), "-T", &running.as_secs().to_string(), "-l"]);
        command.arg(format!("--log-prefix={}", log.display()));
        for (file, weight) in &scripts.files {
            command.arg("-f").arg(format!("{}@{weight}", file.display()));
        }
        command.arg("pigeonhole").env("PGOPTIONS", scripts.options).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(running + TIMEOUT, command.output())
            .await
            .map_err(|_| "pgbench hangs")??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let number = |start: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(start))?;
            rest.split_whitespace().next()?.parse::<f64>().ok()
        };
        let failed =
            number("number of failed transactions: ").ok_or_else(|| format!("pgbench: {text}"))? as u64;
        let done = read_logs(&log)?.into_iter().filter(|done| done.at >= self.from);
        let (mut times, mut last) = (Vec::new(), self.from);
        for Done { at, micros } in done {
            times.push(micros);
            last = last.max(at);
        }
        let (count, elapsed) = (times.len() as u64, last.duration_since(self.from)?);
        let every = elapsed.as_micros() as u64 * scripts.connections as u64 / (count + 1);
        let rate = count as f64 / elapsed.as_secs_f64().max(1e-3);
        Ok(Part { times: with_waiting(times, every), count, rate, failed })
    }
}

/// The script for a shard. pgbench has no lists, so the tenant is chosen by CASE.
fn list_on(shard: &Shard, population: Population) -> String {
    let last = shard.tenants.len() - 1;
    let cases: Vec<String> = shard
        .tenants
        .iter()
        .enumerate()
        .map(|(index, tenant)| format!("when :index = {index} then {tenant}"))
        .collect();
    let list = LIST_ON_SHARD.replace("{last_user}", &(population.users - 1).to_string());
    format!(
        "\\set index random(0, {last})\n\\set tenant case {} else {FIRST_TENANT} end{}",
        cases.join(" "),
        shard.on(&list)
    )
}

/// The logs of a prefix: pgbench adds numbers of its process and thread.
fn logs(prefix: &Path) -> Outcome<Vec<PathBuf>> {
    let name = prefix.file_name().and_then(|name| name.to_str()).ok_or("no prefix")?;
    let folder = prefix.parent().ok_or("no folder")?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let matches =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|other| is_log_of(other, name));
        if matches {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_log_of(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
}

fn remove_logs(prefix: &Path) -> Outcome<()> {
    for log in logs(prefix)? {
        std::fs::remove_file(log)?;
    }
    Ok(())
}

/// A transaction in a log.
struct Done {
    at: SystemTime,
    micros: u64,
}

/// Of each line the third field, the time of a transaction in microseconds, and the fifth and sixth, when it
/// ended.
fn read_logs(prefix: &Path) -> Outcome<Vec<Done>> {
    let mut all = Vec::new();
    for log in logs(prefix)? {
        let text = std::fs::read_to_string(&log)?;
        all.extend(text.lines().filter_map(|line| {
            let fields: Vec<u64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
            let (micros, seconds, rest) = (*fields.get(2)?, *fields.get(4)?, *fields.get(5)?);
            let at = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(rest);
            Some(Done { at, micros })
        }));
        std::fs::remove_file(log)?;
    }
    Ok(all)
}

/// Times corrected for coordinated omission as wrk does it: a connection that waits long sends nothing
/// meanwhile, so the requests that it would have sent every so many microseconds count as waiting too.
fn with_waiting(mut times: Vec<u64>, every: u64) -> Vec<u64> {
    let every = every.max(1);
    let mut waiting = Vec::new();
    for time in &times {
        if *time > 2 * every {
            let mut left = time - every;
            while left > every {
                waiting.push(left);
                left -= every;
            }
        }
    }
    times.append(&mut waiting);
    times
}
