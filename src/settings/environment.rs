//! Where the values of settings come from: environment variables, a file `.env`, and files that variables
//! called NAME_FILE name.

use std::path::PathBuf;

use super::error::{InvalidSetting, invalid};

/// Adds the variables of `.env` in the current folder, or in one above, to the environment. A variable that
/// is set already keeps its value.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn load_env_file() -> Result<(), InvalidSetting> {
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => invalid(format!("the file .env cannot be read: {error}")),
        _ => Ok(()),
    }
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
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
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
