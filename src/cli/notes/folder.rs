//! The folder of the notes client: $XDG_CONFIG_HOME/pigeonhole or ~/.config/pigeonhole. Only its owner may
//! enter it.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::failure::ClientFailure;

/// Where the folder is. It may not exist.
pub(super) fn path() -> Result<PathBuf, ClientFailure> {
    // The XDG specification says that a relative path is ignored.
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".config")))
        .map(|folder| folder.join("pigeonhole"))
        .ok_or_else(|| ClientFailure::other("Set HOME or XDG_CONFIG_HOME: the login is kept there."))
}

/// Makes a folder that only its owner may enter, with the folders above it.
pub(super) fn make(folder: &Path) -> Result<(), ClientFailure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.and_then(|()| fs::metadata(folder))
        .map_err(|error| ClientFailure::of_system(&format!("making {}", folder.display()), &error))
        .and_then(|found| check(folder, &found, 0o022))
}

/// Refuses a file or folder of another owner, and one with any of the `unwanted` rights.
pub(super) fn check(path: &Path, found: &Metadata, unwanted: u32) -> Result<(), ClientFailure> {
    let shown = path.display();
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return Err(ClientFailure::other(format!(
            "{shown} belongs to another account, so it is not used; remove it or give it to your account: \
             chown {own} '{shown}'"
        )));
    }
    if found.mode() & unwanted != 0 {
        let cure = if found.is_dir() { "700" } else { "600" };
        return Err(ClientFailure::other(format!(
            "Other accounts may use {shown}, so it is not used; repair its rights: chmod {cure} '{shown}'"
        )));
    }
    Ok(())
}

/// Whether an error says that a file does not exist.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
