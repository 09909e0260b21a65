//! The folder of the Unix socket. A socket's path may have 107 bytes at most, so a long data folder
//! gets a short folder in /tmp instead, which is trusted only when nobody else can have made it.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::error::{EmbeddedError, Tried};
use super::folder::{DataFolder, ensure_private_folder};

const LONGEST_SOCKET_PATH: usize = 107;

/// Makes the socket folder, or checks the one that exists, and clears a dead server's socket.
pub(super) fn prepare(
    folder: &DataFolder,
    account: Option<&Account>,
    port: u16,
) -> Result<PathBuf, EmbeddedError> {
    let owner = account.map_or_else(|| rustix::process::geteuid().as_raw(), |account| account.uid);
    let path = place(folder.path(), owner, port);
    ensure_private_folder(&path, account)?;
    check(&path, owner)?;
    clear(&path, port)?;
    Ok(path)
}

fn place(data_dir: &Path, owner: u32, port: u16) -> PathBuf {
    let run = data_dir.join("run");
    // PostgreSQL takes the folder as text, so a name that is none gets the short folder as well.
    if socket_in(&run, port).to_str().is_some_and(|path| path.len() <= LONGEST_SOCKET_PATH) {
        return run;
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_bytes());
    let short: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    PathBuf::from(format!("/tmp/pigeonhole-{owner}-{short}"))
}

fn socket_in(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

fn check(folder: &Path, owner: u32) -> Result<(), EmbeddedError> {
    let metadata = folder.symlink_metadata().tried("look at", folder)?;
    let reason = if metadata.is_symlink() {
        "is a symbolic link"
    } else if !metadata.is_dir() {
        "is no folder"
    } else if metadata.uid() != owner {
        "belongs to another account"
    } else if metadata.mode() & 0o7777 != 0o700 {
        "is open to others (its mode is not 0700)"
    } else {
        return Ok(());
    };
    Err(EmbeddedError::UnsafeSocketFolder { folder: folder.to_owned(), reason })
}

/// No server lives on this data folder any more, but its socket's lock file names a process id,
/// and a new server would refuse to start if another program had got that id since.
fn clear(folder: &Path, port: u16) -> Result<(), EmbeddedError> {
    let socket = socket_in(folder, port);
    let lock = folder.join(format!(".s.PGSQL.{port}.lock"));
    for path in [socket, lock] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).tried("remove", path);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_SOCKET_PATH, place, socket_in};
    use std::path::Path;

    #[test]
    fn a_long_data_folder_gets_a_short_socket_folder_of_its_own() {
        let long = |last: char| format!("/{}{last}", "x".repeat(120));
        let first = place(Path::new(&long('a')), 7, 5432);
        let second = place(Path::new(&long('b')), 7, 5432);
        assert!(first.starts_with("/tmp"));
        assert_ne!(first, second);
        assert!(socket_in(&first, 5432).as_os_str().len() <= LONGEST_SOCKET_PATH);
        assert_eq!(place(Path::new("/short"), 7, 5432), Path::new("/short/run"));
    }
}
