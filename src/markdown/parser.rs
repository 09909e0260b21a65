//! The parser and its extensions, the same for all that is made of a text.

use std::borrow::Cow;
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

/// The most quotes and lists that a line may begin. The parser walks all that are open at each line, so a
/// line of 100,000 and 60,000 lines behind it took 4 seconds.
const MOST_MARKS: usize = 100;

/// A text whose lines begin no more quotes and lists than [`MOST_MARKS`]: the marks beyond are blanks. Each
/// place in it is the same place in the text.
pub fn shallow(text: &str) -> Cow<'_, str> {
    let is_deep = |line: &str| marks(line).filter(|byte| is_mark(*byte)).count() > MOST_MARKS;
    if !text.split(['\n', '\r']).any(is_deep) {
        return Cow::Borrowed(text);
    }
    let mut shallow = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        let mut count = 0;
        let beginning = marks(line).map(|byte| {
            count += usize::from(is_mark(byte));
            if count > MOST_MARKS && is_mark(byte) { ' ' } else { char::from(byte) }
        });
        let length = shallow.len();
        shallow.extend(beginning);
        let shown = shallow.len() - length;
        shallow.push_str(&line[shown..]);
    }
    Cow::Owned(shallow)
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'>' | b'-' | b'+' | b'*')
}

/// The marks and blanks at the beginning of a line.
fn marks(line: &str) -> impl Iterator<Item = u8> {
    line.bytes().take_while(|byte| is_mark(*byte) || matches!(byte, b' ' | b'\t'))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_no_more_quotes_than_the_bound_and_keeps_its_places() {
        for text in ["> a\n- b", &"---\n> > a\n".repeat(50), &"a > ".repeat(200), "* * * *\n"] {
            assert!(matches!(shallow(text), Cow::Borrowed(_)), "{text:.40}");
        }
        for mark in [">", "> ", "- ", "* "] {
            let text = format!("é\n{}end - é\nlazy > line\n", mark.repeat(MOST_MARKS + 7));
            let shown = shallow(&text);
            assert_eq!(shown.len(), text.len());
            assert_eq!(shown.matches(mark.trim()).count(), text.matches(mark.trim()).count() - 7, "{shown}");
            assert!(shown.starts_with("é\n") && shown.ends_with("end - é\nlazy > line\n"), "{shown}");
        }
    }
}
