//! The ratios as a bar chart in SVG, with the goals as marks. It follows the reader's light or dark scheme.

use std::fmt::Write;
use std::path::Path;

use crate::circumstances::Circumstances;
use crate::figures::RowFigures;
use crate::goals::wanted_ratio;

const WIDTH: f64 = 760.0;
/// Where the bars begin; the names are left of it.
const LEFT: f64 = 230.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 58.0;
const LINE: f64 = 26.0;
const BAR: f64 = 16.0;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1c2733 }
  .small { font-size: 11px; fill: #5a6875 }
  .title { font-size: 15px; font-weight: 600 }
  .bar { fill: #3b6fb6 } .reached { fill: #2f8f5b } .missed { fill: #c2762b }
  .grid { stroke: #d5dbe1 } .goal { stroke: #1c2733; stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e9ee } .small { fill: #9aa7b3 }
    .bar { fill: #6f9fe0 } .reached { fill: #5fbf8a } .missed { fill: #e0a060 }
    .grid { stroke: #3a4550 } .goal { stroke: #e4e9ee }
  }
";

/// Writes the chart of the rows that have a yardstick.
///
/// # Errors
/// Those of the file.
pub fn write(
    path: &Path,
    figures: &[RowFigures],
    citus: bool,
    circumstances: &Circumstances,
) -> std::io::Result<()> {
    std::fs::write(path, chart(figures, citus, circumstances))
}

fn chart(figures: &[RowFigures], citus: bool, circumstances: &Circumstances) -> String {
    let rows: Vec<(&RowFigures, f64)> = figures.iter().filter_map(|row| Some((row, row.ratio?))).collect();
    let goals = rows.iter().filter_map(|(row, _)| wanted_ratio(row.name, citus));
    let most = rows.iter().map(|(_, ratio)| *ratio).chain(goals).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / most;
    let height = TOP + LINE * rows.len() as f64 + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Requests a second to pgbench\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"10\" y=\"22\">Requests a second; pgbench through the server is 1</text>\n\
         <text class=\"small\" x=\"10\" y=\"40\">{}; {}; a line is a goal</text>\n",
        escaped(&circumstances.database),
        escaped(&circumstances.date)
    );
    for step in 0..=(most * 2.0) as usize {
        let (value, bottom) = (step as f64 / 2.0, height - 26.0);
        let x = LEFT + value * scale;
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
             <text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
            TOP - 8.0,
            bottom + 16.0
        );
    }
    for (index, (row, ratio)) in rows.iter().enumerate() {
        bar(&mut svg, TOP + LINE * index as f64, row, *ratio, scale, wanted_ratio(row.name, citus));
    }
    svg + "</svg>\n"
}

fn bar(svg: &mut String, top: f64, row: &RowFigures, ratio: f64, scale: f64, goal: Option<f64>) {
    let class = match goal {
        None => "bar",
        Some(goal) if ratio >= goal => "reached",
        Some(_) => "missed",
    };
    let (width, middle) = (ratio * scale, top + BAR - 3.0);
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR}\" \
         rx=\"2\"/>",
        LEFT - 10.0,
        escaped(row.label)
    );
    let mut text_at = LEFT + width + 7.0;
    if let Some(goal) = goal {
        let x = LEFT + goal * scale;
        let (from, to) = (top - 3.0, top + BAR + 3.0);
        let _ = writeln!(
            svg,
            "<line class=\"goal\" x1=\"{x:.1}\" y1=\"{from:.1}\" x2=\"{x:.1}\" y2=\"{to:.1}\"/>"
        );
        // Not across the mark.
        if text_at < x + 7.0 && text_at + 34.0 > x {
            text_at = x + 7.0;
        }
    }
    let _ = writeln!(svg, "<text class=\"small\" x=\"{text_at:.1}\" y=\"{middle:.1}\">{ratio:.2}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
