//! The canonical form of names: names that look the same to users are equal.

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

/// Whether a character is invisible or reorders its neighbours, so that two different names look the same.
pub(super) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::canonical;

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
