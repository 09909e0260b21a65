//! The parser and its extensions, the same for all that is made of a text.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, TextMergeWithOffset};

use super::table_cells::missing_cells;

/// The extensions for a text whose rendering has one event or a few for each of its bytes.
const EXTENSIONS: Options = Options::ENABLE_STRIKETHROUGH
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_GFM);
/// The most cells that the tables of a text may lack. A table of 20 columns may have 1,000 rows with one cell
/// each.
const MOST_MISSING_CELLS: usize = 20_000;
/// The same for the beginning of a text. A page has up to a hundred beginnings.
const MOST_MISSING_CELLS_OF_BEGINNING: usize = 200;
/// A text of this length without code is rendered in a millisecond, whatever it consists of. The longest take
/// 60.
const QUICK_BYTES: usize = 8 * 1024;

/// The events of a text, each with its place. Neighbouring pieces of text are one event.
pub fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let parser = Parser::new_ext(text, extensions(text, MOST_MISSING_CELLS));
    TextMergeWithOffset::new(parser.into_offset_iter())
}

/// The events of the beginning of a text.
pub fn events_of_beginning(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, extensions(text, MOST_MISSING_CELLS_OF_BEGINNING))
}

/// The extensions with which a text is parsed. Tables are off in a text whose tables lack more than `most`
/// cells: it is then shown as its author typed it.
pub fn extensions(text: &str, most: usize) -> Options {
    if missing_cells(text) > most { EXTENSIONS } else { EXTENSIONS.union(Options::ENABLE_TABLES) }
}

/// Whether a text is rendered so fast that no other request waits noticeably.
pub fn takes_little_time(text: &str) -> bool {
    text.len() <= QUICK_BYTES && !text.contains("```") && !text.contains("~~~")
}
