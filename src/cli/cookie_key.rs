//! The key of the cookies, where none was set: made once and kept beside the data.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use actix_web::cookie::Key;
use anyhow::Context;

const FILE: &str = "secret_key";

/// Reads the kept key, or makes one of 64 bytes that only its owner can read.
///
/// # Errors
/// When the folder cannot be written or the file is not a key.
pub fn load_or_create(data_dir: &Path) -> anyhow::Result<Key> {
    let path = data_dir.join(FILE);
    if !path.exists() {
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("making the data folder {}", data_dir.display()))?;
        write_new(&path).with_context(|| format!("keeping a new secret key in {}", path.display()))?;
    }
    let bytes =
        std::fs::read(&path).with_context(|| format!("reading the secret key in {}", path.display()))?;
    anyhow::ensure!(
        bytes.len() >= 64,
        "{} is damaged; remove it and everybody must log in again",
        path.display()
    );
    Ok(Key::from(&bytes))
}

/// Written aside and then renamed, so that no start finds half a key.
fn write_new(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; 64];
    getrandom::fill(&mut key).map_err(std::io::Error::from)?;
    let aside = path.with_extension(format!("new.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // Another start may have been faster; its key stands.
    if std::fs::hard_link(&aside, path).is_err() && !path.exists() {
        anyhow::bail!("the key could not be put in place");
    }
    std::fs::remove_file(&aside)?;
    Ok(())
}
