//! Under which circumstances a run was made: machine, other load, versions, date.

use serde::Serialize;

use crate::bench::Bench;
use crate::machine::{cores, load_average, process_size};
use crate::options::Options;
use crate::processor::{MachineTicks, ticks_of};
use crate::server_process::ServerProcess;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The machine while it measures.
#[derive(Clone, Debug)]
pub struct MachineWatch {
    load_before: String,
    before: MachineTicks,
    known_before: u64,
}

/// What was seen of it.
#[derive(Clone, Debug, Serialize)]
pub struct Circumstances {
    pub date: String,
    pub program: String,
    pub database: String,
    pub cores: usize,
    pub processor: String,
    /// The load averages of 1, 5 and 15 minutes.
    pub load_before: String,
    pub load_after: String,
    /// Percent of the processors' time that processes took that were not measured, the kernel's own included.
    pub other_percent: f64,
    /// Percent that the hypervisor gave to other machines.
    pub stolen_percent: f64,
    pub server_idle_mb: f64,
    pub server_loaded_mb: f64,
    pub server_peak_mb: f64,
    pub binary_mb: f64,
}

impl MachineWatch {
    /// Begins.
    pub fn start(bench: &Bench) -> Self {
        let load_before = load_average();
        eprintln!("bench: load average before: {load_before}");
        Self { load_before, before: MachineTicks::read(), known_before: known_ticks(bench) }
    }

    /// Ends.
    pub fn end(&self, bench: &Bench) -> Circumstances {
        let known = known_ticks(bench).saturating_sub(self.known_before);
        let (other_percent, stolen_percent) = MachineTicks::read().shares_since(self.before, known);
        let pid = bench.on.pid();
        let size = |name: &str| process_size(pid, name).unwrap_or(0) as f64 / MEBIBYTE;
        let binary = std::fs::metadata(&bench.options.binary).map_or(0, |metadata| metadata.len());
        Circumstances {
            date: chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            program: version_of(&bench.options),
            database: bench.options.database.clone(),
            cores: cores(),
            processor: processor(),
            load_before: self.load_before.clone(),
            load_after: load_average(),
            other_percent,
            stolen_percent,
            server_idle_mb: bench.idle_memory as f64 / MEBIBYTE,
            server_loaded_mb: size("VmRSS:"),
            server_peak_mb: size("VmHWM:"),
            binary_mb: binary as f64 / MEBIBYTE,
        }
    }
}

impl Circumstances {
    /// Prints them.
    pub fn print(&self, options: &Options) {
        println!();
        println!(
            "Median of {} rounds of {} s; µs are processor time for each request.",
            options.rounds, options.seconds
        );
        println!(
            "Server's memory: {:.1} MB idle, {:.1} MB loaded (at most {:.1} MB). Binary: {:.1} MB.",
            self.server_idle_mb, self.server_loaded_mb, self.server_peak_mb, self.binary_mb
        );
        println!(
            "Machine: {} cores of {}, shared by load, server and database. Load average {} before, {} after.",
            self.cores, self.processor, self.load_before, self.load_after
        );
        println!(
            "Other processes and the kernel took {:.1} % of the cores, the hypervisor {:.1} %.",
            self.other_percent, self.stolen_percent
        );
        println!(
            "Database: {}; fsync on, synchronous_commit on, shared_buffers 128 MB; TCP on loopback.",
            self.database
        );
        println!("{}, {}", self.date, self.program);
    }
}

/// The clock ticks of the measured servers, and of this program with the load generators that it started.
fn known_ticks(bench: &Bench) -> u64 {
    let mut pids = bench.options.postmasters.clone();
    pids.extend(
        [Some(&bench.on), bench.off.as_ref(), bench.floor.as_ref()]
            .into_iter()
            .flatten()
            .map(ServerProcess::pid),
    );
    // A server's supervisor is a child of this program, whose own ended children count here too.
    pids.push(i32::try_from(std::process::id()).unwrap_or_default());
    ticks_of(&pids)
}

fn version_of(options: &Options) -> String {
    let output = std::process::Command::new(&options.binary).arg("--version").output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.to_owned())
}
