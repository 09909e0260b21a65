//! `notes list` and `notes show`.

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::api_client::{ApiCall, ApiClient};
use super::failure::ClientFailure;
use super::{display, login};
use crate::cli::output;

/// The most notes that the server sends in one answer.
const LARGEST_PAGE: usize = 100;
/// The longest beginning of a note in a list, in characters.
const BEGINNING: usize = 80;

/// Arguments of `notes list`.
#[derive(Args)]
pub struct ListArguments {
    /// Only notes that contain these words; "quoted words" follow each other, -word excludes notes.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    search: Option<String>,
    /// The most notes to list, newest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `notes show`.
#[derive(Args)]
pub struct ShowArguments {
    /// The note's number.
    id: i64,
    /// Print JSON, in which the text is exact.
    #[arg(long)]
    json: bool,
}

/// What the client uses of a note.
#[derive(Deserialize)]
pub(super) struct ClientNote {
    note_id: i64,
    pub(super) title: Option<String>,
    pub(super) content: String,
    pub(super) version: i32,
    updated_at: String,
}

/// Prints the newest notes.
pub(super) async fn list(arguments: &ListArguments) -> Result<(), ClientFailure> {
    let notes = newest(&login::current()?, arguments).await?;
    if arguments.json {
        return Ok(output::answer(&display::json(&Value::Array(notes)))?);
    }
    let mut lines = String::new();
    for note in notes {
        lines.push_str(&summary(&parsed(note)?));
    }
    Ok(output::answer(&lines)?)
}

/// Prints one note.
pub(super) async fn show(arguments: &ShowArguments) -> Result<(), ClientFailure> {
    let note: Value = found(&login::current()?, arguments.id).await?;
    if arguments.json {
        return Ok(output::answer(&display::json(&note))?);
    }
    let note = parsed(note)?;
    let title = note.title.map(|title| format!("{}\n\n", display::line(&title))).unwrap_or_default();
    let text = display::text(&note.content);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    Ok(output::answer(&format!("{title}{text}{end}"))?)
}

/// Reads one note.
pub(super) async fn note(client: &ApiClient, id: i64) -> Result<ClientNote, ClientFailure> {
    parsed(found(client, id).await?)
}

async fn found(client: &ApiClient, id: i64) -> Result<Value, ClientFailure> {
    client.send(&ApiCall::new(Method::GET, &format!("/api/notes/{id}"))).await?.success()?.json()
}

/// Reads pages until there are as many notes as wanted, or no more.
async fn newest(client: &ApiClient, arguments: &ListArguments) -> Result<Vec<Value>, ClientFailure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &arguments.limit.clamp(1, LARGEST_PAGE).to_string());
    if let Some(words) = &arguments.search {
        query.append_pair("q", words);
    }
    let mut next = Some(format!("/api/notes?{}", query.finish()));
    let mut notes = Vec::new();
    while let Some(path) = next.filter(|_| notes.len() < arguments.limit) {
        let answer = client.send(&ApiCall::new(Method::GET, &path)).await?.success()?;
        let page: Vec<Value> = answer.json()?;
        // An empty page that leads to a next one would never end.
        next = answer.next_page().filter(|_| !page.is_empty()).map(str::to_owned);
        notes.extend(page);
    }
    notes.truncate(arguments.limit);
    Ok(notes)
}

pub(super) fn parsed(note: Value) -> Result<ClientNote, ClientFailure> {
    serde_json::from_value(note)
        .map_err(|_| ClientFailure::other("The server's answer is no note: is it a Pigeonhole?"))
}

/// A line with number, day, and title or beginning.
fn summary(note: &ClientNote) -> String {
    let first_line = note.content.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let words = display::line(note.title.as_deref().unwrap_or(first_line));
    let beginning: String = words.chars().take(BEGINNING).collect();
    let more = if beginning.len() < words.len() { "…" } else { "" };
    let day: String = display::line(&note.updated_at).chars().take(10).collect();
    format!("{}  {day}  {beginning}{more}\n", note.note_id)
}
