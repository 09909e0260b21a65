//! Tables of numbers. The same table is shown on a page, in a terminal, and as the text alternative of a
//! chart.

use std::fmt::Write as _;

use super::report::Severity;

/// A table with a title.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub title: String,
    pub columns: Vec<TableColumn>,
    pub rows: Vec<TableRow>,
    /// The text that is shown when there is no row.
    pub empty: &'static str,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct TableColumn {
    /// The heading, with the unit if there is one.
    pub text: &'static str,
    /// Whether it holds numbers, which are aligned to the right.
    pub number: bool,
}

/// A row of a table.
#[derive(Clone, Debug, Default)]
pub struct TableRow {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// How bad its content is, if it was judged.
    pub severity: Option<Severity>,
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub text: String,
    /// The path that it links to.
    pub link: Option<String>,
    /// Whether it is an SQL statement or a command.
    pub code: bool,
}

impl Cell {
    /// A cell that links to `path`.
    pub fn linked(text: impl Into<String>, path: impl Into<String>) -> Self {
        Self { text: text.into(), link: Some(path.into()), code: false }
    }

    /// A cell with an SQL statement or a command.
    pub fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), link: None, code: true }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), link: None, code: false }
    }
}

impl Table {
    /// A table with these columns. A `#` before a name marks a column of numbers.
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        let head = |text: &'static str| match text.strip_prefix('#') {
            Some(text) => TableColumn { text, number: true },
            None => TableColumn { text, number: false },
        };
        Self {
            title: title.into(),
            columns: columns.iter().map(|text| head(text)).collect(),
            rows: Vec::new(),
            empty: "None.",
        }
    }

    /// Sets the text that is shown when there is no row; `None.` by default.
    pub fn when_empty(mut self, empty: &'static str) -> Self {
        self.empty = empty;
        self
    }

    /// Adds a row, and returns it so that its severity can be set.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) -> &mut TableRow {
        self.rows.push(TableRow { cells: cells.into_iter().map(Into::into).collect(), severity: None });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    /// The table as aligned text for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title.to_uppercase());
        if self.rows.is_empty() {
            let _ = writeln!(text, "  {}", self.empty);
            return text;
        }
        let flat = |cell: &Cell| cell.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.cells.iter().map(flat).collect()).collect();
        let widest = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(column, head)| widest(column).max(head.text.chars().count()))
            .collect();
        let columns: Vec<String> = self.columns.iter().map(|head| head.text.to_owned()).collect();
        for row in std::iter::once(&columns).chain(&rows) {
            let cells = row.iter().zip(&widths).zip(&self.columns).map(|((cell, width), head)| {
                if head.number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        text
    }
}

/// Formats a number of bytes in the largest unit that fits, for example `1.5 kB`.
pub fn bytes(count: i64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "kB")];
    for (shift, unit) in units {
        if count >= 1 << shift {
            let tenths = (i128::from(count) * 10) >> shift;
            return if tenths >= 1000 {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{count} B")
}

/// Formats a number of seconds in the largest unit that fits, for example `10 min`.
pub fn seconds(count: f64) -> String {
    match count {
        count if count < 1.0 => format!("{:.0} ms", count * 1000.0),
        count if count < 10.0 => format!("{count:.1} s"),
        count if count < 120.0 => format!("{count:.0} s"),
        count if count < 7200.0 => format!("{:.0} min", count / 60.0),
        count if count < 172_800.0 => format!("{:.0} h", count / 3600.0),
        count => format!("{:.0} days", count / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_times_are_short() {
        for (count, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kB"), (200 << 20, "200 MB"), (i64::MAX, "8388607 TB")]
        {
            assert_eq!(bytes(count), text);
        }
        for (count, text) in [
            (0.004, "4 ms"),
            (9.96, "10.0 s"),
            (61.0, "61 s"),
            (600.0, "10 min"),
            (7300.0, "2 h"),
            (200_000.0, "2 days"),
        ] {
            assert_eq!(seconds(count), text);
        }
    }

    #[test]
    fn a_table_lines_up_in_a_terminal() {
        let mut table = Table::new("Nodes", &["node", "#bytes"]);
        table.row(["a:1", "7"]);
        table.row(["longer:1", "1234567"]);
        assert_eq!(table.text(), "NODES\n  node        bytes\n  a:1             7\n  longer:1  1234567\n");
    }
}
