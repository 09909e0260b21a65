//! What a user typed into the search field, taken apart.

use std::iter::Peekable;
use std::str::Chars;

use super::SearchWords;
use super::keys::{Zone, keys_of};
use super::words::{is_unspaced, words_of};

/// What opens or closes words that follow each other.
const QUOTES: [char; 6] = ['"', '“', '”', '„', '«', '»'];
/// A word of fewer letters is found at the beginning of words only.
const SHORTEST_INNER_PART: usize = 3;
/// The most keys by which an index narrows a search; more of them find hardly fewer notes.
const KEYS: usize = 40;

/// A search: a note matches if it matches one of the alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    pub alternatives: Vec<Alternative>,
}

/// Parts of the run of words of a note (see `words`): with a blank before it, a part begins with a word, and
/// with a blank behind it, it ends with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alternative {
    /// The parts that a note has.
    pub all: Vec<String>,
    /// The parts that a note has not.
    pub none: Vec<String>,
}

impl Alternative {
    /// The keys of the notes that may match, without their author.
    pub fn keys(&self) -> Vec<i32> {
        self.keys_in(Zone::Note)
    }

    /// The keys of the notes that may match in their title, without their author.
    pub fn title_keys(&self) -> Vec<i32> {
        self.keys_in(Zone::Title)
    }

    fn keys_in(&self, zone: Zone) -> Vec<i32> {
        let mut keys: Vec<i32> = self.all.iter().flat_map(|part| keys_of(part, zone)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(KEYS);
        keys
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.none.is_empty()
    }
}

/// A word or a phrase of a search.
struct Term {
    text: String,
    kind: TermKind,
    is_excluded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TermKind {
    Word,
    Phrase,
    /// A phrase whose closing quote is not typed yet.
    OpenPhrase,
}

impl SearchQuery {
    /// Takes a search apart: words, of which a note has all; `"words in quotes"`, which follow each other;
    /// `-word`, which a note has not; and `or`, with which another alternative begins.
    pub fn of(words: &SearchWords) -> Self {
        let mut alternatives = vec![Alternative::default()];
        let mut rest = words.as_str().chars().peekable();
        while let Some(term) = next_term(&mut rest) {
            let last = alternatives.last_mut().expect("there is always one");
            let is_or =
                term.kind == TermKind::Word && !term.is_excluded && term.text.eq_ignore_ascii_case("or");
            if is_or && !last.is_empty() {
                alternatives.push(Alternative::default());
            } else if let Some(part) = term.part() {
                let parts = if term.is_excluded { &mut last.none } else { &mut last.all };
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        alternatives.retain(|alternative| !alternative.is_empty());
        Self { alternatives }
    }

    /// The parts that a note may have and that are marked in it.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.alternatives.iter().flat_map(|alternative| &alternative.all).map(String::as_str)
    }
}

fn next_term(rest: &mut Peekable<Chars<'_>>) -> Option<Term> {
    while rest.next_if(|character| character.is_whitespace()).is_some() {}
    let mut is_excluded = false;
    if rest.peek() == Some(&'-') {
        let next = rest.clone().nth(1);
        // A dash that touches no word is a sign like others.
        is_excluded = next.is_some_and(|next| next != '-' && (QUOTES.contains(&next) || is_word(next)));
        rest.next();
    }
    let mut text = String::new();
    if rest.next_if(|character| QUOTES.contains(character)).is_some() {
        for character in rest.by_ref() {
            if QUOTES.contains(&character) {
                return Some(Term { text, kind: TermKind::Phrase, is_excluded });
            }
            text.push(character);
        }
        return Some(Term { text, kind: TermKind::OpenPhrase, is_excluded });
    }
    while let Some(character) = rest.next_if(|next| !next.is_whitespace() && !QUOTES.contains(next)) {
        text.push(character);
    }
    // Signs alone are a term without words.
    (!text.is_empty() || rest.peek().is_some()).then_some(Term { text, kind: TermKind::Word, is_excluded })
}

fn is_word(character: char) -> bool {
    words_of(character.encode_utf8(&mut [0; 4])).len() > 1
}

impl Term {
    /// The part of a run of words for which it stands; none for signs alone.
    fn part(&self) -> Option<String> {
        let run = words_of(&self.text);
        let word = run.strip_prefix(' ')?;
        let (first, last) = (word.chars().next()?, word.trim_end().chars().next_back()?);
        let begins_anywhere = is_unspaced(first)
            || (self.kind == TermKind::Word
                && !self.is_excluded
                && word.chars().take_while(|character| *character != ' ').count() >= SHORTEST_INNER_PART);
        let ends_anywhere = is_unspaced(last) || self.kind != TermKind::Phrase;
        let part = if begins_anywhere { word } else { &run };
        Some(if ends_anywhere { part.trim_end() } else { part }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(search: &str) -> Vec<(Vec<String>, Vec<String>)> {
        let words = SearchWords::parse_optional(search).expect("a search").expect("words");
        let query = SearchQuery::of(&words);
        query.alternatives.into_iter().map(|alternative| (alternative.all, alternative.none)).collect()
    }

    fn wanted(search: &str) -> Vec<String> {
        let mut all = all(search);
        assert_eq!(all.len(), 1, "{search}");
        let (wanted, excluded) = all.remove(0);
        assert!(excluded.is_empty(), "{search}");
        wanted
    }

    #[test]
    fn words_are_found_in_words_and_short_ones_at_their_beginning() {
        assert_eq!(wanted("Rinter pr"), ["rinter", " pr"]);
        assert_eq!(wanted("INV-4711 10.0.0.17"), ["inv 4711", " 10 0 0 17"]);
        assert_eq!(wanted("中 文字 🎉"), ["中", "文字", "🎉"]);
        assert_eq!(wanted("C++ c"), ["c++", " c"]);
    }

    #[test]
    fn a_minus_excludes_only_directly_before_a_word() {
        assert_eq!(all("a -b"), [(vec![" a".to_owned()], vec![" b".to_owned()])]);
        assert_eq!(all("-\"b c\""), [(vec![], vec![" b c ".to_owned()])]);
        assert_eq!(wanted("Report - March"), ["report", "march"]);
        assert_eq!(wanted("- Report"), ["report"]);
        assert_eq!(wanted("a --b"), [" a", " b"]);
        assert_eq!(wanted("well-known"), ["well known"]);
    }

    #[test]
    fn quotes_keep_words_together_and_an_open_quote_is_still_being_typed() {
        assert_eq!(wanted("\"the end\""), [" the end "]);
        assert_eq!(wanted("“the end” «more»"), [" the end ", " more "]);
        assert_eq!(wanted("\"the en"), [" the en"]);
        assert_eq!(wanted("\"中文\""), ["中文"]);
    }

    #[test]
    fn or_begins_an_alternative() {
        let one = |word: &str| (vec![word.to_owned()], vec![]);
        assert_eq!(all("hafen OR öresund"), [one("hafen"), one("oresund")]);
        assert_eq!(all("hafen or"), [one("hafen")]);
        assert_eq!(all("or"), [one(" or")]);
        for nothing in ["-", "\"", "!", "\"\"", "' \" %"] {
            assert!(all(nothing).is_empty(), "{nothing}");
        }
    }
}
