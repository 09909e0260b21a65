//! The data folder: created, locked against a second start, and reachable for the account that PostgreSQL
//! runs as. Only `pgdata` and the socket's folder belong to that account.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::account::ServerAccount;
use super::error::{EmbeddedError, IoContext};

/// In bytes.
const LARGEST_LOG: u64 = 10 * 1024 * 1024;

/// A data folder that is locked for this process as long as the value lives.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if it is missing, and takes its lock.
    pub(super) fn lock(wanted: &Path) -> Result<Self, EmbeddedError> {
        let wanted = std::path::absolute(wanted).io_context("resolve", wanted)?;
        create_missing_folders(&wanted)?;
        let path = wanted.canonicalize().io_context("resolve", &wanted)?;
        let lock = take_lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn tables(&self) -> PathBuf {
        self.path.join("pgdata")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// The version that made the tables, with the tables' folder; `None` before the first start.
    pub(super) fn version(&self) -> Result<Option<(String, PathBuf)>, EmbeddedError> {
        let file = self.tables().join("PG_VERSION");
        match fs::read_to_string(&file) {
            Ok(version) => Ok(Some((version.trim().to_owned(), self.tables()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).io_context("read", file),
        }
    }

    /// Makes sure that the account can enter the folder.
    pub(super) fn ensure_reachable(&self, account: Option<&ServerAccount>) -> Result<(), EmbeddedError> {
        let Some(account) = account else {
            return Ok(());
        };
        match account.first_unreachable_folder(&self.path) {
            None => Ok(()),
            // The folder has no files but ours, so other accounts may pass through it.
            Some(folder) if folder == self.path && self.holds_only_our_files() => allow_passage(&self.path),
            Some(folder) => {
                Err(EmbeddedError::Unreachable { account: account.name.clone(), folder, setting: "DATA_DIR" })
            }
        }
    }

    fn holds_only_our_files(&self) -> bool {
        let ours = ["pigeonhole.lock", "pgdata", "run", "postgres.log"];
        fs::read_dir(&self.path).is_ok_and(|mut entries| {
            entries.all(|entry| {
                entry.is_ok_and(|entry| ours.iter().any(|name| entry.file_name() == OsStr::new(name)))
            })
        })
    }

    /// Opens the log for a new start. A log that has grown large is emptied.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedError> {
        let path = self.log();
        let file = open_private_file(OpenOptions::new().append(true), &path)?;
        if file.metadata().is_ok_and(|data| data.len() > LARGEST_LOG) {
            file.set_len(0).io_context("shorten", &path)?;
        }
        Ok(file)
    }
}

/// Creates a folder that only its owner may enter.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Creates a folder that only the server's account may enter. An existing one stays as it is.
pub(super) fn ensure_private_folder(
    path: &Path,
    account: Option<&ServerAccount>,
) -> Result<(), EmbeddedError> {
    match create_private_folder(path) {
        Ok(()) => account.map_or(Ok(()), |account| account.own(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).io_context("make the folder", path),
    }
}

fn create_missing_folders(path: &Path) -> Result<(), EmbeddedError> {
    let mut missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    missing.reverse();
    for folder in missing {
        match create_private_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.io_context("make the folder", folder)?,
        }
        if rustix::process::geteuid().is_root() {
            allow_passage(folder)?;
        }
    }
    Ok(())
}

fn allow_passage(folder: &Path) -> Result<(), EmbeddedError> {
    let mode = folder.metadata().io_context("look at", folder)?.mode();
    fs::set_permissions(folder, Permissions::from_mode((mode & 0o777) | 0o011)).io_context("open", folder)
}

fn take_lock(folder: &Path) -> Result<File, EmbeddedError> {
    let path = folder.join("pigeonhole.lock");
    let mut file = open_private_file(OpenOptions::new().read(true).write(true), &path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(error).io_context("lock", path),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(EmbeddedError::InUse { folder: folder.to_owned(), holder: holder.trim().to_owned() });
        }
    }
    file.set_len(0).io_context("write", &path)?;
    writeln!(file, "{}", std::process::id()).io_context("write", &path)?;
    Ok(file)
}

/// Does not follow a link: in a folder of another user, root could be led to write elsewhere.
fn open_private_file(options: &mut OpenOptions, path: &Path) -> Result<File, EmbeddedError> {
    options
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .io_context("open", path)
}
