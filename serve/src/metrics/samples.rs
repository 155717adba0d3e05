//! The numbers of one program: in the order of the table, each series once, and at most so many.

use std::collections::HashSet;

use rgops_protocol::reply::Known;

use super::labels::Labels;
use super::table::Metric;

/// Series of one program. A program with 1,024 workers has half of it.
const MAX_SERIES: usize = 4096;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Integer(u64),
    Signed(i64),
    /// Shown in seconds.
    Nanoseconds(u64),
    Real(f64),
}

/// Why there is no number. Few, because each is a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is a limit, and none is set.
    NoLimit,
    /// The agent cannot read it here. `rgops stats` and `rgops memstats` say why.
    NotReadable,
    /// The program does not use `rgops_agent::alloc::Sampling`.
    NoSampling,
    /// The agent is older than the number.
    OlderAgent,
    /// No answer in time.
    TimedOut,
    /// The agent or the system refuses.
    Refused,
    /// The program ended, or has no agent.
    Gone,
    /// Anything else.
    Failed,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::NoLimit => "no-limit",
            Reason::NotReadable => "not-readable",
            Reason::NoSampling => "no-sampling",
            Reason::OlderAgent => "older-agent",
            Reason::TimedOut => "timed-out",
            Reason::Refused => "refused",
            Reason::Gone => "gone",
            Reason::Failed => "failed",
        }
    }
}

/// A line of the answer.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) metric: Metric,
    pub(super) labels: Labels,
    pub(super) value: Value,
}

/// The samples of one program.
#[derive(Debug)]
pub(super) struct Samples {
    /// `program` and `pid`.
    of: Labels,
    samples: Vec<Sample>,
    seen: HashSet<(Metric, Labels)>,
    dropped: u64,
}

impl Samples {
    /// `of` are the labels of the program.
    pub(super) fn new(of: Labels) -> Samples {
        Samples { of, samples: Vec::new(), seen: HashSet::new(), dropped: 0 }
    }

    pub(super) fn put(&mut self, metric: Metric, value: Value) {
        self.put_with(metric, &[], value);
    }

    /// With labels beside those of the program, in the order of the table.
    pub(super) fn put_with(&mut self, metric: Metric, labels: &[&str], value: Value) {
        let names = metric.definition().labels;
        debug_assert_eq!(names.len(), labels.len(), "{metric:?}");
        if self.samples.len() >= MAX_SERIES {
            return self.left_out(1);
        }
        let labels = names.iter().zip(labels).fold(self.of.clone(), |all, (name, one)| all.with(name, one));
        match self.seen.insert((metric, labels.clone())) {
            true => self.samples.push(Sample { metric, labels, value }),
            false => self.left_out(1),
        }
    }

    /// The value, or the reason why there is none.
    pub(super) fn known<T: Copy>(&mut self, metric: Metric, known: &Known<T>, value: fn(T) -> Value) {
        match known {
            Known::Value(number) => self.put(metric, value(*number)),
            // The reason that agents give for a limit that is not set.
            Known::Unavailable(missing) if missing.reason == "no limit" => {
                self.missing(metric, Reason::NoLimit);
            }
            Known::Unavailable(_) => self.missing(metric, Reason::NotReadable),
        }
    }

    pub(super) fn missing(&mut self, metric: Metric, reason: Reason) {
        let row = (Metric::Unavailable, &[&*metric.sample_name(), reason.name()]);
        // Several runtimes may lack the same.
        let labels = self.of.with("metric", row.1[0]).with("reason", row.1[1]);
        if !self.seen.contains(&(row.0, labels)) {
            self.put_with(row.0, row.1, Value::Integer(1));
        }
    }

    /// Counts series that were not put.
    pub(super) fn left_out(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
    }

    /// In the order of the table, with the number of those that were left out.
    pub(super) fn finished(mut self) -> Vec<Sample> {
        let (metric, labels) = (Metric::DroppedSeries, self.of);
        self.samples.push(Sample { metric, labels, value: Value::Integer(self.dropped) });
        // Stable: workers stay in the order of their numbers.
        self.samples.sort_by_key(|sample| sample.metric);
        self.samples
    }
}
