//! Three-way merge of two edits of the same version.

use diffy::{ConflictStyle, MergeOptions};

/// The result of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge<T> {
    /// The edits do not overlap.
    Clean(T),
    /// The edits overlap. The value is for the editor to resolve; a text has both versions with markers.
    Conflict(T),
}

/// The most lines that are compared. The time grows with the square of the lines that differ; here it is at
/// most 70 ms.
const MOST_LINES: usize = 2000;

/// Merges two edits of `base`, by lines.
pub fn merge_contents(base: &str, mine: &str, theirs: &str) -> Merge<String> {
    if mine == theirs || mine == base {
        return Merge::Clean(theirs.to_owned());
    }
    if theirs == base {
        return Merge::Clean(mine.to_owned());
    }
    if [base, mine, theirs].iter().any(|text| text.lines().count() > MOST_LINES) {
        return Merge::Conflict(format!(
            "<<<<<<< yours\n{}=======\n{}>>>>>>> saved meanwhile\n",
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

fn with_last_line_ended(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}

/// Replaces diffy's names of the sides by names for the editor.
fn name_sides(marked: &str) -> String {
    let name = |line: &str| match line {
        "<<<<<<< ours\n" => "<<<<<<< yours\n".to_owned(),
        ">>>>>>> theirs\n" => ">>>>>>> saved meanwhile\n".to_owned(),
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
    fn texts_with_too_many_lines_are_a_conflict_with_both_versions() {
        let base = "a\n".repeat(MOST_LINES + 1);
        let Merge::Conflict(proposal) =
            merge_contents(&base, &format!("{base}mine"), &format!("theirs\n{base}"))
        else {
            panic!("too long")
        };
        assert!(proposal.contains("\nmine\n") && proposal.contains("\ntheirs\n"));
    }

    #[test]
    fn a_title_changed_by_one_side_only_is_taken() {
        assert_eq!(merge_titles(&Some("a"), &Some("a"), &Some("b")), Merge::Clean(Some("b")));
        assert_eq!(merge_titles(&Some("a"), &None, &Some("a")), Merge::Clean(None));
        assert_eq!(merge_titles(&Some("a"), &Some("m"), &Some("t")), Merge::Conflict(Some("m")));
    }
}
