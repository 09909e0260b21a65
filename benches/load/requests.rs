//! The requests that wrk sends, as texts, and the files that carry them to it.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::json;

use crate::wire;

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// The list of the API, each time with a token that was not used for over a minute.
    ApiCold,
    /// The same with 500 tokens in turn.
    Api,
    /// The page with the list, each time with a cookie that was not used for over a minute.
    PageCold,
    /// The same with 16 cookies in turn.
    Page,
    /// A new note, each time with a token that was not used for over a minute.
    PostCold,
    /// The same with 500 tokens in turn.
    Post,
    /// A new text for a note, of its current version.
    Put,
    /// A search that finds most of a user's notes.
    Search,
    /// The page of one note.
    Note,
}

impl Requests {
    /// The method, the route as the server counts it, and the status of a right answer.
    pub fn expected(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ApiCold | Self::Api | Self::Search => ("GET", "/api/notes", "200"),
            Self::PageCold | Self::Page => ("GET", "/notes", "200"),
            Self::PostCold | Self::Post => ("POST", "/api/notes", "201"),
            Self::Put => ("PUT", "/api/notes/{id}", "200"),
            Self::Note => ("GET", "/notes/{id}", "200"),
        }
    }
}

/// The text of a new note.
const NEW_NOTE: &str = "The boxes stand in the hall & were counted for the last time on Monday; \
    \"twelve\", says the driver. Größe und Gewicht stehen auf dem Schein. Ask for the invoice, call back on \
    Thursday, and see that the *second* delivery is not mixed up with the **first**.";

/// A request without a body, with one header.
pub fn get(host: &str, path: &str, header: (&str, &str)) -> Vec<u8> {
    wire::request(host, "GET", path, &[header], b"")
}

/// `POST /api/notes`.
pub fn post(host: &str, bearer: &str) -> Vec<u8> {
    let body = json!({"title": "Delivery", "content": NEW_NOTE}).to_string();
    let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
    wire::request(host, "POST", "/api/notes", &headers, body.as_bytes())
}

/// `PUT /api/notes/{id}` with a text that the note has not had.
pub fn put(host: &str, bearer: &str, note: i64, version: i32) -> Vec<u8> {
    let body = json!({
        "title": "Delivery", "content": format!("Edit {version} of {note}. {NEW_NOTE}"), "version": version,
    });
    let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
    wire::request(host, "PUT", &format!("/api/notes/{note}"), &headers, body.to_string().as_bytes())
}

/// `POST /login` of a known browser.
pub fn login(host: &str, cookie: &str, email: &str, password: &str) -> Vec<u8> {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("email", email), ("password", password)])
        .finish();
    let headers = [("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")];
    wire::request(host, "POST", "/login", &headers, body.as_bytes())
}

/// Writes requests as replay.lua reads them.
///
/// # Errors
/// Those of the file.
pub fn write(path: &Path, requests: impl Iterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for request in requests {
        file.write_all(&request)?;
        file.write_all(&[1])?;
    }
    file.flush()
}
