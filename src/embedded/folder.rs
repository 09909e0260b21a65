//! The data folder: made, locked against a second start, and open just enough for the account that
//! PostgreSQL runs as. Only `pgdata` and the socket folder belong to that account.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::account::Account;
use super::error::{EmbeddedError, Tried};

const LARGEST_LOG: u64 = 10 * 1024 * 1024;

/// A data folder that this process alone holds, for as long as the value lives.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing and takes its lock.
    pub fn claim(wanted: &Path) -> Result<Self, EmbeddedError> {
        let wanted = std::path::absolute(wanted).tried("resolve", wanted)?;
        make_missing_folders(&wanted)?;
        let path = wanted.canonicalize().tried("resolve", &wanted)?;
        let lock = take_lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn tables(&self) -> PathBuf {
        self.path.join("pgdata")
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// The version that made the tables, and where they are; `None` before the first start.
    pub fn version(&self) -> Result<Option<(String, PathBuf)>, EmbeddedError> {
        let file = self.tables().join("PG_VERSION");
        match fs::read_to_string(&file) {
            Ok(version) => Ok(Some((version.trim().to_owned(), self.tables()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).tried("read", file),
        }
    }

    /// Makes sure that the account can get into the folder.
    pub fn admit(&self, account: Option<&Account>) -> Result<(), EmbeddedError> {
        let Some(account) = account else {
            return Ok(());
        };
        match account.closed_folder(&self.path) {
            None => Ok(()),
            // Ours and used for nothing else yet: letting others pass through gives nothing away.
            Some(closed) if closed == self.path && self.holds_only_our_files() => {
                open_for_passage(&self.path)
            }
            Some(closed) => {
                Err(EmbeddedError::Closed { account: account.name.clone(), closed, setting: "DATA_DIR" })
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

    /// Opens the log for a start that begins now; a log that has grown large begins anew.
    pub fn open_log(&self) -> Result<File, EmbeddedError> {
        let path = self.log();
        let file = private_file(OpenOptions::new().append(true), &path)?;
        if file.metadata().is_ok_and(|data| data.len() > LARGEST_LOG) {
            file.set_len(0).tried("shorten", &path)?;
        }
        Ok(file)
    }
}

/// A folder that only its owner may enter.
pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Makes a folder that only the server's account may enter, and leaves one that is there as it is.
pub(super) fn ensure_private_folder(path: &Path, account: Option<&Account>) -> Result<(), EmbeddedError> {
    match make_private_folder(path) {
        Ok(()) => account.map_or(Ok(()), |account| account.give(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).tried("make the folder", path),
    }
}

fn make_missing_folders(path: &Path) -> Result<(), EmbeddedError> {
    let mut missing: Vec<&Path> = path.ancestors().take_while(|way| !way.exists()).collect();
    missing.reverse();
    for folder in missing {
        match make_private_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.tried("make the folder", folder)?,
        }
        if rustix::process::geteuid().is_root() {
            open_for_passage(folder)?;
        }
    }
    Ok(())
}

fn open_for_passage(folder: &Path) -> Result<(), EmbeddedError> {
    let mode = folder.metadata().tried("look at", folder)?.mode();
    fs::set_permissions(folder, Permissions::from_mode((mode & 0o777) | 0o011)).tried("open", folder)
}

fn take_lock(folder: &Path) -> Result<File, EmbeddedError> {
    let path = folder.join("pigeonhole.lock");
    let mut file = private_file(OpenOptions::new().read(true).write(true), &path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(error).tried("lock", path),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(EmbeddedError::InUse { folder: folder.to_owned(), holder: holder.trim().to_owned() });
        }
    }
    file.set_len(0).tried("write", &path)?;
    writeln!(file, "{}", std::process::id()).tried("write", &path)?;
    Ok(file)
}

/// Never follows a link: started as root on somebody else's folder, that would write elsewhere.
fn private_file(options: &mut OpenOptions, path: &Path) -> Result<File, EmbeddedError> {
    options
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .tried("open", path)
}
