//! The Markdown table.

use crate::figures::RowFigures;

/// Prints the table.
pub fn print(figures: &[RowFigures], connections: usize) {
    println!();
    println!(
        "| {:<30} | requests/s |   ±% | ratio | p50 ms | p99 ms | p99/p50 | kB/answer | server µs | \
         database µs | trips | errors |",
        format!("{connections} connections")
    );
    println!(
        "| ------------------------------ | ---------: | ---: | ----: | -----: | -----: | ------: | \
         --------: | --------: | ----------: | ----: | -----: |"
    );
    for row in figures {
        print_row(row);
    }
}

fn print_row(row: &RowFigures) {
    let optional = |value: Option<f64>, digits: usize| {
        value.map_or_else(String::new, |value| format!("{value:.digits$}"))
    };
    println!(
        "| {:<30} | {:>10.*} | {:>4.0} | {:>5} | {:>6.2} | {:>6.2} | {:>7.1} | {:>9} | {:>9} | {:>11.0} | \
         {:>5} | {:>6} |",
        row.label,
        usize::from(row.requests_per_second < 100.0),
        row.requests_per_second,
        row.spread_percent,
        optional(row.ratio, 2),
        row.p50_ms,
        row.p99_ms,
        row.p99_to_p50,
        optional(row.kb_per_answer, 1),
        optional(row.server_us, 0),
        row.database_us,
        optional(row.round_trips, 2),
        row.errors
    );
}
