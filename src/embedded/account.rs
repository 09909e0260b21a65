//! Who runs PostgreSQL. It refuses to run as root, so a start as root drops to an unprivileged account.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{EmbeddedError, Tried};

/// The unprivileged account that PostgreSQL runs as when we are root.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub uid: u32,
    gid: u32,
    pub name: String,
}

impl Account {
    /// `None` where we are an ordinary user: PostgreSQL then simply runs as ourselves.
    pub fn for_server(tables: &Path) -> Result<Option<Self>, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        Self::owner_of(tables)
            .or_else(|| Self::named("postgres"))
            .or_else(|| Self::named("nobody"))
            .map(Some)
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Tables that exist stay with the account that made them, also when `postgres` appears later.
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

    /// Lets the command run as this account. The standard library also drops root's supplementary
    /// groups when a uid is set.
    pub fn take_over(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a file or folder that we just made to the account.
    pub fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        lchown(path, Some(self.uid), Some(self.gid)).tried("change the owner of", path)
    }

    /// The first folder on the way from / to `path` (inclusive) that this account cannot enter.
    pub fn closed_folder(&self, path: &Path) -> Option<PathBuf> {
        let mut ways: Vec<&Path> = path.ancestors().collect();
        ways.reverse();
        ways.into_iter()
            .find(|way| way.metadata().is_ok_and(|metadata| !self.may_enter(&metadata)))
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
