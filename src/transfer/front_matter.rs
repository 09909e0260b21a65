//! The head of a note's Markdown file: lines of `key: value` between two lines of `---`, each value in JSON,
//! which YAML reads as well.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::store::LeavingNote;

const FENCE: &str = "---\n";

/// What stands in a head.
#[derive(Debug, Default, PartialEq)]
pub struct Head {
    values: BTreeMap<String, Value>,
}

impl Head {
    /// A text of the head.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    /// A number of the head.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.values.get(key).and_then(Value::as_i64)
    }

    /// A time of the head (RFC 3339).
    pub fn time(&self, key: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(self.text(key)?).ok().map(|time| time.with_timezone(&Utc))
    }
}

/// A note as a file. `author` is the name of who wrote it.
pub fn write(leaving: &LeavingNote, author: &str, organization: &str, organization_id: i64) -> String {
    let note = &leaving.note;
    let values = [
        ("note_id", json!(note.id)),
        ("organization", json!(organization)),
        ("organization_id", json!(organization_id)),
        ("author", json!(author)),
        ("title", json!(note.title.as_ref().map(|title| title.as_str()))),
        ("version", json!(note.version)),
        ("created_at", json!(note.created_at)),
        ("updated_at", json!(note.updated_at)),
        ("deleted_at", json!(leaving.deleted_at)),
    ];
    let lines =
        values.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| format!("{key}: {value}\n"));
    format!("{FENCE}{}{FENCE}{}", lines.collect::<String>(), note.content.as_str())
}

/// Takes a file apart into its head, if it has one, and its text.
pub fn read(file: &str) -> (Head, &str) {
    let whole = || (Head::default(), file);
    let Some(rest) = file.strip_prefix(FENCE) else { return whole() };
    let Some(end) = rest.find("\n---\n") else { return whole() };
    let mut head = Head::default();
    for line in rest[..end].lines() {
        let Some((key, value)) = line.split_once(':') else { return whole() };
        let value = value.trim();
        let value = serde_json::from_str(value)
            .unwrap_or_else(|_| Value::String(value.trim_matches(['"', '\'']).to_owned()));
        head.values.insert(key.trim().to_owned(), value);
    }
    (head, &rest[end + "\n---\n".len()..])
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_head_is_read_and_the_text_keeps_every_byte() {
        let (head, text) =
            read("---\nnote_id: 7\ntitle: \"A: \\\"b\\\"\"\nauthor: mary\n---\n\n---\r\n text \n");
        assert_eq!(
            (head.number("note_id"), head.text("title"), head.text("author")),
            (Some(7), Some("A: \"b\""), Some("mary"))
        );
        assert_eq!(text, "\n---\r\n text \n");
    }

    #[test]
    fn a_file_without_a_head_is_all_text() {
        for file in ["", "text", "---\nno end", "---\nno colon\n---\ntext", "--- \na: 1\n---\n"] {
            assert_eq!(read(file).1, file);
        }
    }
}
