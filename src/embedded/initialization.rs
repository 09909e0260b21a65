//! The first start: initdb into a folder beside the final one, which is put in place by a rename only
//! when it is complete, so that a start that dies half-way leaves nothing that looks like tables.

use std::fs::{self, File};
use std::process::Output;

use postgresql_commands::CommandBuilder;
use postgresql_commands::initdb::InitDbBuilder;

use super::SUPERUSER;
use super::account::Account;
use super::binaries::Binaries;
use super::error::{EmbeddedError, Tried};
use super::folder::{DataFolder, make_private_folder};
use super::process::detached;

const UNFINISHED: &str = "pgdata.new";

/// Makes the tables where there are none yet.
pub(super) async fn ensure_initialized(
    folder: &DataFolder,
    binaries: &Binaries,
    account: Option<&Account>,
) -> Result<(), EmbeddedError> {
    remove_unfinished(folder);
    if folder.version()?.is_some() {
        return Ok(());
    }
    log::info!("making a new PostgreSQL {} data folder in {}", binaries.major, folder.path().display());
    // C.UTF-8 sorts alike on every machine and knows the case of all letters; where the C library
    // lacks it, plain C stays correct for everything but letters beyond ASCII.
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

/// The inner error is what initdb said.
async fn initialize(
    folder: &DataFolder,
    binaries: &Binaries,
    account: Option<&Account>,
    locale: &str,
) -> Result<Result<(), String>, EmbeddedError> {
    // A name of our own: an initdb that outlived a killed start may still be writing to its folder.
    let unfinished = folder.path().join(format!("{UNFINISHED}.{}", std::process::id()));
    make_private_folder(&unfinished).tried("make the folder", &unfinished)?;
    if let Some(account) = account {
        account.give(&unfinished)?;
    }
    let command = InitDbBuilder::new()
        .program_dir(&binaries.dir)
        .pgdata(&unfinished)
        .username(SUPERUSER)
        .encoding("UTF8")
        .locale(locale)
        .data_checksums()
        // Who may enter the socket's folder may connect; there is no other way in.
        .auth_local("trust")
        .auth_host("reject")
        .no_instructions()
        .build();
    let Output { status, stderr, .. } = tokio::process::Command::from(detached(command, account))
        .kill_on_drop(true)
        .output()
        .await
        .tried("run", binaries.dir.join("initdb"))?;
    if !status.success() {
        return Ok(Err(String::from_utf8_lossy(&stderr).trim().to_owned()));
    }
    let tables = folder.tables();
    fs::rename(&unfinished, &tables).tried("put in place", &tables)?;
    // Without this, a power cut could undo the rename after the first notes were saved.
    File::open(folder.path()).and_then(|directory| directory.sync_all()).tried("sync", folder.path())?;
    Ok(Ok(()))
}

/// What cannot be removed now (an initdb still writes there) goes with the next start.
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
