//! Samples as text: Prometheus text 0.0.4, and OpenMetrics 1.0.0.
//!
//! The two differ in the names of families (OpenMetrics: without the suffix of the type), in types (`info` and `unknown`
//! are OpenMetrics'), in the line of the unit, and in the end. Crate `prometheus-client` writes OpenMetrics only.

use std::fmt::Write as _;

use super::accept::Format;
use super::samples::{Sample, Value};
use super::table::{Definition, Kind, Metric};

/// The answer: the samples of each list, which are in the order of the table. Samples of one metric are together, as
/// both formats require.
pub(super) fn written(lists: &[&[Sample]], format: Format) -> String {
    let samples: usize = lists.iter().map(|list| list.len()).sum();
    let mut text = String::with_capacity(samples.saturating_mul(96).saturating_add(16 << 10));
    let mut rest: Vec<&[Sample]> = lists.to_vec();
    for metric in Metric::ALL {
        let mut is_first = true;
        for list in &mut rest {
            while let Some((sample, after)) =
                list.split_first().filter(|(sample, _)| sample.metric == *metric)
            {
                if std::mem::take(&mut is_first) {
                    head(&mut text, metric.definition(), format);
                }
                line(&mut text, metric.definition(), sample);
                *list = after;
            }
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

/// Writing to a string cannot fail.
fn head(text: &mut String, definition: &Definition, format: Format) {
    let Definition { name, kind, unit, help, .. } = *definition;
    let (suffix, kind_name) = match (format, kind) {
        (Format::OpenMetrics, Kind::Counter) => ("", "counter"),
        (Format::OpenMetrics, Kind::Gauge) => ("", "gauge"),
        (Format::OpenMetrics, Kind::Info) => ("", "info"),
        (Format::OpenMetrics, Kind::Unknown) => ("", "unknown"),
        (Format::Text, Kind::Counter) => (kind.suffix(), "counter"),
        (Format::Text, Kind::Gauge | Kind::Info) => (kind.suffix(), "gauge"),
        (Format::Text, Kind::Unknown) => (kind.suffix(), "untyped"),
    };
    let _ = writeln!(text, "# HELP {name}{suffix} {help}");
    let _ = writeln!(text, "# TYPE {name}{suffix} {kind_name}");
    if format == Format::OpenMetrics && !unit.is_empty() {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
}

fn line(text: &mut String, definition: &Definition, sample: &Sample) {
    let _ = write!(text, "{}{}", definition.name, definition.kind.suffix());
    let labels = sample.labels.text();
    if !labels.is_empty() {
        let _ = write!(text, "{{{labels}}}");
    }
    let _ = match sample.value {
        Value::Integer(number) => writeln!(text, " {number}"),
        Value::Signed(number) => writeln!(text, " {number}"),
        Value::Real(number) => writeln!(text, " {number}"),
        Value::Nanoseconds(ns) => writeln!(text, " {}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000),
    };
}

#[cfg(test)]
mod tests {
    use super::super::labels::Labels;
    use super::super::samples::Samples;
    use super::*;

    fn samples(program: &str) -> Vec<Sample> {
        let mut samples = Samples::new(Labels::none().with("program", program).with("pid", "7"));
        samples.put_with(Metric::TokioWorkers, &["main"], Value::Integer(4));
        samples.put(Metric::ProcessCpu, Value::Nanoseconds(1_000_000_005));
        samples.put_with(Metric::ResidentPart, &["not-resident"], Value::Signed(-5));
        samples.put_with(Metric::BusyWorkers, &["main"], Value::Real(0.25));
        samples.put(Metric::ProcessCpu, Value::Nanoseconds(9));
        samples.finished()
    }

    #[test]
    fn families_are_whole_in_both_formats() {
        let (a, b) = (samples("a"), samples("b"));
        let text = written(&[&a, &b], Format::Text);
        let expected = "\
# HELP process_cpu_seconds_total CPU time of the process, user and system.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total{program=\"a\",pid=\"7\"} 1.000000005
process_cpu_seconds_total{program=\"b\",pid=\"7\"} 1.000000005
";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("\nrgops_dropped_series{program=\"a\",pid=\"7\"} 1\n"), "{text}");
        assert!(text.contains("{program=\"a\",pid=\"7\",part=\"not-resident\"} -5\n"), "{text}");
        assert!(text.contains("rgops_tokio_busy_workers{program=\"a\",pid=\"7\",runtime=\"main\"} 0.25\n"));
        assert!(text.contains("# TYPE tokio_workers_count untyped\n") && !text.contains("EOF"), "{text}");

        let open = written(&[&a, &b], Format::OpenMetrics);
        let expected = "\
# HELP process_cpu_seconds CPU time of the process, user and system.
# TYPE process_cpu_seconds counter
# UNIT process_cpu_seconds seconds
process_cpu_seconds_total{program=\"a\",pid=\"7\"} 1.000000005
";
        assert!(open.contains(expected), "{open}");
        assert!(
            open.contains("# TYPE tokio_workers_count unknown\n") && open.ends_with("\n# EOF\n"),
            "{open}"
        );
    }

    #[test]
    fn nothing_is_a_valid_answer() {
        assert_eq!(
            (written(&[], Format::Text), written(&[], Format::OpenMetrics)),
            (String::new(), "# EOF\n".into())
        );
    }
}
