//! The folded form of a text, in which letters are equal that people take for the same: without case, accents
//! and compatibility forms (Unicode UAX 15, CaseFolding.txt), and without what cannot be seen. Both sides of
//! a search go through this one function, so the locale of a database decides nothing.

use std::ops::Range;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Gives the characters of the folded text, each with the place of the grapheme that it comes from. A
/// grapheme is folded by itself, so that a text is folded in the same way wherever it stands.
pub(super) fn fold(text: &str, mut give: impl FnMut(char, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let ascii = bytes[start..].iter().take_while(|byte| byte.is_ascii()).count();
        // A mark behind the last one may belong to it.
        let alone = if start + ascii == bytes.len() { ascii } else { ascii.saturating_sub(1) };
        for (place, byte) in bytes.iter().enumerate().skip(start).take(alone) {
            give(char::from(byte.to_ascii_lowercase()), place..place + 1);
        }
        start += alone;
        let rest = &text[start..];
        let mut end = start;
        for grapheme in rest.graphemes(true) {
            let place = end..end + grapheme.len();
            end = place.end;
            fold_grapheme(grapheme, |character| give(character, place.clone()));
            if bytes.get(end).is_some_and(u8::is_ascii) {
                break;
            }
        }
        start = end;
    }
}

fn fold_grapheme(grapheme: &str, mut give: impl FnMut(char)) {
    if let [byte] = grapheme.as_bytes() {
        return give(char::from(byte.to_ascii_lowercase()));
    }
    let decomposed = grapheme.nfkd().filter(|character| !is_dropped(*character));
    // By way of the upper case, which makes one of letters that have two lower forms, such as ς and σ.
    let upper = decomposed.flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    let lower = upper.flat_map(char::to_lowercase);
    let mut plain = String::with_capacity(grapheme.len());
    for character in lower {
        match without_stroke(character) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(character),
        }
    }
    plain.nfc().for_each(&mut give);
}

/// Whether a character adds only an accent, a point or a colour to the one before it, or is invisible.
fn is_dropped(character: char) -> bool {
    matches!(character,
        // Accents of Latin, Greek and Cyrillic.
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}'
        // Points of Hebrew, vowels of Arabic and its stretched line.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}'
        // Colours of skin.
        | '\u{1f3fb}'..='\u{1f3ff}')
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// The plain letters for one that normalization does not take apart.
fn without_stroke(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ŋ' => "n",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        // Letters that stand for an apostrophe.
        '\u{2bb}' | '\u{2bc}' => "'",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn folded(text: &str) -> String {
        let mut folded = String::new();
        fold(text, |character, _| folded.push(character));
        folded
    }

    #[test]
    fn letters_that_people_take_for_the_same_are_equal() {
        for (left, right) in [
            ("Café crème, FAÇADE, Zoë", "cafe creme, facade, zoe"),
            ("cafe\u{301}", "café"),
            ("Łódź Straße smørrebrød Ægir", "lodz strasse smorrebrod aegir"),
            ("ΟΔΟΣ Σίσυφος", "οδοσ σισυφοσ"),
            ("GROẞE", "grosse"),
            ("ＡＢＣ１２３ ﬁsh", "abc123 fish"),
            ("soft\u{ad}hyphen zero\u{200b}width", "softhyphen zerowidth"),
            ("Ёлка", "елка"),
            ("İstanbul ışık", "istanbul isik"),
            ("مُحَمَّد أحمد", "محمد احمد"),
            ("שָׁלוֹם", "שלום"),
            ("ガギ ｶﾞ", "ガギ ガ"),
            ("한국어", "한국어"),
            ("👍🏽", "👍"),
        ] {
            assert_eq!(folded(left), folded(right), "{left}");
        }
        assert_ne!(folded("ガ"), folded("カ"));
    }

    #[test]
    fn every_character_has_the_place_that_it_comes_from() {
        let text = "aße\u{301}!";
        let mut places = Vec::new();
        fold(text, |character, place| places.push((character, &text[place])));
        assert_eq!(places, [('a', "a"), ('s', "ß"), ('s', "ß"), ('e', "e\u{301}"), ('!', "!")]);
    }
}
