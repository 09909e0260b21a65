//! What the attacked process and its data take: resident memory, files on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Between two looks at a process whose own record of the peak cannot be reset.
const PAUSE: Duration = Duration::from_millis(50);
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// A process's resident memory over the time of an attack.
pub struct MemoryWatch {
    pid: Option<i32>,
    before: Option<u64>,
    /// Whether VmHWM, which misses no peak, was reset at the start.
    reset: bool,
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

/// Resident memory in MiB; none where the process is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryUse {
    pub before: Option<f64>,
    pub peak: Option<f64>,
    pub after: Option<f64>,
}

impl MemoryWatch {
    /// Starts to watch a process.
    pub fn start(pid: Option<i32>) -> Self {
        let reset = pid.is_some_and(|pid| std::fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok());
        let before = pid.and_then(|pid| status_line(pid, "VmRSS:"));
        let peak = Arc::new(AtomicU64::new(before.unwrap_or(0)));
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(pid) = pid {
            let (peak, stop) = (Arc::clone(&peak), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(status_line(pid, "VmRSS:").unwrap_or(0), Ordering::Relaxed);
                    std::thread::sleep(PAUSE);
                }
            });
        }
        Self { pid, before, reset, peak, stop }
    }

    /// Whether the process still exists; true if it is not known.
    pub fn alive(&self) -> bool {
        self.pid.is_none_or(|pid| Path::new(&format!("/proc/{pid}")).exists())
    }

    /// Ends the watch.
    pub fn end(self) -> MemoryUse {
        self.stop.store(true, Ordering::Relaxed);
        let line = |name: &str| self.pid.and_then(|pid| status_line(pid, name));
        let mut peak = self.peak.load(Ordering::Relaxed);
        if self.reset {
            peak = peak.max(line("VmHWM:").unwrap_or(0));
        }
        let mebibytes = |bytes: u64| bytes as f64 / MEBIBYTE;
        MemoryUse {
            before: self.before.map(mebibytes),
            peak: self.before.map(|_| mebibytes(peak)),
            after: line("VmRSS:").map(mebibytes),
        }
    }
}

/// A size in /proc/PID/status, in bytes.
fn status_line(pid: i32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The bytes of all files below a folder. Files that disappear meanwhile are left out.
pub fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
