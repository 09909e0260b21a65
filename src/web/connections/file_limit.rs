//! The limit of open files, which limits the connections too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit of open files before and after the start.
#[derive(Clone, Copy, Debug)]
pub struct FileLimit {
    /// The soft limit with which the process was started.
    pub inherited: Option<u64>,
    /// The limit that counts now; none for no limit.
    pub current: Option<u64>,
}

/// Raises the soft limit to the hard limit, as every process may. The usual soft limit of 1,024 is for
/// programs that use `select`, which this one does not.
pub fn raise_file_limit() -> FileLimit {
    let inherited = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: inherited.maximum, maximum: inherited.maximum };
    // Where it is refused, the old limit counts.
    let _ = setrlimit(Resource::Nofile, raised);
    FileLimit { inherited: inherited.current, current: getrlimit(Resource::Nofile).current }
}

impl FileLimit {
    /// The limit that counts.
    pub fn now() -> Self {
        let current = getrlimit(Resource::Nofile).current;
        Self { inherited: current, current }
    }

    /// How many connections fit beside `reserved` other files, `most` at most.
    pub fn connections(self, reserved: u64, most: usize) -> usize {
        let fit = self.current.map_or(u64::MAX, |current| current.saturating_sub(reserved).max(current / 4));
        usize::try_from(fit).unwrap_or(usize::MAX).min(most).max(1)
    }
}
