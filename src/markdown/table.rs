//! The tags of a table. Its cells are aligned by classes: the policy of our pages blocks styles.

use pulldown_cmark::Alignment;

/// The place in a table.
#[derive(Default)]
pub struct TableCells {
    alignments: Vec<Alignment>,
    in_head: bool,
    has_body: bool,
    column: usize,
}

impl TableCells {
    /// Writes the beginning of a table, which scrolls sideways where it is too wide, by the keyboard too.
    pub fn start(&mut self, alignments: Vec<Alignment>, html: &mut String) {
        *self = Self { alignments, ..Self::default() };
        html.push_str("<div class=\"scroll-table\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">");
        html.push_str("<table>");
    }

    /// What is written at the end of the table.
    pub fn end(&self) -> &'static str {
        if self.has_body { "</tbody></table></div>\n" } else { "</table></div>\n" }
    }

    /// Writes the beginning of the head, and gives its end.
    pub fn start_head(&mut self, html: &mut String) -> &'static str {
        (self.in_head, self.column) = (true, 0);
        html.push_str("<thead><tr>");
        "</tr></thead>\n"
    }

    /// Writes the beginning of a row, and gives its end.
    pub fn start_row(&mut self, html: &mut String) -> &'static str {
        (self.in_head, self.column) = (false, 0);
        if !std::mem::replace(&mut self.has_body, true) {
            html.push_str("<tbody>\n");
        }
        html.push_str("<tr>");
        "</tr>\n"
    }

    /// Writes the beginning of a cell, and gives its end.
    pub fn start_cell(&mut self, html: &mut String) -> &'static str {
        let alignment = self.alignments.get(self.column).copied().unwrap_or(Alignment::None);
        self.column += 1;
        html.push_str(if self.in_head { "<th" } else { "<td" });
        html.push_str(match alignment {
            Alignment::None => " dir=\"auto\">",
            Alignment::Left => " class=\"align-left\" dir=\"auto\">",
            Alignment::Center => " class=\"align-center\" dir=\"auto\">",
            Alignment::Right => " class=\"align-right\" dir=\"auto\">",
        });
        if self.in_head { "</th>" } else { "</td>" }
    }
}
