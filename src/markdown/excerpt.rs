//! The part of a note that a search shows: some words around the first hit, without markup.

use super::plain::beginning;
use crate::domain::{HighlightedText, SearchQuery, search_hits};

/// How much of the Markdown before the first hit is parsed, and how much in all, in bytes.
const BEFORE: usize = 400;
const PARSED: usize = 1_600;
/// How many hits are tried until one is in the text and not in the markup.
const TRIED: usize = 8;
/// How much of the text is shown before the first hit, and how much in all, in characters.
const SHOWN_BEFORE: usize = 50;
const SHOWN: usize = 240;

/// The words around the first hit in a text, with the hits marked; the beginning of a text without a hit.
pub fn excerpt(query: &SearchQuery, markdown: &str) -> HighlightedText {
    let hits = search_hits(query, markdown);
    let places = hits.iter().take(TRIED).map(|hit| hit.start);
    let (start, end, plain, first) = places
        .filter_map(|place| {
            let (start, end, plain) = part_around(markdown, place);
            let first = search_hits(query, &plain).first()?.start;
            Some((start, end, plain, first))
        })
        .next()
        .unwrap_or_else(|| {
            let (start, end, plain) = part_around(markdown, 0);
            (start, end, plain, 0)
        });
    let from = word_before(&plain, first);
    let to = plain[from..].char_indices().nth(SHOWN).map_or(plain.len(), |(end, _)| from + end);
    let mut shown = HighlightedText::of(query, plain[from..to].trim());
    if from > 0 || start > 0 {
        add_ellipsis(&mut shown, 0);
    }
    if to < plain.len() || end < markdown.len() {
        let end = shown.parts.len();
        add_ellipsis(&mut shown, end);
    }
    shown
}

/// The part of the Markdown around a place: where it begins and ends, and its text without markup.
fn part_around(markdown: &str, place: usize) -> (usize, usize, String) {
    let start = start_of_part(markdown, place);
    let end = markdown.floor_char_boundary((start + PARSED).min(markdown.len()));
    let plain = beginning(&markdown[start..end], PARSED, |_| false).replace('\n', " ");
    (start, end, plain)
}

/// Where the part begins that is parsed for a hit: with a line if one begins near.
fn start_of_part(markdown: &str, hit: usize) -> usize {
    let from = markdown.floor_char_boundary(hit.saturating_sub(BEFORE));
    if from == 0 {
        return 0;
    }
    markdown[from..hit].find('\n').map_or(from, |line| from + line + 1)
}

/// Where the words before a hit begin that are shown with it.
fn word_before(text: &str, hit: usize) -> usize {
    let Some((from, _)) = text[..hit].char_indices().rev().nth(SHOWN_BEFORE) else { return 0 };
    text[from..hit].find(' ').map_or(from, |blank| from + blank + 1)
}

fn add_ellipsis(text: &mut HighlightedText, place: usize) {
    let mark = if place == 0 { "… " } else { " …" };
    text.parts.splice(place..place, HighlightedText::plain(mark.to_owned()).parts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SearchWords;

    fn marked(search: &str, markdown: &str) -> String {
        let words = SearchWords::parse_optional(search).expect("a search").expect("words");
        let parts = excerpt(&SearchQuery::of(&words), markdown).parts;
        parts.into_iter().map(|part| if part.hit { format!("[{}]", part.text) } else { part.text }).collect()
    }

    #[test]
    fn the_words_around_the_first_hit_are_shown_without_markup() {
        assert_eq!(marked("butter", "# Shopping\n\n- [ ] **Butter**\n- milk"), "Shopping ☐ [Butter] milk");
        assert_eq!(marked("nowhere", "some *text*"), "some text");
        let long = format!("# Head\n\n{}the **needle** {}", "word ".repeat(2_000), "hay ".repeat(2_000));
        let shown = marked("needle", &long);
        assert!(shown.starts_with("… word word") && shown.ends_with("hay …"), "{shown}");
        assert!(shown.contains("the [needle] hay") && shown.chars().count() < 260, "{shown}");
    }

    #[test]
    fn a_hit_in_the_markup_alone_is_not_marked() {
        assert_eq!(marked("example", "see [this](https://example.org/) page"), "see this page");
        let later = format!("[x](https://example.org/)\n{}\nan example", "word ".repeat(1_000));
        assert!(marked("example", &later).ends_with("an [example]"));
    }
}
