//! What the attacked process and its data take: resident memory, files on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::machine::process_size;

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
        let before = pid.and_then(|pid| process_size(pid, "VmRSS:"));
        let peak = Arc::new(AtomicU64::new(before.unwrap_or(0)));
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(pid) = pid {
            let (peak, stop) = (Arc::clone(&peak), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(process_size(pid, "VmRSS:").unwrap_or(0), Ordering::Relaxed);
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
        let line = |name: &str| self.pid.and_then(|pid| process_size(pid, name));
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

/// The size of a log, in bytes.
pub fn log_size(log: Option<&Path>) -> u64 {
    log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |metadata| metadata.len())
}
