//! A text as the run of its words, the form in which texts are compared with searches: the folded words, one
//! blank before, between and behind them. Letters and digits make words, and every sign between them parts
//! them, except that `c++` and `c#` keep theirs. A symbol such as 🎉 is a word of its own.

use std::ops::Range;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, Script};

use super::folding::fold;

/// What a folded character is to words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CharacterKind {
    Letter,
    /// A digit or a mark.
    Other,
    Symbol,
    /// `+` or `#`, which belong to the word that they end.
    EndSign,
    Separator,
}

fn kind(character: char) -> CharacterKind {
    use GeneralCategory as Category;
    match character {
        'a'..='z' => CharacterKind::Letter,
        '0'..='9' => CharacterKind::Other,
        '+' | '#' => CharacterKind::EndSign,
        '\0'..='\u{7f}' => CharacterKind::Separator,
        _ => match CodePointMapData::<Category>::new().get(character) {
            Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter => CharacterKind::Letter,
            Category::NonspacingMark
            | Category::SpacingMark
            | Category::EnclosingMark
            | Category::DecimalNumber
            | Category::LetterNumber
            | Category::OtherNumber => CharacterKind::Other,
            Category::OtherSymbol => CharacterKind::Symbol,
            _ => CharacterKind::Separator,
        },
    }
}

/// Whether a character can be searched for alone: it is of a script without blanks between words, or a
/// symbol.
pub(super) fn is_unspaced(character: char) -> bool {
    character >= '\u{a0}'
        && (kind(character) == CharacterKind::Symbol
            || character == 'ー'
            || matches!(
                CodePointMapData::<Script>::new().get(character),
                Script::Han
                    | Script::Hiragana
                    | Script::Katakana
                    | Script::Hangul
                    | Script::Bopomofo
                    | Script::Yi
                    | Script::Thai
                    | Script::Lao
                    | Script::Khmer
                    | Script::Myanmar
                    | Script::Tibetan
                    | Script::Javanese
                    | Script::Balinese
                    | Script::NewTaiLue
                    | Script::TaiLe
                    | Script::TaiTham
            ))
}

/// Gives the characters of the run of words, each with the place in the text that it comes from. A blank
/// between words comes from an empty place.
pub(super) fn words(text: &str, give: impl FnMut(char, Range<usize>)) {
    let mut writer = Writer { give, in_word: false, ends_with_letter: false, signs: Vec::new() };
    (writer.give)(' ', 0..0);
    fold(text, |character, place| writer.add(character, place));
    writer.end_word();
}

/// The run of words as a text.
pub(super) fn words_of(text: &str) -> String {
    let mut run = String::with_capacity(text.len() + 2);
    words(text, |character, _| run.push(character));
    run
}

struct Writer<F> {
    give: F,
    in_word: bool,
    ends_with_letter: bool,
    /// Signs behind a letter, which belong to the word if it ends behind them.
    signs: Vec<(char, Range<usize>)>,
}

impl<F: FnMut(char, Range<usize>)> Writer<F> {
    fn add(&mut self, character: char, place: Range<usize>) {
        let kind = kind(character);
        match kind {
            CharacterKind::Letter | CharacterKind::Other => {
                if !self.signs.is_empty() {
                    self.signs.clear();
                    (self.give)(' ', place.start..place.start);
                }
                self.in_word = true;
                self.ends_with_letter = kind == CharacterKind::Letter;
                (self.give)(character, place);
            }
            CharacterKind::EndSign if self.in_word && self.ends_with_letter && self.signs.len() < 2 => {
                self.signs.push((character, place));
            }
            CharacterKind::Symbol => {
                self.end_word();
                (self.give)(character, place.clone());
                (self.give)(' ', place.end..place.end);
            }
            CharacterKind::EndSign | CharacterKind::Separator => self.end_word(),
        }
    }

    fn end_word(&mut self) {
        if self.in_word {
            self.in_word = false;
            let mut end = 0;
            for (sign, place) in std::mem::take(&mut self.signs) {
                end = place.end;
                (self.give)(sign, place);
            }
            (self.give)(' ', end..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_part_words_and_symbols_are_words() {
        for (text, run) in [
            ("", " "),
            ("INV-4711, don’t", " inv 4711 don t "),
            ("pg_dump 10.0.0.17", " pg dump 10 0 0 17 "),
            ("C++ and C#, a+b; #launch x#y", " c++ and c# a b launch x y "),
            ("C++", " c++ "),
            ("1+ 2", " 1 2 "),
            ("hip 🎉hurra", " hip 🎉 hurra "),
            ("支持中文分词。ABC", " 支持中文分词 abc "),
            ("½ ™", " 1 2 tm "),
        ] {
            assert_eq!(words_of(text), run, "{text}");
        }
    }
}
