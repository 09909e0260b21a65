//! The comparison of two texts, by lines, and of changed lines by words.

use std::time::{Duration, Instant};

use similar::{ChangeTag, TextDiffConfig};

use super::notes::with_unix_newlines;

/// The lines around a change that are the same and shown with it.
const CONTEXT: usize = 2;
/// The most lines of a comparison.
const MOST_LINES: usize = 400;
/// Two texts of no more bytes together are compared whole in a few milliseconds, however they differ.
const QUICK_BYTES: usize = 4 * 1024;
/// The time after which what was not compared yet of longer ones counts as changed.
const TIMEOUT: Duration = Duration::from_millis(50);

/// Where two texts differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The places where they differ, in the order of the texts, each with a few lines around it.
    pub places: Vec<Vec<ComparedLine>>,
    /// Whether all places are there: a comparison has at most 400 lines.
    pub is_whole: bool,
}

/// A line of either text or of both.
#[derive(Debug, PartialEq, Eq)]
pub struct ComparedLine {
    pub change: LineChange,
    /// The line in pieces, without its line break.
    pub pieces: Vec<ComparedPiece>,
}

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct ComparedPiece {
    pub text: String,
    /// Whether the other text has another piece in its place.
    pub differs: bool,
}

/// Which of the texts has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineChange {
    Both,
    /// Only the old text.
    Removed,
    /// Only the new text.
    Added,
}

/// Compares two texts. Line breaks of different kinds are the same. Takes up to a tenth of a second for long
/// texts.
pub fn compare(old: &str, new: &str) -> Comparison {
    let [old, new] = [old, new].map(with_unix_newlines);
    let is_quick = old.len() + new.len() <= QUICK_BYTES;
    let deadline = (!is_quick).then(|| Instant::now() + TIMEOUT);
    let mut config = TextDiffConfig::default();
    if let Some(deadline) = deadline {
        config.deadline(deadline);
    }
    let lines = config.diff_lines(old.as_str(), new.as_str());
    let words_deadline = deadline.map(|deadline| deadline + TIMEOUT);
    let mut comparison = Comparison { places: Vec::new(), is_whole: true };
    let mut room = MOST_LINES;
    for group in lines.grouped_ops(CONTEXT) {
        let changes =
            group.iter().flat_map(|operation| lines.iter_inline_changes_deadline(operation, words_deadline));
        let mut place = Vec::new();
        for change in changes {
            if room == 0 {
                comparison.is_whole = false;
                break;
            }
            room -= 1;
            place.push(ComparedLine { change: change.tag().into(), pieces: pieces(change.values()) });
        }
        if !place.is_empty() {
            comparison.places.push(place);
        }
        if !comparison.is_whole {
            break;
        }
    }
    comparison
}

fn pieces(values: &[(bool, &str)]) -> Vec<ComparedPiece> {
    let pieces = values.iter().map(|(differs, text)| ComparedPiece {
        text: text.trim_end_matches('\n').to_owned(),
        differs: *differs,
    });
    pieces.filter(|piece| !piece.text.is_empty()).collect()
}

impl From<ChangeTag> for LineChange {
    fn from(tag: ChangeTag) -> Self {
        match tag {
            ChangeTag::Equal => Self::Both,
            ChangeTag::Delete => Self::Removed,
            ChangeTag::Insert => Self::Added,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line with its sign, pieces that differ in brackets, and a dash between places.
    fn shown(old: &str, new: &str) -> Vec<String> {
        let places = compare(old, new).places.into_iter().map(|place| {
            let lines = place.into_iter().map(|line| {
                let sign = match line.change {
                    LineChange::Both => ' ',
                    LineChange::Removed => '-',
                    LineChange::Added => '+',
                };
                let pieces = line
                    .pieces
                    .into_iter()
                    .map(|piece| if piece.differs { format!("[{}]", piece.text) } else { piece.text });
                format!("{sign}{}", pieces.collect::<String>())
            });
            lines.collect::<Vec<_>>().join("|")
        });
        places.collect()
    }

    #[test]
    fn words_that_differ_are_marked_in_lines_that_differ() {
        let old = "a\nb\nc\nbuy red apples today\nd\ne\nf\n";
        let new = "a\nb\nc\nbuy green apples today\nd\ne\nf\n";
        assert_eq!(shown(old, new), [" b| c|-buy [red] apples today|+buy [green] apples today| d| e"]);
    }

    #[test]
    fn distant_changes_are_places_of_their_own_and_equal_texts_have_none() {
        let old: String = (0..40).map(|line| format!("{line}\n")).collect();
        let new = old.replace("\n3\n", "\n").replace("\n30\n", "\n30\nnew\n");
        assert_eq!(shown(&old, &new), [" 1| 2|-3| 4| 5", " 29| 30|+new| 31| 32"]);
        assert!(compare(&old, &old).places.is_empty());
        assert!(compare("a\r\nb\r\n", "a\nb\n").places.is_empty());
    }

    #[test]
    fn a_long_comparison_ends_and_says_so() {
        let old: String = (0..100_000).map(|line| format!("{line}\n")).collect();
        let new: String = (0..100_000).map(|line| format!("x{line}\n")).collect();
        let comparison = compare(&old, &new);
        assert_eq!(comparison.places.iter().map(Vec::len).sum::<usize>(), MOST_LINES);
        assert!(!comparison.is_whole);
        assert!(compare("a", "b").is_whole);
    }
}
