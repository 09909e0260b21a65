//! A text as the run of its words, the form in which texts are compared with searches: the folded words, one
//! blank before, between and behind them. Letters and digits make words, and every sign between them parts
//! them, except that `c++` and `c#` keep theirs. A word ends where a script without blanks between words
//! begins. A symbol such as 🎉 is a word of its own.

use std::ops::Range;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, Script};

use super::folding::fold;

/// The longest run, in bytes: a few characters stand for many letters each.
const LONGEST_RUN: usize = 1024 * 1024;

/// What a folded character is to words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CharacterKind {
    Letter,
    Digit,
    /// What belongs to the letter before it.
    Mark,
    Symbol,
    /// `+` or `#`, which belong to the word that they end.
    EndSign,
    Separator,
}

fn kind(character: char) -> CharacterKind {
    use GeneralCategory as Category;
    match character {
        'a'..='z' => CharacterKind::Letter,
        '0'..='9' => CharacterKind::Digit,
        '+' | '#' => CharacterKind::EndSign,
        '\0'..='\u{7f}' => CharacterKind::Separator,
        _ => match CodePointMapData::<Category>::new().get(character) {
            Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter => CharacterKind::Letter,
            Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => CharacterKind::Mark,
            Category::DecimalNumber | Category::LetterNumber | Category::OtherNumber => CharacterKind::Digit,
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
    let mut writer =
        Writer { give, in_word: false, ends_with_letter: false, ends_unspaced: false, signs: Vec::new() };
    (writer.give)(' ', 0..0);
    fold(text, |character, place| writer.add(character, place));
    writer.end_word();
}

/// The run of words as a text.
pub(super) fn words_of(text: &str) -> String {
    let mut run = String::with_capacity(text.len() + 2);
    words(text, |character, _| {
        if run.len() < LONGEST_RUN {
            run.push(character);
        }
    });
    run
}

struct Writer<F> {
    give: F,
    in_word: bool,
    ends_with_letter: bool,
    ends_unspaced: bool,
    /// Signs behind a letter, which belong to the word if it ends behind them.
    signs: Vec<(char, Range<usize>)>,
}

impl<F: FnMut(char, Range<usize>)> Writer<F> {
    fn add(&mut self, character: char, place: Range<usize>) {
        let kind = kind(character);
        match kind {
            CharacterKind::Mark => (self.give)(character, place),
            CharacterKind::Letter | CharacterKind::Digit => {
                let is_letter = kind == CharacterKind::Letter;
                let unspaced = is_unspaced(character);
                if !self.signs.is_empty() && is_letter {
                    self.signs.clear();
                    (self.give)(' ', place.start..place.start);
                } else if self.in_word && (unspaced != self.ends_unspaced || !self.signs.is_empty()) {
                    self.end_word();
                }
                (self.in_word, self.ends_with_letter, self.ends_unspaced) = (true, is_letter, unspaced);
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
            ("使用AI写作 第3章", " 使用 ai 写作 第 3 章 "),
            ("C++17 issue#12", " c++ 17 issue# 12 "),
            ("½ ™", " 1 2 tm "),
        ] {
            assert_eq!(words_of(text), run, "{text}");
        }
    }
}
