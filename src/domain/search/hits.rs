//! The places in a text that a search found.

use std::ops::Range;

use super::query::SearchQuery;
use super::words::{is_unspaced, words};

/// A text with marked parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HighlightedText {
    pub parts: Vec<TextPart>,
}

/// A part of a text, marked or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPart {
    pub text: String,
    pub hit: bool,
}

impl HighlightedText {
    /// A text without hits.
    pub fn plain(text: String) -> Self {
        Self { parts: vec![TextPart { text, hit: false }] }
    }

    /// A text in which the hits of a search are marked.
    pub fn of(query: &SearchQuery, text: &str) -> Self {
        let mut parts = Vec::new();
        let mut end = 0;
        let mut add = |range: Range<usize>, hit| {
            if !range.is_empty() {
                parts.push(TextPart { text: text[range].to_owned(), hit });
            }
        };
        for hit in hits(query, text) {
            add(end..hit.start, false);
            end = hit.end;
            add(hit, true);
        }
        add(end..text.len(), false);
        Self { parts }
    }
}

impl std::fmt::Display for HighlightedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts.iter().try_for_each(|part| f.write_str(&part.text))
    }
}

/// The most hits of one word that are marked.
const HITS_OF_PART: usize = 200;

/// The hits in a text, in order and apart from each other: whole words, and in scripts without blanks between
/// words only the characters that were searched for.
pub fn hits(query: &SearchQuery, text: &str) -> Vec<Range<usize>> {
    if query.parts().next().is_none() {
        return Vec::new();
    }
    let mut run = String::with_capacity(text.len() + 2);
    // For each byte of the run the place in the text that it comes from.
    let mut places: Vec<(u32, u32)> = Vec::with_capacity(text.len() + 2);
    words(text, |character, place| {
        run.push(character);
        let place =
            (u32::try_from(place.start).unwrap_or(u32::MAX), u32::try_from(place.end).unwrap_or(u32::MAX));
        places.resize(run.len(), place);
    });
    let mut found: Vec<Range<usize>> = Vec::new();
    for part in query.parts() {
        for hit in hits_of_part(&run, part) {
            if let (Some((start, _)), Some((_, end))) = (places.get(hit.start), places.get(hit.end - 1)) {
                found.push(*start as usize..*end as usize);
            }
        }
    }
    joined(found)
}

/// The first hits of a part in a run of words, each behind the one before.
fn hits_of_part(run: &str, part: &str) -> Vec<Range<usize>> {
    let inner = part.len() - part.trim_start().len()..part.trim_end().len();
    let mut hits: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while hits.len() < HITS_OF_PART
        && let Some(start) = run.get(from..).and_then(|rest| rest.find(part)).map(|start| from + start)
    {
        let hit = widened(run, start + inner.start..start + inner.end);
        // The blank behind a word is the one before the next.
        from = hit.end.max(start + 1);
        hits.push(hit);
    }
    hits
}

/// The part of the run with the whole of the words in which it begins and ends.
fn widened(run: &str, part: Range<usize>) -> Range<usize> {
    let goes_on = |character: &char| *character != ' ' && !is_unspaced(*character);
    let (mut start, mut end) = (part.start, part.end);
    if run[start..].chars().next().is_some_and(|first| goes_on(&first)) {
        start -= run[..start].chars().rev().take_while(goes_on).map(char::len_utf8).sum::<usize>();
    }
    if run[..end].chars().next_back().is_some_and(|last| goes_on(&last)) {
        end += run[end..].chars().take_while(goes_on).map(char::len_utf8).sum::<usize>();
    }
    start..end
}

fn joined(mut hits: Vec<Range<usize>>) -> Vec<Range<usize>> {
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(hits.len());
    for hit in hits {
        match joined.last_mut() {
            Some(last) if hit.start < last.end => last.end = last.end.max(hit.end),
            _ => joined.push(hit),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::super::SearchWords;
    use super::*;

    fn marked(search: &str, text: &str) -> String {
        let words = SearchWords::parse_optional(search).expect("a search").expect("words");
        let parts = HighlightedText::of(&SearchQuery::of(&words), text).parts;
        parts.into_iter().map(|part| if part.hit { format!("[{}]", part.text) } else { part.text }).collect()
    }

    #[test]
    fn the_words_that_were_found_are_marked_as_they_were_typed() {
        for (search, text, expected) in [
            ("creme", "Café Crème, crèmes", "Café [Crème], [crèmes]"),
            ("rinter", "The printers", "The [printers]"),
            ("分词", "支持中文分词。", "支持中文[分词]。"),
            ("\"the end\"", "the enders; the end.", "the enders; [the end]."),
            ("strasse", "Straße 5", "[Straße] 5"),
            ("🎉", "hip🎉!", "hip[🎉]!"),
            ("c++ -c", "C++ code", "[C++] code"),
            ("4711", "INV-4711", "INV-[4711]"),
            ("inv-47", "see INV-4711", "see [INV-4711]"),
            ("cafe", "cafe\u{301}s", "[cafe\u{301}s]"),
            ("nothing", "a \u{2}text", "a \u{2}text"),
            ("aa", "aaa aa", "[aaa] [aa]"),
            ("\"a\"", "a a b a", "[a] [a] b [a]"),
            ("ai 手", "使用AI写作手机", "使用[AI]写作[手]机"),
        ] {
            assert_eq!(marked(search, text), expected, "{search}");
        }
    }
}
