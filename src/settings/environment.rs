//! Where the values of settings come from: environment variables, a file `.env`, and files that variables
//! called NAME_FILE name.

use std::collections::HashMap;
use std::env::VarError;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::error::{InvalidSetting, invalid};

/// The variables of `.env`. They are no part of the environment, which child processes inherit: no `PATH` and
/// no `LD_PRELOAD` of a file reaches one.
static OF_FILE: OnceLock<HashMap<String, String>> = OnceLock::new();

/// Reads the file `.env` of the current folder, whose variables count where the environment has none of their
/// name. A file of a folder above is not read, because other accounts may write there.
///
/// # Errors
/// When the file is there and cannot be read, or when another account could have written it.
pub fn load_env_file() -> Result<(), InvalidSetting> {
    let Some(file) = open_own(Path::new(".env"))? else { return Ok(()) };
    let mut values = HashMap::new();
    for given in dotenvy::from_read_iter(file) {
        let (name, value) = given.or_else(|error| unreadable(&error))?;
        values.entry(name).or_insert(value);
    }
    OF_FILE.get_or_init(|| values);
    Ok(())
}

fn unreadable<T>(error: &dyn Display) -> Result<T, InvalidSetting> {
    invalid(format!("the file .env cannot be read: {error}"))
}

/// Opens a regular file that belongs to our account or to root, and that others cannot write. A link has to
/// belong to one of them, too. None without such a file.
fn open_own(path: &Path) -> Result<Option<File>, InvalidSetting> {
    let link = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.or_else(|error| unreadable(&error))?,
    };
    // A pipe without a writer would keep the program waiting.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file =
        File::options().read(true).custom_flags(flags).open(path).or_else(|error| unreadable(&error))?;
    let target = file.metadata().or_else(|error| unreadable(&error))?;
    if !target.is_file() {
        return invalid("the file .env is not read: it is no regular file");
    }
    let (account, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let trusted = |owner: u32| owner == account.as_raw() || owner == 0;
    if !trusted(link.uid()) || !trusted(target.uid()) {
        return invalid("the file .env is not read: it belongs to another account");
    }
    let by_group = target.mode() & 0o020 != 0 && target.gid() != group.as_raw() && target.gid() != 0;
    if by_group || target.mode() & 0o002 != 0 {
        return invalid("the file .env is not read: other accounts may write it (chmod go-w .env)");
    }
    Ok(Some(file))
}

/// The value of a variable, or the content of the file that NAME_FILE names: unlike a variable, a file shows
/// neither in a process list nor in a crash report nor in the description of a container.
pub fn variable(name: &str) -> Option<String> {
    non_empty(name).or_else(|| std::fs::read_to_string(non_empty(&format!("{name}_FILE"))?).ok())
}

/// Refuses a NAME_FILE that cannot be read, because a missing secret must not turn into a default.
pub(super) fn require_files(names: impl Iterator<Item = String>) -> Result<(), InvalidSetting> {
    for name in names.map(|name| format!("{name}_FILE")) {
        let Some(path) = non_empty(&name) else { continue };
        if let Err(error) = std::fs::File::open(&path) {
            return invalid(format!("{name} names {path}, which cannot be read: {error}"));
        }
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "this is the one place where settings are read from")]
fn non_empty(name: &str) -> Option<String> {
    let value = match std::env::var(name) {
        Err(VarError::NotPresent) => OF_FILE.get()?.get(name).cloned(),
        given => given.ok(),
    };
    value.filter(|value| !value.trim().is_empty())
}

/// Follows the XDG Base Directory Specification for users other than root.
pub(super) fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/pigeonhole");
    }
    let data_home = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().filter(|path| path.is_absolute());
    data_home
        .filter(|path| path.is_absolute())
        .or_else(|| home().map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."))
        .join("pigeonhole")
}
