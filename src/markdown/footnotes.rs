//! Footnotes: numbered in the order in which the text refers to them, with ids of ours.

use std::collections::HashMap;
use std::fmt::Write;

/// Labels are compared without case, as the parser does.
fn key(label: &str) -> String {
    label.to_lowercase()
}

/// The footnotes of a text.
#[derive(Default)]
pub struct Footnotes {
    /// By their labels.
    numbers: HashMap<String, usize>,
    /// How often the text refers to each, by its number less one.
    references: Vec<usize>,
    /// The HTML of those that are defined, in the order of their definitions.
    definitions: Vec<(String, String)>,
    /// The bytes of that HTML.
    pub length: usize,
}

impl Footnotes {
    /// Writes a reference.
    pub fn push_reference(&mut self, label: &str, html: &mut String) {
        let number = *self.numbers.entry(key(label)).or_insert_with(|| {
            self.references.push(0);
            self.references.len()
        });
        let count = &mut self.references[number - 1];
        *count += 1;
        // A `String` takes all that is written.
        let _ = write!(
            html,
            "<sup class=\"footnote-reference\"><a href=\"#footnote-{number}\" \
             id=\"footnote-{number}-{count}\">{number}</a></sup>"
        );
    }

    /// Adds a definition.
    pub fn define(&mut self, label: &str, html: String) {
        self.length += html.len();
        self.definitions.push((key(label), html));
    }

    /// Writes the definitions, at the end of the text: first those that the text refers to, by number.
    pub fn push_definitions(mut self, html: &mut String) {
        if self.definitions.is_empty() {
            return;
        }
        let unknown = usize::MAX;
        self.definitions.sort_by_key(|(label, _)| self.numbers.get(label).copied().unwrap_or(unknown));
        html.push_str("<ol class=\"footnotes\">\n");
        for (label, definition) in self.definitions {
            // The second of two definitions of one label has no number.
            let _ = match self.numbers.remove(&label) {
                Some(number) => writeln!(
                    html,
                    "<li id=\"footnote-{number}\" dir=\"auto\">{definition}\
                     <a href=\"#footnote-{number}-1\" aria-label=\"Back to the text\">↩</a></li>"
                ),
                None => writeln!(html, "<li dir=\"auto\">{definition}</li>"),
            };
        }
        html.push_str("</ol>\n");
    }
}
