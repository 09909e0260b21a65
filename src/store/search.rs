//! Searching for words in the notes that a user wrote, and in those that were shared with the user. A search
//! walks the user's list, newest first, until a page is full, and compares the words that each note stores.
//! Row-level security prevents an index over words: docs/decisions/0025.

use super::inbox::{self, ReceivedNote, unread};
use super::notes::{self, Note};
use super::page::{Cursor, Page, PageRequest, Position, Positioned};
use crate::db::{DbError, FromRow, RowReader, Statement, TenantHandle};
use crate::domain::{SearchWords, UserId};

/// Marks the start of a found word in an excerpt.
pub const HIT_START: char = '\u{2}';
/// Marks the end of a found word in an excerpt.
pub const HIT_END: char = '\u{3}';

/// The search as a tsquery. websearch_to_tsquery accepts any text. Punctuation separates words as it does in
/// the column `words` (migration 9), except that a minus before a word excludes notes. Each word then also
/// matches longer words that begin with it. The subquery is computed once for a statement and not once for
/// each row. The search is sent as bytes, because reads write their values as literals, which text may not
/// be.
macro_rules! query {
    () => {
        "(SELECT regexp_replace(websearch_to_tsquery('simple', regexp_replace(convert_from($6, 'UTF8'), \
         '(?<=\\S)-|[/.:@_+=~#&<>''\\\\]', ' ', 'g'))::text, '''((?:[^'']|'''')*)''', '''\\1'':*', \
         'g')::tsquery)"
    };
}
/// The title and the parts of the text around the words, with the words marked. Parsing a text to mark words
/// costs more than finding the note, so only its first 16,384 characters are parsed.
macro_rules! excerpt {
    () => {
        concat!(
            ", ts_headline('simple', coalesce(n.title, ''), ",
            query!(),
            ", 'HighlightAll=true, StartSel=\u{2}, StopSel=\u{3}')",
            ", ts_headline('simple', left(n.content, 16384), ",
            query!(),
            ", 'MaxFragments=2, MinWords=8, MaxWords=20, FragmentDelimiter=\" … \", StartSel=\u{2}, \
             StopSel=\u{3}')"
        )
    };
}
macro_rules! written {
    ($text:tt, $excerpt:expr, $bound:literal, $order:literal) => {
        notes::page!(
            $text,
            $excerpt,
            "NULL",
            concat!(" AND (n.created_at, n.id) ", $bound, " ($4, $5) AND n.words @@ ", query!()),
            $order
        )
    };
}
macro_rules! received {
    ($text:tt, $excerpt:expr, $which:literal, $bound:literal, $order:literal) => {
        inbox::page!(
            $text,
            $excerpt,
            $which,
            concat!(" AND (i.created_at, i.note_id) ", $bound, " ($4, $5) AND n.words @@ ", query!()),
            $order
        )
    };
}
static OLDER: Statement = written!(beginning, excerpt!(), "<", "DESC").heavy();
static NEWER: Statement = written!(beginning, excerpt!(), ">", "ASC").heavy();
static WHOLE_OLDER: Statement = written!(whole, "", "<", "DESC").heavy();
static RECEIVED_OLDER: Statement = received!(beginning, excerpt!(), "", "<", "DESC").heavy();
static RECEIVED_NEWER: Statement = received!(beginning, excerpt!(), "", ">", "ASC").heavy();
static WHOLE_RECEIVED_OLDER: Statement = received!(whole, "", "", "<", "DESC").heavy();
static WHOLE_UNREAD_OLDER: Statement = received!(whole, "", " AND i.read_at IS NULL", "<", "DESC").heavy();

pub(super) static ALL: &[&Statement] = &[
    &OLDER,
    &NEWER,
    &WHOLE_OLDER,
    &RECEIVED_OLDER,
    &RECEIVED_NEWER,
    &WHOLE_RECEIVED_OLDER,
    &WHOLE_UNREAD_OLDER,
];

/// A note that a search found, with the found words between [`HIT_START`] and [`HIT_END`].
#[derive(Clone, Debug)]
pub struct SearchHit<T> {
    pub item: T,
    pub title: Option<String>,
    /// The parts of the text around the words.
    pub excerpt: String,
}

impl<T: FromRow> FromRow for SearchHit<T> {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self {
            item: row.read(),
            title: Some(row.read()).filter(|title: &String| !title.is_empty()),
            excerpt: row.read(),
        }
    }
}

impl<T: Positioned> Positioned for SearchHit<T> {
    fn position(&self) -> Position {
        self.item.position()
    }

    fn text(&self) -> &str {
        self.item.text()
    }
}

impl TenantHandle {
    /// Up to `limit` notes of `author` with these words from `cursor` on, newest first.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn search_notes(
        &self,
        author: UserId,
        words: &SearchWords,
        cursor: Cursor,
        limit: u16,
    ) -> Result<Page<SearchHit<Note>>, DbError> {
        let statement = if matches!(cursor, Cursor::NewerThan(..)) { &NEWER } else { &OLDER };
        self.page(statement, author, PageRequest { cursor, limit, words: Some(words) }).await
    }

    /// Up to `limit` notes of `author` with these words that are older than `before`, or the latest, each
    /// with its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn search_whole_notes(
        &self,
        author: UserId,
        words: &SearchWords,
        before: Option<Position>,
        limit: u16,
    ) -> Result<Page<Note>, DbError> {
        let request = PageRequest { cursor: Cursor::before(before), limit, words: Some(words) };
        self.page(&WHOLE_OLDER, author, request).await
    }

    /// Up to `limit` notes of an inbox with these words from `cursor` on, and the number of unread notes in
    /// the whole inbox.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn search_inbox(
        &self,
        user: UserId,
        words: &SearchWords,
        cursor: Cursor,
        limit: u16,
    ) -> Result<(Page<SearchHit<ReceivedNote>>, i64), DbError> {
        let statement =
            if matches!(cursor, Cursor::NewerThan(..)) { &RECEIVED_NEWER } else { &RECEIVED_OLDER };
        let request = PageRequest { cursor, limit, words: Some(words) };
        let (hits, unread) = self.transaction((request.step(statement, user.into()), unread(user))).await?;
        Ok((request.page(hits), unread))
    }

    /// Up to `limit` notes of an inbox with these words that were delivered before `before`, or the latest,
    /// each with its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn search_whole_inbox(
        &self,
        user: UserId,
        words: &SearchWords,
        unread: bool,
        before: Option<Position>,
        limit: u16,
    ) -> Result<Page<ReceivedNote>, DbError> {
        let statement = if unread { &WHOLE_UNREAD_OLDER } else { &WHOLE_RECEIVED_OLDER };
        let request = PageRequest { cursor: Cursor::before(before), limit, words: Some(words) };
        self.page(statement, user, request).await
    }
}
