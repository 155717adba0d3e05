//! What `rgops serve` counts of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use rgops_inspect::own_use;

use super::labels::Labels;
use super::samples::{Sample, Samples, Value};
use super::table::Metric;

/// Statuses of HTTP.
const CODES: std::ops::Range<u16> = 100..600;

/// Counters since the start.
#[derive(Debug)]
pub(super) struct Own {
    /// By status, from 100.
    answers: Vec<AtomicU64>,
    pub(super) questions: Count,
    pub(super) failed: Count,
    pub(super) cache_hits: Count,
}

/// A number that rises.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self) -> Value {
        Value::Integer(self.0.load(Ordering::Relaxed))
    }
}

impl Default for Own {
    fn default() -> Own {
        Own {
            answers: CODES.map(|_| AtomicU64::new(0)).collect(),
            questions: Count::default(),
            failed: Count::default(),
            cache_hits: Count::default(),
        }
    }
}

impl Own {
    /// Counts an answer with this status.
    pub(super) fn answered(&self, status: u16) {
        let index = usize::from(status.saturating_sub(CODES.start));
        if let Some(count) = self.answers.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn with_status(&self, status: u16) -> u64 {
        let count = self.answers.get(usize::from(status - CODES.start));
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn samples(&self, programs: usize) -> Vec<Sample> {
        let mut samples = Samples::new(Labels::none());
        samples.put(Metric::ServePrograms, Value::Integer(programs as u64));
        for code in CODES {
            let count = self.with_status(code);
            if count > 0 {
                samples.put_with(Metric::ServeRequests, &[&code.to_string()], Value::Integer(count));
            }
        }
        samples.put(Metric::ServeUnauthorized, Value::Integer(self.with_status(401)));
        samples.put(Metric::ServeQuestions, self.questions.value());
        samples.put(Metric::ServeFailed, self.failed.value());
        samples.put(Metric::ServeCacheHits, self.cache_hits.value());
        if let Some(time) = own_use::cpu_time() {
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            samples.put(Metric::ServeCpu, Value::Nanoseconds(ns));
        }
        if let Some(bytes) = own_use::memory_bytes() {
            samples.put(Metric::ServeMemory, Value::Integer(bytes));
        }
        let mut samples = samples.finished();
        // It is of programs.
        samples.retain(|sample| sample.metric.is_of_serve());
        samples
    }
}
