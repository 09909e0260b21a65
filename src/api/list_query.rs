//! The query parameters of the lists of notes, and the way to their next page.

use std::num::IntErrorKind;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::{Invalid, SearchQuery, SearchWords};
use crate::store::{Page, Position, Positioned, SearchPage, SearchPosition, SearchRequest, SearchScope};
use crate::web::paging::{PAGE_SIZE, decode, decode_found, encode_found, with_words};
use crate::web::search::search;
use crate::web::{CurrentUser, Error, FieldErrors, Visitor};

const LARGEST_PAGE: u16 = 100;
/// A page ends with the note whose JSON reaches this many bytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes that a byte of a text takes in JSON: those of a control character.
const LONGEST_BYTE: usize = 6;

/// Ends a page where its JSON gets too long; the `Link` header goes on from there.
pub fn shorten<T: Positioned>(page: &mut Page<T>) {
    if may_be_too_long(page.notes.iter().map(|note| note.text().len())) {
        page.shorten(PAGE_BYTES, json_length_of);
    }
}

/// The answer 200 of a list, with the address of its next page in the `Link` header (RFC 8288).
pub fn ok_with_next(next: Option<String>) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    response
}

/// A page of the notes with these words, as whole notes in a list, and the address of the next one. `list` is
/// the address of the list with its other parameters.
///
/// # Errors
/// 422 for an invalid cursor, and those of [`search`].
pub async fn found_in_list(
    visitor: &Visitor,
    words: &SearchWords,
    (list, scope): (&str, SearchScope),
    (cursor, limit): (Option<&str>, u16),
) -> Result<(CurrentUser, SearchPage, Option<String>), Error> {
    let after = search_cursor_of(cursor)?;
    let request = SearchRequest { query: &SearchQuery::of(words), scope, after, limit };
    let (user, mut page) = search(visitor, request).await?;
    if may_be_too_long(page.hits.iter().map(|hit| hit.note.content.as_str().len())) {
        page.shorten(PAGE_BYTES, json_length_of);
    }
    let next = next_found(list, page.older, words);
    Ok((user, page, next))
}

/// The address of the page behind this result of a search.
pub fn next_found(list: &str, last: Option<SearchPosition>, words: &SearchWords) -> Option<String> {
    last.map(|last| with_words(&format!("{list}&cursor={}", encode_found(last)), words))
}

/// Counting what the JSON of each byte takes was a tenth of the server's work for a list.
fn may_be_too_long(lengths: impl Iterator<Item = usize>) -> bool {
    lengths.sum::<usize>() > PAGE_BYTES / LONGEST_BYTE
}

fn json_length_of(text: &str) -> usize {
    text.bytes().map(json_length).sum()
}

/// The bytes that a byte of a text takes in JSON, as serde_json writes it.
fn json_length(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | 8 | 9 | 10 | 12 | 13 => 2,
        0..32 => LONGEST_BYTE,
        _ => 1,
    }
}

/// The number of notes on a page, 1 to 100.
///
/// # Errors
/// 422 for a text that is no number.
pub fn limit_of(given: Option<&str>) -> Result<u16, Error> {
    match given.map(str::parse::<i64>) {
        None => Ok(PAGE_SIZE),
        Some(Ok(limit)) => Ok(u16::try_from(limit.max(1)).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)),
        Some(Err(error)) => match error.kind() {
            IntErrorKind::PosOverflow => Ok(LARGEST_PAGE),
            IntErrorKind::NegOverflow => Ok(1),
            _ => Err(Error::Invalid(FieldErrors::one("limit", "The limit is a number from 1 to 100."))),
        },
    }
}

/// The words to search for.
///
/// # Errors
/// 422 for words that cannot be accepted.
pub fn words_of(given: Option<&str>) -> Result<Option<SearchWords>, Error> {
    SearchWords::parse_optional(given.unwrap_or_default())
        .map_err(|Invalid(message)| Error::Invalid(FieldErrors::one("q", message)))
}

/// A parameter that is true or false, and false when it is not given.
///
/// # Errors
/// 422 for anything else.
pub fn flag_of(name: &'static str, given: Option<&str>) -> Result<bool, Error> {
    match given {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Error::Invalid(FieldErrors::one(name, "This is true or false."))),
    }
}

/// The place at which a page of a search begins.
///
/// # Errors
/// As [`cursor_of`].
pub fn search_cursor_of(given: Option<&str>) -> Result<Option<SearchPosition>, Error> {
    read_cursor(given, decode_found)
}

/// The position at which a page begins.
///
/// # Errors
/// 422 for a text that is not from a `Link` header of this server.
pub fn cursor_of(given: Option<&str>) -> Result<Option<Position>, Error> {
    read_cursor(given, decode)
}

fn read_cursor<T>(given: Option<&str>, decode: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
    match given.map(decode) {
        None => Ok(None),
        Some(Some(position)) => Ok(Some(position)),
        Some(None) => Err(Error::Invalid(FieldErrors::one(
            "cursor",
            "This cursor is not from a Link header of this server.",
        ))),
    }
}
