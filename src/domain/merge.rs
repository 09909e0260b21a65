//! Three-way merging: two people changed the same note from the same start.

use diffy::{ConflictStyle, MergeOptions};

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge<T> {
    /// The changes did not overlap.
    Clean(T),
    /// They did; this is a proposal to settle by hand, with both versions marked in a text.
    Conflict(T),
}

/// The most lines that are compared: the time grows with the square of how many differ, and is
/// 70 ms at the worst here.
const MOST_LINES: usize = 2000;

/// Merges two texts that came from `base`, by lines.
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
    // A last line without its end would run into the mark behind it, and differ from the same line with one.
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

/// Says in people's words which side is whose.
fn name_sides(marked: &str) -> String {
    let name = |line: &str| match line {
        "<<<<<<< ours\n" => "<<<<<<< yours\n".to_owned(),
        ">>>>>>> theirs\n" => ">>>>>>> saved meanwhile\n".to_owned(),
        other => other.to_owned(),
    };
    marked.split_inclusive('\n').map(name).collect()
}

/// Merges two optional titles: a title is one piece, so two different changes overlap, and yours is proposed.
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
    fn changes_in_different_places_are_both_kept() {
        let base = "one\ntwo\nthree\nfour\nfive\n";
        let merged = merge_contents(base, "ONE\ntwo\nthree\nfour\nfive\n", "one\ntwo\nthree\nfour\nFIVE\n");
        assert_eq!(merged, Merge::Clean("ONE\ntwo\nthree\nfour\nFIVE\n".to_owned()));
    }

    #[test]
    fn changes_of_one_line_are_shown_side_by_side() {
        let Merge::Conflict(proposal) = merge_contents("one\n", "mine\n", "yours\n") else {
            panic!("they overlap")
        };
        assert_eq!(proposal, "<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> saved meanwhile\n");
    }

    #[test]
    fn marks_stand_on_lines_of_their_own_after_a_last_line_without_an_end() {
        let Merge::Conflict(proposal) = merge_contents("one", "mine", "yours") else {
            panic!("they overlap")
        };
        assert_eq!(proposal, "<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> saved meanwhile");
        assert_eq!(merge_contents("a\nb\nc", "A\nb\nc", "a\nb\nC"), Merge::Clean("A\nb\nC".to_owned()));
    }

    #[test]
    fn too_many_lines_are_left_to_a_person_and_nothing_of_them_is_lost() {
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
