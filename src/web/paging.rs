//! Cursors of lists in URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde::Deserialize;

use crate::domain::{NoteId, SearchWords};
use crate::store::{Cursor, Page, Position, Positioned, SearchPosition};

/// The number of notes on a page.
pub const PAGE_SIZE: u16 = 20;

/// The query of a list.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    older: Option<String>,
    newer: Option<String>,
    q: Option<String>,
}

impl PageQuery {
    /// The cursor of the query; one that cannot be read is the start of the list.
    pub fn cursor(&self) -> Cursor {
        match (&self.older, &self.newer) {
            (Some(older), _) => decode(older).map_or(Cursor::Start, |(time, id)| Cursor::OlderThan(time, id)),
            (None, Some(newer)) => {
                decode(newer).map_or(Cursor::Start, |(time, id)| Cursor::NewerThan(time, id))
            }
            (None, None) => Cursor::Start,
        }
    }

    /// The search words as they were typed.
    pub fn typed(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }
}

/// The URLs of the newer and the older page of a list.
pub fn neighbours<T: Positioned>(path: &str, page: &Page<T>) -> (Option<String>, Option<String>) {
    let link = |direction: &str, position: Position| format!("{path}?{direction}={}", encode(position));
    (
        page.newer().map(|position| link("newer", position)),
        page.older().map(|position| link("older", position)),
    )
}

/// Adds the search words to a URL that has a query.
pub fn with_words(url: &str, words: &SearchWords) -> String {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("q", words.as_str()).finish();
    format!("{url}&{query}")
}

/// A position as opaque text.
pub fn encode((time, id): Position) -> String {
    let mut bytes = time.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend(id.number().to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position of a text by [`encode`]; none for any other text.
pub fn decode(text: &str) -> Option<Position> {
    position_of(&URL_SAFE_NO_PAD.decode(text).ok()?)
}

/// A place in the results of a search as opaque text.
pub fn encode_found(SearchPosition { in_title, changed_at, id }: SearchPosition) -> String {
    let mut bytes = vec![u8::from(in_title)];
    bytes.extend(changed_at.timestamp_micros().to_be_bytes());
    bytes.extend(id.number().to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place of a text by [`encode_found`]; none for any other text.
pub fn decode_found(text: &str) -> Option<SearchPosition> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (in_title, position) = bytes.split_first()?;
    let (changed_at, id) = position_of(position)?;
    (*in_title <= 1).then_some(SearchPosition { in_title: *in_title == 1, changed_at, id })
}

fn position_of(bytes: &[u8]) -> Option<Position> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let (time, id) = bytes.split_at(8);
    let time = DateTime::from_timestamp_micros(i64::from_be_bytes(time.try_into().ok()?))?;
    // The range of PostgreSQL's timestamps is smaller than chrono's.
    let year = chrono::Datelike::year(&time);
    (1..=9999).contains(&year).then_some(())?;
    Some((time, NoteId::from_row(i64::from_be_bytes(id.try_into().ok()?))))
}
