//! A Markdown text without its markup, for lists, headings and titles of pages. HTML in the text is shown as
//! the characters that it is, as on the page of the note.

use pulldown_cmark::{Event, Tag, TagEnd};

use super::parser::{events_of_beginning, shallow};

/// The beginning of a text without its markup, one line for each block and item, until `is_enough` says so of
/// what there is. No more than `most` characters of the Markdown are parsed.
pub fn beginning(markdown: &str, most: usize, is_enough: impl Fn(&str) -> bool) -> String {
    let end = markdown.char_indices().nth(most).map_or(markdown.len(), |(end, _)| end);
    let mut lines = LineWriter::default();
    let beginning = shallow(&markdown[..end]);
    for event in events_of_beginning(&beginning) {
        lines.add(event);
        if is_enough(&lines.text) {
            break;
        }
    }
    lines.text.trim().to_owned()
}

#[derive(Default)]
struct LineWriter {
    text: String,
}

impl LineWriter {
    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                self.text.push_str(&text);
            }
            Event::TaskListMarker(is_done) => self.text.push_str(if is_done { "☑ " } else { "☐ " }),
            Event::SoftBreak | Event::HardBreak | Event::Rule => self.end_line(),
            Event::End(TagEnd::TableCell) => self.text.push(' '),
            Event::Start(tag) if begins_line(&tag) => self.end_line(),
            Event::End(tag) if ends_line(tag) => self.end_line(),
            _ => {}
        }
    }

    fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

fn begins_line(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::List(_)
            | Tag::Item
            | Tag::BlockQuote(_)
            | Tag::CodeBlock(_)
            | Tag::HtmlBlock
            | Tag::Table(_)
            | Tag::FootnoteDefinition(_)
    )
}

fn ends_line(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::Item
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock
            | TagEnd::TableHead
            | TagEnd::TableRow
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(markdown: &str) -> String {
        beginning(markdown, 1_000, |_| false)
    }

    #[test]
    fn each_block_and_item_is_a_line() {
        for (markdown, plain) in [
            ("# Head\n\nsome **bold** `code`\nnext", "Head\nsome bold code\nnext"),
            ("- a\n  - b\n  - c\n- d", "a\nb\nc\nd"),
            ("1. a\n   > b\n\n   c", "a\nb\nc"),
            ("|A|B|\n|-|-|\n|1|2|\n|3|4|", "A B \n1 2 \n3 4"),
            ("- [ ] milk\n- [x] eggs", "☐ milk\n☑ eggs"),
            ("a\n\n---\n\nb", "a\nb"),
            ("a[^1]\n\n[^1]: b", "a\nb"),
            ("```\nlet a;\n```\nb", "let a;\nb"),
            ("> [!NOTE]\n> mind", "mind"),
            ("![a picture](https://e.org/i.png)", "a picture"),
        ] {
            assert_eq!(all(markdown), plain, "{markdown:?}");
        }
    }

    #[test]
    fn html_is_shown_as_it_was_typed() {
        for text in ["Use Vec<T> here", "a<br>b", "<div>x</div>", "<!-- c -->", "a <b>c</b> &amp;"] {
            assert_eq!(all(text), text.replace("&amp;", "&"), "{text:?}");
        }
    }

    #[test]
    fn no_more_than_wanted_is_parsed() {
        let text = "word *word* ".repeat(1_000);
        assert!(beginning(&text, 100_000, |plain| plain.len() > 50).len() < 100);
        assert_eq!(beginning("éé éé", 2, |_| false), "éé");
    }
}
