//! Renders a note's Markdown as HTML that is safe to show. Only the elements of this file are written, so no
//! sanitizer has to run afterwards. HTML in the text is escaped, links lead to the web or to a mailbox only,
//! and an image is replaced by its description, because loading it would tell another server who reads the
//! note.

use pulldown_cmark::{Alignment, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use url::Url;

/// Extensions of CommonMark. Footnotes are off, as they write ids of the author's choice into the page.
pub const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

/// The greatest depth of quotes and lists. Deeper ones are shown at this depth: a line of 250,000 quote marks
/// would keep browsers and parsers busy for minutes.
const DEEPEST: usize = 20;

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// The HTML of a Markdown text.
pub fn markdown(text: &str) -> String {
    let mut shown = SafeRenderer { open: Vec::new(), depth: 0, table: TableCells::default() };
    let events = Parser::new_ext(text, OPTIONS).filter_map(|event| shown.pass(event));
    let mut rendered = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut rendered, events);
    rendered
}

/// What is written for the two tags of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TagOutput {
    /// The tags that the library writes.
    AsItIs,
    /// The tags of a link, which this file writes.
    Link,
    /// No tags, only the content.
    Inside,
}

/// Filters the events of the parser. `open` is the stack of open elements.
struct SafeRenderer {
    open: Vec<TagOutput>,
    depth: usize,
    table: TableCells,
}

/// The place in a table. The library would write the alignment of a cell as a style, which the policy of our
/// pages blocks, so the cells are written here with a class.
#[derive(Default)]
struct TableCells {
    alignments: Vec<Alignment>,
    in_head: bool,
    column: usize,
}

impl TableCells {
    fn open_cell(&mut self) -> &'static str {
        let alignment = self.alignments.get(self.column).copied().unwrap_or(Alignment::None);
        self.column += 1;
        match (self.in_head, alignment) {
            (true, Alignment::None) => "<th>",
            (true, Alignment::Left) => "<th class=\"align-left\">",
            (true, Alignment::Center) => "<th class=\"align-center\">",
            (true, Alignment::Right) => "<th class=\"align-right\">",
            (false, Alignment::None) => "<td>",
            (false, Alignment::Left) => "<td class=\"align-left\">",
            (false, Alignment::Center) => "<td class=\"align-center\">",
            (false, Alignment::Right) => "<td class=\"align-right\">",
        }
    }

    fn start_row(&mut self, in_head: bool) {
        (self.in_head, self.column) = (in_head, 0);
    }
}

impl SafeRenderer {
    fn pass<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            other => Some(other),
        }
    }

    fn open<'a>(&mut self, tag: Tag<'a>) -> Option<Event<'a>> {
        let (written, event) = match tag {
            Tag::Link { dest_url, title, .. } => match link(&dest_url, &title) {
                Some(link) => (TagOutput::Link, Some(Event::InlineHtml(link))),
                None => (TagOutput::Inside, None),
            },
            Tag::Image { .. } | Tag::HtmlBlock => (TagOutput::Inside, None),
            Tag::BlockQuote(_) | Tag::List(_) | Tag::Item => {
                self.depth += 1;
                // A list and its items are two levels, so the limit has to be even.
                if self.depth > DEEPEST {
                    (TagOutput::Inside, None)
                } else {
                    (TagOutput::AsItIs, Some(Event::Start(tag)))
                }
            }
            Tag::Table(alignments) => {
                self.table.alignments.clone_from(&alignments);
                (TagOutput::AsItIs, Some(Event::Start(Tag::Table(alignments))))
            }
            Tag::TableCell => (TagOutput::AsItIs, Some(Event::InlineHtml(self.table.open_cell().into()))),
            tag => {
                if matches!(tag, Tag::TableHead | Tag::TableRow) {
                    self.table.start_row(tag == Tag::TableHead);
                }
                (TagOutput::AsItIs, Some(Event::Start(tag)))
            }
        };
        self.open.push(written);
        event
    }

    fn close<'a>(&mut self, tag: TagEnd) -> Option<Event<'a>> {
        if matches!(tag, TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item) {
            self.depth = self.depth.saturating_sub(1);
        }
        match self.open.pop() {
            Some(TagOutput::Inside) => None,
            Some(TagOutput::Link) => Some(Event::InlineHtml("</a>".into())),
            Some(TagOutput::AsItIs) | None => Some(Event::End(tag)),
        }
    }
}

/// The opening tag of a link with an absolute URL of an allowed scheme; none for other targets.
fn link<'a>(target: &str, title: &str) -> Option<CowStr<'a>> {
    let target = Url::parse(target).ok().filter(|url| SCHEMES.contains(&url.scheme()))?;
    let title = if title.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(title)) };
    Some(
        format!("<a href=\"{}\"{title} rel=\"noopener noreferrer nofollow\">", escape(target.as_str()))
            .into(),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_scripts_are_not() {
        let shown = markdown(
            "# Hi\n\n*a* <script>alert(1)</script><img src=x onerror=alert(1)> ![i](https://e.org/i.png) \
             [x](javascript:alert(1)) [y](https://e.org/?a=\"&b)",
        );
        assert!(shown.contains("<h1>Hi</h1>") && shown.contains("<em>a</em>"), "{shown}");
        assert!(
            shown.contains(
                "<a href=\"https://e.org/?a=%22&amp;b\" rel=\"noopener noreferrer nofollow\">y</a>"
            ),
            "{shown}"
        );
        for bad in ["<script", "<img", "href=\"javascript", "style="] {
            assert!(!shown.contains(bad), "{bad} in {shown}");
        }
        assert!(markdown("<div onclick=x>\n\nb\n").contains("&lt;div onclick=x&gt;"));
    }

    #[test]
    fn columns_of_tables_are_aligned_by_classes() {
        let shown =
            markdown("| a | b | c | d |\n|:-:|--:|:--|---|\n| 1 | 2 | 3 | 4 |\n\n| x |\n|---|\n| y |\n");
        for cell in [
            "<th class=\"align-center\">a</th>",
            "<th class=\"align-right\">b</th>",
            "<td class=\"align-center\">1</td>",
            "<td class=\"align-left\">3</td>",
            "<td>4</td>",
            "<th>x</th>",
            "<td>y</td>",
        ] {
            assert!(shown.contains(cell), "{cell} in {shown}");
        }
        assert!(!shown.contains("style="), "{shown}");
    }

    #[test]
    fn deep_nesting_stays_shallow_on_the_page_and_loses_no_text() {
        for deep in [
            format!("{} end", ">".repeat(200_000)),
            (0..400).map(|depth| format!("{}- x\n", "  ".repeat(depth))).collect(),
        ] {
            let shown = markdown(&deep);
            assert!(
                shown.matches("<blockquote>").count() + shown.matches("<ul>").count() <= DEEPEST,
                "{shown:.200}"
            );
            assert_eq!(shown.matches("<blockquote>").count(), shown.matches("</blockquote>").count());
            assert!(shown.contains("end") || shown.matches('x').count() == 400);
        }
    }
}
