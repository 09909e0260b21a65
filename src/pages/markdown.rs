//! Renders a note's Markdown as HTML that is safe to show. Only the elements of this file are written, so no
//! sanitizer has to run afterwards. HTML in the text is escaped, links lead to the web or to a mailbox only,
//! and an image is replaced by its description, because loading it would tell another server who reads the
//! note.

use std::cell::Cell;
use std::fmt;

use pulldown_cmark::{Alignment, CowStr, Event, Parser, Tag, TagEnd, html};
use url::Url;

use super::table_cells::extensions;
use crate::db::{DbError, TenantHandle};
use crate::domain::NoteContent;

/// The most bytes of HTML, with one piece of text more. Text of the greatest size, 256 KiB, that is all
/// quotation marks takes 1.5 MiB; prose, code, lists and tables of words take less than half of that.
const MOST_HTML: usize = 2 * 1024 * 1024;
/// The HTML that a text may have for each of its bytes, beside [`FREE_HTML`].
const HTML_FOR_A_BYTE: usize = 8;
/// The HTML that any text may have: a short text may be one table of single letters, with 16 bytes for each.
const FREE_HTML: usize = 64 * 1024;
/// The most cells that tables may lack. A table of 20 columns may have 1,000 rows with one cell each.
const MOST_MISSING_CELLS: usize = 20_000;

/// The greatest depth of quotes and lists. Deeper ones are shown at this depth: a line of 250,000 quote marks
/// would keep browsers and parsers busy for minutes.
const DEEPEST: usize = 20;

/// A text of this length is rendered in a millisecond, whatever it consists of. The longest take 60.
const QUICK_BYTES: usize = 8 * 1024;

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// The HTML of a Markdown text.
#[derive(Debug)]
pub struct RenderedText {
    pub html: String,
    /// Whether all of the text is shown. HTML beyond the bound is left out.
    pub is_whole: bool,
}

/// Renders a note's text, a long one in its tenant's turn.
///
/// # Errors
/// [`DbError::Overloaded`] when the turn does not come in time.
pub async fn render(tenant: &TenantHandle, text: NoteContent) -> Result<RenderedText, DbError> {
    if text.as_str().len() <= QUICK_BYTES {
        return Ok(markdown(text.as_str()));
    }
    tenant.compute(move || markdown(text.as_str())).await
}

/// Renders a Markdown text, up to a bound.
pub fn markdown(text: &str) -> RenderedText {
    let bound = MOST_HTML.min(FREE_HTML + text.len() * HTML_FOR_A_BYTE);
    let written = Cell::new(0);
    let mut writer = CountingWriter { html: String::with_capacity(text.len() * 3 / 2), written: &written };
    let mut renderer = SafeRenderer::default();
    let mut is_whole = true;
    let mut parser = Parser::new_ext(text, extensions(text, MOST_MISSING_CELLS)).into_offset_iter();
    let events = std::iter::from_fn(|| {
        while is_whole {
            let (event, place) = parser.next()?;
            is_whole = written.get() <= bound || matches!(event, Event::End(_));
            if is_whole && let Some(shown) = renderer.pass(event, place.is_empty()) {
                return Some(shown);
            }
        }
        renderer.close_next()
    });
    // A `String` takes all that is written.
    let _ = html::write_html_fmt(&mut writer, events);
    RenderedText { html: writer.html, is_whole }
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

/// Writes into a text, and tells the source of what is written how much that is.
struct CountingWriter<'a> {
    html: String,
    written: &'a Cell<usize>,
}

impl fmt::Write for CountingWriter<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.html.push_str(piece);
        self.written.set(self.html.len());
        Ok(())
    }
}

/// Filters the events of the parser. `open` is the stack of open elements.
#[derive(Default)]
struct SafeRenderer {
    open: Vec<(TagOutput, TagEnd)>,
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
    /// What is shown of an event; `is_added` tells that no text belongs to it.
    fn pass<'a>(&mut self, event: Event<'a>, is_added: bool) -> Option<Event<'a>> {
        match event {
            // The rows of a table may have fewer cells than its header.
            Event::Start(Tag::TableCell) | Event::End(TagEnd::TableCell) if is_added => None,
            Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            other => Some(other),
        }
    }

    fn open<'a>(&mut self, tag: Tag<'a>) -> Option<Event<'a>> {
        let end = tag.to_end();
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
        self.open.push((written, end));
        event
    }

    fn close<'a>(&mut self, tag: TagEnd) -> Option<Event<'a>> {
        if matches!(tag, TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item) {
            self.depth = self.depth.saturating_sub(1);
        }
        let written = self.open.pop().map_or(TagOutput::AsItIs, |(written, _)| written);
        close_as(written, tag)
    }

    /// Closes the innermost open element that has tags.
    fn close_next<'a>(&mut self) -> Option<Event<'a>> {
        std::iter::from_fn(|| self.open.pop()).find_map(|(written, end)| close_as(written, end))
    }
}

fn close_as<'a>(written: TagOutput, end: TagEnd) -> Option<Event<'a>> {
    match written {
        TagOutput::Inside => None,
        TagOutput::Link => Some(Event::InlineHtml("</a>".into())),
        TagOutput::AsItIs => Some(Event::End(end)),
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
    use crate::domain::CONTENT_LIMIT;

    /// The HTML of a text that is shown whole.
    fn html(text: &str) -> String {
        let shown = markdown(text);
        assert!(shown.is_whole, "{text:.200}");
        shown.html
    }

    #[test]
    fn markdown_is_rendered_and_scripts_are_not() {
        let shown = html(
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
        assert!(html("<div onclick=x>\n\nb\n").contains("&lt;div onclick=x&gt;"));
    }

    #[test]
    fn columns_of_tables_are_aligned_by_classes() {
        let shown = html("| a | b | c | d |\n|:-:|--:|:--|---|\n| 1 | 2 | 3 | 4 |\n\n| x |\n|---|\n| y |\n");
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
            let shown = html(&deep);
            assert!(
                shown.matches("<blockquote>").count() + shown.matches("<ul>").count() <= DEEPEST,
                "{shown:.200}"
            );
            assert_eq!(shown.matches("<blockquote>").count(), shown.matches("</blockquote>").count());
            assert!(shown.contains("end") || shown.matches('x').count() == 400);
        }
    }

    /// A table with a header of `columns` columns, and this row as often as fits into `length` bytes.
    fn table(columns: usize, row: &str, length: usize) -> String {
        let head = format!("{}\n{}\n", "|a".repeat(columns), "|:-:".repeat(columns));
        let rows = row.repeat(length.saturating_sub(head.len()) / row.len());
        head + &rows
    }

    #[test]
    fn a_table_shows_no_cells_that_its_rows_do_not_have() {
        let shown = html(&table(10, "|a|\n", 200));
        assert_eq!(shown.matches("<th").count(), 10 + 1, "{shown}");
        assert_eq!(shown.matches("<td").count(), shown.matches("<tr>").count() - 1, "{shown}");
    }

    #[test]
    fn a_table_that_lacks_too_many_cells_is_shown_as_it_was_typed() {
        let text = table(1000, "|a|\n", 7_000);
        let shown = html(&text);
        assert!(!shown.contains("<table>") && shown.len() < text.len() + 100, "{} bytes", shown.len());
    }

    #[test]
    fn texts_of_the_greatest_size_are_shown_whole() {
        for piece in ["&", "*a* ", "> a\n\n", "- a\n", "`a` ", "# a\n", "a  \n", "<b>x</b>", "> \"quoted\"\n"]
        {
            let text = piece.repeat(CONTENT_LIMIT / piece.len());
            assert!(html(&text).len() > text.len() / 2, "{piece}");
        }
        html(&table(6, "| 1.23 | word | a | b | 456 | 7 |\n", CONTENT_LIMIT));
        assert!(html(&table(20, "|a\n", 2_500)).contains("<table>"));
    }

    #[test]
    fn no_text_becomes_more_html_than_the_bound_and_every_element_is_closed() {
        let link = format!("[{}](https://e.org/{})", "a".repeat(20), "\u{1f54a}".repeat(20));
        for text in [
            table(1_000, &("|a".repeat(1_000) + "\n"), CONTENT_LIMIT),
            table(1, "|\\|\n", CONTENT_LIMIT),
            table(2, "||\n", CONTENT_LIMIT),
            "> - *a*\n\n".repeat(CONTENT_LIMIT / 9),
            "> 1. - a\n\n".repeat(CONTENT_LIMIT / 10),
            link.repeat(CONTENT_LIMIT / link.len()),
            format!("[a]: https://e.org/{}\n\n{}", "\u{1f54a}".repeat(2_000), "[a] ".repeat(60_000)),
        ] {
            let shown = markdown(&text);
            assert!(shown.html.len() < MOST_HTML + 64 * 1024, "{} bytes of {text:.40}", shown.html.len());
            for element in ["table", "thead", "tbody", "tr", "td", "th", "blockquote", "li", "a", "p"] {
                let opened = shown.html.matches(&format!("<{element}>")).count()
                    + shown.html.matches(&format!("<{element} ")).count();
                let closed = shown.html.matches(&format!("</{element}>")).count();
                assert_eq!(opened, closed, "<{element}> in {text:.40}");
            }
        }
    }
}
