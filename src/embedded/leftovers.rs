//! Clears what a killed start left: a postmaster that still runs, or a postmaster.pid whose process id
//! belongs to another program by now. Both would keep PostgreSQL from starting.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::error::{EmbeddedError, IoContext};
use super::folder::DataFolder;

/// Stops a postmaster that is still running, and removes a stale postmaster.pid.
pub(super) async fn clear(folder: &DataFolder) -> Result<(), EmbeddedError> {
    let tables = folder.tables();
    let pid_file = tables.join("postmaster.pid");
    let Some(pid) = read_pid(&pid_file)? else {
        return Ok(());
    };
    if runs_in(pid, &tables) {
        log::warn!("stopping PostgreSQL (process {pid}) that an earlier start left running");
        stop(pid, &tables).await?;
    }
    // If no process has the id, PostgreSQL itself sees that the file is stale. If an unrelated program has
    // it, PostgreSQL would refuse to start. If processes still work in the folder, the file stays: it
    // protects the tables from a second server.
    if is_alive(pid) && !anything_runs_in(&tables) {
        match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).io_context("remove", pid_file);
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_pid(pid_file: &Path) -> Result<Option<Pid>, EmbeddedError> {
    match fs::read_to_string(pid_file) {
        Ok(text) => {
            let first_line = text.lines().next().unwrap_or_default();
            Ok(first_line.trim().parse().ok().and_then(positive))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).io_context("read", pid_file),
    }
}

fn positive(raw: i32) -> Option<Pid> {
    Pid::from_raw(raw).filter(|_| raw > 1)
}

async fn stop(pid: Pid, tables: &Path) -> Result<(), EmbeddedError> {
    let steps = [(Signal::INT, Duration::from_secs(20)), (Signal::QUIT, Duration::from_secs(10))];
    for (signal, timeout) in steps {
        // An error means that it has ended since the check.
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if !runs_in(pid, tables) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Err(EmbeddedError::LeftRunning(pid.as_raw_nonzero().get()))
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// Every process of a PostgreSQL server has its data folder as the current folder. In a container root may
/// not read that, but any user may read a postmaster's arguments, which also name the folder.
fn runs_in(pid: Pid, tables: &Path) -> bool {
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => folder == tables,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let named = tables.as_os_str().as_bytes();
            arguments(pid).split(|byte| *byte == 0).any(|argument| argument == named)
        }
        Err(_) => false,
    }
}

fn arguments(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Children of a postmaster may outlive it, and their arguments do not name the folder. If the current folder
/// of a process cannot be read, any PostgreSQL of the owner of `tables` is assumed to run there. That of
/// another user, such as the system's own, cannot: PostgreSQL refuses a folder that it does not own.
fn may_run_in(pid: Pid, tables: &Path) -> bool {
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => folder == tables,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            arguments(pid).starts_with(b"postgres") && may_own(pid, tables)
        }
        Err(_) => false,
    }
}

fn may_own(pid: Pid, tables: &Path) -> bool {
    match (fs::metadata(format!("/proc/{pid}")), fs::metadata(tables)) {
        (Ok(process), Ok(tables)) => process.uid() == tables.uid(),
        _ => true,
    }
}

fn anything_runs_in(tables: &Path) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else {
        return true;
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(positive)
        .any(|pid| may_run_in(pid, tables))
}
