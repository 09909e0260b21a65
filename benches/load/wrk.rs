//! wrk, which sends requests over HTTP as fast as they are answered. It corrects its percentiles for
//! coordinated omission.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::outcome::Outcome;

const SCRIPT: &str = include_str!("replay.lua");
/// Beyond the measured time.
const TIMEOUT: Duration = Duration::from_secs(40);

/// What a load did.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadResult {
    /// Requests that were answered.
    pub requests: u64,
    pub seconds: f64,
    pub errors: u64,
    /// In milliseconds, corrected for coordinated omission.
    pub p50: f64,
    pub p99: f64,
    pub bytes: u64,
    /// Requests that were sent; for pgbench those that were answered.
    pub sent: u64,
}

impl LoadResult {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds.max(1e-9)
    }
}

/// How wrk sends.
#[derive(Clone, Copy, Debug)]
pub struct Wrk<'a> {
    /// A folder for its script.
    pub folder: &'a Path,
    pub connections: usize,
    pub seconds: u64,
    /// The longest time of an answer, in seconds.
    pub timeout: u64,
    /// How long each connection waits after an answer, in milliseconds.
    pub pause: Option<u64>,
}

impl Wrk<'_> {
    /// Sends the requests of a file to a server.
    ///
    /// # Errors
    /// wrk's output when it gave no result.
    pub async fn run(&self, base: &str, requests: &Path) -> Outcome<LoadResult> {
        let script = self.folder.join("replay.lua");
        // Once, as another wrk may be reading it.
        if !script.exists() {
            std::fs::write(&script, SCRIPT)?;
        }
        let mut command = Command::new("wrk");
        command
            .args(["-t", "1", "-c", &self.connections.to_string(), "-d", &format!("{}s", self.seconds)])
            .args(["--timeout", &format!("{}s", self.timeout), "--latency", "-s"])
            .arg(script)
            .args([base, "--"])
            .arg(requests)
            .args(self.pause.map(|pause| pause.to_string()))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let longest = Duration::from_secs(self.seconds) + TIMEOUT;
        let output = tokio::time::timeout(longest, command.output()).await.map_err(|_| "wrk hangs")??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("result ")) else {
            return Err(format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
        };
        let fields: Vec<u64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
        let [requests, micros, errors, p50, p99, bytes, sent] = fields[..] else {
            return Err(format!("wrk gave {line}").into());
        };
        Ok(LoadResult {
            requests,
            seconds: micros as f64 / 1e6,
            errors,
            p50: p50 as f64 / 1e3,
            p99: p99 as f64 / 1e3,
            bytes,
            sent,
        })
    }
}
