//! Three-way merging: two people changed the same note from the same start.

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge<T> {
    /// The changes did not overlap.
    Clean(T),
    /// They did; this is a proposal to settle by hand, with both versions marked in a text.
    Overlap(T),
}

/// Merges two texts that came from `base`, by lines.
pub fn merge_contents(base: &str, mine: &str, theirs: &str) -> Merge<String> {
    if mine == theirs || mine == base {
        return Merge::Clean(theirs.to_owned());
    }
    if theirs == base {
        return Merge::Clean(mine.to_owned());
    }
    match diffy::merge(base, mine, theirs) {
        Ok(merged) => Merge::Clean(merged),
        Err(marked) => Merge::Overlap(name_sides(&marked)),
    }
}

/// Says in people's words which side is whose.
fn name_sides(marked: &str) -> String {
    let mut named = String::with_capacity(marked.len());
    let mut in_base = false;
    for line in marked.split_inclusive('\n') {
        match line.trim_end_matches('\n') {
            "<<<<<<< ours" => named.push_str("<<<<<<< yours\n"),
            "||||||| original" => in_base = true,
            "=======" => {
                in_base = false;
                named.push_str("=======\n");
            }
            ">>>>>>> theirs" => named.push_str(">>>>>>> saved meanwhile\n"),
            _ if in_base => {}
            _ => named.push_str(line),
        }
    }
    named
}

/// Merges two optional titles: a title is one piece, so two different changes overlap, and yours is proposed.
pub fn merge_titles<T: Clone + PartialEq>(base: &Option<T>, mine: &Option<T>, theirs: &Option<T>) -> Merge<Option<T>> {
    if mine == theirs || mine == base {
        Merge::Clean(theirs.clone())
    } else if theirs == base {
        Merge::Clean(mine.clone())
    } else {
        Merge::Overlap(mine.clone())
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
        let Merge::Overlap(proposal) = merge_contents("one\n", "mine\n", "yours\n") else { panic!("they overlap") };
        assert_eq!(proposal, "<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> saved meanwhile\n");
    }

    #[test]
    fn a_title_changed_by_one_side_only_is_taken() {
        assert_eq!(merge_titles(&Some("a"), &Some("a"), &Some("b")), Merge::Clean(Some("b")));
        assert_eq!(merge_titles(&Some("a"), &None, &Some("a")), Merge::Clean(None));
        assert_eq!(merge_titles(&Some("a"), &Some("m"), &Some("t")), Merge::Overlap(Some("m")));
    }
}
