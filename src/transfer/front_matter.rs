//! The front matter of a note's Markdown file: lines of `key: value` between two lines of `---`. Each value
//! is JSON, which is YAML as well.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::store::ExportedNote;

const FENCE: &str = "---\n";

/// The values of a front matter.
#[derive(Debug, Default, PartialEq)]
pub struct FrontMatter {
    values: BTreeMap<String, Value>,
}

impl FrontMatter {
    /// A text value.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    /// A number value.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.values.get(key).and_then(Value::as_i64)
    }

    /// A time value (RFC 3339).
    pub fn time(&self, key: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(self.text(key)?).ok().map(|time| time.with_timezone(&Utc))
    }
}

/// The file of a note. `author` is the author's name.
pub fn write(exported: &ExportedNote, author: &str, organization: &str, organization_id: i64) -> String {
    let note = &exported.note;
    let values = [
        ("note_id", json!(note.id)),
        ("organization", json!(organization)),
        ("organization_id", json!(organization_id)),
        ("author", json!(author)),
        ("title", json!(note.title.as_ref().map(|title| title.as_str()))),
        ("version", json!(note.version)),
        ("created_at", json!(note.created_at)),
        ("updated_at", json!(note.updated_at)),
        ("deleted_at", json!(exported.deleted_at)),
    ];
    let lines =
        values.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| format!("{key}: {value}\n"));
    format!("{FENCE}{}{FENCE}{}", lines.collect::<String>(), note.content.as_str())
}

/// Splits a file into its front matter, which may be empty, and its text.
pub fn read(file: &str) -> (FrontMatter, &str) {
    let whole = || (FrontMatter::default(), file);
    let Some(rest) = file.strip_prefix(FENCE) else { return whole() };
    let Some(end) = rest.find("\n---\n") else { return whole() };
    let mut front_matter = FrontMatter::default();
    for line in rest[..end].lines() {
        let Some((key, value)) = line.split_once(':') else { return whole() };
        let value = value.trim();
        let value = serde_json::from_str(value)
            .unwrap_or_else(|_| Value::String(value.trim_matches(['"', '\'']).to_owned()));
        front_matter.values.insert(key.trim().to_owned(), value);
    }
    (front_matter, &rest[end + "\n---\n".len()..])
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_front_matter_is_read_and_the_text_keeps_every_byte() {
        let (front_matter, text) =
            read("---\nnote_id: 7\ntitle: \"A: \\\"b\\\"\"\nauthor: mary\n---\n\n---\r\n text \n");
        assert_eq!(
            (front_matter.number("note_id"), front_matter.text("title"), front_matter.text("author")),
            (Some(7), Some("A: \"b\""), Some("mary"))
        );
        assert_eq!(text, "\n---\r\n text \n");
    }

    #[test]
    fn a_file_without_front_matter_is_all_text() {
        for file in ["", "text", "---\nno end", "---\nno colon\n---\ntext", "--- \na: 1\n---\n"] {
            assert_eq!(read(file).1, file);
        }
    }
}
