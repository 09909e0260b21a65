//! Pages of lists, and the positions at which they begin and end.

use chrono::{DateTime, Utc};

use crate::db::{FromRow, Statement, Step, Steps, Value, Viewer, values};
use crate::domain::NoteId;

/// The key by which lists are ordered. Ids alone do not tell which note is newer, because each node takes
/// them from a range of its own.
pub type Position = (DateTime<Utc>, NoteId);

/// A page ends with the note whose text reaches this many bytes, so that no page takes much memory. The
/// statements of whole notes leave out the texts behind it (`note_columns`, which has the same number).
pub(super) const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Where a page of a list, newest first, begins.
#[derive(Clone, Copy, Debug)]
pub enum Cursor {
    /// With the newest.
    Start,
    /// Behind this position.
    OlderThan(DateTime<Utc>, NoteId),
    /// Before this position.
    NewerThan(DateTime<Utc>, NoteId),
}

impl Cursor {
    /// Behind a position, or with the newest.
    pub(super) fn before(position: Option<Position>) -> Self {
        position.map_or(Self::Start, |(time, id)| Self::OlderThan(time, id))
    }
}

/// Which part of a list to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRequest {
    pub(super) cursor: Cursor,
    pub(super) limit: u16,
}

impl PageRequest {
    /// The step that reads the page and one row more, which tells whether there is another page.
    ///
    /// The statement takes the owner of the list, the number of rows and, unless the page begins at the
    /// start, the position.
    fn step<'a, T: FromRow>(self, statement: &'static Statement, owner: Viewer) -> Step<'a, Vec<T>> {
        let mut values: Vec<Value<'a>> = values![owner, i64::from(self.limit) + 1];
        match self.cursor {
            Cursor::Start => {}
            Cursor::OlderThan(time, id) | Cursor::NewerThan(time, id) => values.extend(values![time, id]),
        }
        statement.all(values)
    }

    /// The page of what belongs to `owner`.
    pub(super) fn steps<T: FromRow + Positioned>(
        self,
        statement: &'static Statement,
        owner: Viewer,
    ) -> impl Steps<Output = Page<T>> {
        self.step(statement, owner).map(move |rows| self.page(rows))
    }

    /// The page of the rows that [`Self::step`] read.
    fn page<T: Positioned>(self, mut notes: Vec<T>) -> Page<T> {
        let whole = count_within(notes.iter().map(|note| note.text().len()), PAGE_BYTES);
        let shown = whole.min(usize::from(self.limit));
        let more = notes.len() > shown;
        notes.truncate(shown);
        let (has_newer, has_older) = match self.cursor {
            Cursor::Start => (false, more),
            Cursor::OlderThan(..) => (true, more),
            Cursor::NewerThan(..) => {
                notes.reverse();
                (more, true)
            }
        };
        Page { notes, has_newer, has_older }
    }
}

/// How many of these lengths it takes until their sum reaches `limit`; all of them where it does not.
pub(super) fn count_within(lengths: impl Iterator<Item = usize>, limit: usize) -> usize {
    let mut before = 0usize;
    lengths
        .take_while(|length| {
            let begins_within = before < limit;
            before = before.saturating_add(*length);
            begins_within
        })
        .count()
}

/// An item of a list.
pub trait Positioned {
    /// Where the item is in its list.
    fn position(&self) -> Position;

    /// The text of its note, as far as it was read.
    fn text(&self) -> &str;
}

/// A part of a list, newest first.
pub struct Page<T> {
    pub notes: Vec<T>,
    has_newer: bool,
    has_older: bool,
}

impl<T: Positioned> Page<T> {
    /// Ends the page with the note whose text reaches `limit` bytes, as `measure` counts them.
    pub fn shorten(&mut self, limit: usize, measure: impl Fn(&str) -> usize) {
        let shown = count_within(self.notes.iter().map(|note| measure(note.text())), limit);
        self.has_older |= shown < self.notes.len();
        self.notes.truncate(shown);
    }

    /// Where the page before this one ends, if there is one.
    pub fn newer(&self) -> Option<Position> {
        self.notes.first().filter(|_| self.has_newer).map(Positioned::position)
    }

    /// Where the page after this one begins, if there is one.
    pub fn older(&self) -> Option<Position> {
        self.notes.last().filter(|_| self.has_older).map(Positioned::position)
    }
}
