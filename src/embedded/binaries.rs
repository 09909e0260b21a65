//! Finds `postgres` and `initdb`. Existing tables decide which version it must be.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::ServerAccount;
use super::error::EmbeddedError;
use crate::db::versions::{NEWEST, OLDEST};

/// The programs of one PostgreSQL version.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// `wanted` is the version that made the existing tables, with the tables' folder.
    pub(super) fn find(
        configured: Option<&Path>,
        wanted: Option<(String, PathBuf)>,
    ) -> Result<Self, EmbeddedError> {
        let found = match configured {
            Some(dir) => {
                vec![Self::at(dir).ok_or_else(|| EmbeddedError::UnusableBinDir(dir.to_owned()))?]
            }
            None => candidates().iter().filter_map(|dir| Self::at(dir)).collect(),
        };
        let Some((version, folder)) = wanted else {
            return found.into_iter().next().ok_or(EmbeddedError::NotInstalled);
        };
        let matching = found.into_iter().find(|binaries| binaries.major.to_string() == version);
        let usable = version.parse().is_ok_and(|major| (OLDEST..=NEWEST).contains(&major));
        matching.ok_or(if usable {
            EmbeddedError::VersionMissing { folder, version }
        } else {
            EmbeddedError::VersionUnknown { folder, version }
        })
    }

    /// As [`Self::find`], but a version with the Citus extension is preferred to a newer one without it.
    pub(super) fn find_with_citus(
        configured: Option<&Path>,
        wanted: Option<(String, PathBuf)>,
    ) -> Result<Self, EmbeddedError> {
        if configured.is_none() && wanted.is_none() {
            let found = candidates().iter().filter_map(|dir| Self::at(dir)).find(Self::has_citus);
            if let Some(binaries) = found {
                return Ok(binaries);
            }
        }
        let binaries = Self::find(configured, wanted)?;
        if binaries.has_citus() {
            Ok(binaries)
        } else {
            Err(EmbeddedError::CitusMissing { major: binaries.major })
        }
    }

    fn has_citus(&self) -> bool {
        self.has_extension("citus")
    }

    /// The libraries that a server loads at its start: `first`, and pg_stat_statements if it is installed.
    pub(super) fn preloaded_libraries(&self, first: &[&str]) -> String {
        let statistics = self.has_extension("pg_stat_statements").then_some("pg_stat_statements");
        first.iter().copied().chain(statistics).collect::<Vec<_>>().join(",")
    }

    fn has_extension(&self, name: &str) -> bool {
        let shared = self
            .pg_config("--sharedir")
            .unwrap_or_else(|| PathBuf::from(format!("/usr/share/postgresql/{}", self.major)));
        let libraries = self.pg_config("--pkglibdir").unwrap_or_else(|| self.dir.join("../lib"));
        shared.join(format!("extension/{name}.control")).is_file()
            && libraries.join(format!("{name}.so")).is_file()
    }

    fn pg_config(&self, option: &str) -> Option<PathBuf> {
        let answer = Command::new(self.dir.join("pg_config")).arg(option).output().ok()?;
        Some(PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim())).filter(|path| path.is_absolute())
    }

    /// Whether the server knows a setting. A server does not start with a setting that it does not know.
    pub(super) fn knows_setting(&self, name: &str) -> bool {
        let answer = Command::new(self.dir.join("postgres")).arg("--describe-config").output();
        answer.is_ok_and(|answer| {
            String::from_utf8_lossy(&answer.stdout).lines().any(|line| line.split('\t').next() == Some(name))
        })
    }

    fn at(dir: &Path) -> Option<Self> {
        // PostgreSQL looks for its libraries beside the real file, and PATH may name a link.
        let dir = dir.join("postgres").canonicalize().ok()?.parent()?.to_owned();
        if !dir.join("initdb").is_file() {
            return None;
        }
        let answer = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
        let major = major_version(&String::from_utf8_lossy(&answer.stdout))?;
        (OLDEST..=NEWEST).contains(&major).then_some(Self { dir, major })
    }

    /// Refuses binaries that the account cannot reach, with a better message than "permission denied".
    pub(super) fn ensure_reachable(&self, account: Option<&ServerAccount>) -> Result<(), EmbeddedError> {
        let Some(account) = account else {
            return Ok(());
        };
        match account.first_unreachable_folder(&self.dir) {
            None => Ok(()),
            Some(folder) => Err(EmbeddedError::Unreachable {
                account: account.name.clone(),
                folder,
                setting: "PG_BIN_DIR",
            }),
        }
    }
}

fn candidates() -> Vec<PathBuf> {
    let packaged = (OLDEST..=NEWEST).rev().flat_map(|major| {
        [
            PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")),
            PathBuf::from(format!("/usr/pgsql-{major}/bin")),
        ]
    });
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    packaged.chain(bindir_of_pg_config()).chain(std::env::split_paths(&on_path).collect::<Vec<_>>()).collect()
}

fn bindir_of_pg_config() -> Option<PathBuf> {
    let answer = Command::new("pg_config").arg("--bindir").output().ok()?;
    let dir = String::from_utf8(answer.stdout).ok()?;
    Some(PathBuf::from(dir.trim())).filter(|dir| dir.is_absolute())
}

/// Reads the 15 in "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" and in "... 18beta1".
fn major_version(answer: &str) -> Option<u32> {
    let version = answer.split_once("(PostgreSQL) ")?.1;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(major_version(debian), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("something else 17"), None);
    }
}
