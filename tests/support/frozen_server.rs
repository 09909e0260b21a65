//! A PostgreSQL server that hangs.

use rustix::process::{Pid, Signal, kill_process};

/// A process and its children. PostgreSQL's backends have process groups of their own.
pub fn process_tree(postmaster: Pid) -> Vec<Pid> {
    let children = format!("/proc/{0}/task/{0}/children", postmaster.as_raw_nonzero());
    let children = std::fs::read_to_string(children).expect("the children of the postmaster");
    let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    std::iter::once(postmaster).chain(children).collect()
}

/// A PostgreSQL server stopped by SIGSTOP: it keeps its connections and answers nothing. Dropping this
/// continues it.
pub struct FrozenServer(Vec<Pid>);

impl FrozenServer {
    pub fn freeze(postmaster: Pid) -> Self {
        // The postmaster first, as it could fork new backends.
        kill_process(postmaster, Signal::STOP).expect("frozen");
        let all = process_tree(postmaster);
        for process in &all {
            let _ = kill_process(*process, Signal::STOP);
        }
        Self(all)
    }
}

impl Drop for FrozenServer {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}
