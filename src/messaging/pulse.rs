//! A worker's sign of life, for those who watch it from outside: a file that is locked while the process
//! lives, says how it is, and is as old as the last look for messages. A process that is frozen or stuck
//! keeps its lock, and its file grows old.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// In the data folder, a file for each worker.
const FOLDER: &str = "pulse";
/// All is written in one piece over what was there before.
const WIDTH: usize = 60;
const WELL: &str = "well";
const NO_DATABASE: &str = "the database cannot be reached";
const NO_BROKER: &str = "the broker cannot be reached";

/// Where a worker says that it works. A silent one says nothing, as in `serve`, which has an address to be
/// asked at.
#[derive(Default)]
pub struct Pulse {
    file: Option<File>,
    consuming: AtomicBool,
}

impl Pulse {
    /// Makes the file of this process, and removes those of processes that are gone.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn in_folder(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        for (path, file) in files(&folder)? {
            if file.try_lock().is_ok() {
                std::fs::remove_file(path)?;
            }
        }
        let path = folder.join(std::process::id().to_string());
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o644).open(path)?;
        file.lock()?;
        let pulse = Self { file: Some(file), consuming: AtomicBool::new(false) };
        pulse.write("begins");
        Ok(pulse)
    }

    /// Says how the last look for messages went; `publishing` where there is a broker, and whether it takes
    /// messages.
    pub(super) fn beat(&self, found: bool, publishing: Option<bool>) {
        self.write(match (found, publishing) {
            (false, _) => NO_DATABASE,
            (true, Some(ready)) if !ready || !self.consuming.load(Ordering::Relaxed) => NO_BROKER,
            (true, _) => WELL,
        });
    }

    /// Held while messages are taken from a broker.
    pub(super) fn consuming(&self) -> Consuming<'_> {
        self.consuming.store(true, Ordering::Relaxed);
        Consuming(&self.consuming)
    }

    fn write(&self, state: &str) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.write_all_at(format!("{state:<WIDTH$}\n").as_bytes(), 0) {
            log::warn!("the sign of life could not be written: {error}");
        }
    }
}

/// Messages are taken from a broker for as long as this is there.
pub(super) struct Consuming<'a>(&'a AtomicBool);

impl Drop for Consuming<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A worker that lives, seen from another process.
pub struct Beat {
    /// Its process.
    pub process: String,
    /// Since when it has not looked for messages.
    pub age: Duration,
    state: String,
}

impl Beat {
    /// What is wrong with it by its own account.
    pub fn trouble(&self) -> Option<&str> {
        (self.state != WELL).then_some(self.state.as_str())
    }
}

/// The workers that live and have this data folder.
///
/// # Errors
/// When there is no such folder, or it cannot be read.
pub fn beats(data_dir: &Path) -> io::Result<Vec<Beat>> {
    let mut found = Vec::new();
    for (path, file) in files(&data_dir.join(FOLDER))? {
        if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            continue;
        }
        found.push(Beat {
            process: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            age: file.metadata()?.modified()?.elapsed().unwrap_or_default(),
            state: io::read_to_string(&file)?.trim().to_owned(),
        });
    }
    Ok(found)
}

/// One that a starting worker is just removing is left out.
fn files(folder: &Path) -> io::Result<Vec<(PathBuf, File)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match File::open(&path) {
            Ok(file) => files.push((path, file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}
