//! The file that keeps the server's address and the token of a login. It has mode 0600 from the start, and is
//! replaced by a rename, so that it is never half written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::failure::ClientFailure;
use super::folder;
use super::server_url::ServerUrl;
use crate::settings::Secret;

const FILE: &str = "login.json";
/// In bytes.
const LONGEST: u64 = 64 * 1024;

/// A login that the file has.
pub(super) struct SavedLogin {
    pub(super) server: ServerUrl,
    pub(super) token: Secret,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct LoginRecord {
    server: String,
    token: String,
}

/// The place of the file.
pub(super) struct LoginFile(PathBuf);

impl LoginFile {
    pub(super) fn locate() -> Result<Self, ClientFailure> {
        Ok(Self(folder::path()?.join(FILE)))
    }

    /// Makes the folder, so that a login is refused before a password is asked for and not after.
    pub(super) fn prepare(&self) -> Result<(), ClientFailure> {
        folder::make(self.folder())
    }

    /// The login; none when the file does not exist.
    pub(super) fn read(&self) -> Result<Option<SavedLogin>, ClientFailure> {
        let no_links = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(no_links).open(&self.0) {
            Ok(file) => file,
            Err(error) if folder::is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.failure("reading", &error)),
        };
        let found = file.metadata().map_err(|error| self.failure("reading", &error))?;
        folder::check(&self.0, &found, 0o077)?;
        let damaged = || {
            let shown = self.0.display();
            ClientFailure::other(format!("{shown} is damaged; remove it and log in again: rm '{shown}'"))
        };
        if !found.is_file() {
            return Err(damaged());
        }
        let text = text_of(file).map_err(|error| self.failure("reading", &error))?;
        let record: LoginRecord = serde_json::from_str(&text).map_err(|_| damaged())?;
        let server = ServerUrl::parse(&record.server)
            .map_err(|refused| refused.and(&format!("That address is in {}.", self.0.display())))?;
        Ok(Some(SavedLogin { server, token: record.token.into() }))
    }

    pub(super) fn write(&self, login: &SavedLogin) -> Result<(), ClientFailure> {
        let record = LoginRecord { server: login.server.to_string(), token: login.token.expose().to_owned() };
        let write = || -> io::Result<()> {
            // tempfile creates it with O_EXCL and mode 0600.
            let mut file = NamedTempFile::new_in(self.folder())?;
            file.write_all(&serde_json::to_vec(&record)?)?;
            file.as_file().sync_all()?;
            file.persist(&self.0)?;
            Ok(())
        };
        write().map_err(|error| self.failure("writing", &error))
    }

    pub(super) fn remove(&self) -> Result<(), ClientFailure> {
        match fs::remove_file(&self.0) {
            Err(error) if !folder::is_missing(&error) => Err(self.failure("removing", &error)),
            _ => Ok(()),
        }
    }

    fn folder(&self) -> &std::path::Path {
        self.0.parent().unwrap_or(&self.0)
    }

    fn failure(&self, doing: &str, error: &io::Error) -> ClientFailure {
        ClientFailure::of_system(&format!("{doing} {}", self.0.display()), error)
    }
}

fn text_of(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}
