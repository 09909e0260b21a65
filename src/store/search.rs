//! Looking for words: in the notes that somebody wrote, and in those that others shared with them. A search
//! walks the list of one person, the newest first, until a page is full, and looks at the words that each
//! note keeps. An index over words would not be used under row-level security: docs/decisions/0025.

use super::inbox::{self, ReceivedNote, UNREAD, unread_in};
use super::notes::{self, Note};
use super::page::{Cursor, Page, Placed, Position, Wanted};
use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{SearchWords, UserId};

/// Where a word that was looked for begins in an excerpt.
pub const HIT_BEGINS: char = '\u{2}';
/// Where it ends.
pub const HIT_ENDS: char = '\u{3}';

// websearch_to_tsquery takes any text. Signs part words as they do in what a note keeps (migration 9), but a
// minus before a word leaves notes out. Every word is then made to stand for all that begin with it. A query
// in brackets of its own is made once for each statement and not once for each row. The words are bytes,
// because calls that read write their values into one message, where no text may stand.
macro_rules! query {
    () => {
        "(SELECT regexp_replace(websearch_to_tsquery('simple', regexp_replace(convert_from($6, 'UTF8'), \
         '(?<=\\S)-|[/.:@_+=~#&<>''\\\\]', ' ', 'g'))::text, '''((?:[^'']|'''')*)''', '''\\1'':*', \
         'g')::tsquery)"
    };
}
// Taking a text apart again to mark what was found costs more than finding it, so it ends after its first
// part.
macro_rules! excerpt {
    ($note:literal) => {
        concat!(
            ", ts_headline('simple', coalesce(",
            $note,
            "title, ''), ",
            query!(),
            ", 'HighlightAll=true, StartSel=\u{2}, StopSel=\u{3}')",
            ", ts_headline('simple', left(",
            $note,
            "content, 16384), ",
            query!(),
            ", 'MaxFragments=2, MinWords=8, MaxWords=20, FragmentDelimiter=\" … \", StartSel=\u{2}, \
             StopSel=\u{3}')"
        )
    };
}
macro_rules! written {
    ($text:literal, $excerpt:expr, $bound:literal, $order:literal) => {
        notes::page!(
            $text,
            $excerpt,
            "NULL",
            concat!(" AND (created_at, id) ", $bound, " ($4, $5) AND words @@ ", query!()),
            $order
        )
    };
}
macro_rules! received {
    ($text:literal, $excerpt:expr, $which:literal, $bound:literal, $order:literal) => {
        inbox::page!(
            $text,
            $excerpt,
            $which,
            concat!(" AND (i.created_at, i.note_id) ", $bound, " ($4, $5) AND n.words @@ ", query!()),
            $order
        )
    };
}
const OLDER: Statement = written!("left(content, 480)", excerpt!(""), "<", "DESC");
const NEWER: Statement = written!("left(content, 480)", excerpt!(""), ">", "ASC");
const WHOLE_OLDER: Statement = written!("content", "", "<", "DESC");
const RECEIVED_OLDER: Statement = received!("left(n.content, 480)", excerpt!("n."), "", "<", "DESC");
const RECEIVED_NEWER: Statement = received!("left(n.content, 480)", excerpt!("n."), "", ">", "ASC");
const WHOLE_RECEIVED_OLDER: Statement = received!("n.content", "", "", "<", "DESC");
const WHOLE_UNREAD_OLDER: Statement = received!("n.content", "", " AND i.read_at IS NULL", "<", "DESC");

pub(super) const ALL: &[&Statement] = &[
    &OLDER,
    &NEWER,
    &WHOLE_OLDER,
    &RECEIVED_OLDER,
    &RECEIVED_NEWER,
    &WHOLE_RECEIVED_OLDER,
    &WHOLE_UNREAD_OLDER,
];

/// Something that has the words, with what to show of it: each word that was looked for stands between
/// [`HIT_BEGINS`] and [`HIT_ENDS`].
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// What was found.
    pub found: T,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The parts of its text around the words.
    pub excerpt: String,
}

impl<T> Found<T> {
    fn new(found: T, row: &Row, first: usize) -> Self {
        Self {
            found,
            title: Some(row.get::<String>(first)).filter(|title| !title.is_empty()),
            excerpt: row.get(first + 1),
        }
    }
}

impl<T: Placed> Placed for Found<T> {
    fn position(&self) -> Position {
        self.found.position()
    }
}

fn found_note(row: &Row) -> Found<Note> {
    Found::new(Note::from_row(row), row, 7)
}

fn found_received(row: &Row) -> Found<ReceivedNote> {
    Found::new(ReceivedNote::from_row(row), row, 12)
}

impl TenantHandle {
    /// Up to `limit` notes of `author` with these words from `cursor` on, the newest first.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn found_notes(
        &self,
        author: UserId,
        words: &SearchWords,
        cursor: Cursor,
        limit: u16,
    ) -> Result<Page<Found<Note>>, DbError> {
        let statement = if matches!(cursor, Cursor::NewerThan(..)) { &NEWER } else { &OLDER };
        Ok(self
            .page(statement, author, Wanted { cursor, limit, words: Some(words) }, found_note, &[])
            .await?
            .0)
    }

    /// Up to `limit` notes of `author` with these words that are older than `before`, or the latest, each
    /// with its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn found_whole_notes(
        &self,
        author: UserId,
        words: &SearchWords,
        before: Option<Position>,
        limit: u16,
    ) -> Result<Page<Note>, DbError> {
        let wanted = Wanted { cursor: Cursor::before(before), limit, words: Some(words) };
        Ok(self.page(&WHOLE_OLDER, author, wanted, Note::from_row, &[]).await?.0)
    }

    /// Up to `limit` notes of an inbox with these words from `cursor` on, and the number of unread ones in
    /// the whole inbox.
    ///
    /// # Errors
    /// [`DbError`] of the transaction.
    pub async fn found_in_inbox(
        &self,
        user: UserId,
        words: &SearchWords,
        cursor: Cursor,
        limit: u16,
    ) -> Result<(Page<Found<ReceivedNote>>, i64), DbError> {
        let statement =
            if matches!(cursor, Cursor::NewerThan(..)) { &RECEIVED_NEWER } else { &RECEIVED_OLDER };
        let count: [&dyn Value; 2] = [&self.tenant().number(), &user.number()];
        let unread = [Step { statement: &UNREAD, values: &count }];
        let (page, counted) = self
            .page(statement, user, Wanted { cursor, limit, words: Some(words) }, found_received, &unread)
            .await?;
        Ok((page, unread_in(counted.first())))
    }

    /// Up to `limit` notes of an inbox with these words that came before `before`, or the latest, each with
    /// its whole text.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn found_whole_inbox(
        &self,
        user: UserId,
        words: &SearchWords,
        unread: bool,
        before: Option<Position>,
        limit: u16,
    ) -> Result<Page<ReceivedNote>, DbError> {
        let statement = if unread { &WHOLE_UNREAD_OLDER } else { &WHOLE_RECEIVED_OLDER };
        let wanted = Wanted { cursor: Cursor::before(before), limit, words: Some(words) };
        Ok(self.page(statement, user, wanted, ReceivedNote::from_row, &[]).await?.0)
    }
}
