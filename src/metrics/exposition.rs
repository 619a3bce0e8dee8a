//! The two text formats of metrics: Prometheus' 0.0.4 and OpenMetrics 1.0.0.

use crate::histogram::Histogram;
use std::fmt::Write as _;

/// One of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header asks for. Text, unless OpenMetrics is wanted no less.
    pub fn accepted(accept: Option<&str>) -> Format {
        let weight = |name: &str| {
            let entries = accept.unwrap_or_default().split(',').map(|entry| {
                let mut parts = entry.split(';').map(str::trim);
                let is_it = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(name));
                let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok());
                if is_it { weight.unwrap_or(1.0) } else { 0.0 }
            });
            entries.fold(0.0, f64::max)
        };
        let open_metrics = weight("application/openmetrics-text");
        if open_metrics > 0.0 && open_metrics >= weight("text/plain") { Format::OpenMetrics } else { Format::Text }
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What stands behind everything else.
    pub(super) fn end(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => "# EOF\n",
        }
    }
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values by bounds that they do not exceed.
    Histogram,
}

impl Kind {
    /// Its name in both formats.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Writes `name="value"`, behind a comma unless it is the first.
pub(super) fn push_label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            other => labels.push(other),
        }
    }
    labels.push('"');
}

/// Writes what comes before the samples of a family.
pub(super) fn write_head(out: &mut String, format: Format, name: &str, kind: Kind, help: &str) {
    let name = match format {
        Format::Text => name,
        Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
}

/// The samples of one family and one thing that it is said of.
pub(super) struct Samples<'a> {
    pub(super) out: &'a mut String,
    pub(super) name: &'static str,
    /// The labels that all of them have.
    pub(super) labels: &'a str,
}

impl Samples<'_> {
    /// The same with other labels that all have.
    pub(super) fn within<'b>(&'b mut self, labels: &'b str) -> Samples<'b> {
        Samples { out: self.out, name: self.name, labels }
    }

    /// A number.
    pub(super) fn number(&mut self, own: &[(&str, &str)], value: u64) {
        self.line("", own, format_args!("{value}"));
    }

    /// Seconds, or something else that is no whole number.
    pub(super) fn fraction(&mut self, own: &[(&str, &str)], value: f64) {
        self.line("", own, format_args!("{value}"));
    }

    /// A histogram whose values are parts of a unit: `per_unit` of them are one.
    pub(super) fn histogram<const N: usize>(
        &mut self,
        own: &[(&str, &str)],
        bounds: &[u64; N],
        histogram: &Histogram<N>,
        per_unit: f64,
    ) {
        let mut count = 0;
        let mut bucket = |samples: &mut Self, bound: &str, more: u64| {
            count += more;
            let labels: Vec<_> = own.iter().copied().chain([("le", bound)]).collect();
            samples.line("_bucket", &labels, format_args!("{count}"));
        };
        for (bound, more) in bounds.iter().zip(&histogram.buckets) {
            bucket(self, &format!("{:?}", as_float(*bound) / per_unit), *more);
        }
        bucket(self, "+Inf", histogram.above);
        self.line("_sum", own, format_args!("{}", as_float(histogram.sum) / per_unit));
        self.line("_count", own, format_args!("{}", histogram.count()));
    }

    fn line(&mut self, suffix: &str, own: &[(&str, &str)], value: std::fmt::Arguments<'_>) {
        let mut labels = String::new();
        own.iter().for_each(|(name, value)| push_label(&mut labels, name, value));
        let comma = if self.labels.is_empty() || labels.is_empty() { "" } else { "," };
        let (open, close) = if self.labels.is_empty() && labels.is_empty() { ("", "") } else { ("{", "}") };
        let _ = writeln!(self.out, "{}{suffix}{open}{}{comma}{labels}{close} {value}", self.name, self.labels);
    }
}

/// A count as Prometheus keeps it.
#[allow(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        let older = "application/openmetrics-text; q=0.4, text/plain;version=0.0.4;q=0.5";
        for accept in [None, Some("*/*"), Some("text/plain"), Some(older), Some("application/openmetrics-text;q=0")] {
            assert_eq!(Format::accepted(accept), Format::Text, "{accept:?}");
        }
    }

    #[test]
    fn what_could_end_a_label_is_escaped() {
        let mut labels = String::new();
        push_label(&mut labels, "a", "x\"y\\z\nw");
        push_label(&mut labels, "b", "");
        assert_eq!(labels, "a=\"x\\\"y\\\\z\\nw\",b=\"\"");
    }

    #[test]
    fn buckets_count_all_up_to_their_bound() {
        let mut histogram = Histogram::default();
        [5, 50, 5000].iter().for_each(|ms| histogram.add(&[10, 100], *ms));
        let mut out = String::new();
        let mut samples = Samples { out: &mut out, name: "x_seconds", labels: "q=\"a\"" };
        samples.histogram(&[("k", "v")], &[10, 100], &histogram, 1000.0);
        samples.number(&[], 7);
        let expected = "x_seconds_bucket{q=\"a\",k=\"v\",le=\"0.01\"} 1\nx_seconds_bucket{q=\"a\",k=\"v\",le=\"0.1\"} 2\n\
                        x_seconds_bucket{q=\"a\",k=\"v\",le=\"+Inf\"} 3\nx_seconds_sum{q=\"a\",k=\"v\"} 5.055\n\
                        x_seconds_count{q=\"a\",k=\"v\"} 3\nx_seconds{q=\"a\"} 7\n";
        assert_eq!(out, expected);
    }
}
