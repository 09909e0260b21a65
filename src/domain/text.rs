//! The canonical form of names: names that look the same to users are equal.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

/// The canonical form of a name: compatibility-normalized and without case, so that `ＢＩＧ`, `ᴮᴵᴳ`
/// and `big` are the same name. The canonical form of a canonical form is itself; otherwise a user could
/// register a name that later matches another user's.
pub fn canonical(text: &str) -> String {
    let mut current = text.to_owned();
    // One pass is enough for nearly every text; a few letters need a second one after their case changed.
    for _ in 0..8 {
        let next: String = current.nfkc().collect::<String>().to_uppercase().to_lowercase().nfkc().collect();
        if next == current {
            break;
        }
        current = next;
    }
    current
}

/// Whether a character is invisible or reorders its neighbours, so that two different names look the same,
/// or has no agreed look: those that Unicode lets programs ignore, controls and formats, separators of
/// lines, and code points for private use or without a character. Characters that are newer than our tables
/// count among the last. U+2800 is a blank Braille pattern, and U+FFFC and U+FFFD stand for what is missing.
pub(super) fn is_invisible(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        || matches!(
            CodePointMapData::<GeneralCategory>::new().get(character),
            Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
        )
        || matches!(character, '\u{2800}' | '\u{fffc}' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::{canonical, is_invisible};

    #[test]
    fn what_cannot_be_seen_is_invisible_and_letters_of_all_scripts_are_not() {
        let ranges = [
            0..=0x1f,
            0x7f..=0x9f,
            0xad..=0xad,
            0x34f..=0x34f,
            0x600..=0x605,
            0x61c..=0x61c,
            0x115f..=0x1160,
            0x17b4..=0x17b5,
            0x180b..=0x180f,
            0x200b..=0x200f,
            0x2028..=0x202e,
            0x2060..=0x206f,
            0x2800..=0x2800,
            0x3164..=0x3164,
            0xe000..=0xf8ff,
            0xfe00..=0xfe0f,
            0xfeff..=0xfeff,
            0xffa0..=0xffa0,
            0xfff0..=0xffff,
            0x110bd..=0x110bd,
            0x13430..=0x1343f,
            0x1bca0..=0x1bca3,
            0x1d173..=0x1d17a,
            0xe0000..=0x10_ffff_u32,
        ];
        for scalar in ranges.into_iter().flatten().filter_map(char::from_u32) {
            assert!(is_invisible(scalar), "U+{:04X}", u32::from(scalar));
        }
        for letter in "aZ0-_.' ßéñøłИΩשعनकมไ한漢ひ😀🕊\u{301}\u{1f3fd}".chars() {
            assert!(!is_invisible(letter), "U+{:04X}", u32::from(letter));
        }
    }

    #[test]
    fn a_canonical_form_is_its_own_canonical_form() {
        for scalar in (0..=0x0010_ffff_u32).filter_map(char::from_u32) {
            let once = canonical(&scalar.to_string());
            assert_eq!(canonical(&once), once, "U+{:04X}", u32::from(scalar));
        }
        let mut seed = 7_u64;
        for _ in 0..100_000 {
            let text: String = (0..6)
                .filter_map(|_| {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    char::from_u32(u32::try_from(seed >> 33).unwrap_or_default() % 0x3000)
                })
                .collect();
            let once = canonical(&text);
            assert_eq!(canonical(&once), once, "{text:?}");
        }
    }

    #[test]
    fn names_that_look_the_same_are_equal() {
        for (left, right) in [
            ("ᴮᴵᴳ", "big"),
            ("ﬁsh", "FISH"),
            ("ıris", "IRIS"),
            ("ſam", "sam"),
            ("\u{212a}ate", "kate"),
            ("ＡＢ", "ab"),
            ("e\u{301}", "É"),
        ] {
            assert_eq!(canonical(left), canonical(right), "{left} {right}");
        }
    }
}
