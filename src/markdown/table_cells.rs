//! Counts the cells that a Markdown table lacks. The parser adds them, up to 262,144 in a text, each with a
//! node in memory: 7 KB of text became 8 MB of HTML.

/// At least as many cells as the parser would add, but for two in each row.
pub fn missing_cells(text: &str) -> usize {
    let (mut columns, mut missing) = (0, 0);
    let lines = text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
    for line in lines {
        let content = line.trim_matches([' ', '\t', '>']);
        if content.is_empty() {
            // A table ends at a blank line.
            columns = 0;
            continue;
        }
        let cells = content.bytes().filter(|byte| *byte == b'|').count() + 1;
        if content.contains('-') && content.bytes().all(|byte| b"|:- \t>".contains(&byte)) {
            columns = cells.max(columns);
        }
        missing += usize::saturating_sub(columns, cells);
    }
    missing
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;
    use crate::markdown::parser::extensions;

    fn cells(text: &str, options: Options) -> usize {
        Parser::new_ext(text, options).filter(|event| matches!(event, Event::Start(Tag::TableCell))).count()
    }

    #[test]
    fn a_short_row_lacks_the_cells_of_its_header() {
        assert_eq!(missing_cells("|a|b|c|\n|-|-|-|\n|1|\n|1|2|3|\n\n|1|\n"), 2);
        assert_eq!(missing_cells("a | b\n--|--\n1\n"), 1);
        assert_eq!(missing_cells("- one\n- two\n\n---\n\nthree | four\n"), 0);
    }

    #[test]
    fn the_parser_adds_no_more_cells_than_are_counted() {
        let (header, rule) = ("|a".repeat(100), "|-".repeat(100));
        for line_end in ["\n", "\r\n", "\r"] {
            for prefix in ["", "> ", "  ", ">>"] {
                for row in ["|a", "a", "\u{a0}", "\\|", "|a|", "\u{c}", "`|`"] {
                    let rows = format!("{prefix}{row}{line_end}").repeat(50);
                    let text = format!("{prefix}{header}{line_end}{prefix}{rule}{line_end}{rows}");
                    let added = cells(&text, Options::ENABLE_TABLES).saturating_sub(200 + 2 * 50);
                    assert!(added <= missing_cells(&text), "{added} cells after {row:?} and {line_end:?}");
                    assert_eq!(cells(&text, extensions(&text, 1_000)), 0, "{row:?}");
                }
            }
        }
    }
}
