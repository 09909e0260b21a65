//! Text of the server for a terminal. A note may contain what a terminal takes as commands: escape sequences,
//! C1 controls, and characters that reverse the order of the text around them. None of them is printed.

use std::ops::RangeInclusive;

use crate::domain::with_unix_newlines;

/// The longest line about a note or a failure, in characters.
const LINE_LIMIT: usize = 400;

/// The text without escape sequences and control characters. Line ends and tabs stay.
pub(super) fn text(text: &str) -> String {
    let text = with_unix_newlines(text);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        let length = escape_sequence(rest).unwrap_or(character.len_utf8());
        if length == character.len_utf8() && (matches!(character, '\n' | '\t') || !is_command(character)) {
            shown.push(character);
        }
        rest = &rest[length..];
    }
    shown
}

/// The same on one line, of bounded length.
pub(super) fn line(given: &str) -> String {
    let words = text(given);
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LINE_LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// JSON in which each character that [`text`] removes is escaped. Such characters can only be inside strings,
/// and serde_json has escaped those below U+0020.
pub(super) fn json(value: &serde_json::Value) -> String {
    let mut escaped = String::new();
    for character in format!("{value:#}").chars() {
        if character == '\n' || !is_command(character) {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped.push('\n');
    escaped
}

/// Whether a terminal may take the character as a command: C0, DEL and C1, those that set the direction of
/// the text (Unicode's Bidi_Control), its separators of lines, and tags, which are invisible letters.
fn is_command(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The length of the escape sequence (ECMA-48) at the beginning of a text. One that does not end hides
/// nothing: its introducer is removed, and the rest is shown.
fn escape_sequence(text: &str) -> Option<usize> {
    let mut characters = text.chars();
    let (introducer, rest) = match characters.next()? {
        '\u{1b}' => (characters.next()?, characters.as_str()),
        // C1 controls are ESC and a letter in one character.
        c1 @ '\u{80}'..='\u{9f}' => (char::from(u8::try_from(c1).ok()? - 0x40), characters.as_str()),
        _ => return None,
    };
    let before = text.len() - rest.len();
    let sequence = match introducer {
        // Parameters and intermediates, as in `31m`.
        '[' => ending_with(rest, ' '..='?', '@'..='~'),
        ']' | 'P' | 'X' | '^' | '_' => control_string(rest),
        ' '..='/' => ending_with(rest, ' '..='/', '0'..='~'),
        _ => None,
    };
    Some(before + sequence.unwrap_or(0)).filter(|_| introducer.is_ascii() && !introducer.is_control())
}

/// The length of some characters of one range and a last one of another, which is ASCII.
fn ending_with(rest: &str, middle: RangeInclusive<char>, last: RangeInclusive<char>) -> Option<usize> {
    let end = rest.find(|character: char| !middle.contains(&character))?;
    last.contains(&rest[end..].chars().next()?).then_some(end + 1)
}

/// A string up to BEL or ST on the same line, such as the title of a window or the target of a link.
fn control_string(rest: &str) -> Option<usize> {
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    ["\u{7}", "\u{1b}\\", "\u{9c}"]
        .iter()
        .filter_map(|end| line.find(end).map(|position| position + end.len()))
        .min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_are_removed_and_nothing_else() {
        for (given, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{9b}2Jcleared", "cleared"),
            ("\u{1b}]0;a title\u{7}after", "after"),
            ("\u{1b}]8;;https://x.test\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9d}52;c;aGk=\u{9c}clipboard", "clipboard"),
            ("\u{1b}P+q544e\u{1b}\\query", "query"),
            ("\u{1b}(0line\u{1b}(B", "line"),
            ("\u{1b}creset", "reset"),
            ("\u{1b}\u{1b}[31m[31mnested", "[31mnested"),
            ("an unfinished \u{1b}]0;title\nhides nothing", "an unfinished 0;title\nhides nothing"),
            ("at the end \u{1b}", "at the end "),
            ("bytes \u{8}\u{7f}\u{0}\u{85}", "bytes "),
            ("\u{202e}desrever\u{202c} \u{2066}x\u{2069}", "desrever x"),
            ("tab\tline\r\nline\rline\n", "tab\tline\nline\nline\n"),
            ("\u{1b}Ünïcode 🕊️ שלום", "Ünïcode 🕊️ שלום"),
        ] {
            assert_eq!(text(given), shown, "{given:?}");
        }
    }

    #[test]
    fn a_line_is_one_and_short() {
        assert_eq!(line(" two\n\u{1b}[1mlines\u{1b}[m\tand tabs "), "two lines and tabs");
        assert_eq!(line(&"🕊".repeat(1000)).chars().count(), LINE_LIMIT + 1);
    }

    proptest! {
        #[test]
        fn no_text_leaves_a_command_and_json_stays_the_same_value(given in "[\\PC\\p{Cc}\u{1b}]*") {
            let shown = text(&given);
            prop_assert!(!shown.chars().any(|c| !matches!(c, '\n' | '\t') && is_command(c)), "{shown:?}");
            let value = serde_json::json!({"content": given});
            let printed = json(&value);
            prop_assert!(!printed.chars().any(|c| c != '\n' && is_command(c)), "{printed:?}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).expect("JSON"), value);
        }
    }
}
