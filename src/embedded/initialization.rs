//! The first start. initdb writes to a folder beside the final one. Only when it is complete is it renamed,
//! so that an interrupted start leaves nothing that looks like tables.

use std::fs::{self, File};
use std::process::Output;

use postgresql_commands::CommandBuilder;
use postgresql_commands::initdb::InitDbBuilder;

use super::account::ServerAccount;
use super::binaries::Binaries;
use super::error::{EmbeddedError, IoContext};
use super::folder::{DataFolder, create_private_folder};
use super::options::SUPERUSER;
use super::process::detached;

const UNFINISHED: &str = "pgdata.new";

/// Runs initdb if there are no tables yet.
pub(super) async fn ensure_initialized(
    folder: &DataFolder,
    binaries: &Binaries,
    account: Option<&ServerAccount>,
) -> Result<(), EmbeddedError> {
    remove_unfinished(folder);
    if folder.version()?.is_some() {
        return Ok(());
    }
    log::info!("making a new PostgreSQL {} data folder in {}", binaries.major, folder.path().display());
    // C.UTF-8 sorts the same on every machine and knows upper and lower case of all letters. If the C library
    // lacks it, plain C is right for ASCII letters only.
    if let Err(reason) = initialize(folder, binaries, account, "C.UTF-8").await? {
        if !reason.contains("locale") {
            return Err(EmbeddedError::Initialization(reason));
        }
        log::warn!("no locale C.UTF-8 on this machine: using C");
        remove_unfinished(folder);
        initialize(folder, binaries, account, "C").await?.map_err(EmbeddedError::Initialization)?;
    }
    Ok(())
}

/// The inner error is the output of initdb.
async fn initialize(
    folder: &DataFolder,
    binaries: &Binaries,
    account: Option<&ServerAccount>,
    locale: &str,
) -> Result<Result<(), String>, EmbeddedError> {
    // A name for this process: an initdb that outlived a killed start may still write to its folder.
    let unfinished = folder.path().join(format!("{UNFINISHED}.{}", std::process::id()));
    create_private_folder(&unfinished).io_context("make the folder", &unfinished)?;
    if let Some(account) = account {
        account.own(&unfinished)?;
    }
    let command = InitDbBuilder::new()
        .program_dir(&binaries.dir)
        .pgdata(&unfinished)
        .username(SUPERUSER)
        .encoding("UTF8")
        .locale(locale)
        .data_checksums()
        // Access is limited by the socket's folder, and there is no TCP port.
        .auth_local("trust")
        .auth_host("reject")
        .no_instructions()
        .build();
    let Output { status, stderr, .. } = tokio::process::Command::from(detached(command, account))
        .kill_on_drop(true)
        .output()
        .await
        .io_context("run", binaries.dir.join("initdb"))?;
    if !status.success() {
        return Ok(Err(String::from_utf8_lossy(&stderr).trim().to_owned()));
    }
    let tables = folder.tables();
    fs::rename(&unfinished, &tables).io_context("put in place", &tables)?;
    // Otherwise a power failure could undo the rename after the first notes were saved.
    File::open(folder.path()).and_then(|directory| directory.sync_all()).io_context("sync", folder.path())?;
    Ok(Ok(()))
}

/// A folder that an initdb still writes to cannot be removed now; the next start removes it.
fn remove_unfinished(folder: &DataFolder) {
    let Ok(entries) = fs::read_dir(folder.path()) else {
        return;
    };
    for entry in entries.flatten() {
        let is_unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        if is_unfinished && let Err(error) = fs::remove_dir_all(entry.path()) {
            log::debug!("cannot remove {} yet: {error}", entry.path().display());
        }
    }
}
