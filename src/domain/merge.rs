//! Three-way merge of two edits of the same version.

use std::collections::HashMap;

use diffy::{ConflictStyle, MergeOptions};

use super::notes::with_unix_newlines;

/// The lines that a proposal has around the places where both edits changed the text.
const MARKERS: [&str; 3] = ["<<<<<<< yours", "=======", ">>>>>>> saved meanwhile"];

/// The result of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge<T> {
    /// The edits do not overlap.
    Clean(T),
    /// The edits overlap. The value is for the editor to resolve; a text has both versions with markers.
    Conflict(T),
}

/// The most lines of a text that are compared.
const MOST_LINES: usize = 2000;
/// The most lines that an edit may add and remove. The time of a merge grows with their square; with these it
/// is some 15 ms, and with 4,000, as when all lines differ, six times that.
const MOST_CHANGED_LINES: usize = 1000;
/// Three texts of no more lines and bytes together are merged in a millisecond, however they differ.
const QUICK_LINES: usize = 400;
const QUICK_BYTES: usize = 32 * 1024;

/// Whether three texts are so short that no other request waits noticeably while they are merged.
pub fn is_quick_merge(texts: [&str; 3]) -> bool {
    texts.iter().map(|text| text.len()).sum::<usize>() <= QUICK_BYTES
        && texts.iter().map(|text| text.lines().count()).sum::<usize>() <= QUICK_LINES
}

/// Whether a line of the text is one of the markers of a proposal. The middle one, which is also how a
/// heading may be underlined, counts in the answer to a proposal only.
pub fn has_markers(text: &str, is_answer: bool) -> bool {
    let [begin, middle, end] = MARKERS;
    text.lines().map(str::trim_end).any(|line| line == begin || line == end || is_answer && line == middle)
}

/// Merges two edits of `base`, by lines. Lines that differ in their line breaks alone are the same; a text
/// that has lines of both edits has LF only.
pub fn merge_contents(base: &str, mine: &str, theirs: &str) -> Merge<String> {
    let [base_text, mine_text, theirs_text] = [base, mine, theirs].map(with_unix_newlines);
    if mine_text == theirs_text || mine_text == base_text {
        return Merge::Clean(theirs.to_owned());
    }
    if theirs_text == base_text {
        return Merge::Clean(mine.to_owned());
    }
    merge_lines(&base_text, &mine_text, &theirs_text)
}

fn merge_lines(base: &str, mine: &str, theirs: &str) -> Merge<String> {
    if !are_comparable(base, mine, theirs) {
        let [mine_from, theirs_from, end] = MARKERS;
        return Merge::Conflict(format!(
            "{mine_from}\n{}{theirs_from}\n{}{end}\n",
            with_last_line_ended(mine),
            with_last_line_ended(theirs)
        ));
    }
    // A last line without a line break would run into the marker behind it, and would differ from the same
    // line with one.
    let [base, mine_ended, theirs_ended] = [base, mine, theirs].map(with_last_line_ended);
    let end_was_added = !mine.ends_with('\n') && !theirs.ends_with('\n');
    let restore = |mut merged: String| {
        if end_was_added && merged.ends_with('\n') {
            merged.pop();
        }
        merged
    };
    match MergeOptions::new().set_conflict_style(ConflictStyle::Merge).merge(
        &base,
        &mine_ended,
        &theirs_ended,
    ) {
        Ok(merged) => Merge::Clean(restore(merged)),
        Err(marked) => Merge::Conflict(restore(name_sides(&marked))),
    }
}

/// Whether the texts are short enough, and the edits small enough, to be compared by lines. If not, the whole
/// texts conflict, which loses no line of either.
fn are_comparable(base: &str, mine: &str, theirs: &str) -> bool {
    let mut numbers = HashMap::new();
    let mut numbered = |text| -> Option<Vec<usize>> {
        let mut lines = Vec::new();
        for line in str::lines(text) {
            if lines.len() == MOST_LINES {
                return None;
            }
            let next = numbers.len();
            lines.push(*numbers.entry(line).or_insert(next));
        }
        Some(lines)
    };
    let Some((base, (mine, theirs))) = numbered(base).zip(numbered(mine).zip(numbered(theirs))) else {
        return false;
    };
    changes_few_lines(&base, &mine) && changes_few_lines(&base, &theirs)
}

/// Whether `new` is `old` with at most [`MOST_CHANGED_LINES`] lines added or removed. This is the first half
/// of Myers' algorithm: `furthest` has, for each difference of places, the furthest place in `old` that so
/// many changes reach.
fn changes_few_lines(old: &[usize], new: &[usize]) -> bool {
    if old.len() + new.len() <= MOST_CHANGED_LINES {
        return true;
    }
    if old.len().abs_diff(new.len()) > MOST_CHANGED_LINES {
        return false;
    }
    // The place of a difference `old - new` in `furthest`, with one more at each end.
    let middle = MOST_CHANGED_LINES + 1;
    let mut furthest = vec![0_usize; 2 * middle + 1];
    for changes in 0..=MOST_CHANGED_LINES {
        for difference in (middle - changes..=middle + changes).step_by(2) {
            let (removed, added) = (furthest[difference - 1] + 1, furthest[difference + 1]);
            let is_first = difference == middle - changes;
            let is_last = difference == middle + changes;
            let mut at = match changes {
                0 => 0,
                _ if is_first || !is_last && removed <= added => added,
                _ => removed,
            };
            let mut in_new = at + middle - difference;
            while at < old.len() && in_new < new.len() && old[at] == new[in_new] {
                (at, in_new) = (at + 1, in_new + 1);
            }
            furthest[difference] = at;
            if at >= old.len() && in_new >= new.len() {
                return true;
            }
        }
    }
    false
}

fn with_last_line_ended(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}

/// Replaces diffy's names of the sides by names for the editor.
fn name_sides(marked: &str) -> String {
    let name = |line: &str| match line {
        "<<<<<<< ours\n" => format!("{}\n", MARKERS[0]),
        ">>>>>>> theirs\n" => format!("{}\n", MARKERS[2]),
        other => other.to_owned(),
    };
    marked.split_inclusive('\n').map(name).collect()
}

/// Merges two edits of a title. A title has no parts, so two different edits conflict, and `mine` is
/// proposed.
pub fn merge_titles<T: Clone + PartialEq>(
    base: &Option<T>,
    mine: &Option<T>,
    theirs: &Option<T>,
) -> Merge<Option<T>> {
    if mine == theirs || mine == base {
        Merge::Clean(theirs.clone())
    } else if theirs == base {
        Merge::Clean(mine.clone())
    } else {
        Merge::Conflict(mine.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_different_lines_are_merged() {
        let base = "one\ntwo\nthree\nfour\nfive\n";
        let merged = merge_contents(base, "ONE\ntwo\nthree\nfour\nfive\n", "one\ntwo\nthree\nfour\nFIVE\n");
        assert_eq!(merged, Merge::Clean("ONE\ntwo\nthree\nfour\nFIVE\n".to_owned()));
    }

    #[test]
    fn edits_of_one_line_are_a_conflict_with_both_versions() {
        let Merge::Conflict(proposal) = merge_contents("one\n", "mine\n", "yours\n") else {
            panic!("they overlap")
        };
        assert_eq!(proposal, "<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> saved meanwhile\n");
    }

    #[test]
    fn markers_have_lines_of_their_own_after_a_last_line_without_a_line_break() {
        let Merge::Conflict(proposal) = merge_contents("one", "mine", "yours") else {
            panic!("they overlap")
        };
        assert_eq!(proposal, "<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> saved meanwhile");
        assert_eq!(merge_contents("a\nb\nc", "A\nb\nc", "a\nb\nC"), Merge::Clean("A\nb\nC".to_owned()));
    }

    #[test]
    fn lines_that_differ_in_their_line_breaks_alone_are_the_same() {
        let dos = "1\r\n2\r\n3\r\n4\r\n";
        let merged = merge_contents(dos, "1\n2\n3\nfour\n", "one\n2\n3\n4\n");
        assert_eq!(merged, Merge::Clean("one\n2\n3\nfour\n".to_owned()));
        let merged = merge_contents("1\n2\n3\n", "1\r\n2\r\nthree\r\n", "one\r2\r3\r");
        assert_eq!(merged, Merge::Clean("one\n2\nthree\n".to_owned()));
        assert_eq!(merge_contents(dos, "1\n2\n3\n4\n", "1\r\n2\r\n"), Merge::Clean("1\r\n2\r\n".to_owned()));
        assert_eq!(merge_contents(dos, "1\n", "1\r2\r3\r4\r"), Merge::Clean("1\n".to_owned()));
    }

    #[test]
    fn markers_are_found_on_lines_of_their_own() {
        let Merge::Conflict(proposal) = merge_contents("one\n", "mine\n", "yours\n") else {
            panic!("they overlap")
        };
        for text in [&proposal, "x\n>>>>>>> saved meanwhile  ", "<<<<<<< yours\n"] {
            assert!(has_markers(text, false) && has_markers(text, true), "{text:?}");
        }
        assert!(has_markers("a\r\n=======\r\nb", true) && !has_markers("Heading\n=======\n", false));
        for text in ["", "======", "========", "a =======", "<<<<<<< HEAD", "> quote", "yours"] {
            assert!(!has_markers(text, true), "{text:?}");
        }
    }

    #[test]
    fn texts_with_too_many_lines_are_a_conflict_with_both_versions() {
        let base = "a\n".repeat(MOST_LINES + 1);
        let Merge::Conflict(proposal) =
            merge_contents(&base, &format!("{base}mine"), &format!("theirs\n{base}"))
        else {
            panic!("too long")
        };
        assert!(proposal.contains("\nmine\n") && proposal.contains("\ntheirs\n"));
    }

    fn lines(count: usize, prefix: &str) -> String {
        (0..count).map(|number| format!("{prefix}{number}\n")).collect()
    }

    #[test]
    fn large_texts_with_few_changes_are_merged() {
        let base = lines(MOST_LINES, "line ");
        let mine = base.replace("line 7\n", "mine\n").replace("line 1500\n", "");
        let theirs = format!("first\n{}", base.replace("line 1999\n", "theirs\n"));
        let theirs = theirs.replace("line 900\n", "");
        let Merge::Clean(merged) = merge_contents(&base, &mine, &theirs) else { panic!("no overlap") };
        assert!(merged.starts_with("first\nline 0\n") && merged.ends_with("line 1998\ntheirs\n"));
        assert!(merged.contains("\nmine\n") && !merged.contains("line 1500\n"));
        let half = lines(MOST_CHANGED_LINES / 2, "mine ") + &lines(MOST_LINES, "line ")[half_length()..];
        assert!(matches!(merge_contents(&base, &half, &theirs[6..]), Merge::Clean(_)));
    }

    /// The bytes of the lines that an edit may replace.
    fn half_length() -> usize {
        lines(MOST_CHANGED_LINES / 2, "line ").len()
    }

    #[test]
    fn texts_in_which_all_lines_differ_or_moved_are_a_conflict_with_both_versions() {
        let base = lines(MOST_LINES, "base ");
        let backwards: String = base.lines().rev().map(|line| format!("{line}\n")).collect();
        for mine in [lines(MOST_LINES, "mine "), backwards, lines(800, "mine ")] {
            let theirs = lines(MOST_LINES, "theirs ");
            let Merge::Conflict(proposal) = merge_contents(&base, &mine, &theirs) else {
                panic!("they overlap")
            };
            let both = format!("<<<<<<< yours\n{mine}=======\n{theirs}>>>>>>> saved meanwhile\n");
            assert_eq!(proposal, both);
        }
    }

    #[test]
    fn changed_lines_are_counted_up_to_the_bound() {
        let old: Vec<usize> = (0..1_500).collect();
        let changed = |count: usize| -> Vec<usize> {
            old.iter()
                .map(|line| if line % 2 == 0 && line / 2 < count { line + 10_000 } else { *line })
                .collect()
        };
        assert!(changes_few_lines(&old, &old) && changes_few_lines(&[], &[]));
        assert!(changes_few_lines(&[], &old[..1_000]) && !changes_few_lines(&[], &old[..1_001]));
        assert!(changes_few_lines(&old[500..], &[]) && !changes_few_lines(&old[499..], &[]));
        assert!(changes_few_lines(&old, &changed(500)) && !changes_few_lines(&old, &changed(501)));
        assert!(changes_few_lines(&old, &old[300..]) && changes_few_lines(&old[..1_000], &old[500..]));
        let backwards: Vec<usize> = old.iter().rev().copied().collect();
        assert!(!changes_few_lines(&old, &backwards));
    }

    #[test]
    fn a_title_changed_by_one_side_only_is_taken() {
        assert_eq!(merge_titles(&Some("a"), &Some("a"), &Some("b")), Merge::Clean(Some("b")));
        assert_eq!(merge_titles(&Some("a"), &None, &Some("a")), Merge::Clean(None));
        assert_eq!(merge_titles(&Some("a"), &Some("m"), &Some("t")), Merge::Conflict(Some("m")));
    }
}
