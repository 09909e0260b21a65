//! Line charts over time as SVG, styled by the style sheet. A plotting crate would bring its own colours and
//! fonts; these charts follow the page's, in light, dark and print. The page has the same numbers in a table.

use chrono::DateTime;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 352.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 126.0;

/// A chart of one or more lines.
pub struct Chart {
    /// With the unit.
    pub title: &'static str,
    /// The chart in a sentence, for screen readers.
    pub summary: String,
    pub lines: Vec<Series>,
    /// The labels of the vertical axis, with their y.
    pub heights: Vec<(f64, String)>,
    /// The labels of the horizontal axis: x, text, and the SVG `text-anchor`.
    pub times: Vec<(f64, String, &'static str)>,
}

/// One line of a chart.
pub struct Series {
    pub name: &'static str,
    /// The `points` of its polylines; between two of them values are missing.
    pub parts: Vec<String>,
}

impl Chart {
    /// A chart of lines over the same points in time, which are in seconds since 1970.
    pub fn new(title: &'static str, times: &[u64], lines: &[(&'static str, Vec<Option<f64>>)]) -> Self {
        let most = lines.iter().flat_map(|(_, values)| values.iter().flatten()).copied().fold(0.0, f64::max);
        let top = round_up(most);
        let place = |index: usize| LEFT + (RIGHT - LEFT) * share(index, times.len());
        let height = |value: f64| BOTTOM - (BOTTOM - TOP) * value / top;
        let drawn =
            lines.iter().map(|(name, values)| Series { name, parts: parts(values, place, height) }).collect();
        Self {
            title,
            summary: summary(title, lines),
            lines: drawn,
            heights: [0.0, top / 2.0, top].map(|value| (height(value), number(value))).into(),
            times: labels(times, place),
        }
    }

    /// Width and height in the units of its SVG.
    pub fn size(&self) -> (f64, f64) {
        (WIDTH, HEIGHT)
    }

    /// The x at which the grid begins and ends.
    pub fn span(&self) -> (f64, f64) {
        (LEFT, RIGHT)
    }
}

#[allow(clippy::cast_precision_loss, reason = "points of a picture")]
fn share(index: usize, count: usize) -> f64 {
    if count < 2 { 1.0 } else { index as f64 / (count - 1) as f64 }
}

fn parts(values: &[Option<f64>], place: impl Fn(usize) -> f64, height: impl Fn(f64) -> f64) -> Vec<String> {
    let mut parts: Vec<String> = vec![String::new()];
    for (index, value) in values.iter().enumerate() {
        match (value, parts.last_mut()) {
            (Some(value), Some(part)) => {
                let (x, y) = (place(index), height(*value));
                // A polyline of a single point would be invisible.
                let alone = part.is_empty() && values.get(index + 1).is_none_or(Option::is_none);
                part.push_str(&if alone {
                    format!("{:.1},{y:.1} {x:.1},{y:.1} ", x - 2.0)
                } else {
                    format!("{x:.1},{y:.1} ")
                });
            }
            (None, Some(part)) if !part.is_empty() => parts.push(String::new()),
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn labels(times: &[u64], place: impl Fn(usize) -> f64) -> Vec<(f64, String, &'static str)> {
    let middle = times.len() / 2;
    let mut chosen = vec![(0, "start"), (middle, "middle"), (times.len().saturating_sub(1), "end")];
    if times.len() < 8 {
        chosen = vec![(times.len().saturating_sub(1), "end")];
    }
    let label =
        |(index, anchor): (usize, &'static str)| Some((place(index), clock(*times.get(index)?), anchor));
    chosen.into_iter().filter_map(label).collect()
}

/// The time of day in UTC, such as 09:05.
pub(super) fn clock(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(String::new, |time| time.format("%H:%M").to_string())
}

fn summary(title: &str, lines: &[(&'static str, Vec<Option<f64>>)]) -> String {
    let one = |(name, values): &(&'static str, Vec<Option<f64>>)| {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        match known.last() {
            Some(last) => format!(
                "{name} {} at last, {} at most",
                number(*last),
                number(known.iter().copied().fold(0.0, f64::max))
            ),
            None => format!("{name} nothing yet"),
        }
    };
    format!("{title}: {}", lines.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// The next number of 1, 2 and 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| *step >= value * 0.999)
        .unwrap_or(value)
}

/// A number with three digits at most, or all digits before the point.
pub(super) fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        value => format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_gaps_where_values_are_missing_and_its_axis_ends_at_a_round_number() {
        let times: Vec<u64> = (0..9).map(|minute| minute * 60).collect();
        let mut values = vec![Some(1.0); 9];
        values[4] = None;
        values[8] = Some(37.0);
        let chart = Chart::new("Requests per second", &times, &[("all", values)]);
        assert_eq!(chart.lines[0].parts.len(), 2);
        assert_eq!(
            chart.heights.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(),
            ["0", "25", "50"]
        );
        assert_eq!(
            chart.times.iter().map(|(_, label, _)| label.as_str()).collect::<Vec<_>>(),
            ["00:00", "00:04", "00:08"]
        );
        assert_eq!(chart.summary, "Requests per second: all 37 at last, 37 at most");
    }

    #[test]
    fn a_chart_without_values_is_empty() {
        let chart = Chart::new("Errors", &[], &[("5xx", Vec::new())]);
        assert!(chart.lines[0].parts.is_empty() && chart.times.is_empty());
        assert_eq!(chart.summary, "Errors: 5xx nothing yet");
        let one = Chart::new("Errors", &[60], &[("5xx", vec![Some(0.0)])]);
        assert_eq!(one.lines[0].parts.len(), 1);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.0, "0"), (0.5, "0.5"), (2.0, "2"), (12.0, "12"), (12.5, "12.5"), (1234.4, "1234")]
        {
            assert_eq!(number(value), text);
        }
    }
}
