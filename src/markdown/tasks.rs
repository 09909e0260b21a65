//! Task lists: a task is ticked in the text.

use std::ops::Range;

use pulldown_cmark::Event;

use super::parser::{events, shallow};

/// The text with the task of this number, from 0 on, done or open; none when there is no such task.
pub fn set_task(text: &str, number: usize, is_done: bool) -> Option<String> {
    let end = markers(text).get(number)?.end;
    // The marker may begin with blanks, and ends with the state and a bracket.
    let state = end.checked_sub("x]".len())?;
    let mark = if is_done { "x" } else { " " };
    Some(format!("{}{mark}{}", text.get(..state)?, text.get(end - "]".len()..)?))
}

/// The number that a task of an older text has in a newer one: that of the task with the same words, by the
/// order of those that have them. None when one of them was added, changed or removed.
pub fn same_task(old: &str, number: usize, new: &str) -> Option<usize> {
    let words = words_of(old, markers(old).get(number)?);
    let same = |text: &str| -> Vec<usize> {
        let places = markers(text);
        let tasks = places.iter().enumerate();
        tasks.filter(|(_, place)| words_of(text, place) == words).map(|(number, _)| number).collect()
    };
    let (before, after) = (same(old), same(new));
    let order = before.iter().position(|found| *found == number)?;
    if before.len() == after.len() { after.get(order).copied() } else { None }
}

fn markers(text: &str) -> Vec<Range<usize>> {
    let text = shallow(text);
    events(&text)
        .filter_map(|(event, place)| matches!(event, Event::TaskListMarker(_)).then_some(place))
        .collect()
}

/// The rest of the line behind a marker.
fn words_of<'a>(text: &'a str, marker: &Range<usize>) -> &'a str {
    text[marker.end..].lines().next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# List\r\n\r\n- [ ] milk\r\n- [X] eggs\n  1. [ ] brown\n\n```\n- [ ] no task\n```\n\n* [x]\ttea";

    #[test]
    fn only_the_one_marker_changes() {
        for (number, is_done, old, new) in [
            (0, true, "[ ] milk", "[x] milk"),
            (1, false, "[X] eggs", "[ ] eggs"),
            (2, true, "[ ] brown", "[x] brown"),
            (3, false, "[x]\ttea", "[ ]\ttea"),
            (3, true, "[x]\ttea", "[x]\ttea"),
        ] {
            assert_eq!(set_task(TEXT, number, is_done), Some(TEXT.replace(old, new)), "{number}");
        }
        for odd in ["-   \t[ ] x", "1.  \t[ ] x", "- [\t] x", "* [X] x"] {
            let done = set_task(odd, 0, true).expect("a task");
            assert!(done.ends_with("[x] x"), "{done:?}");
            assert!(set_task(&done, 0, false).is_some_and(|open| open.ends_with("[ ] x")), "{odd:?}");
        }
        assert_eq!(set_task(TEXT, 4, true), None);
        assert_eq!(set_task("", 0, true), None);
    }

    #[test]
    fn a_task_is_found_again_by_its_words() {
        let old = "- [ ] milk\n- [ ] eggs\n- [ ] milk\n";
        assert_eq!(same_task(old, 1, "- [x] bread\n- [x] milk\n- [x] milk\n- [x] eggs\n"), Some(3));
        assert_eq!(same_task(old, 2, "- [ ] new\n- [x] milk\n\ntext\n\n1. [ ] milk"), Some(2));
        assert_eq!(same_task(old, 0, "- [ ] milk\n"), None, "which of the two it was is not known");
        assert_eq!(same_task(old, 1, "- [ ] brown eggs\n"), None);
        assert_eq!(same_task(old, 3, old), None);
    }
}
