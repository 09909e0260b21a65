//! Prometheus' text format (exposition format 0.0.4). The format wants all values of a name together behind
//! the name's HELP and TYPE lines, so values are collected by name and written in the order of the names.

use std::fmt::Write;

use super::names::MetricKind;

/// Values under known names.
pub struct PrometheusText {
    names: &'static [(&'static str, MetricKind, &'static str)],
    values: Vec<String>,
}

impl PrometheusText {
    /// No values yet. `names` are name, kind and description of each metric.
    pub fn new(names: &'static [(&'static str, MetricKind, &'static str)]) -> Self {
        Self { names, values: vec![String::new(); names.len()] }
    }

    /// Adds a value. An unknown name is left out; a test compares the names.
    pub fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let Some(index) = self.names.iter().position(|(known, ..)| *known == name) else { return };
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let value = if value.is_infinite() { "+Inf".to_owned() } else { value.to_string() };
        let _ = writeln!(self.values[index], "{name}{labels} {value}");
    }

    /// The whole text. Names without a value are left out.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((name, kind, description), values) in
            self.names.iter().zip(&self.values).filter(|(_, values)| !values.is_empty())
        {
            let _ = write!(text, "# HELP {name} {description}\n# TYPE {name} {}\n{values}\n", kind.as_str());
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
    fn values_of_a_name_are_together_and_labels_are_escaped() {
        let mut text = PrometheusText::new(&[
            ("a_seconds_total", MetricKind::Counter, "A."),
            ("b", MetricKind::Gauge, "B."),
            ("c", MetricKind::Gauge, "C."),
        ]);
        text.add("b", &[], 1.0);
        text.add("a_seconds_total", &[("node", "x\"\\\n")], 0.5);
        text.add("b", &[], f64::INFINITY);
        text.add("unknown", &[], 1.0);
        assert_eq!(
            text.text(),
            "# HELP a_seconds_total A.\n# TYPE a_seconds_total \
             counter\na_seconds_total{node=\"x\\\"\\\\\\n\"} 0.5\n\n\
             # HELP b B.\n# TYPE b gauge\nb 1\nb +Inf\n\n"
        );
    }
}
