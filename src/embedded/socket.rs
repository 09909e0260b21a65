//! The folder of the Unix socket. A socket's path may have 107 bytes at most (unix(7)). For a long data
//! folder the socket is in a short folder in /tmp, which is used only if no other account can have created
//! it.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::ServerAccount;
use super::error::{EmbeddedError, IoContext};
use super::folder::{DataFolder, ensure_private_folder};

const LONGEST_SOCKET_PATH: usize = 107;

/// Creates or checks the socket's folder, and removes the socket of an earlier server.
pub(super) fn prepare(
    folder: &DataFolder,
    account: Option<&ServerAccount>,
    port: u16,
) -> Result<PathBuf, EmbeddedError> {
    let owner = account.map_or_else(|| rustix::process::geteuid().as_raw(), |account| account.uid);
    let path = choose(folder.path(), owner, port);
    ensure_private_folder(&path, account)?;
    check(&path, owner)?;
    clear(&path, port)?;
    Ok(path)
}

fn choose(data_dir: &Path, owner: u32, port: u16) -> PathBuf {
    let run = data_dir.join("run");
    // PostgreSQL takes the folder as text, so a name that is no UTF-8 gets the short folder, too.
    if socket_in(&run, port).to_str().is_some_and(|path| path.len() <= LONGEST_SOCKET_PATH) {
        return run;
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_bytes());
    let short = hex::encode(&digest[..6]);
    PathBuf::from(format!("/tmp/pigeonhole-{owner}-{short}"))
}

fn socket_in(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

fn check(folder: &Path, owner: u32) -> Result<(), EmbeddedError> {
    let metadata = folder.symlink_metadata().io_context("look at", folder)?;
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

/// The earlier server has ended, but the lock file of its socket names a process id. A new server would
/// refuse to start if another program had that id now.
fn clear(folder: &Path, port: u16) -> Result<(), EmbeddedError> {
    let socket = socket_in(folder, port);
    let lock = folder.join(format!(".s.PGSQL.{port}.lock"));
    for path in [socket, lock] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).io_context("remove", path);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_SOCKET_PATH, choose, socket_in};
    use std::path::Path;

    #[test]
    fn a_long_data_folder_gets_a_short_socket_folder_of_its_own() {
        let long = |last: char| format!("/{}{last}", "x".repeat(120));
        let first = choose(Path::new(&long('a')), 7, 5432);
        let second = choose(Path::new(&long('b')), 7, 5432);
        assert!(first.starts_with("/tmp"));
        assert_ne!(first, second);
        assert!(socket_in(&first, 5432).as_os_str().len() <= LONGEST_SOCKET_PATH);
        assert_eq!(choose(Path::new("/short"), 7, 5432), Path::new("/short/run"));
    }
}
