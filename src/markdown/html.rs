//! Renders a note's Markdown as HTML that is safe to show. Only the elements of this folder are written, so
//! no sanitizer has to run afterwards. HTML in the text is escaped, links lead to the web, to a mailbox or to
//! a section of the text, and an image is replaced by its description, because loading it would tell another
//! server who reads the note.

use std::fmt::Write;
use std::ops::Range;

use pulldown_cmark::{BlockQuoteKind, CowStr, Event, LinkType, Tag, TagEnd};

use super::code::{Highlighter, language_of};
use super::footnotes::Footnotes;
use super::headings::{Headings, Section, id_of};
use super::inline::{push_escaped, push_lines};
use super::links::{Target, push_linked};
use super::parser::{events, shallow};
use super::table::TableCells;

/// The most bytes of HTML, with one piece of text more. Text of the greatest size, 256 KiB, that is all short
/// quotes takes 2.9 MiB; prose, code, lists and tables of words take less than half of that.
const MOST_HTML: usize = 3 * 1024 * 1024 + 128 * 1024;
/// The HTML that a text may have for each of its bytes, beside [`FREE_HTML`].
const HTML_FOR_A_BYTE: usize = 12;
/// The HTML that any text may have: a short text may be one table of single letters, with 27 bytes for each.
const FREE_HTML: usize = 64 * 1024;
/// The greatest depth of quotes and lists. Deeper ones are shown at this depth: a line of 250,000 quote marks
/// would keep browsers and parsers busy for minutes. A list and its items are two levels, so it is even.
const DEEPEST: usize = 20;

/// What a text is rendered for.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// The title of the page. A heading with the same words at the beginning of the text is left out.
    pub title: String,
    /// Whether tasks are buttons, inside a form, rather than marks.
    pub can_tick: bool,
}

/// The HTML of a Markdown text.
#[derive(Debug)]
pub struct RenderedText {
    pub html: String,
    /// Whether all of the text is shown. HTML beyond the bound is left out.
    pub is_whole: bool,
    pub sections: Vec<Section>,
    /// The number of tasks that are done, and of all.
    pub tasks: (usize, usize),
}

/// Renders a Markdown text, up to a bound.
pub fn html(text: &str, options: &RenderOptions) -> RenderedText {
    let text = &*shallow(text);
    let bound = MOST_HTML.min(FREE_HTML + text.len() * HTML_FOR_A_BYTE);
    let mut writer = HtmlWriter::new(options, text);
    let mut is_whole = true;
    for (event, place) in events(text) {
        if writer.length() > bound && !matches!(event, Event::End(_)) {
            is_whole = false;
            break;
        }
        writer.add(event, &place);
    }
    let mut rendered = writer.finish();
    rendered.is_whole = is_whole;
    rendered
}

/// An open element.
enum Open<'a> {
    /// What is written at its end.
    Element(&'static str),
    Table,
    /// A heading: where its tag begins, and its level.
    Heading {
        start: usize,
        level: u8,
    },
    /// Code: its language, and the code so far.
    Code {
        language: String,
        code: String,
    },
    /// HTML that is shown as text.
    Html(String),
    /// An image: where its description begins, and its address.
    Image(usize, CowStr<'a>),
    /// A footnote: its label, and what was written before it.
    Footnote(CowStr<'a>, String),
}

struct HtmlWriter<'a> {
    text: &'a str,
    /// Where the row of the table ends in the text.
    row_end: usize,
    html: String,
    open: Vec<Open<'a>>,
    depth: usize,
    links: usize,
    table: TableCells,
    /// Where the tags of the open list items begin, if they have tags and are no tasks yet.
    items: Vec<Option<usize>>,
    headings: Headings,
    /// The words of the open heading. A heading has no other one inside.
    heading: Option<String>,
    footnotes: Footnotes,
    /// The bytes that were written before the open footnotes.
    held: usize,
    highlighter: Highlighter,
    tasks: (usize, usize),
    options: &'a RenderOptions,
}

impl<'a> HtmlWriter<'a> {
    fn new(options: &'a RenderOptions, text: &'a str) -> Self {
        Self {
            text,
            row_end: 0,
            html: String::with_capacity(text.len() * 3 / 2),
            open: Vec::new(),
            depth: 0,
            links: 0,
            table: TableCells::default(),
            items: Vec::new(),
            headings: Headings::default(),
            heading: None,
            held: 0,
            footnotes: Footnotes::default(),
            highlighter: Highlighter::default(),
            tasks: (0, 0),
            options,
        }
    }

    fn length(&self) -> usize {
        self.html.len() + self.held + self.footnotes.length
    }

    fn add(&mut self, event: Event<'a>, place: &Range<usize>) {
        match event {
            Event::Start(Tag::TableCell) | Event::End(TagEnd::TableCell) if self.is_added(place) => {}
            Event::Start(tag) => {
                if matches!(tag, Tag::TableHead | Tag::TableRow) {
                    self.row_end = place.end;
                }
                self.start(tag);
            }
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => {
                self.note_words(&code);
                self.html.push_str("<code>");
                push_escaped(&code, &mut self.html);
                self.html.push_str("</code>");
            }
            Event::Html(text) | Event::InlineHtml(text) => self.typed_html(&text),
            Event::SoftBreak | Event::HardBreak => self.html.push_str("<br>\n"),
            Event::Rule => self.html.push_str("<hr>\n"),
            Event::TaskListMarker(is_done) => self.task(is_done),
            Event::FootnoteReference(label) => self.footnotes.push_reference(&label, &mut self.html),
            Event::InlineMath(text) | Event::DisplayMath(text) => push_escaped(&text, &mut self.html),
        }
    }

    /// Whether a cell is one that its row does not have: rows may be shorter than the head of the table. An
    /// empty cell before others was typed.
    fn is_added(&self, place: &Range<usize>) -> bool {
        let rest = self.text.get(place.start..self.row_end.max(place.start)).unwrap_or_default();
        place.is_empty() && rest.chars().all(|character| character == '|' || character.is_whitespace())
    }

    fn text(&mut self, text: &str) {
        self.note_words(text);
        match self.open.last_mut() {
            Some(Open::Code { code, .. }) => code.push_str(text),
            _ if self.links == 0 => push_linked(text, &mut self.html),
            _ => push_escaped(text, &mut self.html),
        }
    }

    fn typed_html(&mut self, text: &str) {
        self.note_words(text);
        match self.open.last_mut() {
            Some(Open::Html(block)) => block.push_str(text),
            _ => push_escaped(text, &mut self.html),
        }
    }

    /// Keeps the words of a heading for its id.
    fn note_words(&mut self, text: &str) {
        if let Some(words) = &mut self.heading {
            words.push_str(text);
        }
    }

    fn start(&mut self, tag: Tag<'a>) {
        let open = match tag {
            // Inside a list or a quote the direction is that of the whole.
            Tag::Paragraph if self.depth > 0 => self.element("<p>", "</p>\n"),
            Tag::Paragraph => self.element("<p dir=\"auto\">", "</p>\n"),
            Tag::Heading { level, .. } => self.start_heading(level as u8),
            Tag::BlockQuote(_) | Tag::List(_) | Tag::Item => self.start_container(tag),
            Tag::CodeBlock(kind) => Open::Code { language: language_of(&kind), code: String::new() },
            Tag::HtmlBlock => Open::Html(String::new()),
            Tag::FootnoteDefinition(label) => {
                self.held += self.html.len();
                Open::Footnote(label, std::mem::take(&mut self.html))
            }
            Tag::Table(alignments) => {
                self.table.start(alignments, &mut self.html);
                Open::Table
            }
            Tag::TableHead => Open::Element(self.table.start_head(&mut self.html)),
            Tag::TableRow => Open::Element(self.table.start_row(&mut self.html)),
            Tag::TableCell => Open::Element(self.table.start_cell(&mut self.html)),
            Tag::Emphasis => self.element("<em>", "</em>"),
            Tag::Strong => self.element("<strong>", "</strong>"),
            Tag::Strikethrough => self.element("<del>", "</del>"),
            Tag::Link { link_type, dest_url, title, .. } => self.start_link(link_type, &dest_url, &title),
            Tag::Image { dest_url, .. } => Open::Image(self.html.len(), dest_url),
            _ => Open::Element(""),
        };
        self.open.push(open);
    }

    fn element(&mut self, start: &str, end: &'static str) -> Open<'a> {
        self.html.push_str(start);
        Open::Element(end)
    }

    fn start_heading(&mut self, typed: u8) -> Open<'a> {
        let level = self.headings.level(typed);
        let start = self.html.len();
        let _ = write!(self.html, "<h{level} dir=\"auto\">");
        self.heading = Some(String::new());
        Open::Heading { start, level }
    }

    fn start_container(&mut self, tag: Tag<'a>) -> Open<'a> {
        self.depth += 1;
        // A list is shown only where its items are, too.
        let is_shown = self.depth < DEEPEST || self.depth == DEEPEST && !matches!(tag, Tag::List(_));
        if tag == Tag::Item {
            self.items.push(is_shown.then_some(self.html.len()));
        }
        if !is_shown {
            return Open::Element("");
        }
        let direction = if self.depth == 1 { " dir=\"auto\"" } else { "" };
        let (start, end) = match tag {
            Tag::BlockQuote(None) => (format!("<blockquote{direction}>\n"), "</blockquote>\n"),
            Tag::BlockQuote(Some(kind)) => {
                let (class, title) = alert(kind);
                let start = format!("<div class=\"alert alert-{class}\"{direction}>");
                (format!("{start}<p class=\"alert-title\">{title}</p>\n"), "</div>\n")
            }
            Tag::List(None) => (format!("<ul{direction}>\n"), "</ul>\n"),
            Tag::List(Some(1)) => (format!("<ol{direction}>\n"), "</ol>\n"),
            Tag::List(Some(first)) => (format!("<ol start=\"{first}\"{direction}>\n"), "</ol>\n"),
            _ => return self.element("<li>", "</li>\n"),
        };
        self.element(&start, end)
    }

    fn start_link(&mut self, link_type: LinkType, target: &str, title: &str) -> Open<'a> {
        self.links += 1;
        let target = match link_type {
            LinkType::Email => Target::mailbox(target),
            _ => Target::parse(target),
        };
        // Links inside a link are none of CommonMark, but an image may be.
        match target.filter(|_| self.links == 1) {
            Some(target) => {
                target.push_opening_tag(title, &mut self.html, id_of);
                Open::Element("</a>")
            }
            None => Open::Element(""),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::List(_) => self.depth = self.depth.saturating_sub(1),
            TagEnd::Item => {
                self.items.pop();
                self.depth = self.depth.saturating_sub(1);
            }
            TagEnd::Link => self.links = self.links.saturating_sub(1),
            _ => {}
        }
        self.close();
    }

    /// Closes the innermost open element.
    fn close(&mut self) {
        match self.open.pop() {
            None => {}
            Some(Open::Element(end)) => self.html.push_str(end),
            Some(Open::Table) => self.html.push_str(self.table.end()),
            Some(Open::Heading { start, level }) => {
                let words = self.heading.take().unwrap_or_default();
                self.close_heading(start, level, &words);
            }
            Some(Open::Code { language, code }) => self.close_code(&language, &code),
            Some(Open::Html(block)) => {
                self.html.push_str(if self.depth > 0 { "<p>" } else { "<p dir=\"auto\">" });
                push_lines(&block, &mut self.html);
                self.html.push_str("</p>\n");
            }
            Some(Open::Image(start, address)) if start == self.html.len() => self.text(&address),
            Some(Open::Image(..)) => {}
            Some(Open::Footnote(label, before)) => {
                self.held -= before.len();
                let definition = std::mem::replace(&mut self.html, before);
                self.footnotes.define(&label, definition);
            }
        }
    }

    fn close_heading(&mut self, start: usize, level: u8, words: &str) {
        // The page shows the title above the text, without links.
        let has_links = self.html.contains("<a ") || self.html.contains("<sup");
        let is_title = !words.trim().is_empty() && words.trim() == self.options.title.trim();
        if start == 0 && self.open.is_empty() && is_title && !has_links {
            self.html.clear();
            self.headings.begin_again();
            return;
        }
        let Some(id) = self.headings.add(level, words) else {
            let _ = writeln!(self.html, "</h{level}>");
            return;
        };
        let mut attribute = String::from(" id=\"");
        push_escaped(&id, &mut attribute);
        attribute.push('"');
        self.html.insert_str(start + "<h2".len(), &attribute);
        self.html.push_str(" <a class=\"anchor\" href=\"#");
        push_escaped(&id, &mut self.html);
        let _ = writeln!(
            self.html,
            "\"><span class=\"visually-hidden\">Link to this section</span></a></h{level}>"
        );
    }

    fn close_code(&mut self, language: &str, code: &str) {
        self.html.push_str("<pre tabindex=\"0\" role=\"group\" aria-label=\"Code\"><code");
        if !language.is_empty() {
            self.html.push_str(" class=\"language-");
            push_escaped(language, &mut self.html);
            self.html.push('"');
        }
        self.html.push('>');
        self.highlighter.push(language, code, &mut self.html);
        self.html.push_str("</code></pre>\n");
    }

    /// Writes the mark of a task, and marks its item. Buttons have the state that they set.
    fn task(&mut self, is_done: bool) {
        let (done, number) = self.tasks;
        self.tasks = (done + usize::from(is_done), number + 1);
        if let Some(item) = self.items.last_mut().and_then(Option::take) {
            let class = format!(" class=\"task\" id=\"task-{number}\"");
            self.html.insert_str(item + "<li".len(), &class);
        }
        let (state, sets) = if is_done { ("true", "open") } else { ("false", "done") };
        let _ = if self.options.can_tick {
            write!(
                self.html,
                "<button class=\"tick\" type=\"submit\" name=\"task\" value=\"{number}-{sets}\" \
                 role=\"checkbox\" aria-checked=\"{state}\" aria-label=\"Done\"></button> "
            )
        } else {
            write!(
                self.html,
                "<input class=\"tick\" type=\"checkbox\" aria-label=\"Done\" disabled{}> ",
                if is_done { " checked" } else { "" }
            )
        };
    }

    fn finish(mut self) -> RenderedText {
        while !self.open.is_empty() {
            self.close();
        }
        self.footnotes.push_definitions(&mut self.html);
        RenderedText { html: self.html, is_whole: true, sections: self.headings.sections, tasks: self.tasks }
    }
}

fn alert(kind: BlockQuoteKind) -> (&'static str, &'static str) {
    match kind {
        BlockQuoteKind::Note => ("note", "Note"),
        BlockQuoteKind::Tip => ("tip", "Tip"),
        BlockQuoteKind::Important => ("important", "Important"),
        BlockQuoteKind::Warning => ("warning", "Warning"),
        BlockQuoteKind::Caution => ("caution", "Caution"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CONTENT_LIMIT;

    fn shown(text: &str) -> String {
        let shown = html(text, &RenderOptions::default());
        assert!(shown.is_whole, "{text:.200}");
        shown.html
    }

    #[track_caller]
    fn assert_shows(text: &str, pieces: &[&str]) {
        let shown = shown(text);
        for piece in pieces {
            assert!(shown.contains(piece), "{piece} in {shown}");
        }
        assert!(!shown.contains("style="), "{shown}");
    }

    #[test]
    fn markdown_is_rendered_and_scripts_are_not() {
        let shown = shown(
            "# Hi\n\n*a* <script>alert(1)</script><img src=x onerror=alert(1)> ![i](https://e.org/i.png) \
             [x](javascript:alert(1)) [y](https://e.org/?a=\"&b)",
        );
        assert!(shown.contains("<em>a</em>"), "{shown}");
        assert!(
            shown.contains(
                "<a href=\"https://e.org/?a=%22&amp;b\" rel=\"noopener noreferrer nofollow\">y</a>"
            ),
            "{shown}"
        );
        for bad in ["<script", "<img", "href=\"javascript", "style="] {
            assert!(!shown.contains(bad), "{bad} in {shown}");
        }
    }

    #[test]
    fn html_is_shown_as_the_characters_that_it_is() {
        assert_shows("<div onclick=x>\n</div>\n\nb\n", &["&lt;div onclick=x&gt;<br>\n&lt;/div&gt;</p>"]);
        assert_shows("a<br>b", &["a&lt;br&gt;b"]);
    }

    #[test]
    fn columns_of_tables_are_aligned_by_classes() {
        assert_shows(
            "| a | b | c | d |\n|:-:|--:|:--|---|\n| 1 | 2 | 3 | 4 |\n\n| x |\n|---|\n| y |\n",
            &[
                "<th class=\"align-center\" dir=\"auto\">a</th>",
                "<th class=\"align-right\" dir=\"auto\">b</th>",
                "<td class=\"align-center\" dir=\"auto\">1</td>",
                "<td class=\"align-left\" dir=\"auto\">3</td>",
                "<td dir=\"auto\">4</td>",
                "<th dir=\"auto\">x</th>",
                "tabindex=\"0\"",
            ],
        );
    }

    #[test]
    fn line_breaks_footnotes_alerts_and_addresses_are_shown() {
        assert_shows("one\ntwo", &["<p dir=\"auto\">one<br>\ntwo</p>"]);
        assert_shows("see https://e.org.", &["<a href=\"https://e.org/\"", ">https://e.org</a>."]);
        assert_shows("<a@b.cd>", &["<a href=\"mailto:a@b.cd\"", ">a@b.cd</a>"]);
        assert_shows("> [!WARNING]\n> mind", &["<div class=\"alert alert-warning\" dir=\"auto\">", "mind"]);
        assert_shows(
            "a[^X] b[^y] c[^x]\n\n[^y]: why\n[^x]: *ex*\n[^z]: unused",
            &[
                "<a href=\"#footnote-1\" id=\"footnote-1-1\">1</a>",
                "<a href=\"#footnote-1\" id=\"footnote-1-2\">1</a>",
                "<li id=\"footnote-1\" dir=\"auto\"><p dir=\"auto\"><em>ex</em></p>",
                "unused",
            ],
        );
        assert_shows("![](https://e.org/i.png) ![words](x.png)", &[">https://e.org/i.png</a> words"]);
        assert_shows("[![a](https://e.org/i.png)](https://e.org)", &[">a</a>"]);
    }

    #[test]
    fn headings_are_sections_below_the_title_of_the_page() {
        let options = RenderOptions { title: "Plan".to_owned(), can_tick: false };
        let shown = html("# Plan\n\n## First step\n\n# Other\n\n[go](#first-step)", &options);
        let sections: Vec<(u8, &str, &str)> = shown
            .sections
            .iter()
            .map(|section| (section.level, section.id.as_str(), section.title.as_str()))
            .collect();
        assert_eq!(sections, [(2, "section-first-step", "First step"), (2, "section-other", "Other")]);
        assert!(!shown.html.contains("Plan") && !shown.html.contains("<h1"), "{}", shown.html);
        assert!(shown.html.contains("<a href=\"#section-first-step\">go</a>"), "{}", shown.html);
        let link = "# Plan https://e.org\n\ntext";
        let title = RenderOptions { title: "Plan https://e.org".to_owned(), can_tick: false };
        assert!(html(link, &title).html.contains("<a href=\"https://e.org/\""), "a link is not left out");
        assert!(html("text\n\n# Plan", &options).html.contains("Plan"));
    }

    #[test]
    fn tasks_are_marks_or_buttons_with_what_they_set() {
        let options = |can_tick| RenderOptions { title: String::new(), can_tick };
        let text = "- [ ] milk\n- [x] eggs\n- bread\n\n1. [ ] a\n\n   b";
        let ticked = html(text, &options(true));
        assert_eq!(ticked.tasks, (1, 3));
        for piece in [
            "<li class=\"task\" id=\"task-0\"><button class=\"tick\" type=\"submit\" name=\"task\" \
             value=\"0-done\" role=\"checkbox\" aria-checked=\"false\"",
            "value=\"1-open\" role=\"checkbox\" aria-checked=\"true\"",
            "<li>bread</li>",
            "<li class=\"task\" id=\"task-2\"><p><button",
        ] {
            assert!(ticked.html.contains(piece), "{piece} in {}", ticked.html);
        }
        let marks = html(text, &options(false)).html;
        assert!(
            !marks.contains("<button")
                && marks.contains("type=\"checkbox\" aria-label=\"Done\" disabled checked>")
        );
    }

    #[test]
    fn deep_nesting_stays_shallow_on_the_page_and_loses_no_text() {
        for deep in [
            format!("{} end", ">".repeat(200_000)),
            (0..400).map(|depth| format!("{}- x\n", "  ".repeat(depth))).collect(),
        ] {
            let shown = shown(&deep);
            assert!(
                shown.matches("<blockquote").count() + shown.matches("<ul").count() <= DEEPEST,
                "{shown:.200}"
            );
            assert_eq!(shown.matches("<blockquote").count(), shown.matches("</blockquote>").count());
            assert!(shown.contains("end") || shown.matches('x').count() == 400);
        }
    }

    #[test]
    fn an_empty_cell_keeps_the_place_of_those_behind_it() {
        assert_shows(
            "|a|b|c|\n|-|-|-|\n|1||3|\n|4|\n",
            &[
                "<tr><td dir=\"auto\">1</td><td dir=\"auto\"></td><td dir=\"auto\">3</td></tr>",
                "<tr><td dir=\"auto\">4</td></tr>",
            ],
        );
    }

    /// A table with a header of `columns` columns, and this row as often as fits into `length` bytes.
    fn table(columns: usize, row: &str, length: usize) -> String {
        let head = format!("{}\n{}\n", "|a".repeat(columns), "|:-:".repeat(columns));
        let rows = row.repeat(length.saturating_sub(head.len()) / row.len());
        head + &rows
    }

    #[test]
    fn a_table_shows_no_cells_that_its_rows_do_not_have() {
        let shown = shown(&table(10, "|a|\n", 200));
        assert_eq!(shown.matches("<th").count(), 10 + 1, "{shown}");
        assert_eq!(shown.matches("<td").count(), shown.matches("<tr>").count() - 1, "{shown}");
    }

    #[test]
    fn a_table_that_lacks_too_many_cells_is_shown_as_it_was_typed() {
        let text = table(1000, "|a|\n", 7_000);
        let shown = shown(&text);
        assert!(!shown.contains("<table>") && shown.len() < text.len() * 3, "{} bytes", shown.len());
    }

    #[test]
    fn texts_of_the_greatest_size_are_shown_whole() {
        for piece in [
            "&",
            "*a* ",
            "> a\n\n",
            "- a\n",
            "`a` ",
            "# a\n",
            "a  \n",
            "a\n",
            "<b>x</b>",
            "> \"quoted\"\n",
            "see https://example.org/a/b. ",
            "```rust\nfn a() {}\n```\n",
            "- [ ] a task of a few words\n",
        ] {
            let text = piece.repeat(CONTENT_LIMIT / piece.len());
            assert!(shown(&text).len() > text.len() / 2, "{piece}");
        }
        shown(&table(6, "| 1.23 | word | a | b | 456 | 7 |\n", CONTENT_LIMIT));
        assert!(shown(&table(20, "|a\n", 2_500)).contains("<table>"));
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
            "- [ ] a\n".repeat(CONTENT_LIMIT / 8),
            "#\n".repeat(CONTENT_LIMIT / 2),
            link.repeat(CONTENT_LIMIT / link.len()),
            format!("{}\n\n[^1]: {}", "- [ ] a\n".repeat(15_000), "*a* ".repeat(30_000)),
            format!("{}`a` ", ">".repeat(130_000)) + &"`a` ".repeat(32_000),
            "@ ".to_owned() + &"a.b:".repeat(CONTENT_LIMIT / 4 - 1),
            format!("{}\n\n[^1]: a", "[^1]".repeat(CONTENT_LIMIT / 4 - 10)),
            format!("[a]: https://e.org/{}\n\n{}", "\u{1f54a}".repeat(2_000), "[a] ".repeat(60_000)),
        ] {
            let shown = html(&text, &RenderOptions { title: String::new(), can_tick: true });
            assert!(shown.html.len() < MOST_HTML + 64 * 1024, "{} bytes of {text:.40}", shown.html.len());
            for element in
                ["table", "thead", "tbody", "tr", "td", "th", "blockquote", "li", "a", "p", "button"]
            {
                let opened = shown.html.matches(&format!("<{element}>")).count()
                    + shown.html.matches(&format!("<{element} ")).count();
                let closed = shown.html.matches(&format!("</{element}>")).count();
                assert_eq!(opened, closed, "<{element}> in {text:.40}");
            }
        }
    }
}
