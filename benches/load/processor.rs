//! Processor time of processes and of the machine, from /proc.

/// The clock ticks of some processes, with their ended children and the running ones, such as the backends of
/// a postmaster.
pub fn ticks_of(pids: &[i32]) -> u64 {
    let mut ticks = 0;
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        ticks += ticks_in(&stat, pid, pids).unwrap_or(0);
    }
    ticks
}

/// The ticks in a line of /proc/PID/stat (proc_pid_stat(5)) that count for these processes. The name in
/// parentheses may have spaces.
fn ticks_in(stat: &str, pid: i32, pids: &[i32]) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    let own = field(11)? + field(12)?;
    if pids.contains(&pid) {
        return Some(own + field(13)? + field(14)?);
    }
    let parent = fields.get(1)?.parse::<i32>().ok()?;
    pids.contains(&parent).then_some(own)
}

/// Microseconds of a clock tick.
pub fn tick() -> f64 {
    1e6 / rustix::param::clock_ticks_per_second() as f64
}

/// Ticks of all processors since the machine started.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineTicks {
    busy: u64,
    stolen: u64,
    all: u64,
}

impl MachineTicks {
    /// The first line of /proc/stat (proc_stat(5)).
    pub fn read() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().next().unwrap_or_default();
        let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|text| text.parse().ok()).collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or(0);
        // Time of guests is part of user and nice.
        let all: u64 = (0..8).map(field).sum();
        Self { busy: all - field(3) - field(4) - field(7), stolen: field(7), all }
    }

    /// The shares of the processors since an earlier moment, in percent: of processes that took other than
    /// `known` ticks, and stolen by the hypervisor.
    pub fn shares_since(self, before: Self, known: u64) -> (f64, f64) {
        let all = (self.all - before.all).max(1) as f64;
        let other = (self.busy - before.busy).saturating_sub(known) as f64;
        (100.0 * other / all, 100.0 * (self.stolen - before.stolen) as f64 / all)
    }
}

/// Seconds that this thread has spent on a processor.
pub fn thread_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
