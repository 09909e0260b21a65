//! Commands of the real binary that are waited for, such as `pigeonhole migrate`.

use std::process::Child;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::TIMEOUT;

/// The exit code and all that a command printed.
#[derive(Debug)]
pub struct CommandOutput {
    /// None when a signal ended the process.
    pub code: Option<i32>,
    pub output: String,
}

impl CommandOutput {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.output);
        self
    }

    /// Fails the test unless the output contains these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.output.contains(words), "no {words:?} in: {}", self.output);
        self
    }
}

/// A command that still runs. It cannot outlive the tests.
pub struct SpawnedCommand {
    child: Child,
    _directory: TempDir,
}

impl SpawnedCommand {
    /// `child` is the supervising shell, which ends the command when its standard input is closed.
    pub fn new(child: Child, directory: TempDir) -> Self {
        Self { child, _directory: directory }
    }

    /// Waits for the end, and ends the command itself after [`TIMEOUT`].
    pub fn finish(mut self) -> CommandOutput {
        let deadline = Instant::now() + TIMEOUT;
        let mut supervisor = self.child.stdin.take();
        let waited = std::thread::spawn(move || self.child.wait_with_output());
        while !waited.is_finished() {
            if Instant::now() > deadline {
                supervisor = None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(supervisor);
        let output = waited.join().expect("a thread").expect("the output of the process");
        CommandOutput {
            code: output.status.code(),
            output: String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        }
    }
}
