//! Places in lists of notes, and the pages that are cut there.

use chrono::{DateTime, Utc};

use crate::db::{DbError, Row, Statement, Step, TenantHandle, Value};
use crate::domain::{NoteId, SearchWords, UserId};

/// What a list is ordered by. Ids come from a range for each node, so they do not tell what is newer.
pub type Position = (DateTime<Utc>, NoteId);

/// Later than any note.
const END_OF_TIME: DateTime<Utc> = DateTime::from_timestamp(253_402_300_799, 0).expect("the year 9999");

/// A place in a list of notes, newest first.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// The newest notes.
    Start,
    /// What is older than this position.
    OlderThan(DateTime<Utc>, NoteId),
    /// What is newer than this position.
    NewerThan(DateTime<Utc>, NoteId),
}

impl Cursor {
    /// What is older than a position, or the newest.
    pub(super) fn before(position: Option<Position>) -> Self {
        position.map_or(Self::Start, |(time, id)| Self::OlderThan(time, id))
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Where it begins.
    pub(super) cursor: Cursor,
    /// How much of it.
    pub(super) limit: u16,
    /// The words that it has, when the list is of what was found.
    pub(super) words: Option<&'a SearchWords>,
}

/// What stands at a place in a list.
pub trait Placed {
    /// Where a page that ends or begins with this goes on.
    fn position(&self) -> Position;
}

/// A part of a list, newest first.
pub struct Page<T> {
    /// The notes.
    pub notes: Vec<T>,
    has_newer: bool,
    has_older: bool,
}

impl<T> Page<T> {
    /// Makes a page of rows that hold one more than its limit when there is more in the direction that was
    /// walked.
    fn cut(rows: &[Row], cursor: Cursor, limit: u16, read: impl Fn(&Row) -> T) -> Self {
        let limit = usize::from(limit);
        let more = rows.len() > limit;
        let mut notes: Vec<T> = rows.iter().take(limit).map(read).collect();
        let (has_newer, has_older) = match cursor {
            Cursor::Start => (false, more),
            Cursor::OlderThan(..) => (true, more),
            Cursor::NewerThan(..) => {
                notes.reverse();
                (more, true)
            }
        };
        Self { notes, has_newer, has_older }
    }
}

impl<T: Placed> Page<T> {
    /// Where the page before it ends, if there is one.
    pub fn newer(&self) -> Option<Position> {
        self.notes.first().filter(|_| self.has_newer).map(Placed::position)
    }

    /// Where the page after it begins, if there is one.
    pub fn older(&self) -> Option<Position> {
        self.notes.last().filter(|_| self.has_older).map(Placed::position)
    }
}

impl TenantHandle {
    /// What is wanted of what is `owner`'s, and what `more` gave in the same transaction. The statement takes
    /// the tenant, the owner, how many rows are wanted and, unless it begins at the start, the position. One
    /// that looks for words takes a position always, and the words as bytes behind it.
    pub(super) async fn page<T>(
        &self,
        statement: &'static Statement,
        owner: UserId,
        Wanted { cursor, limit, words }: Wanted<'_>,
        read: impl Fn(&Row) -> T,
        more: &[Step<'_>],
    ) -> Result<(Page<T>, Vec<Vec<Row>>), DbError> {
        let (tenant, owner, wanted) = (self.tenant().number(), owner.number(), i64::from(limit) + 1);
        let position = match cursor {
            Cursor::Start => words.map(|_| (END_OF_TIME, i64::MAX)),
            Cursor::OlderThan(time, id) | Cursor::NewerThan(time, id) => Some((time, id.number())),
        };
        let mut values: Vec<&dyn Value> = vec![&tenant, &owner, &wanted];
        if let Some((time, id)) = &position {
            values.extend([time as &dyn Value, id]);
        }
        let words = words.map(|words| words.as_str().as_bytes());
        values.extend(words.as_ref().map(|words| words as &dyn Value));
        let mut steps = vec![Step { statement, values: &values }];
        steps.extend(more.iter().copied());
        let mut results = self.transaction(&steps).await?;
        let others = results.split_off(results.len().min(1));
        let rows = results.pop().unwrap_or_default();
        Ok((Page::cut(&rows, cursor, limit, read), others))
    }
}
