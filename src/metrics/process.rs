//! What the kernel counts of this process (proc(5)). Without /proc there are no numbers.

use std::fs;

use serde::Serialize;

/// The process now.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    pub cpu_seconds: f64,
    /// Memory in RAM.
    pub resident_bytes: u64,
    pub threads: u64,
    /// Files and sockets.
    pub open_files: u64,
    /// The soft limit of open files; `None` for no limit.
    pub most_files: Option<u64>,
}

impl Process {
    /// This process; `None` without /proc.
    pub fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let mut process =
            parse(&stat, rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64)?;
        process.open_files =
            fs::read_dir("/proc/self/fd").map(|files| files.count() as u64).unwrap_or_default();
        process.most_files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Some(process)
    }
}

fn parse(stat: &str, ticks: u64, page: u64) -> Option<Process> {
    // The name in the parentheses may hold anything, also parentheses and spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Process {
        cpu_seconds: (number(14)? + number(15)?) as f64 / ticks as f64,
        resident_bytes: number(24)? * page,
        threads: number(20)?,
        open_files: 0,
        most_files: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_parsed_whatever_the_program_is_called() {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 7 0 1000 1000000 256 \
            18446744073709551615 1 1";
        let process = parse(line, 100, 4096).expect("a process");
        assert_eq!((process.cpu_seconds, process.resident_bytes, process.threads), (2.0, 1_048_576, 7));
        assert!(parse("42 (cut", 100, 4096).is_none());
    }

    #[test]
    fn this_process_uses_memory_and_has_files_open() {
        let process = Process::read().expect("Linux");
        assert!(
            process.resident_bytes > 1 << 20 && process.open_files > 2 && process.threads > 0,
            "{process:?}"
        );
    }
}
