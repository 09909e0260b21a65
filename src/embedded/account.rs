//! The account that runs PostgreSQL. PostgreSQL refuses to run as root, so a start as root uses an
//! unprivileged account.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{EmbeddedError, IoContext};

/// The accounts for new tables, the best first: no other program runs as `pigeonhole`, while `postgres` may
/// also run the system's own PostgreSQL.
const OWN_ACCOUNTS: [&str; 2] = ["pigeonhole", "postgres"];

/// The unprivileged account that PostgreSQL runs as when this process is root.
#[derive(Clone, Debug)]
pub(super) struct ServerAccount {
    pub(super) uid: u32,
    gid: u32,
    pub(super) name: String,
}

impl ServerAccount {
    /// `None` if this process is not root: PostgreSQL then runs as the same user.
    pub(super) fn choose(tables: &Path) -> Result<Option<Self>, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let account = Self::owner_of(tables)
            .or_else(|| OWN_ACCOUNTS.into_iter().find_map(Self::named))
            .ok_or(EmbeddedError::NoAccount)?;
        if account.is_shared() {
            return Err(EmbeddedError::SharedAccount { account: account.name, folder: tables.to_owned() });
        }
        Ok(Some(account))
    }

    /// Whether programs that have nothing to do with each other run as this account: each could read the
    /// tables and would be let in through the socket. 65534 is `nobody` on all common systems.
    fn is_shared(&self) -> bool {
        self.name == "nobody" || self.uid == 65_534
    }

    /// Existing tables keep the account that made them, even if one of [`OWN_ACCOUNTS`] was added since.
    fn owner_of(tables: &Path) -> Option<Self> {
        let metadata = tables.symlink_metadata().ok()?;
        (metadata.uid() != 0).then(|| Self {
            uid: metadata.uid(),
            gid: metadata.gid(),
            name: uzers::get_user_by_uid(metadata.uid()).map_or_else(
                || metadata.uid().to_string(),
                |user| user.name().to_string_lossy().into_owned(),
            ),
        })
    }

    fn named(name: &str) -> Option<Self> {
        let user = uzers::get_user_by_name(name)?;
        (user.uid() != 0).then(|| Self {
            uid: user.uid(),
            gid: user.primary_group_id(),
            name: name.to_owned(),
        })
    }

    /// Makes the command run as this account. The standard library also drops root's supplementary groups
    /// when a uid is set.
    pub(super) fn apply_to(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Makes the account the owner of a file or folder that this process just created.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedError> {
        lchown(path, Some(self.uid), Some(self.gid)).io_context("change the owner of", path)
    }

    /// The first folder from / to `path` (inclusive) that this account cannot enter.
    pub(super) fn first_unreachable_folder(&self, path: &Path) -> Option<PathBuf> {
        let mut folders: Vec<&Path> = path.ancestors().collect();
        folders.reverse();
        folders
            .into_iter()
            .find(|folder| folder.metadata().is_ok_and(|metadata| !self.may_enter(&metadata)))
            .map(Path::to_owned)
    }

    fn may_enter(&self, metadata: &Metadata) -> bool {
        let bit = if metadata.uid() == self.uid {
            0o100
        } else if metadata.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    }
}
