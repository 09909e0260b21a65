//! The user's editor: $VISUAL, or else $EDITOR.

use std::ffi::OsString;
use std::path::Path;

use tokio::process::Command;

use super::failure::ClientFailure;

/// Opens a file in the editor and waits until the editor ends.
pub(super) async fn open(path: &Path) -> Result<(), ClientFailure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let Some(editor) = set("VISUAL").or_else(|| set("EDITOR")) else {
        return Err(ClientFailure::other("Set EDITOR to your editor, or name a FILE with the new text."));
    };
    // The variable may have arguments, such as `code --wait`, so a shell reads it, as Git does.
    let mut script = editor.clone();
    script.push(" \"$1\"");
    let ended = Command::new("/bin/sh")
        .args([OsString::from("-c"), script, OsString::from("sh")])
        .arg(path)
        .status()
        .await
        .map_err(|error| ClientFailure::of_system("starting the editor", &error))?;
    if ended.success() {
        Ok(())
    } else {
        Err(ClientFailure::other(format!(
            "The editor {} failed ({ended}), so nothing was sent.",
            editor.to_string_lossy()
        )))
    }
}
