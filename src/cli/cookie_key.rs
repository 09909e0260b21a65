//! The key of the cookies for a start without SECRET_KEY. It is created once and stored in the data folder.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use actix_web::cookie::Key;
use anyhow::Context;

const FILE: &str = "secret_key";
/// In bytes.
const KEY_LENGTH: usize = 64;

/// Reads the stored key, or creates one of 64 bytes that only its owner can read.
///
/// # Errors
/// When the folder cannot be written, or the file is no key.
pub fn load_or_create(data_dir: &Path) -> anyhow::Result<Key> {
    let path = data_dir.join(FILE);
    if !path.exists() {
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("making the data folder {}", data_dir.display()))?;
        create(&path).with_context(|| format!("keeping a new secret key in {}", path.display()))?;
    }
    let bytes =
        std::fs::read(&path).with_context(|| format!("reading the secret key in {}", path.display()))?;
    anyhow::ensure!(
        bytes.len() >= KEY_LENGTH,
        "{} is damaged; remove it, and all users must log in again",
        path.display()
    );
    Ok(Key::from(&bytes))
}

/// Writes another file and links it, so that no start reads half a key.
fn create(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key).map_err(std::io::Error::from)?;
    let new = path.with_extension(format!("new.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // If another start has created the key meanwhile, that key is used.
    if std::fs::hard_link(&new, path).is_err() && !path.exists() {
        anyhow::bail!("the key could not be put in place");
    }
    std::fs::remove_file(&new)?;
    Ok(())
}
