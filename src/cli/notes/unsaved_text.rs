//! Text that the user gave and the server has not stored yet. It is in a file before it is sent, and the file
//! is removed when the server has stored it: a text outlives a refusal, a conflict, silence, and the end of
//! this process.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::failure::{ClientFailure, RequestFate};
use super::folder;
use crate::cli::output;

/// The folder of kept texts, inside the client's folder.
const FOLDER: &str = "unsaved";
/// Kept texts of `add` are called add-KEY.md, so that one that is added later has the same idempotency key.
const PREFIX_OF_ADD: &str = "add-";
/// In bytes; a key has twice as many digits.
const KEY_LENGTH: usize = 16;

/// Where a text is.
enum TextPlace {
    /// In the file that the user named.
    GivenFile(PathBuf),
    /// In a file that the client made.
    Kept(PathBuf),
    /// In memory, because no file could be made.
    Memory,
}

/// A text that is not stored yet.
pub(super) struct UnsavedText {
    bytes: Vec<u8>,
    place: TextPlace,
    key: String,
    is_new_note: bool,
}

/// Whether standard input is a terminal.
pub(super) fn is_typed(file: Option<&Path>) -> bool {
    file.is_none() && io::stdin().is_terminal()
}

impl UnsavedText {
    /// The text of a new note, from a file or standard input.
    pub(super) fn of_new_note(file: Option<&Path>) -> Result<Self, ClientFailure> {
        let key = random_name()?;
        let Some(path) = file else {
            let name = format!("{PREFIX_OF_ADD}{key}.md");
            return Ok(Self { is_new_note: true, key, ..Self::kept(read_input()?, &name) });
        };
        let bytes = read_file(path)?;
        Ok(match key_of_kept_file(path) {
            Some(key) => Self { bytes, place: TextPlace::Kept(path.to_owned()), key, is_new_note: true },
            None => Self { bytes, place: TextPlace::GivenFile(path.to_owned()), key, is_new_note: true },
        })
    }

    /// The new text of a note, from a file or standard input.
    pub(super) fn of_edit(id: i64, file: Option<&Path>) -> Result<Self, ClientFailure> {
        match file {
            Some(path) => Ok(Self {
                bytes: read_file(path)?,
                place: TextPlace::GivenFile(path.to_owned()),
                key: String::new(),
                is_new_note: false,
            }),
            None => Ok(Self::kept(read_input()?, &name_of_edit(id)?)),
        }
    }

    /// A file with the note's text, for an editor.
    pub(super) fn for_editor(id: i64, content: &str) -> Result<(Self, PathBuf), ClientFailure> {
        let name = name_of_edit(id)?;
        let path = write_kept(&name, content.as_bytes())
            .map_err(|error| ClientFailure::of_system("making a file for the editor", &error))?;
        let place = TextPlace::Kept(path.clone());
        let text = Self { bytes: content.as_bytes().to_vec(), place, key: String::new(), is_new_note: false };
        Ok((text, path))
    }

    /// Writes the text into a new file. Where that is impossible it is in memory.
    fn kept(bytes: Vec<u8>, name: &str) -> Self {
        let place = write_kept(name, &bytes).map_or(TextPlace::Memory, TextPlace::Kept);
        Self { bytes, place, key: String::new(), is_new_note: false }
    }

    /// The text as the server takes it.
    pub(super) fn content(&self) -> Result<&str, ClientFailure> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| ClientFailure::other("The text is not UTF-8, so nothing was sent."))
    }

    /// The idempotency key of a new note.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Reads what an editor has written.
    pub(super) fn read_again(&mut self) -> Result<(), ClientFailure> {
        if let TextPlace::Kept(path) | TextPlace::GivenFile(path) = &self.place {
            self.bytes = read_file(path)?;
        }
        Ok(())
    }

    /// Removes a file of the client's own whose text is stored, or was not changed.
    pub(super) fn discard(self) {
        if let TextPlace::Kept(path) = self.place {
            let _ = fs::remove_file(path);
        }
    }

    /// Ends the command: the text is stored, or the failure says where it is.
    pub(super) fn settle<T>(mut self, stored: Result<T, ClientFailure>) -> Result<T, ClientFailure> {
        let failure = match stored {
            Ok(stored) => {
                self.discard();
                return Ok(stored);
            }
            Err(failure) => failure,
        };
        let maybe_stored = failure.fate() == RequestFate::Unknown;
        if self.is_new_note && maybe_stored && matches!(self.place, TextPlace::GivenFile(_)) {
            // Only a kept file carries the key, by which the server knows the note when it comes again.
            let name = format!("{PREFIX_OF_ADD}{}.md", self.key);
            if let Ok(path) = write_kept(&name, &self.bytes) {
                self.place = TextPlace::Kept(path);
            }
        }
        Err(self.with_place(failure, maybe_stored))
    }

    fn with_place(&self, failure: ClientFailure, maybe_stored: bool) -> ClientFailure {
        let failure = if maybe_stored {
            failure.and("It is not known whether the server has stored the text.")
        } else {
            failure
        };
        match &self.place {
            TextPlace::GivenFile(path) => failure.and(&format!("Your text is in {}", path.display())),
            TextPlace::Kept(path) if self.is_new_note && maybe_stored => failure.and(&format!(
                "Your text is kept, and it is stored only once if you add it again with the same title: \
                 pigeonhole notes add '{}'",
                path.display()
            )),
            TextPlace::Kept(path) => failure.and(&format!("Your text is kept in {}", path.display())),
            TextPlace::Memory => {
                let _ = output::answer(&String::from_utf8_lossy(&self.bytes));
                failure.and("Your text could not be kept in a file; it is on standard output.")
            }
        }
    }
}

fn name_of_edit(id: i64) -> Result<String, ClientFailure> {
    Ok(format!("note-{id}-{}.md", random_name()?))
}

fn random_name() -> Result<String, ClientFailure> {
    let mut random = [0; KEY_LENGTH];
    getrandom::fill(&mut random)
        .map_err(|error| ClientFailure::of_system("asking the system for random bytes", &error))?;
    Ok(hex::encode(random))
}

/// The key in the name of a file that an earlier `add` kept.
fn key_of_kept_file(path: &Path) -> Option<String> {
    let kept = fs::canonicalize(folder::path().ok()?.join(FOLDER)).ok()?;
    let path = fs::canonicalize(path).ok()?;
    let key = path.file_name()?.to_str()?.strip_prefix(PREFIX_OF_ADD)?.strip_suffix(".md")?;
    let is_ours = path.parent() == Some(&kept) && key.len() == 2 * KEY_LENGTH;
    (is_ours && key.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| key.to_owned())
}

fn read_file(path: &Path) -> Result<Vec<u8>, ClientFailure> {
    fs::read(path).map_err(|error| ClientFailure::of_system(&format!("reading {}", path.display()), &error))
}

fn read_input() -> Result<Vec<u8>, ClientFailure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| ClientFailure::of_system("reading standard input", &error))?;
    Ok(bytes)
}

/// Writes a text into a new file that only its owner can read, in the client's folder or else among the
/// temporary files.
fn write_kept(name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let own = folder::path().map(|folder| folder.join(FOLDER));
    if let Ok(own) = own
        && folder::make(&own).is_ok()
        && let Ok(path) = write_new(own.join(name), bytes)
    {
        return Ok(path);
    }
    write_new(std::env::temp_dir().join(format!("pigeonhole-{name}")), bytes)
}

fn write_new(path: PathBuf, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })?;
    Ok(path)
}
