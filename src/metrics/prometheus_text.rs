//! Lines of Prometheus' text format for numbers that no recorder keeps: counters that are no whole numbers,
//! and what others add. All values of a name stand together behind its head, as the format wants it.

use std::fmt::Write;

use super::names::Kind;

/// Values under known names.
pub struct Lines {
    names: &'static [(&'static str, Kind, &'static str)],
    values: Vec<String>,
}

impl Lines {
    /// None yet.
    pub fn new(names: &'static [(&'static str, Kind, &'static str)]) -> Self {
        Self { names, values: vec![String::new(); names.len()] }
    }

    /// Adds a value. A name that is not known is left out, and a test would see it.
    pub fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let Some(place) = self.names.iter().position(|(known, ..)| *known == name) else { return };
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let value = if value.is_infinite() { "+Inf".to_owned() } else { value.to_string() };
        let _ = writeln!(self.values[place], "{name}{labels} {value}");
    }

    /// All of them.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((name, kind, meaning), values) in
            self.names.iter().zip(&self.values).filter(|(_, values)| !values.is_empty())
        {
            let _ = write!(text, "# HELP {name} {meaning}\n# TYPE {name} {}\n{values}\n", kind.as_str());
        }
        text
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_name_stand_together_and_labels_are_escaped() {
        let mut lines = Lines::new(&[
            ("a_seconds_total", Kind::Counter, "A."),
            ("b", Kind::Gauge, "B."),
            ("c", Kind::Gauge, "C."),
        ]);
        lines.add("b", &[], 1.0);
        lines.add("a_seconds_total", &[("node", "x\"\\\n")], 0.5);
        lines.add("b", &[], f64::INFINITY);
        lines.add("unknown", &[], 1.0);
        assert_eq!(
            lines.text(),
            "# HELP a_seconds_total A.\n# TYPE a_seconds_total \
             counter\na_seconds_total{node=\"x\\\"\\\\\\n\"} 0.5\n\n\
             # HELP b B.\n# TYPE b gauge\nb 1\nb +Inf\n\n"
        );
    }
}
